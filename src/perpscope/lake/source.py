"""Recorded history as batches: what a graph is fed with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.events import GapKind
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.lake.gather import Hole


@dataclass(frozen=True)
class Source:
    """Streams of one instrument over (start, end]; iterating gives batches in order, and may be repeated.

    `offered`: every stream that the lake has by `end`, asked for or not. `gaps`: rows of the `gap` stream, also part of
    every batch. `holes`: by stream, bars included. `origins`: rows by stream and origin, for the report.
    """

    instrument: Instrument
    offered: frozenset[str]
    tables: Mapping[str, Table]
    gaps: Table
    holes: Mapping[str, tuple[Hole, ...]]
    origins: Mapping[str, Mapping[str, int]]
    start: int | None
    end: int
    step: int | None

    def __iter__(self) -> Iterator[Batch]:
        tables = {**self.tables, "gap": self.gaps}
        before = np.iinfo(np.int64).min
        for edge in self._edges():
            yield Batch(edge, {name: table.between(before, edge) for name, table in tables.items()})
            before = edge

    @property
    def rows(self) -> int:
        return sum(map(len, self.tables.values()))

    def _edges(self) -> Iterator[int]:
        """The watermarks. One that would fall inside a gap of the trades is left out: nobody could promise what lies there."""
        if self.step is not None:
            begun = [int(t.clock[0]) for t in (*self.tables.values(), self.gaps) if len(t)]
            first = self.start if self.start is not None else min(begun, default=self.end)
            edge = first // self.step * self.step + self.step
            trades = self.gaps[self.gaps["kind"] == GapKind.TRADE]
            starts, known = trades["ref_ts"], trades["known_ts"]
            while edge < self.end:
                if not bool(((starts <= edge) & (edge < known)).any()):
                    yield edge
                edge += self.step
        yield self.end
