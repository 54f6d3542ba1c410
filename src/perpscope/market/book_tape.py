"""What folds that read the book and the tape together share: the prints of a piece, slots for the levels they watch, and
the words for a level's life."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.table import Array
from perpscope.market.book_feed import Feed, feeds, ticks_of
from perpscope.numeric.jit import njit


class LevelEvent(IntEnum):
    """FILLED: taken by prints. BROKEN: cancelled. EXPIRED: a gap or silence hid its end, it faded, or it left the view."""

    OPENED = 1
    TOUCHED = 2
    FILLED = 3
    BROKEN = 4
    EXPIRED = 5


class Prints(NamedTuple):
    """Public trades: `ts`, `side` (BID where a seller hit the bids, ASK where a buyer lifted the asks), `tick`, `quantity`."""

    ts: Array
    side: Array
    tick: Array
    quantity: Array


def feeds_and_prints(state: dict[str, Any], batch: Batch, tick_size: float) -> Iterator[tuple[Feed, Prints]]:
    """Pieces of the book's events with the prints up to the end of each; gaps of the trades come as TAPE.

    Raises:
        DataError: for a price off the grid, or a quantity of the book that is no quantity.
    """
    trades = batch["trade"]
    taken = 0
    pieces = list(feeds(state, batch, tick_size, tape=True))
    for k, feed in enumerate(pieces):
        last = k + 1 == len(pieces)
        until = len(trades) if last else int(np.searchsorted(trades.clock, feed.ts[-1], side="right"))
        part = trades[taken:until]
        taken = until
        # a buyer takes from the asks: side 1 (buy) becomes ASK, side 2 (sell) becomes BID
        yield (
            feed,
            Prints(part.clock, np.int8(2) - part["aggressor_side"], ticks_of(part["price"], tick_size), part["quantity"]),
        )


@njit
def level_id(ts: int, side: int, tick: int) -> int:
    """A number for what began at a level at a time: ms, tick and side packed into 62 bits."""
    return ((ts // 1_000_000) % (1 << 36) << 26 | tick % (1 << 25) << 1 | side) & ((1 << 62) - 1)


@njit
def find_level(levels: Array, side: int, tick: int) -> int:
    """The row whose first two entries are (side, tick); -1 where there is none. A free row has side -1."""
    for k in range(levels.shape[0]):
        if levels[k, 1] == tick and levels[k, 0] == side:
            return k
    return -1


@njit
def free_level(levels: Array, age: int) -> int:
    """A free row, or else the one whose entry `age` (a time) is oldest."""
    oldest = 0
    for k in range(levels.shape[0]):
        if levels[k, 0] == -1:
            return k
        if levels[k, age] < levels[oldest, age]:
            oldest = k
    return oldest
