"""Where the UTC day, week and month of an instant begin, for kernels: integer arithmetic, no date objects."""

from __future__ import annotations

from perpscope.numeric.jit import njit

DAY_NS = 86_400_000_000_000


@njit
def floor_week(ts: int) -> int:
    """The Monday 00:00 UTC at or before `ts` (ns). 1970-01-05 was a Monday."""
    return (ts - 4 * DAY_NS) // (7 * DAY_NS) * (7 * DAY_NS) + 4 * DAY_NS


@njit
def month_start(months: int) -> int:
    """ns of the first instant of a month, counted from January 1970.

    Source: days before a month of the proleptic Gregorian calendar, with years that begin in March.

    Example:
        >>> month_start(1) == 31 * DAY_NS
        True
    """
    year = 1970 + months // 12
    month = months % 12 + 1
    y = year - 1 if month <= 2 else year
    shifted = (month + 9) % 12
    days = 365 * y + y // 4 - y // 100 + y // 400 + (153 * shifted + 2) // 5 - 719_468
    return days * DAY_NS


@njit
def month_of(ts: int) -> int:
    """Months since January 1970 of an instant in ns.

    Example:
        >>> month_of(31 * DAY_NS - 1), month_of(31 * DAY_NS)
        (0, 1)
    """
    guess = (ts // DAY_NS) * 12 // 366
    while month_start(guess + 1) <= ts:
        guess += 1
    while month_start(guess) > ts:
        guess -= 1
    return guess
