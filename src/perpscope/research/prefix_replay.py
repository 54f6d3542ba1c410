"""Does a fold look ahead? The split, truncation and known-time laws as a product feature, on the user's own data.

Definition: the fold is run once over everything, then again over what was there at each of several times; a row
known by then must be the same in both runs. A single-bar leak shows, and no signal has to fire for it.
Source: own; the rule of STRUCTURE ST16. freqtrade's lookahead analysis (its issue 11346) compares whole trades.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from perpscope.core.batch import Batch, cut
from perpscope.core.errors import ProgrammerError
from perpscope.core.fold import Fold
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import format_ts
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect


@dataclass(frozen=True)
class Violation:
    """One place where a law breaks: which law, at which cut, and what differs."""

    law: str
    at: int
    what: str

    def __str__(self) -> str:
        return f"{self.law}: at {format_ts(self.at)} {self.what}"


@dataclass(frozen=True)
class CheckReport:
    """What was checked and what was found; `violations` is empty for an honest fold."""

    fold: str
    rows: int
    cuts: tuple[int, ...]
    violations: tuple[Violation, ...]


def check_fold(
    make: Callable[[], Fold],
    instrument: Instrument,
    batch: Batch,
    frame: str,
    cuts: Sequence[int],
    progress: Callable[[int, int], None] | None = None,
) -> CheckReport:
    """Run the fold over the whole batch, over its prefixes up to each cut, and split at all cuts.

    `cuts` are times in ns; 20 spread over the data find most leaks, every bar finds all.

    Raises:
        UserError: if the data cannot supply the fold's inputs.
    """
    whole, key = _rows(make, instrument, batch, frame)
    found = list(_unknowable(whole, batch))
    for n, at in enumerate(sorted(cuts)):
        prefix = Batch(at, {name: table[table.clock <= at] for name, table in batch.tables.items()})
        short, _ = _rows(make, instrument, prefix, frame)
        what = _first_difference(whole[whole.clock <= at], short)
        if what:
            found.append(Violation("truncation", at, what))
        if progress:
            progress(n + 1, len(cuts))
    try:
        graph, _ = _graph(make, instrument, batch, frame)
        pieces = collect(graph, cut(batch, cuts))[key]
        what = _first_difference(whole, pieces)
        if what:
            found.append(Violation("split", int(min(cuts, default=batch.watermark_ts)), what))
    except ProgrammerError as fault:
        found.append(Violation("known", int(min(cuts, default=batch.watermark_ts)), str(fault)))
    return CheckReport(key, len(whole), tuple(sorted(cuts)), tuple(found))


def spread_cuts(batch: Batch, number: int) -> list[int]:
    """`number` times spread evenly over the data, each a little after a row became known, where leaks show first."""
    clocks = [table.clock for table in batch.tables.values() if len(table)]
    if not clocks:
        return []
    known = np.unique(np.concatenate(clocks))
    picked = known[np.linspace(0, len(known) - 1, min(number, len(known)) + 2).astype(int)[1:-1]]
    return sorted({int(t) for t in picked})


def _graph(make: Callable[[], Fold], instrument: Instrument, batch: Batch, frame: str) -> tuple[Graph, str]:
    graph = Graph(instrument, [make()], set(batch.tables), frame)
    return graph, list(graph.nodes)[-1]


def _rows(make: Callable[[], Fold], instrument: Instrument, batch: Batch, frame: str) -> tuple[Table, str]:
    graph, key = _graph(make, instrument, batch, frame)
    return collect(graph, [batch])[key], key


def _unknowable(rows: Table, batch: Batch) -> list[Violation]:
    early = np.flatnonzero(rows["known_ts"] < rows["ref_ts"])
    return [Violation("known", int(rows["known_ts"][i]), "a row is known before what it is about.") for i in early[:3]]


def _first_difference(a: Table, b: Table) -> str | None:
    if len(a) != len(b):
        n = min(len(a), len(b))
        clock = (a if len(a) > len(b) else b).clock
        seen = "disappears when the future is taken away" if len(a) > len(b) else "appears only when the future is taken away"
        return f"{abs(len(a) - len(b))} of {max(len(a), len(b))} rows differ: one known {format_ts(int(clock[n]))} {seen}."
    for name in a.schema.names:
        x, y = a[name], b[name]
        same = (x == y) | ((x != x) & (y != y))
        if not same.all():
            i = int(np.argmin(same))
            return (
                f"column '{name}' of the row known {format_ts(int(a.clock[i]))} says {x[i]} with the future and {y[i]} without."
            )
    return None
