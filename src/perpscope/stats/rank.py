"""Does a higher score go with a higher outcome: Spearman, partial Spearman, AUC, lift within strata."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.numeric.jit import njit
from perpscope.stats.bootstrap import percentile_interval
from perpscope.stats.clusters import Groups
from perpscope.stats.inputs import Floats, Integers, integers, outcomes, panel, same_length, series
from perpscope.stats.interval import Estimate, absent, correlation_interval, two_sided_z


def ranks(values: npt.ArrayLike) -> Floats:
    """Ranks from 1; equal values share their mean rank.

    Example:
        >>> ranks([10, 30, 10, 20])
        array([1.5, 4. , 1.5, 3. ])
    """
    x = series(values, "values")
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    middle = ends - (counts - 1) / 2.0
    shared: Floats = middle[inverse]
    return shared


def rank_correlation(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Spearman's rho as a bare number, for resampling; NaN if a column is constant.

    Example:
        >>> rank_correlation([1, 2, 3, 4], [1, 4, 9, 2])
        0.4
    """
    return _pearson(ranks(x), ranks(y))


def spearman(x: npt.ArrayLike, y: npt.ArrayLike, level: float = 0.95) -> Estimate:
    """Spearman's rank correlation with a Fisher z interval for independent rows.

    Definition: the Pearson correlation of mean ranks. For rows that share days:
    `cluster_bootstrap(rank_correlation, x, y, clusters=day, rng=rng)`.

    Source: Spearman 1904; interval Bonett and Wright 2000.

    Example:
        >>> spearman(np.arange(50), np.arange(50) % 10).excludes(0.0)
        False
    """
    a, b = series(x, "x"), series(y, "y")
    n = same_length(x=a, y=b)
    return correlation_interval(_pearson(ranks(a), ranks(b)), n, rank=True, level=level)


def partial_rank_correlation(x: npt.ArrayLike, y: npt.ArrayLike, *controls: npt.ArrayLike) -> float:
    """Partial Spearman as a bare number, for resampling; NaN if the controls explain a column fully.

    Definition: ranks of x and of y are each regressed by least squares, with a constant, on the ranks of the controls; the
    Pearson correlation of the two residuals.

    Example:
        >>> size = np.arange(20.0)
        >>> noise = 5 * np.sin(np.arange(20) * 37.0)
        >>> round(partial_rank_correlation(size + noise, size - noise, size), 2)
        -0.94
    """
    a, b = ranks(x), ranks(y)
    given = [ranks(control) for control in controls]
    same_length(x=a, y=b, **{f"control {i + 1}": control for i, control in enumerate(given)})
    design = np.column_stack([np.ones(len(a)), *given])
    both = np.column_stack([a, b])
    residual = both - design @ np.linalg.lstsq(design, both, rcond=None)[0]
    # a residual of rounding errors is no residual: correlating it would invent a number
    if np.any(residual.std(axis=0) <= 1e-9 * len(a)):
        return math.nan
    return _pearson(residual[:, 0], residual[:, 1])


def partial_spearman(x: npt.ArrayLike, y: npt.ArrayLike, controls: npt.ArrayLike, level: float = 0.95) -> Estimate:
    """Rank correlation of x and y at fixed controls, with a Fisher z interval for independent rows.

    "Does the map add to *big move = many liquidations*": x = map, y = realised, controls = range and volume.

    Args:
        controls: float64 (rows, controls).
    Raises:
        UserError: if the lengths differ.
    Source: definition as `partial_rank_correlation`; interval Fisher 1924 with n - 3 - controls.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> size = rng.random(300)
        >>> x, y = size + 0.1 * rng.random(300), size + 0.1 * rng.random(300)
        >>> spearman(x, y).excludes(0.0), partial_spearman(x, y, size[:, None]).excludes(0.0)
        (True, False)
    """
    a, given = series(x, "x"), panel(controls, "controls")
    r = partial_rank_correlation(a, y, *given.T)
    return correlation_interval(r, len(a), controls=given.shape[1], rank=True, level=level)


def area_under_curve(scores: npt.ArrayLike, outcome: npt.ArrayLike) -> float:
    """AUC as a bare number, for resampling; NaN if only one outcome occurs.

    Example:
        >>> area_under_curve([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
        0.75
    """
    s, y = series(scores, "scores"), outcomes(outcome, "outcome")
    n = same_length(scores=s, outcome=y)
    hits = int(y.sum())
    if hits in (0, n):
        return math.nan
    return float((ranks(s)[y == 1.0].sum() - hits * (hits + 1) / 2.0) / (hits * (n - hits)))


