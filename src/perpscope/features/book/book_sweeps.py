"""Book sweeps: aggressive bursts that eat through several levels, held against the book they met."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, choice, price, quantity, row_schema
from perpscope.core.units import AggressorSide
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.book import Book, book_of, empty_book, top_levels
from perpscope.market.book_feed import (
    END,
    MESSAGE,
    SILENCE,
    STALE,
    TS,
    Feed,
    is_heard,
    is_live,
    next_event,
    prices_of,
    upcoming,
)
from perpscope.market.book_tape import Prints, feeds_and_prints
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit
from perpscope.numeric.window import nearest_rank, push_sorted, quantile_state

MILLISECOND = 1_000_000
LEVELS = 32

BOOK_SWEEPS = row_schema(
    "book_sweeps",
    choice("aggressor_side", AggressorSide, "who crossed the spread", mirror="flip"),
    quantity("quantity", "base units of the burst"),
    price("vwap", "average price paid"),
    price("touch", "best price of the side before it"),
    price("last_price", "the last price it reached"),
    Column("prices", "count", "distinct prices at which it printed"),
    Column("levels_consumed", "count", "levels of the book before it, whose whole quantity it took"),
    Column("span", "ticks", "ticks from the first to the last price"),
    Column("share_taken", "fraction", "quantity / what rested on the first 32 levels before it"),
    price("cost", "|vwap - touch|", mirror="same"),
    quantity("threshold", "the quantity it had to reach"),
)


class BookSweeps(Feature):
    """Bursts of prints of one side that take several prices, with what they did to the book.

    Definition: consecutive prints of one side with at most `merge_ms` between two are a burst. It is a sweep when it printed
    at >= `least_prices` distinct prices and its quantity reaches the rolling `quantile` of the last `window` bursts
    (absent below `n_min`). `levels_consumed` counts the levels as they stood before the first print whose whole quantity
    was printed at their price: traded prices are no levels, since a sparse book jumps. Bursts that began while the book
    was not live count for the quantile only. `sweep` without more is the raid of a liquidity pool, another thing.
    Units: price, base units. `ref_ts` = the first print; `known_ts` = the print, message or gap that shows the burst to be
    over: one of the other side, or more than `merge_ms` later.
    Source: own; ORDERFLOW OF15.

    Example:
        >>> BookSweeps().params.least_prices
        3
    """

    @dataclass(frozen=True)
    class Params:
        merge_ms: int = 50
        least_prices: int = 3
        quantile: float = 0.95
        window: int = 5000
        n_min: int = 500

        def __post_init__(self) -> None:
            at_least("book_sweeps.merge_ms", self.merge_ms, 0)
            at_least("book_sweeps.least_prices", self.least_prices, 1)
            at_least("book_sweeps.n_min", self.n_min, 0)
            at_least("book_sweeps.window", self.window, max(1, self.n_min))

    spec = FeatureSpec(
        name="book_sweeps",
        title="Sweeps of the book",
        inputs=("book_delta", "trade"),
        output=BOOK_SWEEPS,
        source="own",
        shape="marker",
        pane="price",
        framed=False,
    )

    def start(self, instrument: Instrument) -> State:
        ring, ordered, counts = quantile_state(self.params.window)
        return {
            "book": empty_book(),
            "burst": np.full(7, -1, np.int64),
            "sums": np.zeros(3),
            "ticks": np.zeros(LEVELS, np.int64),
            "before": np.zeros(LEVELS),
            "printed": np.zeros(LEVELS),
            "ring": ring,
            "ordered": ordered,
            "counts": counts,
            "tick": instrument.tick_size,
        }

    def fold(self, state: State, batch: Batch) -> Table:
        pieces = feeds_and_prints(state["book"], batch, state["tick"])
        return Table.concat([self._piece(state, feed, prints) for feed, prints in pieces])

    def _piece(self, state: State, feed: Feed, prints: Prints) -> Table:
        p, tick = self.params, state["tick"]
        ints, values = _sweep_kernel(
            feed, prints, book_of(state["book"]), SILENCE, p.merge_ms * MILLISECOND, p.least_prices, p.quantile, p.n_min,
            state["burst"], state["sums"], state["ticks"], state["before"], state["printed"],
            state["ring"], state["ordered"], state["counts"],
        )  # fmt: skip
        if not len(ints):
            return BOOK_SWEEPS.empty()
        ref, known, side, touch, last, count, consumed, first = ints.T
        # the mean is of ticks from the touch, so that the side does not matter to its last digit
        cost = values[:, 1] * tick
        return Table.of(
            BOOK_SWEEPS,
            ref_ts=ref,
            known_ts=known,
            aggressor_side=2 - side,
            quantity=values[:, 0],
            vwap=touch * tick + np.where(side == 1, cost, -cost),
            touch=prices_of(touch, tick),
            last_price=prices_of(last, tick),
            prices=count,
            levels_consumed=consumed,
            span=np.abs(last - first),
            share_taken=values[:, 2],
            cost=np.abs(cost),
            threshold=values[:, 3],
        )


# `burst`
SIDE, FIRST_TS, LAST_TS, FIRST, LAST, COUNT, LIVE = 0, 1, 2, 3, 4, 5, 6


@njit
def _sweep_kernel(
    feed: Feed, prints: Prints, book: Book, silence: int, merge: int, least: int, quantile: float, n_min: int, burst: Array,
    sums: Array, ticks: Array, before: Array, printed: Array, ring: Array, ordered: Array, counts: Array,
) -> tuple[Array, Array]:  # fmt: skip
    """burst: [side of the book (-1: none), first and last time, first and last tick, distinct prices, 1 if the book was live];
    sums: [quantity, quantity x ticks from the touch, resting before]; ticks, before, printed: the first levels."""
    n, t, ints, values = 0, 0, np.empty((64, 8), np.int64), np.empty((64, 4))
    while True:
        at = upcoming(feed)
        while t < prints.ts.size and prints.ts[t] <= at:
            now, side, tick = prints.ts[t], prints.side[t], prints.tick[t]
            if burst[SIDE] != -1 and (side != burst[SIDE] or now - burst[LAST_TS] > merge):
                ints, values, n = _close(
                    burst, sums, ticks, before, printed, now, least, quantile, n_min, ring, ordered, counts, ints, values, n
                )
            if burst[SIDE] == -1:
                burst[SIDE], burst[FIRST_TS], burst[FIRST], burst[COUNT] = side, now, tick, 1
                burst[LIVE] = 1 if is_heard(book, now, silence) and is_live(book) else 0
                sums[0], sums[1], sums[2] = 0.0, 0.0, 0.0
                printed[:] = 0.0
                if burst[LIVE] == 1:
                    top_levels(book, side, ticks, before)
                    sums[2] = before.sum()
            elif tick != burst[LAST]:
                burst[COUNT] += 1
            burst[LAST_TS], burst[LAST] = now, tick
            sums[0] += prints.quantity[t]
            if burst[LIVE] == 1:
                sums[1] += prints.quantity[t] * ((tick - ticks[0]) if side == 1 else (ticks[0] - tick))
                for k in range(ticks.size):
                    if ticks[k] == tick:
                        printed[k] += prints.quantity[t]
                        break
            t += 1
        if burst[SIDE] != -1 and at != np.iinfo(np.int64).max and at - burst[LAST_TS] > merge:
            ints, values, n = _close(
                burst, sums, ticks, before, printed, at, least, quantile, n_min, ring, ordered, counts, ints, values, n
            )
        event = next_event(feed, book, silence)
        if event == END:
            return ints[:n], values[:n]
        if event != MESSAGE:
            if burst[SIDE] != -1:
                ints, values, n = _close(
                    burst, sums, ticks, before, printed, feed.cursor[TS], least, quantile, n_min, ring, ordered, counts,
                    ints, values, n,
                )  # fmt: skip
            if event != STALE:
                counts[0] = counts[1] = 0
                ring[:] = np.nan


@njit
def _close(
    burst: Array, sums: Array, ticks: Array, before: Array, printed: Array, known: int, least: int, quantile: float, n_min: int,
    ring: Array, ordered: Array, counts: Array, ints: Array, values: Array, n: int,
) -> tuple[Array, Array, int]:  # fmt: skip
    """The burst is over: judged by the bursts before it, of which it becomes one."""
    threshold = nearest_rank(ordered, counts[1], quantile) if counts[1] >= n_min else np.nan
    if counts[1] == 0 and n_min == 0:
        threshold = 0.0
    if burst[LIVE] == 1 and burst[COUNT] >= least and sums[0] >= threshold:
        if n == ints.shape[0]:
            ints, values = np.concatenate((ints, np.empty_like(ints))), np.concatenate((values, np.empty_like(values)))
        consumed = 0
        for k in range(ticks.size):
            consumed += 1 if before[k] > 0 and printed[k] >= before[k] * (1.0 - 1e-9) else 0
        ints[n, 0], ints[n, 1], ints[n, 2] = burst[FIRST_TS], known, burst[SIDE]
        ints[n, 3], ints[n, 4], ints[n, 5], ints[n, 6] = ticks[0], burst[LAST], burst[COUNT], consumed
        ints[n, 7] = burst[FIRST]
        values[n, 0], values[n, 1] = sums[0], sums[1] / sums[0]
        values[n, 2], values[n, 3] = sums[0] / sums[2], threshold
        n += 1
    push_sorted(sums[0], ring, ordered, counts)
    burst[SIDE] = -1
    return ints, values, n
