"""One bar after the other through the books: sweep, age, close, open, account, statement."""

from __future__ import annotations

import math

import numpy as np

from perpscope.core.table import Array
from perpscope.core.time import HOUR
from perpscope.features.liquidation.books import (
    cohort_of,
    grow_older,
    mix_whole,
    open_positions,
    rescale,
    standing_limits,
    sweep_limits,
)
from perpscope.features.liquidation.flags import Flag
from perpscope.numeric.jit import njit

SIDE, CELL, SWEPT = 1, 2, 3
ALL, YOUNG_AGE, OLDER = 1, 2, 3

# sums: what is remembered besides the books (pairs: long, short)
UNPLACED, INITIAL, INTEREST = 0, 2, 4
# ints: where bin 0 of the arrays lies, the hour, the refresh number, bars in the ring, nearest stated bin of each side
ORIGIN, HOUR_NOW, REFRESH, RING, NEAREST = range(5)
# columns of flows
F_INTEREST, F_OPENED, F_CLOSED, F_FORCED, F_LATE, F_UNSEEN, F_REBASE, F_VOLUME = 0, 1, 3, 5, 7, 8, 9, 10
# columns of prices in bin units
X_ENTRY_LOW, X_ENTRY_HIGH, X_LOW, X_HIGH, X_CLOSE = range(5)
# rows: codes and values
BAR, BIN, FLAGS = range(3)
ENTRY, SIDE_CODE, AGE, LEVERAGE, FULL = range(5)
EXPOSURE, UNPLACED_NOW, UNRESOLVED, SWEPT_NOW, YOUNG_NOW, DAY_NOW = range(6)

_WARM, _RESTART = int(Flag.WARM), int(Flag.RESTART)
_NO_BIN = -(2**31)


