"""Is any strategy better than the benchmark, and which ones: SPA (Hansen) and StepM (Romano and Wolf).

Both read the same two things: differences (strategy minus benchmark, higher is better) and the means of the same
differences in bootstrap replications. Model confidence sets are in `confidence_set`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.stats.blocks import optimal_block_length, resampled_means
from perpscope.stats.inputs import Booleans, Floats, check_level, panel


@dataclass(frozen=True, slots=True, eq=False)
class DifferenceDraws:
    """Mean differences to a benchmark, in the data and in bootstrap replications.

    Attributes:
        n: number of rows (moments).
        means: float64 (K,), mean difference of each strategy.
        drawn: float64 (replications, K), the same in each replication.
        scale: float64 (K,), root mean square of `sqrt(n) (drawn - means)`; 0 for a strategy that never differs from the
            benchmark.
        block_length: mean block length used; NaN if the rows were given.
    """

    n: int
    means: Floats
    drawn: Floats
    scale: Floats
    block_length: float


def draw_differences(
    differences: npt.ArrayLike,
    *,
    rng: np.random.Generator,
    replications: int = 10_000,
    block_length: float | None = None,
) -> DifferenceDraws:
    """Bootstrap the mean differences of all strategies on the same stationary blocks.

    Args:
        differences: float64 (rows = time, columns = strategies), performance of the strategy minus the benchmark's.
        block_length: None takes the longest `optimal_block_length` of the columns.
    Raises:
        UserError: for fewer than three rows, or a difference that is constant but not zero.

    Example:
        >>> draws = draw_differences(np.eye(4), rng=np.random.default_rng(0), replications=20, block_length=1)
        >>> draws.drawn.shape
        (20, 4)
    """
    x = panel(differences, "differences", at_least=3)
    block = max(optimal_block_length(column) for column in x.T) if block_length is None else block_length
    return _scaled(x, resampled_means(x, block, replications, rng), block)


def given_differences(differences: npt.ArrayLike, rows: npt.ArrayLike) -> DifferenceDraws:
    """The same with bootstrap rows that were drawn elsewhere: int64 (replications, n).

    Example:
        >>> given_differences([[1.0], [2.0], [3.0]], [[0, 1, 1], [2, 2, 0]]).drawn[:, 0]
        array([1.66666667, 2.33333333])
    """
    x = panel(differences, "differences", at_least=3)
    drawn = x[np.asarray(rows, dtype=np.int64)].mean(axis=1)
    return _scaled(x, drawn, math.nan)


def _scaled(x: Floats, drawn: Floats, block_length: float) -> DifferenceDraws:
    means = x.mean(axis=0)
    scale = np.sqrt(len(x) * np.mean((drawn - means) ** 2, axis=0))
    still = scale <= 1e-10 * np.abs(x).max(axis=0)
    if np.any(still & (np.abs(means) > 1e-10 * np.abs(x).max(axis=0))):
        at = int(np.argmax(still & (means != 0.0)))
        raise UserError(f"Strategy {at} differs from the benchmark by a constant, so chance cannot be judged; leave it out.")
    return DifferenceDraws(len(x), means, drawn, np.where(still, 0.0, scale), block_length)


@dataclass(frozen=True, slots=True)
class SuperiorPredictiveAbility:
    """The outcome of Hansen's test; the null is that no strategy beats the benchmark.

    Attributes:
        statistic: `max(0, max_k sqrt(n) mean_k / scale_k)`.
        p_lower, p_consistent, p_upper: shares of replications at or above it under the three recentrings; the gates use
            `p_consistent`. The resolution is 1 / replications.
        best: column with the largest studentised mean.
        replications: number of bootstrap draws.
    """

    statistic: float
    p_lower: float
    p_consistent: float
    p_upper: float
    best: int
    replications: int


def superior_predictive_ability(draws: DifferenceDraws, *, studentise: bool = True) -> SuperiorPredictiveAbility:
    """Hansen's test of superior predictive ability (SPA).

    Definition: `T = max(0, max_k t_k)`, `t_k = sqrt(n) d_k / w_k`; under the null
    `T* = max(0, max_k sqrt(n) (d*_k - g_k) / w_k)` with `g_k` = `max(0, d_k)` (lower), `d_k` where `t_k >= -sqrt(2 ln ln n)`
    and else 0 (consistent), `d_k` (upper, White's reality check); p = share of `T* >= T`. Our choices: `w` is the spread of
    the draws around the observed mean; draws equal to the statistic count against the strategy. Without studentising
    (`w = 1` in the statistic) one noisy strategy can hide all others.

    Source: Hansen 2005.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> differences = rng.standard_normal((300, 5)) + [0.5, 0, 0, 0, 0]
        >>> superior_predictive_ability(draw_differences(differences, rng=rng, block_length=1)).p_consistent < 0.01
        True
    """
    root = math.sqrt(draws.n)
    known = draws.scale > 0.0
    if not known.any():
        raise UserError("No strategy ever differs from the benchmark, so there is nothing to test.")
    means, drawn, scale = draws.means[known], draws.drawn[:, known], draws.scale[known]
    unit = scale if studentise else np.ones_like(scale)
    far_below = means * root < -scale * math.sqrt(2.0 * math.log(math.log(draws.n)))
    statistics = root * means / unit
    observed = max(0.0, float(statistics.max()))
    p = []
    for centre in (np.maximum(means, 0.0), np.where(far_below, 0.0, means), means):
        largest = np.maximum((root * (drawn - centre) / unit).max(axis=1), 0.0)
        p.append(float(np.mean(largest >= observed)))
    best = int(np.flatnonzero(known)[np.argmax(statistics)])
    return SuperiorPredictiveAbility(observed, p[0], p[1], p[2], best, len(drawn))


@dataclass(frozen=True, slots=True, eq=False)
class StepwiseSelection:
    """The outcome of StepM.

    Attributes:
        superior: whether each strategy beats the benchmark; the chance of any false one is at most `rate`.
        statistics: studentised means; NaN for a strategy that never differs from the benchmark.
        adjusted: adjusted p-values for the same claim; the resolution is 1 / replications.
        critical: the critical value of each step.
    """

    superior: Booleans
    statistics: Floats
    adjusted: Floats
    critical: tuple[float, ...]


def stepwise_selection(draws: DifferenceDraws, rate: float = 0.05) -> StepwiseSelection:
    """Romano and Wolf's StepM: *which* strategies beat the benchmark, with the chance of any error held at `rate`.

    Definition: reject every `t_k` above the `1 - rate` quantile of `max_k sqrt(n) (d*_k - d_k) / w_k` over the strategies
    not yet rejected; repeat until nothing new is rejected. Quantile: the smallest draw with at least `1 - rate` of the draws
    at or below it. Adjusted p-values: in falling order of `t`, the share of draws whose maximum over the remaining ones is
    at least `t_k`, made monotone.

    Source: Romano and Wolf 2005 (studentised form); adjusted p-values Romano and Wolf 2016.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> differences = rng.standard_normal((300, 4)) + [0.5, 0, 0.4, 0]
        >>> stepwise_selection(draw_differences(differences, rng=rng, block_length=1)).superior
        array([ True, False,  True, False])
    """
    check_level(rate)
    known = np.flatnonzero(draws.scale > 0.0)
    root, count = math.sqrt(draws.n), len(draws.means)
    statistics, adjusted = np.full(count, np.nan), np.ones(count)
    superior = np.zeros(count, dtype=np.bool_)
    statistics[known] = root * draws.means[known] / draws.scale[known]
    noise = np.full(draws.drawn.shape, -np.inf)
    noise[:, known] = root * (draws.drawn[:, known] - draws.means[known]) / draws.scale[known]
    critical: list[float] = []
    open_ = known
    while len(open_):
        largest = np.sort(noise[:, open_].max(axis=1))
        critical.append(float(largest[min(math.ceil((1.0 - rate) * len(largest) - 1e-9), len(largest)) - 1]))
        better = statistics[open_] > critical[-1]
        superior[open_[better]] = True
        open_ = open_[~better]
        if not better.any():
            break
    falling = known[np.argsort(-statistics[known], kind="stable")]
    remaining, so_far = np.full(len(noise), -np.inf), np.empty(len(falling))
    for place in range(len(falling) - 1, -1, -1):
        remaining = np.maximum(remaining, noise[:, falling[place]])
        so_far[place] = np.mean(remaining >= statistics[falling[place]])
    adjusted[falling] = np.maximum.accumulate(so_far)
    return StepwiseSelection(superior, statistics, adjusted, tuple(critical))
