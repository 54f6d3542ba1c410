"""The dealing range: where price stands between the last swing low and the last swing high."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, choice, price, row_schema
from perpscope.core.time import NULL_TS
from perpscope.core.units import Direction
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.structure import follows, one_of
from perpscope.numeric.jit import njit


class RangeZone(IntEnum):
    """PREMIUM: above the middle of the range. DISCOUNT: below it. EQUILIBRIUM: on it."""

    PREMIUM = 1
    DISCOUNT = 2
    EQUILIBRIUM = 3


DEALING_RANGE = row_schema(
    "dealing_range",
    price("low", "the last confirmed swing low", mirror="swap:high"),
    price("high", "the last confirmed swing high", mirror="swap:low"),
    Column("low_ts", "ns", "bar of the swing low", "int64", mirror="swap:high_ts"),
    Column("high_ts", "ns", "bar of the swing high", "int64", mirror="swap:low_ts"),
    choice("leg", Direction, "up: the low came first", mirror="flip"),
    Column("position", "fraction", "(close - low) / (high - low); outside 0..1 price has left the range"),
    choice("zone", RangeZone, "premium, discount or equilibrium", mirror="flip"),
    price(
        "ote_low", "lower edge of the optimal trade entry of the leg; NaN when both swings are one bar", mirror="swap:ote_high"
    ),
    price("ote_high", "upper edge of the optimal trade entry of the leg", mirror="swap:ote_low"),
)

OTE = {"0.62-0.79": (0.62, 0.79), "0.618-0.786": (0.618, 0.786)}


@dataclass(frozen=True)
class DealingRangeParams:
    """ote: which retracements of the leg bound the optimal trade entry."""

    ote: str = "0.62-0.79"

    def __post_init__(self) -> None:
        one_of("ote", self.ote, tuple(OTE))


class DealingRange(Feature):
    """Premium, discount and optimal trade entry between the last two opposite swings.

    Definition: low and high are the latest confirmed swing low and swing high; position = (close - low) / (high - low);
    above 1/2 is premium, below discount. The optimal trade entry of an up leg (low before high) is [high - 0.79 r,
    high - 0.62 r] with r = high - low; of a down leg its mirror image. No row while the low is not below the high.
    Disputed: the ratios (0.618-0.786 is the Fibonacci spelling); LuxAlgo paints only the outer 5 % and the middle 5 %.
    Units: price in quote currency, position a fraction. `ref_ts` = the bar, `known_ts` = its close; a swing confirmed by
    this close already counts. A hole in the bars forgets the swings.
    Source: STRUCTURE ST8.

    Example:
        >>> DealingRange(DealingRangeParams(ote="0.618-0.786")).inputs
        ('bars', 'swings')
    """

    Params = DealingRangeParams
    spec = FeatureSpec(
        name="dealing_range",
        title="Dealing range",
        inputs=("bars", "swings"),
        output=DEALING_RANGE,
        source="STRUCTURE ST8",
        shape="line",
        pane="price",
    )

    exempt: ClassVar[dict[str, str]] = {
        "mirror": "position becomes 1 - position, which no column rule expresses; a test of its own holds it to that"
    }

    @property
    def warmup(self) -> int:
        return 3

    def start(self, instrument: Instrument) -> State:
        return {"meta": np.array([NULL_TS]), "swing_ts": np.full(2, NULL_TS), "swing": np.full(2, np.nan)}

    def fold(self, state: State, batch: Batch) -> Table:
        bars, swings = batch["bars"], batch["swings"]
        room = len(bars)
        ints, floats = np.empty((6, room), np.int64), np.empty((5, room))
        n = _range_kernel(
            bars["ref_ts"], bars["known_ts"], bars["complete"], bars["close"],
            swings["known_ts"], swings["ref_ts"], swings["event"], swings["side"], swings["price"],
            *OTE[self.params.ote], state["meta"], state["swing_ts"], state["swing"], ints, floats,
        )  # fmt: skip
        if n == 0:
            return DEALING_RANGE.empty()
        return Table.of(
            DEALING_RANGE,
            ref_ts=ints[0, :n], known_ts=ints[1, :n], high_ts=ints[2, :n], low_ts=ints[3, :n], leg=ints[4, :n],
            zone=ints[5, :n], high=floats[0, :n], low=floats[1, :n], position=floats[2, :n],
            ote_low=floats[3, :n], ote_high=floats[4, :n],
        )  # fmt: skip


@njit
def _range_kernel(
    ref_ts: Array, known_ts: Array, complete: Array, close: Array,
    s_known: Array, s_ref: Array, s_event: Array, s_side: Array, s_price: Array,
    shallow: float, deep: float, meta: Array, swing_ts: Array, swing: Array, ints: Array, floats: Array,
) -> int:  # fmt: skip
    n, s = 0, 0
    for i in range(ref_ts.size):
        if not complete[i]:
            continue
        if not follows(ref_ts[i], meta):
            swing[:] = np.nan
        meta[0] = known_ts[i]
        while s < s_known.size and s_known[s] <= known_ts[i]:
            if s_event[s] == 1:
                swing[s_side[s] - 1], swing_ts[s_side[s] - 1] = s_price[s], s_ref[s]
            s += 1
        high, low = swing[0], swing[1]
        if not low < high:
            continue
        length = high - low
        ints[0, n], ints[1, n], ints[2, n], ints[3, n] = ref_ts[i], known_ts[i], swing_ts[0], swing_ts[1]
        above, below = close[i] - low, high - close[i]
        ints[5, n] = 1 if above > below else (2 if above < below else 3)
        floats[0, n], floats[1, n], floats[2, n] = high, low, above / length
        floats[3, n], floats[4, n], ints[4, n] = np.nan, np.nan, 0
        if swing_ts[1] < swing_ts[0]:
            floats[3, n], floats[4, n], ints[4, n] = high - deep * length, high - shallow * length, 1
        elif swing_ts[1] > swing_ts[0]:
            floats[3, n], floats[4, n], ints[4, n] = low + shallow * length, low + deep * length, 2
        n += 1
    return n
