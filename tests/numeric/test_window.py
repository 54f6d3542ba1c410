"""Windows against numpy on the same last n slots, and the calendar against datetime: independent slow programs."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from perpscope.numeric.calendar import DAY_NS, floor_week, month_of, month_start
from perpscope.numeric.window import (
    deviation,
    mid_rank,
    moments_state,
    nearest_rank,
    push_moments,
    push_sorted,
    push_top,
    quantile_state,
    top_quantile,
    top_state,
)

values = st.lists(
    st.one_of(st.just(float("nan")), st.integers(-50, 50).map(float), st.floats(-1e6, 1e6)), min_size=1, max_size=60
)


@given(values, st.integers(1, 12))
def test_mean_and_deviation_are_those_of_the_last_slots(stream: list[float], slots: int) -> None:
    ring, stats = moments_state(slots)
    for k, x in enumerate(stream):
        push_moments(x, ring, stats)
        last = np.array([v for v in stream[max(0, k + 1 - slots) : k + 1] if v == v])
        assert stats[1] == len(last)
        if len(last):
            scale = max(1.0, np.abs(stream)[~np.isnan(stream)].max())
            assert abs(stats[2] - last.mean()) < 1e-8 * scale
            assert abs(deviation(stats) - last.std()) < 1e-4 * scale


@given(values, st.integers(1, 12), st.floats(0.01, 1.0))
def test_quantile_is_the_nearest_rank_of_the_last_slots(stream: list[float], slots: int, q: float) -> None:
    ring, ordered, counts = quantile_state(slots)
    for k, x in enumerate(stream):
        push_sorted(x, ring, ordered, counts)
        last = sorted(v for v in stream[max(0, k + 1 - slots) : k + 1] if v == v)
        assert ordered[: counts[1]].tolist() == last
        if last:
            share = sum(v <= nearest_rank(ordered, counts[1], q) for v in last) / len(last)
            assert share >= q - 1e-9


def test_the_spec_s_rolling_quantile() -> None:
    # ORDERFLOW section 2: 1..10, q 0.9 -> 9; 9.5 pushes 1 out and the threshold is 9.5
    ring, ordered, counts = quantile_state(10)
    for x in range(1, 11):
        push_sorted(float(x), ring, ordered, counts)
    assert nearest_rank(ordered, counts[1], 0.9) == 9.0
    push_sorted(9.5, ring, ordered, counts)
    assert nearest_rank(ordered, counts[1], 0.9) == 9.5


def test_the_spec_s_mid_rank_of_funding() -> None:
    # STRUCTURE ST28: six times 1e-4 and four others; now 1e-4: (2 + 3) / 10
    assert mid_rank(1e-4, np.array(sorted([1e-4] * 6 + [5e-5, 2e-4, -1e-4, 3e-4])), 10) == 0.5


@given(st.integers(0, 4_102_444_799))
def test_week_and_month_begin_where_the_calendar_says(second: int) -> None:
    when = datetime.fromtimestamp(second, UTC)
    midnight = when.replace(hour=0, minute=0, second=0)
    ts = second * 1_000_000_000
    monday = int(midnight.timestamp()) * 1_000_000_000 - when.weekday() * DAY_NS
    assert floor_week(ts) == monday
    assert month_start(month_of(ts)) == int(midnight.replace(day=1).timestamp()) * 1_000_000_000


@given(st.lists(st.integers(0, 15), min_size=1, max_size=120), st.integers(1, 40), st.sampled_from([0.5, 0.8, 0.9, 0.995, 1.0]))
def test_the_window_that_keeps_only_its_top_has_the_same_quantile(stream: list[int], slots: int, q: float) -> None:
    ring, top, counts = top_state(slots, q)
    whole_ring, ordered, whole = quantile_state(slots)
    for x in stream:
        push_top(float(x), q, ring, top, counts)
        push_sorted(float(x), whole_ring, ordered, whole)
        assert top_quantile(top, counts) == nearest_rank(ordered, whole[1], q)
