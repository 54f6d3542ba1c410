"""The order book as arrays: both sides' price levels, found by their tick, without a Python object a level.

A side is a *ladder*: one cell a tick in a window of 2^17 ticks around the middle of the market (a ring, so that moving
the window copies only what enters and leaves), and a short sorted list for levels further out. A cell holds the resting
quantity, 0 where the level is known to be empty, NaN where nobody has said anything: a snapshot of 1,000 levels says
nothing of the level after the last. Quantities are only ever assigned, never summed, so a book carries no rounding.

The functions here are kernels for other kernels; `book_feed` drives them with events.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from perpscope.core.table import Array
from perpscope.numeric.jit import njit

BID, ASK = 0, 1
NO_TICK = -(2**62)
"""There is no such level."""

WINDOW = 1 << 17
FAR = 8192

# positions in `Book.meta`; those in pairs are bid, ask
BEST, COUNT, FAR_COUNT, REACH = 0, 2, 4, 6
BASE, LOW, HIGH, FORGOTTEN = 8, 9, 10, 11
STATE, LAST_TS, LAST_SEQUENCE, CROSSED_SINCE, IGNORED = 12, 13, 14, 15, 16
_META = 17

_UNSET = -(2**63)


class Book(NamedTuple):
    """Arrays of one book, handed to kernels together.

    `ladder` float64 [2, WINDOW]; `far_tick` int64 and `far_quantity` float64 [2, FAR], ascending in tick; `meta` int64:
    best ticks, number of levels, of them far, outermost tick written (per side); first tick of the window; lowest bid
    and highest ask tick that the last snapshot reached; levels forgotten because the far list was full; and what
    `book_feed` remembers of the stream.
    """

    ladder: Array
    far_tick: Array
    far_quantity: Array
    meta: Array


def empty_book() -> dict[str, Any]:
    """The state of a book that has seen nothing, as plain arrays for a fold's state."""
    book = Book(np.full((2, WINDOW), np.nan), np.zeros((2, FAR), np.int64), np.zeros((2, FAR)), np.zeros(_META, np.int64))
    clear.python(book)
    return book._asdict()


def book_of(state: dict[str, Any]) -> Book:
    """The book in a fold's state."""
    return Book(state["ladder"], state["far_tick"], state["far_quantity"], state["meta"])


@njit
def clear(book: Book) -> None:
    """Forget everything; the window stays where it is until the next snapshot."""
    book.ladder[:] = np.nan
    meta = book.meta
    for side in range(2):
        meta[BEST + side] = meta[REACH + side] = NO_TICK
        meta[COUNT + side] = meta[FAR_COUNT + side] = 0
    meta[BASE] = meta[LOW] = meta[HIGH] = NO_TICK
    meta[STATE] = 0
    meta[LAST_TS] = meta[LAST_SEQUENCE] = meta[CROSSED_SINCE] = _UNSET


@njit
def sees(book: Book, side: int, tick: int) -> bool:
    """Whether the last snapshot reached this far: an absent level there is empty, beyond it unknown."""
    if side == BID:
        return book.meta[LOW] != NO_TICK and tick >= book.meta[LOW]
    return book.meta[HIGH] != NO_TICK and tick <= book.meta[HIGH]


@njit
def quantity_at(book: Book, side: int, tick: int) -> float:
    """Resting at a level: 0 where it is known to be empty, NaN where it is unknown."""
    base = book.meta[BASE]
    if base <= tick < base + WINDOW:
        held = book.ladder[side, tick & (WINDOW - 1)]
    else:
        k = _far_place(book, side, tick)
        found = k < book.meta[FAR_COUNT + side] and book.far_tick[side, k] == tick
        held = book.far_quantity[side, k] if found else np.nan
    if held != held and sees(book, side, tick):
        return 0.0
    return held


@njit
def set_level(book: Book, side: int, tick: int, quantity: float) -> float:
    """Write a level (0 empties it) and keep the best price right; returns what was there before (NaN: unknown)."""
    meta = book.meta
    before = quantity_at(book, side, tick)
    base = meta[BASE]
    if base <= tick < base + WINDOW:
        book.ladder[side, tick & (WINDOW - 1)] = quantity
        reach = meta[REACH + side]
        if reach == NO_TICK or (tick < reach if side == BID else tick > reach):
            meta[REACH + side] = tick
    else:
        set_far(book, side, tick, quantity)
    if quantity > 0:
        if not before > 0:
            meta[COUNT + side] += 1
        best = meta[BEST + side]
        if best == NO_TICK or (tick > best if side == BID else tick < best):
            meta[BEST + side] = tick
    elif before > 0:
        meta[COUNT + side] -= 1
        if tick == meta[BEST + side]:
            meta[BEST + side] = next_level(book, side, tick)
    return before


