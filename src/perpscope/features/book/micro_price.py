"""Two better middles: weighted by what rests, and by what followed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, price, row_schema
from perpscope.core.time import DAY, NULL_TS
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.book import BEST, Book, book_of, empty_book, quantity_at
from perpscope.market.book_feed import END, MESSAGE, SILENCE, TS, Feed, feeds, is_live, next_event
from perpscope.market.book_intervals import drop_interval, ends_before, interval_clock, open_interval
from perpscope.market.micro_price import BUCKETS, MOVES, SPREADS, estimate
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit

MILLISECOND = 1_000_000

MICRO_PRICE = row_schema(
    "micro_price",
    price("middle", "(best bid + best ask) / 2"),
    price("weighted_middle", "(ask quantity x bid + bid quantity x ask) / (bid quantity + ask quantity)"),
    price("micro_price", "middle + what its state was followed by on the days before; NaN until enough was seen"),
    Column("spread", "ticks", "best ask - best bid"),
    Column("imbalance", "ratio", "(bid quantity - ask quantity) / (bid quantity + ask quantity)", mirror="negate"),
)


class MicroPrice(Feature):
    """The middle, the weighted middle and the micro-price once a second; two names, never mixed.

    Definition: weighted middle = (qa Pb + qb Pa) / (qa + qb). Micro-price = middle + G(imbalance, spread), the limit of the
    expected future middles, from transitions between states (eleven buckets of bid quantity / both, spreads of 1, 2 and 3 or
    more ticks) at changes of the best quotes. G is estimated on the `days` UTC days before and frozen for the day, on
    counts made symmetric, and is absent until `n_min` transitions were seen.
    Units: price. `ref_ts` = the end of the interval, whose quotes are shown; `known_ts` = the first message at or after it.
    A better estimate of the price a few seconds ahead than the middle; fees exceed it for takers.
    Source: Stoikov, Quantitative Finance 18 (2018), SSRN 2970694; ORDERFLOW OF25.

    Example:
        >>> MicroPrice().params.days
        7
    """

    @dataclass(frozen=True)
    class Params:
        interval_ms: int = 1000
        days: int = 7
        n_min: int = 1000

        def __post_init__(self) -> None:
            at_least("micro_price.interval_ms", self.interval_ms, 1)
            at_least("micro_price.days", self.days, 1)
            at_least("micro_price.n_min", self.n_min, 1)

    spec = FeatureSpec(
        name="micro_price",
        title="Micro-price",
        inputs=("book_delta",),
        output=MICRO_PRICE,
        source="Stoikov 2018",
        shape="line",
        pane="price",
        framed=False,
    )

    @property
    def interval_ns(self) -> int:
        return int(self.params.interval_ms) * MILLISECOND

    def start(self, instrument: Instrument) -> State:
        states = BUCKETS * SPREADS
        return {
            "book": empty_book(),
            "clock": interval_clock(),
            "quotes": np.array([0, 0, -1], np.int64),
            "quantities": np.zeros(2),
            "day": np.array([NULL_TS], np.int64),
            "counts": np.zeros((states, 1 + len(MOVES), states)),
            "past": [],
            "adjustment": np.full(states, np.nan),
            "tick": instrument.tick_size,
        }

    def fold(self, state: State, batch: Batch) -> Table:
        return Table.concat([part for feed in feeds(state["book"], batch, state["tick"]) for part in self._pieces(state, feed)])

    def _pieces(self, state: State, feed: Feed) -> list[Table]:
        """A piece is read up to the end of each UTC day, where the adjustments change."""
        parts, done = [], False
        while not done:
            ints, values, done = _micro_kernel(
                feed, book_of(state["book"]), SILENCE, self.interval_ns,
                state["clock"], state["quotes"], state["quantities"], state["day"], state["counts"], state["adjustment"],
            )  # fmt: skip
            parts.append(self._table(ints, values, state["tick"]))
            if not done:
                self._new_day(state)
        return parts

    def _new_day(self, state: State) -> None:
        """The day's counts join those of the days before, of which the oldest leaves."""
        past = [*state["past"], state["counts"].copy()][-self.params.days :]
        state["past"] = past
        total = np.sum(past, axis=0)
        state["adjustment"] = estimate(total) if total.sum() >= self.params.n_min else np.full(BUCKETS * SPREADS, np.nan)
        state["counts"][:] = 0.0

    def _table(self, ints: Array, values: Array, tick: float) -> Table:
        if not len(ints):
            return MICRO_PRICE.empty()
        bid, ask = ints[:, 2] * tick, ints[:, 3] * tick
        qb, qa, adjustment = values.T
        middle = (bid + ask) * 0.5
        return Table.of(
            MICRO_PRICE,
            ref_ts=ints[:, 0],
            known_ts=ints[:, 1],
            middle=middle,
            weighted_middle=(qa * bid + qb * ask) / (qa + qb),
            micro_price=middle + adjustment * (0.5 * tick),
            spread=ints[:, 3] - ints[:, 2],
            imbalance=(qb - qa) / (qb + qa),
        )


