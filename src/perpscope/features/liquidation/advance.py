"""One bar after the other through the books: sweep, age, close, open, account, state."""

from __future__ import annotations

import math

import numpy as np

from perpscope.core.table import Array
from perpscope.features.liquidation.books import (
    age_of,
    cohort_of,
    grow_older,
    open_positions,
    rescale,
    sweep_limits,
)
from perpscope.numeric.jit import njit

SIDE, CELL, SWEPT = 1, 2, 3

# sums: what is remembered besides the books
UNPLACED, INITIAL, INTEREST, CLOSE_X = 0, 2, 4, 5
# ints: origin of the arrays, hour, refresh number, started, bars in the ring, nearest stated bin per side
ORIGIN, HOUR_NOW, REFRESH, STARTED, RING, NEAREST = range(6)
# columns of a row
BAR, ENTRY, SIDE_COLUMN, AGE, BIN, LEVERAGE, FLAGS, FULL = range(8)
EXPOSURE, UNPLACED_COLUMN, UNRESOLVED, SWEPT_COLUMN, YOUNG, DAY = range(6)


@njit
def advance(
    begin: int, ref: Array, flows: Array, late_bars: Array, flags_in: Array, x: Array, mass: Array, whole: Array,
    stated: Array, low: Array, high: Array, scale: Array, placed: Array, sums: Array, ints: Array, ring: Array,
    ring_hours: Array, cumulative: Array, start: Array, first: Array, length: Array, mix: Array, hazard: Array,
    uniform: bool, band: int, floor: float, tolerance: float, refresh: int, codes: Array, values: Array, units: Array,
) -> tuple[int, int]:  # fmt: skip
    """Bars from `begin` on until they end or the row buffers are full. Returns the next bar and the rows made.

    `flows` (bars, 11): open interest, opened long, short, closed long, short, liquidated long, short, late opened,
    unseen, rebase, volume. `x` (bars, 5): entry low, entry high, sweep low, sweep high, close in bin units.
    """
    n, room = 0, codes.shape[0]
    tiers = mix.size
    width = whole.shape[1]
    age_units = np.zeros((3, tiers))
    swept = np.zeros((2, tiers))
    new = np.zeros((2, tiers))
    for t in range(begin, ref.size):
        origin = ints[ORIGIN]
        limit_long, limit_short = sweep_limits(x[t, 2], x[t, 3])
        limit_long, limit_short = max(limit_long - origin, 0), min(limit_short - origin, width - 1)
        top, bottom = -1, width
        for c in range(mass.shape[0]):
            for k in range(tiers):
                top = max(top, high[c, 0, k])
                bottom = min(bottom, low[c, 1, k])
        worst = 8 + 3 * (max(0, top - limit_long + 1) + max(0, limit_short - bottom + 1)) + 2 * width
        if n + worst > room:
            return t, n
        flag = flags_in[t]
        interest = flows[t, 0]
        hour = ref[t] // 3_600_000_000_000
        number = ref[t] // refresh
        full = number != ints[REFRESH]
        ints[REFRESH] = number
        restart = flag & 2048 != 0
        swept[:], new[:] = 0.0, 0.0
        if restart:
            mass[:], whole[:], placed[:], scale[:] = 0.0, 0.0, 0.0, 1.0
            low[:], high[:] = width, -1
            sums[UNPLACED : UNPLACED + 2], sums[INITIAL : INITIAL + 2] = interest, interest
            ints[HOUR_NOW], ints[RING] = hour, 0
            full = True
        else:
            before = sums[INTEREST]
            # 1. sweep, with the prices of this bar and the books before it
            for s in range(2):
                a, b = (limit_long, top) if s == 0 else (bottom, limit_short)
                share = _share_placed(placed, mix, s, before)
                for i in range(a, b + 1):
                    age_units[:] = 0.0
                    any_mass = False
                    for c in range(mass.shape[0]):
                        age = age_of(c)
                        for k in range(tiers):
                            if low[c, s, k] <= i <= high[c, s, k] and mass[c, s, k, i] != 0.0:
                                age_units[age, k] += mass[c, s, k, i] * scale[s, k]
                                mass[c, s, k, i] = 0.0
                                any_mass = True
                    whole[s, i] = 0.0
                    if not any_mass:
                        continue
                    for age in range(3):
                        mixed, best, heaviest = 0.0, 0.0, 0
                        for k in range(tiers):
                            swept[s, k] += age_units[age, k]
                            part = mix[k] * age_units[age, k]
                            mixed += part
                            if part > best:
                                best, heaviest = part, k
                        if mixed > 0.0:
                            _code(codes, n, t, SWEPT, s, age + 1, i + origin, heaviest, flag, False)
                            values[n, :] = np.nan
                            values[n, EXPOSURE] = mixed * share
                            values[n, YOUNG] = mixed * share if age == 0 else 0.0
                            values[n, DAY] = mixed * share if age == 1 else 0.0
                            for k in range(tiers):
                                units[k, n] = age_units[age, k] * share
                            n += 1
                for c in range(mass.shape[0]):
                    for k in range(tiers):
                        if s == 0:
                            high[c, s, k] = min(high[c, s, k], limit_long - 1)
                        else:
                            low[c, s, k] = max(low[c, s, k], limit_short + 1)
            grow_older(mass, low, high, ints[HOUR_NOW], hour)
            ints[HOUR_NOW] = hour
            # 2. closes hit all prices alike; what was swept but not reported as liquidated is still open, place unknown
            for s in range(2):
                forced, closed = flows[t, 5 + s], flows[t, 3 + s]
                left = before - forced
                h = min(max((closed - forced) / left, 0.0), 1.0) if left > 0.0 else 1.0
                gone = 0.0
                for k in range(tiers):
                    placed[s, k] = max(0.0, placed[s, k] - swept[s, k])
                    sums[UNPLACED + s] += mix[k] * swept[s, k]
                    hit = min(1.0, hazard[k] * h)
                    gone += mix[k] * placed[s, k] * hit
                    placed[s, k] *= 1.0 - hit
                    scale[s, k] *= 1.0 - hit
                sums[UNPLACED + s] -= closed - gone
                sums[INITIAL + s] *= 1.0 - h
                rescale(mass, whole, low, high, scale, s)
            # 3. opens, entered where this bar traded
            for s in range(2):
                limit = (math.ceil(x[t, 4] - 0.5) - 1 if s == 0 else math.floor(x[t, 4] - 0.5) + 1) - origin
                open_positions(
                    mass, whole, low, high, scale, mix, cohort_of(hour, hour), s, flows[t, 1 + s], x[t, 0], x[t, 1], origin,
                    limit, cumulative, start, first, length, new,
                )  # fmt: skip
            _remember_bar(ring, ring_hours, ints, x, t, flows[t, 10], hour)
            if flows[t, 7] > 0.0:
                _open_late(
                    mass, whole, low, high, scale, mix, ring, ring_hours, ints, late_bars[t], flows[t, 7], hour, origin,
                    cumulative, start, first, length, new,
                )  # fmt: skip
            for s in range(2):
                opened = flows[t, 1 + s] + flows[t, 7]
                on_map = 0.0
                for k in range(tiers):
                    placed[s, k] += new[s, k]
                    on_map += mix[k] * new[s, k]
                sums[UNPLACED + s] += opened - on_map
            if flows[t, 8] != 0.0 or flows[t, 9] != 1.0:
                _correct(scale, placed, sums, before + opened - closed, flows[t, 8], flows[t, 9])
        sums[INTEREST] = interest
        if not uniform:
            _mix_whole(mass, whole, low, high, scale, mix)
        # 4. the account of each side, then the cells that changed
        for s in range(2):
            share = _share_placed(placed, mix, s, interest)
            on_map, gone, on_new = 0.0, 0.0, 0.0
            for k in range(tiers):
                on_map += mix[k] * placed[s, k]
                gone += mix[k] * swept[s, k]
                on_new += mix[k] * (flows[t, 1 + s] + flows[t, 7] - new[s, k])
                units[k, n] = placed[s, k] * share
            warm = 4096 if sums[INITIAL + s] > 0.1 * interest else 0
            _code(codes, n, t, SIDE, s, 0, -(2**31), -1, flag | warm, full)
            values[n, EXPOSURE] = on_map * share
            values[n, UNPLACED_COLUMN] = sums[UNPLACED + s] if share == 1.0 else interest - on_map * share
            values[n, UNRESOLVED] = 0.0 if restart else on_new
            values[n, SWEPT_COLUMN] = gone
            values[n, YOUNG], values[n, DAY] = np.nan, np.nan
            n += 1
        for s in range(2):
            share = _share_placed(placed, mix, s, interest)
            n = _state_cells(
                codes, values, units, n, t, s, flag, full, math.floor(x[t, 4]) - origin, band, floor * interest, tolerance,
                share, uniform, mass, whole, stated, low, high, scale, mix, ints,
            )  # fmt: skip
    return ref.size, n


