"""Answers: ORDERFLOW OF4 by hand, and numpy's own sums as the independent program."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from market.made import make_bars, run
from perpscope.core.time import DAY, MINUTE, parse_ts

MIDNIGHT = parse_ts("2024-08-09")


def delta_bars(deltas, ref, **more):
    deltas = np.asarray(deltas, float)
    return make_bars(np.full(len(deltas), 100.0), 10 + deltas / 2, 10 - deltas / 2, ref=ref, **more)


def test_the_running_sum_restarts_at_the_utc_day_and_after_a_hole() -> None:
    # 23:58 +3, 23:59 -1, 00:00 +2, hole, 00:03 +5, 00:04 -2
    ref = [MIDNIGHT + k * MINUTE for k in (-2, -1, 0, 3, 4)]
    rows = run("delta", {"bars@1m": delta_bars([3, -1, 2, 5, -2], ref)})
    assert rows["cvd_day"].tolist() == [3, 2, 2, 5, 3]
    assert rows["cvd"].tolist() == [3, 2, 4, 5, 3]
    assert rows["segment"].tolist() == [0, 0, 0, 1, 1]
    assert rows["anchored"].tolist() == [False, False, True, False, False]
    assert rows["valid"].all()


def test_a_bar_without_taker_volume_is_absent_and_breaks_the_sum() -> None:
    bars = make_bars([100.0] * 4, [4, np.nan, 3, 1], [1, np.nan, 1, 2])
    rows = run("delta", {"bars@1m": bars})
    assert np.array_equal(rows["delta"], [3, np.nan, 2, -1], equal_nan=True)
    assert np.array_equal(rows["cvd"], [3, np.nan, 2, 1], equal_nan=True)
    assert rows["valid"].tolist() == [True, False, True, True]
    assert rows["segment"].tolist() == [0, 0, 1, 1]


def test_an_incomplete_bar_is_used_by_nobody() -> None:
    rows = run("delta", {"bars@1m": make_bars([100.0] * 3, [4, 9, 3], [1, 1, 1], complete=[True, False, True])})
    assert np.array_equal(rows["cvd"], [3, np.nan, 2], equal_nan=True)


def test_a_bar_without_volume_has_no_fraction() -> None:
    rows = run("delta", {"bars@1m": make_bars([100.0] * 2, [3, 0], [1, 0])})
    assert rows["delta"].tolist() == [2, 0]
    assert np.array_equal(rows["delta_fraction"], [0.5, np.nan], equal_nan=True)


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=200), st.integers(0, 2 * DAY // MINUTE))
def test_sums_over_unbroken_minutes_are_those_of_numpy(deltas: list[int], first: int) -> None:
    ref = np.arange(len(deltas)) * MINUTE + MIDNIGHT + first * MINUTE
    rows = run("delta", {"bars@1m": delta_bars(deltas, ref)})
    assert rows["cvd"].tolist() == np.cumsum(deltas).tolist()
    for day in np.unique(ref // DAY):
        assert rows["cvd_day"][ref // DAY == day].tolist() == np.cumsum(np.array(deltas)[ref // DAY == day]).tolist()
