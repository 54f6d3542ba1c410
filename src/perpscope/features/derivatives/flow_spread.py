"""Spot against perpetual: whose aggressors push harder, each measured by its own past."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, row_schema
from perpscope.core.time import NULL_TS, Timeframe, parse_span
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.cross_venue import flow_spread
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit

FLOW_SPREAD = row_schema(
    "flow_spread",
    Column("spot_delta", "notional", "aggressive buys - sells on the spot market over the window, quote coin", mirror="negate"),
    Column("perpetual_delta", "notional", "the same on this instrument", mirror="negate"),
    Column("spot_z", "sigma", "spot_delta over the root of its past mean square", mirror="negate"),
    Column("perpetual_z", "sigma", "perpetual_delta over the root of its past mean square", mirror="negate"),
    Column("spread", "sigma", "spot_z - perpetual_z; positive: spot buys more eagerly", mirror="negate"),
)


class FlowSpread(Feature):
    """Divergence of spot and perpetual flow.

    Definition: over the last `bars` bars, sum of delta times the open of each bar (so in quote coin), on spot and on the
    perpetual; each divided by the root of its own past mean square (exponential, strictly before, no mean subtracted);
    spread = spot z - perpetual z. Disputed: the season; both markets share it, so it cancels from the difference to first
    order and is not taken out again. A bar whose taker volume is unknown on either side, or that one of the two lacks,
    restarts the sum: the row is absent, never zero.
    Units: quote coin and past deviations. One row per bar that both have, once the window and `n_min` past sums are
    there; known at its close. The spot market comes as the stream `spot_bars` of the same time frame (`engine.companion`).
    Source: STRUCTURE ST30.

    Example:
        >>> FlowSpread(frame="5m").warmup
        61
    """

    @dataclass(frozen=True)
    class Params:
        bars: int = 12
        half_life: str = "7d"
        n_min: int = 48

        def __post_init__(self) -> None:
            at_least("flow_spread.bars", self.bars, 1)
            at_least("flow_spread.n_min", self.n_min, 1)

    spec = FeatureSpec(
        name="flow_spread",
        title="Spot against perpetual flow",
        inputs=("bars", "spot_bars"),
        output=FLOW_SPREAD,
        source="STRUCTURE ST30",
        shape="line",
        pane="delta",
    )
    exempt: ClassVar = {
        "mirror": "a delta in quote coin is weighed by its price, which p -> C - p changes; the tests swap buys and sells"
    }

    @property
    def warmup(self) -> int:
        return int(self.params.bars + self.params.n_min) + 1

    def start(self, instrument: Instrument) -> State:
        return {"ints": np.array([NULL_TS, 0], np.int64), "ring": np.zeros((2, self.params.bars)), "scales": np.zeros((2, 3))}

    def fold(self, state: State, batch: Batch) -> Table:
        bars, spot, p = batch["bars"], batch["spot_bars"], self.params
        bars, spot = bars[bars["complete"]], spot[spot["complete"]]
        _, mine, theirs = np.intersect1d(bars["ref_ts"], spot["ref_ts"], assume_unique=True, return_indices=True)
        same = bars["known_ts"][mine] == spot["known_ts"][theirs]
        bars, spot = bars[mine[same]], spot[theirs[same]]
        n = len(bars)
        flows = np.stack([(t["buy_volume"] - t["sell_volume"]) * t["open"] for t in (spot, bars)])
        out, rows = np.empty((4, n)), np.empty(n, np.int64)
        frame = Timeframe.parse(self.frame or "1h").ns
        made = _flow_kernel(
            bars["ref_ts"], bars["known_ts"], flows, 0.5 ** (frame / parse_span(p.half_life)), p.n_min,
            state["ints"], state["ring"], state["scales"], out, rows,
        )  # fmt: skip
        if not made:
            return FLOW_SPREAD.empty()
        rows, out = rows[:made], out[:, :made]
        return Table.of(
            FLOW_SPREAD,
            ref_ts=bars["ref_ts"][rows],
            known_ts=bars["known_ts"][rows],
            spot_delta=out[0],
            perpetual_delta=out[1],
            spot_z=out[2],
            perpetual_z=out[3],
            spread=flow_spread(out[2], out[3]),
        )


@njit
def _flow_kernel(
    ref: Array, known: Array, flows: Array, decay: float, n_min: int, ints: Array, ring: Array, scales: Array,
    out: Array, rows: Array,
) -> int:  # fmt: skip
    """ints: [expected open, bars in the window]; ring: the last deltas of either; scales: [squares, weights, count]."""
    n, width = 0, ring.shape[1]
    for b in range(ref.size):
        unknown = flows[0, b] != flows[0, b] or flows[1, b] != flows[1, b]
        if ints[0] != ref[b] or unknown:  # across a hole neither the sum nor its scale is one thing
            ints[1] = 0
            scales[:] = 0.0
        ints[0] = known[b]
        if unknown:
            continue
        for k in range(2):
            ring[k, ints[1] % width] = flows[k, b]
        ints[1] += 1
        if ints[1] < width:
            continue
        ready = scales[0, 2] >= n_min and scales[0, 0] > 0 and scales[1, 0] > 0
        for k in range(2):
            total = 0.0
            for j in range(width):
                total += ring[k, j]
            if ready:
                out[k, n] = total
                out[2 + k, n] = total / np.sqrt(scales[k, 0] / scales[k, 1])
            scales[k, 0] = scales[k, 0] * decay + total * total
            scales[k, 1] = scales[k, 1] * decay + 1.0
            scales[k, 2] += 1.0
        if ready:
            rows[n] = b
            n += 1
    return n
