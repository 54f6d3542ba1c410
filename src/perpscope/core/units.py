"""Enumerations that leave no doubt about a side, and rounding to a venue's steps.

Codes are stored as int8; 0 is never a valid member, so that a forgotten column cannot pass for a side.
"""

from __future__ import annotations

import math
from enum import IntEnum


class AggressorSide(IntEnum):
    """Who crossed the spread in a public trade."""

    BUY = 1
    SELL = 2


class PositionSide(IntEnum):
    """The side of a holding; for a liquidation, the side of the position that was closed by force."""

    LONG = 1
    SHORT = 2

    @property
    def sign(self) -> int:
        """+1 for a long, -1 for a short: the `s` of the contract formulas."""
        return 1 if self is PositionSide.LONG else -1


class Direction(IntEnum):
    """Where price went, or is leaning."""

    UP = 1
    DOWN = 2


class ContractKind(IntEnum):
    """LINEAR: margin and profit in the quote coin. INVERSE: margin in the base coin, face value in USD."""

    LINEAR = 1
    INVERSE = 2
    SPOT = 3


def round_to_step(value: float, step: float) -> float:
    """The multiple of `step` nearest to `value` (a tick for prices, a lot for quantities).

    Raises:
        ValueError: if `step` is not positive.

    Example:
        >>> round_to_step(100.26, 0.1)
        100.3
    """
    if not step > 0:
        raise ValueError(f"A step must be positive, not {step}.")
    decimals = max(0, -math.floor(math.log10(step)) + 2)
    return round(round(value / step) * step, decimals)


def floor_to_step(value: float, step: float) -> float:
    """The largest multiple of `step` not above `value`: what a venue accepts as a quantity.

    Example:
        >>> floor_to_step(0.0479, 0.001)
        0.047
    """
    if not step > 0:
        raise ValueError(f"A step must be positive, not {step}.")
    decimals = max(0, -math.floor(math.log10(step)) + 2)
    steps = value / step
    # a quantity that already is a whole number of lots must not lose one to the rounding of the division
    return round(math.floor(steps + 1e-9 + 1e-15 * abs(steps)) * step, decimals)
