"""Ridge-logistic against statsmodels (no penalty), scipy's general minimiser (penalty) and the equations by hand."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from perpscope.core.errors import UserError
from perpscope.stats.logistic import ridge_logistic


def sample(seed: int, n: int = 400, k: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (n, k))
    y = rng.random(n) < 1 / (1 + np.exp(-(0.3 + x @ np.linspace(-1, 1.5, k))))
    return x, y.astype(float)


@pytest.mark.parametrize("seed", range(3))
def test_without_a_penalty_it_is_the_maximum_likelihood_of_statsmodels(seed: int) -> None:
    x, y = sample(seed)
    peer = sm.Logit(y, sm.add_constant(x)).fit(disp=0, tol=1e-12)
    ours = ridge_logistic(x, y, 0.0)
    assert np.concatenate([[ours.base], ours.weights]) == pytest.approx(peer.params, abs=1e-7)
    assert ours.deviance == pytest.approx(-2 * peer.llf, rel=1e-10)


@pytest.mark.parametrize("ridge", [0.1, 5.0, 200.0])
def test_with_a_penalty_it_is_what_a_general_minimiser_finds(ridge: float) -> None:
    x, y = sample(7)

    def loss(b: np.ndarray) -> float:
        z = b[0] + x @ b[1:]
        return float(np.sum(np.log1p(np.exp(-np.abs(z))) + np.maximum(z, 0) - y * z) + 0.5 * ridge * np.sum(b[1:] ** 2))

    peer = minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-9})
    ours = ridge_logistic(x, y, ridge)
    assert np.concatenate([[ours.base], ours.weights]) == pytest.approx(peer.x, abs=1e-4)


def test_one_column_by_hand() -> None:
    """x = +-1, 3 of 4 right: log-odds without penalty are ln 3; with ridge r the weight solves 8 (3/4 - p) = r w."""
    x, y = [[1.0]] * 4 + [[-1.0]] * 4, [1, 1, 1, 0, 0, 0, 0, 1]
    assert ridge_logistic(x, y, 0.0).weights[0] == pytest.approx(np.log(3))
    w = ridge_logistic(x, y, 2.0).weights[0]
    assert 8 * (0.75 - 1 / (1 + np.exp(-w))) == pytest.approx(2.0 * w)


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), ridge=st.sampled_from([0.5, 3.0]))
def test_turning_the_columns_and_the_outcomes_turns_nothing_but_the_base(seed: int, ridge: float) -> None:
    x, y = sample(seed, 80, 2)
    one, other = ridge_logistic(x, y, ridge), ridge_logistic(-x, 1 - y, ridge)
    assert other.weights == pytest.approx(one.weights, abs=1e-8)
    assert other.base == pytest.approx(-one.base, abs=1e-8)


def test_a_stronger_penalty_gives_smaller_weights() -> None:
    x, y = sample(3)
    sizes = [np.abs(ridge_logistic(x, y, r).weights).sum() for r in (0.0, 1.0, 10.0, 1000.0)]
    assert sizes == sorted(sizes, reverse=True)


def test_a_column_that_is_always_zero_has_no_weight() -> None:
    x, y = sample(4)
    x[:, 1] = 0.0
    assert ridge_logistic(x, y, 1.0).weights[1] == 0.0


def test_bad_input_is_refused_in_a_sentence() -> None:
    x, y = sample(5)
    with pytest.raises(UserError, match="perfectly separated"):
        ridge_logistic([[1.0], [2.0], [-1.0], [-2.0]], [1, 1, 0, 0], 0.0)
    with pytest.raises(UserError, match="All outcomes are the same"):
        ridge_logistic(x, np.ones(len(y)))
    with pytest.raises(UserError, match="must not be negative"):
        ridge_logistic(x, y, -1.0)
    with pytest.raises(UserError, match="400 rows and y 399"):
        ridge_logistic(x, y[1:])
    with pytest.raises(UserError):
        ridge_logistic(np.where(x > 0.99, np.nan, x), y)
