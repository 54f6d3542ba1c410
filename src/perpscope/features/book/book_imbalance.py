"""Book imbalance: which side of the touch is heavier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, row_schema
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.book import Book, book_of, empty_book, top_levels
from perpscope.market.book_feed import END, MESSAGE, SILENCE, TS, Feed, feeds, is_live, next_event
from perpscope.market.book_intervals import drop_interval, elapse, ends_before, interval_clock, open_interval
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit

MILLISECOND = 1_000_000

BOOK_IMBALANCE = row_schema(
    "book_imbalance",
    Column("top", "ratio", "at the touch, time-mean over the interval, -1 (all offered) .. 1 (all bid)", mirror="negate"),
    Column("levels", "ratio", "over the first levels, time-mean", mirror="negate"),
    Column("top_end", "ratio", "at the touch at the interval's end", mirror="negate"),
)


class BookImbalance(Feature):
    """The share by which bids outweigh asks at the touch and over the first levels.

    Definition: I = (sum b - sum a) / (sum b + sum a) of the resting quantities at the best price (`top`) and at the
    `depth_levels` best occupied prices of each side (`levels`); time-weighted mean over the interval, and the value at its
    end. Weights that fall with distance are in `weighted_depth`. Top-N sums jump when a large level steps in or out of the
    N; the time-mean softens that and does not cure it.
    Units: ratio in [-1, 1]. `ref_ts` = the interval's start, `known_ts` = the first message at or after its end.
    Source: the usual definition; ORDERFLOW OF23.

    Example:
        >>> BookImbalance().interval_ns
        1000000000
    """

    @dataclass(frozen=True)
    class Params:
        interval_ms: int = 1000
        depth_levels: int = 5

        def __post_init__(self) -> None:
            at_least("book_imbalance.interval_ms", self.interval_ms, 1)
            at_least("book_imbalance.depth_levels", self.depth_levels, 1)

    spec = FeatureSpec(
        name="book_imbalance",
        title="Book imbalance",
        inputs=("book_delta",),
        output=BOOK_IMBALANCE,
        source="the usual definition",
        shape="line",
        pane="delta",
        framed=False,
    )

    @property
    def interval_ns(self) -> int:
        return int(self.params.interval_ms) * MILLISECOND

    def start(self, instrument: Instrument) -> State:
        return {"book": empty_book(), "clock": interval_clock(), "sums": np.zeros(4), "tick": instrument.tick_size}

    def fold(self, state: State, batch: Batch) -> Table:
        return Table.concat([self._piece(state, feed) for feed in feeds(state["book"], batch, state["tick"])])

    def _piece(self, state: State, feed: Feed) -> Table:
        ints, values = _imbalance_kernel(
            feed, book_of(state["book"]), SILENCE, self.interval_ns, self.params.depth_levels, state["clock"], state["sums"]
        )
        if not len(ints):
            return BOOK_IMBALANCE.empty()
        means = {name: values[:, k] for k, name in enumerate(BOOK_IMBALANCE.names[2:])}
        return Table.of(BOOK_IMBALANCE, ref_ts=ints[:, 0], known_ts=ints[:, 1], **means)


@njit
def _imbalance_kernel(
    feed: Feed, book: Book, silence: int, length: int, levels: int, clock: Array, sums: Array
) -> tuple[Array, Array]:
    """sums: [top now, levels now, top x ns, levels x ns]."""
    n, ints, values = 0, np.empty((64, 2), np.int64), np.empty((64, 3))
    ticks, quantities = np.empty((2, levels), np.int64), np.empty((2, levels))
    while True:
        event = next_event(feed, book, silence)
        if event == END:
            return ints[:n], values[:n]
        now = feed.cursor[TS]
        if event != MESSAGE:
            drop_interval(clock)
            continue
        while ends_before(clock, length, now):
            _weigh(elapse(clock, clock[0] + length), sums)
            if n == ints.shape[0]:
                ints, values = np.concatenate((ints, np.empty_like(ints))), np.concatenate((values, np.empty_like(values)))
            ints[n, 0], ints[n, 1] = clock[0], now
            values[n, 0], values[n, 1], values[n, 2] = sums[2] / length, sums[3] / length, sums[0]
            n += 1
            sums[2] = sums[3] = 0.0
            clock[0] += length
        _weigh(elapse(clock, now), sums)
        if not is_live(book):
            drop_interval(clock)
            continue
        for side in range(2):
            top_levels(book, side, ticks[side], quantities[side])
        if open_interval(clock, length, now):
            sums[2] = sums[3] = 0.0
        bid, ask = quantities[0].sum(), quantities[1].sum()
        sums[0] = (quantities[0, 0] - quantities[1, 0]) / (quantities[0, 0] + quantities[1, 0])
        sums[1] = (bid - ask) / (bid + ask)


@njit
def _weigh(passed: int, sums: Array) -> None:
    sums[2] += passed * sums[0]
    sums[3] += passed * sums[1]
