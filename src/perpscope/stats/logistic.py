"""Ridge-logistic regression on plain arrays: the plainest way to turn named evidence into odds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.stats.inputs import Floats, outcomes, panel

_ROUNDS = 100
_CLOSE = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class LogisticFit:
    """Log-odds = base + x @ weights.

    Attributes:
        base: log-odds where every column is 0.
        weights: float64 (columns,), log-odds per unit of a column.
        deviance: minus twice the log-likelihood, the penalty not counted.
        rounds: Newton steps taken.
    """

    base: float
    weights: Floats
    deviance: float
    rounds: int

    def log_odds(self, x: npt.ArrayLike) -> Floats:
        """Log-odds of rows (n, columns)."""
        return self.base + np.asarray(x, np.float64) @ self.weights


def ridge_logistic(x: npt.ArrayLike, y: npt.ArrayLike, ridge: float = 1.0) -> LogisticFit:
    """Fit P(y = 1) = 1 / (1 + exp(-(base + x @ weights))) with a penalty on large weights.

    Definition: maximises sum log P(y) - ridge / 2 x |weights|^2; the base is not penalised. Newton's method (iteratively
    reweighted least squares), with the step halved until the objective does not fall, to a relative step of 1e-10.
    Disputed: whether to standardise first. Not here: parts in -1..1 share a scale, and a rescaled weight would not
    be the one that is shown.

    Raises:
        UserError: if a value is not finite, y is not 0/1 or of one kind only, lengths differ, the penalty is negative, or
            the outcomes are separated by the columns and no penalty bounds the weights.
    Source: le Cessie and van Houwelingen, Applied Statistics 41 (1992).

    Example:
        >>> fit = ridge_logistic([[1.0], [1.0], [-1.0], [-1.0], [0.0], [0.0]], [1, 1, 0, 0, 1, 0], ridge=1.0)
        >>> round(float(fit.weights[0]), 4)  # solves 4 (1 - p(w)) = w
        1.0426
    """
    rows, y = panel(x, "x", 2), outcomes(y, "y", 2)
    if len(rows) != len(y):
        raise UserError(f"x has {len(rows)} rows and y {len(y)}.")
    if not ridge >= 0.0:
        raise UserError(f"The ridge must not be negative, and is {ridge}.")
    if y.min() == y.max():
        raise UserError("All outcomes are the same, so there is nothing to tell apart. Use a longer window.")
    design = np.column_stack([np.ones(len(rows)), rows])
    penalty = np.full(design.shape[1], float(ridge))
    penalty[0] = 0.0
    beta = np.zeros(design.shape[1])
    value = _objective(design, y, beta, penalty)
    for taken in range(1, _ROUNDS + 1):
        p = _probability(design @ beta)
        gradient = design.T @ (y - p) - penalty * beta
        curvature = (design * (p * (1.0 - p))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.lstsq(curvature, gradient, rcond=None)[0]
        size = 1.0
        while (tried := _objective(design, y, beta + size * step, penalty)) < value and size > 1e-8:
            size *= 0.5
        beta = beta + size * step
        value = max(value, tried)
        if ridge == 0.0 and np.abs(y - _probability(design @ beta)).max() < 1e-6:
            break
        if np.abs(size * step).max() <= _CLOSE * (1.0 + np.abs(beta).max()):
            return LogisticFit(float(beta[0]), beta[1:], -2.0 * _objective(design, y, beta, 0.0 * penalty), taken)
    raise UserError(
        "The outcomes are perfectly separated by the columns, so the weights grow without end. Use a ridge above 0."
    )


def _probability(log_odds: Floats) -> Floats:
    return 0.5 * (1.0 + np.tanh(0.5 * log_odds))


def _objective(design: Floats, y: Floats, beta: Floats, penalty: Floats) -> float:
    log_odds = design @ beta
    return float(np.sum(y * log_odds - np.logaddexp(0.0, log_odds)) - 0.5 * np.sum(penalty * beta * beta))
