"""Spoof score: large additions that are taken away as the price comes near."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.events import BookSide
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, choice, price, quantity, row_schema, ts
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.book import BEST, Book, book_of, empty_book
from perpscope.market.book_feed import (
    CHANGES,
    END,
    IS_SNAPSHOT,
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
from perpscope.market.book_tape import Prints, feeds_and_prints, find_level, free_level
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit
from perpscope.numeric.window import mid_rank, push_sorted, quantile_state

DISTANCES, PAST = 12, 200

SPOOF_SCORE = row_schema(
    "spoof_score",
    choice("side", BookSide, "where it rested", mirror="flip"),
    price("price", "the level"),
    quantity("quantity", "what was added in one message"),
    quantity("executed", "of it, taken by prints"),
    quantity("cancelled", "of it, taken away"),
    Column("size_rank", "score", "share of the additions before it that were smaller"),
    Column("distance_posted", "ticks", "from the middle when it was added"),
    Column("distance_cancelled", "ticks", "from the middle when it went"),
    ts("life", "ns from addition to cancellation"),
    Column("score", "score", "size x cancelled x approach x life, each 0 to 1; a score, not a fact"),
    Column("rank_at_distance", "score", "share of the scores of additions posted as far away that were lower; NaN at first"),
)


class SpoofScore(Feature):
    """How much a large order that vanished looks like one that was never meant to trade.

    Definition: an addition whose size ranks above `least_rank` among the last `window` additions is followed until 90 % of it
    is gone. score = size x cancel x approach x life: size = clip((rank - 0.95) / 0.05), cancel = cancelled / (cancelled +
    executed + left), approach = clip((d_posted - d_cancelled) / d_posted) with distances to the middle, life = exp(-life /
    `life_s`). What rested at the level before is taken to leave after it (last in, first out), prints first. Told when the
    score reaches `least_score`, with its rank among the scores of the last 200 large additions posted at a like distance
    (within a factor of two): posting distance, not size, is what tells spoofs apart, and far orders are always cancelled.
    Units: price, base units, ticks. `ref_ts` = the addition, `known_ts` = the message in which it went.
    A score, not a fact: market makers move their quotes for honest reasons, and one level pools many owners. The page shows
    precision and recall on a planted book.
    Source: own; Fabre, Challet, arXiv:2504.15908 for the role of distance; ORDERFLOW OF20.

    Example:
        >>> round(score(0.99, 48.0, 2.0, 0.0, 20.0, 5.0, 12.0), 6)
        0.386104
    """

    @dataclass(frozen=True)
    class Params:
        window: int = 5000
        n_min: int = 500
        least_rank: float = 0.95
        life_s: float = 30.0
        least_score: float = 0.1
        max_orders: int = 256

        def __post_init__(self) -> None:
            at_least("spoof_score.n_min", self.n_min, 1)
            at_least("spoof_score.window", self.window, self.n_min)
            at_least("spoof_score.least_rank", self.least_rank, 0.0)
            at_least("spoof_score.max_orders", self.max_orders, 1)

    spec = FeatureSpec(
        name="spoof_score",
        title="Spoof score",
        inputs=("book_delta", "trade"),
        output=SPOOF_SCORE,
        source="own; after Fabre and Challet 2025",
        shape="marker",
        pane="price",
        framed=False,
    )

    def start(self, instrument: Instrument) -> State:
        orders = np.zeros((self.params.max_orders, 3), np.int64)
        orders[:, 0] = -1
        ring, ordered, counts = quantile_state(self.params.window)
        past = [quantile_state(PAST) for _ in range(DISTANCES)]
        return {
            "book": empty_book(),
            "orders": orders,
            "amounts": np.zeros((self.params.max_orders, 6)),
            "ring": ring,
            "ordered": ordered,
            "counts": counts,
            "past_ring": np.array([p[0] for p in past]),
            "past_ordered": np.array([p[1] for p in past]),
            "past_counts": np.array([p[2] for p in past]),
            "middle": np.full(1, np.nan),
            "tick": instrument.tick_size,
        }

    def fold(self, state: State, batch: Batch) -> Table:
        pieces = feeds_and_prints(state["book"], batch, state["tick"])
        return Table.concat([self._piece(state, feed, prints) for feed, prints in pieces])

    def _piece(self, state: State, feed: Feed, prints: Prints) -> Table:
        p = self.params
        ints, values = _spoof_kernel(
            feed, prints, book_of(state["book"]), SILENCE, p.n_min, p.least_rank, p.life_s * 1e9, p.least_score,
            state["orders"], state["amounts"], state["ring"], state["ordered"], state["counts"],
            state["past_ring"], state["past_ordered"], state["past_counts"], state["middle"],
        )  # fmt: skip
        if not len(ints):
            return SPOOF_SCORE.empty()
        names = (
            "quantity", "executed", "cancelled", "size_rank", "distance_posted", "distance_cancelled", "score",
            "rank_at_distance",
        )  # fmt: skip
        return Table.of(
            SPOOF_SCORE,
            ref_ts=ints[:, 0],
            known_ts=ints[:, 1],
            side=ints[:, 2] + 1,
            price=prices_of(ints[:, 3], state["tick"]),
            life=ints[:, 1] - ints[:, 0],
            **{name: values[:, k] for k, name in enumerate(names)},
        )


@njit
def score(rank: float, cancelled: float, executed: float, left: float, posted: float, gone: float, lives: float) -> float:
    """size x cancel x approach x life; `posted` and `gone` are distances to the middle, `lives` life in seconds of a
    life constant of 30 s."""
    return _score(rank, cancelled, executed, left, posted, gone, lives / 30.0)


@njit
def _score(rank: float, cancelled: float, executed: float, left: float, posted: float, gone: float, lives: float) -> float:
    size = min(1.0, max(0.0, (rank - 0.95) / 0.05))
    whole = cancelled + executed + left
    approach = min(1.0, max(0.0, (posted - gone) / posted)) if posted > 0 else 0.0
    return size * (cancelled / whole if whole > 0 else 0.0) * approach * np.exp(-lives)


# columns of `amounts`
SIZE, LEFT, EXECUTED, RANK, POSTED, UNSHOWN = 0, 1, 2, 3, 4, 5


@njit
def _spoof_kernel(
    feed: Feed, prints: Prints, book: Book, silence: int, n_min: int, least_rank: float, life: float, least_score: float,
    orders: Array, amounts: Array, ring: Array, ordered: Array, counts: Array,
    past_ring: Array, past_ordered: Array, past_counts: Array, middle: Array,
) -> tuple[Array, Array]:  # fmt: skip
    """orders: [side (-1: free), tick, added at]; amounts: [size, left by our account, executed, rank, distance posted,
    executed but not yet shown by the book]; middle:
    [of the message before, in ticks]. Returns [ref_ts, known_ts, side, tick] and what is told of them."""
    n, t, ints, values = 0, 0, np.empty((64, 4), np.int64), np.empty((64, 8))
    while True:
        at = upcoming(feed)
        while t < prints.ts.size and prints.ts[t] <= at:
            if is_heard(book, prints.ts[t], silence):
                k = find_level(orders, prints.side[t], prints.tick[t])
                if k >= 0:
                    taken = min(prints.quantity[t], amounts[k, LEFT])
                    amounts[k, EXECUTED] += taken
                    amounts[k, UNSHOWN] += prints.quantity[t]
                    amounts[k, LEFT] -= taken
            t += 1
        event = next_event(feed, book, silence)
        if event == END:
            return ints[:n], values[:n]
        now = feed.cursor[TS]
        if event != MESSAGE:
            orders[:, 0] = -1
            middle[0] = np.nan
            if event != STALE:
                counts[:], past_counts[:] = 0, 0
                ring[:], past_ring[:] = np.nan, np.nan
            continue
        for c in range(feed.cursor[CHANGES]):
            side, tick = feed.where[c, 0], feed.where[c, 1]
            before, after = feed.change[c, 0], feed.change[c, 1]
            if before != before or after != after:
                k = find_level(orders, side, tick)
                if k >= 0:
                    orders[k, 0] = -1
                continue
            if after > before:
                rank = mid_rank(after - before, ordered, counts[1]) if counts[1] >= n_min else np.nan
                push_sorted(after - before, ring, ordered, counts)
                fresh = feed.cursor[IS_SNAPSHOT] == 0 or middle[0] == middle[0]
                if rank > least_rank and middle[0] == middle[0] and fresh and find_level(orders, side, tick) < 0:
                    k = free_level(orders, 2)
                    orders[k, 0], orders[k, 1], orders[k, 2] = side, tick, now
                    amounts[k, SIZE] = amounts[k, LEFT] = after - before
                    amounts[k, EXECUTED] = amounts[k, UNSHOWN] = 0.0
                    amounts[k, RANK], amounts[k, POSTED] = rank, abs(tick - middle[0])
                continue
            k = find_level(orders, side, tick)
            if k < 0 or middle[0] != middle[0]:
                continue
            # an update that only shows what prints took is no cancellation
            traded = min(before - after, amounts[k, UNSHOWN])
            amounts[k, UNSHOWN] -= traded
            amounts[k, LEFT] = min(max(0.0, amounts[k, LEFT] - (before - after - traded)), after)
            if amounts[k, LEFT] <= 0.1 * amounts[k, SIZE]:
                cancelled = amounts[k, SIZE] - amounts[k, EXECUTED] - amounts[k, LEFT]
                gone = abs(tick - middle[0])
                value = _score(
                    amounts[k, RANK], cancelled, amounts[k, EXECUTED], amounts[k, LEFT], amounts[k, POSTED], gone,
                    (now - orders[k, 2]) / life,
                )  # fmt: skip
                d = min(DISTANCES - 1, int(np.log2(max(1.0, amounts[k, POSTED]))))
                place = mid_rank(value, past_ordered[d], past_counts[d, 1])
                push_sorted(value, past_ring[d], past_ordered[d], past_counts[d])
                orders[k, 0] = -1
                if value >= least_score:
                    if n == ints.shape[0]:
                        ints, values = (
                            np.concatenate((ints, np.empty_like(ints))),
                            np.concatenate((values, np.empty_like(values))),
                        )
                    ints[n, 0], ints[n, 1], ints[n, 2], ints[n, 3] = orders[k, 2], now, side, tick
                    values[n, 0], values[n, 1], values[n, 2] = amounts[k, SIZE], amounts[k, EXECUTED], cancelled
                    values[n, 3], values[n, 4], values[n, 5] = amounts[k, RANK], amounts[k, POSTED], gone
                    values[n, 6], values[n, 7] = value, place
                    n += 1
        middle[0] = 0.5 * (book.meta[BEST] + book.meta[BEST + 1]) if is_live(book) else np.nan
