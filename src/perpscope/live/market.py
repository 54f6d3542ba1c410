"""One instrument, live: what arrives becomes batches, and every graph that somebody looks at is driven by the same batches.

A graph is started from the lake up to the watermark of the moment and goes on with the batches that follow; by the split law
of folds its rows are those of one run over the whole history. So a restart has no seam, and a time frame that is opened later
shows what it would have shown all along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.events import GAP, stream_schema
from perpscope.core.table import Table
from perpscope.engine.graph import Graph, Step
from perpscope.lake import Source
from perpscope.live.arrivals import END_OF_TIME, Arrivals

BEGINNING = int(np.iinfo(np.int64).min)
TRIM_EVERY = 500
"""Steps between two looks at rows that are older than what is kept."""

Listener = Callable[["LiveMarket", "LiveGraph", Step], None]


@dataclass
class LiveGraph:
    """A graph and the rows of its last `keep` ns: what a page draws and an alert reads.

    `recorded` are the events by stream, "gap" among them; `rows` those of every node. Both are whole from the start of the
    warm-up until something is older than `keep`.
    """

    graph: Graph
    keep: int
    recorded: dict[str, Table] = field(default_factory=dict)
    rows: dict[str, Table] = field(default_factory=dict)
    _since_trim: int = 0

    def __post_init__(self) -> None:
        self.recorded = {s: stream_schema(s).empty() for s in (*sorted(self.graph.offered), "gap")}
        self.rows = {key: node.fold.spec.output.empty() for key, node in self.graph.nodes.items()}

    @property
    def watermark_ts(self) -> int:
        return self.graph.watermark_ts

    def step(self, batch: Batch) -> Step:
        """Drive the graph over one batch and keep what came."""
        given = {name: table for name, table in batch.tables.items() if name == "gap" or name in self.graph.offered}
        told = self.graph.step(Batch(batch.watermark_ts, given))
        for mine, new in ((self.recorded, given), (self.rows, told.rows)):
            for key, table in new.items():
                if len(table):
                    mine[key] = Table.concat([mine[key], table])
        self._since_trim += 1
        if self._since_trim >= TRIM_EVERY:
            self._trim(batch.watermark_ts - self.keep)
        return told

    def _trim(self, before: int) -> None:
        """Old rows go; of an episode (`id`) that is told again later, every row stays."""
        self._since_trim = 0
        for mine in (self.recorded, self.rows):
            for key, table in mine.items():
                if not len(table) or table.clock[0] > before:
                    continue
                recent = table.clock > before
                if "id" in table.schema.by_name:
                    recent |= np.isin(table["id"], np.unique(table["id"][recent]))
                mine[key] = table[recent]


@dataclass
class LiveMarket:
    """One instrument: its arrivals, and its graphs by name (a time frame).

    `listeners` are told every step of every graph, in order. Nothing here is safe to call from two threads at once.
    """

    venue: str
    symbol: str
    streams: frozenset[str]
    arrivals: Arrivals
    graphs: dict[str, LiveGraph] = field(default_factory=dict)
    listeners: list[Listener] = field(default_factory=list)

    @property
    def watermark_ts(self) -> int:
        """Until when everything has been folded; BEGINNING before the first batch."""
        return self.arrivals.begun

    def open(self, name: str, graph: Graph, history: Source | None, keep: int) -> LiveGraph:
        """Start a graph from history up to the watermark; from the next batch on it is live.

        The first steps of a graph tell nobody: they are the past.
        """
        live = LiveGraph(graph, keep)
        for batch in () if history is None else history:
            live.step(Batch(batch.watermark_ts, batch.tables))
        self.graphs[name] = live
        return live

    def close(self, name: str) -> None:
        self.graphs.pop(name, None)

    def take(self, tables: Mapping[str, Table], gaps: Table | None = None) -> None:
        """What has become durable, by stream; streams that no graph may see are left out."""
        for stream, table in tables.items():
            if stream in self.streams:
                self.arrivals.take(stream, table)
        if gaps is not None:
            self.arrivals.gap(gaps)

    def advance(self, hold: int = END_OF_TIME) -> list[tuple[LiveGraph, Step]]:
        """Fold what may be folded now, nothing later than `hold`, and tell the listeners."""
        batch = self.arrivals.batch(hold)
        return [] if batch is None else self._drive(batch)

    def finish(self) -> list[tuple[LiveGraph, Step]]:
        """Fold everything that waits, at the end of a run."""
        batch = self.arrivals.flush()
        return [] if batch is None else self._drive(batch)

    def _drive(self, batch: Batch) -> list[tuple[LiveGraph, Step]]:
        whole = Batch(batch.watermark_ts, {"gap": GAP.empty(), **batch.tables})
        told = []
        for live in list(self.graphs.values()):
            step = live.step(whole)
            told.append((live, step))
            for listener in self.listeners:
                listener(self, live, step)
        return told


def last_ids(tables: Iterable[tuple[str, Table]]) -> dict[str, int]:
    """The last id of each stream that has ids, for `Arrivals.last_id` after a warm start.

    Example:
        >>> last_ids([])
        {}
    """
    return {
        stream: int(table["trade_id"].max())
        for stream, table in tables
        if "trade_id" in table.schema.by_name and len(table) and int(table["trade_id"].min()) >= 0
    }
