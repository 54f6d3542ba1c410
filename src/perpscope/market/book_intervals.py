"""Intervals of the clock during which a book could be read from beginning to end.

Folds that average or add over intervals of a second share these rules: an interval is told only if the book was live
all through it; the first one begins at the boundary after the book came alive; a gap, a silence or a crossed book drops
the interval it falls into. An interval ends when a message at or after its end proves that nothing more came.
"""

from __future__ import annotations

import numpy as np

from perpscope.core.table import Array
from perpscope.core.time import NULL_TS
from perpscope.numeric.jit import njit

START, COUNTED = 0, 1
_UNSET = -(2**63)


def interval_clock() -> Array:
    """[start of the open interval, time up to which it was counted], none open."""
    return np.array([NULL_TS, NULL_TS], np.int64)


@njit
def drop_interval(clock: Array) -> None:
    """What was counted of the open interval is void."""
    clock[START] = _UNSET


@njit
def ends_before(clock: Array, length: int, now: int) -> bool:
    """Whether the open interval is over at `now`."""
    return clock[START] != _UNSET and clock[START] + length <= now


@njit
def elapse(clock: Array, now: int) -> int:
    """Nanoseconds of the open interval that passed since the last call, up to `now`."""
    if clock[START] == _UNSET or now <= clock[COUNTED]:
        return 0
    passed = now - clock[COUNTED]
    clock[COUNTED] = now
    return passed


@njit
def open_interval(clock: Array, length: int, now: int) -> bool:
    """Begin at the next boundary if none is open; true if one was begun."""
    if clock[START] != _UNSET:
        return False
    clock[START] = clock[COUNTED] = -(-now // length) * length
    return True