@njit
def advance(
    begin: int, ref: Array, flows: Array, late_bars: Array, flags_in: Array, x: Array, total: Array, young: Array,
    ages: Array, whole: Array, lower: Array, upper: Array, ends: Array, young_ends: Array, age_ends: Array, scale: Array,
    placed: Array, sums: Array, ints: Array, ring: Array, ring_hours: Array, density: Array, cumulative: Array,
    start: Array, first: Array, length: Array, mix: Array, hazard: Array, uniform: bool, band: int, floor: float,
    tolerance: float, refresh: int, big: Array, small: Array, values: Array, units: Array,
) -> tuple[int, int]:  # fmt: skip
    """Bars from `begin` on until they end or the row buffers are full. Returns the next bar and the rows made.

    Row buffers are column by column: `big` (3, room) int64, `small` (5, room) int8, `values` (6, room), `units`
    (tiers, room) float32.
    """
    n, room, width = 0, big.shape[1], whole.shape[1]
    swept, new = np.zeros((2, mix.size)), np.zeros((2, mix.size))
    scratch = np.zeros(width)
    for t in range(begin, ref.size):
        origin, interest = ints[ORIGIN], flows[t, F_INTEREST]
        limits = sweep_limits(x[t, X_LOW], x[t, X_HIGH])
        begin_long, end_long = max(limits[0] - origin, 0), _highest(ends, 0)
        begin_short, end_short = _lowest(ends, 1), min(limits[1] - origin, width - 1)
        if n + 8 + 2 * (max(0, end_long - begin_long + 1) + max(0, end_short - begin_short + 1)) + 2 * width > room:
            return t, n
        hour, number = ref[t] // HOUR, ref[t] // refresh
        # at a refresh all cells are looked at, not only those near price; at every seventh all are stated
        watch_all, fresh = number != ints[REFRESH], ints[REFRESH] == -1
        full = fresh or number // 7 != ints[REFRESH] // 7
        ints[REFRESH] = number
        swept[:], new[:] = 0.0, 0.0
        restart = flags_in[t] & _RESTART != 0
        if restart:
            _empty(total, young, ages, whole, ends, young_ends, age_ends, scale, placed)
            sums[UNPLACED], sums[UNPLACED + 1], sums[INITIAL], sums[INITIAL + 1] = interest, interest, interest, interest
            ints[HOUR_NOW], ints[RING] = hour, 0
            watch_all, full = True, True
        else:
            if fresh:  # the very first bar knew the open interest that it began with: all of it is still unplaced
                begun = interest - (flows[t, F_OPENED] + flows[t, F_LATE] - flows[t, F_CLOSED])
                sums[INTEREST] = begun
                sums[UNPLACED], sums[UNPLACED + 1], sums[INITIAL], sums[INITIAL + 1] = begun, begun, begun, begun
            before = sums[INTEREST]
            # 1. sweep, with the prices of this bar and the books before it
            for s in range(2):
                a, b = (begin_long, end_long) if s == 0 else (begin_short, end_short)
                if b >= a:
                    n = _sweep(
                        a, b, s, t, flags_in[t], origin, _share_placed(placed, mix, s, before), uniform, total, young, ages,
                        whole, ends, young_ends, age_ends, scale, mix, swept, n, big, small, values, units,
                    )  # fmt: skip
            grow_older(ages, age_ends, young, young_ends, ints[HOUR_NOW], hour)
            ints[HOUR_NOW] = hour
            # 2. closes hit all prices alike
            for s in range(2):
                _close(s, before, flows[t, F_CLOSED + s], flows[t, F_FORCED + s], hazard, mix, swept, placed, scale, sums)
                rescale(total, young, ages, whole, scale, s)
            # 3. opens, entered where this bar traded; those known late, where their bars did
            standing = standing_limits(x[t, X_CLOSE], x[t, X_CLOSE])
            for s in range(2):
                open_positions(
                    total, young, ages, whole, ends, young_ends, age_ends, scale, mix, hour % 3, s, flows[t, F_OPENED + s],
                    x[t, X_ENTRY_LOW], x[t, X_ENTRY_HIGH], origin, standing[s], density, cumulative, start, first, length,
                    scratch, new,
                )  # fmt: skip
            at = ints[RING] % ring.shape[0]
            ring[at, :5], ring[at, 5], ring_hours[at] = x[t], flows[t, F_VOLUME], hour
            ints[RING] += 1
            if flows[t, F_LATE] > 0.0:
                _open_late(
                    total, young, ages, whole, ends, young_ends, age_ends, scale, mix, ring, ring_hours, ints, late_bars[t],
                    flows[t, F_LATE], hour, origin, density, cumulative, start, first, length, scratch, new,
                )  # fmt: skip
            for s in range(2):
                on_map = 0.0
                for k in range(mix.size):
                    placed[s, k] += new[s, k]
                    on_map += mix[k] * new[s, k]
                sums[UNPLACED + s] += flows[t, F_OPENED + s] + flows[t, F_LATE] - on_map
            if flows[t, F_UNSEEN] != 0.0 or flows[t, F_REBASE] != 1.0:
                now = before + flows[t, F_OPENED] + flows[t, F_LATE] - flows[t, F_CLOSED]
                _correct(scale, placed, sums, now, flows[t, F_UNSEEN], flows[t, F_REBASE])
        sums[INTEREST] = interest
        if not uniform:
            mix_whole(total, whole, ends, scale, mix)
        # 4. the account of each side, then the cells that changed
        for s in range(2):
            opened = 0.0 if restart else flows[t, F_OPENED + s] + flows[t, F_LATE]
            _account(s, t, flags_in[t], full, interest, opened, placed, mix, swept, new, sums, n, big, small, values, units)
            n += 1
        for s in range(2):
            n = _state_cells(
                n, s, t, flags_in[t], full, watch_all, math.floor(x[t, X_CLOSE]) - origin, band, floor * interest, tolerance,
                _share_placed(placed, mix, s, interest), uniform, total, young, ages, whole, lower, upper, scale, mix, ints,
                big, small, values, units,
            )  # fmt: skip
    return ref.size, n


@njit
def _highest(ends: Array, side: int) -> int:
    found = -1
    for k in range(ends.shape[1]):
        found = max(found, ends[side, k, 1])
    return found


@njit
def _lowest(ends: Array, side: int) -> int:
    found = ends[side, 0, 0]
    for k in range(1, ends.shape[1]):
        found = min(found, ends[side, k, 0])
    return found


@njit
def _empty(
    total: Array, young: Array, ages: Array, whole: Array, ends: Array, young_ends: Array, age_ends: Array, scale: Array,
    placed: Array,
) -> None:  # fmt: skip
    total[:], young[:], ages[:], whole[:], placed[:], scale[:] = 0.0, 0.0, 0.0, 0.0, 0.0, 1.0
    ends[..., 0], young_ends[..., 0], age_ends[..., 0] = whole.shape[1], whole.shape[1], whole.shape[1]
    ends[..., 1], young_ends[..., 1], age_ends[..., 1] = -1, -1, -1


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
def _share_placed(placed: Array, mix: Array, side: int, interest: float) -> float:
    """min(1, O / placed): the books never hold more than the open interest."""
    held = 0.0
    for k in range(mix.size):
        held += mix[k] * placed[side, k]
    return 1.0 if held <= interest else interest / held


