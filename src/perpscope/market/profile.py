"""Volume at price: bins that never shift, the point of control, the value area, and profiles that add up.

A bin b covers the ticks [b * step, b * step + step - 1]: anchored at tick 0 for ever. An automatic step is a power of
two ticks, so that the bins of two days with different steps nest and their profiles can still be added.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt

from perpscope.core.table import Array
from perpscope.numeric.jit import njit

Floats = npt.NDArray[np.float64]

# positions in the integer state of a forming profile
START, END, STEP, FIRST, LOW, HIGH, EXPECTED, COMPLETE, PRINTS, PREVIOUS_END = range(10)
FAR = 2**62
"""Beyond every bin: LOW = FAR and HIGH = -FAR say that no bin is in use."""


class Tie(IntEnum):
    """What to do when two candidates are equal; both is the choice that leans neither way."""

    BOTH = 0
    HIGHER = 1
    LOWER = 2


@njit
def auto_step(price: float, tick_size: float, bin_bps: float) -> int:
    """The largest power of two ticks that is no wider than `bin_bps` of the price; at least 1.

    Example:
        >>> auto_step(60000.0, 0.1, 5.0)
        256
    """
    wanted = price * bin_bps * 1e-4 / tick_size
    step = 1
    while step * 2 <= wanted:
        step *= 2
    return step


@njit
def point_of_control(volume: Floats, low: int, high: int, tie: int) -> int:
    """The position in low..high of the largest volume; of equals the nearest to the middle, then by `tie`.

    Example:
        >>> point_of_control(np.array([10.0, 20.0, 20.0, 10.0]), 0, 3, int(Tie.LOWER))
        1
    """
    best = low
    for k in range(low + 1, high + 1):
        nearer = abs(2 * k - low - high) - abs(2 * best - low - high)
        if volume[k] > volume[best] or (volume[k] == volume[best] and (nearer < 0 or (nearer == 0 and tie != 2))):
            best = k
    return best


@njit
def value_area(volume: Floats, low: int, high: int, poc: int, fraction: float, rows: int, tie: int) -> tuple[int, int, float]:
    """Grow from the point of control until at least `fraction` of the volume is inside.

    `rows` bins above are compared with `rows` bins below and the larger sum joins (fewer where fewer are left);
    `tie` when equal: 1 above, 2 below, 0 both. Returns the lowest and highest position and the share achieved.
    Source: the CBOT rule of two rows (linnsoft.com/qa/a/123.htm, method A).

    Example:
        >>> value_area(np.array([5.0, 8.0, 19.0, 18.0, 18.0, 14.0, 9.0]), 0, 6, 2, 0.7, 2, 0)[:2]
        (2, 6)
    """
    total = 0.0
    for k in range(low, high + 1):
        total += volume[k]
    bottom, top, inside = poc, poc, volume[poc]
    while inside < fraction * total and (bottom > low or top < high):
        above, below = 0.0, 0.0
        highest, lowest = min(high, top + rows), max(low, bottom - rows)
        for k in range(top + 1, highest + 1):
            above += volume[k]
        for k in range(lowest, bottom):
            below += volume[k]
        up = top < high and (bottom == low or above > below or (above == below and tie != 2))
        down = bottom > low and (top == high or below > above or (above == below and tie != 1))
        if up:
            inside += above
            top = highest
        if down:
            inside += below
            bottom = lowest
    return bottom, top, inside / total if total > 0 else np.nan


@njit
def clear_cells(cells: Array, ints: Array) -> None:
    """Empty the bins that hold something."""
    for k in range(ints[LOW], ints[HIGH] + 1):
        for c in range(cells.shape[0]):
            cells[c, k - ints[FIRST]] = 0.0
    ints[LOW], ints[HIGH] = FAR, -FAR


@njit
def cells_for(cells: Array, ints: Array, lowest: int, highest: int) -> Array:
    """The cells, grown and shifted if need be so that the bins lowest..highest have a place."""
    if ints[LOW] > ints[HIGH] and (lowest < ints[FIRST] or highest >= ints[FIRST] + cells.shape[1]):
        ints[FIRST] = lowest - cells.shape[1] // 2
    first, last = min(ints[FIRST], lowest), max(ints[FIRST] + cells.shape[1] - 1, highest)
    if first == ints[FIRST] and last - first < cells.shape[1]:
        return cells
    room = max(last - first + 1, 2 * cells.shape[1])
    if first < ints[FIRST]:
        first = last - room + 1
    grown = np.zeros((cells.shape[0], room))
    shift = ints[FIRST] - first
    for c in range(cells.shape[0]):  # loops, because compiling slice assignments takes seconds
        for k in range(cells.shape[1]):
            grown[c, shift + k] = cells[c, k]
    ints[FIRST] = first
    return grown


@njit
def fill_cells(
    ts: Array, price: Array, quantity: Array, side: Array, i: int, end: int, tick_size: float, split: bool,
    ints: Array, cells: Array,
) -> int:  # fmt: skip
    """Put in trades from position i on, up to `end` or to one whose bin has no place; returns where it stopped.

    Rows of the cells: all volume and bought volume; or, with `split`, bought, sold, and the counts of both.
    """
    step, first, width = ints[STEP], ints[FIRST], cells.shape[1]
    low, high = ints[LOW], ints[HIGH]
    edge, at = -FAR, 0  # lowest tick and place of the bin hit last: the next trade mostly hits it again
    while i < ts.size and ts[i] < end:
        tick = np.int64(np.rint(price[i] / tick_size))
        if not edge <= tick < edge + step:
            k = tick // step
            if k < first or k >= first + width:
                break
            edge, at = k * step, k - first
            low, high = min(low, k), max(high, k)
        s = np.int64(side[i])
        if split:
            cells[s - 1, at] += quantity[i]
            cells[1 + s, at] += 1.0
        else:
            cells[0, at] += quantity[i]
            cells[1, at] += quantity[i] * (2 - s)
        i += 1
    ints[LOW], ints[HIGH] = low, high
    return i


@njit
def spread_bar(cells: Array, ints: Array, low_tick: int, high_tick: int, quantity: float, buy: float) -> Array:
    """Spread a bar's volume evenly over its ticks low..high; returns the cells, which may be new."""
    step = ints[STEP]
    lowest, highest = low_tick // step, high_tick // step
    cells = cells_for(cells, ints, lowest, highest)
    ints[LOW], ints[HIGH] = min(ints[LOW], lowest), max(ints[HIGH], highest)
    ticks = high_tick - low_tick + 1
    for k in range(lowest, highest + 1):
        share = (min(high_tick, k * step + step - 1) - max(low_tick, k * step) + 1) / ticks
        cells[0, k - ints[FIRST]] += quantity * share
        cells[1, k - ints[FIRST]] += buy * share
    return cells
