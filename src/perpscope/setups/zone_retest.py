"""Retest of a fair value gap or an order block, confirmed by flow."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from perpscope.core.fold import State
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array
from perpscope.core.units import Direction
from perpscope.market.structure import at_least
from perpscope.market.zones import ZoneEvent
from perpscope.numeric.jit import njit
from perpscope.setups.base import Drafts, Setup, setup_spec
from perpscope.setups.draft import highest, place_in_bar, put, target_of, within
from perpscope.setups.signal import Evidence
from perpscope.setups.tape import Series, Tape

FLOW_FULL = 0.10
_TOUCHED, _BROKEN, _EXPIRED = int(ZoneEvent.TOUCHED), int(ZoneEvent.BROKEN), int(ZoneEvent.EXPIRED)
_UP = int(Direction.UP)
_EVIDENCE = (
    Evidence("zone", "Height of the zone in ATR"),
    Evidence("rejection", "Where the bar closed in its range"),
    Evidence("flow", "Aggressor flow of the bar"),
    Evidence("frames", "Higher time frames"),
)


class ZoneKind(IntEnum):
    """GAP: a fair value gap. BLOCK: an order block."""

    GAP = 1
    BLOCK = 2


class ZoneRetest(Setup):
    """Long when a bullish zone is touched for the first time and buyers answer; short by mirror.

    Definition: evidence - the first touch of a live bullish fair value gap or order block at least `least_height` ATR high, and
    within `confirm_bars` of it a bar that closes above its open, above the middle of the zone, and (where taker
    volume is known) on net buying. Entry - market at that close. Invalidation - a close below the zone. Stop - the lower of
    the zone's bottom and the lowest low since the touch, less `buffer_atr` ATR. Target - the highest high of `span` bars when
    it pays `least_reward` times the risk, else `multiple` times the risk. Expiry - not entered after the next bar, left after
    `hold_bars`. A zone that is broken or expires before the answer is forgotten.
    Disputed: what counts as a retest and as mitigation (see fair_value_gaps); gaps hold 53 % without a null (EVIDENCE 11).
    UNPROVEN. Degrades: without taker volume the confirmation is by price alone and the flow part is NaN.
    Units: prices in quote currency, parts -1..1. `ref_ts` = open of the deciding bar, `known_ts` its close.
    Source: STRUCTURE ST4, ST5, ST19.

    Example:
        >>> [kind.name for kind in ZoneRetest.Variant]
        ['GAP', 'BLOCK']
    """

    @dataclass(frozen=True)
    class Params:
        least_height: float = 0.3
        confirm_bars: int = 3
        buffer_atr: float = 0.25
        span: int = 50
        least_reward: float = 1.2
        multiple: float = 2.0
        hold_bars: int = 48

        def __post_init__(self) -> None:
            at_least("zone_retest.confirm_bars", self.confirm_bars, 0)
            at_least("zone_retest.span", self.span, 2)
            at_least("zone_retest.hold_bars", self.hold_bars, 1)

    evidence = _EVIDENCE
    Variant = ZoneKind
    series = (Series("flow", "delta", "delta_fraction"), Series("frames", "bias", "score", "1h"))
    happenings = ("fair_value_gaps", "order_blocks")
    spec = setup_spec(
        "zone_retest",
        "Retest of a gap or an order block",
        ("bars", "fair_value_gaps", "order_blocks", "delta?", "bias?"),
        _EVIDENCE,
        "STRUCTURE ST4, ST5",
        ZoneKind,
    )

    def own(self, instrument: Instrument) -> State:
        """Touched zones that wait for an answer: [id, kind (0: a free place), bars since], [bottom, top, lowest low since]."""
        return {"ints": np.zeros((32, 3), np.int64), "floats": np.full((32, 3), np.nan)}

    def propose(self, state: State, tape: Tape) -> Drafts:
        p, t = self.params, tape
        ints, floats = self.room(tape)
        rows, edges = _zones(tape)
        n = _retest_kernel(
            t.first, t.frame_ns, t.known_ts, t.open, t.high, t.low, t.close, t.atr, t.age, t.series["flow"], t.series["frames"],
            rows, edges, p.least_height, p.confirm_bars, p.buffer_atr, min(p.span, self.depth), p.least_reward, p.multiple,
            p.hold_bars, state["ints"], state["floats"], ints, floats,
        )  # fmt: skip
        return Drafts(ints[:, :n], floats[:, :n])


def _zones(tape: Tape) -> tuple[Array, Array]:
    """Touches and ends of bullish zones in bar order: (bar, id, kind, ends) and (bottom, top)."""
    ints, floats = [], []
    for kind, name in ((ZoneKind.GAP, "fair_value_gaps"), (ZoneKind.BLOCK, "order_blocks")):
        rows = tape.happenings[name]
        if not len(rows):
            continue
        event = rows["event"]
        ends = (event == _BROKEN) | (event == _EXPIRED)
        mine = (rows["direction"] == _UP) & (ends | (event == _TOUCHED))
        ints.append(np.stack([rows.bar, rows["id"], np.full(len(rows), int(kind)), ends.astype(np.int64)])[:, mine])
        floats.append(np.stack([rows["bottom"], rows["top"]])[:, mine])
    if not ints:
        return np.empty((4, 0), np.int64), np.empty((2, 0))
    found, edges = np.hstack(ints), np.hstack(floats)
    order = np.argsort(found[0], kind="stable")
    return found[:, order], edges[:, order]


@njit
def _retest_kernel(
    first: int, frame: int, known: Array, open_: Array, high: Array, low: Array, close: Array, atr: Array, age: Array,
    flow: Array, frames: Array, rows: Array, edges: Array, least: float, confirm: int, buffer: float, span: int,
    reward: float, multiple: float, hold: int, waiting: Array, kept: Array, ints: Array, floats: Array,
) -> int:  # fmt: skip
    n, c = 0, 0
    parts = np.empty(4)
    for i in range(first, close.size):
        for k in range(waiting.shape[0]):
            if waiting[k, 1] == 0:
                continue
            waiting[k, 2] += 1
            kept[k, 2] = min(kept[k, 2], low[i])
            if waiting[k, 2] > confirm or age[i] == 1:
                waiting[k, 1] = 0
        while c < rows.shape[1] and rows[0, c] <= i:
            place = -1
            for k in range(waiting.shape[0]):
                if waiting[k, 1] == rows[2, c] and waiting[k, 0] == rows[1, c]:
                    waiting[k, 1] = 0
                if place < 0 and waiting[k, 1] == 0:
                    place = k
            tall = atr[i] > 0.0 and edges[1, c] - edges[0, c] >= least * atr[i]
            if rows[3, c] == 0 and tall and place >= 0:
                waiting[place, 0], waiting[place, 1], waiting[place, 2] = rows[1, c], rows[2, c], 0
                kept[place, 0], kept[place, 1], kept[place, 2] = edges[0, c], edges[1, c], low[i]
            c += 1
        if not (atr[i] > 0.0 and close[i] > open_[i]) or flow[i] <= 0.0:
            continue
        for kind in range(1, 3):
            best, tallest = -1, 0.0
            for k in range(waiting.shape[0]):
                height = kept[k, 1] - kept[k, 0]
                if waiting[k, 1] == kind and close[i] > kept[k, 0] + 0.5 * height and height > tallest:
                    best, tallest = k, height
            if best < 0:
                continue
            bottom, top = kept[best, 0], kept[best, 1]
            entry = close[i]
            stop = min(bottom, kept[best, 2]) - buffer * atr[i]
            parts[0] = within((top - bottom) / atr[i])
            parts[1] = place_in_bar(high[i], low[i], close[i])
            parts[2] = within(flow[i] / FLOW_FULL)
            parts[3] = within(frames[i])
            target = target_of(entry, stop, highest(high, i, min(span, age[i])), reward, multiple)
            at = known[i]
            n = put(n, ints, floats, i - first, kind, 1, at + frame, at + hold * frame, entry, stop, target, bottom, parts)
            waiting[best, 1] = 0
    return n
