"""Answers: numeric oracles E10 and E25 of the evidence specification, scipy.stats, statsmodels, coverage by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.api import OLS
from statsmodels.stats.proportion import proportion_confint

from perpscope.core.errors import ProgrammerError, UserError
from perpscope.stats.interval import (
    Estimate,
    absent,
    binomial_band,
    correlation_interval,
    mean_interval,
    newey_west,
    newey_west_error,
    proportion,
)

numbers = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=50)


def test_newey_west_gives_oracle_E10():
    found = newey_west([1, 2, 4, 3, 5, 4, 6, 8, 7, 9, 8, 10], lags=2)
    assert round(found.value, 6) == 5.583333
    assert round(newey_west_error([1, 2, 4, 3, 5, 4, 6, 8, 7, 9, 8, 10], lags=2), 6) == 1.165702


@pytest.mark.parametrize("lags", [0, 1, 5, 20])
def test_newey_west_agrees_with_statsmodels(lags):
    rng = np.random.default_rng(lags)
    x = np.cumsum(rng.standard_normal(300)) * 0.1 + rng.standard_normal(300)
    fit = OLS(x, np.ones(300)).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": False})
    assert newey_west_error(x, lags) == pytest.approx(float(fit.bse[0]), rel=1e-10)


def test_the_false_positive_bands_are_oracle_E25():
    assert binomial_band(1000, 0.05, 0.95) == (37, 64)
    assert binomial_band(1000, 0.05, 0.99) == (33, 69)


@given(st.integers(1, 400), st.floats(0.0, 1.0), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_a_binomial_band_agrees_with_scipy(n, p, level):
    band, answer = binomial_band(n, p, level), scipy_stats.binom.interval(level, n, p)
    tail = (1 - level) / 2
    # where a cumulative probability meets the tail to the last digit, either neighbour is right
    for ours, theirs, edge in zip(band, answer, (tail, 1 - tail)):
        if ours != theirs:
            assert abs(ours - theirs) == 1
            assert scipy_stats.binom.cdf(min(ours, theirs), n, p) == pytest.approx(edge, abs=1e-12)


@given(numbers)
def test_the_t_interval_agrees_with_scipy(values):
    found = mean_interval(values, 0.9)
    if np.std(values) > 1e-6:
        low, high = scipy_stats.t.interval(
            0.9, len(values) - 1, loc=np.mean(values), scale=scipy_stats.sem(np.array(values, dtype=float))
        )
        assert (found.low, found.high) == (pytest.approx(low, rel=1e-9, abs=1e-6), pytest.approx(high, rel=1e-9, abs=1e-6))
    assert found.low <= found.value <= found.high


@given(st.integers(1, 500), st.data())
def test_wilsons_interval_agrees_with_statsmodels_and_holds_the_share(n, data):
    successes = data.draw(st.integers(0, n))
    found = proportion(successes, n)
    low, high = proportion_confint(successes, n, 0.05, method="wilson")
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-12), pytest.approx(high, abs=1e-12))
    assert 0.0 <= found.low <= successes / n <= found.high <= 1.0


@pytest.mark.parametrize("rank", [False, True])
def test_fishers_interval_covers_a_true_correlation_at_its_level(rank):
    rng = np.random.default_rng(11)
    true = 0.6
    # the Spearman correlation of a bivariate normal with Pearson correlation r is 6/pi asin(r/2)
    target = 6 / math.pi * math.asin(true / 2) if rank else true
    inside = 0
    for _ in range(400):
        x = rng.standard_normal(60)
        y = true * x + math.sqrt(1 - true**2) * rng.standard_normal(60)
        r = scipy_stats.spearmanr(x, y).statistic if rank else scipy_stats.pearsonr(x, y).statistic
        inside += not correlation_interval(float(r), 60, rank=rank).excludes(target)
    low, high = binomial_band(400, 0.95, 0.999)
    assert low <= inside <= high


def test_the_pearson_interval_agrees_with_scipy():
    rng = np.random.default_rng(0)
    x = rng.standard_normal(50)
    y = x + rng.standard_normal(50)
    answer = scipy_stats.pearsonr(x, y)
    found = correlation_interval(answer.statistic, 50)
    assert (found.low, found.high) == pytest.approx(tuple(answer.confidence_interval(0.95)), rel=1e-12)


def test_the_interval_of_a_rank_correlation_is_that_of_bonett_and_wright():
    found = correlation_interval(0.6, 53, controls=2, rank=True, level=0.9)
    half = scipy_stats.norm.ppf(0.95) * math.sqrt((1 + 0.36 / 2) / (53 - 3 - 2))
    assert found.low == pytest.approx(math.tanh(math.atanh(0.6) - half), rel=1e-12)
    assert found.high == pytest.approx(math.tanh(math.atanh(0.6) + half), rel=1e-12)


def test_an_estimate_refuses_an_interval_that_denies_its_value():
    with pytest.raises(ProgrammerError):
        Estimate(3.0, 1.0, 2.0, 0.95, 10, "t")
    with pytest.raises(ProgrammerError):
        Estimate(1.0, math.nan, 2.0, 0.95, 10, "t")


def test_an_estimate_without_interval_must_say_why():
    with pytest.raises(ProgrammerError):
        Estimate(3.0, math.nan, math.nan, 0.95, 1, "t")
    assert "one observation" in mean_interval([3.0]).note
    assert "too few" in str(absent("too few", level=0.95, n=2, method="t"))


def test_an_estimate_without_interval_excludes_nothing():
    assert not mean_interval([3.0]).excludes(100.0)


def test_scaling_by_a_negative_factor_turns_the_interval_round():
    found = Estimate(1.0, 0.5, 2.0, 0.95, 10, "t").scaled(-2.0)
    assert (found.value, found.low, found.high) == (-2.0, -4.0, -1.0)


def test_an_absent_value_is_refused_with_its_row():
    with pytest.raises(UserError, match="first in row 1"):
        mean_interval([1.0, math.nan, 2.0])


@pytest.mark.parametrize("level", [0.0, 1.0, 95])
def test_a_level_in_percent_is_refused(level):
    with pytest.raises(UserError, match=r"0\.95"):
        mean_interval([1.0, 2.0], level)


def test_impossible_trials_are_refused():
    with pytest.raises(UserError):
        proportion(5, 4)
    with pytest.raises(UserError):
        binomial_band(0, 0.5)
    with pytest.raises(UserError):
        newey_west_error([1.0, 2.0], lags=2)
