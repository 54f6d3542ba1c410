"""The stretch of recorded market that a calibration or a skill report rests on, with everything that was assumed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from perpscope.core.batch import Batch
from perpscope.core.digest import digest
from perpscope.core.errors import UserError
from perpscope.core.events import LIQUIDATION, LIQUIDATION_TOTALS, LiquidationFeed, stream_frame, stream_kind
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import DAY, Timeframe, format_ts
from perpscope.core.units import ContractKind, PositionSide
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect
from perpscope.features.liquidation.identity import interest_unit
from perpscope.numeric.asof import asof_values
from perpscope.research.calibration.feeds import FeedModel, feed_model

if TYPE_CHECKING:
    from perpscope.lake import Lake

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

WARMUP_DAYS = 75
"""History that the filter wants before the first bar that counts (LIQUIDATION 3.6 asks for 60)."""

MOST_BARS = 150_000
"""Bars of the finest path: beyond it the next coarser ones are taken, so that a run stays a matter of seconds."""

FEWEST_EVENTS = 20

FEWEST_DAYS = 14
"""Days with reports that a calibration needs, and that come before everything that is judged."""


@dataclass(frozen=True)
class DataUsed:
    """One stream that was read: rows, clocks of the first and the last, SHA-256 of its columns."""

    stream: str
    rows: int
    first: str
    last: str
    sha256: str


@dataclass(frozen=True, eq=False)
class Study:
    """Streams of one instrument over [begin, end); `begin` .. `start` warms the filter up, [start, end) counts.

    Attributes:
        tables: bars, open interest, mark bars: what the filter eats, by stream name.
        interval: time frame of the reports of liquidations.
        path: time frame of the bars that the filter sees.
        totals: liquidation totals of the counted stretch, or none.
        events: single liquidations with prices, or none.
        notes: what was assumed or is missing, in sentences.
        fine: the finest bars that cover the whole stretch, a better `path`.
    """

    instrument: Instrument
    tables: Mapping[str, Table]
    interval: str
    path: str
    begin: int
    start: int
    end: int
    totals: Table
    events: Table
    fine: str
    notes: tuple[str, ...] = ()

    @cached_property
    def bars(self) -> Table:
        """Bars of the interval over the whole stretch, warm-up included."""
        offered = {name: t for name, t in self.tables.items() if stream_kind(name) == "bars"}
        if f"bars@{self.interval}" in offered:
            return offered[f"bars@{self.interval}"]
        graph = Graph(self.instrument, [], set(offered), self.interval)
        key = graph.require("bars")
        return collect(graph, [Batch(self.end, offered)])[key]

    @cached_property
    def reported(self) -> Floats:
        """Reported liquidations of longs and shorts by bar, base units, NaN where absent: float64 (bars, 2)."""
        ref = self.bars["ref_ts"]
        out = np.full((len(ref), 2), np.nan)
        if len(self.totals):
            at = np.searchsorted(ref, self.totals["ref_ts"])
            fits = (at < len(ref)) & (ref[np.minimum(at, len(ref) - 1)] == self.totals["ref_ts"])
            out[at[fits], 0] = self.totals["long_quantity"][fits]
            out[at[fits], 1] = self.totals["short_quantity"][fits]
        return out

    @cached_property
    def counted(self) -> npt.NDArray[np.bool_]:
        """The bars in [start, end)."""
        ref = self.bars["ref_ts"]
        inside: npt.NDArray[np.bool_] = (ref >= self.start) & (ref < self.end)
        return inside

    @property
    def feed(self) -> FeedModel:
        """The observation model of the totals."""
        if not len(self.totals):
            return FeedModel.O4
        return feed_model(LiquidationFeed(int(self.totals["feed"][0])), located=False)

    @cached_property
    def event_quantity(self) -> tuple[float, str]:
        """u0 = sum(q^2) / sum(q) of single liquidations of the first two weeks, and where it comes from.

        Without twenty located events the median of the totals above zero stands in: on the three instruments where both
        are known it is 1.1 to 2.1 times the events' own, so the prior is if anything given too much weight. Later weeks are
        left out because they are judged.
        """
        until = self.start + FEWEST_DAYS * DAY
        quantity = self.events["quantity"][self.events["exchange_ts"] < until] if len(self.events) else np.empty(0)
        if len(quantity) >= FEWEST_EVENTS:
            return float((quantity**2).sum() / quantity.sum()), f"{len(quantity)} single liquidations of the first two weeks"
        first = self.reported[self.counted & (self.bars["ref_ts"] < until)]
        known = first[first > 0.0]
        if not len(known):
            return 1.0, "no liquidation in the first two weeks"
        return float(np.median(known)), (
            f"median of {len(known)} totals above zero in the first two weeks, for want of single liquidations"
        )

    @property
    def data(self) -> tuple[DataUsed, ...]:
        """Everything that was read, with fingerprints."""
        read = {**self.tables, f"liquidation_totals@{self.interval}": self.totals, "liquidation": self.events}
        return tuple(
            DataUsed(name, len(t), format_ts(int(t.clock[0])), format_ts(int(t.clock[-1])), digest(t))
            for name, t in sorted(read.items())
            if len(t)
        )

    def on_path(self, path: str) -> Study:
        """The same stretch seen through other bars."""
        return replace(self, path=path)

    def batch(self) -> Batch:
        """What the graph is fed with, as one batch."""
        tables = dict(self.tables)
        if len(self.totals):
            tables[f"liquidation_totals@{self.interval}"] = self.totals
        return Batch(self.end, tables)


def load_study(
    lake: Lake,
    venue: str,
    symbol: str,
    *,
    start: int | None = None,
    end: int | None = None,
    interval: str | None = None,
    warmup_days: int = WARMUP_DAYS,
    warmup_interest: str = "auto",
) -> Study:
    """Read what a calibration or skill report needs from a lake.

    The counted stretch is where liquidation totals are, or, for an instrument without any, where open interest is.
    Open interest before the venue's own begins is taken from `warmup_interest` (a venue; "auto": any that has it; "none"),
    scaled to meet the first own value: enough to know about how large the books were. It is stated in `notes`.

    Raises:
        UserError: if the instrument, its bars or its open interest are missing, the stretch is empty, or open interest is not
            in the unit of the volume.
    """
    streams = lake.streams(venue, symbol)
    frames = sorted(Timeframe.parse(str(stream_frame(s))) for s in streams if stream_kind(s) == "liquidation_totals")
    if interval is None:
        interval = frames[0].name if frames else "1h"
    elif frames and interval not in [frame.name for frame in frames]:
        raise UserError(
            f"The lake has liquidations of {venue} {symbol} by {', '.join(frame.name for frame in frames)}, not by {interval}. "
            "Leave --interval out, or import others."
        )
    totals_stream = f"liquidation_totals@{interval}"
    notes: list[str] = []
    if "open_interest" not in streams:
        raise UserError(
            f"The lake has no open interest of {venue} {symbol}; without it nobody knows how many positions exist. Import it."
        )
    length = Timeframe.parse(interval).ns
    bars = sorted(
        (s for s in streams if stream_kind(s) == "bars" and length % Timeframe.parse(str(stream_frame(s))).ns == 0),
        key=lambda s: Timeframe.parse(str(stream_frame(s))).ns,
    )
    if not bars:
        raise UserError(f"The lake has no bars of {venue} {symbol} that tile {interval}. Import some.")
    span = _span(lake, venue, symbol, totals_stream if totals_stream in streams else None, bars, warmup_days)
    begins = span[0] - length if totals_stream in streams else span[0]
    first, last = max(begins, start or 0), min(span[1], end or span[1])
    if first >= last:
        if totals_stream not in streams and span[0] >= span[1]:
            raise UserError(
                f"Open interest of {venue} {symbol} ends before the books have filled: without liquidations to begin at, "
                f"{warmup_days} days come first. Import more, or liquidations."
            )
        raise UserError(
            f"There is nothing between {format_ts(first)} and {format_ts(last)}: {venue} {symbol} has liquidations and open "
            f"interest from {format_ts(span[0])} to {format_ts(span[1])}. Choose another range."
        )
    begin = first - warmup_days * DAY
    tables = {s: lake.read(venue, symbol, s, begin, last) for s in bars}
    tables["open_interest"], said = _interest(lake, venue, symbol, begin, last, warmup_interest)
    notes += said
    for s in streams:
        if stream_kind(s) == "funding":
            tables[s] = lake.read(venue, symbol, s, begin, last)
        if stream_kind(s) == "mark_bars" and length % Timeframe.parse(str(stream_frame(s))).ns == 0:
            tables[s] = lake.read(venue, symbol, s, begin, last)
    covering = [s for s in bars if _covers(tables[s], s, begin, last)]
    fine = next((s for s in covering if len(tables[s]) <= MOST_BARS), f"bars@{interval}")
    totals, events = LIQUIDATION_TOTALS.empty(), LIQUIDATION.empty()
    if totals_stream in streams:
        totals = lake.read(venue, symbol, totals_stream, first, last)
    if "liquidation" in streams:
        events = lake.read(venue, symbol, "liquidation", first, last)
    if not len(totals):
        notes.append(f"No liquidations of {venue} {symbol} are reported here: what needs them is not measurable.")
    elif int(totals["feed"][0]) != LiquidationFeed.COMPLETE:
        notes.append(
            "The liquidations are sums of a feed that shows one event a second at most: the level of the map is not "
            "identified, only where and when; undercounts are worst in the largest moves."
        )
    instrument = lake.instrument(venue, symbol, last, tables)
    if not any(table.covers(first) for table in instrument.tier_tables):
        notes.append(f"No risk tier table covers {format_ts(first)}: the nearest one in time is used.")
    if not any(stream_kind(s) == "mark_bars" for s in tables):
        notes.append("No mark price: last prices are taken for it.")
    wanted = {fine, f"bars@{interval}", *covering[-1:]}
    kept = {s: t for s, t in tables.items() if stream_kind(s) != "bars" or s in wanted}
    study = Study(
        instrument, kept, interval, interval, begin, first, last, totals, events, str(stream_frame(fine)), tuple(notes)
    )
    study = replace(study, tables={**kept, f"bars@{interval}": _completed(study)})
    return replace(study, notes=(*study.notes, *_interest_in_doubt(study)))


def _interest_in_doubt(study: Study) -> list[str]:
    """What volume says about the unit of open interest: nothing when it fits, a note when both sides seem counted.

    Raises:
        UserError: if it changes by more than anybody can have traded.
    """
    held = study.tables["open_interest"]
    known = study.counted & (study.bars["volume"] > 0.0)
    if study.instrument.kind is ContractKind.INVERSE or known.sum() < 50:
        return []
    at = np.flatnonzero(known)
    stamps = np.append(study.bars["ref_ts"][at[0]], study.bars["known_ts"][at])
    found = interest_unit(asof_values(held["exchange_ts"], held["open_interest"], stamps), study.bars["volume"][at])
    if found.sides is None:
        name = f"{study.instrument.venue} {study.instrument.symbol}"
        over = f"{100 * found.above_one:.0f}% of the intervals of {name} change it by more than was traded"
        raise UserError(f"{found.sentence} ({over}.)")
    return [] if found.sides == 1 else [found.sentence]


def _completed(study: Study) -> Table:
    """Bars of the interval, where they are missing made of finer ones: the books need the weeks before the reports begin."""
    name = f"bars@{study.interval}"
    finer = {s: t for s, t in study.tables.items() if stream_kind(s) == "bars" and s != name}
    if name not in study.tables or not finer or _covers(study.tables[name], name, study.begin, study.end):
        return study.bars
    own, made = study.bars, replace(study, tables=finer).bars
    missing = ~np.isin(made["ref_ts"], own["ref_ts"]) & (made["known_ts"] <= study.end)
    if not missing.any():
        return own
    joined = Table.concat([made[missing], own])
    return joined[np.argsort(joined["ref_ts"], kind="stable")]


def _span(lake: Lake, venue: str, symbol: str, totals: str | None, bars: Sequence[str], warmup_days: int) -> tuple[int, int]:
    """Where the totals are; without any, where both open interest and bars are, less a warm-up."""
    if totals is not None:
        return lake.span(venue, symbol, totals)
    spans = [lake.span(venue, symbol, s) for s in bars]
    held = lake.span(venue, symbol, "open_interest")
    first = max(held[0], min(s[0] for s in spans) + warmup_days * DAY)
    return -(-first // DAY) * DAY, min(held[1], max(s[1] for s in spans))


def _covers(table: Table, stream: str, begin: int, end: int) -> bool:
    """Whether nearly every bar of [begin, end) is there."""
    return len(table) >= 0.99 * ((end - begin) // Timeframe.parse(str(stream_frame(stream))).ns)


def _interest(lake: Lake, venue: str, symbol: str, begin: int, end: int, source: str) -> tuple[Table, list[str]]:
    """Open interest, continued backwards by another venue's, scaled to meet it."""
    own = lake.read(venue, symbol, "open_interest", begin, end)
    if not len(own):
        raise UserError(f"The lake has no open interest of {venue} {symbol} before {format_ts(end)}. Choose a later range.")
    first = int(own.clock[0])
    if first <= begin + DAY or source == "none":
        late = [f"Open interest begins {format_ts(first)}; the books are filled from then on."] if first > begin + DAY else []
        return own, late
    others = [source] if source != "auto" else sorted({i.venue for i in lake.instruments() if i.symbol == symbol} - {venue})
    for other in others:
        if "open_interest" not in lake.streams(other, symbol):
            if source != "auto":
                raise UserError(f"The lake has no open interest of {other} {symbol}. Import it, or say 'none'.")
            continue
        before = lake.read(other, symbol, "open_interest", begin, first - 1)
        if len(before) and int(before.clock[0]) <= begin + 7 * DAY and float(before["open_interest"][-1]) > 0.0:
            scale = float(own["open_interest"][0]) / float(before["open_interest"][-1])
            filled = before.with_columns(open_interest=before["open_interest"] * scale)
            return Table.concat([filled, own]), [
                f"Open interest before {format_ts(first)} is that of {other}, times {scale:.3g} to meet the first own value."
            ]
    return own, [
        f"Open interest begins {format_ts(first)}, no other venue's is in the lake; the books are filled from then on."
    ]


def excursions(bars: Table) -> Floats:
    """How far each bar went beyond the close before it, in log price: float64 (bars, 2), down (longs), up (shorts).

    After missing bars the open stands for the close before.
    """
    log = {name: np.log(bars[name]) for name in ("open", "high", "low", "close")}
    before = log["open"].copy()
    follows = bars["ref_ts"][1:] == bars["known_ts"][:-1]
    before[1:][follows] = log["close"][:-1][follows]
    return np.maximum(np.column_stack([before - log["low"], log["high"] - before]), 0.0)


def side_index(side: npt.ArrayLike) -> Integers:
    """0 for longs, 1 for shorts."""
    return (np.asarray(side) == PositionSide.SHORT).astype(np.int64)
