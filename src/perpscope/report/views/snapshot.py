"""What a view rests on: the rows of the folds it asks for, as they were known at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from perpscope.core.errors import UserError
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import DAY, Timeframe, format_ts
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect
from perpscope.lake import Source
from perpscope.report.results import last_row

SIGMA_DAYS = 30
STALE_BARS = 2


@dataclass(frozen=True)
class Snapshot:
    """Rows by node name, recorded tables by stream, and why a fold is missing; nothing of it was known after `at`."""

    instrument: Instrument
    at: int
    frame: Timeframe
    rows: Mapping[str, Table]
    recorded: Mapping[str, Table]
    absent: Mapping[str, str] = field(default_factory=dict)

    def table(self, name: str, frame: str | None = None) -> Table | None:
        """Rows of a fold at a frame (the snapshot's own by default), or of one without a frame."""
        found = self.rows.get(f"{name}@{frame or self.frame.name}")
        return self.rows.get(name) if found is None else found

    def bars(self, frame: str | None = None) -> Table:
        """Closed bars of a frame, made or recorded."""
        key = f"bars@{frame or self.frame.name}"
        return self.rows[key] if key in self.rows else self.recorded[key]

    def last(self, name: str, frame: str | None = None) -> dict[str, Any] | None:
        """The newest row, unless it is older than two bars of its frame."""
        row = last_row(self.table(name, frame))
        length = Timeframe.parse(frame).ns if frame else self.frame.ns
        return None if row is None or self.at - row["known_ts"] > STALE_BARS * length else row

    @property
    def price(self) -> float:
        return float(self.bars()["close"][-1])

    @property
    def daily_sigma(self) -> float:
        """Root of the mean square log return over 30 days, times the root of bars a day; NaN below two days of bars."""
        bars = self.bars()
        bars = bars[bars["known_ts"] > self.at - SIGMA_DAYS * DAY]
        whole = bars["ref_ts"][1:] == bars["known_ts"][:-1]
        moved = np.diff(np.log(bars["close"]))[whole]
        a_day = DAY / self.frame.ns
        return float(np.sqrt(np.mean(moved**2) * a_day)) if len(moved) >= max(2 * a_day, 2) else float("nan")


def take_snapshot(
    source: Source, wanted: Sequence[str], frame: str, at: int, settings: Mapping[str, Mapping[str, Any]] | None = None
) -> Snapshot:
    """Run the wanted folds ("swings", "average_stack@4h") over a source that ends at `at`.

    A fold that the data cannot feed, or that refuses the frame, is left out and `absent` says why; bars that were asked for
    by name ("bars@15m") must be there.

    Raises:
        UserError: if bars of a frame cannot be made, or the newest bar is older than two bars of `frame`.
    """
    length = Timeframe.parse(frame)
    offered = source.offered
    able, absent = [f"bars@{length.name}"], {}
    for name in dict.fromkeys(wanted):
        if name.startswith("bars@"):
            able.append(name)
            continue
        try:
            Graph(source.instrument, [name], offered, length.name, settings)
            able.append(name)
        except UserError as fault:
            absent[name] = str(fault)
    graph = Graph(source.instrument, able, offered, length.name, settings)
    rows = collect(graph, source)
    made = Snapshot(source.instrument, at, length, rows, source.tables, absent)
    bars = made.bars()
    name = f"{source.instrument.venue} {source.instrument.symbol}"
    if not len(bars):
        raise UserError(f"Not one {length.name} bar of {name} had closed by {format_ts(at)}. Choose a later --at.")
    last = int(bars["known_ts"][-1])
    if at - last >= STALE_BARS * length.ns:
        raise UserError(
            f"The {length.name} bars of {name} end at {format_ts(last)}, before {format_ts(at)}. Choose another --at."
        )
    return made
