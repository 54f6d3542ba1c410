"""Price and delta that disagree between two swings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, choice, flag, price, quantity, row_schema, ts
from perpscope.core.time import NULL_TS
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.structure import Extreme, at_least
from perpscope.numeric.jit import njit
from perpscope.numeric.window import moments_state, push_moments

DELTA_DIVERGENCE = row_schema(
    "delta_divergence",
    choice("side", Extreme, "between two swing highs (bearish) or two swing lows (bullish)", mirror="flip"),
    flag("hidden", "price failed where delta pushed on; regular: price went on where delta failed"),
    ts("first_ts", "open of the first swing's bar"),
    price("first_price", "of the first swing"),
    price("last_price", "of the second swing"),
    quantity("delta_sum", "sum of delta over the bars after the first swing up to the second", mirror="negate"),
    Column("z", "sigma", "delta_sum against what so many independent bars would give", mirror="negate"),
    Column("bars", "count", "bars between the two swings"),
)


class DeltaDivergence(Feature):
    """A higher high on net selling, or a lower high on net buying; lows by mirror.

    Definition: at two consecutive confirmed swing highs p1, p2 with D = sum of delta over the bars (p1, p2]: bearish when
    price is higher and D < 0; hidden bearish when price is lower and D > 0. Lows by mirror. |D| must reach
    `least_z` times sigma * sqrt(bars), where sigma is the root mean square delta of the `sigma_bars` bars before p2's
    confirmation, and the swings may lie at most `max_bars` apart. The sum form does not depend on where CVD was reset.
    A break of delta (hole, incomplete bar, no taker volume) between p1 and the confirmation leaves no row. Swings are
    those of `swings`; one that is only strengthened is not a new one.
    Units: price, base units, sigma. `ref_ts` = open of p2's bar, `known_ts` = p2's confirmation.
    Source: own; ORDERFLOW OF12. No evidence for its worth was found.

    Example:
        >>> DeltaDivergence().params.max_bars
        100
    """

    @dataclass(frozen=True)
    class Params:
        least_z: float = 1.0
        max_bars: int = 100
        sigma_bars: int = 200

        def __post_init__(self) -> None:
            at_least("delta_divergence.least_z", self.least_z, 0.0)
            at_least("delta_divergence.max_bars", self.max_bars, 1)
            at_least("delta_divergence.sigma_bars", self.sigma_bars, 2)

    spec = FeatureSpec(
        name="delta_divergence",
        title="Delta divergence",
        inputs=("bars", "delta", "swings"),
        output=DELTA_DIVERGENCE,
        source="own",
        shape="marker",
        pane="price",
    )

    def start(self, instrument: Instrument) -> State:
        ring, stats = moments_state(self.params.sigma_bars)
        slots = 4 * self.params.max_bars + 200
        return {
            "ints": np.array([NULL_TS, 0], np.int64),
            "refs": np.full(slots, NULL_TS, np.int64),
            "sums": np.zeros(slots),
            "swings": np.full((2, 1), NULL_TS, np.int64),
            "prices": np.zeros(2),
            "ring": ring,
            "stats": stats,
        }

    def fold(self, state: State, batch: Batch) -> Table:
        deltas, swings, p = batch["delta"], batch["swings"], self.params
        confirmed = swings[swings["event"] == 1]
        room = len(confirmed)
        out, values = np.empty((5, room), np.int64), np.empty((5, room))
        n = _divergence_kernel(
            deltas["ref_ts"], deltas["known_ts"], deltas["delta"], confirmed["ref_ts"], confirmed["known_ts"],
            confirmed["side"], confirmed["price"], p.least_z, p.max_bars, state["ints"], state["refs"], state["sums"],
            state["swings"][:, 0], state["prices"], state["ring"], state["stats"], out, values,
        )  # fmt: skip
        if not n:
            return DELTA_DIVERGENCE.empty()
        return Table.of(
            DELTA_DIVERGENCE,
            ref_ts=out[0, :n],
            known_ts=out[1, :n],
            side=out[2, :n],
            hidden=out[3, :n] == 1,
            first_ts=out[4, :n],
            first_price=values[0, :n],
            last_price=values[1, :n],
            delta_sum=values[2, :n],
            z=values[3, :n],
            bars=values[4, :n],
        )


@njit
def _find(refs: Array, count: int, ref: int) -> int:
    """The number of the bar opened at `ref` among the last ones in the ring, -1 if it has left or never was."""
    for k in range(count - 1, max(-1, count - 1 - refs.size), -1):
        if refs[k % refs.size] == ref:
            return k
    return -1


@njit
def _divergence_kernel(
    ref: Array, known: Array, delta: Array, swing_ref: Array, swing_known: Array, side: Array, price: Array,
    least_z: float, max_bars: int, ints: Array, refs: Array, sums: Array, last: Array, last_price: Array,
    ring: Array, stats: Array, out: Array, values: Array,
) -> int:  # fmt: skip
    """ints: [expected open, bars in the ring since the last break]; sums: running delta at each bar of the ring."""
    n, s = 0, 0
    for i in range(ref.size):
        broken = delta[i] != delta[i]
        if broken or ints[0] != ref[i]:
            ints[1] = 0
            last[:] = NULL_TS
            ring[:] = np.nan
            stats[:] = 0.0
        ints[0] = known[i] if not broken else NULL_TS
        if not broken:
            before = sums[(ints[1] - 1) % sums.size] if ints[1] > 0 else 0.0
            refs[ints[1] % refs.size], sums[ints[1] % refs.size] = ref[i], before + delta[i]
            ints[1] += 1
        while s < swing_known.size and swing_known[s] <= known[i]:
            d = side[s] - 1
            first, second = _find(refs, ints[1], last[d]), _find(refs, ints[1], swing_ref[s])
            if first >= 0 and second > first and second - first <= max_bars and stats[1] > 1:
                total = sums[second % sums.size] - sums[first % sums.size]
                scale = np.sqrt((stats[3] / stats[1] + stats[2] * stats[2]) * (second - first))
                on = price[s] > last_price[d] if d == 0 else price[s] < last_price[d]
                failed = price[s] < last_price[d] if d == 0 else price[s] > last_price[d]
                against = total < 0 if d == 0 else total > 0
                along = total > 0 if d == 0 else total < 0
                if ((on and against) or (failed and along)) and scale > 0 and abs(total) >= least_z * scale:
                    out[0, n], out[1, n], out[2, n] = swing_ref[s], swing_known[s], side[s]
                    out[3, n], out[4, n] = 1 if failed else 0, last[d]
                    values[0, n], values[1, n], values[2, n] = last_price[d], price[s], total
                    values[3, n], values[4, n] = total / scale, second - first
                    n += 1
            last[d], last_price[d] = swing_ref[s], price[s]
            s += 1
        if not broken:
            push_moments(delta[i], ring, stats)
    return n
