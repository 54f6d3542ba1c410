"""The liquidity heatmap: how much rested at each price, over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.events import BookSide
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, choice, flag, price, quantity, row_schema
from perpscope.core.time import NULL_TS
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.book import BEST, BID, HIGH, LOW, NO_TICK, Book, book_of, empty_book
from perpscope.market.book_bins import Bins, bins_of, change_bins, empty, empty_bins, settle
from perpscope.market.book_feed import (
    CHANGES,
    END,
    LOST,
    MESSAGE,
    SILENCE,
    SINCE,
    TS,
    Feed,
    feeds,
    is_live,
    next_event,
    prices_of,
)
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit

MILLISECOND = 1_000_000

LIQUIDITY_HEATMAP = row_schema(
    "liquidity_heatmap",
    choice("side", BookSide, "who rests there"),
    Column("bin", "ticks", "floor(price / step), the same number for the same price for ever", "int64"),
    price("bottom", "lowest price of the bin"),
    price("top", "highest price of the bin, one tick below the next bin's bottom"),
    quantity("quantity", "time-weighted mean of what rested in the bin, over the valid part of the column"),
    Column("valid_fraction", "fraction", "part of the column during which the book could be read"),
    flag("beyond", "the snapshot did not reach all of the bin: levels may rest there unseen, so this is a lower bound"),
)


class LiquidityHeatmap(Feature):
    """Time-weighted resting quantity per time column, price bin and side.

    Definition: cell = integral of the bin's depth over the valid part of the column / that part. Columns are floor(time /
    `column_ms`), bins floor(tick / `step_ticks`), both anchored for ever, so nothing shifts with the price or the window.
    Only bins within `band` (a fraction) of the middle at the column's end are told, and only those where something
    rested. A column that a gap closes is not opened again. The step is a parameter, never chosen from what is in sight.
    Units: base units per bin. `ref_ts` = the column's beginning; `known_ts` = the first message at or after its end, which
    is what proves that nothing more came, or the gap's.
    Source: own; Bookmap's heatmap for the idea; ORDERFLOW OF17.

    Example:
        >>> LiquidityHeatmap(LiquidityHeatmap.Params(column_ms=250)).column_ns
        250000000
    """

    @dataclass(frozen=True)
    class Params:
        column_ms: int = 1000
        step_ticks: int = 50
        band: float = 0.01

        def __post_init__(self) -> None:
            at_least("liquidity_heatmap.column_ms", self.column_ms, 1)
            at_least("liquidity_heatmap.step_ticks", self.step_ticks, 1)
            if not 0 < self.band < 1:
                raise UserError(f"liquidity_heatmap.band must be a fraction between 0 and 1, not {self.band}.")

    spec = FeatureSpec(
        name="liquidity_heatmap",
        title="Resting liquidity",
        inputs=("book_delta",),
        output=LIQUIDITY_HEATMAP,
        source="own",
        shape="heat",
        pane="price",
        framed=False,
    )
    exempt: ClassVar[dict[str, str]] = {
        "mirror": "bins are floor(tick / step), which is not symmetric about a tick, and the band is a fraction of the price; "
        "tests/features/book holds the fold to the mirror with one-tick bins about the middle",
    }

    @property
    def column_ns(self) -> int:
        return int(self.params.column_ms) * MILLISECOND

    def start(self, instrument: Instrument) -> State:
        return {
            "book": empty_book(),
            "bins": empty_bins(self.params.step_ticks),
            "clock": np.array([NULL_TS, NULL_TS, 0, 0, NULL_TS], np.int64),
            "seen": np.full(4, NO_TICK, np.int64),
            "tick": instrument.tick_size,
        }

    def fold(self, state: State, batch: Batch) -> Table:
        return Table.concat([self._piece(state, feed) for feed in feeds(state["book"], batch, state["tick"])])

    def _piece(self, state: State, feed: Feed) -> Table:
        p = self.params
        ints, values = _heatmap_kernel(
            feed, book_of(state["book"]), bins_of(state["bins"]), SILENCE, self.column_ns, p.step_ticks, p.band,
            state["clock"], state["seen"],
        )  # fmt: skip
        if not len(ints):
            return LIQUIDITY_HEATMAP.empty()
        bottom = ints[:, 3] * p.step_ticks
        return Table.of(
            LIQUIDITY_HEATMAP,
            ref_ts=ints[:, 0],
            known_ts=ints[:, 1],
            side=ints[:, 2],
            bin=ints[:, 3],
            bottom=prices_of(bottom, state["tick"]),
            top=prices_of(bottom + p.step_ticks - 1, state["tick"]),
            quantity=values[:, 0],
            valid_fraction=values[:, 1],
            beyond=values[:, 2] > 0,
        )


@njit
def _heatmap_kernel(
    feed: Feed, book: Book, bins: Bins, silence: int, column: int, step: int, band: float, clock: Array, seen: Array
) -> tuple[Array, Array]:
    """clock: [open column (unset: none), time up to which valid time is counted, valid time, 1 while the book is live, last
    column that was closed]; seen: [bid, ask, lowest and highest tick in sight] before the event. Returns rows as
    [ref_ts, known_ts, side, bin] and [mean, valid fraction, beyond]."""
    ints, values, n = np.empty((256, 4), np.int64), np.empty((256, 3)), 0
    cursor, unset = feed.cursor, -(2**63)
    while True:
        event = next_event(feed, book, silence)
        if event == END:
            return ints[:n], values[:n]
        upto = cursor[TS] if event == MESSAGE else cursor[SINCE]
        while clock[0] != unset and (clock[0] + 1) * column <= upto:
            _count(clock, (clock[0] + 1) * column)
            ints, values, n = _close(bins, seen, clock, cursor[TS], column, step, band, ints, values, n)
            clock[4] = clock[0]
            clock[0] += 1
        _count(clock, upto)
        if event == MESSAGE:
            change_bins(bins, book, feed.where, feed.change, cursor[CHANGES], step, clock[2])
            live = is_live(book)
            if live and clock[0] == unset:
                clock[0] = upto // column
                if clock[4] != unset and clock[0] <= clock[4]:
                    clock[0] = clock[4] + 1
                bins.meta[1] = clock[2]
            if live and clock[3] == 0:
                clock[1] = max(upto, clock[0] * column)
            clock[3] = 1 if live else 0
            if live:
                seen[0], seen[1], seen[2], seen[3] = book.meta[BEST], book.meta[BEST + 1], book.meta[LOW], book.meta[HIGH]
            continue
        if clock[0] != unset:
            ints, values, n = _close(bins, seen, clock, cursor[TS], column, step, band, ints, values, n)
            clock[4], clock[0], clock[3] = clock[0], unset, 0
        if event == LOST:
            empty(bins)
            clock[2] = 0


@njit
def _count(clock: Array, upto: int) -> None:
    """Valid time goes on while the book is live."""
    if clock[3] == 1 and upto > clock[1]:
        clock[2] += upto - clock[1]
        clock[1] = upto


@njit
def _close(
    bins: Bins, seen: Array, clock: Array, known: int, column: int, step: int, band: float, ints: Array, values: Array, n: int
) -> tuple[Array, Array, int]:
    """The rows of the open column, and the beginning of the next one's integrals."""
    valid = clock[2] - bins.meta[1]
    if valid > 0:
        middle = 0.5 * (seen[0] + seen[1])
        first = max(bins.meta[0], int(np.floor(middle * (1.0 - band) / step)))
        last = min(bins.meta[0] + bins.depth.shape[1] - 1, int(np.floor(middle * (1.0 + band) / step)))
        for side in range(2):
            for b in range(first, last + 1):
                k = b - bins.meta[0]
                if bins.levels[side, k] == 0 and bins.since[side, k] <= bins.meta[1]:
                    continue
                settle(bins, side, k, clock[2])
                if bins.area[side, k] > 0:
                    if n == ints.shape[0]:
                        ints, values = (
                            np.concatenate((ints, np.empty_like(ints))),
                            np.concatenate((values, np.empty_like(values))),
                        )
                    ints[n, 0], ints[n, 1], ints[n, 2], ints[n, 3] = clock[0] * column, known, side + 1, b
                    values[n, 0], values[n, 1] = bins.area[side, k] / valid, valid / column
                    unseen = b * step < seen[2] if side == BID else seen[3] == NO_TICK or (b + 1) * step - 1 > seen[3]
                    values[n, 2] = 1.0 if unseen or seen[2] == NO_TICK else 0.0
                    n += 1
    bins.meta[1] = clock[2]
    return ints, values, n
