"""Displacement: a bar whose body is large for its time and fills most of its range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, choice, row_schema
from perpscope.core.time import NULL_TS
from perpscope.core.units import Direction
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.structure import at_least, follows
from perpscope.numeric.atr import atr_reset, atr_state, atr_step, in_atr
from perpscope.numeric.jit import njit

DISPLACEMENTS = row_schema(
    "displacements",
    choice("direction", Direction, "where the bar closed against its open", mirror="flip"),
    Column("body_atr", "ratio", "|close - open| over the ATR before the bar"),
    Column("body_fraction", "fraction", "|close - open| over high - low"),
)


@dataclass(frozen=True)
class DisplacementParams:
    """min_body_atr: least body in ATR. min_body_fraction: least share of the bar's range."""

    min_body_atr: float = 1.5
    min_body_fraction: float = 0.65
    atr_span: int = 14

    def __post_init__(self) -> None:
        at_least("displacements.min_body_atr", self.min_body_atr, 0.0)
        at_least("displacements.min_body_fraction", self.min_body_fraction, 0.0)
        at_least("displacements.atr_span", self.atr_span, 1)


class Displacements(Feature):
    """Bars that moved far in one direction.

    Definition: |close - open| >= min_body_atr * ATR[i-1] and |close - open| / (high - low) >= min_body_fraction. The
    ATR is that of the bar before, so that a bar does not lift its own threshold. Whether the move also left a gap is
    a question for `fair_value_gaps`, one bar later. Disputed: the thresholds (ICT gives none); 1.5 and 0.65 are ours.
    Units: ratios. `ref_ts` = open of the bar, `known_ts` = its close. A hole in the bars restarts the ATR.
    Source: STRUCTURE ST3.

    Example:
        >>> from perpscope.core.events import BARS, GAP
        >>> bars = Table.filled(BARS, ref_ts=[0, 1, 2], known_ts=[1, 2, 3], open=[100, 100, 100.0], high=[101, 101, 104.0],
        ...                     low=[99, 99, 99.8], close=[100, 100, 103.7], complete=[True] * 3)
        >>> fold = Displacements(DisplacementParams(atr_span=1))
        >>> rows = fold.fold(fold.start(Instrument("demo", "X")), Batch(3, {"bars": bars, "gap": GAP.empty()}))
        >>> [(r["direction"], round(r["body_atr"], 3), round(r["body_fraction"], 3)) for r in rows.rows()]
        [('up', 1.85, 0.881)]
    """

    Params = DisplacementParams
    spec = FeatureSpec(
        name="displacements",
        title="Displacement",
        inputs=("bars",),
        output=DISPLACEMENTS,
        source="STRUCTURE ST3",
        shape="marker",
        pane="price",
    )

    @property
    def warmup(self) -> int:
        return int(self.params.atr_span) + 2

    def start(self, instrument: Instrument) -> State:
        return {"meta": np.array([NULL_TS]), "atr": atr_state()}

    def fold(self, state: State, batch: Batch) -> Table:
        bars = batch["bars"]
        p = self.params
        room = len(bars)
        at, direction = np.empty((2, room), np.int64), np.empty(room, np.int8)
        sizes = np.empty((2, room))
        n = _displacement_kernel(
            bars["ref_ts"], bars["known_ts"], bars["complete"], bars["open"], bars["high"], bars["low"], bars["close"],
            p.min_body_atr, p.min_body_fraction, p.atr_span, state["meta"], state["atr"], at, direction, sizes,
        )  # fmt: skip
        if n == 0:
            return DISPLACEMENTS.empty()
        return Table.of(
            DISPLACEMENTS,
            ref_ts=at[0, :n], known_ts=at[1, :n], direction=direction[:n], body_atr=sizes[0, :n], body_fraction=sizes[1, :n],
        )  # fmt: skip


@njit
def _displacement_kernel(
    ref_ts: Array, known_ts: Array, complete: Array, open_: Array, high: Array, low: Array, close: Array,
    least_atr: float, least_fraction: float, span: int, meta: Array, atr: Array, at: Array, direction: Array, sizes: Array,
) -> int:  # fmt: skip
    n = 0
    for i in range(ref_ts.size):
        if not complete[i]:
            continue
        if not follows(ref_ts[i], meta):
            atr_reset(atr)
        meta[0] = known_ts[i]
        before = atr[3]
        atr_step(atr, high[i], low[i], close[i], span)
        body, length = abs(close[i] - open_[i]), high[i] - low[i]
        if body > 0.0 and body >= least_atr * before and body >= least_fraction * length:
            at[0, n], at[1, n] = ref_ts[i], known_ts[i]
            direction[n] = 1 if close[i] > open_[i] else 2
            sizes[0, n], sizes[1, n] = in_atr(body, before), body / length
            n += 1
    return n
