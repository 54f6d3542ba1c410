"""Answers: STRUCTURE.md ST1 and ST2 (by hand), section 8 (an independent slow program), and a slow rule in this file."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpscope.core.errors import UserError
from perpscope.core.time import HOUR, MINUTE, parse_ts

ST2_HIGH = [10, 12, 11, 10, 11, 14, 13, 12, 13, 12, 9, 10, 9]
ST2_LOW = [8, 9, 9, 7, 8, 10, 11, 10, 11, 8, 6, 7, 5]
ST2_CLOSE = [9, 11, 10, 8, 10, 13, 12, 11, 12, 9, 7, 9, 5.5]


def facts(rows, *names):
    return list(zip(*(rows[n].tolist() for n in names)))


def bar_of(ts):
    return ts // MINUTE


def test_of_equal_highs_the_first_is_the_swing(bars, run):
    high = [1, 2, 5, 3, 5, 4, 2]
    rows = run("swings", bars(high, np.zeros(7), np.zeros(7)), {"swings": {"left": 2, "right": 2}})
    highs = rows[rows["side"] == 1]
    assert facts(highs, "price") == [(5.0,)]
    assert (bar_of(highs["ref_ts"]).tolist(), bar_of(highs["known_ts"]).tolist()) == ([2], [5])  # known at the close of bar 4


def test_a_strict_right_side_finds_nothing_in_a_double_top(bars, run):
    high = [1, 2, 5, 3, 5, 4, 2]
    rows = run("swings", bars(high, np.zeros(7), np.zeros(7)), {"swings": {"left": 2, "right": 2, "right_rule": "gt"}})
    assert not (rows["side"] == 1).any()


def test_the_swings_of_the_worked_example(bars, run):
    rows = run("swings", bars(ST2_HIGH, ST2_LOW, ST2_CLOSE), {"swings": {"left": 1, "right": 1}})
    short = rows[rows["strength"] == 1]
    got = [("HL"[s - 1], bar_of(r), p, bar_of(k) - 1) for s, r, p, k in facts(short, "side", "ref_ts", "price", "known_ts")]
    assert got == [
        ("H", 1, 12, 2), ("L", 3, 7, 4), ("H", 5, 14, 6), ("L", 7, 10, 8), ("H", 8, 13, 9), ("L", 10, 6, 11), ("H", 11, 10, 12),
    ]  # fmt: skip


def test_a_swing_becomes_intermediate_when_its_right_neighbour_is_confirmed(bars, run):
    rows = run("swings", bars(ST2_HIGH, ST2_LOW, ST2_CLOSE), {"swings": {"left": 1, "right": 1}})
    stronger = rows[rows["event"] == 2]
    highs = stronger[stronger["side"] == 1]
    assert facts(highs, "price", "strength") == [(14.0, 2)]
    assert bar_of(highs["known_ts"]).tolist() == [10]  # the close of bar 9
    assert highs["id"][0] in rows[rows["event"] == 1]["id"]


def test_a_long_swing_is_the_middle_of_three_intermediates(bars, run):
    # swing highs at every second bar: 2 3 2 5 2 4 2 -> intermediates 3, 5, 4 -> long 5
    tops = [2, 3, 2, 5, 2, 4, 2]
    high = [1.0] + [x for top in tops for x in (top, 1.0)]
    rows = run("swings", bars(high, np.zeros(15), np.zeros(15)), {"swings": {"left": 1, "right": 1}})
    assert rows[rows["strength"] == 2]["price"].tolist() == [3, 5, 4]
    assert rows[rows["strength"] == 3]["price"].tolist() == [5]
    assert bar_of(rows[rows["strength"] == 3]["known_ts"]).tolist() == [15]  # the close of bar 14, with the last swing


def test_a_flat_market_swings_only_at_the_first_equal_bar(bars, run):
    high = [1.0] + [2.0] * 30
    rows = run("swings", bars(high, np.zeros(31), np.zeros(31)), {"swings": {"left": 1, "right": 3}})
    assert bar_of(rows["ref_ts"]).tolist() == [1]


def test_prominence_filters_a_swing_that_hardly_stands_out(bars, run):
    # by hand: ATR(1) of the bar before the confirming one is 2, the pivot stands 3 above its higher flank low of 8
    high, low, close = [10, 10, 11, 10, 10], [8, 8, 9, 8, 8], [9, 9, 10, 9, 9]
    low[2] = 9
    for least, found in ((1.5, 1), (1.6, 0)):
        settings = {"swings": {"left": 1, "right": 1, "min_prominence_atr": least, "atr_span": 1}}
        rows = run("swings", bars(high, low, close), settings)
        assert len(rows[rows["side"] == 1]) == found


def test_a_hole_forgets_the_bars_before_it(bars, run):
    from perpscope.core.table import Table

    before, after = bars([1, 2, 5], [0] * 3, [0] * 3), bars([3, 2, 1, 1], [0] * 4, [0] * 4, start=5 * MINUTE)
    rows = run("swings", Table.concat([before, after]), {"swings": {"left": 2, "right": 2}})
    assert len(rows[rows["side"] == 1]) == 0


def test_an_incomplete_bar_counts_as_missing(bars, run):
    table = bars([1, 2, 5, 3, 2], [0] * 5, [0] * 5, complete=[1, 1, 1, 0, 1])
    assert len(run("swings", table, {"swings": {"left": 1, "right": 1}})) == 0


def test_noise_below_a_tick_does_not_break_a_tie(bars, run):
    high = [1, 2, 100.3, 3, 100.30000000000001, 4, 2]
    rows = run("swings", bars(high, np.zeros(7), np.zeros(7)), {"swings": {"left": 2, "right": 2}}, tick=0.1)
    assert bar_of(rows[rows["side"] == 1]["ref_ts"]).tolist() == [2]


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=60),
    st.integers(1, 4),
    st.integers(1, 4),
    st.booleans(),
)
def test_swings_equal_the_rule_applied_bar_by_bar(bars_given, left, right, strict):
    from perpscope.core.batch import Batch
    from perpscope.core.events import GAP
    from perpscope.core.instrument import Instrument
    from perpscope.features.structure.swings import SwingParams, Swings

    high = np.array([max(a, b) for a, b in bars_given], float)
    low = np.array([min(a, b) for a, b in bars_given], float)
    ref = np.arange(len(high)) * MINUTE
    from perpscope.core.events import BARS
    from perpscope.core.table import Table

    table = Table.filled(
        BARS, ref_ts=ref, known_ts=ref + MINUTE, open=low, high=high, low=low, close=low, complete=np.ones(len(high), bool)
    )
    fold = Swings(SwingParams(left=left, right=right, right_rule="gt" if strict else "ge"))
    rows = fold.fold(fold.start(Instrument("d", "X", tick_size=1.0)), Batch(10**18, {"bars": table, "gap": GAP.empty()}))
    short = rows[rows["event"] == 1]
    expected = set()
    for side, v in ((1, high), (2, -low)):
        for t in range(left, len(v) - right):
            lefts, rights = v[t - left : t], v[t + 1 : t + right + 1]
            if (lefts < v[t]).all() and ((rights < v[t]).all() if strict else (rights <= v[t]).all()):
                expected.add((side, t, t + right))
    assert {(s, bar_of(r), bar_of(k) - 1) for s, r, k in facts(short, "side", "ref_ts", "known_ts")} == expected
    assert len(short) == len(expected)


@pytest.mark.parametrize(("n", "highs", "lows"), [(1, 2066, 2064), (5, 566, 555), (10, 296, 270)])
def test_counts_on_a_year_of_bitcoin_hours(shared_data, bars, run, n, highs, lows):
    frame = pl.read_parquet(shared_data / "bars/binance_perp/1h/BTCUSDT.parquet")
    first, last = (parse_ts(d) // 1_000_000 for d in ("2024-01-01", "2025-01-01"))
    frame = frame.filter((pl.col("ts") >= first) & (pl.col("ts") < last))
    table = bars(*(frame[c].to_numpy() for c in ("high", "low", "close")), start=first * 1_000_000, step=HOUR)
    rows = run("swings", table, {"swings": {"left": n, "right": n}}, frame="1h", tick=0.1)
    short = rows[rows["event"] == 1]
    assert ((short["side"] == 1).sum(), (short["side"] == 2).sum()) == (highs, lows)


@pytest.mark.parametrize("wrong", [{"left": 0}, {"right": 0}, {"right_rule": "eq"}, {"min_prominence_atr": -1.0}])
def test_a_setting_out_of_range_is_refused(run, bars, wrong):
    with pytest.raises(UserError):
        run("swings", bars([1], [1], [1]), {"swings": wrong})
