"""Breaks of swings: the first close beyond the last confirmed swing, and what it says about the trend."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, choice, flag, price, row_schema
from perpscope.core.time import NULL_TS
from perpscope.core.units import Direction
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.structure import at_least, follows, one_of
from perpscope.numeric.atr import atr_reset, atr_state, atr_step
from perpscope.numeric.jit import njit


class BreakKind(IntEnum):
    """INITIAL: there was no trend. BREAK_OF_STRUCTURE: with the trend. CHANGE_OF_CHARACTER: against it."""

    INITIAL = 1
    BREAK_OF_STRUCTURE = 2
    CHANGE_OF_CHARACTER = 3


BREAKS = row_schema(
    "breaks",
    Column("id", "id", "the break", "int64"),
    choice("direction", Direction, "side of the break, and the trend from now on", mirror="flip"),
    choice("kind", BreakKind, "initial, break of structure or change of character"),
    price("level", "price of the broken swing"),
    Column("swing_id", "id", "the broken swing; -1 for a protected level, which need not be one", "int64"),
    flag("displaced", "a displacement in the same direction lies between the last opposite swing and the break"),
    flag("after_sweep", "a pool on the other side was swept shortly before"),
    flag("shift", "market structure shift: a change of character, displaced, after a sweep"),
)


@dataclass(frozen=True)
class BreakParams:
    """break_on: "close" or "wick". reference: "latest" swing, or "protected" (against the trend only the origin of the
    last break counts). buffer_atr: how far beyond the level, in ATR; 0 is one tick. sweep_bars: how many bars ago a sweep may
    be to count."""

    break_on: str = "close"
    reference: str = "latest"
    buffer_atr: float = 0.0
    sweep_bars: int = 20
    atr_span: int = 14
    max_age_bars: int = 2000

    def __post_init__(self) -> None:
        one_of("break_on", self.break_on, ("close", "wick"))
        one_of("reference of breaks", self.reference, ("latest", "protected"))
        at_least("breaks.buffer_atr", self.buffer_atr, 0.0)
        at_least("breaks.sweep_bars", self.sweep_bars, 0)
        at_least("breaks.atr_span", self.atr_span, 1)
        at_least("breaks.max_age_bars", self.max_age_bars, 2)


class Breaks(Feature):
    """Break of structure and change of character, once per swing, stamped at the bar that breaks.

    Definition: the state is the trend (none, up, down) and the latest confirmed swing high and low that were not
    broken yet. A close above the high breaks it once: with no trend it is INITIAL, in an up-trend BREAK_OF_STRUCTURE,
    in a down-trend CHANGE_OF_CHARACTER; the trend is then up. Downward by mirror. A bar breaks only swings confirmed
    before its own close. There is no fall-back to an older swing.
    Disputed: which swing counts against the trend. `reference = "latest"` takes the last one (as LuxAlgo does);
    "protected" takes the origin of the last break - in an up-trend the lowest low after the broken swing high up to
    the breaking bar - and ignores breaks of inner lows. smartmoneyconcepts needs four alternating swings and stamps
    the broken one. With `break_on = "wick"` a bar may break both sides: then the side its close is farther from
    counts first; when the close is as far from both, the break against the trend does, and without a trend neither.
    Units: price in quote currency. `ref_ts` = bar of the broken level, `known_ts` = close of the breaking bar.
    `displaced` looks at displacements after the last confirmed opposite swing, up to the breaking bar; `after_sweep` at
    sweeps of the other side (of highs, before a break down) known at most `sweep_bars` bars before the break or with it.
    A hole in the bars forgets trend and swings.
    Source: STRUCTURE ST2.

    Example:
        >>> Breaks(BreakParams(reference="protected")).inputs
        ('bars', 'swings', 'displacements', 'sweeps')
    """

    Params = BreakParams
    spec = FeatureSpec(
        name="breaks",
        title="Breaks of structure",
        inputs=("bars", "swings", "displacements", "sweeps"),
        output=BREAKS,
        source="STRUCTURE ST2",
        shape="marker",
        pane="price",
    )

    @property
    def warmup(self) -> int:
        return 4

    @property
    def lookback(self) -> int:
        return int(self.params.max_age_bars)

    def start(self, instrument: Instrument) -> State:
        depth = self.params.max_age_bars if self.params.reference == "protected" else 1
        return {
            "tick": instrument.tick_size,
            "meta": np.array([NULL_TS, 0, 0]),  # last close, bars in the ring, trend (0 none, 1 up, 2 down)
            "levels": np.zeros((2, 4), np.int64),  # per side the unbroken swing: there?, ticks (mirrored for lows), ref_ts, id
            "guards": np.zeros((2, 4), np.int64),  # the same for the protected level
            "prices": np.full((2, 2), np.nan),  # per side: price of the swing, of the protected level
            # ref_ts of the last swing per side, of the last displacement per direction, known_ts of the last sweep per side
            "last": np.full((2, 3), NULL_TS),
            "ring": np.zeros((3, depth), np.int64),
            "ring_prices": np.zeros((2, depth)),
            "atr": atr_state(),
        }

    def fold(self, state: State, batch: Batch) -> Table:
        bars, swings, moves, sweeps = batch["bars"], batch["swings"], batch["displacements"], batch["sweeps"]
        p = self.params
        room = 2 * len(bars)
        ints, prices = np.empty((9, room), np.int64), np.empty(room)
        n = _break_kernel(
            bars["ref_ts"], bars["known_ts"], bars["complete"], bars["high"], bars["low"], bars["close"],
            swings["known_ts"], swings["ref_ts"], swings["event"], swings["side"], swings["price"], swings["id"],
            moves["known_ts"], moves["ref_ts"], moves["direction"], sweeps["known_ts"], sweeps["side"],
            state["tick"], p.break_on == "wick", p.reference == "protected", p.buffer_atr, p.sweep_bars, p.atr_span,
            state["meta"], state["levels"], state["guards"], state["prices"], state["last"], state["ring"],
            state["ring_prices"], state["atr"], ints, prices,
        )  # fmt: skip
        if n == 0:
            return BREAKS.empty()
        return Table.of(
            BREAKS,
            ref_ts=ints[0, :n], known_ts=ints[1, :n], id=ints[2, :n], direction=ints[3, :n], kind=ints[4, :n],
            level=prices[:n], swing_id=ints[5, :n], displaced=ints[6, :n], after_sweep=ints[7, :n], shift=ints[8, :n],
        )  # fmt: skip


@njit
def _break_kernel(
    ref_ts: Array, known_ts: Array, complete: Array, high: Array, low: Array, close: Array,
    s_known: Array, s_ref: Array, s_event: Array, s_side: Array, s_price: Array, s_id: Array,
    m_known: Array, m_ref: Array, m_direction: Array, w_known: Array, w_side: Array,
    tick: float, wick: bool, protected: bool, buffer: float, sweep_bars: int, span: int,
    meta: Array, levels: Array, guards: Array, prices: Array, last: Array, ring: Array, ring_prices: Array, atr: Array,
    ints: Array, out_price: Array,
) -> int:  # fmt: skip
    """Rows into `ints` (ref_ts, known_ts, id, direction, kind, swing_id, displaced, after_sweep, shift) and `out_price`."""
    n, s, m, w = 0, 0, 0, 0
    depth = ring.shape[1]
    beyond = np.zeros(2)
    for i in range(ref_ts.size):
        if not complete[i]:
            continue
        if not follows(ref_ts[i], meta):
            meta[1], meta[2] = 0, 0
            levels[:, 0], guards[:, 0] = 0, 0
            last[:, :] = -(2**63)
            atr_reset(atr)
        meta[0] = known_ts[i]
        margin = buffer * atr[3] / tick if buffer > 0.0 else 0.0
        atr_step(atr, high[i], low[i], close[i], span)
        at = meta[1] % depth
        top, bottom = np.rint(high[i] / tick), np.rint(low[i] / tick)
        ring[0, at], ring[1, at], ring[2, at] = np.int64(top), -np.int64(bottom), ref_ts[i]
        ring_prices[0, at], ring_prices[1, at] = high[i], low[i]
        meta[1] += 1
        while m < m_known.size and m_known[m] <= known_ts[i]:
            last[m_direction[m] - 1, 1] = m_ref[m]
            m += 1
        while w < w_known.size and w_known[w] <= known_ts[i]:
            last[w_side[w] - 1, 2] = w_known[w]
            w += 1
        closed = np.rint(close[i] / tick)
        for d in range(2):
            sign = 1.0 - 2.0 * d
            reached = sign * closed
            if wick:
                reached = top if d == 0 else -bottom
            guarded = protected and meta[2] == 2 - d
            level = guards[d] if guarded else levels[d]
            # a NaN margin (no ATR yet) breaks nothing
            beyond[d] = sign * closed - level[1] if level[0] and reached > level[1] + margin else np.nan
            if guarded and levels[d, 0] and reached > levels[d, 1] + margin:
                levels[d, 0] = 0  # an inner swing is used up in silence
        first, count = _sequence(beyond, meta[2])
        for k in range(count):
            d = first if k == 0 else 1 - first
            guarded = protected and meta[2] == 2 - d
            level = guards[d] if guarded else levels[d]
            ints[0, n], ints[1, n], ints[2, n] = level[2], known_ts[i], known_ts[i] // 1_000_000 * 8 + k
            ints[3, n], ints[4, n] = d + 1, 1 if meta[2] == 0 else (2 if meta[2] == d + 1 else 3)
            ints[5, n] = -1 if guarded else level[3]
            ints[6, n] = last[d, 1] > last[1 - d, 0]
            ints[7, n] = last[1 - d, 2] >= known_ts[i] - sweep_bars * (known_ts[i] - ref_ts[i])
            ints[8, n] = ints[4, n] == 3 and ints[6, n] and ints[7, n]
            out_price[n] = prices[d, 1] if guarded else prices[d, 0]
            n += 1
            if protected:
                _protect(1 - d, level[2], meta[1], ring, ring_prices, guards, prices)
            level[0] = 0
            meta[2] = d + 1
        while s < s_known.size and s_known[s] <= known_ts[i]:
            if s_event[s] == 1:
                d = s_side[s] - 1
                levels[d, 0], levels[d, 1] = 1, (1 - 2 * d) * np.int64(np.rint(s_price[s] / tick))
                levels[d, 2], levels[d, 3] = s_ref[s], s_id[s]
                prices[d, 0], last[d, 0] = s_price[s], s_ref[s]
            s += 1
    return n


@njit
def _sequence(beyond: Array, trend: int) -> tuple[int, int]:
    """Which side is broken first (0 the high, 1 the low) and how many are, from the close's distance beyond each."""
    up, down = not np.isnan(beyond[0]), not np.isnan(beyond[1])
    if up and down:
        if beyond[0] == beyond[1]:
            return (2 - trend, 2) if trend != 0 else (0, 0)
        return (0, 2) if beyond[0] < beyond[1] else (1, 2)
    return (0, 1) if up else (1, 1 if down else 0)


@njit
def _protect(d: int, since: int, seen: int, ring: Array, ring_prices: Array, guards: Array, prices: Array) -> None:
    """Guard side d at its extreme after the bar `since` (ties: the latest), as far back as the ring reaches."""
    depth = ring.shape[1]
    best = (seen - 1) % depth
    for back in range(1, min(seen, depth)):
        at = (seen - 1 - back) % depth
        if ring[2, at] <= since:
            break
        if ring[d, at] > ring[d, best]:
            best = at
    guards[d, 0], guards[d, 1], guards[d, 2], guards[d, 3] = 1, ring[d, best], ring[2, best], -1
    prices[d, 1] = ring_prices[d, best]
