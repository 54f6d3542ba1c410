"""What the books say: rows for what broke, for the account of a side, and for cells whose content changed."""

from __future__ import annotations

import numpy as np

from perpscope.core.table import Array
from perpscope.features.liquidation.flags import Flag
from perpscope.features.liquidation.grid import NULL_BIN
from perpscope.numeric.jit import njit

SIDE, CELL, SWEPT = 1, 2, 3
ALL, YOUNG_AGE, OLDER = 1, 2, 3

# sums: what is remembered besides the books (pairs: long, short)
UNPLACED, INITIAL, INTEREST = 0, 2, 4
# ints: where bin 0 of the arrays lies, the hour, the refresh number, bars in the ring, nearest stated bin of each side
ORIGIN, HOUR_NOW, REFRESH, RING, NEAREST = range(5)
# rows: codes and values
BAR, BIN, FLAGS = range(3)
ENTRY, SIDE_CODE, AGE, LEVERAGE, FULL = range(5)
EXPOSURE, UNPLACED_NOW, UNRESOLVED, SWEPT_NOW, YOUNG_NOW, DAY_NOW = range(6)

STRIDE = 32
"""Cells that are looked at together when most of them have nothing to say."""

_WARM = int(Flag.WARM)


@njit
def _row(
    n: int, bar: int, entry: int, side: int, age: int, bin_: int, leverage: int, flag: int, full: bool, big: Array,
    small: Array, values: Array,
) -> None:  # fmt: skip
    big[BAR, n], big[BIN, n], big[FLAGS, n] = bar, bin_, flag
    small[ENTRY, n], small[SIDE_CODE, n], small[AGE, n] = entry, side + 1, age
    small[LEVERAGE, n], small[FULL, n] = leverage, 1 if full else 0
    for j in range(values.shape[0]):
        values[j, n] = np.nan


@njit
def share_placed(placed: Array, mix: Array, side: int, interest: float) -> float:
    """min(1, O / placed): the books never hold more than the open interest."""
    held = 0.0
    for k in range(mix.size):
        held += mix[k] * placed[side, k]
    return 1.0 if held <= interest else interest / held


@njit
def sweep_bins(
    a: int, b: int, s: int, bar: int, flag: int, origin: int, share: float, uniform: bool, older: Array, young: Array,
    ages: Array, whole: Array, ends: Array, young_ends: Array, age_ends: Array, scale: Array, mix: Array, swept: Array,
    n: int, big: Array, small: Array, values: Array, units: Array,
) -> int:  # fmt: skip
    """Take everything out of the bins a..b, bin by bin, into SWEPT rows: one for what is young, one for the rest."""
    tiers = mix.size
    for i in range(a, b + 1):
        fresh, aged, heaviest, oldest, best, best_old = 0.0, 0.0, -1, -1, 0.0, 0.0
        for k in range(tiers):
            young_units = (young[0, s, k, i] + young[1, s, k, i] + young[2, s, k, i]) * scale[s, k]
            rest = older[s, k, i] * scale[s, k]
            older[s, k, i], young[0, s, k, i], young[1, s, k, i], young[2, s, k, i] = 0.0, 0.0, 0.0, 0.0
            swept[s, k] += young_units + rest
            units[k, n], units[k, n + 1] = young_units * share, rest * share
            part, part_old = mix[k] * young_units, mix[k] * rest
            fresh += part
            aged += part_old
            if part > best:
                best, heaviest = part, k
            if part_old > best_old:
                best_old, oldest = part_old, k
        day = 0.0
        for c in range(5):
            day += ages[c, s, i]
        day = min(day * scale[s, 0], aged) if uniform else np.nan
        for c in range(ages.shape[0]):
            ages[c, s, i] = 0.0
        whole[s, i] = 0.0
        if fresh > 0.0:
            _row(n, bar, SWEPT, s, YOUNG_AGE, i + origin, heaviest, flag, False, big, small, values)
            values[EXPOSURE, n], values[YOUNG_NOW, n], values[DAY_NOW, n] = fresh * share, fresh * share, 0.0
            n += 1
        if aged > 0.0:
            if fresh <= 0.0:
                for k in range(tiers):
                    units[k, n] = units[k, n + 1]
            _row(n, bar, SWEPT, s, OLDER, i + origin, oldest, flag, False, big, small, values)
            values[EXPOSURE, n], values[YOUNG_NOW, n], values[DAY_NOW, n] = aged * share, 0.0, day * share
            n += 1
    for k in range(tiers):
        _cut(ends[s, k], s, a, b)
        for c in range(young.shape[0]):
            _cut(young_ends[c, s, k], s, a, b)
    for c in range(ages.shape[0]):
        _cut(age_ends[c, s], s, a, b)
    return n


@njit
def _cut(ends: Array, side: int, a: int, b: int) -> None:
    if side == 0:
        ends[1] = min(ends[1], a - 1)
    else:
        ends[0] = max(ends[0], b + 1)