@njit
def _correct(scale: Array, placed: Array, sums: Array, total: float, unseen: float, rebase: float) -> None:
    """A change of open interest that no bar explains: gains are unplaced, losses and contradictions rescale everything."""
    factor = rebase
    if unseen < 0.0:
        factor *= max(0.0, 1.0 + unseen / total) if total > 0.0 else 0.0
    for s in range(2):
        sums[UNPLACED + s] = (sums[UNPLACED + s] + max(unseen, 0.0)) * factor
        sums[INITIAL + s] *= factor
        for k in range(scale.shape[1]):
            scale[s, k] *= factor
            placed[s, k] *= factor


@njit
def _code(
    codes: Array, n: int, bar: int, entry: int, side: int, age: int, bin_: int, leverage: int, flag: int, full: bool
) -> None:
    codes[n, BAR], codes[n, ENTRY], codes[n, SIDE_COLUMN], codes[n, AGE] = bar, entry, side + 1, age
    codes[n, BIN], codes[n, LEVERAGE], codes[n, FLAGS], codes[n, FULL] = bin_, leverage, flag, 1 if full else 0


@njit
def _share_placed(placed: Array, mix: Array, side: int, interest: float) -> float:
    """min(1, O / placed): the books never hold more than the open interest."""
    total = 0.0
    for k in range(mix.size):
        total += mix[k] * placed[side, k]
    return 1.0 if total <= interest else interest / total


