"""Answers: numeric oracles E1-E6 and E27 of the evidence specification (published in the papers it cites), scipy.stats."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from perpscope.core.errors import UserError
from perpscope.stats.deflation import (
    SharpeMoments,
    deflated_sharpe,
    effective_trials,
    expected_maximum,
    minimum_backtest_years,
    minimum_track_record,
    probabilistic_sharpe,
    sharpe_interval,
    sharpe_moments,
)
from perpscope.stats.interval import binomial_band

T = np.arange(120)
E6 = (((13 * T**2 + 7 * T) % 41) - 19) / 1000


def test_psr_gives_oracle_E1():
    assert round(probabilistic_sharpe(SharpeMoments(0.458, 24)), 6) == 0.981675
    assert round(probabilistic_sharpe(SharpeMoments(0.458, 24, -2.448, 10.164)), 6) == 0.913361


@pytest.mark.parametrize(
    ("periods", "skewness", "kurtosis", "years"),
    [(252, 0, 3, 2.730984), (52, 0, 3, 2.828834), (12, 0, 3, 3.239801), (12, -0.72, 5.78, 4.991258)],
)
def test_the_minimum_track_record_gives_oracle_E2(periods, skewness, kurtosis, years):
    root = math.sqrt(periods)
    length = minimum_track_record(SharpeMoments(2 / root, 1000, skewness, kurtosis), 1 / root)
    assert round(length / periods, 6) == years


@pytest.mark.parametrize(("trials", "answer"), [(100, 0.900397), (46, 0.950502), (88, 0.910153)])
def test_dsr_gives_oracle_E3(trials, answer):
    found = deflated_sharpe(SharpeMoments(2.5 / math.sqrt(250), 1250, -3, 10), trials, 0.5 / 250)
    assert round(found.probability, 6) == answer
    if trials == 100:
        assert round(found.threshold, 6) == 0.113172


def test_the_minimum_backtest_gives_oracle_E4():
    assert round(minimum_backtest_years(45, 1.0), 6) == 4.998087


@pytest.mark.parametrize(
    ("trials", "answer"),
    [(10, 1.574598), (50, 2.276303), (100, 2.530603), (500, 3.052528), (1000, 3.255122), (10_000, 3.860665)],
)
def test_the_expected_maximum_gives_oracle_E5(trials, answer):
    assert round(expected_maximum(trials), 6) == answer


def test_the_moments_and_ratios_of_a_series_give_oracle_E6():
    found = sharpe_moments(E6)
    assert round(float(E6.mean()), 11) == 0.00204166667
    assert round(found.sharpe, 10) == 0.1919796890
    assert round(found.skewness, 10) == -0.2221179293
    assert round(found.kurtosis, 10) == 2.0763533628
    assert round(probabilistic_sharpe(found), 10) == 0.9793891550
    assert round(probabilistic_sharpe(found, 0.05), 10) == 0.9344336486
    deflated = deflated_sharpe(found, 20, 0.01)
    assert round(deflated.probability, 10) == 0.5080967762
    assert round(deflated.threshold, 10) == 0.1900707951


@pytest.mark.parametrize(("rho", "trials", "answer"), [(0.5, 100, 50.5), (0.9, 100, 10.9), (0.2, 45, 36.2)])
def test_effective_trials_give_oracle_E27(rho, trials, answer):
    assert effective_trials(trials, rho) == pytest.approx(answer, abs=1e-12)


def test_moments_agree_with_scipy():
    x = np.random.default_rng(1).standard_exponential(500) - 0.9
    found = sharpe_moments(x)
    assert found.skewness == pytest.approx(scipy_stats.skew(x), rel=1e-12)
    assert found.kurtosis == pytest.approx(scipy_stats.kurtosis(x, fisher=False), rel=1e-12)


@given(st.floats(0.02, 0.5), st.integers(30, 3000), st.floats(-1, 1), st.floats(3, 9))
def test_psr_reaches_its_confidence_exactly_at_the_minimum_track_record(sharpe, n, skewness, kurtosis):
    moments = SharpeMoments(sharpe, n, skewness, kurtosis)
    needed = minimum_track_record(moments, 0.0, 0.95)
    statistic = sharpe * math.sqrt(needed - 1) / math.sqrt(moments.variance)
    assert scipy_stats.norm.cdf(statistic) == pytest.approx(0.95, abs=1e-10)
    if abs(needed - n) > 1e-6:
        assert (probabilistic_sharpe(moments) >= 0.95) == (n > needed)


@given(st.integers(0, 200))
def test_the_interval_is_above_zero_exactly_when_psr_exceeds_its_tail(seed):
    x = np.random.default_rng(seed).standard_normal(100) + 0.2
    assert (sharpe_interval(x, 365, 0.95).low > 0) == (probabilistic_sharpe(sharpe_moments(x)) > 0.975)


def test_the_interval_covers_the_true_sharpe_ratio_of_skewed_returns():
    rng = np.random.default_rng(4)
    inside = 0
    for _ in range(1000):
        x = rng.standard_exponential(300) - 0.9  # true Sharpe ratio 0.1
        inside += not sharpe_interval(x, 1.0).excludes(0.1)
    low, high = binomial_band(1000, 0.95, 0.999)
    assert low <= inside <= high


def test_psr_calls_a_skill_less_record_proven_no_more_often_than_it_says():
    rng = np.random.default_rng(5)
    false = sum(probabilistic_sharpe(sharpe_moments(rng.standard_normal(200))) >= 0.95 for _ in range(1000))
    low, high = binomial_band(1000, 0.05, 0.999)
    assert low <= false <= high


def test_dsr_calls_the_best_of_many_skill_less_records_proven_no_more_often_than_it_says():
    rng = np.random.default_rng(6)
    naive = deflated = 0
    for _ in range(200):
        records = rng.standard_normal((50, 250))
        sharpes = records.mean(axis=1) / records.std(axis=1, ddof=1)
        best = sharpe_moments(records[sharpes.argmax()])
        naive += probabilistic_sharpe(best) >= 0.95
        deflated += deflated_sharpe(best, 50, float(sharpes.var(ddof=1))).probability >= 0.95
    assert naive > 150
    assert deflated <= binomial_band(200, 0.05, 0.999)[1]


@given(st.floats(1, 1e7), st.floats(1, 1e7))
def test_more_trials_never_lower_what_luck_reaches(a, b):
    assert 0.0 <= expected_maximum(min(a, b)) <= expected_maximum(max(a, b)) + 1e-12


def test_one_trial_deflates_nothing():
    moments = sharpe_moments(E6)
    assert deflated_sharpe(moments, 1, 0.01).probability == probabilistic_sharpe(moments)


def test_no_record_is_long_enough_for_a_sharpe_ratio_below_its_benchmark():
    assert math.isnan(minimum_track_record(SharpeMoments(0.1, 100), 0.2))


def test_returns_without_variance_are_refused_and_never_infinite():
    for returns in (np.full(50, 0.001), np.zeros(50), np.full(50, 0.1) + 1e-18):
        with pytest.raises(UserError, match="without variance"):
            sharpe_moments(returns)


def test_impossible_inputs_are_refused():
    with pytest.raises(UserError, match="not excess"):
        probabilistic_sharpe(SharpeMoments(2.0, 100, 3.0, 0.0))
    with pytest.raises(UserError):
        minimum_track_record(SharpeMoments(0.1, 100), confidence=95)
    with pytest.raises(UserError):
        expected_maximum(0)
    with pytest.raises(UserError):
        deflated_sharpe(SharpeMoments(0.1, 100), 10, -1.0)
    with pytest.raises(UserError):
        minimum_backtest_years(45, 0.0)
    with pytest.raises(UserError):
        effective_trials(10, 2.0)