@njit
def _micro_kernel(
    feed: Feed, book: Book, silence: int, length: int, clock: Array, quotes: Array, quantities: Array, day: Array,
    counts: Array, adjustment: Array,
) -> tuple[Array, Array, bool]:  # fmt: skip
    """quotes: [bid, ask, state] (-1: none). Returns [ref_ts, known_ts, bid, ask] and [bid quantity, ask quantity, adjustment]
    rows, and false when a new day began before the next event."""
    n, ints, values = 0, np.empty((64, 4), np.int64), np.empty((64, 3))
    while True:
        if feed.cursor[0] < feed.ts.size:
            today = feed.ts[feed.cursor[0]] // DAY
            if day[0] == -(2**63):
                day[0] = today
            elif today > day[0]:
                day[0] += 1
                return ints[:n], values[:n], False
        event = next_event(feed, book, silence)
        if event == END:
            return ints[:n], values[:n], True
        now = feed.cursor[TS]
        if event != MESSAGE:
            drop_interval(clock)
            quotes[2] = -1
            continue
        while ends_before(clock, length, now):
            if n == ints.shape[0]:
                ints, values = np.concatenate((ints, np.empty_like(ints))), np.concatenate((values, np.empty_like(values)))
            clock[0] += length
            ints[n, 0], ints[n, 1], ints[n, 2], ints[n, 3] = clock[0], now, quotes[0], quotes[1]
            values[n, 0], values[n, 1], values[n, 2] = quantities[0], quantities[1], adjustment[quotes[2]]
            n += 1
        if not is_live(book):
            drop_interval(clock)
            quotes[2] = -1
            continue
        open_interval(clock, length, now)
        bid, ask = book.meta[BEST], book.meta[BEST + 1]
        qb, qa = quantity_at(book, 0, bid), quantity_at(book, 1, ask)
        if quotes[2] >= 0 and quotes[0] == bid and quotes[1] == ask and quantities[0] == qb and quantities[1] == qa:
            continue
        # counted from the outside, so that the market upside down has the bucket on the other side
        lighter = int(min(qb, qa) / (qb + qa) * BUCKETS)
        bucket = lighter if qb <= qa else BUCKETS - 1 - lighter
        state = bucket * SPREADS + min(SPREADS, ask - bid) - 1
        if quotes[2] >= 0:
            move = (bid + ask) - (quotes[0] + quotes[1])
            k = 0 if move == 0 else (1 if move < -1 else (2 if move == -1 else (3 if move == 1 else 4)))
            counts[quotes[2], k, state] += 1.0
        quotes[0], quotes[1], quotes[2] = bid, ask, state
        quantities[0], quantities[1] = qb, qa
