"""Funding extreme with open interest: a crowded side pays, and price turns against it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perpscope.core.fold import State
from perpscope.core.table import Array
from perpscope.core.time import HOUR
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit
from perpscope.setups.base import Drafts, Setup, setup_spec
from perpscope.setups.draft import highest, lowest, put, within
from perpscope.setups.signal import Evidence
from perpscope.setups.tape import Series, Tape

_EVIDENCE = (
    Evidence("funding", "How crowded the other side is"),
    Evidence("interest", "Growth of open interest"),
    Evidence("turn", "How far price turned, in ATR"),
)


class FundingExtreme(Setup):
    """Long when shorts are crowded and pay, and price turns up; short by mirror.

    Definition: evidence - the last funding rate ranks at or below `extreme` among those of 90 days (at or above 1 - `extreme`
    for a short), open interest did not fall over `span_hours` where it is known, and this bar is the first to close above the
    highest high of the `turn_bars` before it. Entry - market. Invalidation - a close below the lowest low of `low_bars`. Stop -
    that low less `buffer_atr` ATR. Target - `multiple` times the risk. Expiry - not entered after the next bar, left after
    `hold_hours`: three payments of eight hours.
    Disputed: fading extremes had t < 1 in public tests, flips were better (EVIDENCE 11, expected WEAK). UNPROVEN. Degrades:
    without open interest its part is NaN and its condition is dropped.
    Units: fractions, prices in quote currency, parts -1..1. `ref_ts` = open of the deciding bar, `known_ts` its close.
    Source: own; STRUCTURE ST28.

    Example:
        >>> FundingExtreme().params.extreme
        0.05
    """

    @dataclass(frozen=True)
    class Params:
        extreme: float = 0.05
        span_hours: int = 24
        full_growth: float = 0.05
        turn_bars: int = 3
        low_bars: int = 24
        buffer_atr: float = 0.5
        multiple: float = 2.0
        hold_hours: int = 24

        def __post_init__(self) -> None:
            at_least("funding_extreme.turn_bars", self.turn_bars, 1)
            at_least("funding_extreme.low_bars", self.low_bars, self.turn_bars)
            at_least("funding_extreme.span_hours", self.span_hours, 1)
            at_least("funding_extreme.hold_hours", self.hold_hours, 1)

    evidence = _EVIDENCE
    depth = 300
    series = (
        Series("rank", "funding_state", "percentile", "8h"),
        Series("interest", "open_interest_delta", "open_interest"),
    )
    spec = setup_spec(
        "funding_extreme",
        "Funding extreme with open interest",
        ("bars", "funding_state", "open_interest_delta?"),
        _EVIDENCE,
        "own; STRUCTURE ST28",
    )
    exempt: ClassVar[dict[str, str]] = {
        "gap": "the rank of a rate among 90 days survives a hole, as funding_state declares; proposals do not"
    }

    def propose(self, state: State, tape: Tape) -> Drafts:
        p, t = self.params, tape
        ints, floats = self.room(tape)
        rank = t.series["rank"]
        back = min(max(1, p.span_hours * HOUR // t.frame_ns), self.depth - 1)
        n = _extreme_kernel(
            t.first, t.frame_ns, t.known_ts, t.high, t.low, t.close, t.atr, t.age, 1.0 - rank if t.down else rank,
            t.series["interest"], p.extreme, back, p.full_growth, p.turn_bars, min(p.low_bars, self.depth), p.buffer_atr,
            p.multiple, p.hold_hours * HOUR, ints, floats,
        )  # fmt: skip
        return Drafts(ints[:, :n], floats[:, :n])


@njit
def _extreme_kernel(
    first: int, frame: int, known: Array, high: Array, low: Array, close: Array, atr: Array, age: Array, rank: Array,
    interest: Array, extreme: float, back: int, full: float, turn: int, lows: int, buffer: float, multiple: float, hold: int,
    ints: Array, floats: Array,
) -> int:  # fmt: skip
    n = 0
    parts = np.empty(3)
    for i in range(first, close.size):
        if not rank[i] <= extreme or age[i] < max(turn + 2, lows) or not atr[i] > 0.0:
            continue
        level = highest(high, i - 1, turn)
        if not close[i] > level or close[i - 1] > highest(high, i - 2, turn):
            continue
        growth = interest[i] / interest[i - back] - 1.0 if age[i] > back and interest[i - back] > 0.0 else np.nan
        if growth < 0.0:
            continue
        entry, bottom, at = close[i], lowest(low, i, lows), known[i]
        stop = bottom - buffer * atr[i]
        parts[0] = within(1.0 - rank[i] / (2.0 * extreme))
        parts[1] = within(growth / full)
        parts[2] = within((entry - level) / atr[i])
        target = entry + multiple * (entry - stop)
        n = put(n, ints, floats, i - first, 1, 1, at + frame, at + max(hold, frame), entry, stop, target, bottom, parts)
    return n
