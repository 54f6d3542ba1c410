"""Volume-weighted average price since the start of the UTC day, week and month, with bands."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, flag, price, row_schema
from perpscope.core.time import NULL_TS
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.numeric.calendar import DAY_NS, floor_week, month_of, month_start
from perpscope.numeric.jit import njit

_ANCHORS = ("day", "week", "month")


def _columns() -> tuple[Column, ...]:
    made: list[Column] = []
    for a in _ANCHORS:
        made += [
            price(f"{a}_vwap", f"average price of the volume since the UTC {a} began"),
            price(f"{a}_sigma", "volume-weighted standard deviation of price around it", mirror="same"),
            price(f"{a}_upper_1", "vwap + sigma", mirror=f"swap:{a}_lower_1"),
            price(f"{a}_lower_1", "vwap - sigma", mirror=f"swap:{a}_upper_1"),
            price(f"{a}_upper_2", "vwap + 2 sigma", mirror=f"swap:{a}_lower_2"),
            price(f"{a}_lower_2", "vwap - 2 sigma", mirror=f"swap:{a}_upper_2"),
            flag(f"{a}_complete", f"nothing is missing since the UTC {a} began"),
        ]
    return tuple(made)


ANCHORED_VWAP = row_schema("anchored_vwap", *_columns(), flag("estimated", "made from bars (hlc3), not from trades"))


class AnchoredVwap(Feature):
    """What the volume since 00:00 UTC, since Monday and since the first of the month paid on average, and how widely.

    Definition: `vwap = sum(p q) / sum(q)` since the anchor, `sigma^2 = sum(q (p - vwap)^2) / sum(q)`, advanced by the
    weighted Welford update (no difference of large sums); bands at 1 and 2 sigma. p, q are trades where trades
    are offered; otherwise p = (high + low + close) / 3 of the bar and q its volume, and the row says `estimated`.
    No volume since the anchor: NaN. A hole leaves the anchor `complete = false` to its end.
    Units: price. One row per bar, known at its close; a trade stamped with the close belongs to the next bar.
    Source: West, Communications of the ACM 22 (1979), for the weighted update; anchors own.

    Example:
        >>> AnchoredVwap.spec.output.names[2:5]
        ('day_vwap', 'day_sigma', 'day_upper_1')
    """

    spec = FeatureSpec(
        name="anchored_vwap",
        title="Anchored VWAP and bands",
        inputs=("bars", "trade?"),
        output=ANCHORED_VWAP,
        source="West 1979; anchors own",
        shape="line",
        pane="price",
    )
    exempt: ClassVar = {
        "gap": "the average since the anchor goes on after a hole and says complete = false: one since the hole is not it"
    }

    def start(self, instrument: Instrument) -> State:
        ints = np.full((3, 4), NULL_TS, np.int64)
        ints[:, 3] = 0
        return {"ints": ints, "sums": np.zeros((3, 3))}

    def fold(self, state: State, batch: Batch) -> Table:
        bars = batch["bars"]
        n, has_trades = len(bars), "trade" in batch
        if has_trades:
            trades = batch["trade"]
            stamps, paid, quantity = trades["exchange_ts"], trades["price"], trades["quantity"]
        else:
            stamps, paid, quantity = np.empty(0, np.int64), np.empty(0), np.empty(0)
        out, whole = np.empty((3, 6, n)), np.empty((3, n), np.bool_)
        _vwap_kernel(
            stamps, paid, quantity, has_trades, bars["ref_ts"], bars["known_ts"], bars["high"], bars["low"],
            bars["close"], bars["volume"], bars["complete"], state["ints"], state["sums"], out, whole,
        )  # fmt: skip
        if not n:
            return ANCHORED_VWAP.empty()
        columns: dict[str, Array] = {}
        for k, a in enumerate(_ANCHORS):
            for j, name in enumerate(("vwap", "sigma", "upper_1", "lower_1", "upper_2", "lower_2")):
                columns[f"{a}_{name}"] = out[k, j]
            columns[f"{a}_complete"] = whole[k]
        return Table.of(
            ANCHORED_VWAP,
            ref_ts=bars["ref_ts"],
            known_ts=bars["known_ts"],
            estimated=np.full(n, not has_trades),
            **columns,
        )


@njit
def _open_anchors(ts: int, ints: Array, sums: Array) -> None:
    """Begin afresh every anchor whose period is over at `ts`. ints per anchor: [end, expected open, complete, prints]."""
    for a in range(3):
        if ts < ints[a, 0]:
            continue
        if a == 0:
            begin = ts // DAY_NS * DAY_NS
            ints[a, 0] = begin + DAY_NS
        elif a == 1:
            begin = floor_week(ts)
            ints[a, 0] = begin + 7 * DAY_NS
        else:
            month = month_of(ts)
            begin = month_start(month)
            ints[a, 0] = month_start(month + 1)
        ints[a, 1], ints[a, 2], ints[a, 3] = begin, 1, 0
        sums[a] = 0.0


@njit
def _add(p: float, q: float, sums: Array) -> None:
    """sums per anchor: [weight, mean, sum of squared deviations]."""
    for a in range(3):
        sums[a, 0] += q
        gap = p - sums[a, 1]
        sums[a, 1] += gap * (q / sums[a, 0])
        sums[a, 2] += q * gap * (p - sums[a, 1])


@njit
def _vwap_kernel(
    ts: Array, paid: Array, quantity: Array, has_trades: bool, ref: Array, known: Array, high: Array, low: Array,
    close: Array, volume: Array, complete: Array, ints: Array, sums: Array, out: Array, whole: Array,
) -> None:  # fmt: skip
    i = 0
    for b in range(ref.size + 1):
        last = b == ref.size
        while i < ts.size and (last or ts[i] < known[b]):
            if ts[i] >= ints[0, 0]:
                _open_anchors(ts[i], ints, sums)
            if quantity[i] > 0:
                _add(paid[i], quantity[i], sums)
            ints[:, 3] = 1
            i += 1
        if last:
            return
        _open_anchors(ref[b], ints, sums)
        if not has_trades and volume[b] > 0:
            _add((high[b] + low[b] + close[b]) / 3.0, volume[b], sums)
        for a in range(3):
            if ref[b] != ints[a, 1] or not complete[b] or (has_trades and volume[b] > 0 and ints[a, 3] == 0):
                ints[a, 2] = 0
            ints[a, 1], ints[a, 3] = known[b], 0
            whole[a, b] = ints[a, 2] == 1
            if sums[a, 0] > 0:
                mean, sigma = sums[a, 1], np.sqrt(sums[a, 2] / sums[a, 0])
                out[a, 0, b], out[a, 1, b] = mean, sigma
                out[a, 2, b], out[a, 3, b] = mean + sigma, mean - sigma
                out[a, 4, b], out[a, 5, b] = mean + 2 * sigma, mean - 2 * sigma
            else:
                out[a, :, b] = np.nan
