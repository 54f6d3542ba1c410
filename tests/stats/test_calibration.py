"""Answers: oracle E19, scipy.optimize.isotonic_regression, quadratic programs by brute force, identities."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from perpscope.core.errors import UserError
from perpscope.stats.calibration import (
    amount_calibration,
    brier_parts,
    brier_score,
    coverage,
    equal_classes,
    isotonic,
    isotonic_parts,
    reliability,
)
from perpscope.stats.interval import binomial_band

P = [0.1] * 4 + [0.6] * 5
Y = [0, 0, 1, 0, 1, 1, 0, 1, 0]
forecasts = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.7, 1.0]), st.integers(0, 1)), min_size=2, max_size=40)


def test_brier_and_its_parts_give_oracle_E19():
    assert round(brier_score(P, Y).value, 6) == 0.226667
    parts = brier_parts(P, Y)
    assert [round(v, 6) for v in (parts.reliability, parts.resolution, parts.uncertainty)] == [0.010000, 0.030247, 0.246914]


@given(forecasts)
def test_both_decompositions_add_up_to_the_score(rows):
    p, y = map(np.array, zip(*rows))
    score = brier_score(p, y).value
    assert brier_parts(p, y).score == pytest.approx(score, abs=1e-12)
    parts = isotonic_parts(p, y)
    assert parts.score == pytest.approx(score, abs=1e-12)
    assert parts.miscalibration >= -1e-12
    assert parts.discrimination >= -1e-12
    assert parts.uncertainty == pytest.approx(brier_parts(p, y).uncertainty, abs=1e-12)


@given(st.lists(st.tuples(st.floats(-10, 10), st.floats(0.1, 5)), min_size=1, max_size=40))
def test_isotonic_regression_agrees_with_scipy(rows):
    y, w = map(np.array, zip(*rows))
    found = isotonic(np.arange(len(y)), y, w)
    np.testing.assert_allclose(found, isotonic_regression(y, weights=w).x, atol=1e-9)
    assert (np.diff(found) >= 0).all()


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(-10, 10)), min_size=1, max_size=30), st.integers(0, 99))
def test_equal_places_get_one_value_whatever_the_order_of_rows(rows, seed):
    x, y = map(np.array, zip(*rows))
    found = isotonic(x, y)
    order = np.random.default_rng(seed).permutation(len(x))
    np.testing.assert_allclose(isotonic(x[order], y[order]), found[order], atol=1e-9)
    for place in set(x.tolist()):
        assert np.ptp(found[x == place]) == 0.0
    assert found.mean() == pytest.approx(y.mean(), abs=1e-9)


def test_reliability_classes_hold_every_row_once_and_tell_what_happened():
    rng = np.random.default_rng(1)
    p = rng.random(1000).round(3)
    y = rng.random(1000) < p
    found = reliability(p, y, 10)
    assert sum(c.happened.n for c in found) == 1000
    assert all(80 <= c.happened.n <= 120 for c in found)
    assert [c.said for c in found] == sorted(c.said for c in found)


def test_honest_probabilities_lie_in_their_reliability_intervals():
    rng = np.random.default_rng(2)
    inside = total = 0
    for _ in range(60):
        p = rng.random(400)
        for c in reliability(p, rng.random(400) < p, 8):
            inside += not c.happened.excludes(c.said)
            total += 1
    low, high = binomial_band(total, 0.95, 0.999)
    assert low <= inside <= high + 8


@given(st.lists(st.integers(0, 6), min_size=1, max_size=60), st.integers(1, 12))
def test_classes_keep_equal_values_together_and_in_order(values, classes):
    x = np.array(values, dtype=float)
    found = equal_classes(x, classes)
    assert sorted(np.concatenate(found).tolist()) == list(range(len(x)))
    assert len(found) <= classes
    for before, after in itertools.pairwise(found):
        assert x[before].max() < x[after].min()


def test_amounts_predicted_twice_too_high_are_seen_in_every_class():
    rng = np.random.default_rng(3)
    true = rng.random(600) + 0.5
    realised = true * rng.gamma(4, 1 / 4, 600)
    table = amount_calibration(2 * true, realised, np.arange(600) // 12, rng=rng, classes=5, replications=300)
    assert len(table) == 5
    for row in table:
        assert row.ratio.value == pytest.approx(row.predicted / row.realised, rel=1e-12)
        assert row.ratio.low > 1.6
        assert not row.ratio.excludes(row.ratio.value)


def test_coverage_counts_both_ends_in():
    assert coverage([0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 0.5, 1.1]).value == 0.75
    with pytest.raises(UserError, match="row 1 ends below"):
        coverage([0, 2], [1, 1], [0, 0])


def test_the_brier_interval_covers_the_expected_score():
    rng = np.random.default_rng(4)
    inside = sum(not brier_score(np.full(300, 0.3), rng.random(300) < 0.3).excludes(0.21) for _ in range(400))
    low, high = binomial_band(400, 0.95, 0.999)
    assert low <= inside <= high


def test_percent_is_refused():
    with pytest.raises(UserError, match="not percent"):
        brier_score([10.0], [1])
    with pytest.raises(UserError, match="Weights"):
        isotonic([1, 2], [1, 2], [0, 1])
    with pytest.raises(UserError, match="lengths differ"):
        brier_score([0.5], [1, 0])
    with pytest.raises(UserError, match="one class"):
        reliability([0.5], [1], 0)
