"""Trend of the higher frames, pullback of the lower one: the entry is where the pullback turns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perpscope.core.fold import State
from perpscope.core.table import Array
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit
from perpscope.setups.base import Drafts, Setup, setup_spec
from perpscope.setups.draft import highest, lowest, place_in_bar, put, target_of, within
from perpscope.setups.signal import Evidence
from perpscope.setups.tape import Series, Tape

FLOW_FULL = 0.10
_EVIDENCE = (
    Evidence("frames", "Agreement of the higher frames"),
    Evidence("slope", "Slope of the slow average in ATR"),
    Evidence("turn", "Where the bar closed in its range"),
    Evidence("flow", "Aggressor flow of the bar"),
)


class TrendPullback(Setup):
    """Long in a bias for longs, when a pullback to the averages turns up; short by mirror.

    Definition: evidence - `bias` scores at least `least_score` and its frames (1d, 4h, 1h) agree by `least_agreement`, the
    frame's own 21-bar average lies above its 50-bar one, the bar trades at or below the 21 and closes above the 50 and above
    its open. Entry - stop order one tick above the bar's high. Invalidation - a close below the 50 as it is now, or below the
    pullback's low where that is nearer. Stop - the lowest low of three bars less `buffer_atr` ATR. Target - the highest high of
    `span` bars when it pays `least_reward` times the risk, else `multiple` times the risk. Expiry - not entered after
    `wait_bars`, left `hold_bars` after the proposal. Disputed: agreement of frames may only select volatile hours (EVIDENCE 11,
    expected WEAK). UNPROVEN. Degrades: `delta` is optional; frames of `bias` without data count against agreement.
    Units: prices in quote currency, parts -1..1. `ref_ts` = open of the deciding bar, `known_ts` its close.
    Source: STRUCTURE ST19, continuation form.

    Example:
        >>> TrendPullback().params.wait_bars
        3
    """

    @dataclass(frozen=True)
    class Params:
        least_score: float = 0.3
        least_agreement: float = 2.0 / 3.0
        buffer_atr: float = 0.25
        span: int = 50
        least_reward: float = 1.2
        multiple: float = 2.0
        wait_bars: int = 3
        hold_bars: int = 96

        def __post_init__(self) -> None:
            at_least("trend_pullback.span", self.span, 3)
            at_least("trend_pullback.wait_bars", self.wait_bars, 1)
            at_least("trend_pullback.hold_bars", self.hold_bars, self.wait_bars)

    evidence = _EVIDENCE
    series = (
        Series("agreement", "bias", "agreement", "1h"),
        Series("frames", "bias", "score", "1h"),
        Series("fast", "average_stack", "ema_21"),
        Series("slow", "average_stack", "ema_50"),
        Series("slope", "average_stack", "slope_50"),
        Series("flow", "delta", "delta_fraction"),
    )
    spec = setup_spec(
        "trend_pullback",
        "Pullback in a higher trend",
        ("bars", "bias", "average_stack", "delta?"),
        _EVIDENCE,
        "STRUCTURE ST19",
    )

    def propose(self, state: State, tape: Tape) -> Drafts:
        p, t = self.params, tape
        ints, floats = self.room(tape)
        s = t.series
        agreed = (s["frames"] >= p.least_score) & (s["agreement"] >= p.least_agreement - 1e-12)
        n = _pullback_kernel(
            t.first, t.frame_ns, t.tick, t.known_ts, t.open, t.high, t.low, t.close, t.atr, t.age,
            agreed, s["frames"], s["fast"], s["slow"], s["slope"], s["flow"],
            p.buffer_atr, min(p.span, self.depth), p.least_reward, p.multiple, p.wait_bars, p.hold_bars, ints, floats,
        )  # fmt: skip
        return Drafts(ints[:, :n], floats[:, :n])


@njit
def _pullback_kernel(
    first: int, frame: int, tick: float, known: Array, open_: Array, high: Array, low: Array, close: Array, atr: Array,
    age: Array, lean: Array, frames: Array, fast: Array, slow: Array, slope: Array, flow: Array,
    buffer: float, span: int, reward: float, multiple: float, wait: int, hold: int, ints: Array, floats: Array,
) -> int:  # fmt: skip
    n = 0
    parts = np.empty(4)
    for i in range(first, close.size):
        if not (lean[i] and fast[i] > slow[i] and low[i] <= fast[i] and close[i] > slow[i] and close[i] > open_[i]):
            continue
        if age[i] < 3 or not atr[i] > 0.0:
            continue
        entry = high[i] + tick
        bottom = lowest(low, i, 3)
        stop = bottom - buffer * atr[i]
        parts[0] = within(frames[i])
        parts[1] = within(slope[i])
        parts[2] = place_in_bar(high[i], low[i], close[i])
        parts[3] = within(flow[i] / FLOW_FULL)
        target = target_of(entry, stop, highest(high, i, min(span, age[i])), reward, multiple)
        at, wrong = known[i], max(slow[i], bottom)
        n = put(n, ints, floats, i - first, 1, 3, at + wait * frame, at + hold * frame, entry, stop, target, wrong, parts)
    return n