def auc(scores: npt.ArrayLike, outcome: npt.ArrayLike, level: float = 0.95) -> Estimate:
    """The chance that a random event scores above a random non-event, with DeLong's interval for independent rows.

    Definition: `(#(s+ > s-) + #(s+ = s-)/2) / (n+ n-)`, ties count half; 0.5 is no skill.

    Raises:
        UserError: if the lengths differ or the outcome is not 0/1.
    Source: Mann and Whitney 1947; DeLong, DeLong and Clarke-Pearson 1988.

    Example:
        >>> print(auc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]))
        0.75 (0.05705 .. 1, 95%, n 4)
    """
    s, y = series(scores, "scores"), outcomes(outcome, "outcome")
    value, n, hit = area_under_curve(s, y), len(s), y == 1.0
    if math.isnan(value):
        return absent("only one of the two outcomes occurs", level=level, n=n, method="DeLong")
    if hit.sum() < 2 or (~hit).sum() < 2:
        return absent("fewer than two of one outcome", level=level, n=n, method="DeLong", value=value)
    everywhere = ranks(s)
    above = (everywhere[hit] - ranks(s[hit])) / (~hit).sum()
    below = 1.0 - (everywhere[~hit] - ranks(s[~hit])) / hit.sum()
    half = two_sided_z(level) * math.sqrt(above.var(ddof=1) / hit.sum() + below.var(ddof=1) / (~hit).sum())
    return Estimate(value, max(0.0, value - half), min(1.0, value + half), level, n, "DeLong")


def lift_in_strata(
    scores: npt.ArrayLike,
    outcome: npt.ArrayLike,
    strata: npt.ArrayLike,
    *,
    rng: np.random.Generator,
    fraction: float = 0.1,
    clusters: npt.ArrayLike | None = None,
    replications: int = 1_000,
    level: float = 0.95,
) -> Estimate:
    """How much more the best-scored rows hold than their share, compared only with rows of the same stratum.

    Definition: in each stratum the best `fraction` of rows by score is picked; lift = (sum of outcome of the picked) /
    (sum over strata of `fraction` x the stratum's outcome). 1 = no skill, 1 / fraction = all of it. Our choices: a row at
    the border, or tied with it, is picked in part, so that the share is exact and ties are in no order; strata that are
    distance and sweep-speed classes keep the geometry (near zones are hit more often) out of the number.

    Args:
        scores, outcome: float64 (rows,); the outcome is 0/1 or an amount not below 0.
        strata: int64 (rows,).
        clusters: int64 (rows,), resampled together (days); None takes every row as its own cluster.
    Raises:
        UserError: if the lengths differ, an outcome is negative, or the fraction is not between 0 and 1.
    Source: own; the stratification follows the S-test idea of Zechar, Gerstenberger and Rhoades 2010.

    Example:
        >>> score, hit = np.tile(np.arange(10), 20), np.tile(np.arange(10) == 9, 20)
        >>> print(lift_in_strata(score, hit, np.repeat(np.arange(20), 10), rng=np.random.default_rng(0), fraction=0.2))
        5 (3.912 .. 5, 95%, n 200)
    """
    s, y, layer = series(scores, "scores"), series(outcome, "outcome"), integers(strata, "strata")
    n = same_length(scores=s, outcome=y, strata=layer)
    if np.any(y < 0.0):
        raise UserError("An outcome is an event (0 or 1) or an amount; it cannot be negative.")
    if not 0.0 < fraction < 1.0:
        raise UserError(f"fraction must lie between 0 and 1, not {fraction}.")
    order = np.lexsort((-s, layer))
    layer_starts = np.concatenate([[True], np.diff(layer[order]) != 0])
    tie_starts = layer_starts | np.concatenate([[True], np.diff(s[order]) != 0.0])
    layers = np.flatnonzero(np.append(layer_starts, True)).astype(np.int64)
    ties = np.flatnonzero(np.append(tie_starts, True)).astype(np.int64)
    sorted_outcome = y[order]
    value = picked_lift(sorted_outcome, np.ones(n), layers, ties, fraction)
    groups = Groups(np.arange(n) if clusters is None else clusters, n)
    draws = np.empty(replications)
    for r, weight in enumerate(groups.weights(1.0, replications, rng)):
        draws[r] = picked_lift(sorted_outcome, weight[order], layers, ties, fraction)
    method = groups.described(1.0, replications)
    return percentile_interval(value, draws, level=level, n=n, method=method, reason="no outcome anywhere")


@njit
def picked_lift(outcome: Floats, weight: Floats, layers: Integers, ties: Integers, fraction: float) -> float:
    """The lift of weighted rows sorted by stratum and falling score; `layers` and `ties` are the starts of the runs."""
    picked, expected, tie = 0.0, 0.0, 0
    for layer in range(len(layers) - 1):
        rows, amount = 0.0, 0.0
        for i in range(layers[layer], layers[layer + 1]):
            rows += weight[i]
            amount += weight[i] * outcome[i]
        expected += fraction * amount
        room = fraction * rows
        while tie < len(ties) - 1 and ties[tie] < layers[layer + 1]:
            rows, amount = 0.0, 0.0
            for i in range(ties[tie], ties[tie + 1]):
                rows += weight[i]
                amount += weight[i] * outcome[i]
            if rows > 0.0 and room > 0.0:
                part = min(1.0, room / rows)
                picked += part * amount
                room -= part * rows
            tie += 1
    return picked / expected if expected > 0.0 else np.nan


def _pearson(x: Floats, y: Floats) -> float:
    a, b = x - x.mean(), y - y.mean()
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return max(-1.0, min(1.0, float(a @ b) / scale)) if scale > 0.0 else math.nan
