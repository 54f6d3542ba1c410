"""The book rebuilt: best prices after every update, what part of it is in sight, and whether it can be believed."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, choice, price, quantity, row_schema, ts
from perpscope.core.time import NULL_TS
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.book import BEST, HIGH, LAST_SEQUENCE, LOW, NO_TICK, Book, book_of, empty_book, quantity_at
from perpscope.market.book_feed import (
    END,
    LOST,
    MESSAGE,
    SILENCE,
    SINCE,
    STALE,
    TS,
    Feed,
    feeds,
    is_live,
    next_event,
    prices_of,
)
from perpscope.numeric.jit import njit


class BookCondition(IntEnum):
    """LIVE: told whole, both sides there, not crossed. CROSSED: best bid at or above best ask after a whole message.
    ONE_SIDED: nobody bids or nobody offers. EMPTY: thrown away after a gap, waiting for a snapshot. STALE: nothing heard
    for a minute."""

    LIVE = 1
    CROSSED = 2
    ONE_SIDED = 3
    EMPTY = 4
    STALE = 5


BOOK_STATE = row_schema(
    "book_state",
    choice("condition", BookCondition, "whether the book can be read"),
    Column("sequence", "id", "the venue's number of the update; -1 where there is none", "int64"),
    price("bid_price", "best bid; NaN where there is none", mirror="swap:ask_price"),
    price("ask_price", "best ask; NaN where there is none", mirror="swap:bid_price"),
    quantity("bid_quantity", "resting at the best bid", mirror="swap:ask_quantity"),
    quantity("ask_quantity", "resting at the best ask", mirror="swap:bid_quantity"),
    price("visible_low", "lowest bid that the last snapshot reached; below it absent does not mean empty", "swap:visible_high"),
    price("visible_high", "highest ask that the last snapshot reached", mirror="swap:visible_low"),
    ts("feed_interval", "ns since the update before; NULL_TS for the first"),
)


class BookState(Feature):
    """Best bid and ask after every update of the book.

    Definition: a snapshot replaces the book, an update writes absolute quantities (0 removes a level). Judged after a whole
    message, never within one. A gap of the updates, or a book crossed for more than a second, throws the book away: it is
    EMPTY, `ref_ts` says since when, and updates are ignored until the next snapshot. A silence of more than a minute is
    STALE. Sequence numbers are checked at the door (`venues/`), which turns a break of the chain into a gap.
    Units: price, base units. `ref_ts` = `known_ts` = the message, but for EMPTY and STALE.
    Source: each venue's own rules for a local order book; ORDERFLOW OF16.

    Example:
        >>> from perpscope.core.events import BOOK_DELTA, GAP
        >>> rows = Table.of(BOOK_DELTA, exchange_ts=[5, 5, 9], receive_ts=[5, 5, 9], sequence=[1, 1, 2], side=[1, 2, 2],
        ...                 price=[99.0, 101.0, 100.0], quantity=[2.0, 3.0, 1.0], snapshot=[True, False, False])
        >>> fold = BookState()
        >>> state = fold.start(Instrument("demo", "X", tick_size=0.5))
        >>> best = fold.fold(state, Batch(9, {"book_delta": rows, "gap": GAP.empty()}))
        >>> best["ask_price"].tolist(), best["bid_quantity"].tolist()
        ([101.0, 100.0], [2.0, 2.0])
    """

    spec = FeatureSpec(
        name="book_state",
        title="Order book",
        inputs=("book_delta",),
        output=BOOK_STATE,
        source="the venues' own rules for a local order book",
        shape="line",
        pane="price",
        framed=False,
    )

    def start(self, instrument: Instrument) -> State:
        return {"book": empty_book(), "tick": instrument.tick_size, "last": np.array([NULL_TS], np.int64)}

    def fold(self, state: State, batch: Batch) -> Table:
        parts = [self._piece(state, feed) for feed in feeds(state["book"], batch, state["tick"])]
        return Table.concat(parts)

    def _piece(self, state: State, feed: Feed) -> Table:
        room = 2 * len(feed.ts) + len(feed.gaps)
        ints, quantities = np.empty((room, 9), np.int64), np.empty((room, 2))
        n = _state_kernel(feed, book_of(state["book"]), SILENCE, state["last"], ints, quantities)
        if not n:
            return BOOK_STATE.empty()
        prices = prices_of(ints[:n, 5:], state["tick"])
        return Table.of(
            BOOK_STATE,
            ref_ts=ints[:n, 0],
            known_ts=ints[:n, 1],
            condition=ints[:n, 2],
            sequence=ints[:n, 3],
            feed_interval=ints[:n, 4],
            bid_quantity=quantities[:n, 0],
            ask_quantity=quantities[:n, 1],
            **{name: prices[:, k] for k, name in enumerate(("bid_price", "ask_price", "visible_low", "visible_high"))},
        )


@njit
def _state_kernel(feed: Feed, book: Book, silence: int, last: Array, ints: Array, quantities: Array) -> int:
    """ints: ref_ts, known_ts, condition, sequence, interval, then ticks: bid, ask, lowest, highest. last: [time]."""
    n, meta, cursor, unset = 0, book.meta, feed.cursor, -(2**63)
    while True:
        event = next_event(feed, book, silence)
        if event == END:
            return n
        ints[n, 1], ints[n, 0] = cursor[TS], cursor[TS] if event == MESSAGE else cursor[SINCE]
        ints[n, 3] = meta[LAST_SEQUENCE] if event == MESSAGE else -1
        ints[n, 4] = cursor[TS] - last[0] if event == MESSAGE and last[0] != unset else unset
        last[0] = unset if event == LOST else (cursor[TS] if event == MESSAGE else last[0])
        for side in range(2):
            best = meta[BEST + side] if event == MESSAGE else NO_TICK
            ints[n, 5 + side] = best
            quantities[n, side] = quantity_at(book, side, best) if best != NO_TICK else np.nan
        ints[n, 7], ints[n, 8] = meta[LOW], meta[HIGH]
        if event == MESSAGE:
            one_sided = meta[BEST] == NO_TICK or meta[BEST + 1] == NO_TICK
            ints[n, 2] = 1 if is_live(book) else (3 if one_sided else 2)
        else:
            ints[n, 2] = 5 if event == STALE else 4
        n += 1