@njit
def _mix_whole(mass: Array, whole: Array, low: Array, high: Array, scale: Array, mix: Array) -> None:
    """The mixed books from scratch, when tiers close at different rates and no common scale exists."""
    whole[:] = 0.0
    for c in range(mass.shape[0]):
        for s in range(2):
            for k in range(mix.size):
                for i in range(low[c, s, k], high[c, s, k] + 1):
                    whole[s, i] += mix[k] * scale[s, k] * mass[c, s, k, i]


@njit
def _remember_bar(ring: Array, hours: Array, ints: Array, x: Array, t: int, volume: float, hour: int) -> None:
    at = ints[RING] % ring.shape[0]
    ring[at, 0], ring[at, 1], ring[at, 2], ring[at, 3], ring[at, 4] = x[t, 0], x[t, 1], x[t, 2], x[t, 3], x[t, 4]
    ring[at, 5] = volume
    hours[at] = hour
    ints[RING] += 1


@njit
def _open_late(
    mass: Array, whole: Array, low: Array, high: Array, scale: Array, mix: Array, ring: Array, hours: Array, ints: Array,
    bars: int, amount: float, hour: int, origin: int, cumulative: Array, start: Array, first: Array, length: Array,
    new: Array,
) -> None:  # fmt: skip
    """Opens known late: entered where the last `bars` bars traded, by volume, less what price has gone through since."""
    count = min(bars, ring.shape[0], ints[RING])
    total = 0.0
    for back in range(count):
        total += ring[(ints[RING] - 1 - back) % ring.shape[0], 5]
    if total <= 0.0:
        return
    lowest, highest = np.inf, -np.inf
    for back in range(count):
        at = (ints[RING] - 1 - back) % ring.shape[0]
        if back == 0:
            lowest, highest = ring[at, 4], ring[at, 4]  # inside its own bar only the close is known to come after
        part = amount * ring[at, 5] / total
        if part > 0.0:
            cohort = cohort_of(hours[at], hour)
            below, above = math.ceil(lowest - 0.5) - 1 - origin, math.floor(highest - 0.5) + 1 - origin
            for s in range(2):
                open_positions(
                    mass, whole, low, high, scale, mix, cohort, s, part, ring[at, 0], ring[at, 1], origin,
                    below if s == 0 else above, cumulative, start, first, length, new,
                )  # fmt: skip
        lowest, highest = min(lowest, ring[at, 2]), max(highest, ring[at, 3])


@njit
def _state_cells(
    codes: Array, values: Array, units: Array, n: int, t: int, s: int, flag: int, full: bool, close: int, band: int,
    floor: float, tolerance: float, share: float, uniform: bool, mass: Array, whole: Array, stated: Array, low: Array,
    high: Array, scale: Array, mix: Array, ints: Array,
) -> int:  # fmt: skip
    """Rows for cells whose content differs from what was last said by more than the tolerance."""
    width = whole.shape[1]
    factor = share * scale[s, 0] if uniform else share
    near = ints[NEAREST + s]
    if full:
        a, b = 0, width - 1
    elif s == 0:
        a, b = max(0, close - band), min(width - 1, max(close, near))
    else:
        a, b = max(0, min(close, near)), min(width - 1, close + band)
    outermost = -1 if s == 0 else width
    for i in range(a, b + 1):
        value, said = whole[s, i] * factor, stated[s, i]
        if value < floor and (said == 0.0 or value < 0.5 * floor):
            value = 0.0
        if value > 0.0 or said > 0.0:
            if (full and value > 0.0) or (value == 0.0) != (said == 0.0) or abs(value - said) > tolerance * said:
                best, heaviest, young, day = 0.0, -1, 0.0, 0.0
                for k in range(mix.size):
                    unit = 0.0
                    for c in range(mass.shape[0]):
                        if low[c, s, k] <= i <= high[c, s, k]:
                            part = mass[c, s, k, i] * scale[s, k] * share
                            unit += part
                            age = age_of(c)
                            if age == 0:
                                young += mix[k] * part
                            elif age == 1:
                                day += mix[k] * part
                    units[k, n] = unit if value > 0.0 else 0.0
                    if mix[k] * unit > best:
                        best, heaviest = mix[k] * unit, k
                _code(codes, n, t, CELL, s, 0, i + ints[ORIGIN], heaviest if value > 0.0 else -1, flag, full)
                values[n, :] = np.nan
                values[n, EXPOSURE] = value
                values[n, YOUNG], values[n, DAY] = (young, day) if value > 0.0 else (0.0, 0.0)
                stated[s, i] = value
                n += 1
            if stated[s, i] > 0.0:
                outermost = max(outermost, i) if s == 0 else min(outermost, i)
    ints[NEAREST + s] = outermost
    return n
