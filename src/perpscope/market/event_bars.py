"""Bars that close by what was traded instead of by the clock: after so many trades, units, notional, or ticks of range."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from perpscope.core.table import Array
from perpscope.numeric.jit import njit


class BarRule(IntEnum):
    """What closes a bar: a count of trades, base units, price x quantity, or the range from low to high in ticks."""

    TICK = 1
    VOLUME = 2
    DOLLAR = 3
    RANGE = 4


OPEN, HIGH, LOW, CLOSE, VOLUME, BUY, SELL, COUNT, MIN_DELTA, MAX_DELTA, NOTIONAL = range(11)


def fresh_bar() -> tuple[Array, Array]:
    """The forming bar: [opened at, has a trade, low tick, high tick] and its eleven sums."""
    return np.zeros(4, np.int64), np.zeros(11)


@njit
def add_part(ts: int, price: float, tick: int, quantity: float, side: int, count: float, ints: Array, acc: Array) -> None:
    """Put a trade, or a part of one, into the forming bar."""
    if ints[1] == 0:
        acc[:] = 0.0
        acc[OPEN] = acc[HIGH] = acc[LOW] = price
        ints[0], ints[1], ints[2], ints[3] = ts, 1, tick, tick
    acc[HIGH], acc[LOW], acc[CLOSE] = max(acc[HIGH], price), min(acc[LOW], price), price
    ints[2], ints[3] = min(ints[2], tick), max(ints[3], tick)
    acc[VOLUME] += quantity
    acc[BUY if side == 1 else SELL] += quantity
    acc[COUNT] += count
    acc[NOTIONAL] += price * quantity
    delta = acc[BUY] - acc[SELL]
    acc[MIN_DELTA], acc[MAX_DELTA] = min(acc[MIN_DELTA], delta), max(acc[MAX_DELTA], delta)


@njit
def close_bar(known: int, whole: bool, n: int, ints: Array, acc: Array, out: Array, times: Array, complete: Array) -> int:
    """Write the forming bar, if there is one, and empty it; returns the new number of rows."""
    if ints[1] == 0:
        return n
    out[n] = acc[:10]
    times[n, 0], times[n, 1], complete[n] = ints[0], known, whole
    ints[1] = 0
    return n + 1


@njit
def event_bars(
    ts: Array, price: Array, ticks: Array, quantity: Array, side: Array, gap_ends: Array,
    rule: int, limit: float, split: bool, ints: Array, acc: Array, out: Array, times: Array, complete: Array,
) -> int:  # fmt: skip
    """Advance by trades in order; a gap closes the forming bar as incomplete at its end. Returns the rows written.

    A count, volume or notional bar closes with the trade that reaches the limit: whole, or cut at the limit when
    `split` (then one trade may close several bars). A range bar closes before the trade that would make it wider
    than the limit.
    """
    n, g = 0, 0
    for i in range(ts.size):
        while g < gap_ends.size and gap_ends[g] <= ts[i]:
            n = close_bar(gap_ends[g], False, n, ints, acc, out, times, complete)
            g += 1
        if rule == 4 and ints[1] == 1 and max(ints[3], ticks[i]) - min(ints[2], ticks[i]) > limit:
            n = close_bar(ts[i], True, n, ints, acc, out, times, complete)
        left, count = quantity[i], 1.0
        while split and rule in (2, 3):
            filled = 0.0 if ints[1] == 0 else (acc[4] if rule == 2 else acc[10])
            room = limit - filled if rule == 2 else (limit - filled) / price[i]
            if left < room:
                break
            add_part(ts[i], price[i], ticks[i], room, side[i], count, ints, acc)
            n = close_bar(ts[i], True, n, ints, acc, out, times, complete)
            left, count = left - room, 0.0
        if left > 0 or not split:
            add_part(ts[i], price[i], ticks[i], left, side[i], count, ints, acc)
            reached = acc[7] if rule == 1 else (acc[4] if rule == 2 else acc[10])
            if reached >= limit and (rule == 1 or (rule < 4 and not split)):
                n = close_bar(ts[i], True, n, ints, acc, out, times, complete)
    while g < gap_ends.size:
        n = close_bar(gap_ends[g], False, n, ints, acc, out, times, complete)
        g += 1
    return n
