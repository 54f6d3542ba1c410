"""Answers: scipy's peak prominences as the independent program, and profiles by hand."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import find_peaks, peak_prominences

from perpscope.market.nodes import volume_nodes


def test_two_hills_have_two_high_nodes_and_the_valley_between() -> None:
    high, low = volume_nodes(np.array([1.0, 6, 20, 6, 2, 1, 2, 5, 14, 5, 1]))
    assert high.tolist() == [2, 8]
    assert low.tolist() == [5]


def test_a_bump_on_a_slope_is_no_node() -> None:
    assert volume_nodes(np.array([1.0, 4, 9, 16, 30, 16, 9, 9.5, 9.8, 4, 1]))[0].tolist() == [4]


def test_an_empty_profile_has_no_nodes() -> None:
    high, low = volume_nodes(np.zeros(5))
    assert len(high) == 0
    assert len(low) == 0


@given(st.lists(st.integers(0, 40), min_size=1, max_size=60))
def test_high_nodes_are_scipy_s_prominent_peaks(volumes: list[int]) -> None:
    volume = np.array(volumes, float)
    padded = np.concatenate([[0.0, 0.0], volume, [0.0, 0.0]])
    smooth = np.convolve(padded, [0.25, 0.5, 0.25], mode="same")[1:-1]
    peaks = find_peaks(smooth, plateau_size=(1, 1))[0]
    kept = peaks[peak_prominences(smooth, peaks)[0] >= 0.15 * smooth.max()]
    inside = kept[(kept >= 1) & (kept <= len(volume))] - 1
    high, low = volume_nodes(volume)
    assert high.tolist() == inside.tolist()
    assert len(low) == max(0, len(high) - 1)
