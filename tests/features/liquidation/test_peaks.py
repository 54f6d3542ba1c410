"""Peaks. Answers: by hand on small maps; properties of any map."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from perpscope.features.liquidation.peaks import find_peaks, smooth

maps = st.lists(st.integers(0, 40), min_size=1, max_size=60).map(lambda v: np.array(v, np.float64))


def peaks(values, valley: float = 0.7, edge: float = 0.5) -> list[tuple[int, int, int]]:
    values = np.asarray(values, np.float64)
    room = [np.zeros(len(values) + 1, np.int64) for _ in range(5)]
    found = find_peaks(values, valley, edge, *room)
    return [(int(room[1][i]), int(room[0][i]), int(room[2][i])) for i in range(found)]


def test_one_heap_reaches_to_half_of_its_peak():
    assert peaks([0, 1, 4, 9, 10, 6, 5, 4, 0]) == [(3, 4, 6)]


def test_two_heaps_with_a_shallow_valley_are_one_and_with_a_deep_one_are_two():
    assert peaks([0, 10, 8, 12, 0]) == [(1, 3, 3)]
    assert peaks([0, 10, 6, 12, 0]) == [(1, 1, 1), (3, 3, 3)]


def test_a_small_bump_on_a_slope_belongs_to_the_heap_beside_it():
    assert peaks([0, 3, 4, 3.5, 20, 0]) == [(4, 4, 4)]


def test_a_heap_ends_where_the_valley_to_its_neighbour_is_lowest():
    # the valley of 12 is below .7 x 20, but above half of both peaks: the edges meet there, and it belongs to neither
    assert peaks([0, 20, 15, 12, 16, 22, 0]) == [(1, 1, 2), (4, 5, 5)]


def test_an_empty_map_has_no_peaks():
    assert peaks(np.zeros(8)) == []


@given(maps)
def test_heaps_are_apart_hold_their_peak_and_lie_on_the_map(values):
    found = peaks(values)
    last = -1
    for low, peak, high in found:
        assert last < low <= peak <= high < len(values)
        assert values[peak] == values[low : high + 1].max()
        assert (values[low : high + 1] >= 0.5 * values[peak]).all()
        last = high
    if values.max() > 0:
        assert max(values[p] for _, p, _ in found) == values.max()


@given(st.lists(st.floats(0.0, 40.0), min_size=1, max_size=60, unique=True).map(lambda v: np.array(v)))
def test_the_mirrored_map_has_the_mirrored_heaps(values):
    n = len(values) - 1
    assert peaks(values) == [(n - high, n - peak, n - low) for low, peak, high in reversed(peaks(values[::-1]))]


@given(maps)
def test_smoothing_keeps_the_sum_but_for_what_leaves_at_the_ends(values):
    out = np.empty(len(values))
    smooth(values, out)
    assert np.isclose(out.sum(), values.sum() - (values[0] + values[-1]) / 3.0)
