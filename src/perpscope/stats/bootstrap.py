"""Bootstrap intervals of any statistic of a time series, by the stationary block bootstrap."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.stats.blocks import optimal_block_length, resampled_means, resampled_rows
from perpscope.stats.inputs import Floats, check_level, same_length, series
from perpscope.stats.interval import Estimate, absent

Statistic = Callable[..., float]

_TOO_MANY_UNDEFINED = 0.1


def percentile_interval(value: float, draws: npt.ArrayLike, *, level: float, n: int, method: str, reason: str) -> Estimate:
    """The interval between the tail order statistics of bootstrap draws.

    Definition: with B draws sorted, `low` is number `floor(a/2 (B-1))` and `high` number `ceil((1 - a/2)(B-1))` counted from
    0: outward to whole draws, never interpolated. Disputed point: the interval of a skewed statistic (a drawdown) can miss
    the observed value; we then widen it to the value and say so, because an interval that denies its own estimate is
    misread. Undefined draws (NaN) are left out and counted; above one in ten there is no interval. Infinite draws stay: an
    infinite end means that the data set no bound on that side.

    Args:
        reason: why `value` is NaN, if it is.
    Source: Efron 1979; Davison and Hinkley 1997, section 2.4.

    Example:
        >>> print(percentile_interval(5.0, np.arange(11), level=0.8, n=11, method="order", reason=""))
        5 (1 .. 9, 80%, n 11)
    """
    check_level(level)
    if math.isnan(value):
        return absent(reason, level=level, n=n, method=method)
    drawn = np.asarray(draws, dtype=np.float64)
    known = np.sort(drawn[~np.isnan(drawn)])
    undefined = len(drawn) - len(known)
    if len(known) == 0 or undefined > _TOO_MANY_UNDEFINED * len(drawn):
        why = f"undefined in {undefined} of {len(drawn)} draws"
        return absent(why, level=level, n=n, method=method, value=value)
    tail = (1.0 - level) / 2.0
    low = float(known[math.floor(tail * (len(known) - 1) + 1e-9)])
    high = float(known[math.ceil((1.0 - tail) * (len(known) - 1) - 1e-9)])
    notes = [f"undefined in {undefined} of {len(drawn)} draws, left out"] if undefined else []
    if not low <= value <= high:
        notes.append("widened to hold the value: the bootstrap is biased for this statistic")
    return Estimate(value, min(low, value), max(high, value), level, n, method, "; ".join(notes))


def bootstrap(
    statistic: Statistic,
    *columns: npt.NDArray[Any],
    rng: np.random.Generator,
    replications: int = 2_000,
    block_length: float | None = None,
    level: float = 0.95,
) -> Estimate:
    """Any statistic of rows in time order, with its stationary bootstrap interval.

    Definition: `statistic(*columns)` on the data; the interval from the same call on rows resampled in blocks, the same rows
    for every column. `block_length=None` takes the longest `optimal_block_length` of the columns.

    Raises:
        UserError: if the columns differ in length, or a block is shorter than one observation.
    Source: Politis and Romano 1994.

    Example:
        >>> rng = np.random.default_rng(7)
        >>> values = 1.0 + rng.standard_normal(200)
        >>> bootstrap(np.median, values, rng=rng, replications=500).excludes(0.0)
        True
    """
    n = same_length(**{f"column {i}": column for i, column in enumerate(columns)})
    block = max(optimal_block_length(column) for column in columns) if block_length is None else block_length
    value = float(statistic(*columns))
    draws = np.empty(replications)
    for r, rows in enumerate(resampled_rows(n, block, replications, rng)):
        draws[r] = statistic(*(column[rows] for column in columns))
    return percentile_interval(
        value, draws, level=level, n=n, method=described(block, replications), reason="undefined on these data"
    )


def bootstrap_mean(
    values: npt.ArrayLike,
    *,
    rng: np.random.Generator,
    replications: int = 10_000,
    block_length: float | None = None,
    level: float = 0.95,
) -> Estimate:
    """The mean of dependent observations with its stationary bootstrap interval; the fast case of `bootstrap`.

    Example:
        >>> rng = np.random.default_rng(7)
        >>> bootstrap_mean(1.0 + rng.standard_normal(400), rng=rng, block_length=5).excludes(0.0)
        True
    """
    x = series(values, "values", at_least=3)
    block = optimal_block_length(x) if block_length is None else block_length
    draws = resampled_means(x[:, None], block, replications, rng)[:, 0]
    return percentile_interval(
        float(x.mean()), draws, level=level, n=len(x), method=described(block, replications), reason="undefined"
    )


def stationary_variance(values: npt.ArrayLike, block_length: float) -> float:
    """The variance of `sqrt(n) mean*` under the stationary bootstrap, without drawing anything.

    Definition: `g0 + 2 sum_{k=1}^{n-1} [(1 - k/n)(1-p)^k + (k/n)(1-p)^(n-k)] g_k`, p = 1 / block_length. The limit of
    infinitely many draws; Hansen's SPA uses it as the long-run variance.

    Source: Politis and Romano 1994, lemma 1.

    Example:
        >>> stationary_variance([1.0, -1.0, 1.0, -1.0], block_length=1.0)
        1.0
    """
    x = series(values, "values", at_least=2)
    if not block_length >= 1.0:
        raise UserError(f"A block is at least one observation long, not {block_length}.")
    n = len(x)
    deviation = x - x.mean()
    size = 1 << (2 * n - 1).bit_length()
    spectrum = np.fft.rfft(deviation, size)
    covariance = np.fft.irfft(spectrum * np.conj(spectrum), size)[:n] / n
    lag, stay = np.arange(1, n), 1.0 - 1.0 / block_length
    weight = (1.0 - lag / n) * stay**lag + lag / n * stay ** (n - lag)
    return max(float(covariance[0] + 2.0 * (weight @ covariance[1:])), 0.0)


def described(block_length: float, replications: int) -> str:
    """The words for `Estimate.method`."""
    return f"stationary bootstrap, block {block_length:.4g}, {replications} draws, percentile"


def bootstrap_means(
    columns: npt.ArrayLike, *, rng: np.random.Generator, block_length: float, replications: int = 10_000
) -> Floats:
    """Column means in every replication, the same rows for every column: float64 (replications, columns).

    For statistics that are functions of means: feed `x` and `x**2`, and compute a Sharpe ratio of every row.

    Example:
        >>> means = bootstrap_means([[1.0, 2.0], [3.0, 4.0]], rng=np.random.default_rng(0), block_length=1, replications=5)
        >>> means.shape, bool(np.allclose(means[:, 1] - means[:, 0], 1.0))
        ((5, 2), True)
    """
    return resampled_means(np.ascontiguousarray(columns, dtype=np.float64), block_length, replications, rng)
