"""Delta and its running sum."""

from __future__ import annotations

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, flag, quantity, row_schema
from perpscope.core.time import DAY, NULL_TS
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.numeric.jit import njit

DELTA = row_schema(
    "delta",
    quantity("delta", "aggressive buys - aggressive sells in the bar; NaN where not known", mirror="negate"),
    Column("delta_fraction", "fraction", "delta / volume, -1..1; NaN in a bar without volume", mirror="negate"),
    quantity("cvd", "sum of delta since the start of the data or the last break", mirror="negate"),
    quantity("cvd_day", "sum of delta since 00:00 UTC or the last break", mirror="negate"),
    Column("segment", "id", "counts the breaks; differences of cvd across segments mean nothing", "int64"),
    flag("anchored", "cvd_day holds every bar since 00:00 UTC"),
    flag("valid", "the bar is whole and its taker volume is known"),
)


class Delta(Feature):
    """Who pushed: aggressive buys minus aggressive sells per bar, and their running sums (CVD).

    Definition: `delta = buy_volume - sell_volume`; `cvd` is its sum since the data began, `cvd_day` its sum since
    00:00 UTC. A bar that is missing, incomplete or without taker volume breaks both: the sums restart at 0 in a
    new `segment`, and `anchored` stays false until the next UTC day. A sum carried across a hole would be a
    number of nothing. The candle form of CVD is `cvd - delta + max_delta` and `+ min_delta` of the bar.
    Units: base units of the coin; fractions of the bar's volume. One row per bar, known at its close.
    Source: own; the sign convention is that of the venues' taker volume.

    Example:
        >>> import numpy as np
        >>> from perpscope.core.events import BARS
        >>> nothing = {c: [np.nan] * 2 for c in ("trade_count", "min_delta", "max_delta")}
        >>> bars = Table.of(BARS, ref_ts=[0, 60], known_ts=[60, 120], open=[9.0] * 2, high=[9.0] * 2, low=[9.0] * 2,
        ...                 close=[9.0] * 2, volume=[5.0, 4.0], buy_volume=[4.0, 1.0], sell_volume=[1.0, 3.0],
        ...                 complete=[True] * 2, **nothing)
        >>> fold = Delta()
        >>> rows = fold.fold(fold.start(Instrument("demo", "X")), Batch(120, {"bars": bars}))
        >>> rows["delta"].tolist(), rows["cvd"].tolist()
        ([3.0, -2.0], [3.0, 1.0])
    """

    spec = FeatureSpec(
        name="delta",
        title="Delta and CVD",
        inputs=("bars",),
        output=DELTA,
        source="own",
        shape="histogram",
        pane="delta",
    )

    def start(self, instrument: Instrument) -> State:
        return {"ints": np.array([NULL_TS, NULL_TS, 0, 0], np.int64), "sums": np.zeros(2)}

    def fold(self, state: State, batch: Batch) -> Table:
        bars = batch["bars"]
        n = len(bars)
        out, segment, marks = np.empty((4, n)), np.empty(n, np.int64), np.empty((2, n), np.bool_)
        _delta_kernel(
            bars["ref_ts"], bars["known_ts"], bars["buy_volume"], bars["sell_volume"], bars["volume"], bars["complete"],
            state["ints"], state["sums"], out, segment, marks,
        )  # fmt: skip
        return Table.of(
            DELTA,
            ref_ts=bars["ref_ts"],
            known_ts=bars["known_ts"],
            delta=out[0],
            delta_fraction=out[1],
            cvd=out[2],
            cvd_day=out[3],
            segment=segment,
            anchored=marks[0],
            valid=marks[1],
        )


@njit
def _delta_kernel(
    ref: Array, known: Array, buy: Array, sell: Array, volume: Array, complete: Array,
    ints: Array, sums: Array, out: Array, segment: Array, marks: Array,
) -> None:  # fmt: skip
    """ints: [expected open (NULL_TS at the start and after a break), day, segment, anchored]; sums: [cvd, cvd_day]."""
    for i in range(ref.size):
        delta = buy[i] - sell[i]
        valid = complete[i] and delta == delta
        day = ref[i] // DAY
        if ints[0] != ref[i]:
            ints[2] += 0 if ints[1] == NULL_TS else 1
            ints[1], ints[3] = day, ref[i] % DAY == 0
            sums[0], sums[1] = 0.0, 0.0
        elif ints[1] != day:
            ints[1], ints[3] = day, ref[i] % DAY == 0
            sums[1] = 0.0
        segment[i] = ints[2]
        marks[1, i] = valid
        if not valid:
            ints[0] = NULL_TS
            out[:, i] = np.nan
            marks[0, i] = False
            continue
        ints[0] = known[i]
        sums[0] += delta
        sums[1] += delta
        out[0, i] = delta
        out[1, i] = delta / volume[i] if volume[i] > 0 else np.nan
        out[2, i], out[3, i] = sums[0], sums[1]
        marks[0, i] = ints[3] == 1
