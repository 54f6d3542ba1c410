"""Proper scores of predicted amounts and counts: Poisson and negative binomial deviance and log score, information gain.

Per observation, so that differences of two models can be averaged with a day-block interval
(`clusters.cluster_mean`). Predictions must be above 0: a model that calls impossible what then happens scores minus
infinity, so give it a constant share (98% model + 2% constant) before it is judged. Realised values need not be whole
(notional over a unit); the scores are then quasi-likelihoods, comparable between models on the same unit.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import special

from perpscope.core.errors import UserError
from perpscope.stats.clusters import cluster_ratio
from perpscope.stats.inputs import Floats, outcomes, probabilities, same_length, series
from perpscope.stats.interval import Estimate, mean_interval


def poisson_deviance(realised: npt.ArrayLike, predicted: npt.ArrayLike) -> Floats:
    """Twice the log-likelihood lost against the perfect prediction, per observation; 0 is best.

    Definition: `2 (y ln(y/m) - (y - m))`, with `0 ln 0 = 0`.

    Raises:
        UserError: if a realised value is negative or a prediction is not above 0.
    Source: McCullagh and Nelder 1989.

    Example:
        >>> poisson_deviance([0.0, 2.0], [1.0, 2.0])
        array([2., 0.])
    """
    y, m = _amounts(realised, predicted)
    return 2.0 * np.maximum(special.xlogy(y, y / m) - (y - m), 0.0)


def poisson_log_score(realised: npt.ArrayLike, predicted: npt.ArrayLike) -> Floats:
    """The log probability of what happened, nats per observation; higher is better.

    Definition: `y ln m - m - ln(y!)`.

    Raises:
        UserError: as `poisson_deviance`.

    Example:
        >>> poisson_log_score([0.0], [0.5])
        array([-0.5])
    """
    y, m = _amounts(realised, predicted)
    return special.xlogy(y, m) - m - special.gammaln(y + 1.0)


def negative_binomial_deviance(realised: npt.ArrayLike, predicted: npt.ArrayLike, dispersion: float) -> Floats:
    """The deviance when the variance is `m + a m^2`: far misses in a cascade weigh less than under Poisson.

    Definition: `2 (y ln(y/m) - (y + 1/a) ln((1 + a y)/(1 + a m)))`; `a = 0` is Poisson.

    Raises:
        UserError: as `poisson_deviance`, or a negative dispersion.
    Source: Hilbe 2011 (NB2); Cameron and Trivedi 2013.

    Example:
        >>> round(float(negative_binomial_deviance([0.0], [1.0], dispersion=1.0)[0]), 6)
        1.386294
    """
    y, m = _amounts(realised, predicted)
    a = _dispersion(dispersion)
    if a == 0.0:
        return poisson_deviance(y, m)
    return 2.0 * np.maximum(special.xlogy(y, y / m) - (y + 1.0 / a) * (np.log1p(a * y) - np.log1p(a * m)), 0.0)


def negative_binomial_log_score(realised: npt.ArrayLike, predicted: npt.ArrayLike, dispersion: float) -> Floats:
    """The log probability of what happened under mean `m`, variance `m + a m^2`; nats per observation, higher is better.

    Definition: `ln G(y + 1/a) - ln G(1/a) - ln(y!) + y ln(a m / (1 + a m)) - ln(1 + a m)/a`; `a = 0` is Poisson.

    Raises:
        UserError: as `negative_binomial_deviance`.

    Example:
        >>> negative_binomial_log_score([0.0], [1.0], dispersion=1.0)
        array([-0.69314718])
    """
    y, m = _amounts(realised, predicted)
    a = _dispersion(dispersion)
    if a == 0.0:
        return poisson_log_score(y, m)
    shape = 1.0 / a
    # betaln keeps the difference of two huge gammas when the dispersion is small
    counts = np.where(y > 0.0, -special.betaln(np.maximum(y, 1e-300), shape) - np.log(np.maximum(y, 1e-300)), 0.0)
    return counts + special.xlogy(y, a * m) - y * np.log1p(a * m) - shape * np.log1p(a * m)


def fit_dispersion(realised: npt.ArrayLike, predicted: npt.ArrayLike) -> float:
    """The negative binomial dispersion that makes the realised values likeliest, the predictions held fixed.

    Definition: maximum of the summed log score over a in [1e-6, 1e4]; 0 if Poisson is at least as likely.
    Fit it on training rows only: on the judged rows it would be a look at the answer.

    Raises:
        UserError: as `poisson_deviance`.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> counts = rng.negative_binomial(2, 2 / (2 + 10.0), size=4000)
        >>> 0.45 < fit_dispersion(counts, np.full(4000, 10.0)) < 0.55
        True
    """
    from scipy.optimize import minimize_scalar

    y, m = _amounts(realised, predicted)

    def loss(log_dispersion: float) -> float:
        return -float(negative_binomial_log_score(y, m, math.exp(log_dispersion)).sum())

    grid = np.linspace(math.log(1e-6), math.log(1e4), 25)
    near = int(np.argmin([loss(point) for point in grid]))
    low, high = grid[max(near - 1, 0)], grid[min(near + 1, len(grid) - 1)]
    found = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-10})
    return math.exp(found.x) if found.fun < -float(poisson_log_score(y, m).sum()) - 1e-9 else 0.0


def deviance_skill(
    deviance: npt.ArrayLike,
    baseline_deviance: npt.ArrayLike,
    clusters: npt.ArrayLike,
    *,
    rng: np.random.Generator,
    replications: int = 1_000,
    level: float = 0.95,
) -> Estimate:
    """The share of a baseline's deviance that a model removes: `1 - sum D / sum D_baseline`, day-block interval.

    Above 0 the model is better; 1 is perfect; there is no lower limit.

    Raises:
        UserError: if the lengths differ or there are fewer than three clusters.

    Example:
        >>> deviance_skill([1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1, 2, 3], rng=np.random.default_rng(0)).value
        0.5
    """
    ours, theirs = series(deviance, "deviance"), series(baseline_deviance, "baseline_deviance")
    return cluster_ratio(theirs - ours, theirs, clusters, rng=rng, replications=replications, level=level)


def information_gain(
    rate: npt.ArrayLike,
    baseline_rate: npt.ArrayLike,
    expected: float = 0.0,
    baseline_expected: float = 0.0,
    level: float = 0.95,
) -> Estimate:
    """How much better a map places the events than another one, in nats per event, with the T-test interval of CSEP.

    Definition: `mean_i ln(rate_i / baseline_i) - (expected - baseline_expected) / N` over the N observed events, rates taken
    at the events; the second term charges a map that simply expects more. Leave both expectations at 0 for maps scaled to
    the same total (the S-test). Interval: Student's t over the events; events of one cascade are not independent, so prefer
    `cluster_mean(np.log(rate / baseline_rate), day)` when they share days.

    Raises:
        UserError: if a rate is not above 0 or the lengths differ.
    Source: Rhoades et al. 2011 (CSEP T-test).

    Example:
        >>> round(information_gain([0.5, 0.2, 0.3], [0.25, 0.25, 0.25]).value, 6)
        0.217442
    """
    ours, theirs = series(rate, "rate"), series(baseline_rate, "baseline_rate")
    n = same_length(rate=ours, baseline_rate=theirs)
    if np.any(ours <= 0.0) or np.any(theirs <= 0.0):
        raise UserError("A rate at an observed event must be above 0: give the map a small constant share everywhere.")
    return mean_interval(np.log(ours / theirs) - (expected - baseline_expected) / n, level)


def occurrence_probability(expected: npt.ArrayLike) -> Floats:
    """`P(at least one) = 1 - exp(-expected)`: what a feed that shows one event per second at most can be asked.

    Raises:
        UserError: if an expectation is negative.
    Source: complementary log-log link.

    Example:
        >>> occurrence_probability([0.05, 0.5, 2.0]).round(6)
        array([0.048771, 0.393469, 0.864665])
    """
    m = series(expected, "expected")
    if np.any(m < 0.0):
        raise UserError("An expected number of events cannot be negative.")
    return -np.expm1(-m)


def bernoulli_log_score(realised: npt.ArrayLike, probability: npt.ArrayLike) -> Floats:
    """The log probability of a yes/no outcome, nats per observation; higher is better, a coin scores -0.693.

    Raises:
        UserError: if an outcome that happened was given probability 0, or one outside [0, 1].

    Example:
        >>> bernoulli_log_score([1, 0], [0.5, 0.5])
        array([-0.69314718, -0.69314718])
    """
    y, p = outcomes(realised, "realised"), probabilities(probability, "probability")
    same_length(realised=y, probability=p)
    given = np.where(y == 1.0, p, 1.0 - p)
    if np.any(given == 0.0):
        raise UserError("What happened was given probability 0; keep predictions strictly between 0 and 1.")
    return np.log(given)


def _amounts(realised: npt.ArrayLike, predicted: npt.ArrayLike) -> tuple[Floats, Floats]:
    y, m = series(realised, "realised"), series(predicted, "predicted")
    same_length(realised=y, predicted=m)
    if np.any(y < 0.0):
        raise UserError("A realised amount cannot be negative.")
    if np.any(m <= 0.0):
        raise UserError("Every prediction must be above 0: give the model a small constant share.")
    return y, m


def _dispersion(dispersion: float) -> float:
    if not 0.0 <= dispersion < math.inf:
        raise UserError(f"A dispersion is 0 (Poisson) or positive, not {dispersion}.")
    return dispersion
