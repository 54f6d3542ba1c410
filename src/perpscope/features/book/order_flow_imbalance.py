"""Order flow imbalance: what the changes of the quotes say about who presses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, quantity, row_schema
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.book import BID, NO_TICK, Book, book_of, empty_book, top_levels
from perpscope.market.book_feed import END, MESSAGE, SILENCE, TS, Feed, feeds, is_live, next_event
from perpscope.market.book_intervals import drop_interval, elapse, ends_before, interval_clock, open_interval
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit

MILLISECOND = 1_000_000

ORDER_FLOW_IMBALANCE = row_schema(
    "order_flow_imbalance",
    quantity("ofi", "sum over the changes of the best quotes", mirror="negate"),
    quantity("depth", "time-mean of (best bid quantity + best ask quantity) / 2"),
    Column("normalised", "ratio", "ofi / depth", mirror="negate"),
    Column("levels", "ratio", "mean over the first levels of their ofi / the time-mean depth of a level", mirror="negate"),
    Column("updates", "count", "messages of the book in the interval: compare only intervals of one feed"),
)


class OrderFlowImbalance(Feature):
    """Net pressure on the quotes per second, at the touch and over the first levels.

    Definition: at each message e = 1[Pb >= Pb'] qb - 1[Pb <= Pb'] qb' - 1[Pa <= Pa'] qa + 1[Pa >= Pa'] qa' (prime: before);
    the OFI of an interval is their sum. The same with the m-th best prices for m = 1..`depth_levels`, by rank; `levels` is
    the mean of OFI_m / Q with Q the time-mean of the depth per level. An interval is told only if the book was live all
    through it.
    Units: base units; ratios. `ref_ts` = the interval's start, `known_ts` = the first message at or after its end.
    Explains the price change of the SAME interval; that is no forecast.
    Source: Cont, Kukanov, Stoikov, J. Financial Econometrics 12 (2014), arXiv:1011.6402; levels: Cont, Cucuringu, Zhang,
    arXiv:2112.13213, with the mean in place of the first principal component; ORDERFLOW OF24.

    Example:
        >>> OrderFlowImbalance().interval_ns
        1000000000
    """

    @dataclass(frozen=True)
    class Params:
        interval_ms: int = 1000
        depth_levels: int = 5

        def __post_init__(self) -> None:
            at_least("order_flow_imbalance.interval_ms", self.interval_ms, 1)
            at_least("order_flow_imbalance.depth_levels", self.depth_levels, 1)

    spec = FeatureSpec(
        name="order_flow_imbalance",
        title="Order flow imbalance",
        inputs=("book_delta",),
        output=ORDER_FLOW_IMBALANCE,
        source="Cont, Kukanov, Stoikov 2014; Cont, Cucuringu, Zhang 2021",
        shape="histogram",
        pane="delta",
        framed=False,
    )

    @property
    def interval_ns(self) -> int:
        return int(self.params.interval_ms) * MILLISECOND

    def start(self, instrument: Instrument) -> State:
        m = self.params.depth_levels
        return {
            "book": empty_book(),
            "clock": interval_clock(),
            "ticks": np.full((2, m), NO_TICK, np.int64),
            "quantities": np.zeros((2, m)),
            "sums": np.zeros(m + 3),
            "tick": instrument.tick_size,
        }

    def fold(self, state: State, batch: Batch) -> Table:
        return Table.concat([self._piece(state, feed) for feed in feeds(state["book"], batch, state["tick"])])

    def _piece(self, state: State, feed: Feed) -> Table:
        ints, values = _ofi_kernel(
            feed, book_of(state["book"]), SILENCE, self.interval_ns,
            state["clock"], state["ticks"], state["quantities"], state["sums"],
        )  # fmt: skip
        if not len(ints):
            return ORDER_FLOW_IMBALANCE.empty()
        names = ORDER_FLOW_IMBALANCE.names[2:]
        return Table.of(
            ORDER_FLOW_IMBALANCE,
            ref_ts=ints[:, 0],
            known_ts=ints[:, 1],
            **{name: values[:, k] for k, name in enumerate(names)},
        )


@njit
def _ofi_kernel(
    feed: Feed, book: Book, silence: int, length: int, clock: Array, ticks: Array, quantities: Array, sums: Array
) -> tuple[Array, Array]:
    """ticks, quantities: the first levels before the message; sums: OFI per level, depth x ns of the touch, of all levels,
    messages."""
    m, n = ticks.shape[1], 0
    ints, values = np.empty((64, 2), np.int64), np.empty((64, 5))
    now_ticks, now_quantities = np.empty_like(ticks), np.empty_like(quantities)
    while True:
        event = next_event(feed, book, silence)
        if event == END:
            return ints[:n], values[:n]
        now = feed.cursor[TS]
        if event != MESSAGE:
            drop_interval(clock)
            continue
        while ends_before(clock, length, now):
            _weigh(elapse(clock, clock[0] + length), quantities, sums)
            if n == ints.shape[0]:
                ints, values = np.concatenate((ints, np.empty_like(ints))), np.concatenate((values, np.empty_like(values)))
            ints[n, 0], ints[n, 1] = clock[0], now
            _tell(sums, length, values[n])
            n += 1
            clock[0] += length
        _weigh(elapse(clock, now), quantities, sums)
        if not is_live(book):
            drop_interval(clock)
            continue
        top_levels(book, 0, now_ticks[0], now_quantities[0])
        top_levels(book, 1, now_ticks[1], now_quantities[1])
        if open_interval(clock, length, now):
            sums[:] = 0.0
        elif now >= clock[0]:
            for k in range(m):
                for side in range(2):
                    change = _pressure(side, ticks[side, k], quantities[side, k], now_ticks[side, k], now_quantities[side, k])
                    sums[k] += change if side == BID else -change
            sums[m + 2] += 1.0
        ticks[:], quantities[:] = now_ticks, now_quantities


@njit
def _pressure(side: int, before: int, before_quantity: float, after: int, after_quantity: float) -> float:
    """What a side added at the k-th best price: positive when it presses towards the other side."""
    if before == NO_TICK or after == NO_TICK:
        return 0.0
    step = after - before if side == BID else before - after
    return (after_quantity if step >= 0 else 0.0) - (before_quantity if step <= 0 else 0.0)


@njit
def _weigh(passed: int, quantities: Array, sums: Array) -> None:
    """Depth of the touch and per level, times the time it stood."""
    if passed > 0:
        m = quantities.shape[1]
        total = 0.0
        for k in range(m):
            total += quantities[0, k] + quantities[1, k]
        sums[m] += passed * (quantities[0, 0] + quantities[1, 0]) * 0.5
        sums[m + 1] += passed * total / (2.0 * m)


@njit
def _tell(sums: Array, length: int, row: Array) -> None:
    m = sums.size - 3
    depth, level_depth, mean = sums[m] / length, sums[m + 1] / length, 0.0
    for k in range(m):
        mean += sums[k] / m
    row[0], row[1], row[4] = sums[0], depth, sums[m + 2]
    row[2] = sums[0] / depth if depth > 0 else np.nan
    row[3] = mean / level_depth if level_depth > 0 else np.nan
    sums[:] = 0.0