@njit
def _sweep(
    a: int, b: int, s: int, bar: int, flag: int, origin: int, share: float, uniform: bool, total: Array, young: Array,
    ages: Array, whole: Array, ends: Array, young_ends: Array, age_ends: Array, scale: Array, mix: Array, swept: Array,
    n: int, big: Array, small: Array, values: Array, units: Array,
) -> int:  # fmt: skip
    """Take everything out of the bins a..b, bin by bin, into SWEPT rows: one for what is young, one for the rest."""
    tiers = mix.size
    for i in range(a, b + 1):
        fresh, older, heaviest, oldest, best, best_old = 0.0, 0.0, -1, -1, 0.0, 0.0
        for k in range(tiers):
            all_units = total[s, k, i] * scale[s, k]
            young_units = (young[0, s, k, i] + young[1, s, k, i] + young[2, s, k, i]) * scale[s, k]
            total[s, k, i], young[0, s, k, i], young[1, s, k, i], young[2, s, k, i] = 0.0, 0.0, 0.0, 0.0
            swept[s, k] += all_units
            rest = max(all_units - young_units, 0.0)
            if rest < 1e-12 * all_units:  # what is left when equal sums are subtracted is not a position
                rest = 0.0
            units[k, n], units[k, n + 1] = young_units * share, rest * share
            part, part_old = mix[k] * young_units, mix[k] * rest
            fresh += part
            older += part_old
            if part > best:
                best, heaviest = part, k
            if part_old > best_old:
                best_old, oldest = part_old, k
        day = 0.0
        for c in range(3, 8):
            day += ages[c, s, i]
        day = min(day * scale[s, 0], older) if uniform else np.nan
        for c in range(ages.shape[0]):
            ages[c, s, i] = 0.0
        whole[s, i] = 0.0
        if fresh > 0.0:
            _row(n, bar, SWEPT, s, YOUNG_AGE, i + origin, heaviest, flag, False, big, small, values)
            values[EXPOSURE, n], values[YOUNG_NOW, n], values[DAY_NOW, n] = fresh * share, fresh * share, 0.0
            n += 1
        if older > 0.0:
            if fresh <= 0.0:
                for k in range(tiers):
                    units[k, n] = units[k, n + 1]
            _row(n, bar, SWEPT, s, OLDER, i + origin, oldest, flag, False, big, small, values)
            values[EXPOSURE, n], values[YOUNG_NOW, n], values[DAY_NOW, n] = older * share, 0.0, day * share
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
def _close(
    s: int, before: float, closed: float, forced: float, hazard: Array, mix: Array, swept: Array, placed: Array,
    scale: Array, sums: Array,
) -> None:  # fmt: skip
    """Sweeps leave the map, closes leave the open interest.

    What was swept but not reported as liquidated is still open interest, at a place nobody knows: it becomes unplaced.
    """
    left = before - forced
    h = min(max((closed - forced) / left, 0.0), 1.0) if left > 0.0 else 1.0
    gone = 0.0
    for k in range(mix.size):
        placed[s, k] = max(0.0, placed[s, k] - swept[s, k])
        sums[UNPLACED + s] += mix[k] * swept[s, k]
        hit = min(1.0, hazard[k] * h)
        gone += mix[k] * placed[s, k] * hit
        placed[s, k] *= 1.0 - hit
        scale[s, k] *= 1.0 - hit
    sums[UNPLACED + s] -= closed - gone
    sums[INITIAL + s] *= 1.0 - h


@njit
def _correct(scale: Array, placed: Array, sums: Array, now: float, unseen: float, rebase: float) -> None:
    """A change of open interest that no bar explains: gains are unplaced, losses and contradictions rescale everything."""
    factor = rebase
    if unseen < 0.0:
        factor *= max(0.0, 1.0 + unseen / now) if now > 0.0 else 0.0
    for s in range(2):
        sums[UNPLACED + s] = (sums[UNPLACED + s] + max(unseen, 0.0)) * factor
        sums[INITIAL + s] *= factor
        for k in range(scale.shape[1]):
            scale[s, k] *= factor
            placed[s, k] *= factor


