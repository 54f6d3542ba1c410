"""Answers: scipy.stats (Poisson and negative binomial probabilities), statsmodels families and NB2 fit, oracles E18 and E27."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.api import families
from statsmodels.discrete.discrete_model import NegativeBinomial

from perpscope.core.errors import UserError
from perpscope.stats.deviance import (
    bernoulli_log_score,
    deviance_skill,
    fit_dispersion,
    information_gain,
    negative_binomial_deviance,
    negative_binomial_log_score,
    occurrence_probability,
    poisson_deviance,
    poisson_log_score,
)

counts = st.lists(st.integers(0, 500), min_size=1, max_size=20)
means = st.floats(0.01, 500)
dispersions = st.floats(1e-4, 50)


@given(counts, means)
def test_poisson_scores_agree_with_scipy_and_statsmodels(y, m):
    np.testing.assert_allclose(
        poisson_log_score(y, np.full(len(y), m)), scipy_stats.poisson.logpmf(y, m), rtol=1e-10, atol=1e-10
    )
    expected = families.Poisson().resid_dev(np.array(y, dtype=float), np.full(len(y), m)) ** 2
    np.testing.assert_allclose(poisson_deviance(y, np.full(len(y), m)), expected, rtol=1e-8, atol=1e-8)


@given(counts, means, dispersions)
def test_negative_binomial_scores_agree_with_scipy_and_statsmodels(y, m, a):
    mu = np.full(len(y), m)
    answer = scipy_stats.nbinom.logpmf(y, 1 / a, 1 / (1 + a * m))
    np.testing.assert_allclose(negative_binomial_log_score(y, mu, a), answer, rtol=1e-7, atol=1e-7)
    expected = families.NegativeBinomial(alpha=a).resid_dev(np.array(y, dtype=float), mu) ** 2
    np.testing.assert_allclose(negative_binomial_deviance(y, mu, a), expected, rtol=1e-6, atol=1e-6)


@given(counts, means)
def test_a_vanishing_dispersion_is_poisson(y, m):
    mu = np.full(len(y), m)
    np.testing.assert_allclose(negative_binomial_log_score(y, mu, 1e-9), poisson_log_score(y, mu), rtol=1e-4, atol=1e-3)
    np.testing.assert_array_equal(negative_binomial_log_score(y, mu, 0.0), poisson_log_score(y, mu))
    np.testing.assert_array_equal(negative_binomial_deviance(y, mu, 0.0), poisson_deviance(y, mu))


@given(st.lists(st.floats(0, 1e5), min_size=1, max_size=20), st.floats(0.01, 1e4), dispersions)
def test_a_deviance_is_twice_the_log_score_lost_against_the_perfect_prediction(y, m, a):
    x = np.array(y)
    positive = np.maximum(x, 1e-12)
    mu = np.full(len(x), m)
    lost = negative_binomial_log_score(x, positive, a) - negative_binomial_log_score(x, mu, a)
    np.testing.assert_allclose(negative_binomial_deviance(x, mu, a), 2 * lost, rtol=1e-6, atol=1e-4)
    assert (poisson_deviance(x, mu) >= 0).all()


@pytest.mark.parametrize("true", [0.2, 1.5])
def test_the_fitted_dispersion_agrees_with_statsmodels(true):
    rng = np.random.default_rng(1)
    y = rng.negative_binomial(1 / true, 1 / (1 + true * 6.0), size=800)
    fit = NegativeBinomial(y, np.ones(800)).fit(disp=0)
    mu = np.full(800, math.exp(fit.params[0]))
    assert fit_dispersion(y, mu) == pytest.approx(fit.params[1], rel=1e-3)


def test_counts_calmer_than_poisson_get_no_dispersion():
    assert fit_dispersion(np.full(100, 5), np.full(100, 5.0)) == 0.0


def test_information_gain_gives_oracle_E18():
    assert round(information_gain([0.5, 0.2, 0.3], [0.25] * 3).value, 6) == 0.217442


def test_information_gain_charges_a_map_that_expects_more():
    # doubling a map everywhere gains ln 2 at every event and pays one expected event per event
    rate = np.full(10, 0.1)
    found = information_gain(2 * rate, rate, expected=20.0, baseline_expected=10.0)
    assert found.value == pytest.approx(math.log(2) - 1.0)


def test_information_gain_agrees_with_the_poisson_log_scores_of_all_bins():
    rng = np.random.default_rng(2)
    ours, theirs = rng.random(200) + 0.05, rng.random(200) + 0.05
    events = rng.poisson(0.5, 200)
    joint = poisson_log_score(events, ours).sum() - poisson_log_score(events, theirs).sum()
    at = np.repeat(np.arange(200), events)
    found = information_gain(ours[at], theirs[at], float(ours.sum()), float(theirs.sum()))
    assert found.value == pytest.approx(joint / events.sum(), rel=1e-10)


def test_occurrence_gives_oracle_E27():
    assert occurrence_probability([0.05, 0.5, 2.0]).round(6).tolist() == [0.048771, 0.393469, 0.864665]


@given(st.lists(st.booleans(), min_size=1, max_size=20), st.floats(0.001, 0.999))
def test_the_score_of_a_yes_or_no_agrees_with_scipy(y, p):
    answer = scipy_stats.bernoulli.logpmf(np.array(y, dtype=int), p)
    np.testing.assert_allclose(bernoulli_log_score(y, np.full(len(y), p)), answer, rtol=1e-10)


def test_a_model_that_is_the_baseline_has_no_skill_and_a_perfect_one_all():
    rng = np.random.default_rng(3)
    y, day = rng.poisson(3.0, 240), np.repeat(np.arange(10), 24)
    base = poisson_deviance(y, np.full(240, 3.0))
    same = deviance_skill(base, base, day, rng=rng)
    assert (same.low, same.value, same.high) == (0.0, 0.0, 0.0)
    assert deviance_skill(np.zeros(240), base, day, rng=rng).value == 1.0


def test_skill_in_one_wild_day_is_not_taken_for_skill():
    rng = np.random.default_rng(4)
    day = np.repeat(np.arange(12), 24)
    base = rng.random(288) + 1.0
    ours = np.where(day == 5, base * 0.1, base * rng.uniform(0.9, 1.15, 288))
    base = np.where(day == 5, base * 20, base)
    found = deviance_skill(ours, base, day, rng=rng)
    assert found.value > 0.3
    assert found.low < 0.05


def test_impossible_amounts_are_refused():
    with pytest.raises(UserError, match="small constant share"):
        poisson_log_score([1.0], [0.0])
    with pytest.raises(UserError, match="cannot be negative"):
        poisson_deviance([-1.0], [1.0])
    with pytest.raises(UserError, match="dispersion"):
        negative_binomial_deviance([1.0], [1.0], -0.1)
    with pytest.raises(UserError, match="above 0"):
        information_gain([0.0], [0.1])
    with pytest.raises(UserError, match="probability 0"):
        bernoulli_log_score([1], [0.0])
    with pytest.raises(UserError, match="negative"):
        occurrence_probability([-1.0])
