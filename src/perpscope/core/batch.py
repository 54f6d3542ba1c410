"""A batch: everything that became knowable in a stretch of time, and the promise that it is everything.

A batch with `watermark_ts` W, following one with W', holds every row with W' < clock <= W. History is one long
batch; live is many short ones. Because batches are cut by time and never between equals, a fold need not know
how it was cut. A watermark never falls inside a gap of the trades: until a hole is closed or declared, nobody can
promise what lies in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from perpscope.core.table import Table


@dataclass(frozen=True)
class Batch:
    """Tables by stream or feature name, and the watermark.

    A fold is handed exactly its declared inputs, each present (empty when nothing came), plus "gap".
    """

    watermark_ts: int
    tables: Mapping[str, Table]

    def __getitem__(self, name: str) -> Table:
        return self.tables[name]

    def __contains__(self, name: str) -> bool:
        return name in self.tables

    @property
    def rows(self) -> int:
        return sum(map(len, self.tables.values()))


def cut(batch: Batch, watermarks: Iterable[int]) -> Iterator[Batch]:
    """The same batch as several, one per watermark (ascending) and a last one at the batch's own.

    Example:
        >>> from perpscope.core.table import row_schema
        >>> rows = Table.of(row_schema("r"), ref_ts=[0, 1, 2], known_ts=[1, 2, 3])
        >>> [b["r"]["ref_ts"].tolist() for b in cut(Batch(5, {"r": rows}), [2])]
        [[0, 1], [2]]
    """
    edges = sorted({w for w in watermarks if w < batch.watermark_ts}) + [batch.watermark_ts]
    before = np.iinfo(np.int64).min
    for edge in edges:
        yield Batch(edge, {name: table.between(before, edge) for name, table in batch.tables.items()})
        before = edge
