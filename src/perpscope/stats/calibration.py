"""Are stated probabilities honest: Brier score and its parts, reliability by class, isotonic calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.numeric.jit import njit
from perpscope.stats.clusters import cluster_ratio
from perpscope.stats.inputs import Floats, Integers, outcomes, probabilities, same_length, series
from perpscope.stats.interval import Estimate, mean_interval, proportion


def brier_score(probability: npt.ArrayLike, outcome: npt.ArrayLike, level: float = 0.95) -> Estimate:
    """The mean squared error of stated probabilities, with a t interval for independent rows; 0 is best.

    Definition: `mean (p - y)^2`. Always saying the base rate scores `base (1 - base)`, at most 0.25.

    Raises:
        UserError: if a probability is outside [0, 1], an outcome is not 0/1, or the lengths differ.
    Source: Brier 1950.

    Example:
        >>> round(brier_score([0.1] * 4 + [0.6] * 5, [0, 0, 1, 0, 1, 1, 0, 1, 0]).value, 6)
        0.226667
    """
    p, y = _forecasts(probability, outcome)
    return mean_interval((p - y) ** 2, level)


@dataclass(frozen=True, slots=True)
class BrierParts:
    """Murphy's parts: `score = reliability - resolution + uncertainty`.

    Attributes:
        reliability: distance of what was said from what happened when it was said; 0 is honest.
        resolution: how far apart the classes' outcomes lie; higher is more useful.
        uncertainty: base rate x (1 - base rate); no property of the forecaster.
    """

    reliability: float
    resolution: float
    uncertainty: float

    @property
    def score(self) -> float:
        """The Brier score of the class forecasts."""
        return self.reliability - self.resolution + self.uncertainty


def brier_parts(probability: npt.ArrayLike, outcome: npt.ArrayLike) -> BrierParts:
    """The Brier score in three parts, one class per distinct probability.

    Disputed: with fine-grained probabilities every class holds one row and reliability means nothing; use
    `isotonic_parts` there, or round the probabilities first.

    Raises:
        UserError: as `brier_score`.
    Source: Murphy 1973.

    Example:
        >>> parts = brier_parts([0.1] * 4 + [0.6] * 5, [0, 0, 1, 0, 1, 1, 0, 1, 0])
        >>> round(parts.reliability, 6), round(parts.resolution, 6), round(parts.uncertainty, 6)
        (0.01, 0.030247, 0.246914)
    """
    p, y = _forecasts(probability, outcome)
    said, inverse = np.unique(p, return_inverse=True)
    count = np.bincount(inverse)
    happened = np.bincount(inverse, weights=y) / count
    base = float(y.mean())
    share = count / len(y)
    return BrierParts(float(share @ (said - happened) ** 2), float(share @ (happened - base) ** 2), base * (1.0 - base))


@dataclass(frozen=True, slots=True)
class ReliabilityClass:
    """One point of a reliability curve: the mean probability said, and how often it happened."""

    said: float
    happened: Estimate


def reliability(
    probability: npt.ArrayLike, outcome: npt.ArrayLike, classes: int = 10, level: float = 0.95
) -> list[ReliabilityClass]:
    """The reliability curve: rows in classes of about equal number by stated probability, Wilson intervals.

    Definition: rows are sorted by probability and cut into `classes` equal parts; equal probabilities stay together (in
    the class of their middle), so there can be fewer classes.

    Raises:
        UserError: as `brier_score`, or fewer than one class.
    Source: Murphy and Winkler 1977.

    Example:
        >>> [(round(c.said, 2), c.happened.value) for c in reliability([0.1, 0.1, 0.1, 0.8], [0, 0, 0, 1], classes=2)]
        [(0.1, 0.0), (0.8, 1.0)]
    """
    p, y = _forecasts(probability, outcome)
    found = []
    for rows in equal_classes(p, classes):
        found.append(ReliabilityClass(float(p[rows].mean()), proportion(int(y[rows].sum()), len(rows), level)))
    return found


@dataclass(frozen=True, slots=True)
class AmountClass:
    """One class of predicted amounts: their mean, the mean realised, and the ratio predicted / realised."""

    predicted: float
    realised: float
    ratio: Estimate


def amount_calibration(
    predicted: npt.ArrayLike,
    realised: npt.ArrayLike,
    clusters: npt.ArrayLike,
    *,
    rng: np.random.Generator,
    classes: int = 10,
    replications: int = 1_000,
    level: float = 0.95,
) -> list[AmountClass]:
    """Predicted against realised amounts by decile of the prediction, with day-block intervals of the ratio of sums.

    Raises:
        UserError: if the lengths differ, or a class lies in fewer than three clusters.

    Example:
        >>> day = np.arange(40) // 4
        >>> table = amount_calibration(np.arange(40.0) + 1, np.arange(40.0) + 1, day, rng=np.random.default_rng(0), classes=4)
        >>> [row.ratio.value for row in table]
        [1.0, 1.0, 1.0, 1.0]
    """
    x, y, group = series(predicted, "predicted"), series(realised, "realised"), np.asarray(clusters)
    same_length(predicted=x, realised=y, clusters=group)
    table = []
    for rows in equal_classes(x, classes):
        ratio = cluster_ratio(x[rows], y[rows], group[rows], rng=rng, replications=replications, level=level)
        table.append(AmountClass(float(x[rows].mean()), float(y[rows].mean()), ratio))
    return table


def equal_classes(values: Floats, classes: int) -> list[Integers]:
    """Row numbers of classes of about equal number, in rising order of `values`; equal values stay together.

    Example:
        >>> [rows.tolist() for rows in equal_classes(np.array([3.0, 1.0, 2.0, 1.0]), 2)]
        [[1, 3], [2, 0]]
    """
    if classes < 1:
        raise UserError(f"At least one class is needed, not {classes}.")
    order = np.argsort(values, kind="stable")
    in_order = values[order]
    # the class of a run of equal values is that of its middle
    first = np.searchsorted(in_order, in_order, side="left")
    last = np.searchsorted(in_order, in_order, side="right")
    label = (first + last - 1) * classes // (2 * len(values))
    return np.split(order, np.flatnonzero(np.diff(label)) + 1)


def isotonic(x: npt.ArrayLike, y: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> Floats:
    """The non-decreasing function of `x` nearest to `y`, in the order of the rows given.

    Definition: minimises `sum w (y - f(x))^2` over non-decreasing f, by pooling adjacent violators; equal x get one value.

    Raises:
        UserError: if the lengths differ or a weight is not above 0.
    Source: Ayer et al. 1955; Barlow et al. 1972.

    Example:
        >>> isotonic([1, 2, 3, 4], [1.0, 3.0, 2.0, 4.0])
        array([1. , 2.5, 2.5, 4. ])
    """
    at, value = series(x, "x"), series(y, "y")
    weight = np.ones(len(at)) if weights is None else series(weights, "weights")
    same_length(x=at, y=value, weights=weight)
    if np.any(weight <= 0.0):
        raise UserError("Weights must be above 0; leave out rows that do not count.")
    places, inverse = np.unique(at, return_inverse=True)
    mass = np.bincount(inverse, weights=weight, minlength=len(places)).astype(np.float64)
    level = np.bincount(inverse, weights=weight * value, minlength=len(places)) / mass
    pool_adjacent_violators(level, mass)
    fitted: Floats = level[inverse]
    return fitted


@dataclass(frozen=True, slots=True)
class IsotonicParts:
    """The Brier score against its isotonic recalibration: `score = miscalibration - discrimination + uncertainty`."""

    miscalibration: float
    discrimination: float
    uncertainty: float

    @property
    def score(self) -> float:
        """The Brier score."""
        return self.miscalibration - self.discrimination + self.uncertainty


def isotonic_parts(probability: npt.ArrayLike, outcome: npt.ArrayLike) -> IsotonicParts:
    """The Brier score in three parts without a choice of classes (CORP).

    Definition: c = isotonic regression of the outcome on the probability; miscalibration = Brier(p) - Brier(c),
    discrimination = Brier(base rate) - Brier(c), uncertainty = Brier(base rate). Both parts are never negative.

    Raises:
        UserError: as `brier_score`.
    Source: Dimitriadis, Gneiting and Jordan 2021.

    Example:
        >>> parts = isotonic_parts([0.1] * 4 + [0.6] * 5, [0, 0, 1, 0, 1, 1, 0, 1, 0])
        >>> round(parts.miscalibration, 6), round(parts.discrimination, 6)
        (0.01, 0.030247)
    """
    p, y = _forecasts(probability, outcome)
    best = float(np.mean((isotonic(p, y) - y) ** 2))
    base = float(np.mean((y.mean() - y) ** 2))
    return IsotonicParts(float(np.mean((p - y) ** 2)) - best, base - best, base)


def coverage(low: npt.ArrayLike, high: npt.ArrayLike, realised: npt.ArrayLike, level: float = 0.95) -> Estimate:
    """How often the realised value lies in its stated band, ends included, with Wilson's interval.

    Raises:
        UserError: if the lengths differ or a band ends below its beginning.

    Example:
        >>> coverage([0, 0, 0], [1, 1, 1], [0.5, 1.0, 2.0]).value
        0.6666666666666666
    """
    bottom, top, y = series(low, "low"), series(high, "high"), series(realised, "realised")
    n = same_length(low=bottom, high=top, realised=y)
    if np.any(top < bottom):
        raise UserError(f"The band of row {int(np.argmax(top < bottom))} ends below its beginning.")
    return proportion(int(np.count_nonzero((y >= bottom) & (y <= top))), n, level)


@njit
def pool_adjacent_violators(level: Floats, mass: Floats) -> None:
    """Make `level` non-decreasing in place: neighbours in the wrong order share their weighted mean."""
    n = len(level)
    pool_level, pool_mass, pool_end = np.empty(n), np.empty(n), np.empty(n, dtype=np.int64)
    pools = 0
    for i in range(n):
        pool_level[pools], pool_mass[pools], pool_end[pools] = level[i], mass[i], i + 1
        pools += 1
        while pools > 1 and pool_level[pools - 2] >= pool_level[pools - 1]:
            total = pool_mass[pools - 2] + pool_mass[pools - 1]
            moment = pool_level[pools - 2] * pool_mass[pools - 2] + pool_level[pools - 1] * pool_mass[pools - 1]
            pool_level[pools - 2] = moment / total
            pool_mass[pools - 2] = total
            pool_end[pools - 2] = pool_end[pools - 1]
            pools -= 1
    start = 0
    for k in range(pools):
        for i in range(start, pool_end[k]):
            level[i] = pool_level[k]
        start = pool_end[k]


def _forecasts(probability: npt.ArrayLike, outcome: npt.ArrayLike) -> tuple[Floats, Floats]:
    p, y = probabilities(probability, "probability"), outcomes(outcome, "outcome")
    same_length(probability=p, outcome=y)
    return p, y
