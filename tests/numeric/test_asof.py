"""The peer is a slow search through a list."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from perpscope.numeric.asof import asof_index, asof_values
from perpscope.numeric.binning import add_by_bin, log_bin, to_ticks

clocks = st.lists(st.integers(0, 60), max_size=20).map(sorted)


@given(clocks, st.lists(st.integers(-5, 80), max_size=20), st.none() | st.integers(0, 30))
def test_the_join_finds_what_a_slow_search_finds(known: list[int], at: list[int], max_age: int | None) -> None:
    expected = []
    for t in at:
        best = -1
        for i, k in enumerate(known):
            if k <= t:
                best = i
        if best >= 0 and max_age is not None and t - known[best] > max_age:
            best = -1
        expected.append(best)
    k, a = np.array(known, np.int64), np.array(at, np.int64)
    assert asof_index(k, a, max_age).tolist() == expected
    values = np.arange(len(known), dtype=float)
    assert np.array_equal(
        asof_values(k, values, a, max_age), np.array([float(i) if i >= 0 else np.nan for i in expected]), equal_nan=True
    )


@given(clocks, st.integers(0, 60))
def test_the_join_never_sees_the_future(known: list[int], t: int) -> None:
    k = np.array(known, np.int64)
    at = np.array([t])
    assert asof_index(k, at).tolist() == asof_index(k[k <= t], at).tolist()


def test_bins_are_anchored_absolutely() -> None:
    prices = np.array([99.95, 100.0, 100.05])
    assert to_ticks(prices, 0.05).tolist() == [1999, 2000, 2001]
    assert (log_bin(np.exp(np.array([0.0005, 0.0015])), 0.001) == [0, 1]).all()
    out = np.zeros(3)
    outside = add_by_bin(np.array([5, 6, 7, 9]), np.array([1.0, 2.0, 4.0, 8.0]), 5, out)
    assert (outside, out.tolist()) == (1, [1.0, 2.0, 4.0])
