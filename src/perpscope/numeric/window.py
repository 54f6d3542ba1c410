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
    hole = n
    if old == old:
        hole = np.searchsorted(ordered[:n], old)
        n -= 1
    # what lies between the hole of the old value and the place of the new one (or the end) moves by one
    place = np.searchsorted(ordered[: counts[1]], value) if value == value else counts[1]
    one = np.uint64(1)  # unsigned indices cannot be negative, so these loops compile to block moves
    if place > hole:
        place -= 1
        for j in range(np.uint64(hole), np.uint64(place)):
            ordered[j] = ordered[j + one]
    else:
        for j in range(np.uint64(hole - place)):
            ordered[np.uint64(hole) - j] = ordered[np.uint64(hole) - j - one]
    if value == value:
        ordered[place] = value
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


def top_state(slots: int, q: float) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """(ring, its largest values ascending, [position, count, held]) of an empty window for one high quantile."""
    return np.full(slots, np.nan), np.empty(int(slots - np.ceil(q * slots - 1e-9)) + 2), np.zeros(3, np.int64)


@njit
def push_top(value: float, q: float, ring: Floats, top: Floats, counts: npt.NDArray[np.int64]) -> None:
    """Put a value into a window of which only `top_quantile` is asked: cheap for q near 1 and large windows.

    Only the values from the quantile up are kept in order. They are picked from the ring again when one of them
    leaves, which for q = 0.995 is once in two hundred times.
    """
    at = counts[0]
    old = ring[at]
    ring[at] = value
    counts[0] = (at + 1) % ring.size
    counts[1] += 0 if old == old else 1
    n = counts[1]
    wanted = n - max(0, int(np.ceil(q * n - 1e-9)) - 1)
    if counts[2] != wanted or counts[2] == 0 or old >= top[0]:
        counts[2] = 0
        for x in ring[: max(n, at + 1)]:
            if x == x:
                _keep_largest(x, wanted, top, counts)
    elif value > top[0]:
        _keep_largest(value, wanted, top, counts)


@njit
def _keep_largest(value: float, wanted: int, top: Floats, counts: npt.NDArray[np.int64]) -> None:
    """Insert into the ascending `top[:held]`, dropping the smallest once it is full."""
    held = counts[2]
    if held == wanted:
        if value <= top[0]:
            return
        k = 0
        while k + 1 < held and top[k + 1] < value:
            top[k] = top[k + 1]
            k += 1
        top[k] = value
        return
    k = held
    while k > 0 and top[k - 1] > value:
        top[k] = top[k - 1]
        k -= 1
    top[k] = value
    counts[2] = held + 1


@njit
def top_quantile(top: Floats, counts: npt.NDArray[np.int64]) -> float:
    """The nearest-rank quantile of a `push_top` window, as `nearest_rank` of the whole would be; NaN when empty."""
    return top[0] if counts[2] > 0 else np.nan
