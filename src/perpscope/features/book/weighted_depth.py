"""Weighted depth: how much rests near the price, a level counting half as much for every step away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, quantity, row_schema
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.book import BASE, BEST, BID, HIGH, LOW, NO_TICK, WINDOW, Book, book_of, empty_book
from perpscope.market.book_feed import END, MESSAGE, SILENCE, TS, Feed, feeds, is_live, next_event
from perpscope.market.book_intervals import drop_interval, elapse, ends_before, interval_clock, open_interval
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit

MILLISECOND = 1_000_000
REACH = 8.0

WEIGHTED_DEPTH = row_schema(
    "weighted_depth",
    quantity("bid_depth", "sum of weight x resting bid, time-mean", mirror="swap:ask_depth"),
    quantity("ask_depth", "sum of weight x resting ask, time-mean", mirror="swap:bid_depth"),
    Column("ratio", "ratio", "(bid_depth - ask_depth) / (bid_depth + ask_depth)", mirror="negate"),
    Column("unseen", "fraction", "share of the weight that lies beyond what the last snapshot reached, the larger side"),
)


class WeightedDepth(Feature):
    """Resting quantity on each side, weighted by 2^(-distance / half distance).

    Definition: L = sum over levels of 2^(-d / h) q, d the distance from the middle, h = `half_distance_bps`; levels beyond
    eight half distances weigh less than 0.4 % and are left out. Time-mean over the interval. No level steps in or out of a
    top-N, so a large order further away cannot make the number jump. `unseen` is 2^(-D / h), D the distance to the edge of
    the last snapshot: on BTC a snapshot of 1,000 levels reaches a quarter of a percent, which leaves a sixth of the weight
    unseen at h = 10; beyond the edge only levels that changed since are counted.
    Units: base units; ratio. `ref_ts` = the interval's start, `known_ts` = the first message at or after its end.
    Source: Bookmap's Liquidity Tracker for the idea; ORDERFLOW OF22.

    Example:
        >>> WeightedDepth().params.half_distance_bps
        10.0
    """

    @dataclass(frozen=True)
    class Params:
        interval_ms: int = 1000
        half_distance_bps: float = 10.0

        def __post_init__(self) -> None:
            at_least("weighted_depth.interval_ms", self.interval_ms, 1)
            if not 0 < self.half_distance_bps < 1000:
                raise UserError(
                    f"weighted_depth.half_distance_bps must lie between 0 and 1000 basis points, not {self.half_distance_bps}."
                )

    spec = FeatureSpec(
        name="weighted_depth",
        title="Weighted depth",
        inputs=("book_delta",),
        output=WEIGHTED_DEPTH,
        source="own; after Bookmap's Liquidity Tracker",
        shape="line",
        pane="volume",
        framed=False,
    )
    exempt: ClassVar[dict[str, str]] = {
        "mirror": "distances are fractions of the middle, which the mirror changes; tests/features/book turns a book upside "
        "down about its own middle",
    }

    @property
    def interval_ns(self) -> int:
        return int(self.params.interval_ms) * MILLISECOND

    def start(self, instrument: Instrument) -> State:
        return {"book": empty_book(), "clock": interval_clock(), "sums": np.zeros(6), "tick": instrument.tick_size}

    def fold(self, state: State, batch: Batch) -> Table:
        return Table.concat([self._piece(state, feed) for feed in feeds(state["book"], batch, state["tick"])])

    def _piece(self, state: State, feed: Feed) -> Table:
        half = self.params.half_distance_bps * 1e-4
        ints, values = _depth_kernel(
            feed, book_of(state["book"]), SILENCE, self.interval_ns, half, state["clock"], state["sums"]
        )
        if not len(ints):
            return WEIGHTED_DEPTH.empty()
        bid, ask = values[:, 0], values[:, 1]
        total = np.where(bid + ask > 0, bid + ask, np.nan)
        return Table.of(
            WEIGHTED_DEPTH,
            ref_ts=ints[:, 0],
            known_ts=ints[:, 1],
            bid_depth=bid,
            ask_depth=ask,
            ratio=(bid - ask) / total,
            unseen=values[:, 2],
        )


@njit
def _depth_kernel(
    feed: Feed, book: Book, silence: int, length: int, half: float, clock: Array, sums: Array
) -> tuple[Array, Array]:
    """sums: bid depth, ask depth, unseen now; the same x ns."""
    n, ints, values = 0, np.empty((64, 2), np.int64), np.empty((64, 3))
    while True:
        event = next_event(feed, book, silence)
        if event == END:
            return ints[:n], values[:n]
        now = feed.cursor[TS]
        if event != MESSAGE:
            drop_interval(clock)
            continue
        while ends_before(clock, length, now):
            passed = elapse(clock, clock[0] + length)
            if n == ints.shape[0]:
                ints, values = np.concatenate((ints, np.empty_like(ints))), np.concatenate((values, np.empty_like(values)))
            ints[n, 0], ints[n, 1] = clock[0], now
            for k in range(3):
                values[n, k] = (sums[3 + k] + passed * sums[k]) / length
                sums[3 + k] = 0.0
            n += 1
            clock[0] += length
        passed = elapse(clock, now)
        for k in range(3):
            sums[3 + k] += passed * sums[k]
        if not is_live(book):
            drop_interval(clock)
            continue
        if open_interval(clock, length, now):
            sums[3:] = 0.0
        middle = 0.5 * (book.meta[BEST] + book.meta[BEST + 1])
        sums[0], sums[1] = _side_depth(book, 0, middle, middle * half), _side_depth(book, 1, middle, middle * half)
        low, high = book.meta[LOW], book.meta[HIGH]
        edge = 0.0 if low == NO_TICK or high == NO_TICK else max(0.0, min(middle - low, high - middle))
        sums[2] = 2.0 ** (-edge / (middle * half))


@njit
def _side_depth(book: Book, side: int, middle: float, half: float) -> float:
    """Sum of 2^(-d / half) q over the levels of a side, d and half in ticks, within the window."""
    base, mask = book.meta[BASE], WINDOW - 1
    best = book.meta[BEST + side]
    total, fall = 0.0, 2.0 ** (-1.0 / half)
    weight = 2.0 ** (-abs(best - middle) / half)
    step = -1 if side == BID else 1
    if side == BID:
        last = max(base, int(np.ceil(middle - REACH * half)))
    else:
        last = min(base + WINDOW - 1, int(np.floor(middle + REACH * half)))
    t = best
    while (t >= last) if side == BID else (t <= last):
        held = book.ladder[side, t & mask]
        if held > 0:
            total += weight * held
        weight *= fall
        t += step
    return total
