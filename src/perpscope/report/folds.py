"""Which folds a report runs: all that the data can feed, and for the others the reason why not."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from perpscope.core.batch import Batch, cut
from perpscope.core.errors import UserError
from perpscope.core.events import GAP, KINDS, stream_kind
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.engine.catalogue import all_folds, fold_class
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect
from perpscope.report.progress import Progress, silent

SETTINGS: dict[str, dict[str, Any]] = {"liquidation_exposure": {"refresh_hours": 6}}
"""The map is stated anew as often as its cohorts grow older, so that what is older than a day is seen to be."""

CHUNK_ROWS = 200_000
"""Rows of input between two reports of progress."""


def graph_of(
    instrument: Instrument,
    tables: Mapping[str, Table],
    frame: str,
    given: Mapping[str, Mapping[str, Any]] | None = None,
    leave_out: Collection[str] = (),
) -> tuple[Graph, dict[str, str]]:
    """A graph of every fold that can run, and the reason for each that cannot.

    Each fold is first tried alone, on two rows of every stream, so that one that refuses the frame or the instrument
    does not spoil the rest. A stream without rows counts as one that will speak. `given` are settings by fold name on top
    of the report's own; folds to `leave_out` run only where another needs them.

    Raises:
        UserError: if bars of the frame cannot be made from what the data has.
    """
    offered = set(tables)
    settings = {name: {**SETTINGS.get(name, {}), **(given or {}).get(name, {})} for name in {*SETTINGS, *(given or {})}}
    two = {name: table[:2] for name, table in tables.items()}
    last = max((int(t.clock[-1]) for t in two.values() if len(t)), default=0)
    taste = Batch(last, {**two, "gap": GAP.empty()})
    empty = Graph(instrument, ["bars"], offered, frame)  # without bars of this frame there is nothing to say
    able, refused = [], {}
    for name in all_folds():
        if name in leave_out:
            refused[name] = "It was not asked for."
            continue
        try:
            missing = sorted(set(_missing(empty, name, frame)))
            if missing:
                refused[name] = f"The data has no {' and no '.join(missing)}."
            else:
                Graph(instrument, [name], offered, frame, settings).step(taste)
                able.append(name)
        except UserError as fault:
            refused[name] = str(fault)
    return Graph(instrument, ["bars", *able], offered, frame, settings), refused


def run(graph: Graph, tables: Mapping[str, Table], gaps: Table, at: int, progress: Progress = silent) -> dict[str, Table]:
    """All rows of all nodes over the tables, as one batch or, where there is much, as a few: the rows are the same."""
    total = sum(map(len, tables.values()))
    pieces = max(1, total // CHUNK_ROWS)
    first = min(int(t.clock[0]) for t in tables.values())
    edges = [first + (at - first) * k // pieces for k in range(1, pieces)]

    def told() -> Iterator[Batch]:
        for k, batch in enumerate(cut(Batch(at, {**tables, "gap": gaps}), edges)):
            progress("analysing", k, pieces)
            yield batch

    rows = collect(graph, told())
    progress("analysing", pieces, pieces)
    return rows


def _missing(graph: Graph, name: str, frame: str) -> Iterator[str]:
    """The kinds of event, in words, that a fold needs and nobody supplies."""
    one_of: tuple[str, ...] = getattr(fold_class(name), "one_of", ())
    if one_of and not any(map(graph.can_supply, one_of)):
        yield " or ".join(kind.replace("_", " ") for kind in one_of)
    for declared in fold_class(name).with_settings({}, frame).inputs:
        if declared.endswith("?") or graph.can_supply(declared):
            continue
        kind = stream_kind(declared)
        if kind in KINDS:
            yield kind.replace("_", " ")
        else:
            yield from _missing(graph, kind, frame)
