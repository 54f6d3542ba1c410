"""Resting quantity per price bin, kept as the book changes, with its integral over the time the book could be read.

Time here is *valid time*: nanoseconds during which the book was live. A bin is touched only when it changes, or when
its integral is asked for; a bin that nobody touches costs nothing until then. Bins are `tick // step` for ever, so they
do not move with the price, and two pictures of different days share their rows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from perpscope.core.table import Array
from perpscope.market.book import BASE, FAR_COUNT, WINDOW, Book
from perpscope.numeric.jit import njit


class Bins(NamedTuple):
    """`depth` float64 [2, n] resting now; `levels` int64 [2, n] occupied ticks in the bin (0 makes the depth exactly 0);
    `area` float64 [2, n] quantity x ns since the period began; `since` int64 [2, n] valid time up to which `area` is
    right; `meta` int64: first bin, valid time at which the period began, the book's window the bins were laid out for."""

    depth: Array
    levels: Array
    area: Array
    since: Array
    meta: Array


def empty_bins(step: int) -> dict[str, Any]:
    """Bins of `step` ticks over the window of a book, as plain arrays for a fold's state."""
    n = WINDOW // step + 2
    shape = (2, n)
    meta = np.array([0, 0, -1], np.int64)
    return Bins(np.zeros(shape), np.zeros(shape, np.int64), np.zeros(shape), np.zeros(shape, np.int64), meta)._asdict()


def bins_of(state: dict[str, Any]) -> Bins:
    """The bins in a fold's state."""
    return Bins(state["depth"], state["levels"], state["area"], state["since"], state["meta"])


@njit
def empty(bins: Bins) -> None:
    """Nothing rests anywhere, as far as one knows."""
    bins.depth[:] = 0.0
    bins.levels[:] = 0
    bins.area[:] = 0.0
    bins.since[:] = 0
    bins.meta[1], bins.meta[2] = 0, -1


@njit
def change_bin(bins: Bins, side: int, k: int, before: float, after: float, now: int) -> None:
    """A level of the k-th bin went from `before` to `after` (NaN: unknown, counts as nothing) at valid time `now`."""
    settle(bins, side, k, now)
    bins.levels[side, k] += (1 if after > 0 else 0) - (1 if before > 0 else 0)
    if bins.levels[side, k] == 0:
        bins.depth[side, k] = 0.0
    else:
        bins.depth[side, k] += (after if after > 0 else 0.0) - (before if before > 0 else 0.0)


@njit
def settle(bins: Bins, side: int, k: int, now: int) -> None:
    """Bring the integral of a bin up to `now`; what it held of an earlier period is dropped first."""
    since, begun = bins.since[side, k], bins.meta[1]
    if since <= begun:
        bins.area[side, k] = 0.0
        since = begun
    bins.area[side, k] += bins.depth[side, k] * (now - since)
    bins.since[side, k] = now


@njit
def change_bins(bins: Bins, book: Book, where: Array, change: Array, n: int, step: int, now: int) -> None:
    """Take over the first n changes of a message; when the book's window has moved, lay the bins out anew."""
    if bins.meta[2] != book.meta[BASE]:
        _lay_out(bins, book, step, now)
        return
    first = bins.meta[0]
    for c in range(n):
        k = where[c, 1] // step - first
        if 0 <= k < bins.depth.shape[1]:
            change_bin(bins, where[c, 0], k, change[c, 0], change[c, 1], now)


@njit
def _lay_out(bins: Bins, book: Book, step: int, now: int) -> None:
    """Depth from the book itself; integrals of bins that stay in sight are carried over."""
    size, old, new = bins.depth.shape[1], bins.meta[0], book.meta[BASE] // step
    known = bins.meta[2] != -1
    for side in range(2):
        for k in range(size):
            settle(bins, side, k, now)
        area = bins.area[side].copy()
        for k in range(size):
            j = k + new - old
            bins.area[side, k] = area[j] if known and 0 <= j < size else 0.0
        bins.depth[side] = 0.0
        bins.levels[side] = 0
        base = book.meta[BASE]
        for t in range(base, base + WINDOW):
            held = book.ladder[side, t & (WINDOW - 1)]
            if held > 0:
                bins.depth[side, t // step - new] += held
                bins.levels[side, t // step - new] += 1
        for f in range(book.meta[FAR_COUNT + side]):
            k = book.far_tick[side, f] // step - new
            if 0 <= k < size:
                bins.depth[side, k] += book.far_quantity[side, f]
                bins.levels[side, k] += 1
    bins.meta[0], bins.meta[2] = new, book.meta[BASE]
