"""The average price paid since the last swing high and since the last swing low, with bands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, price, row_schema
from perpscope.core.time import NULL_TS
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit

_SIDES = ("high", "low")
_BANDS = (1, 2, 3)


def _columns() -> tuple[Column, ...]:
    made: list[Column] = []
    for side, other in (_SIDES, _SIDES[::-1]):
        help = f"open of the bar of the last confirmed swing {side}; NULL_TS when there is none"
        made.append(Column(f"{side}_anchor_ts", "ns", help, "int64", mirror=f"swap:{other}_anchor_ts"))
        made.append(price(f"{side}_vwap", f"average price since it; NaN without a swing {side}", f"swap:{other}_vwap"))
        for k in _BANDS:
            made.append(price(f"{side}_upper_{k}", f"vwap + {k} sigma", mirror=f"swap:{other}_lower_{k}"))
            made.append(price(f"{side}_lower_{k}", f"vwap - {k} sigma", mirror=f"swap:{other}_upper_{k}"))
    return tuple(made)


SWING_VWAP = row_schema("swing_vwap", *_columns())


class SwingVwap(Feature):
    """What the volume since the last confirmed swing high, and since the last swing low, paid on average.

    Definition: `vwap = sum(p v) / sum(v)` over the bars from the swing's own bar on, p = (high + low + close) / 3 of a bar
    and v its volume; sigma is the volume-weighted standard deviation of p around it; bands at 1, 2 and 3 sigma. The sum
    begins at the swing, but no row tells it before the swing is confirmed: a chart that draws it from the swing on shows
    what nobody could know. A swing more than `max_bars` bars back when it is confirmed is not used. A missing or incomplete
    bar forgets both anchors until a swing is confirmed after it. Always estimated: from bars, not from trades.
    Units: price. One row per bar, known at its close.
    Source: ORDERFLOW OF7; West, Communications of the ACM 22 (1979), for the weighted update.

    Example:
        >>> SwingVwap().params.max_bars
        1000
    """

    @dataclass(frozen=True)
    class Params:
        max_bars: int = 1000

        def __post_init__(self) -> None:
            at_least("swing_vwap.max_bars", self.max_bars, 2)

    spec = FeatureSpec(
        name="swing_vwap",
        title="VWAP since the last swings",
        inputs=("bars", "swings"),
        output=SWING_VWAP,
        source="ORDERFLOW OF7",
        shape="line",
        pane="price",
    )

    @property
    def lookback(self) -> int:
        return int(self.params.max_bars)

    def start(self, instrument: Instrument) -> State:
        return {
            "ints": np.array([NULL_TS, 0, NULL_TS, NULL_TS], np.int64),
            "refs": np.full(self.params.max_bars, NULL_TS, np.int64),
            "ring": np.zeros((2, self.params.max_bars)),
            "sums": np.zeros((2, 3)),
        }

    def fold(self, state: State, batch: Batch) -> Table:
        bars, swings = batch["bars"], batch["swings"]
        confirmed = swings[swings["event"] == 1]
        anchors, out = np.empty((2, len(bars)), np.int64), np.empty((2, 2, len(bars)))
        _swing_kernel(
            bars["ref_ts"], bars["known_ts"], bars["complete"], (bars["high"] + bars["low"] + bars["close"]) / 3.0,
            bars["volume"], confirmed["ref_ts"], confirmed["known_ts"], confirmed["side"],
            state["ints"], state["refs"], state["ring"], state["sums"], anchors, out,
        )  # fmt: skip
        columns: dict[str, Array] = {}
        for k, side in enumerate(_SIDES):
            mean, sigma = out[k]
            columns[f"{side}_anchor_ts"], columns[f"{side}_vwap"] = anchors[k], mean
            for band in _BANDS:
                columns[f"{side}_upper_{band}"] = mean + band * sigma
                columns[f"{side}_lower_{band}"] = mean - band * sigma
        return Table.of(SWING_VWAP, ref_ts=bars["ref_ts"], known_ts=bars["known_ts"], **columns)


@njit
def _add(p: float, v: float, sums: Array) -> None:
    """sums: [weight, mean, sum of squared deviations]; a bar without volume adds nothing."""
    if v > 0:
        sums[0] += v
        gap = p - sums[1]
        sums[1] += gap * (v / sums[0])
        sums[2] += v * gap * (p - sums[1])


@njit
def _swing_kernel(
    ref: Array, known: Array, complete: Array, typical: Array, volume: Array, swing_ref: Array, swing_known: Array,
    side: Array, ints: Array, refs: Array, ring: Array, sums: Array, anchors: Array, out: Array,
) -> None:  # fmt: skip
    """ints: [expected open, bars held since the last break, anchor of the high, anchor of the low]."""
    s = 0
    for i in range(ref.size):
        if ints[0] != ref[i] or not complete[i]:
            ints[1], ints[2], ints[3] = 0, NULL_TS, NULL_TS
        ints[0] = known[i] if complete[i] else NULL_TS
        if complete[i]:
            slot = ints[1] % refs.size
            refs[slot], ring[0, slot], ring[1, slot] = ref[i], typical[i], volume[i]
            ints[1] += 1
            for d in range(2):
                if ints[2 + d] != NULL_TS:
                    _add(typical[i], volume[i], sums[d])
        while s < swing_known.size and swing_known[s] <= known[i]:
            d = side[s] - 1
            first = ints[1] - 1
            while first >= max(0, ints[1] - refs.size) and refs[first % refs.size] != swing_ref[s]:
                first -= 1
            if first >= max(0, ints[1] - refs.size):
                ints[2 + d] = swing_ref[s]
                sums[d] = 0.0
                for k in range(first, ints[1]):
                    _add(ring[0, k % refs.size], ring[1, k % refs.size], sums[d])
            s += 1
        for d in range(2):
            held = ints[2 + d] != NULL_TS and sums[d, 0] > 0
            anchors[d, i] = ints[2 + d]
            out[d, 0, i] = sums[d, 1] if held else np.nan
            out[d, 1, i] = np.sqrt(sums[d, 2] / sums[d, 0]) if held else np.nan
