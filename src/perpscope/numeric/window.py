"""Statistics of the last n slots, advanced one slot at a time: mean and deviation, nearest-rank quantile.

A window is a ring of n slots; a slot may hold NaN (nothing observed), which takes its place in time but does not
count. State is plain arrays, so a fold can freeze it, and advancing depends on the sequence of values only, never
on how it was cut into batches.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perpscope.numeric.jit import njit

Floats = npt.NDArray[np.float64]


def moments_state(slots: int) -> tuple[Floats, Floats]:
    """(ring, [position, count, mean, sum of squared deviations]) of an empty window."""
    return np.full(slots, np.nan), np.zeros(4)


@njit
def push_moments(value: float, ring: Floats, stats: Floats) -> None:
    """Put a value into the window, dropping the oldest slot; NaN is an empty slot.

    Welford's update in both directions; the sums are made afresh from the ring once per turn of it, so that
    rounding cannot build up over years. Source: Welford, Technometrics 4 (1962); the renewal is our own.

    Example:
        >>> ring, stats = moments_state(2)
        >>> for x in (1.0, 2.0, 4.0):
        ...     push_moments(x, ring, stats)
        >>> float(stats[1]), float(stats[2]), float(deviation(stats))
        (2.0, 3.0, 1.0)
    """
    at = int(stats[0])
    old = ring[at]
    ring[at] = value
    at = (at + 1) % ring.size
    stats[0] = at
    if at == 0:
        count, mean, square = 0.0, 0.0, 0.0
        for x in ring:
            if x == x:
                count += 1.0
                gap = x - mean
                mean += gap / count
                square += gap * (x - mean)
        stats[1], stats[2], stats[3] = count, mean, square
        return
    if old == old:
        stats[1] -= 1.0
        if stats[1] == 0.0:
            stats[2], stats[3] = 0.0, 0.0
        else:
            gap = old - stats[2]
            stats[2] -= gap / stats[1]
            stats[3] = max(0.0, stats[3] - gap * (old - stats[2]))
    if value == value:
        stats[1] += 1.0
        gap = value - stats[2]
        stats[2] += gap / stats[1]
        stats[3] += gap * (value - stats[2])


@njit
def deviation(stats: Floats) -> float:
    """Population standard deviation of what is in the window; NaN when it is empty."""
    return np.sqrt(stats[3] / stats[1]) if stats[1] > 0 else np.nan


def quantile_state(slots: int) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """(ring, sorted values, [position, count]) of an empty window."""
    return np.full(slots, np.nan), np.full(slots, np.nan), np.zeros(2, np.int64)


@njit
def push_sorted(value: float, ring: Floats, ordered: Floats, counts: npt.NDArray[np.int64]) -> None:
    """Put a value into the window and keep `ordered[:count]` ascending; NaN is an empty slot."""
    at = counts[0]
    old = ring[at]
    ring[at] = value
    counts[0] = (at + 1) % ring.size
    n = counts[1]
    # the hole that the old value leaves, and then travels to where the new one belongs
    hole = n
    if old == old:
        hole = np.searchsorted(ordered[:n], old)
        n -= 1
    if value != value:
        for j in range(hole, n):
            ordered[j] = ordered[j + 1]
    else:
        while hole > 0 and ordered[hole - 1] > value:
            ordered[hole] = ordered[hole - 1]
            hole -= 1
        while hole < n and ordered[hole + 1] < value:
            ordered[hole] = ordered[hole + 1]
            hole += 1
        ordered[hole] = value
        n += 1
    counts[1] = n


@njit
def nearest_rank(ordered: Floats, count: int, q: float) -> float:
    """`ordered[ceil(q * count) - 1]`, the smallest value with at least a share q at or below it; NaN when empty.

    Example:
        >>> float(nearest_rank(np.arange(1.0, 11.0), 10, 0.9))
        9.0
    """
    if count == 0:
        return np.nan
    return ordered[max(0, int(np.ceil(q * count - 1e-9)) - 1)]


@njit
def mid_rank(value: float, ordered: Floats, count: int) -> float:
    """Share of the window below `value`, equals counted half: (less + equal / 2) / n; NaN when empty.

    Example:
        >>> float(mid_rank(2.0, np.array([1.0, 2.0, 2.0, 3.0]), 4))
        0.5
    """
    if count == 0:
        return np.nan
    less = np.searchsorted(ordered[:count], value)
    upto = np.searchsorted(ordered[:count], value, side="right")
    return (less + upto) / (2.0 * count)
