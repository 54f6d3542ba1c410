"""The one loop: batches in, steps out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from perpscope.core.batch import Batch
from perpscope.core.table import Table
from perpscope.engine.graph import Graph, Step


def steps(graph: Graph, batches: Iterable[Batch]) -> Iterator[Step]:
    """Drive the graph over the batches, one numbered step each."""
    for batch in batches:
        yield graph.step(batch)


def collect(graph: Graph, batches: Iterable[Batch]) -> dict[str, Table]:
    """All rows of all nodes over all batches.

    Example:
        >>> from perpscope.core.events import TRADE
        >>> from perpscope.core.instrument import Instrument
        >>> one = dict(exchange_ts=[0], receive_ts=[0], trade_id=[1], price=[10.0], quantity=[2.0], aggressor_side=[1])
        >>> trades = Table.of(TRADE, **one)
        >>> graph = Graph(Instrument("demo", "X"), ["bars"], {"trade"}, "1s")
        >>> collect(graph, [Batch(2 * 10**9, {"trade": trades})])["bars@1s"]["close"].tolist()
        [10.0, 10.0]
    """
    parts: dict[str, list[Table]] = {key: [node.fold.spec.output.empty()] for key, node in graph.nodes.items()}
    for step in steps(graph, batches):
        for key, table in step.rows.items():
            parts[key].append(table)
    return {key: Table.concat(tables) for key, tables in parts.items()}
