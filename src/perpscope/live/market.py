"""One instrument, live: what arrives becomes batches, and every graph that somebody looks at is driven by the same batches.

A graph is started from the lake up to the watermark of the moment and goes on with the batches that follow; by the split law
of folds its rows are those of one run over the whole history. So a restart has no seam, and a time frame that is opened later
shows what it would have shown all along.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.events import GAP
from perpscope.core.table import Table
from perpscope.engine.graph import Graph, Step
from perpscope.lake import Source
from perpscope.live.arrivals import END_OF_TIME, Arrivals

BEGINNING = int(np.iinfo(np.int64).min)


class Listener(Protocol):
    """Whoever wants to know what the graphs say. Called in the loop's thread, in order; it must not wait."""

    def opened(self, graph: Graph, rows: Mapping[str, Table], streams: Mapping[str, Table]) -> None:
        """A graph has been started; `rows` by node and `streams` are its history."""
        ...

    def stepped(self, graph: Graph, step: Step, batch: Batch) -> None:
        """A live step, and the events that caused it."""
        ...


@dataclass
class LiveMarket:
    """One instrument: its arrivals, and its graphs by name (a time frame). Not safe to call from two threads at once."""

    venue: str
    symbol: str
    streams: frozenset[str]
    arrivals: Arrivals
    graphs: dict[str, Graph] = field(default_factory=dict)
    listeners: list[Listener] = field(default_factory=list)

    @property
    def watermark_ts(self) -> int:
        """Until when everything has been folded; BEGINNING before the first batch."""
        return self.arrivals.begun

    def open(self, name: str, graph: Graph, history: Source | None) -> Graph:
        """Start a graph from history up to the watermark; from the next batch on it is live."""
        rows: dict[str, list[Table]] = {key: [node.fold.spec.output.empty()] for key, node in graph.nodes.items()}
        streams: dict[str, list[Table]] = {}
        for batch in () if history is None else history:
            for key, table in graph.step(batch).rows.items():
                rows[key].append(table)
            for stream, table in batch.tables.items():
                streams.setdefault(stream, []).append(table)
        self.graphs[name] = graph
        past = {key: Table.concat(parts) for key, parts in rows.items()}
        events = {key: Table.concat(parts) for key, parts in streams.items()}
        for listener in self.listeners:
            listener.opened(graph, past, events)
        return graph

    def take(self, tables: Mapping[str, Table], gaps: Table | None = None) -> None:
        """What has become durable, by stream; streams that no graph may see are left out."""
        for stream, table in tables.items():
            if stream in self.streams:
                self.arrivals.take(stream, table)
        if gaps is not None:
            self.arrivals.gap(gaps)

    def advance(self, hold: int = END_OF_TIME) -> int:
        """Fold what may be folded now, nothing later than `hold`, and tell the listeners. Returns: the steps made."""
        batch = self.arrivals.batch(hold)
        return 0 if batch is None else self._drive(batch)

    def finish(self) -> int:
        """Fold everything that waits, at the end of a run."""
        batch = self.arrivals.flush()
        return 0 if batch is None else self._drive(batch)

    def _drive(self, batch: Batch) -> int:
        whole = Batch(batch.watermark_ts, {"gap": GAP.empty(), **batch.tables})
        for graph in list(self.graphs.values()):
            step = graph.step(whole)
            for listener in self.listeners:
                listener.stepped(graph, step, whole)
        return len(self.graphs)


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
