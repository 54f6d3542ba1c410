"""What is measured after an event: direction, volatility, range, volume, liquidations, over the next h."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import unknown_name
from perpscope.core.time import DAY, HOUR, MINUTE
from perpscope.numeric.jit import njit
from perpscope.research.event_study.conditions import Surroundings

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Target = Literal["return_bps", "return_sigma", "volatility", "range", "volume", "liquidations"]

TARGETS: dict[str, str] = {
    "return_bps": "return in the direction of the event, bps",
    "return_sigma": "the same in sigmas of the horizon",
    "volatility": "log of realised volatility over what the past 24 h foresaw",
    "range": "log of high minus low over one sigma of the horizon",
    "volume": "log of volume over its mean of the past 24 h",
    "liquidations": "log of 1 + liquidated notional over its mean of the past 24 h",
}
"""The outcomes, in the order of the tables. Only the returns have a direction; of the others, 0.10 means about 10% more."""

HORIZONS: dict[str, int] = {
    "1m": MINUTE,
    "5m": 5 * MINUTE,
    "15m": 15 * MINUTE,
    "1h": HOUR,
    "4h": 4 * HOUR,
    "12h": 12 * HOUR,
    "1d": DAY,
    "3d": 3 * DAY,
}
"""Eight horizons, ns. Those shorter than a bar of the path, or no whole number of bars, are not measured on it."""


def horizon_bars(step: int) -> dict[str, int]:
    """Bars per horizon on a path with bars of `step` ns.

    Example:
        >>> horizon_bars(HOUR)
        {'1h': 1, '4h': 4, '12h': 12, '1d': 24, '3d': 72}
    """
    return {name: length // step for name, length in HORIZONS.items() if length % step == 0}


def forward(
    target: str,
    bars: int,
    around: Surroundings,
    known_ts: Integers,
    high: Floats,
    low: Floats,
    close: Floats,
    volume: Floats,
    liquidated: Floats,
    step: int,
) -> Floats:
    """The outcome over the `bars` bars after each bar: float64 (n,), NaN across a hole, beyond the end, or without a base.

    Definition, with c the close of the bar, sigma from `Surroundings` (bps per bar), sums over the next h bars:
    return_bps `1e4 (c_h / c - 1)`; return_sigma that over `sigma sqrt(h)`; volatility
    `ln(sqrt(sum r^2) / (sigma sqrt(h)))`, r in bps from close to close; range
    `ln((max high - min low) 1e4 / c / (sigma sqrt(h)))`; volume `ln(sum / (h mean_volume))`; liquidations
    `ln(1 + sum / (h mean_liquidated))`. A window without any movement or volume has no logarithm and is NaN.

    Raises:
        UserError: for an unknown target.
    Source: EVIDENCE 5.1; the logarithms are ours, so that one crash does not decide a mean.
    """
    if target not in TARGETS:
        raise unknown_name("outcome", target, TARGETS)
    n = len(close)
    out = np.full(n, np.nan)
    if bars >= n:
        return out
    whole = known_ts[bars:] - known_ts[:-bars] == bars * step
    sigma = around.sigma[:-bars] * np.sqrt(bars)
    base = np.where(sigma > 0.0, sigma, np.nan)
    if target.startswith("return"):
        moved = 1e4 * (close[bars:] / close[:-bars] - 1.0)
        found = moved if target == "return_bps" else moved / base
    elif target == "volatility":
        found = _log(np.sqrt(_ahead(np.square(_moves(close)), bars)) / base)
    elif target == "range":
        spread = np.empty(n - bars)
        forward_range(high, low, bars, spread)
        found = _log(1e4 * spread / close[:-bars] / base)
    elif target == "volume":
        found = _log(_ahead(volume, bars) / (bars * around.mean_volume[:-bars]))
    else:
        mean = around.mean_liquidated[:-bars]
        found = np.log1p(_ahead(liquidated, bars) / np.where(mean > 0.0, bars * mean, np.nan))
    out[:-bars] = np.where(whole, found, np.nan)
    return out


def _moves(close: Floats) -> Floats:
    moved = np.zeros(len(close))
    moved[1:] = 1e4 * (close[1:] / close[:-1] - 1.0)
    return moved


def _ahead(values: Floats, bars: int) -> Floats:
    """Sum of the next `bars` values after each row, float64 (n - bars,); NaN where one of them is."""
    out = np.empty(len(values) - bars)
    forward_sum(values, bars, out)
    return out


def _log(values: Floats) -> Floats:
    return np.log(values, out=np.full(len(values), np.nan), where=values > 0.0)


@njit
def forward_sum(values: Floats, bars: int, out: Floats) -> None:
    """out[i] = sum of values[i+1 .. i+bars], each summed afresh so that no rounding error travels along the path."""
    for i in range(out.size):
        total = 0.0
        for j in range(i + 1, i + bars + 1):
            total += values[j]
        out[i] = total


@njit
def forward_range(high: Floats, low: Floats, bars: int, out: Floats) -> None:
    """out[i] = highest high minus lowest low of bars i+1 .. i+bars."""
    for i in range(out.size):
        top, bottom = high[i + 1], low[i + 1]
        for j in range(i + 2, i + bars + 1):
            top = max(top, high[j])
            bottom = min(bottom, low[j])
        out[i] = top - bottom
