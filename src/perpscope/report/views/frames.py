"""The view of the time frames: trend, momentum, volatility and lean of each, and what they say together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import numpy as np

from perpscope import __version__
from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.time import Timeframe, to_datetime
from perpscope.lake import Source
from perpscope.market.episodes import alive
from perpscope.mtf.bias import HORIZONS, Lean, agreement_of, horizon_weights
from perpscope.mtf.entries import zone_entries
from perpscope.mtf.forming_bar import FormingBar
from perpscope.report.results import number, when
from perpscope.report.views.files import View
from perpscope.report.views.snapshot import Snapshot, take_snapshot

FOLDS = ("average_stack", "frame_state", "frame_bias", "breaks", "fair_value_gaps", "order_blocks")
ZONES = {"fair_value_gaps": "fair value gap", "order_blocks": "order block"}
NEAR_SIGMA = 3.0
_ENDS = frozenset({"filled", "broken", "expired"})
ENTRY_BARS = 288
"""Lower bars in which entries are looked for."""


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the records of this view."""


class Forming(Record, frozen=True):
    """The bar of the frame that is not closed: never used by any other field."""

    open: float
    high: float
    low: float
    last: float
    elapsed_fraction: float


class FrameRow(Record, frozen=True):
    """One frame at its last closed bar. Parts and score -1..1; slopes and distances in ATR; null is not known."""

    timeframe: str
    known: datetime | None
    close: float | None
    trend: str | None
    order: str | None
    averages: dict[str, float | None]
    slope_50: float | None
    distance_200: float | None
    compression: float | None
    settled: bool | None
    partial: bool | None
    momentum: str | None
    rsi: float | None
    rate: float | None
    volatility: str | None
    volatility_rank: float | None
    atr_fraction: float | None
    parts: dict[str, float | None]
    score: float | None
    last_break: str | None
    last_break_known: datetime | None
    forming: Forming | None


class Horizon(Record, frozen=True):
    """What the frames of a horizon say together; agreement counts missing frames against it."""

    name: str
    frames: list[str]
    score: float | None
    agreement: float
    weight_known: float
    side: str


class FrameZone(Record, frozen=True):
    """A live zone of a higher frame, near the price."""

    timeframe: str
    kind: str
    direction: str
    bottom: float
    top: float
    known: datetime
    state: str
    distance_fraction: float
    distance_sigma: float | None


class FrameEntry(Record, frozen=True):
    """A trigger of the lower frame at a zone of a higher one; unproven."""

    known: datetime
    direction: str
    trigger: str
    zone_timeframe: str
    zone_kind: str
    bottom: float
    top: float
    close: float
    stop: float


class FramesView(View, frozen=True, kw_only=True):
    """The whole: frames coarsest first."""

    price: float
    daily_sigma_fraction: float | None
    frames: list[FrameRow]
    horizons: list[Horizon]
    zones: list[FrameZone]
    entries: list[FrameEntry]


def read_frames_view(source: Source, frames: Sequence[str], at: int) -> tuple[FramesView, Snapshot]:
    """The view at `at`, from a source that ends there, and the rows it rests on.

    Raises:
        UserError: if a frame is named twice, or its bars cannot be made from what the data has.
    """
    lengths = sorted({Timeframe.parse(f) for f in frames}, reverse=True)
    if len(lengths) != len(frames) or not lengths:
        raise UserError(f"Each time frame is named once: --frames {','.join(f.name for f in lengths) or '1d,4h,1h'}.")
    names = [f.name for f in lengths]
    finest = names[-1]
    wanted = [f"{fold}@{f}" for f in names for fold in ("bars", *FOLDS)] + [f"sweeps@{finest}"]
    snap = take_snapshot(source, wanted, finest, at)
    rows = [_row(snap, name) for name in names]
    scores = {row.timeframe: np.nan if row.score is None else row.score for row in rows}
    sigma = snap.daily_sigma
    higher = [name for name in names[:-1] if Timeframe.parse(name).ns >= 4 * Timeframe.parse(finest).ns]
    view = FramesView(
        schema="perpscope.mtf",
        code_version=__version__,
        venue=snap.instrument.venue,
        symbol=snap.instrument.symbol,
        at=to_datetime(at).isoformat(),
        absent=dict(snap.absent),
        price=snap.price,
        daily_sigma_fraction=number(sigma),
        frames=rows,
        horizons=[_horizon(name, names, scores) for name in HORIZONS],
        zones=_zones(snap, higher, sigma),
        entries=_entries(snap, higher, finest),
    )
    return view, snap


