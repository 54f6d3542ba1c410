"""What a return series or a list of trades amounted to, each number with its bootstrap interval.

A new metric is one function here: it reduces the *last* axis, so that the same code measures the data and ten thousand
resampled copies of it, and `@metric` gives it its interval and its column in every report. Returns are simple decimal
returns per period (0.01 = 1%); a year has 365 days. A value that is undefined on its data (no variance, no losing trade) is
NaN, and its estimate says why. Only the end of an interval can be infinite: when enough resampled copies have no loss at
all, the data set no upper bound to a profit factor.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from perpscope.numeric.jit import njit
from perpscope.stats.inputs import Floats

Kind = Literal["returns", "trades"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that a series amounts to.

    Attributes:
        name: of the function and of the report column.
        kind: what it reads: "returns" per period, or net results of "trades" (decimal or R multiples).
        unit: of the value.
        meaning: its first docstring line.
        undefined: when it is NaN, in words.
        reduce: (values, periods_per_year) -> values without the last axis.
    """

    name: str
    kind: Kind
    unit: str
    meaning: str
    undefined: str
    reduce: Callable[[Floats, float], Floats]


METRICS: dict[str, Metric] = {}


def metric(kind: Kind, unit: str, undefined: str) -> Callable[[Callable[..., Floats]], Callable[..., Floats]]:
    """Register a metric; functions of returns take `(returns, periods_per_year)`, functions of trades take `(results)`."""

    def register(function: Callable[..., Floats]) -> Callable[..., Floats]:
        name = function.__name__
        reduce = function if kind == "returns" else lambda values, _: function(values)
        meaning = (function.__doc__ or "").strip().splitlines()[0]
        METRICS[name] = Metric(name, kind, unit, meaning, undefined, reduce)
        return function

    return register


def _ratio(top: Floats, bottom: Floats, without: float) -> Floats:
    """`top / bottom` for `bottom` >= 0; where it is 0: NaN, or `without` (infinity) if there is anything on top."""
    empty = np.where(top > 0.0, without, np.nan)
    with np.errstate(over="ignore"):
        return np.divide(top, bottom, out=empty, where=bottom > 0.0)


def _spread(returns: Floats, ddof: int) -> Floats:
    """Standard deviation, 0 where it is only the rounding error of equal numbers."""
    spread = returns.std(axis=-1, ddof=ddof)
    return np.where(spread > 1e-8 * np.abs(returns.mean(axis=-1)), spread, 0.0)


def _standardised(returns: Floats) -> Floats:
    """Deviations from the mean in population standard deviations; NaN without variance."""
    spread = _spread(returns, 0)[..., None]
    deviation = returns - returns.mean(axis=-1, keepdims=True)
    return np.divide(deviation, spread, out=np.full_like(deviation, np.nan), where=spread > 0.0)


def _equity(returns: Floats) -> Floats:
    """Largest drawdown and longest share under water of every series: the last axis becomes these two."""
    rows = np.ascontiguousarray(returns).reshape(-1, returns.shape[-1])
    found = np.empty((len(rows), 2))
    follow_equity(rows, found)
    return found.reshape(*returns.shape[:-1], 2)


@njit
def follow_equity(rows: Floats, found: Floats) -> None:
    """Write (largest drawdown, longest run under water / periods) of each row of returns."""
    periods = rows.shape[1]
    for r in range(rows.shape[0]):
        equity, peak, deepest, since, longest = 1.0, 1.0, 0.0, 0, 0
        for i in range(periods):
            equity *= max(1.0 + rows[r, i], 0.0)
            if equity >= peak:
                peak = equity
                since = 0
            else:
                since += 1
                longest = max(longest, since)
                deepest = max(deepest, 1.0 - equity / peak)
        found[r, 0] = deepest
        found[r, 1] = longest / periods


