"""Book events driven into a book, one message at a time, with everything that can be wrong with them told apart.

A fold of the book makes a `Feed` of a batch and calls `next_event` from its own kernel until it says END:

    MESSAGE  the book changed; `feed.where[:n]` and `feed.change[:n]` hold (side, tick) and (before, after) per level
    LOST     a gap, or a book that stayed crossed: it was thrown away, and nothing comes until the next snapshot
    STALE    nothing was heard for longer than `silence`; the chain of updates may still be whole, the time is not
    TAPE     trades are missing (only for folds that ask); the book itself is whole

A message is the rows of one sequence number and time. A snapshot replaces the book: its changes are the differences,
so a venue that repeats the whole book twice a second looks like one that sends updates. A level whose quantity before
(or after) is NaN entered (or left) the part of the book one can see: nobody placed or cancelled it. Updates before the
first snapshot, or after a gap and before the next one, are counted and left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.errors import DataError
from perpscope.core.events import GapKind
from perpscope.core.table import Array, Table
from perpscope.market.book import (
    ASK,
    BASE,
    BEST,
    BID,
    COUNT,
    CROSSED_SINCE,
    FAR_COUNT,
    HIGH,
    IGNORED,
    LAST_SEQUENCE,
    LAST_TS,
    LOW,
    NO_TICK,
    REACH,
    STATE,
    WINDOW,
    Book,
    book_of,
    clear,
    quantity_at,
    recentre,
    sees,
    set_far,
    set_level,
)
from perpscope.numeric.jit import njit

END, MESSAGE, LOST, STALE, TAPE = 0, 1, 2, 3, 4
SILENCE = 60_000_000_000
"""Nothing heard for a minute: what happened in between is unknown, even where the updates go on without a break."""
CROSSED = 1_000_000_000
"""A best bid at or above the best ask for a second is no moment between two messages: the book is wrong."""

# positions in `Feed.cursor`
ROW, GAP, CHANGES, TS, SINCE, IS_SNAPSHOT = 0, 1, 2, 3, 4, 5

PIECE = 1 << 18
_UNSET = -(2**63)
_NO_GAPS = np.empty((0, 3), np.int64)


class Feed(NamedTuple):
    """Book rows and gaps of a piece of a batch, and room for the changes of one message.

    `ts`, `sequence`, `side` (BID or ASK), `tick`, `quantity`, `snapshot`: one entry a row. `gaps` int64 [n, 3]: known,
    since, 1 where the book is lost. `where` int64 [room, 2] and `change` float64 [room, 2]: the changes of the message
    at hand. `cursor`: next row, next gap, number of changes, time of the event, since when (of a gap), whether the
    message was a snapshot.
    """

    ts: Array
    sequence: Array
    side: Array
    tick: Array
    quantity: Array
    snapshot: Array
    gaps: Array
    where: Array
    change: Array
    cursor: Array


def feeds(state: dict[str, Any], batch: Batch, tick_size: float, tape: bool = False) -> Iterator[Feed]:
    """A batch as pieces of bounded size, none cut inside an instant; always at least one.

    Inputs: `state` as made by `empty_book`; `batch` with "book_delta" and "gap"; `tape` asks for gaps of trades too.

    Raises:
        DataError: for a price off the grid of `tick_size`, or a quantity that is negative or no number.
    """
    rows = batch["book_delta"]
    gaps = _gaps(batch["gap"], tape)
    starts = _starts(rows)
    for k, start in enumerate(starts):
        last = k + 1 == len(starts)
        part = rows if last and not k else rows[start : len(rows) if last else starts[k + 1]]
        mine = gaps if last else gaps[gaps[:, 0] <= part.clock[-1]]
        gaps = gaps[len(mine) :]
        yield _feed(book_of(state), part, mine, tick_size)


def ticks_of(price: Array, tick_size: float) -> Array:
    """Prices as whole ticks.

    Raises:
        DataError: for a price further than a millionth of a tick (or the last digit of a float) from the grid.

    Example:
        >>> ticks_of(np.array([61659.7, 61659.8]), 0.1).tolist()
        [616597, 616598]
    """
    exact = price / tick_size
    ticks = np.rint(exact)
    off = np.abs(exact - ticks) > 1e-6 + 1e-15 * np.abs(exact)
    if off.any():
        raise DataError(
            f"A price of the book is no multiple of the tick size {tick_size:g}; give the instrument its tick size.",
            float(price[off][0]),
        )
    return ticks.astype(np.int64)


def prices_of(ticks: Array, tick_size: float) -> Array:
    """Ticks as prices, NaN for NO_TICK, with the digits of the venue rather than of the multiplication.

    Example:
        >>> prices_of(np.array([616597, NO_TICK]), 0.1).tolist()
        [61659.7, nan]
    """
    decimals = max(0, -math.floor(math.log10(tick_size)) + 2)
    return np.where(ticks == NO_TICK, np.nan, np.round(ticks * tick_size, decimals))


def _starts(rows: Table) -> list[int]:
    starts, clock = [0], rows.clock
    while len(rows) - starts[-1] > PIECE:
        at = clock[starts[-1] + PIECE]
        cut = int(np.searchsorted(clock, at))
        starts.append(cut if cut > starts[-1] else int(np.searchsorted(clock, at, side="right")))
    return starts


def _gaps(gaps: Table, tape: bool) -> Array:
    if not len(gaps):
        return _NO_GAPS
    kind = gaps["kind"]
    lost = kind == GapKind.BOOK_DELTA
    mine = lost | (kind == GapKind.TRADE) if tape else lost
    return np.column_stack([gaps["known_ts"], gaps["ref_ts"], lost])[mine].astype(np.int64)


def _feed(book: Book, rows: Table, gaps: Array, tick_size: float) -> Feed:
    quantity = rows["quantity"]
    wrong = ~(quantity >= 0)
    if wrong.any():
        raise DataError("A level of the book has a quantity that is negative or no number.", float(quantity[wrong][0]))
    room = 2 * len(rows) + int(book.meta[COUNT] + book.meta[COUNT + 1])
    return Feed(
        rows["exchange_ts"],
        rows["sequence"],
        rows["side"] - np.int8(1),
        ticks_of(rows["price"], tick_size),
        quantity,
        rows["snapshot"],
        gaps,
        np.empty((room, 2), np.int64),
        np.empty((room, 2)),
        np.zeros(6, np.int64),
    )


@njit
def next_event(feed: Feed, book: Book, silence: int) -> int:
    """Advance to the next event; see the head of this file for what it returns. Gaps come when they are known, before a
    message of the same instant."""
    cursor, meta, ts = feed.cursor, book.meta, feed.ts
    while True:
        i, g = cursor[ROW], cursor[GAP]
        if g < feed.gaps.shape[0] and (i == ts.size or feed.gaps[g, 0] <= ts[i]):
            cursor[GAP] = g + 1
            since, last = feed.gaps[g, 1], meta[LAST_TS]
            cursor[TS] = feed.gaps[g, 0]
            cursor[SINCE] = since if last == _UNSET else max(last, min(since, last + silence))
            if feed.gaps[g, 2] == 0:
                return TAPE
            clear(book)
            return LOST
        if i == ts.size:
            return END
        last = meta[LAST_TS]
        if meta[STATE] == 1 and ts[i] - last > silence:
            meta[LAST_TS] = ts[i]
            cursor[TS], cursor[SINCE] = ts[i], last + silence
            return STALE
        j = _message_end(feed, i)
        cursor[ROW] = j
        if meta[STATE] == 0 and not feed.snapshot[i]:
            meta[IGNORED] += 1
            continue
        if feed.snapshot[i]:
            cursor[CHANGES] = _replace(feed, book, i, j)
            meta[STATE] = 1
        else:
            cursor[CHANGES] = _apply(feed, book, i, j)
        cursor[TS], cursor[IS_SNAPSHOT] = ts[i], feed.snapshot[i]
        meta[LAST_TS], meta[LAST_SEQUENCE] = ts[i], feed.sequence[i]
        bid, ask = meta[BEST], meta[BEST + 1]
        if bid != NO_TICK and ask != NO_TICK:
            middle, base = (bid + ask) // 2, meta[BASE]
            if not base + WINDOW // 4 <= middle < base + 3 * WINDOW // 4:
                recentre(book, middle)
        if bid == NO_TICK or ask == NO_TICK or bid < ask:
            meta[CROSSED_SINCE] = _UNSET
        elif meta[CROSSED_SINCE] == _UNSET:
            meta[CROSSED_SINCE] = ts[i]
        elif ts[i] - meta[CROSSED_SINCE] > CROSSED:
            cursor[SINCE] = meta[CROSSED_SINCE]
            clear(book)
            return LOST
        return MESSAGE


@njit
def upcoming(feed: Feed) -> int:
    """When the next event is: folds that also read trades take those up to it first (equal stamps: the print came before
    the update that shows it)."""
    cursor, at = feed.cursor, np.iinfo(np.int64).max
    if cursor[ROW] < feed.ts.size:
        at = feed.ts[cursor[ROW]]
    if cursor[GAP] < feed.gaps.shape[0]:
        at = min(at, feed.gaps[cursor[GAP], 0])
    return at


@njit
def is_heard(book: Book, now: int, silence: int) -> bool:
    """The book was told and something was heard of it lately, so a print can be held against it."""
    return book.meta[STATE] == 1 and now - book.meta[LAST_TS] <= silence


@njit
def is_live(book: Book) -> bool:
    """The book can be read: it has been told whole, has both sides, and they do not cross."""
    meta = book.meta
    return meta[STATE] == 1 and meta[BEST] != NO_TICK and meta[BEST + 1] != NO_TICK and meta[BEST] < meta[BEST + 1]


@njit
def _message_end(feed: Feed, i: int) -> int:
    """Rows of one time and sequence number. An update that ends at a snapshot's own number is told from it by its rows:
    they begin again at the touch."""
    n, j, turned = feed.ts.size, i + 1, False
    while j < n and feed.ts[j] == feed.ts[i] and feed.sequence[j] == feed.sequence[i] and not feed.snapshot[j]:
        if feed.snapshot[i]:
            if feed.side[j] != feed.side[j - 1]:
                if turned:
                    return j
                turned = True
            elif (feed.tick[j] >= feed.tick[j - 1]) if feed.side[j] == BID else (feed.tick[j] <= feed.tick[j - 1]):
                return j
        j += 1
    return j


@njit
def _apply(feed: Feed, book: Book, i: int, j: int) -> int:
    n = 0
    for r in range(i, j):
        side, tick, after = feed.side[r], feed.tick[r], feed.quantity[r]
        n = _put(feed, n, side, tick, set_level(book, side, tick, after), after)
    return n


@njit
def _put(feed: Feed, n: int, side: int, tick: int, before: float, after: float) -> int:
    """A change is kept unless nothing changed; an unknown level that turns out to be empty is none."""
    if before == after or (not before > 0 and not after > 0):
        return n
    feed.where[n, 0], feed.where[n, 1] = side, tick
    feed.change[n, 0], feed.change[n, 1] = before, after
    return n + 1


@njit
def _replace(feed: Feed, book: Book, i: int, j: int) -> int:
    """Put a snapshot in place of the book. Fresh levels are marked by a negative quantity until the old ones are gone."""
    meta = book.meta
    low, high, bid, ask = NO_TICK, NO_TICK, NO_TICK, NO_TICK
    for r in range(i, j):
        t = feed.tick[r]
        if feed.quantity[r] > 0 and feed.side[r] == BID:
            low, bid = t if low == NO_TICK else min(low, t), t if bid == NO_TICK else max(bid, t)
        elif feed.quantity[r] > 0:
            high, ask = t if high == NO_TICK else max(high, t), t if ask == NO_TICK else min(ask, t)
    if bid != NO_TICK or ask != NO_TICK:
        middle = bid if ask == NO_TICK else (ask if bid == NO_TICK else (bid + ask) // 2)
        if meta[BASE] == NO_TICK or not meta[BASE] + WINDOW // 4 <= middle < meta[BASE] + 3 * WINDOW // 4:
            recentre(book, middle)
    n = 0
    for r in range(i, j):
        side, tick, after = feed.side[r], feed.tick[r], feed.quantity[r]
        if after > 0:
            before = abs(quantity_at(book, side, tick))
            n = _put(feed, n, side, tick, before, after)
            _mark(book, side, tick, -after)
    meta[LOW], meta[HIGH] = low, high
    n = _drop_old(feed, book, BID, bid, n)
    n = _drop_old(feed, book, ASK, ask, n)
    meta[BEST], meta[BEST + 1] = bid, ask
    return n


@njit
def _mark(book: Book, side: int, tick: int, quantity: float) -> None:
    """Write a level without minding the best price or the number of levels, which the caller renews."""
    meta, base = book.meta, book.meta[BASE]
    if base <= tick < base + WINDOW:
        book.ladder[side, tick & (WINDOW - 1)] = quantity
        reach = meta[REACH + side]
        if reach == NO_TICK or (tick < reach if side == BID else tick > reach):
            meta[REACH + side] = tick
    else:
        set_far(book, side, tick, quantity)


@njit
def _drop_old(feed: Feed, book: Book, side: int, best: int, n: int) -> int:
    """Remove what the snapshot does not name: cancelled where the snapshot reaches, out of sight beyond."""
    meta, mask, count = book.meta, WINDOW - 1, 0
    base, reach, old = meta[BASE], meta[REACH + side], meta[BEST + side]
    meta[REACH + side] = NO_TICK
    if reach != NO_TICK:
        inner = old if best == NO_TICK else (best if old == NO_TICK else (max(old, best) if side == BID else min(old, best)))
        low, high = (reach, inner + 1) if side == BID else (inner, reach + 1)
        low, high = max(base, low), min(base + WINDOW, high)
        for t in range(low, high):
            held = book.ladder[side, t & mask]
            if held != held:
                continue
            if held < 0:
                book.ladder[side, t & mask] = -held
                count += 1
                if meta[REACH + side] == NO_TICK or side == ASK:
                    meta[REACH + side] = t
            else:
                if held > 0:
                    n = _put(feed, n, side, t, held, 0.0 if sees(book, side, t) else np.nan)
                book.ladder[side, t & mask] = np.nan
    kept = 0
    for k in range(meta[FAR_COUNT + side]):
        t, held = book.far_tick[side, k], book.far_quantity[side, k]
        if held < 0:
            book.far_tick[side, kept], book.far_quantity[side, kept] = t, -held
            kept += 1
        else:
            n = _put(feed, n, side, t, held, 0.0 if sees(book, side, t) else np.nan)
    meta[FAR_COUNT + side], meta[COUNT + side] = kept, count + kept
    return n
