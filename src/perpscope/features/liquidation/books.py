"""The books of the liquidation map: what each leverage tier would hold at each price.

`young[hour, side, tier, bin]` is what was opened in each of the last three hours and `older[side, tier, bin]` everything
before, as the position units whose liquidation price lies in the bin *if all opens were of that tier*, divided by
`scale[side, tier]`, so that closes, which hit all prices alike, cost one multiplication. The mix weighs the tiers only when
something is read, but two sums are kept up with it for speed: `whole[side, bin]` over everything and, by age,
`ages[cohort, side, bin]` over what is older. They hold while all tiers close alike; if not, `whole` is made anew for every bar
and the age of what is no longer young is not known.

Cohorts: 0..2 one per hour for three hours (in `young`); 3..7 one per six hours for a day, 8 all that is older (in `ages`).
Sides are 0 long, 1 short; bins are relative to the arrays. Occupied bins of a row lie within its [low, high]; `ends` hold
for `older` and `young` together.

Tiers whose levels lie beyond the watched band are `far` from every entry: nobody looks at them, and no price of the hour
reaches them. Their opens wait as entries in `pending[side, bin]` (units over scale) and are spread over the books together when
the hour ends or somebody might look, which changes nothing but the order of a sum.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from perpscope.features.liquidation.shifts import PAD
from perpscope.numeric.jit import njit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

YOUNG, COHORTS = 3, 6


@njit
def cohort_of(opened_hour: int, now_hour: int) -> int:
    """Where opens of a given hour lie now."""
    if now_hour - opened_hour < 3:
        return opened_hour % 3
    if now_hour // 6 - opened_hour // 6 < 5:
        return 3 + opened_hour // 6 % 5
    return 8


@njit
def grow_older(
    older: Floats, ages: Floats, age_ends: Ints, young: Floats, young_ends: Ints, mix: Floats, hour_before: int, hour: int
) -> None:
    """Move cohorts on from one hour to a later one; after 36 hours everything is old, so no more steps are needed."""
    for step in range(max(hour_before + 1, hour - 36), hour + 1):
        if step // 6 != (step - 1) // 6:
            _merge(ages, age_ends, (step // 6) % 5, 5)
        slot = (step - 3) % 3  # the hour that stops being young; the new hour takes its place
        target = cohort_of(step - 3, step) - YOUNG
        for s in range(young.shape[1]):
            for k in range(young.shape[2]):
                a, b = young_ends[slot, s, k, 0], young_ends[slot, s, k, 1]
                if b >= a:
                    _add(older[s, k, a : b + 1], young[slot, s, k, a : b + 1], 1.0)
                    _add(ages[target, s, a : b + 1], young[slot, s, k, a : b + 1], mix[k])
                    widen(age_ends[target, s], a, b)
                    young[slot, s, k, a : b + 1] = 0.0
                    young_ends[slot, s, k, 0], young_ends[slot, s, k, 1] = young.shape[3], -1


@njit
def _merge(ages: Floats, ends: Ints, source: int, target: int) -> None:
    """Add a cohort to another and empty it."""
    for s in range(ages.shape[1]):
        a, b = ends[source, s, 0], ends[source, s, 1]
        if b < a:
            continue
        ages[target, s, a : b + 1] += ages[source, s, a : b + 1]
        ages[source, s, a : b + 1] = 0.0
        widen(ends[target, s], a, b)
        ends[source, s, 0], ends[source, s, 1] = ages.shape[2], -1


@njit
def widen(ends: Ints, a: int, b: int) -> None:
    ends[0], ends[1] = min(ends[0], a), max(ends[1], b)


@njit
def sweep_limits(low_x: float, high_x: float) -> tuple[int, int]:
    """First bin of longs and last bin of shorts that price went through: a bin breaks when its centre is passed."""
    return math.ceil(low_x - 0.5), math.floor(high_x - 0.5)


@njit
def standing_limits(low_x: float, high_x: float) -> tuple[int, int]:
    """Last bin where longs, first bin where shorts can stand when price has since been at `low_x` and `high_x`."""
    return math.ceil(low_x - 0.5) - 1, math.floor(high_x - 0.5) + 1


@njit
def far_tiers(band: int, first: Ints, length: Ints, far: NDArray[np.bool_], near: Ints) -> None:
    """Which tiers lie beyond `band` bins from any entry, and the bin nearest to the entry among theirs, from the entry."""
    for k in range(first.shape[1]):
        far[0, k] = -(first[0, k] + length[0, k] - 1) > band
        far[1, k] = first[1, k] > band
        if far[0, k]:
            near[0] = first[0, k] + length[0, k] - 1 if near[0] == 0 else max(near[0], first[0, k] + length[0, k] - 1)
        if far[1, k]:
            near[1] = first[1, k] if near[1] == 0 else min(near[1], first[1, k])


@njit
def open_positions(
    older: Floats, young: Floats, ages: Floats, whole: Floats, pending: Floats, ends: Ints, young_ends: Ints, age_ends: Ints,
    pending_ends: Ints, scale: Floats, mix: Floats, cohort: int, side: int, amount: float, low_x: float, high_x: float,
    origin: int, limit: int, density: Floats, cumulative: Floats, start: Ints, first: Ints, length: Ints,
    far: NDArray[np.bool_], near: Ints, now: bool, scratch: Floats, placed: Floats,
) -> None:  # fmt: skip
    """Opens of one side, entered uniformly in log price over [low_x, high_x]; adds the units placed per tier.

    Bins beyond `limit` (longs: above it; shorts: below it) would be liquidated already and get nothing. With `now` the
    cohort is that of the running hour, and far tiers may wait.
    """
    if amount <= 0.0:
        return
    parts = 1 + int((high_x - low_x) / (PAD - 2))
    step = (high_x - low_x) / parts
    each = amount / parts
    for part in range(parts):
        x0 = low_x + part * step
        x1 = high_x if part == parts - 1 else x0 + step
        if side == 0:
            waits = now and near[0] != 0 and math.floor(x1) + near[0] <= limit
        else:
            waits = now and near[1] != 0 and math.floor(x0) + near[1] >= limit
        if waits:
            _wait(pending, pending_ends, side, x0, x1, origin, each / scale[side, 0])
        # in bins an entry range is a box with two partial bins at its ends: two single terms and an inner difference of sums
        i0, i1 = math.floor(x0), math.floor(x1)
        span = i1 - i0
        wm = 1.0 / (x1 - x0) if span > 0 else 0.0
        w0, w1 = (i0 + 1 - x0) * wm, (x1 - i1) * wm
        for k in range(mix.size):
            if waits and far[side, k]:
                placed[side, k] += each
                continue
            bottom = i0 + first[side, k]
            begin, end = 0, length[side, k] + span
            if side == 0:
                end = min(end, limit - bottom + 1)
            else:
                begin = max(begin, limit - bottom)
            n = end - begin
            if n <= 0:
                continue
            # offsets are unsigned: an index that may be negative is looked at one by one
            from_, m = start[side, k] + begin, np.uintp(n)
            at, beyond, lower = np.uintp(from_), np.uintp(from_ - span), np.uintp(from_ - span + 1)
            if span == 0:
                for j in range(m):
                    scratch[j] = density[at + j]
            elif span == 1:
                for j in range(m):
                    scratch[j] = w0 * density[at + j] + w1 * density[beyond + j]
            else:
                for j in range(m):
                    inner = cumulative[at + j] - cumulative[lower + j]
                    scratch[j] = w0 * density[at + j] + wm * inner + w1 * density[beyond + j]
            share = 1.0
            if n < length[side, k] + span:
                share = 0.0
                for j in range(m):
                    share += scratch[j]
            a = bottom + begin - origin
            units = each / scale[side, k]
            shared = mix[k] * units
            at, end = np.uintp(a), a + n - 1
            for j in range(m):
                whole[side, at + j] += shared * scratch[j]
            ends[side, k, 0], ends[side, k, 1] = min(ends[side, k, 0], a), max(ends[side, k, 1], end)
            if cohort < YOUNG:
                for j in range(m):
                    young[cohort, side, k, at + j] += units * scratch[j]
                young_ends[cohort, side, k, 0] = min(young_ends[cohort, side, k, 0], a)
                young_ends[cohort, side, k, 1] = max(young_ends[cohort, side, k, 1], end)
            else:
                for j in range(m):
                    older[side, k, at + j] += units * scratch[j]
                    ages[cohort - YOUNG, side, at + j] += shared * scratch[j]
                widen(age_ends[cohort - YOUNG, side], a, end)
            placed[side, k] += each * share


@njit
def _wait(entries: Floats, ends: Ints, side: int, x0: float, x1: float, origin: int, units: float) -> None:
    """Entries uniform in [x0, x1], by bin."""
    i0, i1 = math.floor(x0) - origin, math.floor(x1) - origin
    ends[side, 0], ends[side, 1] = min(ends[side, 0], i0), max(ends[side, 1], i1)
    if i0 == i1:
        entries[side, i0] += units
        return
    by = units / (x1 - x0)
    entries[side, i0] += (i0 + 1 - (x0 - origin)) * by
    for i in range(i0 + 1, i1):
        entries[side, i] += by
    entries[side, i1] += (x1 - origin - i1) * by


@njit
def place_pending(
    side: int, cohort: int, young: Floats, whole: Floats, pending: Floats, ends: Ints, young_ends: Ints, pending_ends: Ints,
    mix: Floats, density: Floats, start: Ints, first: Ints, length: Ints, far: NDArray[np.bool_],
) -> None:  # fmt: skip
    """Spread the waiting entries of a side over the far tiers, as opens of a young cohort."""
    low, high = pending_ends[side, 0], pending_ends[side, 1]
    for k in range(mix.size):
        if not far[side, k]:
            continue
        n, begin = length[side, k], np.uintp(start[side, k])
        for i in range(low, high + 1):
            units = pending[side, i]
            if units > 0.0:
                at, shared = np.uintp(i + first[side, k]), mix[k] * units
                for j in range(np.uintp(n)):
                    young[cohort, side, k, at + j] += units * density[begin + j]
                    whole[side, at + j] += shared * density[begin + j]
        widen(ends[side, k], low + first[side, k], high + first[side, k] + n - 1)
        widen(young_ends[cohort, side, k], low + first[side, k], high + first[side, k] + n - 1)
    pending[side, low : high + 1] = 0.0
    pending_ends[side, 0], pending_ends[side, 1] = whole.shape[1], -1


@njit
def _add(row: Floats, weights: Floats, amount: float) -> None:
    for j in range(row.size):
        row[j] += amount * weights[j]


@njit
def rescale(older: Floats, young: Floats, ages: Floats, whole: Floats, pending: Floats, scale: Floats, side: int) -> None:
    """Take tiny scales into the books before they underflow."""
    for k in range(scale.shape[1]):
        if scale[side, k] < 1e-9:
            older[side, k] *= scale[side, k]
            for c in range(young.shape[0]):
                young[c, side, k] *= scale[side, k]
            if k == 0:
                whole[side] *= scale[side, 0]
                pending[side] *= scale[side, 0]
                for c in range(ages.shape[0]):
                    ages[c, side] *= scale[side, 0]
            scale[side, k] = 1.0


@njit
def mix_whole(older: Floats, young: Floats, whole: Floats, ends: Ints, scale: Floats, mix: Floats) -> None:
    """The mixed books from scratch, when tiers close at different rates and no common scale exists."""
    whole[:] = 0.0
    for s in range(2):
        for k in range(mix.size):
            for i in range(ends[s, k, 0], ends[s, k, 1] + 1):
                held = older[s, k, i] + young[0, s, k, i] + young[1, s, k, i] + young[2, s, k, i]
                whole[s, i] += mix[k] * scale[s, k] * held
