"""What a report reads: a source of batches, taken up to an instant and not a nanosecond further."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from perpscope.core.batch import Batch
from perpscope.core.events import GAP
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.report.progress import Progress, silent


class Source(Protocol):
    """What `lake.source` returns, and whatever looks like it.

    `origins` gives, by stream, where rows came from and the share of each; `gaps` the declared holes as a table of
    the kind "gap". Both are cut to what was known before anything is shown.
    """

    @property
    def instrument(self) -> Instrument: ...
    @property
    def offered(self) -> Any: ...
    @property
    def origins(self) -> Mapping[str, Any]: ...
    @property
    def gaps(self) -> Any: ...
    def __iter__(self) -> Iterator[Batch]: ...


@dataclass(frozen=True)
class Taken:
    """The rows of a source with start <= what they are about and clock <= at, one table per stream."""

    tables: Mapping[str, Table]
    gaps: Table
    whole: bool


def take(source: Source, start: int, at: int, progress: Progress = silent) -> Taken:
    """Read the source up to `at`; streams that had nothing by then are left out, as if they were not offered.

    `whole` says that the source promised nothing later, so that what it tells of its origins is about these rows.
    """
    parts: dict[str, list[Table]] = {}
    whole_source = True
    for batch in source:
        for name, table in batch.tables.items():
            kept = table if not len(table) or table.clock[-1] <= at else table[table.clock <= at]
            if len(kept):
                parts.setdefault(name, []).append(kept)
        progress("reading", min(batch.watermark_ts, at) - start, at - start)
        whole_source = whole_source and batch.watermark_ts <= at
        if batch.watermark_ts >= at:
            break
    whole = {name: Table.concat(tables) for name, tables in sorted(parts.items())}
    gaps = whole.pop("gap", GAP.empty())
    begun = {name: _since(table, start) for name, table in whole.items()}
    return Taken({n: t for n, t in begun.items() if len(t)}, _since(gaps, start), whole_source)


def _since(table: Table, start: int) -> Table:
    about = table["ref_ts"] if "ref_ts" in table.schema.by_name and table.schema.name != "gap" else table.clock
    return table if not len(table) or about[0] >= start else table[about >= start]
