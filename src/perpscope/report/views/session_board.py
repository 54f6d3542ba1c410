"""The view of the sessions: what is open, what comes next, ranges, average prices, profiles, opens and the night."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from perpscope import __version__
from perpscope.core.sessions import SESSIONS, windows
from perpscope.core.time import DAY, NULL_TS, Timeframe, to_datetime
from perpscope.lake import Source
from perpscope.market.episodes import alive
from perpscope.mtf.level_map import last_touched
from perpscope.report.results import number, when, when_or_none
from perpscope.report.views.files import View
from perpscope.report.views.frames import Record
from perpscope.report.views.snapshot import Snapshot, take_snapshot

SHOWN = ("asia", "frankfurt", "london", "us_equities", "new_york", "asian_range")
FOLDS = ("session_ranges", "session_profiles", "opening_ranges", "levels", "opens", "opening_gaps", "power_of_three",
         "funding_state")  # fmt: skip
SETTINGS = {
    "session_ranges": {"sessions": ",".join(SHOWN)},
    "session_profiles": {"sessions": ",".join(SHOWN)},
    "opening_ranges": {"sessions": "asia,london,new_york", "minutes": "30,60"},
}
_GAP_ENDS = frozenset({"filled", "broken", "expired"})


class WindowRow(Record, frozen=True):
    """One occurrence of a session, by the calendar."""

    name: str
    opens: datetime
    closes: datetime


class RangeRow(Record, frozen=True):
    """The newest occurrence of a session; profile figures once it has ended, estimated from bars."""

    name: str
    start: datetime
    end: datetime
    developing: bool
    whole: bool
    open: float | None
    high: float | None
    low: float | None
    close: float | None
    vwap: float | None
    volume: float | None
    delta: float | None
    poc: float | None
    value_area_high: float | None
    value_area_low: float | None


class OpeningRow(Record, frozen=True):
    """The newest opening range of a session and the last thing that happened to it."""

    session: str
    minutes: int
    start: datetime
    high: float
    low: float
    event: str
    side: str | None
    known: datetime


class ClockLevel(Record, frozen=True):
    """A level of a period or an opening that is in force."""

    name: str
    price: float
    distance_fraction: float
    since: datetime
    last_touched: datetime | None
    synthetic: bool


class OpenGap(Record, frozen=True):
    """A live opening gap."""

    kind: str
    direction: str
    bottom: float
    top: float
    since: datetime
    state: str
    synthetic: bool


class SeasonHour(Record, frozen=True):
    """An hour of the day by New York's clock: [value, low, high] by measure, over the history before the moment."""

    hour: int
    bars: int
    measures: dict[str, list[float | None]]


class SessionsView(View, frozen=True, kw_only=True):
    """The whole."""

    timeframe: str
    price: float
    daily_sigma_fraction: float | None
    now: list[WindowRow]
    next: list[WindowRow]
    next_funding: datetime | None
    funding_interval_s: int | None
    ranges: list[RangeRow]
    opening_ranges: list[OpeningRow]
    levels: list[ClockLevel]
    gaps: list[OpenGap]
    night: dict[str, str | float | None] | None
    season: list[SeasonHour]
    season_units: dict[str, str]