def _row(snap: Snapshot, name: str) -> FrameRow:
    stack, state, lean = (snap.last(fold, name) or {} for fold in ("average_stack", "frame_state", "frame_bias"))
    bars = snap.bars(name)
    breaks = snap.table("breaks", name)
    broken = next(breaks[-1:].rows()) if breaks is not None and len(breaks) else None
    return FrameRow(
        timeframe=name,
        known=when(bars["known_ts"][-1]) if len(bars) else None,
        close=number(bars["close"][-1]) if len(bars) else None,
        trend=stack.get("trend_state"),
        order=stack.get("order"),
        averages={k.removeprefix("ema_"): number(v) for k, v in stack.items() if k.startswith("ema_")},
        slope_50=number(stack.get("slope_50")),
        distance_200=number(stack.get("distance_200")),
        compression=number(stack.get("compression")),
        settled=stack.get("settled"),
        partial=stack.get("partial"),
        momentum=state.get("momentum"),
        rsi=None if state.get("rsi") is None else number(state["rsi"] + 50.0),
        rate=number(state.get("rate")),
        volatility=state.get("volatility"),
        volatility_rank=number(state.get("volatility_rank")),
        atr_fraction=number(state.get("atr_fraction")),
        parts={k.removeprefix("part_"): number(v) for k, v in lean.items() if k.startswith("part_")},
        score=number(lean.get("score")),
        last_break=f"{broken['kind']} {broken['direction']}" if broken else None,
        last_break_known=when(broken["known_ts"]) if broken else None,
        forming=_forming(snap, name),
    )


def _forming(snap: Snapshot, name: str) -> Forming | None:
    """The bar of the frame under way, made of the finest bars; None at its own close and where bars are missing."""
    if name == snap.frame.name:
        return None
    fold = FormingBar(FormingBar.Params(of=name), frame=snap.frame.name)
    recent = snap.bars()
    recent = recent[recent["ref_ts"] >= Timeframe.parse(name).floor(snap.at - 1)]
    made = fold.fold(fold.start(snap.instrument), Batch(snap.at, {"bars": recent}))
    if not len(made) or int(made.clock[-1]) != int(recent["known_ts"][-1]):
        return None
    row: dict[str, Any] = next(made[-1:].rows())
    return Forming(
        open=row["forming_open"],
        high=row["forming_high"],
        low=row["forming_low"],
        last=row["forming_close"],
        elapsed_fraction=row["elapsed_fraction"],
    )


def _horizon(name: str, frames: Sequence[str], scores: dict[str, float]) -> Horizon:
    mine, weights = horizon_weights(frames, name)
    if not mine:
        return Horizon(name=name, frames=[], score=None, agreement=0.0, weight_known=0.0, side="none")
    score, agreement, known, side = agreement_of(np.array([[scores[f]] for f in mine]), weights)
    return Horizon(
        name=name, frames=mine, score=number(score[0]), agreement=float(agreement[0]), weight_known=float(known[0]),
        side=Lean(int(side[0])).name.lower(),
    )  # fmt: skip


def _zones(snap: Snapshot, frames: Sequence[str], sigma: float) -> list[FrameZone]:
    found = []
    for frame in frames:
        for fold, kind in ZONES.items():
            table = snap.table(fold, frame)
            if table is None or not len(table):
                continue
            first, last = alive(table, snap.at, _ENDS)
            for a, b in zip(first.rows(), last.rows(), strict=True):
                edge = min(max(snap.price, b["bottom"]), b["top"])
                away = float(np.log(edge / snap.price))
                found.append(
                    FrameZone(
                        timeframe=frame, kind=kind, direction=a["direction"], bottom=b["bottom"], top=b["top"],
                        known=when(a["known_ts"]), state=b["event"], distance_fraction=float(np.expm1(away)),
                        distance_sigma=number(away / sigma),
                    )
                )  # fmt: skip
    limit = NEAR_SIGMA * sigma if np.isfinite(sigma) else 0.1
    near = [z for z in found if abs(z.distance_fraction) <= limit]
    return sorted(near, key=lambda z: (abs(z.distance_fraction), z.timeframe, z.bottom))[:16]


def _entries(snap: Snapshot, frames: Sequence[str], finest: str) -> list[FrameEntry]:
    breaks, sweeps = snap.table("breaks", finest), snap.table("sweeps", finest)
    if breaks is None or sweeps is None:
        return []
    since = snap.at - ENTRY_BARS * snap.frame.ns
    found = []
    for frame in frames:
        for fold, kind in ZONES.items():
            zones = snap.table(fold, frame)
            if zones is None:
                continue
            for row in zone_entries(zones, breaks, sweeps, snap.bars(), since=since).rows():
                found.append(
                    FrameEntry(
                        known=when(row["known_ts"]), direction=row["direction"], trigger=row["trigger"], zone_timeframe=frame,
                        zone_kind=kind, bottom=row["bottom"], top=row["top"], close=row["close"], stop=row["stop"],
                    )
                )  # fmt: skip
    return sorted(found, key=lambda e: (e.known, e.zone_timeframe, e.zone_kind))[-20:]
