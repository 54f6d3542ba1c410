"""Answers: STRUCTURE.md ST6 and ST7 (by hand)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.events import BARS
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import MINUTE
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect

# swing highs 105.0 (bar 3) and 105.1 (bar 5); with ATR span 1 the ATR before bar 6, which confirms the second, is 2
HIGH = [103, 103, 103.5, 105.0, 104, 105.1, 104.5]
LOW = [101, 101, 102, 103.5, 102.5, 103.1, 102.6]
CLOSE = [102, 102, 103, 104, 103.5, 104.4, 103]
BASE = {"swings": {"left": 1, "right": 1}, "pools": {"atr_span": 1, "sources": "equal"}}


def with_(**pools):
    return {**BASE, "pools": {**BASE["pools"], **pools}}


def highs(rows):
    return rows[rows["side"] == 1]


def life(rows):
    return [(r["event"], r["known_ts"] // MINUTE - 1, r["price"], r["members"]) for r in rows.rows()]


def after(bars, *more):
    """The bars above, followed by (high, low, close)."""
    high, low, close = ([*b, *(m[k] for m in more)] for k, b in enumerate((HIGH, LOW, CLOSE)))
    return bars(high, low, close)


def test_two_near_swing_highs_are_one_pool_at_the_higher(bars, run):
    assert life(highs(run("pools", after(bars), BASE))) == [("opened", 6, 105.1, 2)]


def test_beyond_the_tolerance_they_are_not(bars, run):
    assert len(highs(run("pools", after(bars), with_(tolerance_atr=0.049)))) == 0
    assert len(highs(run("pools", after(bars), with_(tolerance_atr=0.05)))) == 1


def test_too_far_apart_in_time_they_are_not(bars, run):
    assert len(highs(run("pools", after(bars), with_(span_bars=1)))) == 0
    assert len(highs(run("pools", after(bars), with_(span_bars=2)))) == 1


def test_a_close_above_the_highest_in_between_parts_them(bars, run):
    table = after(bars)
    for between, found in ((105.1, 1), (105.15, 0)):
        close = np.array(CLOSE)
        close[4] = between  # no bar can close above its high, but the rule is about the close
        assert len(highs(run("pools", table.with_columns(close=close), with_(tolerance_atr=0.2)))) == found


def test_a_single_swing_is_a_pool_of_one_and_grows(bars, run):
    rows = highs(run("pools", after(bars), with_(sources="swing,equal", sweep_bars=9)))
    assert life(rows)[0] == ("opened", 4, 105.0, 1)
    # bar 5 trades beyond 105.0 and bar 6 confirms 105.1: that pool was taken, so the pair is a new one
    rows = highs(run("pools", after(bars), with_(sources="swing,equal")))
    assert life(rows) == [("opened", 4, 105.0, 1), ("swept", 5, 105.0, 1), ("opened", 6, 105.1, 2)]


def test_a_further_swing_makes_a_live_pool_grow(bars, run):
    rows = highs(run("pools", after(bars, (105.05, 103, 103.5), (104, 102, 103)), with_(sources="equal")))
    assert life(rows) == [("opened", 6, 105.1, 2), ("grown", 8, 105.1, 3)]
    assert len(set(rows["id"].tolist())) == 1
    assert [r["source"] for r in rows.rows()] == ["equal", "equal"]


def test_a_return_within_the_bar_is_a_sweep(bars, run):
    rows = highs(run("pools", after(bars, (105.6, 103, 104.9)), BASE))
    last = list(rows.rows())[-1]
    assert (last["event"], round(last["depth"], 9), last["bars_beyond"]) == ("swept", 0.5, 1)
    # ATR(1) of bar 6: max(104.5, 104.4) - min(102.6, 104.4) = 1.9; wick: from the close 104.9 to 105.6, of a range 2.6
    assert last["depth_atr"] == pytest.approx(0.5 / 1.9)
    assert last["wick_fraction"] == pytest.approx(0.7 / 2.6)


@pytest.mark.parametrize(("patience", "second", "expected"), [
    (1, 105.0, [("broken", 7)]),
    (2, 105.0, [("swept", 8)]),
    (2, 105.3, [("broken", 8)]),
    (3, 105.3, []),
])  # fmt: skip
def test_a_later_return_counts_as_far_as_patience_reaches(bars, run, patience, second, expected):
    table = after(bars, (105.6, 103, 105.4), (105.5, 104, second))
    rows = highs(run("pools", table, with_(sweep_bars=patience)))
    assert [(e, at) for e, at, _, _ in life(rows)[1:]] == expected


def test_touching_a_pool_is_not_trading_beyond_it(bars, run):
    assert len(highs(run("pools", after(bars, (105.1, 103, 104)), BASE))) == 1


def test_sweeps_are_the_swept_rows_of_pools(bars, run):
    table = after(bars, (105.6, 103, 104.9))
    rows = run("sweeps", table, BASE)
    pools = run("pools", table, BASE)
    swept = pools[pools["event"] == 3]
    assert rows["pool_id"].tolist() == swept["id"].tolist()
    assert rows["depth"].tolist() == swept["depth"].tolist()


def test_a_hole_expires_pools(bars, run):
    later = bars([104] * 3, [103] * 3, [103.5] * 3, start=30 * MINUTE)
    rows = highs(run("pools", Table.concat([after(bars), later]), BASE))
    assert [(r["event"], r["cause"], r["known_ts"] // MINUTE - 1) for r in rows.rows()] == [
        ("opened", None, 6), ("expired", "gap", 30),
    ]  # fmt: skip


def test_old_pools_expire(bars, run):
    rows = highs(run("pools", after(bars, *[(104.0 - k / 10, 102.0, 103.0) for k in range(8)]), with_(max_age_bars=5)))
    assert [(r["event"], r["cause"], r["known_ts"] // MINUTE - 1) for r in rows.rows()] == [
        ("opened", None, 6), ("expired", "age", 11),
    ]  # fmt: skip


def test_a_full_house_crowds_out_the_oldest(bars, run):
    tops = np.linspace(150, 100, 20)
    high = [100.0] + [x for top in tops for x in (top, 99.0)]
    table = bars(high, np.full(41, 90.0), np.full(41, 95.0))
    rows = highs(run("pools", table, with_(sources="swing", max_live=8)))
    left = [r for r in rows.rows() if r["event"] == "expired"]
    assert {r["cause"] for r in left} == {"crowded"}
    assert [r["price"] for r in left] == tops[: len(left)].tolist()


@given(
    st.lists(st.tuples(st.integers(-4, 4), st.integers(0, 3), st.integers(0, 3)), min_size=5, max_size=120), st.integers(1, 3)
)
def test_pools_of_single_swings_end_as_the_rule_applied_one_by_one_says(steps, patience):
    close = 100.0 + np.cumsum([s for s, _, _ in steps])
    high, low = close + [u for _, u, _ in steps], close - [d for _, _, d in steps]
    ref = np.arange(len(close)) * MINUTE
    table = Table.filled(
        BARS, ref_ts=ref, known_ts=ref + MINUTE, open=close, high=high, low=low, close=close, complete=np.ones(len(ref), bool)
    )
    settings = {"swings": {"left": 1, "right": 1}, "pools": {"sources": "swing", "sweep_bars": patience}}
    graph = Graph(Instrument("d", "X", tick_size=0.5), ["pools"], {"bars@1m"}, "1m", settings)
    got = collect(graph, [Batch(int(ref[-1]) + MINUTE, {"bars@1m": table})])
    ended = {
        (r["side"], r["ref_ts"] // MINUTE, r["event"], r["known_ts"] // MINUTE - 1)
        for r in got["pools@1m"].rows()
        if r["event"] in ("swept", "broken")
    }
    expected = set()
    swings = got["swings@1m"]
    for r in swings[swings["event"] == 1].rows():
        v, c = (high, close) if r["side"] == "high" else (-low, -close)
        pivot, known = r["ref_ts"] // MINUTE, r["known_ts"] // MINUTE - 1
        beyond = [i for i in range(known + 1, len(c)) if v[i] > v[pivot]]
        window = range(beyond[0], min(beyond[0] + patience, len(c))) if beyond else ()
        back = [i for i in window if c[i] <= v[pivot]]
        if back:
            expected.add((r["side"], pivot, "swept", back[0]))
        elif len(window) == patience:
            expected.add((r["side"], pivot, "broken", window[-1]))
    assert ended == expected


@pytest.mark.parametrize("wrong", [{"sources": "hope"}, {"tolerance_atr": -1.0}, {"sweep_bars": 0}, {"span_bars": 0}])
def test_a_setting_out_of_range_is_refused(run, bars, wrong):
    with pytest.raises(UserError):
        run("pools", bars([1], [1], [1]), {"pools": wrong})
