"""How kernels write a proposal: a column in two arrays, refused at the door when it makes no sense.

Kernels see the market from one side only, as if every trade were a long: the short side is the same kernel on the
mirror image. So a stop lies below, a target above, and parts are positive where they speak for the trade.
"""

from __future__ import annotations

import numpy as np

from perpscope.core.table import Array
from perpscope.numeric.jit import njit
from perpscope.setups.signal import (
    BAR,
    ENTRY,
    EXIT,
    EXPIRE,
    EXPOSURE,
    INVALIDATION,
    KIND,
    PARTS,
    STOP,
    TARGET,
    TARGET_2,
    VARIANT,
)


@njit
def put(
    n: int, ints: Array, floats: Array, bar: int, variant: int, kind: int, expire: int, exit_: int,
    entry: float, stop: float, target: float, invalidation: float, parts: Array,
) -> int:  # fmt: skip
    """Write draft `n` and return the next free number; the same number when the proposal is refused.

    Refused: a stop not below the entry, a target not above it, an invalidation outside [stop, entry], parts whose sum
    does not speak for the trade (so that nothing is proposed without evidence). NaN in target or invalidation: none.
    """
    total = 0.0
    for part in parts:
        if part == part:
            total += part
    sane = stop < entry and not target <= entry and not (invalidation < stop or invalidation > entry)
    if not (sane and total > 0.0):
        return n
    ints[BAR, n], ints[VARIANT, n], ints[KIND, n], ints[EXPIRE, n], ints[EXIT, n] = bar, variant, kind, expire, exit_
    floats[ENTRY, n], floats[STOP, n], floats[TARGET, n], floats[TARGET_2, n] = entry, stop, target, np.nan
    floats[INVALIDATION, n], floats[EXPOSURE, n] = invalidation, np.nan
    floats[PARTS:, n] = parts
    return n + 1


@njit
def target_of(entry: float, stop: float, wanted: float, least: float, multiple: float) -> float:
    """The wanted target when it pays at least `least` times the risk, else `multiple` times the risk beyond the entry.

    Example:
        >>> float(target_of(100.0, 98.0, 103.0, 1.2, 2.0)), float(target_of(100.0, 98.0, 101.0, 1.2, 2.0))
        (103.0, 104.0)
    """
    risk = entry - stop
    return wanted if wanted - entry >= least * risk else entry + multiple * risk


@njit
def within(value: float) -> float:
    """Clipped to -1..1; NaN stays NaN.

    Example:
        >>> float(within(1.5)), float(within(-0.2))
        (1.0, -0.2)
    """
    return 1.0 if value > 1.0 else -1.0 if value < -1.0 else value


@njit
def highest(values: Array, i: int, bars: int) -> float:
    """The highest of `bars` values up to and including i; the caller knows that there are as many."""
    best = values[i]
    for j in range(i - bars + 1, i):
        best = max(best, values[j])
    return best


@njit
def lowest(values: Array, i: int, bars: int) -> float:
    """The lowest of `bars` values up to and including i; the caller knows that there are as many."""
    best = values[i]
    for j in range(i - bars + 1, i):
        best = min(best, values[j])
    return best


@njit
def place_in_bar(high: float, low: float, close: float) -> float:
    """Where the close lies in its bar: +1 at the high, -1 at the low, 0 when the bar has no height.

    Example:
        >>> float(place_in_bar(104.0, 100.0, 103.0))
        0.5
    """
    return 2.0 * (close - low) / (high - low) - 1.0 if high > low else 0.0
