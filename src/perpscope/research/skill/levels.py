"""Levels laid on a price grid and crossed by the bars that follow: the common ground of simple maps and of peers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.core.table import Table
from perpscope.numeric.jit import njit

Floats = npt.NDArray[np.float64]

BIN = 5e-4
"""Height of a bin in log price."""


@dataclass(frozen=True, eq=False)
class Deposits:
    """What each bar lays down, known at its end: float64 (bars, 2, k) log prices and amounts, longs first; `fade` (bars,)
    multiplies what lies there before; `remove` (bars,) takes an amount from all levels pro rata."""

    price: Floats
    amount: Floats
    fade: Floats
    remove: Floats


def crossed(bars: Table, deposits: Deposits, consume: bool) -> Floats:
    """How much each bar crosses of what bars before it laid down: float64 (bars, 2), longs below, shorts above.

    Definition: a bar crosses the long levels at or above its low and at or below the close before (all of them when
    `consume`, since then none is left above), the short levels likewise; then levels fade, new ones are laid, and the removal
    is taken. With `consume` what was crossed is gone.
    """
    low, high, close = np.log(bars["low"]), np.log(bars["high"]), np.log(bars["close"])
    finite = deposits.price[np.isfinite(deposits.price)]
    bottom = min(float(low.min()), float(finite.min())) - 2 * BIN
    top = max(float(high.max()), float(finite.max())) + 2 * BIN
    width = int((top - bottom) / BIN) + 2
    return _crossed(low, high, close, deposits.price, deposits.amount, deposits.fade, deposits.remove, bottom, width, consume)


def fading(bars: int, hours: float, half_life_hours: float) -> Floats:
    """A constant fade per bar from a half-life.

    Example:
        >>> fading(2, 1.0, 1.0).tolist()
        [0.5, 0.5]
    """
    return np.full(bars, 2.0 ** (-hours / half_life_hours))


def spread_over_range(low: Floats, high: Floats, points: int = 5) -> Floats:
    """Evenly spaced log prices inside each range: float64 (bars, points).

    Example:
        >>> spread_over_range(np.array([0.0]), np.array([1.0]), 2).tolist()
        [[0.25, 0.75]]
    """
    at = (np.arange(points) + 0.5) / points
    return low[:, None] + (high - low)[:, None] * at[None, :]


@njit
def _crossed(
    low: Floats, high: Floats, close: Floats, price: Floats, amount: Floats, fade: Floats, remove: Floats, bottom: float,
    width: int, consume: bool,
) -> Floats:  # fmt: skip
    book = np.zeros((2, width))
    out = np.zeros((low.size, 2))
    for t in range(low.size):
        before = close[t - 1] if t > 0 else close[0]
        first, last = int((low[t] - bottom) / BIN), int((high[t] - bottom) / BIN)
        edge = int((before - bottom) / BIN)
        for s in range(2):
            a, b = (first, max(edge, last)) if s == 0 else (min(edge, first), last)
            if not consume:
                a, b = (first, edge) if s == 0 else (edge, last)
            for i in range(max(a, 0), min(b, width - 1) + 1):
                out[t, s] += book[s, i]
                if consume:
                    book[s, i] = 0.0
        if consume:  # whatever lies behind price was crossed too
            for i in range(max(edge, last), width):
                out[t, 0] += book[0, i]
                book[0, i] = 0.0
            for i in range(0, min(edge, first)):
                out[t, 1] += book[1, i]
                book[1, i] = 0.0
        if fade[t] != 1.0:
            for s in range(2):
                for i in range(width):
                    book[s, i] *= fade[t]
        for s in range(2):
            for j in range(price.shape[2]):
                if amount[t, s, j] > 0.0:
                    book[s, int((price[t, s, j] - bottom) / BIN)] += amount[t, s, j]
        if remove[t] > 0.0:
            total = book.sum()
            if total > 0.0:
                book *= max(0.0, 1.0 - remove[t] / total)
    return out