@njit
def _open_late(
    total: Array, young: Array, ages: Array, whole: Array, ends: Array, young_ends: Array, age_ends: Array, scale: Array,
    mix: Array, ring: Array, hours: Array, ints: Array, bars: int, amount: float, hour: int, origin: int, density: Array,
    cumulative: Array, start: Array, first: Array, length: Array, scratch: Array, new: Array,
) -> None:  # fmt: skip
    """Opens known late: entered where the last `bars` bars traded, by volume, less what price has gone through since."""
    count = min(bars, ring.shape[0], ints[RING])
    volume = 0.0
    for back in range(count):
        volume += ring[(ints[RING] - 1 - back) % ring.shape[0], 5]
    if volume <= 0.0:
        return
    lowest, highest = np.inf, -np.inf
    for back in range(count):
        at = (ints[RING] - 1 - back) % ring.shape[0]
        # inside its own bar only the close is known to come after an entry
        standing = standing_limits(min(lowest, ring[at, X_CLOSE]), max(highest, ring[at, X_CLOSE]))
        part = amount * ring[at, 5] / volume
        if part > 0.0:
            for s in range(2):
                open_positions(
                    total, young, ages, whole, ends, young_ends, age_ends, scale, mix, cohort_of(hours[at], hour), s, part,
                    ring[at, X_ENTRY_LOW], ring[at, X_ENTRY_HIGH], origin, standing[s], density, cumulative, start, first,
                    length, scratch, new,
                )  # fmt: skip
        lowest, highest = min(lowest, ring[at, X_LOW]), max(highest, ring[at, X_HIGH])


@njit
def _account(
    s: int, bar: int, flag: int, full: bool, interest: float, opened: float, placed: Array, mix: Array, swept: Array,
    new: Array, sums: Array, n: int, big: Array, small: Array, values: Array, units: Array,
) -> None:  # fmt: skip
    share = _share_placed(placed, mix, s, interest)
    on_map, gone, unresolved = 0.0, 0.0, 0.0
    for k in range(mix.size):
        on_map += mix[k] * placed[s, k]
        gone += mix[k] * swept[s, k]
        unresolved += mix[k] * (opened - new[s, k])
        units[k, n] = placed[s, k] * share
    warm = _WARM if sums[INITIAL + s] > 0.1 * interest else 0
    _row(n, bar, SIDE, s, ALL, _NO_BIN, -1, flag | warm, full, big, small, values)
    values[EXPOSURE, n] = on_map * share
    values[UNPLACED_NOW, n] = sums[UNPLACED + s] if share == 1.0 else interest - on_map * share
    values[UNRESOLVED, n], values[SWEPT_NOW, n] = unresolved, gone


@njit
def _state_cells(
    n: int, s: int, bar: int, flag: int, full: bool, watch_all: bool, close: int, band: int, floor: float,
    tolerance: float, share: float, uniform: bool, total: Array, young: Array, ages: Array, whole: Array, lower: Array,
    upper: Array, scale: Array, mix: Array, ints: Array, big: Array, small: Array, values: Array, units: Array,
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
    for j in range(row.size):
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
            n, s, bar, i, value, share, uniform, flag, full, total, young, ages, scale, mix, ints[ORIGIN], big, small, values,
            units,
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
    n: int, s: int, bar: int, i: int, value: float, share: float, uniform: bool, flag: int, full: bool, total: Array,
    young: Array, ages: Array, scale: Array, mix: Array, origin: int, big: Array, small: Array, values: Array, units: Array,
) -> None:  # fmt: skip
    heaviest, best, fresh = -1, 0.0, 0.0
    for k in range(mix.size):
        by = scale[s, k] * share if value > 0.0 else 0.0
        held = total[s, k, i] * by
        units[k, n] = held
        if mix[k] * held > best:
            best, heaviest = mix[k] * held, k
        if not uniform:
            fresh += mix[k] * (young[0, s, k, i] + young[1, s, k, i] + young[2, s, k, i]) * by
    day = np.nan
    if uniform:
        by = scale[s, 0] * share if value > 0.0 else 0.0
        fresh = min((ages[0, s, i] + ages[1, s, i] + ages[2, s, i]) * by, value)
        day = min((ages[3, s, i] + ages[4, s, i] + ages[5, s, i] + ages[6, s, i] + ages[7, s, i]) * by, value - fresh)
    _row(n, bar, CELL, s, ALL, i + origin, heaviest, flag, full, big, small, values)
    values[EXPOSURE, n], values[YOUNG_NOW, n], values[DAY_NOW, n] = value, fresh, day
