"""The books of the liquidation map: what each leverage tier would hold at each price, moved on bar by bar.

`mass[cohort, side, tier, bin]` is the position units whose liquidation price lies in the bin *if all opens were of that
tier*, divided by `scale[side, tier]`, so that closes, which hit all prices alike, cost one multiplication. The mix
weighs the tiers only when something is read, hence a new mix costs nothing. Cohorts keep ages apart: YOUNG one per hour for
three hours, DAY one per six hours for a day, then one for all that is older. `whole[side, bin]` is the mix of all
cohorts, kept up for speed when all tiers close alike. Sides are 0 long, 1 short; bins are relative to the array.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from perpscope.core.time import HOUR
from perpscope.features.liquidation.shifts import PAD
from perpscope.numeric.jit import njit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

YOUNG, DAY_COHORTS = 3, 5
COHORTS = YOUNG + DAY_COHORTS + 1
OLD = COHORTS - 1

AGES = 3
"""Age classes: opened less than 3 hours ago, less than 24 to 30 hours ago, earlier."""


@njit
def age_of(cohort: int) -> int:
    if cohort < 3:
        return 0
    return 1 if cohort < 8 else 2


@njit
def cohort_of(opened_hour: int, now_hour: int) -> int:
    """Where opens of a given hour lie now."""
    if now_hour - opened_hour < 3:
        return opened_hour % 3
    if now_hour // 6 - opened_hour // 6 < 5:
        return 3 + opened_hour // 6 % 5
    return 8


@njit
def merge(mass: Floats, low: Ints, high: Ints, source: int, target: int) -> None:
    """Add a cohort to another and empty it."""
    for s in range(mass.shape[1]):
        for k in range(mass.shape[2]):
            a, b = low[source, s, k], high[source, s, k]
            if b < a:
                continue
            for i in range(a, b + 1):
                mass[target, s, k, i] += mass[source, s, k, i]
                mass[source, s, k, i] = 0.0
            low[target, s, k] = min(low[target, s, k], a)
            high[target, s, k] = max(high[target, s, k], b)
            low[source, s, k], high[source, s, k] = mass.shape[3], -1


@njit
def grow_older(mass: Floats, low: Ints, high: Ints, hour_before: int, hour: int) -> None:
    """Move cohorts on from one hour to a later one; exact for any number of hours between."""
    for step in range(max(hour_before + 1, hour - 36), hour + 1):
        leaving = step - 3  # the hour that stops being young
        if step // 6 != (step - 1) // 6:
            merge(mass, low, high, 3 + (step // 6) % 5, 8)
        target = cohort_of(leaving, step)
        merge(mass, low, high, leaving % 3, target)


@njit
def sweep_limits(low_x: float, high_x: float) -> tuple[int, int]:
    """First bin of longs and last bin of shorts that price went through: a bin breaks when its centre is passed."""
    return math.ceil(low_x - 0.5), math.floor(high_x - 0.5)


@njit
def deposit(
    row: Floats, whole: Floats, weight: float, amount: float, x0: float, x1: float, origin: int, cumulative: Floats,
    start: int, first: int, length: int, side: int, limit: int,
) -> tuple[float, int, int]:  # fmt: skip
    """Spread `amount` over the liquidation prices of entries uniform in [x0, x1] (bin units, at most PAD bins apart).

    Bins at or beyond `limit` (longs: above it; shorts: below it) would be liquidated already and get nothing. Returns
    the share placed and the outermost bins touched.
    """
    i0, i1 = math.floor(x0), math.floor(x1)
    span = i1 - i0
    if span == 0:
        w0, wm, w1 = 1.0, 0.0, 0.0
    else:
        wm = 1.0 / (x1 - x0)
        w0 = (i0 + 1 - x0) * wm
        w1 = (x1 - i1) * wm
    bottom = i0 + first - origin
    begin, end = 0, length + span
    if side == 0:
        end = min(end, limit - bottom + 1)
    else:
        begin = max(begin, limit - bottom)
    share = 1.0
    if end <= begin:
        return 0.0, row.size, -1
    if begin > 0 or end < length + span:
        share = 0.0
        for j in range(begin, end):
            c = start + j
            share += (
                w0 * (cumulative[c + 1] - cumulative[c])
                + wm * (cumulative[c] - cumulative[c - span + 1])
                + w1 * (cumulative[c - span + 1] - cumulative[c - span])
            )
    for j in range(begin, end):
        c = start + j
        v = amount * (
            w0 * (cumulative[c + 1] - cumulative[c])
            + wm * (cumulative[c] - cumulative[c - span + 1])
            + w1 * (cumulative[c - span + 1] - cumulative[c - span])
        )
        row[bottom + j] += v
        whole[bottom + j] += weight * v
    return share, bottom + begin, bottom + end - 1


@njit
def open_positions(
    mass: Floats, whole: Floats, low: Ints, high: Ints, scale: Floats, mix: Floats, cohort: int, side: int, amount: float,
    low_x: float, high_x: float, origin: int, limit: int, cumulative: Floats, start: Ints, first: Ints, length: Ints,
    placed: Floats,
) -> None:  # fmt: skip
    """Opens of one side, entered uniformly in log price over [low_x, high_x]; adds the units placed per tier."""
    parts = 1 + int((high_x - low_x) / (PAD - 2))
    step = (high_x - low_x) / parts
    for part in range(parts):
        x0 = low_x + part * step
        x1 = high_x if part == parts - 1 else x0 + step
        for k in range(mass.shape[2]):
            share, a, b = deposit(
                mass[cohort, side, k], whole[side], mix[k], amount / parts / scale[side, k], x0, x1, origin, cumulative,
                start[side, k], first[side, k], length[side, k], side, limit,
            )  # fmt: skip
            if b >= a:
                placed[side, k] += amount / parts * share
                low[cohort, side, k] = min(low[cohort, side, k], a)
                high[cohort, side, k] = max(high[cohort, side, k], b)


@njit
def rescale(mass: Floats, whole: Floats, low: Ints, high: Ints, scale: Floats, side: int) -> None:
    """Take tiny scales into the mass before they underflow."""
    for k in range(scale.shape[1]):
        if scale[side, k] < 1e-9:
            for cohort in range(mass.shape[0]):
                for i in range(low[cohort, side, k], high[cohort, side, k] + 1):
                    mass[cohort, side, k, i] *= scale[side, k]
            if k == 0:
                for i in range(whole.shape[1]):
                    whole[side, i] *= scale[side, 0]
            scale[side, k] = 1.0


@njit
def hour_of(ts: int) -> int:
    """The hour a bar that ends at `ts` belongs to."""
    return (ts - 1) // HOUR
