"""Fair value gaps: three bars whose outer two do not overlap, and what becomes of the space between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table
from perpscope.core.time import NULL_TS
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.structure import at_least, follows, one_of
from perpscope.market.zones import MEASURE, NO_BIRTHS, live_zones, zone_schema, zone_state, zone_table
from perpscope.numeric.atr import atr_reset, atr_state, atr_step, in_atr
from perpscope.numeric.jit import njit

FAIR_VALUE_GAPS = zone_schema(
    "fair_value_gaps",
    Column("size_atr", "ratio", "height of the gap over the ATR before its third bar; NaN while there is none"),
)

FILTERS = ("none", "middle_colour", "body_2x", "displacement")


@dataclass(frozen=True)
class GapParams:
    """filter: "none", "middle_colour" (the middle bar closes in the gap's direction), "body_2x" (its body is at least
    twice Wilder's average body before it) or "displacement" (ST3: body >= displacement_atr ATR and >= body_fraction of
    its range). min_size_atr: least height in ATR."""

    filter: str = "none"
    min_size_atr: float = 0.0
    atr_span: int = 14
    displacement_atr: float = 1.5
    body_fraction: float = 0.65
    max_live: int = 500
    max_age_bars: int = 2000

    def __post_init__(self) -> None:
        one_of("filter of fair_value_gaps", self.filter, FILTERS)
        at_least("fair_value_gaps.min_size_atr", self.min_size_atr, 0.0)
        at_least("fair_value_gaps.atr_span", self.atr_span, 1)
        at_least("fair_value_gaps.max_live", self.max_live, 2)
        at_least("fair_value_gaps.max_age_bars", self.max_age_bars, 1)


class FairValueGaps(Feature):
    """Three-bar imbalances, from the bar that makes them knowable to the close that breaks them.

    Definition: bullish at bar t when low[t] > high[t-2]; the zone is [high[t-2], low[t]], direction UP; bearish by
    mirror. Life of a bullish gap: opened - touched (low <= top) - halved (low <= middle, "consequent encroachment")
    - filled (low <= bottom) - broken (close < bottom), any subset within one bar, in this order. Disputed: what
    "mitigated" means; it is one of these four, so all are kept (smartmoneyconcepts: touched; ATAS: filled or halved;
    LuxAlgo deletes at low < bottom). `remaining_*` is the part that price has not reached (ATAS shrinks its zone).
    Gaps are never merged. Prices compare as ticks. A size or filter that needs an ATR lets nothing pass before there
    is one.
    Units: prices in quote currency, `size_atr` a ratio. `ref_ts` = open of the middle bar, `known_ts` of the opening =
    close of the third bar: one bar after the place where charts stamp it. A hole in the bars expires live gaps.
    Source: STRUCTURE ST4.

    Example:
        >>> from perpscope.core.events import BARS, GAP
        >>> high, low = np.array([10.0, 13, 15, 15]), np.array([9.0, 10, 12, 11.5])
        >>> bars = Table.filled(BARS, ref_ts=np.arange(4), known_ts=np.arange(1, 5), open=low, high=high, low=low,
        ...                     close=high, complete=np.ones(4, bool))
        >>> fold = FairValueGaps()
        >>> rows = fold.fold(fold.start(Instrument("demo", "X")), Batch(4, {"bars": bars, "gap": GAP.empty()}))
        >>> [(r["event"], r["known_ts"], r["bottom"], r["top"], r["remaining_top"]) for r in rows.rows()]
        [('opened', 3, 10.0, 12.0, 12.0), ('touched', 4, 10.0, 12.0, 11.5)]
    """

    Params = GapParams
    spec = FeatureSpec(
        name="fair_value_gaps",
        title="Fair value gaps",
        inputs=("bars",),
        output=FAIR_VALUE_GAPS,
        source="STRUCTURE ST4",
        shape="zone",
        pane="price",
        episodes=True,
    )

    @property
    def warmup(self) -> int:
        return 3

    @property
    def lookback(self) -> int:
        return int(self.params.max_age_bars)

    def start(self, instrument: Instrument) -> State:
        return {
            "seen": np.array([NULL_TS, 0]),  # last close, bars since the last restart
            "past": np.full((2, 4), np.nan),  # open, high, low, close of bars t-2 and t-1
            "middle": np.full(2, np.nan),  # ATR and average body before bar t-1
            "atr": atr_state(),
            "body": np.zeros(3),  # bodies seen, their sum, Wilder's average
            "zones": zone_state(instrument.tick_size, self.params.max_live),
        }

    def fold(self, state: State, batch: Batch) -> Table:
        bars = batch["bars"]
        p = self.params
        ints, floats = np.empty((6, len(bars)), np.int64), np.empty((3, len(bars)))
        found = _gap_kernel(
            bars["ref_ts"], bars["known_ts"], bars["complete"], bars["open"], bars["high"], bars["low"], bars["close"],
            state["zones"]["tick"], FILTERS.index(p.filter), p.min_size_atr, p.displacement_atr, p.body_fraction, p.atr_span,
            state["seen"], state["past"], state["middle"], state["atr"], state["body"], ints, floats,
        )  # fmt: skip
        births = (ints[:, :found], floats[:, :found]) if found else NO_BIRTHS
        rows, prices, n = live_zones(state["zones"], bars, births, p.max_age_bars)
        if n == 0:
            return FAIR_VALUE_GAPS.empty()
        return zone_table(FAIR_VALUE_GAPS, rows, prices, n, size_atr=prices[MEASURE, :n])


@njit
def _gap_kernel(
    ref_ts: Array, known_ts: Array, complete: Array, open_: Array, high: Array, low: Array, close: Array,
    tick: float, rule: int, least: float, displacement_atr: float, body_fraction: float, span: int,
    seen: Array, past: Array, middle: Array, atr: Array, body: Array, ints: Array, floats: Array,
) -> int:  # fmt: skip
    """New gaps as births of zones (see `market.zones`); returns their number."""
    n = 0
    middle_ref = 0
    for i in range(ref_ts.size):
        if not complete[i]:
            continue
        if not follows(ref_ts[i], seen):
            seen[1] = 0
            body[:] = 0.0
            atr_reset(atr)
        middle_ref = seen[0] - (known_ts[i] - ref_ts[i])
        seen[0] = known_ts[i]
        seen[1] += 1
        for side in range(2):
            sign = 1.0 - 2.0 * side
            far = past[0, 1 + side]  # high[t-2] of a bullish gap, low[t-2] of a bearish one
            near = low[i] if side == 0 else high[i]
            if seen[1] < 3 or not sign * (np.rint(near / tick) - np.rint(far / tick)) > 0.0:
                continue
            size = abs(near - far)
            if least > 0.0 and not size >= least * atr[3]:
                continue
            if rule != 0 and not _passes(rule, sign, past[1], middle, displacement_atr, body_fraction):
                continue
            ints[0, n], ints[1, n], ints[2, n] = known_ts[i], known_ts[i], middle_ref
            ints[3, n], ints[4, n], ints[5, n] = middle_ref // 1_000_000 * 8, -1, side + 1
            floats[side, n], floats[1 - side, n], floats[2, n] = far, near, in_atr(size, atr[3])
            n += 1
        past[0] = past[1]
        past[1, 0], past[1, 1], past[1, 2], past[1, 3] = open_[i], high[i], low[i], close[i]
        middle[0], middle[1] = atr[3], body[2] if body[0] >= span else np.nan
        atr_step(atr, high[i], low[i], close[i], span)
        size = abs(close[i] - open_[i])
        if body[0] < span:
            body[0] += 1.0
            body[1] += size
            body[2] = body[1] / body[0]
        else:
            body[2] += (size - body[2]) / span
    return n


@njit
def _passes(rule: int, sign: float, bar: Array, before: Array, displacement_atr: float, body_fraction: float) -> bool:
    """Whether the middle bar (open, high, low, close) satisfies the filter; `before` = ATR and average body before it."""
    body = sign * (bar[3] - bar[0])
    if body <= 0.0:
        return False
    if rule == 1:
        return True
    if rule == 2:
        return body >= 2.0 * before[1]
    return body >= displacement_atr * before[0] and body >= body_fraction * (bar[1] - bar[2])
