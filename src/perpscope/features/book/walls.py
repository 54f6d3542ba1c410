"""Walls: bins that hold many times what their neighbours hold, and how they end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.events import BookSide
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, choice, price, quantity, row_schema
from perpscope.core.time import NULL_TS, SECOND
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.book import BEST, BID, Book, book_of, empty_book
from perpscope.market.book_bins import Bins, bins_of, change_bins, empty, empty_bins
from perpscope.market.book_feed import (
    CHANGES,
    END,
    LOST,
    MESSAGE,
    SILENCE,
    TS,
    Feed,
    is_heard,
    is_live,
    next_event,
    prices_of,
    upcoming,
)
from perpscope.market.book_tape import LevelEvent, Prints, feeds_and_prints, find_level, free_level, level_id
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit

MILLISECOND = 1_000_000
NEIGHBOURS = 5

WALLS = row_schema(
    "walls",
    Column("id", "id", "the wall", "int64"),
    choice("event", LevelEvent, "opened, touched (the price reached it), filled, broken or expired"),
    choice("side", BookSide, "who rests there", mirror="flip"),
    price("bottom", "lowest price of the bin"),
    price("top", "highest price of the bin"),
    quantity("quantity", "resting in the bin"),
    quantity("peak", "the most it held"),
    quantity("executed", "traded in the bin since it stood out"),
    Column("ratio", "ratio", "quantity / median of the other bins of its side that hold something"),
)


class Walls(Feature):
    """Bins of the book that stand out from their side for a while, with their life.

    Definition: every `check_ms`, a bin whose depth is >= `k_open` x the median of the other non-empty bins of its side within
    `reach_bps` of the middle (at least five of them) is a candidate; after `stay_s` without interruption it is a wall, opened
    with `ref_ts` = the first check. Touched once when it holds the best price. When its depth falls below `k_close` x the
    median it ends: filled if prints took at least half of its peak, broken if less than a tenth of the peak is left (it was
    mostly cancelled), else expired (it faded). A gap, a silence, or a price that left it two reaches behind expires it too.
    Units: price, base units. `known_ts` = the first message or print at or after the check.
    A wall is a fact about the past seconds; that it will still be there is not. Round numbers are always thick.
    Source: own; ORDERFLOW OF18.

    Example:
        >>> Walls().params.stay_s
        3.0
    """

    @dataclass(frozen=True)
    class Params:
        step_ticks: int = 10
        check_ms: int = 250
        k_open: float = 5.0
        k_close: float = 3.0
        reach_bps: float = 50.0
        stay_s: float = 3.0
        max_walls: int = 128

        def __post_init__(self) -> None:
            at_least("walls.step_ticks", self.step_ticks, 1)
            at_least("walls.check_ms", self.check_ms, 1)
            at_least("walls.max_walls", self.max_walls, 1)
            if not 1 <= self.k_close <= self.k_open:
                raise UserError(f"walls.k_close must lie between 1 and k_open, not {self.k_close} with k_open {self.k_open}.")

    spec = FeatureSpec(
        name="walls",
        title="Walls",
        inputs=("book_delta", "trade"),
        output=WALLS,
        source="own",
        shape="zone",
        pane="price",
        episodes=True,
        framed=False,
    )
    exempt: ClassVar[dict[str, str]] = {
        "mirror": "bins are floor(tick / step), which is not symmetric about a tick, and the reach is a fraction of the price; "
        "tests/features/book turns a book upside down about its own middle with bins of one tick",
    }

    def start(self, instrument: Instrument) -> State:
        walls = np.zeros((self.params.max_walls, 5), np.int64)
        walls[:, 0] = -1
        return {
            "book": empty_book(),
            "bins": empty_bins(self.params.step_ticks),
            "walls": walls,
            "amounts": np.zeros((self.params.max_walls, 2)),
            "clock": np.array([NULL_TS], np.int64),
            "tick": instrument.tick_size,
        }

    def fold(self, state: State, batch: Batch) -> Table:
        pieces = feeds_and_prints(state["book"], batch, state["tick"])
        return Table.concat([self._piece(state, feed, prints) for feed, prints in pieces])

    def _piece(self, state: State, feed: Feed, prints: Prints) -> Table:
        p = self.params
        ints, values = _wall_kernel(
            feed, prints, book_of(state["book"]), bins_of(state["bins"]), SILENCE, p.step_ticks, p.check_ms * MILLISECOND,
            p.k_open, p.k_close, p.reach_bps * 1e-4, int(p.stay_s * SECOND), state["walls"], state["amounts"], state["clock"],
        )  # fmt: skip
        if not len(ints):
            return WALLS.empty()
        ref, known, event, side, bins = ints.T
        return Table.of(
            WALLS,
            ref_ts=ref,
            known_ts=known,
            id=[level_id.python(int(r), int(s), int(b)) for r, s, b in zip(ref, side, bins, strict=True)],
            event=event,
            side=side + 1,
            bottom=prices_of(bins * p.step_ticks, state["tick"]),
            top=prices_of(bins * p.step_ticks + p.step_ticks - 1, state["tick"]),
            **{name: values[:, k] for k, name in enumerate(("quantity", "peak", "executed", "ratio"))},
        )


# columns of `walls`; of `amounts`: peak, executed
SIDE, BIN, SINCE_TS, OPEN, REACHED = 0, 1, 2, 3, 4


@njit
def _wall_kernel(
    feed: Feed, prints: Prints, book: Book, bins: Bins, silence: int, step: int, check: int, k_open: float, k_close: float,
    reach: float, stay: int, walls: Array, amounts: Array, clock: Array,
) -> tuple[Array, Array]:  # fmt: skip
    """walls: [side (-1: free), bin, first check, 1 once opened, 1 once touched]; clock: [next check]. Returns [ref_ts,
    known_ts, event, side, bin] and [quantity, peak, executed, ratio] rows."""
    n, t, ints, values = 0, 0, np.empty((64, 5), np.int64), np.empty((64, 4))
    unset = -(2**63)
    while True:
        at = upcoming(feed)
        while t < prints.ts.size and prints.ts[t] <= at:
            if is_heard(book, prints.ts[t], silence):
                k = find_level(walls, prints.side[t], prints.tick[t] // step)
                if k >= 0:
                    amounts[k, 1] += prints.quantity[t]
            t += 1
        # what the checks before this event saw is the book before it
        seen, bid, ask = is_live(book), book.meta[BEST], book.meta[BEST + 1]
        if seen and clock[0] != unset and at != np.iinfo(np.int64).max and is_heard(book, at, silence):
            while clock[0] <= at:
                ints, values, n = _check(
                    bins, bid, ask, clock[0], at, step, k_open, k_close, reach, stay, walls, amounts, ints, values, n
                )
                clock[0] += check
        event = next_event(feed, book, silence)
        if event == END:
            return ints[:n], values[:n]
        now = feed.cursor[TS]
        if event == MESSAGE:
            change_bins(bins, book, feed.where, feed.change, feed.cursor[CHANGES], step, 0)
            if is_live(book) and clock[0] == unset:
                clock[0] = -(-now // check) * check
                if clock[0] == now:
                    clock[0] += check
            continue
        for k in range(walls.shape[0]):
            if walls[k, SIDE] != -1:
                ints, values, n = _end(walls, amounts, k, 5, now, 0.0, np.nan, ints, values, n)
        clock[0] = unset
        if event == LOST:
            empty(bins)


@njit
def _check(
    bins: Bins, bid: int, ask: int, at: int, known: int, step: int, k_open: float, k_close: float, reach: float, stay: int,
    walls: Array, amounts: Array, ints: Array, values: Array, n: int,
) -> tuple[Array, Array, int]:  # fmt: skip
    middle = 0.5 * (bid + ask)
    first, size = bins.meta[0], bins.depth.shape[1]
    low, high = int(np.floor(middle * (1.0 - reach) / step)), int(np.floor(middle * (1.0 + reach) / step))
    for side in range(2):
        best = (bid if side == BID else ask) // step
        inner, outer = (max(first, low), best) if side == BID else (best, min(first + size - 1, high))
        depths = np.empty(max(0, outer - inner + 1))
        m = 0
        for b in range(inner, outer + 1):
            if bins.levels[side, b - first] > 0:
                depths[m] = bins.depth[side, b - first]
                m += 1
        depths = np.sort(depths[:m])
        for k in range(walls.shape[0]):
            if walls[k, SIDE] == side:
                ints, values, n = _judge(
                    bins, depths, k, best, low, high, at, known, k_open, k_close, stay, walls, amounts, ints, values, n
                )
        if m <= NEIGHBOURS:
            continue
        for b in range(inner, outer + 1):
            held = bins.depth[side, b - first]
            stands_out = bins.levels[side, b - first] > 0 and held >= k_open * _median_of_others(depths, held)
            if stands_out and find_level(walls, side, b) < 0:
                k = free_level(walls, SINCE_TS)
                ints, values, n = _end(walls, amounts, k, 5, known, 0.0, np.nan, ints, values, n)
                walls[k, SIDE], walls[k, BIN], walls[k, SINCE_TS] = side, b, at
                walls[k, OPEN] = walls[k, REACHED] = 0
                amounts[k, 0], amounts[k, 1] = held, 0.0
    return ints, values, n


@njit
def _judge(
    bins: Bins, depths: Array, k: int, best: int, low: int, high: int, at: int, known: int, k_open: float, k_close: float,
    stay: int, walls: Array, amounts: Array, ints: Array, values: Array, n: int,
) -> tuple[Array, Array, int]:  # fmt: skip
    """What became of a candidate or wall since the last check."""
    side, b, place = walls[k, SIDE], walls[k, BIN], walls[k, BIN] - bins.meta[0]
    away = b < 2 * low - high or b > 2 * high - low
    if away or not 0 <= place < bins.depth.shape[1]:
        return _end(walls, amounts, k, 5, known, 0.0, np.nan, ints, values, n)
    held = bins.depth[side, place]
    amounts[k, 0] = max(amounts[k, 0], held)
    ratio = held / _median_of_others(depths, held)
    if walls[k, OPEN] == 0:
        if not ratio >= k_open:
            walls[k, SIDE] = -1
        elif at - walls[k, SINCE_TS] >= stay:
            walls[k, OPEN] = 1
            ints, values, n = _tell(walls, amounts, k, 1, known, held, ratio, ints, values, n)
    if walls[k, SIDE] == -1 or walls[k, OPEN] == 0:
        return ints, values, n
    if held > 0 and b == best and walls[k, REACHED] == 0:
        walls[k, REACHED] = 1
        ints, values, n = _tell(walls, amounts, k, 2, known, held, ratio, ints, values, n)
    if ratio < k_close or held == 0:
        event = 3 if amounts[k, 1] >= 0.5 * amounts[k, 0] else (4 if held < 0.1 * amounts[k, 0] else 5)
        return _end(walls, amounts, k, event, known, held, ratio, ints, values, n)
    return ints, values, n


@njit
def _median_of_others(ordered: Array, one: float) -> float:
    """The median of the ascending values without one equal to `one` (or of all, if there is none); NaN of none."""
    m, at = ordered.size, int(np.searchsorted(ordered, one))
    if at == m or ordered[at] != one:
        at = m
    else:
        m -= 1
    if m == 0:
        return np.nan
    low, high = (m - 1) // 2, m // 2
    return 0.5 * (ordered[low + (1 if low >= at else 0)] + ordered[high + (1 if high >= at else 0)])


@njit
def _end(
    walls: Array, amounts: Array, k: int, event: int, known: int, held: float, ratio: float, ints: Array, values: Array, n: int
) -> tuple[Array, Array, int]:
    if walls[k, SIDE] != -1 and walls[k, OPEN] == 1:
        ints, values, n = _tell(walls, amounts, k, event, known, held, ratio, ints, values, n)
    walls[k, SIDE] = -1
    return ints, values, n


@njit
def _tell(
    walls: Array, amounts: Array, k: int, event: int, known: int, held: float, ratio: float, ints: Array, values: Array, n: int
) -> tuple[Array, Array, int]:
    if n == ints.shape[0]:
        ints, values = np.concatenate((ints, np.empty_like(ints))), np.concatenate((values, np.empty_like(values)))
    ints[n, 0], ints[n, 1], ints[n, 2] = walls[k, SINCE_TS], known, event
    ints[n, 3], ints[n, 4] = walls[k, SIDE], walls[k, BIN]
    values[n, 0], values[n, 1], values[n, 2], values[n, 3] = held, amounts[k, 0], amounts[k, 1], ratio
    return ints, values, n + 1
