"""Money is integer: int64 quanta of 1e-8 of the settlement coin, so that sums of ledger lines are exact."""

from __future__ import annotations

import math

from perpscope.numeric.jit import njit

QUANTUM = 1e-8
PER_UNIT = 1e8
MOST = 9e7
"""Units above which a float64 product no longer carries every quantum (2**53 quanta)."""


@njit
def quanta(amount: float) -> int:
    """An amount as whole quanta, half away from zero, so that quanta(-x) = -quanta(x).

    Example:
        >>> quanta.python(3.0099999999999998), quanta.python(-0.000000016)
        (301000000, -2)
    """
    if amount < 0.0:
        return -math.floor(-amount * PER_UNIT + 0.5)
    return math.floor(amount * PER_UNIT + 0.5)


@njit
def units(amount: int) -> float:
    """Quanta as units of the coin.

    Example:
        >>> units.python(-301000000)
        -3.01
    """
    return amount / PER_UNIT
