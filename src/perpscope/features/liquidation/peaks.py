"""Peaks of a map along price: which heaps are distinct, and where each begins and ends."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perpscope.numeric.jit import njit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@njit
def smooth(values: Floats, out: Floats) -> None:
    """Mean of three neighbours; beyond the ends lies nothing."""
    n = values.size
    for j in range(n):
        total = values[j]
        if j > 0:
            total += values[j - 1]
        if j + 1 < n:
            total += values[j + 1]
        out[j] = total / 3.0


@njit
def find_peaks(smoothed: Floats, valley: float, edge: float, peak: Ints, low: Ints, high: Ints, dip: Ints, kept: Ints) -> int:
    """The distinct peaks of a smoothed map, from left to right. Returns their number.

    Two neighbouring peaks are one if the lowest point between them is above `valley` times the lower of the two; saddles are
    judged from the highest down, so the answer does not depend on the direction of reading. A peak reaches as far as
    the map stays above `edge` times its height, and never to the lowest point towards a neighbour. `peak`, `low`
    and `high` get positions (both ends inclusive); `dip` and `kept` are scratch of the same length.
    """
    n, m = smoothed.size, 0
    for j in range(n):
        before = smoothed[j - 1] if j > 0 else 0.0
        after = smoothed[j + 1] if j + 1 < n else 0.0
        if smoothed[j] > before and smoothed[j] >= after and m < peak.size:
            peak[m] = j
            m += 1
    for i in range(m - 1):
        dip[i], kept[i] = _lowest(smoothed, peak[i], peak[i + 1]), 0
    while True:
        best, at = -1.0, -1
        for i in range(m - 1):
            if kept[i] == 0 and smoothed[dip[i]] > best:
                best, at = smoothed[dip[i]], i
        if at < 0:
            break
        left, right = smoothed[peak[at]], smoothed[peak[at + 1]]
        if best > valley * min(left, right):
            if right > left:
                peak[at] = peak[at + 1]
            for i in range(at + 1, m - 1):
                peak[i] = peak[i + 1]
            for i in range(at, m - 2):
                dip[i], kept[i] = dip[i + 1], kept[i + 1]
            m -= 1
        else:
            kept[at] = 1
    for i in range(m):
        floor = edge * smoothed[peak[i]]
        first = dip[i - 1] + 1 if i > 0 else 0
        last = dip[i] - 1 if i + 1 < m else n - 1
        low[i], high[i] = peak[i], peak[i]
        while low[i] > first and smoothed[low[i] - 1] >= floor:
            low[i] -= 1
        while high[i] < last and smoothed[high[i] + 1] >= floor:
            high[i] += 1
    return m


@njit
def _lowest(values: Floats, a: int, b: int) -> int:
    """Position of the lowest value strictly between two peaks; the middle one of equals, so that no direction is favoured."""
    least = np.inf
    for j in range(a + 1, b):
        least = min(least, values[j])
    count = 0
    for j in range(a + 1, b):
        if values[j] == least:
            count += 1
    seen = 0
    for j in range(a + 1, b):
        if values[j] == least:
            seen += 1
            if 2 * seen >= count:
                return j
    return a