@metric("returns", "fraction per year", "no returns")
def annual_return(returns: Floats, periods_per_year: float) -> Floats:
    """Mean return times the periods of a year, without compounding.

    Example:
        >>> float(annual_return(np.array([0.01, -0.005, 0.001]), 365.0))
        0.73
    """
    return np.asarray(returns.mean(axis=-1) * periods_per_year)


@metric("returns", "fraction per year", "no returns")
def annual_growth(returns: Floats, periods_per_year: float) -> Floats:
    """Compound growth per year: `prod(1 + r)^(P/n) - 1`; -1 after a loss of everything.

    Example:
        >>> round(float(annual_growth(np.array([0.1, 0.1]), 2.0)), 4)
        0.21
    """
    growth = np.maximum(1.0 + returns, 0.0)
    logs = np.log(growth, out=np.full(growth.shape, -np.inf), where=growth > 0.0)
    return np.asarray(np.expm1(logs.mean(axis=-1) * periods_per_year))


@metric("returns", "fraction per year", "one return has no spread")
def volatility(returns: Floats, periods_per_year: float) -> Floats:
    """Standard deviation (ddof 1) times the root of the periods of a year.

    Example:
        >>> round(float(volatility(np.array([0.01, -0.01]), 365.0)), 6)
        0.270185
    """
    if returns.shape[-1] < 2:
        return np.full(returns.shape[:-1], np.nan)
    return np.asarray(returns.std(axis=-1, ddof=1) * math.sqrt(periods_per_year))


@metric("returns", "per root year", "returns without variance have no Sharpe ratio")
def sharpe_ratio(returns: Floats, periods_per_year: float) -> Floats:
    """Mean over standard deviation (ddof 1), times the root of the periods of a year; no risk-free rate.

    Example:
        >>> t = np.arange(120)
        >>> returns = (((13 * t**2 + 7 * t) % 41) - 19) / 1000
        >>> round(float(sharpe_ratio(returns, 1.0)), 10)
        0.191979689
    """
    if returns.shape[-1] < 2:
        return np.full(returns.shape[:-1], np.nan)
    return _ratio(returns.mean(axis=-1), _spread(returns, 1), math.nan) * math.sqrt(periods_per_year)


@metric("returns", "per root year", "no return is below zero")
def sortino_ratio(returns: Floats, periods_per_year: float) -> Floats:
    """Mean over downside deviation `sqrt(mean(min(r, 0)^2))` of **all** periods, times the root of the periods of a year.

    Example:
        >>> round(float(sortino_ratio(np.array([0.02, -0.01, 0.02, -0.01]), 1.0)), 6)
        0.707107
    """
    downside = np.sqrt(np.mean(np.minimum(returns, 0.0) ** 2, axis=-1))
    return _ratio(returns.mean(axis=-1), downside, math.inf) * math.sqrt(periods_per_year)


@metric("returns", "fraction", "no returns")
def max_drawdown(returns: Floats, periods_per_year: float) -> Floats:
    """Largest fall of compounded equity from its highest point so far (the start counts), as a positive fraction.

    Example:
        >>> round(float(max_drawdown(np.array([0.1, -0.5, 0.2]), 365.0)), 6)
        0.5
    """
    return _equity(returns)[..., 0]


@metric("returns", "per year", "equity never fell")
def calmar_ratio(returns: Floats, periods_per_year: float) -> Floats:
    """Compound growth per year over the maximum drawdown.

    Example:
        >>> round(float(calmar_ratio(np.array([0.5, -0.5, 1.0]), 3.0)), 6)
        1.0
    """
    return _ratio(annual_growth(returns, periods_per_year), max_drawdown(returns, periods_per_year), math.inf)


@metric("returns", "fraction of the time", "no returns")
def longest_under_water(returns: Floats, periods_per_year: float) -> Floats:
    """The longest run of periods below an earlier high, as a share of all periods.

    Example:
        >>> float(longest_under_water(np.array([0.1, -0.1, 0.01, 0.2]), 365.0))
        0.5
    """
    return _equity(returns)[..., 1]


