"""Measuring a series: the metrics of `metrics`, with bootstrap intervals that all come from the same resampled copies."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError, unknown_name
from perpscope.core.time import YEAR
from perpscope.stats.blocks import optimal_block_length, resampled_paths
from perpscope.stats.bootstrap import described, percentile_interval
from perpscope.stats.inputs import series
from perpscope.stats.interval import Estimate, absent
from perpscope.stats.metrics import METRICS


def periods_per_year(period_ns: int) -> float:
    """How many periods a 365-day year has.

    Example:
        >>> from perpscope.core.time import DAY, HOUR
        >>> periods_per_year(DAY), periods_per_year(4 * HOUR)
        (365.0, 2190.0)
    """
    if period_ns <= 0:
        raise UserError(f"A period is a positive length of time, not {period_ns} ns.")
    return YEAR / period_ns


def measure(
    names: Sequence[str],
    values: npt.ArrayLike,
    *,
    rng: np.random.Generator,
    periods_per_year: float = 365.0,
    replications: int = 2_000,
    block_length: float | None = None,
    level: float = 0.95,
) -> dict[str, Estimate]:
    """Metrics of one series with stationary bootstrap intervals, all from the same resampled copies.

    Args:
        names: of registered metrics, all of one kind (`METRICS`).
        values: returns per period, or net results of trades, in time order.
        periods_per_year: of a 365-day year; not read by metrics of trades.
        block_length: None takes `optimal_block_length` of the series.
    Raises:
        UserError: for an unknown metric, metrics of both kinds, or values that are absent or fewer than one.

    Example:
        >>> rng = np.random.default_rng(4)
        >>> daily = 0.002 + 0.02 * rng.standard_normal(1000)
        >>> found = measure(["sharpe_ratio", "max_drawdown"], daily, rng=rng, replications=200)
        >>> found["sharpe_ratio"].excludes(0.0), found["max_drawdown"].value < 1.0
        (True, True)
    """
    for name in names:
        if name not in METRICS:
            raise unknown_name("metric", name, METRICS)
    chosen = [METRICS[name] for name in names]
    if len({m.kind for m in chosen}) > 1:
        raise UserError("Metrics of returns and of trades read different series; measure them in two calls.")
    x = series(values, "values")
    points = [_defined(float(m.reduce(x, periods_per_year))) for m in chosen]
    if len(x) < 3:
        words = f"{len(x)} observations are too few for an interval"
        return {
            m.name: absent(m.undefined if math.isnan(v) else words, level=level, n=len(x), method="none", value=v)
            for m, v in zip(chosen, points)
        }
    block = optimal_block_length(x) if block_length is None else block_length
    draws = np.empty((replications, len(chosen)))
    done = 0
    for paths in resampled_paths(x, block, replications, rng):
        for k, m in enumerate(chosen):
            draws[done : done + len(paths), k] = m.reduce(paths, periods_per_year)
        done += len(paths)
    method = described(block, replications)
    return {
        m.name: percentile_interval(v, draws[:, k], level=level, n=len(x), method=method, reason=m.undefined)
        for k, (m, v) in enumerate(zip(chosen, points))
    }


def _defined(value: float) -> float:
    return value if math.isfinite(value) else math.nan
