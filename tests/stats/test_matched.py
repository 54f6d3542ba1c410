"""Answers: oracle E16 of the evidence specification, scipy.stats."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from perpscope.core.errors import UserError
from perpscope.stats.interval import mean_interval
from perpscope.stats.matched import matched_differences, standardised_difference


def test_differences_to_matched_controls_give_oracle_E16():
    found = matched_differences([12, -5, 20, 3], [4, 2, -6, -8, 1, 5, 15, 0, 0, 0, 8], [2, 3, 2, 4])
    np.testing.assert_allclose(found, [9, -2 / 3, 10, 1], rtol=1e-12)
    answer = scipy_stats.ttest_1samp(found, 0.0)
    assert round(float(found.mean()), 6) == 4.833333
    assert round(float(scipy_stats.sem(found)), 6) == 2.723356
    assert round(float(answer.statistic), 6) == 1.774771
    ours = mean_interval(found)
    assert (ours.low, ours.high) == pytest.approx(tuple(answer.confidence_interval(0.95)), rel=1e-10)


@given(st.lists(st.lists(st.floats(-100, 100), min_size=1, max_size=5), min_size=1, max_size=10))
def test_each_event_is_compared_with_its_own_controls(controls):
    events = np.arange(len(controls), dtype=float)
    found = matched_differences(events, np.concatenate([np.array(c) for c in controls]), [len(c) for c in controls])
    np.testing.assert_allclose(found, [e - np.mean(c) for e, c in zip(events, controls)], atol=1e-9)


def test_balance_is_the_difference_in_pooled_spreads():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(50) + 0.5, rng.standard_normal(80) * 2
    answer = (np.mean(a) - np.mean(b)) / math.sqrt((np.var(a, ddof=1) + np.var(b, ddof=1)) / 2)
    assert standardised_difference(a, b) == pytest.approx(answer, rel=1e-12)
    assert standardised_difference([1.0, 1.0], [1.0, 1.0]) == 0.0
    assert math.isnan(standardised_difference([1.0, 1.0], [2.0, 2.0]))


def test_an_event_without_controls_is_refused():
    with pytest.raises(UserError, match="at least one control"):
        matched_differences([1.0, 2.0], [1.0], [1, 0])
    with pytest.raises(UserError, match="add up"):
        matched_differences([1.0, 2.0], [1.0, 2.0, 3.0], [1, 1])
