"""From rows in the order of arrival to batches in the order of time: the watermark of a live instrument.

A batch promises that nothing earlier will come (`core.batch`). Live, that promise is made by waiting: the watermark follows
the newest instant seen of the instrument at a distance (`lateness`), and stops before a hole in contiguous trade ids until
the hole is filled, declared, or has been waited for long enough (`patience`). What comes later than it was waited for is in
the lake but is not folded; it is counted, and the count is shown, because from then on a backtest sees more than was seen live.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.events import GAP, GapKind
from perpscope.core.table import Table
from perpscope.core.time import SECOND
from perpscope.lake import merge

LATENESS = SECOND
PATIENCE = 30 * SECOND
END_OF_TIME = 2**63 - 1


@dataclass
class Arrivals:
    """What has arrived of one instrument and was not handed on yet. Times in ns.

    `begun` is the watermark reached so far (a warm start's last one). `contiguous` names the kinds whose ids leave no hole;
    `last_id` the last id folded of each. `counts`: late rows by stream, late gaps, holes given up.
    """

    begun: int
    contiguous: frozenset[str] = frozenset()
    lateness: int = LATENESS
    patience: int = PATIENCE
    counts: Counter[str] = field(default_factory=Counter)
    last_id: dict[str, int] = field(default_factory=dict)
    _waiting: dict[str, list[Table]] = field(default_factory=dict)
    _gaps: list[Table] = field(default_factory=list)
    _newest: int = -(2**63)

    def take(self, stream: str, table: Table) -> None:
        """Rows of a stream, in any order."""
        if not len(table):
            return
        self._newest = max(self._newest, int(table.clock.max()))
        late = table.clock <= self.begun
        if late.any():
            self.counts[f"late {stream}"] += int(late.sum())
            table = table[~late]
        if len(table):
            self._waiting.setdefault(stream, []).append(table)

    def gap(self, table: Table) -> None:
        """Declared gaps. One that was declared too late is told at the next step: a hole is never kept from the folds."""
        if not len(table):
            return
        late = table.clock <= self.begun
        if late.any():
            self.counts["late gap"] += int(late.sum())
            table = table.with_columns(known_ts=np.where(late, self.begun + 1, table["known_ts"]))
        self._newest = max(self._newest, int(table.clock.max()))
        self._gaps.append(table)

    def batch(self, hold: int = END_OF_TIME) -> Batch | None:
        """What may be folded now, nothing later than `hold`; None if the watermark cannot move.

        Example:
            >>> from perpscope.core.events import MARK_PRICE
            >>> arrived = Arrivals(begun=0, lateness=10)
            >>> columns = dict(receive_ts=[5, 25, 20], mark_price=[1.0, 3.0, 2.0], index_price=[1.0, 3.0, 2.0])
            >>> arrived.take("mark_price", Table.of(MARK_PRICE, exchange_ts=[5, 25, 15], **columns))
            >>> told = arrived.batch()
            >>> told.watermark_ts, told["mark_price"]["exchange_ts"].tolist(), arrived.batch()
            (15, [5, 15], None)
        """
        pending = {stream: _in_order(parts) for stream, parts in self._waiting.items()}
        gaps = Table.concat([GAP.empty(), *self._gaps]).sorted()
        until = min(self._newest - self.lateness, hold)
        for stream in self.contiguous & pending.keys():
            until = min(until, self._held(stream, pending[stream], gaps))
        self._waiting = {stream: [table] for stream, table in pending.items() if len(table)}
        self._gaps = [gaps] if len(gaps) else []
        if until <= self.begun:
            return None
        tables = {stream: table.between(self.begun, until) for stream, table in pending.items()}
        told = gaps.between(self.begun, until)
        self._waiting = {s: [t[len(tables[s]) :]] for s, t in pending.items() if len(t) > len(tables[s])}
        self._gaps = [gaps[len(told) :]] if len(gaps) > len(told) else []
        for stream in self.contiguous & tables.keys():
            if len(tables[stream]):
                self.last_id[stream] = int(tables[stream]["trade_id"].max())
        self.begun = until
        return Batch(until, {**tables, "gap": told})

    def flush(self) -> Batch | None:
        """Everything that waits, at the end of a run: nothing more will come."""
        kept, self.lateness = self.lateness, 0
        patience, self.patience = self.patience, -1
        try:
            return self.batch()
        finally:
            self.lateness, self.patience = kept, patience

    def _held(self, stream: str, table: Table, gaps: Table) -> int:
        """The last instant before the first hole that may still be filled; the newest one where there is none."""
        ids, clock = table["trade_id"], table.clock
        known = self.last_id.get(stream)
        if not len(ids) or (ids < 0).any():
            return self._newest
        before = np.concatenate([[ids[0] - 1 if known is None else known], ids[:-1]])
        since = np.concatenate([[self.begun], clock[:-1]])
        mine = gaps[gaps["kind"] == int(GapKind[stream.upper()])]
        for at in np.flatnonzero(ids - before > 1).tolist():
            declared = (mine["ref_ts"] <= clock[at]) & (mine["end_ts"] > since[at])
            if declared.any():
                continue
            if self._newest - int(clock[at]) > self.patience:
                self.counts["holes given up"] += 1
                continue
            return min(int(since[at]), int(clock[at]) - 1)
        return self._newest


def _in_order(parts: list[Table]) -> Table:
    """Rows by clock, nothing told twice. Among equals what came first stands first, but prints stand by their id: one that
    was fetched later to fill a hole takes its place."""
    table = Table.concat(parts)
    if not merge.has_key(table):
        return table.sorted()
    if table.schema.name == "trade":
        table = table[np.lexsort((table["trade_id"], table.clock))]
    return merge.by_key([table]).table
