"""Answers: STRUCTURE.md ST4 (by hand), section 8 (an independent slow program), and a slow zone life in this file."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.events import BARS, GAP
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import HOUR, MINUTE, parse_ts
from perpscope.features.structure.fair_value_gap import FairValueGaps, GapParams

HIGH = [10, 13, 15, 15, 14, 12, 11, 10.9, 12.6]
LOW = [9, 10, 12, 11.5, 10.8, 9.8, 9.2, 9.3, 9.6]
CLOSE = [9.5, 12.8, 14.5, 14, 11.5, 10.4, 9.5, 9.6, 12.4]


def life(rows):
    """(event, bar at whose close it was known) of every row."""
    return [(r["event"], r["known_ts"] // MINUTE - 1) for r in rows.rows()]


def test_the_worked_life_of_a_bullish_gap(bars, run):
    rows = run("fair_value_gaps", bars(HIGH, LOW, CLOSE))
    up = rows[rows["direction"] == 1]
    assert life(up) == [("opened", 2), ("touched", 3), ("halved", 4), ("filled", 5), ("broken", 6)]
    assert set(zip(up["bottom"].tolist(), up["top"].tolist(), strict=True)) == {(10.0, 12.0)}
    assert set((up["ref_ts"] // MINUTE).tolist()) == {1}
    assert len(set(up["id"].tolist())) == 1
    assert up["remaining_top"].tolist() == [12, 11.5, 10.8, 10, 10]


def test_everything_may_happen_within_one_bar(bars, run):
    rows = run("fair_value_gaps", bars([10, 13, 15, 15], [9, 10, 12, 8], [9.5, 12.8, 14.5, 8.5]))
    up = rows[rows["direction"] == 1]
    assert life(up) == [("opened", 2), ("touched", 3), ("halved", 3), ("filled", 3), ("broken", 3)]


def test_a_wick_through_the_far_edge_fills_but_does_not_break(bars, run):
    rows = run("fair_value_gaps", bars([10, 13, 15, 15, 13], [9, 10, 12, 9, 9.9], [9.5, 12.8, 14.5, 12, 9.95]))
    up = rows[rows["direction"] == 1]
    assert life(up) == [("opened", 2), ("touched", 3), ("halved", 3), ("filled", 3), ("broken", 4)]


def test_touching_bars_leave_no_gap(bars, run):
    assert len(run("fair_value_gaps", bars([10, 13, 15], [9, 10, 10], [9.5, 12.8, 14.5]))) == 0


def test_size_is_measured_against_the_atr_before_the_third_bar(bars, run):
    # by hand, span 1: TR of bar 1 = max(13, 9.5) - min(10, 9.5) = 3.5, gap 2
    rows = run("fair_value_gaps", bars(HIGH[:3], LOW[:3], CLOSE[:3]), {"fair_value_gaps": {"atr_span": 1}})
    assert rows["size_atr"].tolist() == [2 / 3.5]


def test_the_size_filter_uses_that_atr_too(bars, run):
    for least, found in ((2 / 3.5, 1), (0.58, 0)):
        settings = {"fair_value_gaps": {"atr_span": 1, "min_size_atr": least}}
        assert len(run("fair_value_gaps", bars(HIGH[:3], LOW[:3], CLOSE[:3]), settings)) == found


def test_filters_look_at_the_middle_bar(bars, run):
    # bodies 0.5, 0.5, then the middle bar: open 11, close given; span 2; TRs: 1, 1, so ATR 1 before the middle bar
    def found(rule, middle_close, **more):
        open_, close = [9.5, 9.5, 10, 11, 14], [9, 10, 9.5, middle_close, 15]
        table = bars([10, 10, 10, 13.5, 16], [9, 9, 9, 10, 13], close, open_)
        settings = {"fair_value_gaps": {"filter": rule, "atr_span": 2, **more}}
        rows = run("fair_value_gaps", table, settings)
        return len(rows)

    assert found("none", 10.5) == 1
    assert (found("middle_colour", 10.5), found("middle_colour", 11.05)) == (0, 1)
    assert (found("body_2x", 11.95), found("body_2x", 12.0)) == (0, 1)
    assert (found("displacement", 12.45), found("displacement", 12.5), found("displacement", 13.3)) == (0, 0, 1)
    assert found("displacement", 12.5, body_fraction=0.4) == 1


def test_a_hole_expires_what_is_live(bars, run):
    before, after = bars(HIGH[:4], LOW[:4], CLOSE[:4]), bars([14, 14], [13, 13], [13.5, 13.5], start=9 * MINUTE)
    rows = run("fair_value_gaps", Table.concat([before, after]))
    assert life(rows) == [("opened", 2), ("touched", 3), ("expired", 9)]
    assert [r["cause"] for r in rows.rows()] == [None, None, "gap"]


def test_three_bars_around_a_hole_make_no_gap(bars, run):
    before, after = bars(HIGH[:2], LOW[:2], CLOSE[:2]), bars(HIGH[2:3], LOW[2:3], CLOSE[2:3], start=9 * MINUTE)
    assert len(run("fair_value_gaps", Table.concat([before, after]))) == 0


def test_an_incomplete_bar_expires_what_is_live(bars, run):
    table = bars(HIGH[:5] + [14], LOW[:5] + [13], CLOSE[:5] + [13.5], complete=[1, 1, 1, 1, 0, 1])
    assert life(run("fair_value_gaps", table)) == [("opened", 2), ("touched", 3), ("expired", 5)]


def test_old_gaps_expire(bars, run):
    table = bars(HIGH[:3] + [20] * 9, LOW[:3] + [15] * 9, CLOSE[:3] + [17] * 9)
    rows = run("fair_value_gaps", table, {"fair_value_gaps": {"max_age_bars": 5}})
    first = rows[rows["ref_ts"] == MINUTE]
    assert life(first) == [("opened", 2), ("expired", 7)]
    assert [r["cause"] for r in first.rows()] == [None, "age"]


def test_new_gaps_crowd_out_the_oldest(bars, run):
    low = np.arange(20.0) * 2
    rows = run("fair_value_gaps", bars(low + 1, low, low + 1), {"fair_value_gaps": {"max_live": 6}})
    left = rows[rows["event"] == 6]
    assert left["ref_ts"].tolist() == sorted(left["ref_ts"].tolist())
    assert len(left) == 18 - 3
    assert {r["cause"] for r in left.rows()} == {"crowded"}


def slow_life(high, low, close, max_age):
    """The rule, zone by zone and bar by bar, in plain Python."""
    found = []
    for d, (h, l, c) in ((1, (high, low, close)), (2, (-low, -high, -close))):
        for t in range(2, len(c)):
            if l[t] > h[t - 2]:
                found.append((t, t - 1, d, "opened"))
                found += [(i, t - 1, d, event) for i, event in slow_zone(h[t - 2], l[t], l, c, t, max_age)]
    return sorted(found)


def slow_zone(bottom, top, low, close, born, max_age):
    names = ["touched", "halved", "filled", "broken"]
    for i in range(born + 1, len(close)):
        happened = {"touched": low[i] <= top, "halved": low[i] <= (top + bottom) / 2, "filled": low[i] <= bottom,
                    "broken": close[i] < bottom}  # fmt: skip
        while names and happened[names[0]]:
            yield i, names.pop(0)
        if not names:
            return
        if i - born >= max_age:
            yield i, "expired"
            return


@given(
    st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 3), st.integers(0, 3)), min_size=3, max_size=80), st.integers(3, 40)
)
def test_gaps_live_as_the_rule_applied_zone_by_zone_says(steps, max_age):
    close = 50.0 + np.cumsum([s for s, _, _ in steps])
    high, low = close + [u for _, u, _ in steps], close - [d for _, _, d in steps]
    ref = np.arange(len(close)) * MINUTE
    table = Table.filled(
        BARS, ref_ts=ref, known_ts=ref + MINUTE, open=close, high=high, low=low, close=close, complete=np.ones(len(ref), bool)
    )
    fold = FairValueGaps(GapParams(max_age_bars=max_age))
    rows = fold.fold(fold.start(Instrument("d", "X", tick_size=0.5)), Batch(10**18, {"bars": table, "gap": GAP.empty()}))
    got = sorted(
        (r["known_ts"] // MINUTE - 1, r["ref_ts"] // MINUTE, 1 if r["direction"] == "up" else 2, r["event"])
        for r in rows.rows()
    )
    assert got == slow_life(high, low, close, max_age)


def test_counts_on_a_year_of_bitcoin_hours(shared_data, bars, run):
    frame = pl.read_parquet(shared_data / "bars/binance_perp/1h/BTCUSDT.parquet")
    first, last = (parse_ts(d) // 1_000_000 for d in ("2024-01-01", "2025-01-01"))
    frame = frame.filter((pl.col("ts") >= first) & (pl.col("ts") < last))
    table = bars(*(frame[c].to_numpy() for c in ("high", "low", "close", "open")), start=first * 1_000_000, step=HOUR)
    unbounded = {"max_live": 2000, "max_age_bars": 10_000}
    rows = run("fair_value_gaps", table, {"fair_value_gaps": unbounded}, frame="1h", tick=0.1)
    counts = [[int(((rows["direction"] == d) & (rows["event"] == e)).sum()) for e in range(1, 7)] for d in (1, 2)]
    assert counts == [[810, 786, 772, 765, 743, 0], [702, 698, 696, 694, 692, 0]]


@pytest.mark.parametrize("wrong", [{"filter": "colour"}, {"min_size_atr": -1.0}, {"max_live": 1}, {"max_age_bars": 0}])
def test_a_setting_out_of_range_is_refused(run, bars, wrong):
    with pytest.raises(UserError):
        run("fair_value_gaps", bars([1], [1], [1]), {"fair_value_gaps": wrong})
