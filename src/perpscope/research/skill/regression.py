"""Negative binomial regression with a log link: how amounts go with conditions, far misses in a cascade weighing less."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from perpscope.core.errors import UserError
from perpscope.stats.deviance import fit_dispersion, negative_binomial_log_score

Floats = npt.NDArray[np.float64]

_ROUNDS, _PASSES = 40, 6
_REACH = 0.7
_SMALLEST, _LARGEST = -25.0, 15.0


@dataclass(frozen=True, eq=False)
class CountModel:
    """A fitted regression: `mean = exp(intercept + x @ slope)` of standardised, clipped conditions.

    Attributes:
        slope: float64 (1 + conditions,), the intercept first.
        centre, spread, low, high: float64 (conditions,), standardisation and clipping, all from the training rows.
        dispersion: of the negative binomial.
    """

    slope: Floats
    centre: Floats
    spread: Floats
    low: Floats
    high: Floats
    dispersion: float

    def mean(self, conditions: Floats) -> Floats:
        """Expected counts: float64 (rows,)."""
        return np.exp(np.clip(self._design(conditions) @ self.slope, _SMALLEST, _LARGEST)) + 1e-9

    def score(self, counts: Floats, conditions: Floats) -> Floats:
        """Log probability of each count, nats."""
        return negative_binomial_log_score(counts, self.mean(conditions), self.dispersion)

    def _design(self, conditions: Floats) -> Floats:
        inside = np.clip(conditions, self.low, self.high)
        return np.column_stack([np.ones(len(conditions)), (inside - self.centre) / self.spread])


def fit_counts(counts: Floats, conditions: Floats, ridge: float = 0.01, clip_quantile: float = 0.005) -> CountModel:
    """Fit by iteratively reweighted least squares, the dispersion in turn with the slopes.

    Definition: maximum of sum log NB(y; exp(x b), a) - ridge n/100 |b|^2 (intercept free). Conditions are clipped to their
    inner quantiles and standardised on the training rows, because an unclipped logarithm extrapolates badly on the day of a
    crash. Counts need not be whole.

    Args:
        counts: float64 (rows,), not negative.
        conditions: float64 (rows, conditions); none is allowed: then the model is a constant.

    Raises:
        UserError: if there are fewer rows than conditions + 2, or nothing was counted.
    Source: Hilbe 2011 (NB2); ridge and clipping: own.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.standard_normal((4000, 1))
        >>> model = fit_counts(rng.poisson(np.exp(1.0 + 0.5 * x[:, 0])).astype(float), x, ridge=0.0, clip_quantile=0.0)
        >>> model.slope.round(1).tolist()
        [1.0, 0.5]
    """
    n, p = conditions.shape
    if n < p + 2:
        raise UserError(f"{n} rows are too few to fit {p} conditions. Choose a longer window.")
    if not counts.sum() > 0.0:
        raise UserError("Nothing was counted in the rows to learn from. Choose another window.")
    low, high = np.quantile(conditions, [clip_quantile, 1.0 - clip_quantile], axis=0) if p else (np.zeros(0), np.zeros(0))
    inside = np.clip(conditions, low, high)
    centre, spread = inside.mean(axis=0), inside.std(axis=0)
    spread = np.where(spread > 1e-12, spread, 1.0)
    design = np.column_stack([np.ones(n), (inside - centre) / spread])
    penalty = np.full(p + 1, 2.0 * ridge * n / 100.0)
    penalty[0] = 0.0
    slope = np.zeros(p + 1)
    slope[0] = np.log(counts.mean())
    dispersion = 1.0
    for _ in range(_PASSES):
        before = slope
        slope = _ascend(design, counts, slope, dispersion, penalty)
        fresh = _dispersion(counts, np.exp(np.clip(design @ slope, _SMALLEST, _LARGEST)) + 1e-9, dispersion)
        rests = abs(np.log(fresh / dispersion)) < 1e-3 and np.abs(slope - before).max() < 1e-4
        dispersion = fresh
        if rests:
            break
    return CountModel(slope, centre, spread, low, high, dispersion)


def _dispersion(counts: Floats, mean: Floats, near: float) -> float:
    """The likeliest dispersion, looked for around the last one first: a few steps instead of a grid."""

    def loss(log_dispersion: float) -> float:
        return -float(negative_binomial_log_score(counts, mean, float(np.exp(log_dispersion))).sum())

    low, high = np.log(near) - _REACH, np.log(near) + _REACH
    found = float(minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-3}).x)
    if min(found - low, high - found) > 0.01:
        return float(np.exp(found))
    return max(fit_dispersion(counts, mean), 1e-6)


def _ascend(design: Floats, counts: Floats, slope: Floats, dispersion: float, penalty: Floats) -> Floats:
    """Fisher scoring with halved steps until the penalised likelihood rests."""

    def value(b: Floats) -> float:
        mean = np.exp(np.clip(design @ b, _SMALLEST, _LARGEST)) + 1e-9
        likelihood = counts @ np.log(mean) - (counts + 1.0 / dispersion) @ np.log1p(dispersion * mean)
        return float(likelihood - 0.5 * penalty @ b**2)

    now = value(slope)
    for _ in range(_ROUNDS):
        mean = np.exp(np.clip(design @ slope, _SMALLEST, _LARGEST)) + 1e-9
        weight = mean / (1.0 + dispersion * mean)
        gradient = design.T @ ((counts - mean) / (1.0 + dispersion * mean)) - penalty * slope
        information = (design * weight[:, None]).T @ design + np.diag(penalty + 1e-9 * weight.sum())
        step = np.linalg.solve(information, gradient)
        size = 1.0
        while size > 1e-4 and value(slope + size * step) < now:
            size /= 2.0
        moved = slope + size * step
        fresh = value(moved)
        if fresh <= now + 1e-9 * abs(now):
            return moved if fresh > now else slope
        slope, now = moved, fresh
    return slope