@metric("returns", "fraction per period", "no returns")
def expected_shortfall(returns: Floats, periods_per_year: float) -> Floats:
    """Mean loss of the worst 5% of periods (at least one period, the border period in part), as a positive fraction.

    Example:
        >>> round(float(expected_shortfall(np.linspace(-0.19, 0.20, 40), 365.0)), 6)
        0.185
    """
    n = returns.shape[-1]
    wanted = max(0.05 * n, 1.0)
    whole = math.floor(wanted)
    worst = np.sort(np.partition(returns, min(whole, n - 1), axis=-1)[..., : whole + 1], axis=-1)
    total = worst[..., :whole].sum(axis=-1)
    if wanted > whole:
        total = total + (wanted - whole) * worst[..., whole]
    return np.asarray(-total / wanted)


@metric("returns", "number", "returns without variance have no shape")
def skewness(returns: Floats, periods_per_year: float) -> Floats:
    """Third standardised population moment.

    Example:
        >>> float(skewness(np.array([-1.0, 0.0, 1.0]), 365.0))
        0.0
    """
    z = _standardised(returns)
    return np.asarray(np.mean(z * z * z, axis=-1))


@metric("returns", "number", "returns without variance have no shape")
def kurtosis(returns: Floats, periods_per_year: float) -> Floats:
    """Fourth standardised population moment, not excess: 3 for a normal.

    Example:
        >>> float(kurtosis(np.array([-1.0, 1.0, -1.0, 1.0]), 365.0))
        1.0
    """
    z = _standardised(returns)
    z *= z
    return np.asarray(np.mean(z * z, axis=-1))


@metric("returns", "times equity", "returns without variance allow any leverage")
def kelly_leverage(returns: Floats, periods_per_year: float) -> Floats:
    """Leverage of largest long-run growth for small returns: mean over variance; negative means the other side.

    Example:
        >>> round(float(kelly_leverage(np.array([0.03, -0.01]), 365.0)), 6)
        12.5
    """
    if returns.shape[-1] < 2:
        return np.full(returns.shape[:-1], np.nan)
    return _ratio(returns.mean(axis=-1), _spread(returns, 1) ** 2, math.nan)


@metric("trades", "as the results", "no trades")
def expectancy(results: Floats) -> Floats:
    """Mean net result of a trade.

    Example:
        >>> float(expectancy(np.array([2.0, -1.0, -1.0, 2.0])))
        0.5
    """
    return np.asarray(results.mean(axis=-1))


@metric("trades", "fraction", "no trades")
def hit_rate(results: Floats) -> Floats:
    """Share of trades with a net result above 0; a result of exactly 0 is no hit.

    Example:
        >>> float(hit_rate(np.array([2.0, -1.0, 0.0, 2.0])))
        0.5
    """
    return np.asarray((results > 0.0).mean(axis=-1))


@metric("trades", "ratio", "no trade lost")
def profit_factor(results: Floats) -> Floats:
    """Sum of the winning results over the sum of the losing ones, as a positive number.

    Example:
        >>> float(profit_factor(np.array([2.0, -1.0, -1.0, 2.0])))
        2.0
    """
    return _ratio(np.maximum(results, 0.0).sum(axis=-1), np.maximum(-results, 0.0).sum(axis=-1), math.inf)


@metric("trades", "ratio", "no trade won or none lost")
def payoff_ratio(results: Floats) -> Floats:
    """Mean winning result over mean losing result, as a positive number.

    Example:
        >>> float(payoff_ratio(np.array([2.0, -1.0, 4.0])))
        3.0
    """
    won, lost = (results > 0.0).sum(axis=-1), (results < 0.0).sum(axis=-1)
    mean_won = np.maximum(results, 0.0).sum(axis=-1) / np.maximum(won, 1)
    mean_lost = np.maximum(-results, 0.0).sum(axis=-1) / np.maximum(lost, 1)
    return np.where(won > 0, _ratio(mean_won, mean_lost, math.inf), math.nan)