@njit
def next_level(book: Book, side: int, tick: int) -> int:
    """The first occupied tick behind `tick`, away from the touch; NO_TICK where there is none."""
    meta, mask = book.meta, WINDOW - 1
    base, far = meta[BASE], meta[FAR_COUNT + side]
    if side == BID:
        outermost = max(base, meta[REACH]) if meta[REACH] != NO_TICK else base + WINDOW
        for t in range(min(tick - 1, base + WINDOW - 1), outermost - 1, -1):
            if book.ladder[side, t & mask] > 0:
                return t
        k = _far_place(book, side, tick)
        return book.far_tick[side, k - 1] if k > 0 else NO_TICK
    outermost = min(base + WINDOW - 1, meta[REACH + 1]) if meta[REACH + 1] != NO_TICK else base - 1
    for t in range(max(tick + 1, base), outermost + 1):
        if book.ladder[side, t & mask] > 0:
            return t
    k = _far_place(book, side, tick + 1)
    return book.far_tick[side, k] if k < far else NO_TICK


@njit
def recentre(book: Book, middle: int) -> None:
    """Move the window so that `middle` lies in its own middle: what leaves goes to the far list and back."""
    meta, mask = book.meta, WINDOW - 1
    old, new = meta[BASE], middle - WINDOW // 2
    meta[BASE] = new
    if old in (NO_TICK, new):
        return
    low, high = (max(old, new + WINDOW), old + WINDOW) if new < old else (old, min(old + WINDOW, new))
    for side in range(2):
        for t in range(low, high):
            held = book.ladder[side, t & mask]
            book.ladder[side, t & mask] = np.nan
            if held > 0:
                set_far(book, side, t, held)
        n, kept = meta[FAR_COUNT + side], 0
        for k in range(n):
            t = book.far_tick[side, k]
            if new <= t < new + WINDOW:
                book.ladder[side, t & mask] = book.far_quantity[side, k]
                reach = meta[REACH + side]
                if reach == NO_TICK or (t < reach if side == BID else t > reach):
                    meta[REACH + side] = t
            else:
                book.far_tick[side, kept], book.far_quantity[side, kept] = t, book.far_quantity[side, k]
                kept += 1
        meta[FAR_COUNT + side] = kept


@njit
def _far_place(book: Book, side: int, tick: int) -> int:
    """Where `tick` stands, or would stand, in the far list."""
    low, high = 0, book.meta[FAR_COUNT + side]
    while low < high:
        k = (low + high) // 2
        if book.far_tick[side, k] < tick:
            low = k + 1
        else:
            high = k
    return low


@njit
def set_far(book: Book, side: int, tick: int, quantity: float) -> None:
    """Write a level outside the window."""
    meta, ticks, held = book.meta, book.far_tick, book.far_quantity
    k, n = _far_place(book, side, tick), meta[FAR_COUNT + side]
    found = k < n and ticks[side, k] == tick
    if quantity != 0:
        if not found:
            if n == FAR:  # full: the level furthest from the touch is forgotten, and counted
                meta[FORGOTTEN] += 1
                meta[COUNT + side] -= 1
                if k == (0 if side == BID else n):
                    return
                n -= 1
                if side == BID:
                    k -= 1
                    for j in range(n):
                        ticks[side, j], held[side, j] = ticks[side, j + 1], held[side, j + 1]
            for j in range(n, k, -1):
                ticks[side, j], held[side, j] = ticks[side, j - 1], held[side, j - 1]
            meta[FAR_COUNT + side] = n + 1
        ticks[side, k], held[side, k] = tick, quantity
    elif found:
        for j in range(k, n - 1):
            ticks[side, j], held[side, j] = ticks[side, j + 1], held[side, j + 1]
        meta[FAR_COUNT + side] = n - 1


@njit
def top_levels(book: Book, side: int, ticks: Array, quantities: Array) -> int:
    """Write the best levels of a side, touch first, into the arrays; absent ones are NO_TICK and 0. Returns how many."""
    tick, n = book.meta[BEST + side], 0
    for k in range(ticks.size):
        if tick == NO_TICK:
            ticks[k], quantities[k] = NO_TICK, 0.0
            continue
        ticks[k], quantities[k] = tick, quantity_at(book, side, tick)
        n += 1
        if n < ticks.size:
            tick = next_level(book, side, tick)
    return n
