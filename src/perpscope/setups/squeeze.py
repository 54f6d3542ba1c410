"""Squeeze: open interest builds while price stands still and one side pays, so that a break forces it out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perpscope.core.fold import State
from perpscope.core.table import Array
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit
from perpscope.setups.base import Drafts, Setup, setup_spec
from perpscope.setups.draft import highest, lowest, put, within
from perpscope.setups.signal import Evidence
from perpscope.setups.tape import Series, Tape

_EVIDENCE = (
    Evidence("interest", "Growth of open interest over the range"),
    Evidence("flat", "How narrow the range is"),
    Evidence("funding", "How crowded the other side is"),
)


class Squeeze(Setup):
    """Stop entry above a narrow range in which open interest grew and shorts pay; short by mirror.

    Definition: evidence - over `span` bars open interest grew by at least `least_growth`, the range of those bars is at most
    `most_range` ATR, and the last funding rate is negative and ranks at or below `skew` among those of 90 days. Entry -
    stop order one tick above the range. Invalidation - a close below the middle of the range. Stop - `buffer_atr` ATR below
    that middle. Target - `multiple` heights of the range above the entry; none when that pays less than the risk. Expiry - not
    entered after half the span, left `hold_bars` after the proposal.
    Disputed: open interest has two sides, so growth alone says nothing of direction; funding must say who pays. UNPROVEN.
    Needs open interest and funding.
    Units: fractions, prices in quote currency, parts -1..1. `ref_ts` = open of the deciding bar, `known_ts` its close.
    Source: own; STRUCTURE ST26, ST28.

    Example:
        >>> Squeeze.spec.inputs
        ('bars', 'open_interest_delta', 'funding_state')
    """

    @dataclass(frozen=True)
    class Params:
        span: int = 24
        least_growth: float = 0.01
        full_growth: float = 0.05
        most_range: float = 5.0
        skew: float = 0.3
        buffer_atr: float = 0.25
        multiple: float = 1.5
        hold_bars: int = 48

        def __post_init__(self) -> None:
            at_least("squeeze.span", self.span, 4)
            at_least("squeeze.most_range", self.most_range, 0.1)
            at_least("squeeze.hold_bars", self.hold_bars, self.span // 2)

    evidence = _EVIDENCE
    series = (
        Series("interest", "open_interest_delta", "open_interest"),
        Series("rate", "funding_state", "funding_rate", "8h"),
        Series("rank", "funding_state", "percentile", "8h"),
    )
    spec = setup_spec(
        "squeeze", "Squeeze", ("bars", "open_interest_delta", "funding_state"), _EVIDENCE, "own; STRUCTURE ST26, ST28"
    )
    exempt: ClassVar[dict[str, str]] = {
        "gap": "the rank of a rate among 90 days survives a hole, as funding_state declares; proposals do not"
    }

    def propose(self, state: State, tape: Tape) -> Drafts:
        p, t = self.params, tape
        ints, floats = self.room(tape)
        rank = t.series["rank"]
        n = _squeeze_kernel(
            t.first, t.frame_ns, t.tick, t.known_ts, t.high, t.low, t.atr, t.age, t.series["interest"], t.series["rate"],
            1.0 - rank if t.down else rank, min(p.span, self.depth - 1), p.least_growth, p.full_growth, p.most_range, p.skew,
            p.buffer_atr, p.multiple, p.hold_bars, ints, floats,
        )  # fmt: skip
        return Drafts(ints[:, :n], floats[:, :n])


@njit
def _squeeze_kernel(
    first: int, frame: int, tick: float, known: Array, high: Array, low: Array, atr: Array, age: Array, interest: Array,
    rate: Array, rank: Array, span: int, least: float, full: float, most: float, skew: float, buffer: float, multiple: float,
    hold: int, ints: Array, floats: Array,
) -> int:  # fmt: skip
    n = 0
    parts = np.empty(3)
    for i in range(first, high.size):
        if age[i] <= span or not (rate[i] < 0.0 and rank[i] <= skew and atr[i] > 0.0 and interest[i - span] > 0.0):
            continue
        growth = interest[i] / interest[i - span] - 1.0
        top, bottom = highest(high, i, span), lowest(low, i, span)
        height = top - bottom
        if not growth >= least or height > most * atr[i]:
            continue
        entry, middle, at = top + tick, 0.5 * (top + bottom), known[i]
        stop = middle - buffer * atr[i]
        target = entry + multiple * height
        if target - entry < entry - stop:
            continue
        parts[0] = within(growth / full)
        parts[1] = 1.0 - height / (most * atr[i])
        parts[2] = within(1.0 - rank[i] / (2.0 * skew))
        wait = at + (span // 2) * frame
        n = put(n, ints, floats, i - first, 1, 3, wait, at + hold * frame, entry, stop, target, middle, parts)
    return n
