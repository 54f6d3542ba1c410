"""Session opens: the Asian range raided at London, and the opening range that breaks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from perpscope.core.fold import State
from perpscope.core.table import Array
from perpscope.core.time import HOUR
from perpscope.core.units import Direction
from perpscope.features.session.opening_range import OpeningRangeEvent
from perpscope.features.session.power_of_three import PowerOfThreeEvent
from perpscope.market.structure import Extreme, at_least
from perpscope.numeric.jit import njit
from perpscope.setups.base import Drafts, Setup, setup_spec
from perpscope.setups.draft import put, within
from perpscope.setups.signal import Evidence
from perpscope.setups.tape import Series, Tape

FLOW_FULL = 0.10
_EVIDENCE = (
    Evidence("raid", "Depth of the raid, or of the break, in ATR"),
    Evidence("frames", "Higher time frames"),
    Evidence("flow", "Aggressor flow of the bar"),
)


class OpenKind(IntEnum):
    """RAID: a side of the Asian range was swept. BREAK: an opening range broke."""

    RAID = 1
    BREAK = 2


class SessionOpen(Setup):
    """Long after the low of the Asian range was raided at London's open, or with a broken opening range; short by mirror.

    Definition: RAID: evidence - `power_of_three` confirms a raid on the low of the Asian range (20:00-00:00 New York) between
    00:00 and 05:00 New York, which holds London's open. Entry - market. Invalidation - a close below the raid's extreme.
    Stop - `buffer_atr` ATR below it. Target - the high of the Asian range; none when it pays less than `least_reward` times
    the risk. Left after `hold_hours`. BREAK: evidence - a bar closes above the opening range (30 or 60 minutes of a session,
    whichever breaks first) whose height lies between `least_height` and `most_height` ATR. Entry - market. Invalidation - a
    close below the middle of the range. Stop - 0.1 of its height below the middle. Target - one height above the range, under
    the same condition. Left at the session's end. Expiry of the entry - the next bar, for both.
    Disputed: the hours are conventions; no test of kill zones beat costs (EVIDENCE 11). UNPROVEN. Degrades: `bias` and
    `delta` are optional. Needs bars of one hour or less.
    Units: prices in quote currency, parts -1..1. `ref_ts` = open of the deciding bar, `known_ts` its close.
    Source: STRUCTURE ST11, ST22.

    Example:
        >>> [kind.name for kind in SessionOpen.Variant]
        ['RAID', 'BREAK']
    """

    @dataclass(frozen=True)
    class Params:
        buffer_atr: float = 0.25
        least_reward: float = 1.0
        least_height: float = 0.5
        most_height: float = 8.0
        hold_hours: int = 12

        def __post_init__(self) -> None:
            at_least("session_open.hold_hours", self.hold_hours, 2)
            at_least("session_open.most_height", self.most_height, self.least_height)

    evidence = _EVIDENCE
    Variant = OpenKind
    series = (Series("frames", "bias", "score", "1h"), Series("flow", "delta", "delta_fraction"))
    happenings = ("power_of_three", "opening_ranges")
    spec = setup_spec(
        "session_open",
        "Session open: raid and break",
        ("bars", "power_of_three", "opening_ranges", "bias?", "delta?"),
        _EVIDENCE,
        "STRUCTURE ST11, ST22",
        OpenKind,
    )

    def propose(self, state: State, tape: Tape) -> Drafts:
        p, t = self.params, tape
        bar, times, values = _openings(tape)
        ints = np.empty((5, len(bar)), np.int64)
        floats = np.empty((len(self.room(tape)[1]), len(bar)))
        n = _open_kernel(
            t.first, t.frame_ns, t.known_ts, t.low, t.close, t.atr, t.series["frames"], t.series["flow"], bar, times, values,
            p.buffer_atr, p.least_reward, p.least_height, p.most_height, p.hold_hours * HOUR, ints, floats,
        )  # fmt: skip
        return Drafts(ints[:, :n], floats[:, :n])


def _openings(tape: Tape) -> tuple[Array, Array, Array]:
    """Raids of lows and breaks of tops in bar order: (bar,), (2, n) kind and end of the session, (3, n) high, low, extreme."""
    raids, breaks = tape.happenings["power_of_three"], tape.happenings["opening_ranges"]
    if not len(raids) and not len(breaks):
        return np.empty(0, np.int64), np.empty((2, 0), np.int64), np.empty((3, 0))
    low = (raids["event"] == PowerOfThreeEvent.CONFIRMED) & (raids["direction"] == Direction.UP)
    top = (breaks["event"] == OpeningRangeEvent.BROKEN) & (breaks["side"] == Extreme.HIGH)
    bar = np.concatenate([raids.bar[low], breaks.bar[top]])
    kind = np.repeat([int(OpenKind.RAID), int(OpenKind.BREAK)], [int(low.sum()), int(top.sum())])
    ends = np.concatenate([np.zeros(int(low.sum()), np.int64), breaks["end_ts"][top]])
    sides = [np.concatenate([raids[name][low], breaks[name][top]]) for name in ("high", "low")]
    extreme = np.concatenate([raids["judas_price"][low], np.full(int(top.sum()), np.nan)])
    order = np.argsort(bar, kind="stable")
    return bar[order], np.stack([kind, ends])[:, order], np.stack([*sides, extreme])[:, order]


@njit
def _open_kernel(
    first: int, frame: int, known: Array, low: Array, close: Array, atr: Array, frames: Array, flow: Array,
    bar: Array, times: Array, values: Array, buffer: float, reward: float, least: float, most: float, hold: int,
    ints: Array, floats: Array,
) -> int:  # fmt: skip
    n = 0
    parts = np.empty(3)
    for c in range(bar.size):
        i = bar[c]
        if not atr[i] > 0.0:
            continue
        at, entry = known[i], close[i]
        top, bottom, extreme = values[0, c], values[1, c], values[2, c]
        height = top - bottom
        if times[0, c] == 1:
            wrong, target, exit_ = extreme, top, at + hold
            stop = extreme - buffer * atr[i]
            parts[0] = within((bottom - extreme) / atr[i])
        else:
            wrong, target, exit_ = 0.5 * (top + bottom), top + height, times[1, c]
            stop = wrong - 0.1 * height
            parts[0] = within((entry - top) / atr[i])
            if not least * atr[i] <= height <= most * atr[i] or exit_ <= at + frame:
                continue
        if target - entry < reward * (entry - stop):
            continue
        parts[1] = within(frames[i])
        parts[2] = within(flow[i] / FLOW_FULL)
        n = put(n, ints, floats, i - first, times[0, c], 1, at + frame, exit_, entry, stop, target, wrong, parts)
    return n
