"""Swing highs and lows, known a few bars after the bar they name."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, choice, price, row_schema
from perpscope.core.time import NULL_TS
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.structure import Extreme, at_least, follows, one_of
from perpscope.numeric.atr import atr_reset, atr_state, atr_step
from perpscope.numeric.jit import njit


class SwingEvent(IntEnum):
    """CONFIRMED: enough bars on the right. STRENGTHENED: its neighbours made it intermediate or long."""

    CONFIRMED = 1
    STRENGTHENED = 2


class Strength(IntEnum):
    """How many levels of neighbours a swing towers over."""

    SHORT = 1
    INTERMEDIATE = 2
    LONG = 3


SWINGS = row_schema(
    "swings",
    Column("id", "id", "the swing", "int64"),
    choice("event", SwingEvent, "confirmed, or strengthened later"),
    choice("side", Extreme, "swing high or swing low", mirror="flip"),
    price("price", "the high of a swing high, the low of a swing low"),
    choice("strength", Strength, "short; intermediate: both neighbouring swings are lower (higher); long: the same again"),
    Column("left", "count", "bars compared on the left", "int64"),
    Column("right", "count", "bars compared on the right", "int64"),
)


@dataclass(frozen=True)
class SwingParams:
    """left, right: bars compared on either side. right_rule: "ge" (of equal highs the first is the swing) or "gt"
    (a double top gives none). min_prominence_atr: height above the nearer flank, in ATR; 0 filters nothing."""

    left: int = 5
    right: int = 5
    right_rule: str = "ge"
    min_prominence_atr: float = 0.0
    atr_span: int = 14

    def __post_init__(self) -> None:
        at_least("swings.left", self.left, 1)
        at_least("swings.right", self.right, 1)
        at_least("swings.min_prominence_atr", self.min_prominence_atr, 0.0)
        at_least("swings.atr_span", self.atr_span, 1)
        one_of("right_rule", self.right_rule, ("ge", "gt"))


class Swings(Feature):
    """Local extremes of the bars, confirmed by the bars that follow.

    Definition: bar t is a swing high when high[t] > high[t-j] for j = 1..left and high[t] >= high[t+j] for
    j = 1..right; swing lows by mirror. Disputed: equal highs. Ours is strict on the left only, so that the first of
    equals is the swing; `right_rule = "gt"` finds none in a double top. Highs and lows need not alternate, because
    forcing it would edit the past. A swing is *intermediate* when it is the middle of three consecutive swings of
    its side with both neighbours lower (for lows: higher), known with the third; *long* is the same over
    intermediates. Prominence is the height above the higher of the two flanks' lowest lows, against the ATR known
    before the confirming bar; without an ATR yet, a filtered swing is left out.
    Units: price in quote currency. `ref_ts` = open of bar t, `known_ts` = close of bar t + right (of the third
    swing's confirming bar for a strengthening). A hole in the bars restarts everything; a bar that is not complete
    counts as missing.
    Source: STRUCTURE ST1; presets 1/1 (ICT short-term) and 50/50 (LuxAlgo).

    Example:
        >>> from perpscope.core.events import BARS, GAP
        >>> high = np.array([1.0, 2, 5, 3, 5, 4, 2])
        >>> bars = Table.filled(BARS, ref_ts=np.arange(7), known_ts=np.arange(1, 8), open=high, high=high, low=high,
        ...                     close=high, complete=np.ones(7, bool))
        >>> fold = Swings(SwingParams(left=2, right=2))
        >>> rows = fold.fold(fold.start(Instrument("demo", "X", tick_size=0.5)), Batch(7, {"bars": bars, "gap": GAP.empty()}))
        >>> rows["ref_ts"].tolist(), rows["known_ts"].tolist(), rows["price"].tolist()
        ([2], [5], [5.0])
    """

    Params = SwingParams
    spec = FeatureSpec(
        name="swings",
        title="Swing highs and lows",
        inputs=("bars",),
        output=SWINGS,
        source="STRUCTURE ST1",
        shape="marker",
        pane="price",
        episodes=True,
    )

    @property
    def warmup(self) -> int:
        return int(self.params.left + self.params.right + 1)

    def start(self, instrument: Instrument) -> State:
        width = self.warmup
        return {
            "tick": instrument.tick_size,
            "meta": np.array([NULL_TS, 0]),  # last close, bars since the last restart
            "ring": np.zeros((3, width), np.int64),  # highs and mirrored lows in ticks, opens of the bars
            "prices": np.zeros((2, width)),
            "kept": np.zeros((2, 2, 7), np.int64),  # per side and level: how many, then (ticks, ref_ts, id) of the last two
            "kept_prices": np.zeros((2, 2, 2)),
            "atr": atr_state(),
        }

    def fold(self, state: State, batch: Batch) -> Table:
        bars = batch["bars"]
        p = self.params
        room = 6 * len(bars)
        ints, prices = np.empty((6, room), np.int64), np.empty(room)
        n = _swing_kernel(
            bars["ref_ts"], bars["known_ts"], bars["complete"], bars["high"], bars["low"], bars["close"],
            state["tick"], p.left, p.right, p.right_rule == "gt", p.min_prominence_atr, p.atr_span,
            state["meta"], state["ring"], state["prices"], state["kept"], state["kept_prices"], state["atr"], ints, prices,
        )  # fmt: skip
        if n == 0:
            return SWINGS.empty()
        return Table.of(
            SWINGS,
            ref_ts=ints[0, :n], known_ts=ints[1, :n], id=ints[2, :n], event=ints[3, :n], side=ints[4, :n],
            price=prices[:n], strength=ints[5, :n], left=np.full(n, p.left), right=np.full(n, p.right),
        )  # fmt: skip


@njit
def _swing_kernel(
    ref_ts: Array, known_ts: Array, complete: Array, high: Array, low: Array, close: Array,
    tick: float, left: int, right: int, strict: bool, prominence: float, span: int,
    meta: Array, ring: Array, prices: Array, kept: Array, kept_prices: Array, atr: Array, ints: Array, out_price: Array,
) -> int:  # fmt: skip
    """Rows into `ints` (ref_ts, known_ts, id, event, side, strength) and `out_price`; returns their number."""
    n = 0
    width = left + right + 1
    for i in range(ref_ts.size):
        if not complete[i]:
            continue
        if not follows(ref_ts[i], meta):
            meta[1] = 0
            kept[:, :, 0] = 0
            atr_reset(atr)
        meta[0] = known_ts[i]
        threshold = prominence * atr[3] if prominence > 0.0 else 0.0
        atr_step(atr, high[i], low[i], close[i], span)
        at = meta[1] % width
        ring[0, at] = np.int64(np.rint(high[i] / tick))
        ring[1, at] = -np.int64(np.rint(low[i] / tick))
        ring[2, at] = ref_ts[i]
        prices[0, at], prices[1, at] = high[i], low[i]
        meta[1] += 1
        if meta[1] < width:
            continue
        t = (meta[1] - 1 - right) % width
        for side in range(2):
            pivot = ring[side, t]
            if not _towers(ring[side], t, left, right, strict):
                continue
            if prominence > 0.0 and not _height(prices, side, t, left, right) >= threshold:
                continue
            identity = ring[2, t] // 1_000_000 * 8 + side
            _put(ints, n, ring[2, t], known_ts[i], identity, 1, side + 1, 1)
            out_price[n] = prices[side, t]
            n += 1
            n = _strengthen(
                pivot, ring[2, t], identity, prices[side, t], side, known_ts[i], kept, kept_prices, ints, out_price, n
            )
    return n


@njit
def _towers(values: Array, t: int, left: int, right: int, strict: bool) -> bool:
    """Whether ring position t is an extreme: strict on the left, by choice on the right."""
    width = values.size
    for j in range(1, max(left, right) + 1):
        if j <= right:
            other = values[(t + j) % width]
            if other > values[t] or (strict and other == values[t]):
                return False
        if j <= left and values[(t - j) % width] >= values[t]:
            return False
    return True


@njit
def _height(prices: Array, side: int, t: int, left: int, right: int) -> float:
    """How far the pivot stands out from its nearer flank."""
    width = prices.shape[1]
    sign = 1.0 - 2.0 * side
    foot = -np.inf
    for step, count in ((-1, left), (1, right)):
        flank = np.inf
        for j in range(1, count + 1):
            flank = min(flank, sign * prices[1 - side, (t + step * j) % width])
        foot = max(foot, flank)
    return sign * prices[side, t] - foot


@njit
def _strengthen(
    ticks: int, ref: int, identity: int, value: float, side: int, known: int,
    kept: Array, kept_prices: Array, ints: Array, out_price: Array, n: int,
) -> int:  # fmt: skip
    """Hand a new swing to the level above: the middle of three moves up when it stands above both neighbours."""
    for level in range(2):
        memory, values = kept[side, level], kept_prices[side, level]
        promoted = memory[0] == 2 and memory[4] > memory[1] and memory[4] > ticks
        middle_ticks, middle_ref, middle_id, middle_value = memory[4], memory[5], memory[6], values[1]
        if memory[0] > 0:
            memory[1], memory[2], memory[3], values[0] = memory[4], memory[5], memory[6], values[1]
        memory[4], memory[5], memory[6], values[1] = ticks, ref, identity, value
        memory[0] = min(2, memory[0] + 1)
        if not promoted:
            return n
        _put(ints, n, middle_ref, known, middle_id, 2, side + 1, level + 2)
        out_price[n] = middle_value
        n += 1
        ticks, ref, identity, value = middle_ticks, middle_ref, middle_id, middle_value
    return n


@njit
def _put(ints: Array, n: int, ref: int, known: int, identity: int, event: int, side: int, strength: int) -> None:
    ints[0, n], ints[1, n], ints[2, n] = ref, known, identity
    ints[3, n], ints[4, n], ints[5, n] = event, side, strength
