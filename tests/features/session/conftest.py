"""Bars by hand on a clock, and a graph over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from perpscope.core.batch import Batch, cut
from perpscope.core.events import BARS
from perpscope.core.fold import Fold
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import Timeframe, parse_ts
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect

Bars = Callable[..., Table]
Run = Callable[..., Table]


def make_bars(begin: str, end: str, frame: str = "5m", level: float = 100.0, special: dict | None = None) -> Table:
    """Bars of one price from `begin` to `end`; `special` maps an opening time to columns that differ there."""
    step = Timeframe.parse(frame).ns
    ref = np.arange(parse_ts(begin), parse_ts(end), step, dtype=np.int64)
    columns = {name: np.full(len(ref), level) for name in ("open", "high", "low", "close")}
    columns |= {"volume": np.full(len(ref), 3.0), "buy_volume": np.full(len(ref), 2.0), "sell_volume": np.ones(len(ref))}
    whole = np.ones(len(ref), bool)
    for when, values in (special or {}).items():
        (i,) = np.flatnonzero(ref == parse_ts(when))
        for name, value in values.items():
            if name == "complete":
                whole[i] = value
            else:
                columns[name][i] = value
    return Table.filled(BARS, ref_ts=ref, known_ts=ref + step, complete=whole, **columns)


@pytest.fixture
def bars() -> Bars:
    return make_bars


@pytest.fixture
def run() -> Run:
    """Rows of a feature over bars, in one batch or cut at the given times."""

    def over(
        wanted: str | Fold,
        table: Table,
        settings: dict | None = None,
        frame: str = "5m",
        tick: float = 0.1,
        venue: str = "demo",
        watermarks: Sequence[int] = (),
    ) -> Table:
        graph = Graph(Instrument(venue, "X", tick_size=tick), [wanted], {f"bars@{frame}"}, frame, settings)
        batch = Batch(int(table["known_ts"][-1]), {f"bars@{frame}": table})
        return collect(graph, cut(batch, watermarks))[list(graph.nodes)[-1]]

    return over
