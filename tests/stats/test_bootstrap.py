"""Answers: the exact variance of the stationary bootstrap (Politis and Romano, lemma 1) summed term by term, arch.bootstrap,
coverage of a true mean by simulation, properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from arch.bootstrap import StationaryBootstrap
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter

from perpscope.core.errors import UserError
from perpscope.stats.bootstrap import bootstrap, bootstrap_mean, bootstrap_means, percentile_interval, stationary_variance
from perpscope.stats.interval import binomial_band


def slow_stationary_variance(x: np.ndarray, block_length: float) -> float:
    n, p, e = len(x), 1 / block_length, x - x.mean()
    total = sum(v * v for v in e) / n
    for k in range(1, n):
        covariance = sum(e[t] * e[t - k] for t in range(k, n)) / n
        total += 2 * ((1 - k / n) * (1 - p) ** k + k / n * (1 - p) ** (n - k)) * covariance
    return total


@pytest.mark.parametrize("block_length", [1.0, 2.0, 9.5, 40.0])
def test_the_variance_formula_agrees_with_its_sum_written_out(block_length):
    x = np.random.default_rng(2).standard_normal(60).cumsum()
    assert stationary_variance(x, block_length) == pytest.approx(slow_stationary_variance(x, block_length), rel=1e-10)


@pytest.mark.parametrize("block_length", [1.0, 3.0, 20.0])
def test_the_spread_of_bootstrap_means_is_the_exact_one(block_length):
    x = lfilter([1.0], [1.0, -0.6], np.random.default_rng(4).standard_normal(400))
    draws = bootstrap_means(x[:, None], rng=np.random.default_rng(5), block_length=block_length, replications=20_000)
    assert draws.var() * 400 == pytest.approx(stationary_variance(x, block_length), rel=0.04)
    assert draws.mean() == pytest.approx(x.mean(), abs=4 * draws.std() / math.sqrt(20_000))


def test_the_distribution_of_means_agrees_with_arch():
    x = lfilter([1.0], [1.0, -0.5], np.random.default_rng(4).standard_exponential(250))
    ours = bootstrap_means(x[:, None], rng=np.random.default_rng(6), block_length=10, replications=20_000)[:, 0]
    theirs = StationaryBootstrap(10, x, seed=np.random.default_rng(7)).apply(np.mean, 6_000)[:, 0]
    for q in (0.025, 0.25, 0.5, 0.75, 0.975):
        assert np.quantile(ours, q) == pytest.approx(np.quantile(theirs, q), abs=0.08 * ours.std())


def test_a_blocked_interval_covers_the_mean_of_dependent_data_and_an_unblocked_one_does_not():
    rng = np.random.default_rng(8)
    blocked = single = 0
    for _ in range(200):
        x = lfilter([1.0], [1.0, -0.5], rng.standard_normal(700))[200:]
        blocked += not bootstrap_mean(x, rng=rng, replications=400, level=0.9).excludes(0.0)
        single += not bootstrap_mean(x, rng=rng, replications=400, level=0.9, block_length=1.0).excludes(0.0)
    # the known shortfall of the block bootstrap at 500 points is a few hundredths
    assert binomial_band(200, 0.85, 0.999)[0] <= blocked <= binomial_band(200, 0.91, 0.999)[1]
    assert single < binomial_band(200, 0.80, 0.999)[1]
    assert single < blocked


@given(st.lists(st.floats(-100, 100), min_size=3, max_size=40), st.integers(0, 5))
def test_an_interval_holds_its_estimate(values, seed):
    x = np.array(values)
    for found in (
        bootstrap_mean(x, rng=np.random.default_rng(seed), replications=50),
        bootstrap(np.max, x, rng=np.random.default_rng(seed), replications=50),
    ):
        assert found.low <= found.value <= found.high


def test_an_interval_that_misses_its_estimate_is_widened_and_says_so():
    found = percentile_interval(9.0, np.arange(5.0), level=0.8, n=5, method="x", reason="")
    assert (found.low, found.high) == (0.0, 9.0)
    assert "widened" in found.note


def test_the_ends_are_whole_draws_chosen_outward():
    found = percentile_interval(2.0, np.arange(4.0), level=0.9, n=4, method="x", reason="")
    assert (found.low, found.high) == (0.0, 3.0)
    exact = percentile_interval(50.0, np.arange(101.0), level=0.9, n=4, method="x", reason="")
    assert (exact.low, exact.high) == (5.0, 95.0)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    x = np.random.default_rng(1).standard_normal(300)
    first = bootstrap_mean(x, rng=np.random.default_rng(2), replications=500)
    assert bootstrap_mean(x, rng=np.random.default_rng(2), replications=500) == first
    assert bootstrap_mean(x, rng=np.random.default_rng(3), replications=500) != first


def test_several_columns_are_resampled_on_the_same_rows():
    x = np.random.default_rng(1).standard_normal(100)
    found = bootstrap(lambda a, b: float(np.max(np.abs(a - b))), x, x.copy(), rng=np.random.default_rng(2), replications=100)
    assert (found.low, found.high) == (0.0, 0.0)


def test_the_general_and_the_fast_bootstrap_of_a_mean_agree():
    x = np.random.default_rng(1).standard_normal(150)
    fast = bootstrap_mean(x, rng=np.random.default_rng(2), replications=300, block_length=4)
    general = bootstrap(np.mean, x, rng=np.random.default_rng(2), replications=300, block_length=4)
    assert (fast.low, fast.high) == pytest.approx((general.low, general.high), rel=1e-12)


def test_undefined_draws_are_counted_and_too_many_leave_no_interval():
    few = percentile_interval(1.0, [0.5, 1.5] * 20 + [math.nan], level=0.9, n=9, method="x", reason="")
    assert few.has_interval
    assert "1 of 41" in few.note
    many = percentile_interval(1.0, [0.5, 1.5, math.nan], level=0.9, n=9, method="x", reason="")
    assert not many.has_interval
    assert many.value == 1.0


def test_an_undefined_value_carries_its_reason():
    found = percentile_interval(math.nan, [1.0], level=0.9, n=9, method="x", reason="no losing trade")
    assert math.isnan(found.value)
    assert found.note == "no losing trade"


def test_an_unbounded_end_is_infinite():
    found = percentile_interval(3.0, [1.0, 2.0, 3.0, math.inf], level=0.5, n=4, method="x", reason="")
    assert found.high == math.inf


def test_columns_of_different_length_are_refused():
    with pytest.raises(UserError, match="lengths differ"):
        bootstrap(np.dot, np.zeros(4), np.zeros(5), rng=np.random.default_rng(0))
