"""Ratios of sums over days, with intervals by a bootstrap of blocks of days: the one inference of this package."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perpscope.stats.blocks import resampled_means

Floats = npt.NDArray[np.float64]


def day_block_ratios(
    above: Floats, below: Floats, *, block: float, rng: np.random.Generator, replications: int = 2000, level: float = 0.95
) -> tuple[Floats, Floats, Floats]:
    """sum(above) / sum(below) of every column, with its interval.

    Definition: rows are days (or weeks) in order; both matrices are resampled together in stationary blocks of mean length
    `block` rows, and the ratio is taken in every replication; the interval are its percentiles, widened to hold the value.
    A mean is a ratio too: values above, ones below, both 0 where nothing was seen. So is a share of events.
    Inputs: (days, columns) float64 without NaN.
    Returns: value, low, high, each (columns,); NaN where a column has nothing below.
    Source: Politis and Romano 1994 (blocks), Efron 1979 (percentiles).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(1.0, 1.0, (300, 1))
        >>> value, low, high = day_block_ratios(x, np.ones((300, 1)), block=5, rng=rng)
        >>> bool(low[0] < 1.0 < high[0]), bool(value[0] == x.mean())
        (True, True)
    """
    columns = above.shape[1]
    draws = resampled_means(np.ascontiguousarray(np.concatenate([above, below], axis=1)), block, replications, rng)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = above.mean(axis=0) / below.mean(axis=0)
        drawn = draws[:, :columns] / draws[:, columns:]
    drawn[np.abs(draws[:, columns:]) < 1e-12 * np.abs(below).mean(axis=0).clip(1e-300)] = np.nan
    value[~np.isfinite(value)] = np.nan
    tail = (1.0 - level) / 2.0
    low, high = np.full(columns, np.nan), np.full(columns, np.nan)
    known = np.isfinite(drawn).sum(axis=0) >= 0.9 * replications
    if known.any():
        ends = np.nanquantile(drawn[:, known], [tail, 1.0 - tail], axis=0)
        low[known], high[known] = np.minimum(ends[0], value[known]), np.maximum(ends[1], value[known])
    return value, low, high
