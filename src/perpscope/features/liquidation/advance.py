"""One bar after the other through the books: sweep, age, close, open, account, statement."""

from __future__ import annotations

import math

import numpy as np

from perpscope.core.table import Array
from perpscope.core.time import HOUR
from perpscope.features.liquidation.books import (
    cohort_of,
    far_tiers,
    grow_older,
    mix_whole,
    open_positions,
    place_pending,
    rescale,
    standing_limits,
    sweep_limits,
)
from perpscope.features.liquidation.flags import Flag
from perpscope.features.liquidation.statement import (
    HOUR_NOW,
    INITIAL,
    INTEREST,
    ORIGIN,
    REFRESH,
    RING,
    UNPLACED,
    account_row,
    share_placed,
    state_cells,
    sweep_bins,
)  # fmt: skip
from perpscope.numeric.jit import njit

# columns of flows
F_INTEREST, F_OPENED, F_CLOSED, F_FORCED, F_LATE, F_UNSEEN, F_REBASE, F_VOLUME = 0, 1, 3, 5, 7, 8, 9, 10
# columns of prices in bin units
X_ENTRY_LOW, X_ENTRY_HIGH, X_LOW, X_HIGH, X_CLOSE = range(5)

_RESTART = int(Flag.RESTART)


@njit
def advance(
    begin: int, ref: Array, flows: Array, late_bars: Array, flags_in: Array, x: Array, older: Array, young: Array,
    ages: Array, whole: Array, lower: Array, upper: Array, pending: Array, ends: Array, young_ends: Array, age_ends: Array,
    pending_ends: Array, scale: Array, placed: Array, sums: Array, ints: Array, ring: Array, ring_hours: Array,
    density: Array, cumulative: Array, start: Array, first: Array, length: Array, mix: Array, hazard: Array, uniform: bool,
    band: int, floor: float, tolerance: float, refresh: int, big: Array, small: Array, values: Array, units: Array,
) -> tuple[int, int]:  # fmt: skip
    """Bars from `begin` on until they end or the row buffers are full. Returns the next bar and the rows made.

    Row buffers are column by column: `big` (3, room) int64, `small` (5, room) int8, `values` (6, room), `units`
    (tiers, room) float32.
    """
    n, room, width = 0, big.shape[1], whole.shape[1]
    swept, new = np.zeros((2, mix.size)), np.zeros((2, mix.size))
    scratch = np.zeros(width)
    far, near = np.zeros((2, mix.size), np.bool_), np.zeros(2, np.int64)
    if uniform:
        far_tiers(band, first, length, far, near)
    for t in range(begin, ref.size):
        origin, interest = ints[ORIGIN], flows[t, F_INTEREST]
        limits = sweep_limits(x[t, X_LOW], x[t, X_HIGH])
        hour, number = ref[t] // HOUR, ref[t] // refresh
        for s in range(2):
            reached = pending_ends[s, 1] + near[0] >= limits[0] - origin
            if s == 1:
                reached = pending_ends[s, 0] + near[1] <= limits[1] - origin
            if pending_ends[s, 1] >= 0 and (hour != ints[HOUR_NOW] or reached):
                place_pending(
                    s, ints[HOUR_NOW] % 3, young, whole, pending, ends, young_ends, pending_ends, mix, density, start, first,
                    length, far,
                )  # fmt: skip
        begin_long, end_long = max(limits[0] - origin, 0), _highest(ends, 0)
        begin_short, end_short = _lowest(ends, 1), min(limits[1] - origin, width - 1)
        if n + 8 + 2 * (max(0, end_long - begin_long + 1) + max(0, end_short - begin_short + 1)) + 2 * width > room:
            return t, n
        # at a refresh all cells are looked at, not only those near price; at every seventh all are stated
        watch_all, fresh = number != ints[REFRESH], ints[REFRESH] == -1
        full = fresh or number // 7 != ints[REFRESH] // 7
        ints[REFRESH] = number
        swept[:], new[:] = 0.0, 0.0
        restart = flags_in[t] & _RESTART != 0
        if restart:
            _empty(older, young, ages, whole, pending, ends, young_ends, age_ends, pending_ends, scale, placed)
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
                    n = sweep_bins(
                        a, b, s, t, flags_in[t], origin, share_placed(placed, mix, s, before), uniform, older, young, ages,
                        whole, ends, young_ends, age_ends, scale, mix, swept, n, big, small, values, units,
                    )  # fmt: skip
            grow_older(older, ages, age_ends, young, young_ends, mix, ints[HOUR_NOW], hour)
            ints[HOUR_NOW] = hour
            # 2. closes hit all prices alike
            for s in range(2):
                _close(s, before, flows[t, F_CLOSED + s], flows[t, F_FORCED + s], hazard, mix, swept, placed, scale, sums)
                rescale(older, young, ages, whole, pending, scale, s)
            # 3. opens, entered where this bar traded; those known late, where their bars did
            standing = standing_limits(x[t, X_CLOSE], x[t, X_CLOSE])
            for s in range(2):
                open_positions(
                    older, young, ages, whole, pending, ends, young_ends, age_ends, pending_ends, scale, mix, hour % 3, s,
                    flows[t, F_OPENED + s], x[t, X_ENTRY_LOW], x[t, X_ENTRY_HIGH], origin, standing[s], density, cumulative,
                    start, first, length, far, near, True, scratch, new,
                )  # fmt: skip
            at = ints[RING] % ring.shape[0]
            ring[at, :5], ring[at, 5], ring_hours[at] = x[t], flows[t, F_VOLUME], hour
            ints[RING] += 1
            if flows[t, F_LATE] > 0.0:
                _open_late(
                    older, young, ages, whole, pending, ends, young_ends, age_ends, pending_ends, scale, mix, ring, ring_hours,
                    ints, late_bars[t], flows[t, F_LATE], hour, origin, density, cumulative, start, first, length, far, near,
                    scratch, new,
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
            mix_whole(older, young, whole, ends, scale, mix)
        close = math.floor(x[t, X_CLOSE]) - origin
        # 4. the account of each side, then the cells that changed
        for s in range(2):
            opened = 0.0 if restart else flows[t, F_OPENED + s] + flows[t, F_LATE]
            account_row(s, t, flags_in[t], full, interest, opened, placed, mix, swept, new, sums, n, big, small, values, units)
            n += 1
        for s in range(2):
            looked_at = pending_ends[s, 1] + near[0] >= close - band
            if s == 1:
                looked_at = pending_ends[s, 0] + near[1] <= close + band
            if pending_ends[s, 1] >= 0 and (watch_all or looked_at):
                place_pending(
                    s, hour % 3, young, whole, pending, ends, young_ends, pending_ends, mix, density, start, first, length, far
                )
            n = state_cells(
                n, s, t, flags_in[t], full, watch_all, close, band, floor * interest, tolerance,
                share_placed(placed, mix, s, interest), uniform, older, young, young_ends, ages, whole, lower, upper, scale,
                mix, ints, big, small, values, units,
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
    older: Array, young: Array, ages: Array, whole: Array, pending: Array, ends: Array, young_ends: Array, age_ends: Array,
    pending_ends: Array, scale: Array, placed: Array,
) -> None:  # fmt: skip
    pending[:], pending_ends[:, 0], pending_ends[:, 1] = 0.0, whole.shape[1], -1
    older[:], young[:], ages[:], whole[:], placed[:], scale[:] = 0.0, 0.0, 0.0, 0.0, 0.0, 1.0
    ends[..., 0], young_ends[..., 0], age_ends[..., 0] = whole.shape[1], whole.shape[1], whole.shape[1]
    ends[..., 1], young_ends[..., 1], age_ends[..., 1] = -1, -1, -1


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
    older: Array, young: Array, ages: Array, whole: Array, pending: Array, ends: Array, young_ends: Array, age_ends: Array,
    pending_ends: Array, scale: Array, mix: Array, ring: Array, hours: Array, ints: Array, bars: int, amount: float, hour: int,
    origin: int, density: Array, cumulative: Array, start: Array, first: Array, length: Array, far: Array, near: Array,
    scratch: Array, new: Array,
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
                    older, young, ages, whole, pending, ends, young_ends, age_ends, pending_ends, scale, mix,
                    cohort_of(hours[at], hour), s, part, ring[at, X_ENTRY_LOW], ring[at, X_ENTRY_HIGH], origin, standing[s],
                    density, cumulative, start, first, length, far, near, hours[at] == hour, scratch, new,
                )  # fmt: skip
        lowest, highest = min(lowest, ring[at, X_LOW]), max(highest, ring[at, X_HIGH])
