"""Icebergs inferred from depth and prints: a level that gives more than it ever showed, and comes back after each cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.events import BookSide
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, choice, price, quantity, row_schema
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.book import BID, Book, book_of, empty_book, quantity_at
from perpscope.market.book_feed import END, MESSAGE, SILENCE, TS, Feed, is_heard, is_live, next_event, prices_of, upcoming
from perpscope.market.book_tape import LevelEvent, Prints, feeds_and_prints, find_level, free_level, level_id
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit

MILLISECOND = 1_000_000

ICEBERGS = row_schema(
    "icebergs",
    Column("id", "id", "the level's life", "int64"),
    choice("event", LevelEvent, "opened, touched (a further refill), filled, broken or expired"),
    choice("side", BookSide, "who rests there", mirror="flip"),
    price("price", "the level"),
    quantity("executed", "traded at the level since it appeared"),
    quantity("displayed", "the most it ever showed"),
    Column("refills", "count", "times it came back after a print cut it"),
    Column("hidden_ratio", "ratio", "executed / displayed"),
    Column("confidence", "score", "(1 - 0.5^refills) x clip(hidden_ratio - 1, 0, 1); a score, not a fact"),
)


class Icebergs(Feature):
    """Levels that probably hide more than they show, each with a confidence.

    Definition: for one price and side since the level appeared: V executed, M the most it displayed, r refills. A refill: a
    print cut the level below `refill_share` of what it showed, and within `refill_ms` it shows that much again (later
    additions do not count; a feed that hides the dip shows no change at all, which counts). Opened when V > (1 + `excess`) M
    and r >= `least_refills`; touched by each further refill; filled when prints took the last of it or the price traded
    through; broken when it was pulled; expired after `memory_s` without a print, or by a gap.
    Units: price, base units. `ref_ts` = the first print at the level; `known_ts` = the message (or print) that decides.
    A score, not a fact: retail orders that are absent from the depth but present in the prints (RPI), and other traders
    who join the level at once, look the same. The page shows precision and recall on a planted book.
    Source: own; what order-level data allow: Zotikov, Antonov, arXiv:1909.09495; ORDERFLOW OF21.

    Example:
        >>> round(confidence(27.0, 10.0, 2), 6)
        0.75
    """

    @dataclass(frozen=True)
    class Params:
        refill_share: float = 0.8
        refill_ms: int = 200
        excess: float = 0.2
        least_refills: int = 2
        memory_s: int = 60
        max_levels: int = 256

        def __post_init__(self) -> None:
            at_least("icebergs.refill_share", self.refill_share, 0.0)
            at_least("icebergs.refill_ms", self.refill_ms, 1)
            at_least("icebergs.least_refills", self.least_refills, 1)
            at_least("icebergs.memory_s", self.memory_s, 1)
            at_least("icebergs.max_levels", self.max_levels, 1)

    spec = FeatureSpec(
        name="icebergs",
        title="Iceberg score",
        inputs=("book_delta", "trade"),
        output=ICEBERGS,
        source="own",
        shape="marker",
        pane="price",
        episodes=True,
        framed=False,
    )

    def start(self, instrument: Instrument) -> State:
        levels = np.zeros((self.params.max_levels, 7), np.int64)
        levels[:, 0] = -1
        return {
            "book": empty_book(),
            "levels": levels,
            "amounts": np.zeros((self.params.max_levels, 4)),
            "tick": instrument.tick_size,
        }

    def fold(self, state: State, batch: Batch) -> Table:
        pieces = feeds_and_prints(state["book"], batch, state["tick"])
        return Table.concat([self._piece(state, feed, prints) for feed, prints in pieces])

    def _piece(self, state: State, feed: Feed, prints: Prints) -> Table:
        p = self.params
        ints, values = _iceberg_kernel(
            feed, prints, book_of(state["book"]), SILENCE, p.refill_share, p.refill_ms * MILLISECOND, p.excess, p.least_refills,
            p.memory_s * 1_000_000_000, state["levels"], state["amounts"],
        )  # fmt: skip
        if not len(ints):
            return ICEBERGS.empty()
        ref, known, event, side, tick, refills = ints.T
        executed, displayed = values.T
        ratio = executed / displayed
        return Table.of(
            ICEBERGS,
            ref_ts=ref,
            known_ts=known,
            id=[level_id.python(int(r), int(s), int(t)) for r, s, t in zip(ref, side, tick, strict=True)],
            event=event,
            side=side + 1,
            price=prices_of(tick, state["tick"]),
            executed=executed,
            displayed=displayed,
            refills=refills,
            hidden_ratio=ratio,
            confidence=(1.0 - 0.5**refills) * np.clip(ratio - 1.0, 0.0, 1.0),
        )


def confidence(executed: float, displayed: float, refills: int) -> float:
    """How much speaks for an iceberg, 0 to 1: each refill halves the doubt, and it counts only what was never shown."""
    return float((1.0 - 0.5**refills) * np.clip(executed / displayed - 1.0, 0.0, 1.0))


# columns of `levels`; `amounts`: executed, most displayed, shown before the cut, executed since
SIDE, TICK, REF, LAST, REFILLS, WAITING, OPEN = 0, 1, 2, 3, 4, 5, 6


@njit
def _iceberg_kernel(
    feed: Feed, prints: Prints, book: Book, silence: int, share: float, within: int, excess: float, least: int, memory: int,
    levels: Array, amounts: Array,
) -> tuple[Array, Array]:  # fmt: skip
    """levels: [side (-1: free), tick, first print, last print, refills, 1 while a cut waits for its refill, 1 once opened].
    Returns [ref_ts, known_ts, event, side, tick, refills] and [executed, displayed] rows."""
    n, t, ints, values = 0, 0, np.empty((64, 6), np.int64), np.empty((64, 2))
    while True:
        at = upcoming(feed)
        while t < prints.ts.size and prints.ts[t] <= at:
            now, side, tick = prints.ts[t], prints.side[t], prints.tick[t]
            if is_heard(book, now, silence) and is_live(book):
                for k in range(levels.shape[0]):
                    through = tick < levels[k, TICK] if side == BID else tick > levels[k, TICK]
                    if levels[k, SIDE] == side and through:
                        ints, values, n = _end(levels, amounts, k, 3, now, ints, values, n)
                k = find_level(levels, side, tick)
                if k < 0:
                    shown = quantity_at(book, side, tick)
                    if shown > 0:
                        k = free_level(levels, LAST)
                        ints, values, n = _end(levels, amounts, k, 5, now, ints, values, n)
                        levels[k, SIDE], levels[k, TICK], levels[k, REF], levels[k, REFILLS] = side, tick, now, 0
                        levels[k, WAITING] = levels[k, OPEN] = 0
                        amounts[k, 0], amounts[k, 1] = 0.0, shown
                if k >= 0:
                    if levels[k, WAITING] == 0:
                        levels[k, WAITING] = 1
                        amounts[k, 2], amounts[k, 3] = quantity_at(book, side, tick), 0.0
                    amounts[k, 0] += prints.quantity[t]
                    amounts[k, 3] += prints.quantity[t]
                    levels[k, LAST] = now
            t += 1
        event = next_event(feed, book, silence)
        if event == END:
            return ints[:n], values[:n]
        now = feed.cursor[TS]
        for k in range(levels.shape[0]):
            if levels[k, SIDE] == -1:
                continue
            if event != MESSAGE or now - levels[k, LAST] > memory:
                ints, values, n = _end(levels, amounts, k, 5, now, ints, values, n)
                continue
            ints, values, n = _watch(levels, amounts, k, book, now, share, within, excess, least, ints, values, n)


@njit
def _watch(
    levels: Array, amounts: Array, k: int, book: Book, now: int, share: float, within: int, excess: float, least: int,
    ints: Array, values: Array, n: int,
) -> tuple[Array, Array, int]:  # fmt: skip
    """A level after a message: did it come back, is it gone, is it an iceberg now?"""
    shown = quantity_at(book, levels[k, SIDE], levels[k, TICK])
    amounts[k, 1] = max(amounts[k, 1], shown if shown > 0 else 0.0)
    if levels[k, WAITING] == 1:
        cut = amounts[k, 2] - amounts[k, 3] < share * amounts[k, 2]
        back, late = shown >= share * amounts[k, 2], now - levels[k, LAST] > within
        if cut and back and not late:
            levels[k, WAITING] = 0
            levels[k, REFILLS] += 1
            candidate = amounts[k, 0] > (1.0 + excess) * amounts[k, 1] and levels[k, REFILLS] >= least
            if candidate or levels[k, OPEN] == 1:
                ints, values, n = _tell(levels, amounts, k, 2 if levels[k, OPEN] == 1 else 1, now, ints, values, n)
                levels[k, OPEN] = 1
        elif late or (not cut and now > levels[k, LAST]):
            levels[k, WAITING] = 0
            if not shown > 0:
                return _end(levels, amounts, k, 3, now, ints, values, n)
    elif not shown > 0:
        return _end(levels, amounts, k, 4, now, ints, values, n)
    return ints, values, n


@njit
def _end(
    levels: Array, amounts: Array, k: int, event: int, now: int, ints: Array, values: Array, n: int
) -> tuple[Array, Array, int]:
    """Free the row; an iceberg that was told of is told to be over."""
    if levels[k, SIDE] != -1 and levels[k, OPEN] == 1:
        ints, values, n = _tell(levels, amounts, k, event, now, ints, values, n)
    levels[k, SIDE] = -1
    return ints, values, n


@njit
def _tell(
    levels: Array, amounts: Array, k: int, event: int, now: int, ints: Array, values: Array, n: int
) -> tuple[Array, Array, int]:
    if n == ints.shape[0]:
        ints, values = np.concatenate((ints, np.empty_like(ints))), np.concatenate((values, np.empty_like(values)))
    ints[n, 0], ints[n, 1], ints[n, 2] = levels[k, REF], now, event
    ints[n, 3], ints[n, 4], ints[n, 5] = levels[k, SIDE], levels[k, TICK], levels[k, REFILLS]
    values[n, 0], values[n, 1] = amounts[k, 0], amounts[k, 1]
    return ints, values, n + 1
