"""The books of the liquidation map: what each leverage tier would hold at each price.

`total[side, tier, bin]` is the position units whose liquidation price lies in the bin *if all opens were of that tier*,
divided by `scale[side, tier]`, so that closes, which hit all prices alike, cost one multiplication. `young` keeps apart
what was opened in each of the last three hours. The mix weighs the tiers only when something is read, but two sums are
kept up with it for speed: `whole[side, bin]` and, by age, `ages[cohort, side, bin]`. They hold while all tiers close alike; if
not, `whole` is made anew for every bar and the age of what is no longer young is not known.

Cohorts of `ages`: 0..2 one per hour for three hours, 3..7 one per six hours for a day, 8 all that is older.
Sides are 0 long, 1 short; bins are relative to the arrays. Occupied bins of a row lie within its [low, high].
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from perpscope.features.liquidation.shifts import PAD
from perpscope.numeric.jit import njit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

YOUNG, COHORTS = 3, 9


@njit
def cohort_of(opened_hour: int, now_hour: int) -> int:
    """Where opens of a given hour lie now."""
    if now_hour - opened_hour < 3:
        return opened_hour % 3
    if now_hour // 6 - opened_hour // 6 < 5:
        return 3 + opened_hour // 6 % 5
    return 8


@njit
def grow_older(ages: Floats, ends: Ints, young: Floats, young_ends: Ints, hour_before: int, hour: int) -> None:
    """Move cohorts on from one hour to a later one; after 36 hours everything is old, so no more steps are needed."""
    for step in range(max(hour_before + 1, hour - 36), hour + 1):
        if step // 6 != (step - 1) // 6:
            _merge(ages, ends, 3 + (step // 6) % 5, 8)
        slot = (step - 3) % 3  # the hour that stops being young; the new hour takes its place
        _merge(ages, ends, slot, cohort_of(step - 3, step))
        for s in range(young.shape[1]):
            for k in range(young.shape[2]):
                a, b = young_ends[slot, s, k, 0], young_ends[slot, s, k, 1]
                if b >= a:
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
def spread_entries(
    x0: float, x1: float, density: Floats, cumulative: Floats, start: int, first: int, length: int, side: int, limit: int,
    out: Floats,
) -> tuple[int, int, float]:  # fmt: skip
    """Where entries uniform in [x0, x1] (bin units, at most PAD bins apart) break: weights per bin into `out`.

    Bins beyond `limit` (longs: above it; shorts: below it) would be liquidated already and get nothing. Returns the
    first bin, the number of bins, and the share that found a place.
    """
    i0, i1 = math.floor(x0), math.floor(x1)
    span = i1 - i0
    if span == 0:
        w0, wm, w1 = 1.0, 0.0, 0.0
    else:
        wm = 1.0 / (x1 - x0)
        w0, w1 = (i0 + 1 - x0) * wm, (x1 - i1) * wm
    bottom = i0 + first
    begin, end = 0, length + span
    if side == 0:
        end = min(end, limit - bottom + 1)
    else:
        begin = max(begin, limit - bottom)
    n = end - begin
    if n <= 0:
        return bottom, 0, 0.0
    at = start + begin
    # the entry range is a box with two partial bins at its ends: an inner difference of sums and two single terms
    near, far = density[at : at + n], density[at - span : at - span + n]
    upper, lower = cumulative[at : at + n], cumulative[at - span + 1 : at - span + 1 + n]
    for j in range(n):
        out[j] = w0 * near[j] + wm * (upper[j] - lower[j]) + w1 * far[j]
    share = 1.0
    if n < length + span:
        share = 0.0
        for j in range(n):
            share += out[j]
    return bottom + begin, n, share


@njit
def open_positions(
    total: Floats, young: Floats, ages: Floats, whole: Floats, ends: Ints, young_ends: Ints, age_ends: Ints, scale: Floats,
    mix: Floats, cohort: int, side: int, amount: float, low_x: float, high_x: float, origin: int, limit: int,
    density: Floats, cumulative: Floats, start: Ints, first: Ints, length: Ints, scratch: Floats, placed: Floats,
) -> None:  # fmt: skip
    """Opens of one side, entered uniformly in log price over [low_x, high_x]; adds the units placed per tier."""
    parts = 1 + int((high_x - low_x) / (PAD - 2))
    step = (high_x - low_x) / parts
    each = amount / parts
    for part in range(parts):
        x0 = low_x + part * step
        x1 = high_x if part == parts - 1 else x0 + step
        for k in range(mix.size):
            bottom, n, share = spread_entries(
                x0, x1, density, cumulative, start[side, k], first[side, k], length[side, k], side, limit, scratch
            )
            if n <= 0:
                continue
            a = bottom - origin
            units, shared = each / scale[side, k], mix[k] * each / scale[side, k]
            _add(total[side, k, a : a + n], scratch, units)
            widen(ends[side, k], a, a + n - 1)
            if cohort < 3:
                _add(young[cohort, side, k, a : a + n], scratch, units)
                widen(young_ends[cohort, side, k], a, a + n - 1)
            _add(ages[cohort, side, a : a + n], scratch, shared)
            widen(age_ends[cohort, side], a, a + n - 1)
            _add(whole[side, a : a + n], scratch, shared)
            placed[side, k] += each * share


@njit
def _add(row: Floats, weights: Floats, amount: float) -> None:
    for j in range(row.size):
        row[j] += amount * weights[j]


@njit
def rescale(total: Floats, young: Floats, ages: Floats, whole: Floats, scale: Floats, side: int) -> None:
    """Take tiny scales into the books before they underflow."""
    for k in range(scale.shape[1]):
        if scale[side, k] < 1e-9:
            total[side, k] *= scale[side, k]
            for c in range(young.shape[0]):
                young[c, side, k] *= scale[side, k]
            if k == 0:
                whole[side] *= scale[side, 0]
                for c in range(ages.shape[0]):
                    ages[c, side] *= scale[side, 0]
            scale[side, k] = 1.0


@njit
def mix_whole(total: Floats, whole: Floats, ends: Ints, scale: Floats, mix: Floats) -> None:
    """The mixed books from scratch, when tiers close at different rates and no common scale exists."""
    whole[:] = 0.0
    for s in range(2):
        for k in range(mix.size):
            for i in range(ends[s, k, 0], ends[s, k, 1] + 1):
                whole[s, i] += mix[k] * scale[s, k] * total[s, k, i]
