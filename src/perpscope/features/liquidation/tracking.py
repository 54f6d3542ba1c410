"""Heaps of the map followed from bar to bar: opened, grown, faded, touched, swept, dissolved."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from perpscope.core.table import Array
from perpscope.features.liquidation.cells import LEVERAGE, NOTIONAL
from perpscope.features.liquidation.entries import ExposureEntry
from perpscope.features.liquidation.flags import Flag
from perpscope.features.liquidation.peaks import find_peaks, smooth
from perpscope.numeric.jit import njit


class ClusterEvent(IntEnum):
    """OPENED: a heap became a cluster. GROWN, FADED: its worth or its place changed. TOUCHED: price entered it. SWEPT:
    price went through it. DISSOLVED: it is no heap any more, or out of sight. EXPIRED: the books were begun anew."""

    OPENED = 1
    GROWN = 2
    FADED = 3
    TOUCHED = 4
    SWEPT = 5
    DISSOLVED = 6
    EXPIRED = 7


OVER = (ClusterEvent.SWEPT, ClusterEvent.DISSOLVED, ClusterEvent.EXPIRED)
"""Events after which a cluster is no more."""

LIVE = 128
"""Room for clusters alive at once: there can be no more than 2 / min_fraction on each side."""

# live clusters, ints and sums; rows, ints and floats
L_ID, L_SIDE, L_LOW, L_HIGH, L_FIRST, L_TOUCHED = range(6)
L_SAID, L_SWEPT = range(2)
R_BAR, R_ID, R_EVENT, R_SIDE, R_LOW, R_HIGH, R_PEAK, R_FIRST, R_LEVERAGE = range(9)
R_NOTIONAL, R_QUANTITY, R_YOUNG, R_DAY, R_FRACTION, R_SWEPT = range(6)
_CELL, _OF_SWEPT, _RESTART = int(ExposureEntry.CELL), int(ExposureEntry.SWEPT), int(Flag.RESTART)
_OPENED, _GROWN, _FADED, _TOUCH, _GONE, _DISSOLVED, _EXPIRED = (int(event) for event in ClusterEvent)


@njit
def track_clusters(
    begin: int, ref: Array, known: Array, flags: Array, closes: Array, bounds: Array, entry: Array, side: Array, bins: Array,
    contents: Array, units_in: Array, cells: Array, units: Array, live: Array, sums: Array, alive: int, sight: int,
    min_fraction: float, valley: float, edge: float, change: float, ints: Array, floats: Array, units_out: Array,
) -> tuple[int, int, int]:  # fmt: skip
    """Bars from `begin` on. Returns the next bar, the clusters alive and the rows made."""
    n, room = 0, ints.shape[1]
    view = np.zeros((2, sight + 1))
    spots = np.zeros((5, sight + 2), np.int64)
    for t in range(begin, ref.size):
        if n + 3 * LIVE > room:
            return t, alive, n
        for r in range(bounds[t], bounds[t + 1]):
            s, i = side[r] - 1, bins[r]
            if entry[r] == _CELL:
                cells[s, :, i], units[s, :, i] = contents[:, r], units_in[:, r]
            elif entry[r] == _OF_SWEPT:
                for c in range(alive):
                    if live[c, L_SIDE] == s and live[c, L_LOW] <= i <= live[c, L_HIGH]:
                        sums[c, L_SWEPT] += contents[NOTIONAL, r]
        if flags[t] & _RESTART:
            for c in range(alive):
                n = _say(n, t, _EXPIRED, live[c], sums[c], 0.0, live[c, L_HIGH], cells, units, ints, floats, units_out)
            alive = 0
        for s in range(2):
            step = -1 if s == 0 else 1
            reach = 0
            total = 0.0
            while reach <= sight and 0 <= closes[t] + step * reach < cells.shape[2]:
                view[0, reach] = cells[s, NOTIONAL, closes[t] + step * reach]
                total += view[0, reach]
                reach += 1
            alive, n = _end_swept(s, t, total, alive, live, sums, cells, units, n, ints, floats, units_out)
            smooth(view[0, :reach], view[1, :reach])
            found = (
                find_peaks(view[1, :reach], valley, edge, spots[0], spots[1], spots[2], spots[3], spots[4])
                if total > 0.0
                else 0
            )
            alive, n = _match(
                s, t, closes[t], step, found, spots, total, ref, known, min_fraction, change, cells, units, live, sums, alive,
                n, ints, floats, units_out,
            )  # fmt: skip
    return ref.size, alive, n


@njit
def _held(cells: Array, s: int, a: int, b: int) -> float:
    total = 0.0
    for i in range(a, b + 1):
        total += cells[s, NOTIONAL, i]
    return total


@njit
def _drop(c: int, alive: int, live: Array, sums: Array) -> int:
    for d in range(c, alive - 1):
        live[d], sums[d] = live[d + 1], sums[d + 1]
    return alive - 1


@njit
def _end_swept(
    s: int, t: int, total: float, alive: int, live: Array, sums: Array, cells: Array, units: Array, n: int, ints: Array,
    floats: Array, units_out: Array,
) -> tuple[int, int]:  # fmt: skip
    """Say which clusters price entered in this bar, and end those that it emptied."""
    c = 0
    while c < alive:
        if live[c, L_SIDE] != s or sums[c, L_SWEPT] <= 0.0:
            c += 1
            continue
        left = _held(cells, s, live[c, L_LOW], live[c, L_HIGH])
        if live[c, L_TOUCHED] == 0:
            live[c, L_TOUCHED] = 1
            n = _say(n, t, _TOUCH, live[c], sums[c], total, -1, cells, units, ints, floats, units_out)
        if left <= 0.1 * (left + sums[c, L_SWEPT]):
            n = _say(n, t, _GONE, live[c], sums[c], total, -1, cells, units, ints, floats, units_out)
            alive = _drop(c, alive, live, sums)
        else:
            c += 1
    return alive, n


@njit
def _match(
    s: int, t: int, close: int, step: int, found: int, spots: Array, total: float, ref: Array, known: Array,
    min_fraction: float, change: float, cells: Array, units: Array, live: Array, sums: Array, alive: int, n: int, ints: Array,
    floats: Array, units_out: Array,
) -> tuple[int, int]:  # fmt: skip
    """Carry clusters over to the heaps of this bar, end those without one, open new ones for heaps without a cluster."""
    taken = np.zeros(found, np.bool_)
    low, high, peak, mass = np.zeros(found, np.int64), np.zeros(found, np.int64), np.zeros(found, np.int64), np.zeros(found)
    for p in range(found):
        a, b = close + step * spots[1, p], close + step * spots[2, p]
        low[p], high[p], peak[p] = min(a, b), max(a, b), close + step * spots[0, p]
        mass[p] = _held(cells, s, low[p], high[p])
    c = 0
    while c < alive:
        if live[c, L_SIDE] != s:
            c += 1
            continue
        own = _held(cells, s, live[c, L_LOW], live[c, L_HIGH])
        best, at = 0.0, -1
        for p in range(found):
            if not taken[p] and mass[p] >= 0.5 * min_fraction * total:
                common = _held(cells, s, max(low[p], live[c, L_LOW]), min(high[p], live[c, L_HIGH]))
                if common >= 0.5 * min(mass[p], own) and common > best:
                    best, at = common, p
        if at < 0:
            n = _say(n, t, _DISSOLVED, live[c], sums[c], total, -1, cells, units, ints, floats, units_out)
            alive = _drop(c, alive, live, sums)
            continue
        taken[at] = True
        overlap = min(high[at], live[c, L_HIGH]) - max(low[at], live[c, L_LOW]) + 1
        union = max(high[at], live[c, L_HIGH]) - min(low[at], live[c, L_LOW]) + 1
        said = sums[c, L_SAID]
        if mass[at] > (1.0 + change) * said or mass[at] * (1.0 + change) < said or 2 * overlap < union:
            live[c, L_LOW], live[c, L_HIGH] = low[at], high[at]
            event = _GROWN if mass[at] >= said else _FADED
            n = _say(n, t, event, live[c], sums[c], total, peak[at], cells, units, ints, floats, units_out)
        c += 1
    rank = 0
    for p in range(found):
        if not taken[p] and mass[p] >= min_fraction * total and alive < live.shape[0]:
            live[alive, L_ID] = (ref[t] // 1_000_000 * 8 + s) * 64 + rank
            live[alive, L_SIDE], live[alive, L_LOW], live[alive, L_HIGH] = s, low[p], high[p]
            live[alive, L_FIRST], live[alive, L_TOUCHED] = known[t], 0
            sums[alive, L_SWEPT] = 0.0
            rank += 1
            n = _say(n, t, _OPENED, live[alive], sums[alive], total, peak[p], cells, units, ints, floats, units_out)
            alive += 1
    return alive, n


@njit
def _say(
    n: int, t: int, event: int, live: Array, sums: Array, total: float, peak: int, cells: Array, units: Array, ints: Array,
    floats: Array, units_out: Array,
) -> int:  # fmt: skip
    """One row about a cluster as it now is; `peak` -1 stands for its densest bin."""
    s = live[L_SIDE]
    ints[R_BAR, n], ints[R_ID, n], ints[R_EVENT, n], ints[R_SIDE, n] = t, live[L_ID], event, s
    ints[R_LOW, n], ints[R_HIGH, n], ints[R_FIRST, n] = live[L_LOW], live[L_HIGH], live[L_FIRST]
    floats[:, n], units_out[:, n] = 0.0, 0.0
    densest, height = live[L_LOW], -1.0
    by_tier = np.zeros(units.shape[1] + 1)
    for i in range(live[L_LOW], live[L_HIGH] + 1):
        for j in range(4):
            floats[j, n] += cells[s, j, i]
        by_tier[int(cells[s, LEVERAGE, i])] += cells[s, NOTIONAL, i]
        if cells[s, NOTIONAL, i] > height:
            densest, height = i, cells[s, NOTIONAL, i]
        for k in range(units.shape[1]):
            units_out[k, n] += units[s, k, i]
    ints[R_PEAK, n] = densest if peak < 0 else peak
    ints[R_LEVERAGE, n] = np.argmax(by_tier) if floats[R_NOTIONAL, n] > 0.0 else -1
    floats[R_FRACTION, n] = floats[R_NOTIONAL, n] / total if total > 0.0 else np.nan
    floats[R_SWEPT, n] = sums[L_SWEPT]
    sums[L_SAID] = floats[R_NOTIONAL, n]
    return n + 1