def read_sessions_view(
    source: Source, frame: str, at: int, season: Sequence[SeasonHour] = (), units: dict[str, str] | None = None
) -> tuple[SessionsView, Snapshot]:
    """The view at `at`, from a source that ends there; `season` was measured on bars known by then.

    Raises:
        UserError: if bars of the frame cannot be made.
    """
    name = Timeframe.parse(frame).name
    snap = take_snapshot(source, FOLDS, name, at, SETTINGS)
    now, later = calendar(at)
    paid = snap.table("funding_state")
    settled = next(paid[-1:].rows()) if paid is not None and len(paid) else None
    interval = None if settled is None or settled["funding_interval"] == NULL_TS else int(settled["funding_interval"])
    upcoming = None
    if settled is not None and interval:
        upcoming = int(settled["known_ts"]) + interval
        upcoming += max(0, -(-(at - upcoming + 1) // interval)) * interval
    view = SessionsView(
        schema="perpscope.sessions",
        code_version=__version__,
        venue=snap.instrument.venue,
        symbol=snap.instrument.symbol,
        at=to_datetime(at).isoformat(),
        absent=dict(snap.absent),
        timeframe=name,
        price=snap.price,
        daily_sigma_fraction=number(snap.daily_sigma),
        now=now,
        next=later,
        next_funding=when_or_none(upcoming),
        funding_interval_s=None if interval is None else interval // 1_000_000_000,
        ranges=_ranges(snap),
        opening_ranges=_openings(snap),
        levels=_levels(snap),
        gaps=_gaps(snap),
        night=_night(snap),
        season=list(season),
        season_units=units or {},
    )
    return view, snap


def calendar(at: int) -> tuple[list[WindowRow], list[WindowRow]]:
    """Windows that hold the instant, and the next one of each other session, soonest first."""
    now, later = [], []
    for name in SESSIONS:
        starts, ends = windows(name, at, at + 8 * DAY)
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            row = WindowRow(name=name, opens=when(start), closes=when(end))
            if start <= at < end:
                now.append(row)
            elif start > at:
                later.append(row)
                break
    return now, sorted(later, key=lambda w: (w.opens, w.name))[:8]


def _newest(snap: Snapshot, fold: str, key: tuple[str, ...], age: int = 3 * DAY) -> list[dict[str, Any]]:
    """The newest row of every key, of rows known within `age`."""
    table = snap.table(fold)
    if table is None:
        return []
    recent = table[table.clock > snap.at - age]
    return list({tuple(row[k] for k in key): row for row in recent.rows()}.values())


def _ranges(snap: Snapshot) -> list[RangeRow]:
    profiles = {(r["session"], r["ref_ts"]): r for r in _newest(snap, "session_profiles", ("session",))}
    found = []
    for row in _newest(snap, "session_ranges", ("session",)):
        profile = profiles.get((row["session"], row["ref_ts"]), {})
        found.append(
            RangeRow(
                name=row["session"], start=when(row["ref_ts"]), end=when(row["end_ts"]),
                developing=row["phase"] == "developing",
                whole=bool(row["complete"]), poc=number(profile.get("poc")), value_area_high=number(profile.get("vah")),
                value_area_low=number(profile.get("val")),
                **{k: number(row[k]) for k in ("open", "high", "low", "close", "vwap", "volume", "delta")},
            )
        )  # fmt: skip
    return sorted(found, key=lambda r: (r.start, r.name))


def _openings(snap: Snapshot) -> list[OpeningRow]:
    return [
        OpeningRow(
            session=r["session"], minutes=int(r["minutes"]), start=when(r["ref_ts"]), high=r["high"], low=r["low"],
            event=r["event"], side=r["side"], known=when(r["known_ts"]),
        )
        for r in _newest(snap, "opening_ranges", ("session", "minutes"), DAY)
    ]  # fmt: skip


def _levels(snap: Snapshot) -> list[ClockLevel]:
    found = []
    for fold in ("levels", "opens"):
        table = snap.table(fold)
        if table is None:
            continue
        for row in table[(table["valid_to"] > snap.at)].rows():
            if fold == "levels":
                clock = {"utc": "", "new_york_17": " (17:00 NY)", "new_york_00": " (00:00 NY)"}[row["day_definition"]]
                name = f"previous {row['period']} {row['kind']}{clock}"
            else:
                name = (f"{row['session']}" if row["name"] == "session" else row["name"]).replace("_", " ") + " open"
            touched = last_touched(snap.bars(), row["price"], row["price"], row["known_ts"])
            found.append(
                ClockLevel(
                    name=name, price=row["price"], distance_fraction=row["price"] / snap.price - 1.0,
                    since=when(row["known_ts"]),
                    last_touched=when_or_none(touched), synthetic=bool(row.get("synthetic", False)),
                )
            )  # fmt: skip
    return sorted(found, key=lambda x: (-x.price, x.name))


def _gaps(snap: Snapshot) -> list[OpenGap]:
    table = snap.table("opening_gaps")
    if table is None or not len(table):
        return []
    first, last = alive(table, snap.at, _GAP_ENDS)
    rows = [
        OpenGap(
            kind=b["kind"], direction=b["direction"], bottom=b["bottom"], top=b["top"], since=when(a["known_ts"]),
            state=b["event"], synthetic=bool(b["synthetic"]),
        )
        for a, b in zip(first.rows(), last.rows(), strict=True)
    ]  # fmt: skip
    return sorted(rows, key=lambda g: g.since)[-8:]


def _night(snap: Snapshot) -> dict[str, str | float | None] | None:
    rows = _newest(snap, "power_of_three", (), DAY)
    if not rows:
        return None
    told = {k: rows[0][k] for k in ("event", "direction", "high", "low", "judas_price")}
    return {**told, "known": to_datetime(rows[0]["known_ts"]).isoformat()}