@njit
def account_row(
    s: int, bar: int, flag: int, full: bool, interest: float, opened: float, placed: Array, mix: Array, swept: Array,
    new: Array, sums: Array, n: int, big: Array, small: Array, values: Array, units: Array,
) -> None:  # fmt: skip
    share = share_placed(placed, mix, s, interest)
    on_map, gone, unresolved = 0.0, 0.0, 0.0
    for k in range(mix.size):
        on_map += mix[k] * placed[s, k]
        gone += mix[k] * swept[s, k]
        unresolved += mix[k] * (opened - new[s, k])
        units[k, n] = placed[s, k] * share
    warm = _WARM if sums[INITIAL + s] > 0.1 * interest else 0
    _row(n, bar, SIDE, s, ALL, NULL_BIN, -1, flag | warm, full, big, small, values)
    values[EXPOSURE, n] = on_map * share
    values[UNPLACED_NOW, n] = sums[UNPLACED + s] if share == 1.0 else interest - on_map * share
    values[UNRESOLVED, n], values[SWEPT_NOW, n] = unresolved, gone


@njit
def state_cells(
    n: int, s: int, bar: int, flag: int, full: bool, watch_all: bool, close: int, band: int, floor: float,
    tolerance: float, share: float, uniform: bool, older: Array, young: Array, young_ends: Array, ages: Array, whole: Array,
    lower: Array, upper: Array, scale: Array, mix: Array, ints: Array, big: Array, small: Array, values: Array, units: Array,
) -> int:  # fmt: skip
    """Rows for cells whose content left the bounds around what was last said; `upper` 0 says that they are empty."""
    width = whole.shape[1]
    factor = share * scale[s, 0] if uniform else share
    a, b = 0, width - 1
    if not watch_all and s == 0:
        a, b = max(0, close - band), min(width - 1, max(close, ints[NEAREST]))
    elif not watch_all:
        a, b = max(0, min(close, ints[NEAREST + 1])), min(width - 1, close + band)
    row, low, high = whole[s, a : b + 1], lower[s, a : b + 1], upper[s, a : b + 1]
    for begin in range(0, row.size, STRIDE):
        end = min(begin + STRIDE, row.size)
        if not full:  # one question to the whole stretch, without a branch inside, so that it runs several at a time
            at, loud = np.uintp(begin), 0
            for j in range(np.uintp(end - begin)):
                value = row[at + j] * factor
                loud += (value < low[at + j]) | (value > max(high[at + j], floor))
            if loud == 0:
                continue
        for j in range(begin, end):
            value = row[j] * factor
            # an empty cell (bounds 0, 0) speaks up at the floor, a stated one when it leaves its bounds
            if full:
                quiet = value < floor and high[j] == 0.0
            else:
                quiet = low[j] <= value <= max(high[j], floor)
            if quiet:
                continue
            if value < 0.5 * floor or (value < floor and high[j] == 0.0):
                if high[j] == 0.0:
                    continue
                value = 0.0
            i = a + j
            _state_cell(
                n, s, bar, i, value, share, uniform, flag, full, older, young, young_ends, ages, scale, mix, ints[ORIGIN], big,
                small, values, units,
            )  # fmt: skip
            low[j], high[j] = value * (1.0 - tolerance), value * (1.0 + tolerance)
            n += 1
            if value > 0.0:
                ints[NEAREST + s] = max(ints[NEAREST], i) if s == 0 else min(ints[NEAREST + 1], i)
    _pull_in(ints, upper, s, close)
    return n


@njit
def _pull_in(ints: Array, upper: Array, s: int, close: int) -> None:
    """Bring the nearest stated bin back to where something is stated, but not past the close."""
    if s == 0:
        while ints[NEAREST] > close and upper[0, ints[NEAREST]] == 0.0:
            ints[NEAREST] -= 1
    else:
        while ints[NEAREST + 1] < close and upper[1, ints[NEAREST + 1]] == 0.0:
            ints[NEAREST + 1] += 1


@njit
def _state_cell(
    n: int, s: int, bar: int, i: int, value: float, share: float, uniform: bool, flag: int, full: bool, older: Array,
    young: Array, young_ends: Array, ages: Array, scale: Array, mix: Array, origin: int, big: Array, small: Array,
    values: Array, units: Array,
) -> None:  # fmt: skip
    heaviest, best, fresh = -1, 0.0, 0.0
    for k in range(mix.size):
        by = scale[s, k] * share if value > 0.0 else 0.0
        new = 0.0
        for c in range(young.shape[0]):
            if young_ends[c, s, k, 0] <= i <= young_ends[c, s, k, 1]:
                new += young[c, s, k, i]
        held = (older[s, k, i] + new) * by
        units[k, n] = held
        fresh += mix[k] * new * by
        if mix[k] * held > best:
            best, heaviest = mix[k] * held, k
    day = np.nan
    if uniform:
        by = scale[s, 0] * share if value > 0.0 else 0.0
        fresh = min(fresh, value)
        day = min((ages[0, s, i] + ages[1, s, i] + ages[2, s, i] + ages[3, s, i] + ages[4, s, i]) * by, value - fresh)
    _row(n, bar, CELL, s, ALL, i + origin, heaviest, flag, full, big, small, values)
    values[EXPOSURE, n], values[YOUNG_NOW, n], values[DAY_NOW, n] = value, fresh, day
