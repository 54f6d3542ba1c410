"""The laws of ARCHITECTURE.md section 5 as functions: each takes a way to make a fold, a market and a choice.

They raise AssertionError when the law is broken; test_laws_bite.py shows for each one a fold that breaks it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from laws.market import FRAME, MIRROR_ABOUT, Market, mirror_table, mirrored, read_only, scale_table, scaled, with_hole
from perpscope.core.batch import cut
from perpscope.core.fold import Fold
from perpscope.core.state import freeze
from perpscope.core.table import Table
from perpscope.core.time import HOUR
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect

MakeFold = Callable[[], Fold]


def graph_of(make: MakeFold, market: Market) -> tuple[Graph, str]:
    fold = make()
    graph = Graph(market.instrument, [fold], set(market.tables), fold.frame or FRAME)
    return graph, list(graph.nodes)[-1]


def rows_of(make: MakeFold, market: Market, watermarks: Sequence[int] = ()) -> Table:
    graph, key = graph_of(make, market)
    return collect(graph, cut(market.batch(), watermarks))[key]


def law_split(make: MakeFold, market: Market, watermarks: Sequence[int]) -> None:
    """One batch gives the same rows as any partition of it."""
    assert_same(rows_of(make, market), rows_of(make, market, watermarks))


def law_truncation(make: MakeFold, market: Market, at: int) -> None:
    """Rows known by t do not change when the data after t is taken away."""
    whole = rows_of(make, market)
    assert_same(whole[whole.clock <= at], rows_of(make, market.until(at)))


def law_known(make: MakeFold, market: Market, watermarks: Sequence[int]) -> None:
    """Nothing is known before it happened, rows come in known order, and none after the watermark."""
    rows = rows_of(make, market, watermarks)
    assert (rows["known_ts"] >= rows["ref_ts"]).all(), "a row was known before what it is about"
    assert (np.diff(rows["known_ts"]) >= 0).all(), "rows are out of order"
    assert not len(rows) or rows["known_ts"][-1] <= market.end, "a row comes from the future"


def law_resume(make: MakeFold, market: Market, at: int) -> None:
    """Freeze the state, thaw it elsewhere, go on: the same rows."""
    whole = rows_of(make, market)
    first, key = graph_of(make, market)
    head, tail = list(cut(market.batch(), [at]))
    before = collect(first, [head])[key]
    second, _ = graph_of(make, market)
    second.thaw(first.freeze())
    assert_same(whole, Table.concat([before, collect(second, [tail])[key]]))


def law_innocence(make: MakeFold, market: Market) -> None:
    """Inputs are not written to."""
    inputs = read_only(market)
    before = {name: freeze(table) for name, table in inputs.tables.items()}
    rows_of(make, inputs)  # a write into these arrays raises by itself
    assert before == {name: freeze(table) for name, table in inputs.tables.items()}, "the fold changed its input"


def law_mirror(make: MakeFold, market: Market) -> None:
    """The market upside down gives the rows upside down."""
    assert_same_set(mirror_table(rows_of(make, market)), rows_of(make, mirrored(market)), atol=1e-9 * MIRROR_ABOUT)


def law_scale(make: MakeFold, market: Market, k: float = 4.0, m: float = 8.0) -> None:
    """Prices times k and quantities times m act as the units say."""
    assert_same_set(scale_table(rows_of(make, market), k, m), rows_of(make, scaled(market, k, m)), atol=1e-9)


def law_gap(make: MakeFold, market: Market, start: int, end: int) -> None:
    """No row spans a hole (but for EXPIRED), and what follows it is what a fresh start would say."""
    holed = with_hole(market, start, end)
    rows = rows_of(make, holed)
    expired = _is_expired(rows)
    spans = (rows["ref_ts"] < start) & (rows["known_ts"] > end) & ~expired
    assert not spans.any(), f"{int(spans.sum())} rows span the hole"
    later = rows[(rows["known_ts"] > end) & ~((rows["ref_ts"] < start) & expired)]
    fresh = rows_of(make, holed.since(end))
    assert_same_set(later, fresh[fresh["known_ts"] > end], atol=1e-9)


def law_warmup(make: MakeFold, market: Market) -> None:
    """With fewer bars than the warm-up there is no row."""
    fold = make()
    if fold.warmup > 1:
        first = int(market.tables[f"bars@{FRAME}"]["known_ts"][0])
        early = market.until(first + (fold.warmup - 2) * HOUR)
        assert len(rows_of(make, early)) == 0, f"rows came within {fold.warmup - 1} bars, the warm-up is {fold.warmup}"


def law_bounded(make: MakeFold, market: Market) -> None:
    """The state of a market three times as long is no larger, once the lookback is full."""
    third = (
        int(market.tables[f"bars@{FRAME}"]["known_ts"][0])
        + (market.end - int(market.tables[f"bars@{FRAME}"]["ref_ts"][0])) // 3
    )
    sizes = []
    for part in (market.until(third), market):
        graph, key = graph_of(make, part)
        collect(graph, [part.batch()])
        sizes.append(_weight(graph.nodes[key].state))
    assert sizes[1] <= 1.5 * sizes[0] + 8192, f"the state grew from {sizes[0]} to {sizes[1]} bytes"


def law_described(make: MakeFold) -> None:
    """The docstring has a definition, units, a source and an example (which doctest runs)."""
    text = type(make()).__doc__ or ""
    missing = [word for word in ("Definition", "nit", "Source", "Example", ">>>") if word not in text]
    assert not missing, f"the docstring lacks {missing}"


def assert_same(a: Table, b: Table) -> None:
    """Bit for bit."""
    assert len(a) == len(b), f"{len(a)} rows against {len(b)}"
    for name in a.schema.names:
        same = (a[name] == b[name]) | ((a[name] != a[name]) & (b[name] != b[name]))
        assert same.all(), (
            f"column {name} differs first at row {int(np.argmin(same))}: {a[name][~same][:3]} against {b[name][~same][:3]}"
        )


def assert_same_set(a: Table, b: Table, atol: float) -> None:
    """The same rows up to rounding, to the order of rows known at one instant, and to a renaming of ids."""
    assert len(a) == len(b), f"{len(a)} rows against {len(b)}"
    values = [c for c in a.schema.columns if c.unit != "id"]
    a, b = _ordered(a, values), _ordered(b, values)
    for column in values:
        x, y = a[column.name], b[column.name]
        if x.dtype.kind == "f":
            assert np.allclose(x, y, rtol=1e-7, atol=atol, equal_nan=True), f"column {column.name} differs: {_worst(x, y)}"
        else:
            assert (x == y).all(), f"column {column.name} differs at {np.flatnonzero(x != y)[:3]}"


def _ordered(table: Table, columns: Sequence) -> Table:
    keys = [
        np.round(table[c.name].astype(np.float64), 4) if table[c.name].dtype.kind == "f" else table[c.name]
        for c in reversed(columns)
    ]
    return table[np.lexsort([*keys, table["known_ts"]])]


def _worst(x: np.ndarray, y: np.ndarray) -> str:
    gap = np.where(np.isnan(x) != np.isnan(y), np.inf, np.abs(np.nan_to_num(x) - np.nan_to_num(y)))
    i = int(np.argmax(gap))
    return f"row {i}: {x[i]!r} against {y[i]!r}"


def _is_expired(rows: Table) -> np.ndarray:
    column = rows.schema.by_name.get("event")
    if column is None or column.enum is None or "EXPIRED" not in column.enum.__members__:
        return np.zeros(len(rows), bool)
    return rows["event"] == column.enum["EXPIRED"]


def _weight(value: object) -> int:
    if isinstance(value, dict):
        return sum(_weight(v) for v in value.values())
    if isinstance(value, (list, tuple)):
        return sum(map(_weight, value))
    if isinstance(value, (np.ndarray, Table)):
        return value.nbytes
    return 16
