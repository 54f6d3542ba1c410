"""The count regression. Answers: scipy's general optimiser on the likelihood written anew, and limits by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import gammaln

from perpscope.core.errors import UserError
from perpscope.research.skill.regression import fit_counts


def counts(seed: int, n: int = 600, dispersion: float = 0.8):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 2))
    mean = np.exp(1.0 + 0.7 * x[:, 0] - 0.3 * x[:, 1])
    return x, rng.poisson(rng.gamma(1 / dispersion, mean * dispersion)).astype(float)


def test_the_fit_is_the_maximum_that_a_general_optimiser_finds():
    x, y = counts(1)
    z = (x - x.mean(0)) / x.std(0)

    def loss(v):
        mean, r = np.exp(v[0] + z @ v[1:3]), np.exp(-v[3])
        value = gammaln(y + r) - gammaln(r) - gammaln(y + 1) + r * np.log(r / (r + mean)) + y * np.log(mean / (r + mean))
        return -value.sum() + 0.01 * len(y) / 100 * (v[1:3] ** 2).sum()

    best = minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-7}).x
    model = fit_counts(y, x, ridge=0.01, clip_quantile=0.0)
    assert model.slope == pytest.approx(best[:3], abs=2e-3)
    assert model.dispersion == pytest.approx(np.exp(best[3]), rel=2e-2)


def test_without_conditions_it_is_the_mean():
    _, y = counts(2)
    assert fit_counts(y, np.empty((len(y), 0))).mean(np.empty((1, 0))) == pytest.approx([y.mean()])


def test_a_day_beyond_all_others_is_not_extrapolated():
    x, y = counts(3)
    model = fit_counts(y, x, clip_quantile=0.01)
    assert model.mean(np.array([[50.0, 0.0]])) == pytest.approx(model.mean(np.array([[x[:, 0].max(), 0.0]])))


def test_scores_are_log_probabilities_that_sum_to_one():
    x, y = counts(4)
    model = fit_counts(y, x)
    here = np.repeat(x[:1], 2000, axis=0)
    assert np.exp(model.score(np.arange(2000.0), here)).sum() == pytest.approx(1.0, abs=1e-6)


def test_too_little_data_is_said_in_a_sentence():
    with pytest.raises(UserError, match="too few to fit"):
        fit_counts(np.ones(3), np.ones((3, 2)))
    with pytest.raises(UserError, match="Nothing was counted"):
        fit_counts(np.zeros(50), np.ones((50, 1)))
