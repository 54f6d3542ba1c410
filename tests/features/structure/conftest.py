"""Bars by hand, and a graph over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from perpscope.core.batch import Batch, cut
from perpscope.core.events import BARS
from perpscope.core.fold import Fold
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import MINUTE
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect

Bars = Callable[..., Table]
Run = Callable[..., Table]


def make_bars(high, low, close, open_=None, start: int = 0, step: int = MINUTE, complete=None) -> Table:
    """Bars one after the other; without opens, each opens at the close before."""
    high, low, close = (np.asarray(x, float) for x in (high, low, close))
    opens = np.r_[close[:1], close[:-1]] if open_ is None else np.asarray(open_, float)
    ref = start + step * np.arange(len(high), dtype=np.int64)
    whole = np.ones(len(high), bool) if complete is None else np.asarray(complete, bool)
    return Table.filled(BARS, ref_ts=ref, known_ts=ref + step, open=opens, high=high, low=low, close=close, complete=whole)


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
        frame: str = "1m",
        tick: float = 0.05,
        watermarks: Sequence[int] = (),
    ) -> Table:
        instrument = Instrument("demo", "X", tick_size=tick)
        graph = Graph(instrument, [wanted], {f"bars@{frame}"}, frame, settings)
        batch = Batch(int(table["known_ts"][-1]), {f"bars@{frame}": table})
        return collect(graph, cut(batch, watermarks))[list(graph.nodes)[-1]]

    return over
