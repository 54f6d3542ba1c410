"""The view of structure: trend, swings, breaks, sweeps, divergences, and the level map."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from perpscope import __version__
from perpscope.core.errors import UserError
from perpscope.core.table import Table
from perpscope.core.time import NULL_TS, Timeframe, to_datetime
from perpscope.lake import Source
from perpscope.mtf.level_map import MapLevel, level_map
from perpscope.mtf.level_sources import READERS
from perpscope.report.results import number, when, when_or_none
from perpscope.report.views.files import View
from perpscope.report.views.frames import Record
from perpscope.report.views.snapshot import Snapshot, take_snapshot

FOLDS = ("swings", "breaks", "sweeps", "dealing_range", "power_of_three", "smt_divergences", "displacements")
NEWEST = 8


class BreakRow(Record, frozen=True):
    """A close beyond a confirmed swing."""

    known: datetime
    direction: str
    kind: str
    level: float
    swing: datetime
    displaced: bool
    after_sweep: bool


class SweepRow(Record, frozen=True):
    """A raid on a pool: traded beyond, closed back."""

    known: datetime
    side: str
    price: float
    depth_atr: float | None
    members: int


class SmtRow(Record, frozen=True):
    """A divergence from the companion."""

    known: datetime
    direction: str
    price: float
    previous_price: float
    other_price: float
    other_previous_price: float


class LevelRow(Record, frozen=True):
    """A level of the map; see docs/definitions/level_map.md."""

    rank: int
    group: int
    families: int
    family: str
    name: str
    timeframe: str
    low: float
    high: float
    price: float
    distance_fraction: float
    distance_sigma: float | None
    first_seen: datetime | None
    last_touched: datetime | None
    coincides: list[str]
    estimated: bool


class LevelsView(View, frozen=True, kw_only=True):
    """The whole, at one time frame; levels of a higher frame are named by it."""

    timeframe: str
    price: float
    daily_sigma_fraction: float | None
    trend: str | None
    swing_high: float | None
    swing_low: float | None
    range_position: float | None
    range_zone: str | None
    ote_low: float | None
    ote_high: float | None
    night: dict[str, str | float | None] | None
    breaks: list[BreakRow]
    sweeps: list[SweepRow]
    divergences: list[SmtRow]
    levels: list[LevelRow]


def higher_frame(frame: str) -> str | None:
    """The frame whose zones are put on the map besides: about four to six times as long; None from a day on.

    Example:
        >>> higher_frame("1h"), higher_frame("15m"), higher_frame("1d")
        ('4h', '1h', None)
    """
    steps = {"1m": "5m", "3m": "15m", "5m": "15m", "15m": "1h", "30m": "4h", "1h": "4h", "2h": "8h", "4h": "1d", "8h": "1d"}
    return steps.get(Timeframe.parse(frame).name, "1d" if Timeframe.parse(frame).ns < Timeframe.parse("1d").ns else None)


def read_levels_view(source: Source, frame: str, at: int, tolerance_sigma: float = 0.1) -> tuple[LevelsView, Snapshot]:
    """The view at `at`, from a source that ends there, and the rows it rests on.

    Raises:
        UserError: if bars of the frame cannot be made, or the tolerance is not positive.
    """
    if not tolerance_sigma > 0:
        raise UserError(f"The tolerance of levels that coincide must be above 0 sigma, not {tolerance_sigma}.")
    name = Timeframe.parse(frame).name
    above = higher_frame(name)
    wanted = [*FOLDS, *READERS, *(f"{fold}@{above}" for fold in ("fair_value_gaps", "order_blocks") if above)]
    snap = take_snapshot(source, wanted, name, at)
    sigma = snap.daily_sigma
    breaks, swings = snap.table("breaks"), snap.table("swings")
    broken = [] if breaks is None else [_break(r) for r in breaks[-NEWEST:].rows()]
    last: dict[str, Any] = {} if swings is None else {r["side"]: r["price"] for r in swings[swings["event"] == 1][-200:].rows()}
    stand = snap.last("dealing_range") or {}
    found = level_map(_of(snap, name, above), snap.bars(), at, snap.price, sigma, tolerance_sigma)
    view = LevelsView(
        schema="perpscope.structure",
        code_version=__version__,
        venue=snap.instrument.venue,
        symbol=snap.instrument.symbol,
        at=to_datetime(at).isoformat(),
        absent=dict(snap.absent),
        timeframe=name,
        price=snap.price,
        daily_sigma_fraction=number(sigma),
        trend=broken[-1].direction if broken else None,
        swing_high=last.get("high"),
        swing_low=last.get("low"),
        range_position=number(stand.get("position")),
        range_zone=stand.get("zone"),
        ote_low=number(stand.get("ote_low")),
        ote_high=number(stand.get("ote_high")),
        night=_night(snap.table("power_of_three")),
        breaks=broken,
        sweeps=_newest(snap.table("sweeps"), _sweep),
        divergences=_newest(snap.table("smt_divergences"), _smt),
        levels=[level_row(level) for level in found],
    )
    return view, snap


def _of(snap: Snapshot, *frames: str | None) -> dict[str, Table]:
    """Rows by node, of these frames and of folds without one (bars of other frames feed folds and are no levels)."""
    return {k: t for k, t in snap.rows.items() if "@" not in k or k.partition("@")[2] in frames}


def level_row(level: MapLevel) -> LevelRow:
    """A level of the map as a record."""
    return LevelRow(
        rank=level.rank,
        group=level.group,
        families=level.families,
        family=level.family,
        name=level.name,
        timeframe=level.frame,
        low=level.low,
        high=level.high,
        price=level.price,
        distance_fraction=level.distance_fraction,
        distance_sigma=number(level.distance_sigma),
        first_seen=when_or_none(level.first_seen),
        last_touched=when_or_none(level.last_touched),
        coincides=list(level.coincides),
        estimated=level.estimated,
    )


def _newest(table: Table | None, read: Any) -> list[Any]:
    return [] if table is None else [read(row) for row in table[-NEWEST:].rows()]


def _break(row: dict[str, Any]) -> BreakRow:
    return BreakRow(
        known=when(row["known_ts"]), direction=row["direction"], kind=row["kind"], level=row["level"],
        swing=when(row["ref_ts"]), displaced=bool(row["displaced"]), after_sweep=bool(row["after_sweep"]),
    )  # fmt: skip


def _sweep(row: dict[str, Any]) -> SweepRow:
    return SweepRow(
        known=when(row["known_ts"]), side=row["side"], price=row["price"], depth_atr=number(row["depth_atr"]),
        members=int(row["members"]),
    )  # fmt: skip


def _smt(row: dict[str, Any]) -> SmtRow:
    names = ("direction", "price", "previous_price", "other_price", "other_previous_price")
    return SmtRow(known=when(row["known_ts"]), **{name: row[name] for name in names})


def _night(table: Table | None) -> dict[str, str | float | None] | None:
    """The newest row of the power of three: the Asian range, and what became of it."""
    if table is None or not len(table):
        return None
    row = next(table[-1:].rows())
    known = row["known_ts"]
    told = {k: row[k] for k in ("event", "direction", "high", "low", "judas_price")}
    return {**told, "known": None if known == NULL_TS else to_datetime(known).isoformat()}
