"""Answers: STRUCTURE.md ST7 (the bars of the sweep are its own), sums by hand."""

from __future__ import annotations

import numpy as np
import pytest

from perpscope.core.batch import Batch, cut
from perpscope.core.events import LIQUIDATION_TOTALS, OPEN_INTEREST
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import MINUTE
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect

# swing high 105 (bar 3, known with bar 4); bar 6 trades at 105.6 and closes at 105.4, bar 7 closes back at 104.8
HIGH = [103, 103, 103.5, 105, 104, 104.5, 105.6, 105.5, 105]
LOW = [101, 101, 102, 103.5, 102.5, 103.1, 104, 104, 104]
CLOSE = [102, 102, 103, 104, 103.5, 104.4, 105.4, 104.8, 104.5]
SETTINGS = {"swings": {"left": 1, "right": 1}, "pools": {"sources": "swing", "sweep_bars": 2}}


def totals(longs, shorts, step=MINUTE):
    ref = np.arange(len(longs)) * step
    return Table.of(
        LIQUIDATION_TOTALS,
        ref_ts=ref,
        known_ts=ref + step,
        long_quantity=longs,
        short_quantity=shorts,
        feed=np.ones(len(longs)),
    )


def interest(*pairs):
    return Table.filled(OPEN_INTEREST, exchange_ts=[p[0] for p in pairs], open_interest=[p[1] for p in pairs])


def context(bars, streams, watermarks=()):
    table = bars(HIGH, LOW, CLOSE)
    tables = {"bars@1m": table, **streams}
    graph = Graph(Instrument("d", "X", tick_size=0.1), ["sweep_context"], set(tables), "1m", SETTINGS)
    rows = collect(graph, cut(Batch(9 * MINUTE, tables), watermarks))["sweep_context@1m"]
    return [r for r in rows.rows() if r["side"] == "high"]


LONGS, SHORTS = np.arange(9.0), np.array([1.0, 2, 4, 8, 16, 32, 64, 128, 256])


@pytest.mark.parametrize("watermarks", [(), [k * MINUTE for k in range(1, 9)]])
def test_the_sums_are_those_of_the_bars_of_the_sweep(bars, watermarks):
    (row,) = context(bars, {"liquidation_totals@1m": totals(LONGS, SHORTS)}, watermarks)
    assert (row["short_liquidated"], row["long_liquidated"]) == (64 + 128, 6 + 7)
    assert row["known_ts"] == 8 * MINUTE
    assert row["open_interest_change"] is None


def test_open_interest_is_compared_from_the_first_open_to_the_returning_close(bars):
    stamps = interest((5 * MINUTE, 1000.0), (6 * MINUTE, 990.0), (7 * MINUTE, 960.0), (8 * MINUTE, 955.0), (9 * MINUTE, 1.0))
    (row,) = context(bars, {"open_interest": stamps})
    assert row["open_interest_change"] == 955 - 990
    assert row["long_liquidated"] is None


def test_snapshots_between_the_closes_do_not_depend_on_how_time_is_cut(bars):
    half = MINUTE // 2
    stamps = interest(*[(k * half, 1000.0 + k * k) for k in range(1, 19)])
    whole = context(bars, {"open_interest": stamps})
    assert whole[0]["open_interest_change"] == 16**2 - 12**2  # by the close of bar 7, by the open of bar 6
    assert whole == context(bars, {"open_interest": stamps}, [k * half + 1 for k in range(1, 18)])


def test_one_and_the_same_snapshot_tells_no_change(bars):
    (row,) = context(bars, {"open_interest": interest((5 * MINUTE, 1000.0))})
    assert row["open_interest_change"] is None


def test_a_quiet_feed_says_zero_and_a_coarse_one_says_nothing(bars):
    (row,) = context(bars, {"liquidation_totals@1m": totals(np.zeros(1), np.zeros(1))})
    assert (row["long_liquidated"], row["short_liquidated"]) == (0, 0)
    (row,) = context(bars, {"liquidation_totals@5m": totals(np.ones(1), np.ones(1), 5 * MINUTE)})
    assert row["long_liquidated"] is None
