"""Pull and stack: what was cancelled and what was added near the touch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Table, quantity, row_schema
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.book import BASE, BEST, BID, WINDOW, Book, book_of, empty_book
from perpscope.market.book_feed import CHANGES, END, MESSAGE, SILENCE, TS, Feed, is_heard, is_live, next_event, upcoming
from perpscope.market.book_intervals import START, drop_interval, interval_clock, open_interval
from perpscope.market.book_tape import Prints, feeds_and_prints
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit

MILLISECOND = 1_000_000
ROOM = 1 << 14

PULL_STACK = row_schema(
    "pull_stack",
    quantity("bid_pulled", "cancelled bids", mirror="swap:ask_pulled"),
    quantity("bid_stacked", "added bids", mirror="swap:ask_stacked"),
    quantity("bid_traded", "sold into the bids", mirror="swap:ask_traded"),
    quantity("ask_pulled", "cancelled asks", mirror="swap:bid_pulled"),
    quantity("ask_stacked", "added asks", mirror="swap:bid_stacked"),
    quantity("ask_traded", "bought from the asks", mirror="swap:bid_traded"),
)


class PullStack(Feature):
    """Quantity cancelled and added within some basis points of the touch, per side and interval, net of what traded.

    Definition: per level over a window of `net_ms`: cancelled = max(0, before - now - traded), added = max(0, now - before +
    traded), with traded = prints of the opposite aggressor at that price; summed over the levels within `reach_bps` of the
    side's best price at the window's first event (or better than it), and over the windows of an interval. Prints and
    updates are different streams: without netting, each late print would make a false cancel and a false addition. A level
    that entered or left what one can see is neither added nor cancelled. An interval is told only if the book was live and
    no trade missing all through it.
    Units: base units. `ref_ts` = the interval's start; `known_ts` = the first print or message at or after its end.
    Source: own; ORDERFLOW OF19.

    Example:
        >>> PullStack().params.net_ms
        500
    """

    @dataclass(frozen=True)
    class Params:
        net_ms: int = 500
        windows: int = 2
        reach_bps: float = 10.0

        def __post_init__(self) -> None:
            at_least("pull_stack.net_ms", self.net_ms, 1)
            at_least("pull_stack.windows", self.windows, 1)
            if not 0 < self.reach_bps < 1000:
                raise UserError(f"pull_stack.reach_bps must lie between 0 and 1000 basis points, not {self.reach_bps}.")

    spec = FeatureSpec(
        name="pull_stack",
        title="Pulled and stacked",
        inputs=("book_delta", "trade"),
        output=PULL_STACK,
        source="own",
        shape="histogram",
        pane="volume",
        framed=False,
    )
    exempt: ClassVar[dict[str, str]] = {
        "mirror": "the reach is a fraction of the price, which the mirror changes; tests/features/book turns a book upside "
        "down about its own middle",
    }

    def start(self, instrument: Instrument) -> State:
        return {
            "book": empty_book(),
            "clock": interval_clock(),
            "slot": np.zeros((2, WINDOW), np.int32),
            "touched": np.zeros((ROOM, 2), np.int64),
            "amounts": np.zeros((ROOM, 3)),
            "ints": np.zeros(5, np.int64),
            "sums": np.zeros(6),
            "tick": instrument.tick_size,
        }

    def fold(self, state: State, batch: Batch) -> Table:
        pieces = feeds_and_prints(state["book"], batch, state["tick"])
        return Table.concat([self._piece(state, feed, prints) for feed, prints in pieces])

    def _piece(self, state: State, feed: Feed, prints: Prints) -> Table:
        p = self.params
        ints, values = _pull_kernel(
            feed, prints, book_of(state["book"]), SILENCE, p.net_ms * MILLISECOND, p.windows, p.reach_bps * 1e-4,
            state["clock"], state["slot"], state["touched"], state["amounts"], state["ints"], state["sums"],
        )  # fmt: skip
        if not len(ints):
            return PULL_STACK.empty()
        sums = {name: values[:, k] for k, name in enumerate(PULL_STACK.names[2:])}
        return Table.of(PULL_STACK, ref_ts=ints[:, 0], known_ts=ints[:, 1], **sums)


@njit
def _pull_kernel(
    feed: Feed, prints: Prints, book: Book, silence: int, net: int, windows: int, reach: float, clock: Array, slot: Array,
    touched: Array, amounts: Array, ints: Array, sums: Array,
) -> tuple[Array, Array]:  # fmt: skip
    """slot: 1 + row in `touched` of a tick of the window, checked there; touched: [side, tick]; amounts: [before, traded,
    now], NaN before: left out. ints: [levels touched, windows of the interval done, lowest bid tick that counts, highest
    ask tick that counts, 1 when told]."""
    n, t, rows, values = 0, 0, np.empty((64, 2), np.int64), np.empty((64, 6))
    length = net * windows
    while True:
        at = upcoming(feed)
        while t < prints.ts.size and prints.ts[t] <= at:
            now = prints.ts[t]
            if clock[START] != -(2**63) and is_heard(book, now, silence):
                rows, values, n = _advance(
                    clock, net, length, windows, now, touched, amounts, ints, sums, book, reach, rows, values, n
                )
                if now >= clock[START]:
                    side, tick = prints.side[t], prints.tick[t]
                    k = _touch(book, slot, touched, amounts, ints, side, tick, np.inf)
                    if k >= 0:
                        amounts[k, 1] += prints.quantity[t]
            t += 1
        event = next_event(feed, book, silence)
        if event == END:
            return rows[:n], values[:n]
        now = feed.cursor[TS]
        if event != MESSAGE or not is_live(book):
            drop_interval(clock)
            continue
        rows, values, n = _advance(clock, net, length, windows, now, touched, amounts, ints, sums, book, reach, rows, values, n)
        if open_interval(clock, length, now):
            ints[0] = ints[1] = 0
            sums[:] = 0.0
            _bounds(book, ints, reach)
        elif now >= clock[START]:
            for c in range(feed.cursor[CHANGES]):
                k = _touch(book, slot, touched, amounts, ints, feed.where[c, 0], feed.where[c, 1], feed.change[c, 0])
                if k >= 0:
                    amounts[k, 2] = feed.change[c, 1]
        if ints[0] == 0 and now < clock[START]:
            _bounds(book, ints, reach)


@njit
def _bounds(book: Book, ints: Array, reach: float) -> None:
    """How far from the touch a level may lie, for the window that begins now."""
    bid, ask = book.meta[BEST], book.meta[BEST + 1]
    ints[2], ints[3] = int(np.ceil(bid * (1.0 - reach))), int(np.floor(ask * (1.0 + reach)))


@njit
def _touch(book: Book, slot: Array, touched: Array, amounts: Array, ints: Array, side: int, tick: int, before: float) -> int:
    """The row of a level in this window, made if need be. `before` infinite: as the book has it."""
    if (tick < ints[2]) if side == BID else (tick > ints[3]):
        return -1
    cell = tick & (WINDOW - 1)
    k = slot[side, cell] - 1
    if 0 <= k < ints[0] and touched[k, 0] == side and touched[k, 1] == tick:
        return k
    k = ints[0]
    if k == touched.shape[0]:
        return -1
    held = before
    if before == np.inf:
        held = book.ladder[side, cell] if book.meta[BASE] <= tick < book.meta[BASE] + WINDOW else np.nan
        if held != held:
            held = 0.0
    touched[k, 0], touched[k, 1] = side, tick
    amounts[k, 0], amounts[k, 1], amounts[k, 2] = held, 0.0, held
    slot[side, cell] = k + 1
    ints[0] = k + 1
    return k


@njit
def _advance(
    clock: Array, net: int, length: int, windows: int, now: int, touched: Array, amounts: Array, ints: Array, sums: Array,
    book: Book, reach: float, rows: Array, values: Array, n: int,
) -> tuple[Array, Array, int]:  # fmt: skip
    """Close the windows that end at or before `now`, and the intervals they fill."""
    while clock[START] != -(2**63) and clock[START] + (ints[1] + 1) * net <= now:
        for k in range(ints[0]):
            side, before, traded, after = touched[k, 0], amounts[k, 0], amounts[k, 1], amounts[k, 2]
            sums[side * 3 + 2] += traded
            if before == before and after == after:
                change = after - before + traded
                sums[side * 3 + (1 if change > 0 else 0)] += abs(change)
        ints[0] = 0
        ints[1] += 1
        if ints[1] == windows:
            if n == rows.shape[0]:
                rows, values = np.concatenate((rows, np.empty_like(rows))), np.concatenate((values, np.empty_like(values)))
            rows[n, 0], rows[n, 1] = clock[START], now
            values[n] = sums
            n += 1
            sums[:] = 0.0
            ints[1] = 0
            clock[START] += length
        if book.meta[BEST] < book.meta[BEST + 1]:
            _bounds(book, ints, reach)
    return rows, values, n
