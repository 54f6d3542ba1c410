"""Signed volume and price over short windows of the clock: what impact is measured on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.events import GapKind
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, price, quantity, row_schema
from perpscope.core.time import NULL_TS, SECOND
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit

FLOW_WINDOWS = row_schema(
    "flow_windows",
    quantity("buy_volume", "by aggressive buyers", mirror="swap:sell_volume"),
    quantity("sell_volume", "by aggressive sellers", mirror="swap:buy_volume"),
    quantity("net", "bought - sold", mirror="negate"),
    Column("trade_count", "count", "public trades"),
    price("price_start", "middle of the last buy and the last sell before the window; NaN until both were seen"),
    price("price_end", "the same at its end"),
    price("price_high", "the highest it was inside", mirror="swap:price_low"),
    price("price_low", "the lowest it was inside", mirror="swap:price_high"),
)


class FlowWindows(Feature):
    """Bought, sold and the price before and after, per window of ten seconds.

    Definition: windows [start, start + seconds) lie on the UTC grid; the first is the one that begins after the first
    trade, so none is partial. The price is the middle of the last aggressive buy and the last aggressive sell, which
    follows the quotes within half a spread without needing them. A quiet window is a row with zeros. A window that
    touches a gap of the trades is left out, and everything starts again after it.
    Units: base units, price. `known_ts` = the window's end.
    Source: own; ORDERFLOW OF10 and OF26.

    Example:
        >>> FlowWindows().window_ns
        10000000000
    """

    @dataclass(frozen=True)
    class Params:
        seconds: int = 10

        def __post_init__(self) -> None:
            at_least("flow_windows.seconds", self.seconds, 1)

    spec = FeatureSpec(
        name="flow_windows",
        title="Flow in short windows",
        inputs=("trade",),
        output=FLOW_WINDOWS,
        source="own",
        shape="table",
        wakes="watermark",
        framed=False,
    )

    @property
    def window_ns(self) -> int:
        return int(self.params.seconds) * SECOND

    def start(self, instrument: Instrument) -> State:
        return {"start": np.array([NULL_TS], np.int64), "acc": np.full(9, np.nan)}

    def fold(self, state: State, batch: Batch) -> Table:
        trades, gaps = batch["trade"], batch["gap"]
        holes = np.sort(gaps["ref_ts"][gaps["kind"] == GapKind.TRADE])
        cuts = [0, *np.searchsorted(trades["exchange_ts"], holes).tolist(), len(trades)]
        parts = []
        for k, until in enumerate([*holes.tolist(), batch.watermark_ts]):
            if k:
                state["start"][0] = NULL_TS
            parts.append(self._stretch(state, trades[cuts[k] : cuts[k + 1]] if holes.size else trades, until))
        return Table.concat(parts)

    def _stretch(self, state: State, trades: Table, until: int) -> Table:
        """Windows of an unbroken stretch of trades that end at or before `until`."""
        start = int(state["start"][0])
        if start == NULL_TS:
            if not len(trades):
                return FLOW_WINDOWS.empty()
            state["start"][0] = start = -(-int(trades["exchange_ts"][0]) // self.window_ns) * self.window_ns
            state["acc"][:] = np.nan
        out = np.empty((max(0, (until - start) // self.window_ns), 8))
        _window_kernel(
            trades["exchange_ts"], trades["price"], trades["quantity"], trades["aggressor_side"], self.window_ns,
            state["start"], state["acc"], out,
        )  # fmt: skip
        if not len(out):
            return FLOW_WINDOWS.empty()
        ref = start + np.arange(len(out)) * self.window_ns
        values = {name: out[:, k] for k, name in enumerate(FLOW_WINDOWS.names[2:])}
        return Table.of(FLOW_WINDOWS, ref_ts=ref, known_ts=ref + self.window_ns, **values)


@njit
def _window_kernel(
    ts: Array, price: Array, quantity: Array, side: Array, window: int, start: Array, acc: Array, out: Array
) -> None:
    """acc: [last buy, last sell, bought, sold, trades, price at start, high, low, begun (NaN before the first window)]."""
    i = 0
    for n in range(out.shape[0] + 1):
        end = start[0] + window
        while i < ts.size and ts[i] < end:
            if ts[i] >= start[0]:
                if acc[8] != acc[8]:
                    _begin(acc)
                acc[1 + side[i]] += quantity[i]
                acc[4] += 1.0
            acc[side[i] - 1] = price[i]
            if ts[i] >= start[0]:
                middle = (acc[0] + acc[1]) * 0.5
                acc[6] = middle if acc[6] != acc[6] else max(acc[6], middle)
                acc[7] = middle if acc[7] != acc[7] else min(acc[7], middle)
            i += 1
        if n == out.shape[0]:
            return
        if acc[8] != acc[8]:
            _begin(acc)
        out[n, 0], out[n, 1], out[n, 2], out[n, 3] = acc[2], acc[3], acc[2] - acc[3], acc[4]
        out[n, 4], out[n, 5], out[n, 6], out[n, 7] = acc[5], (acc[0] + acc[1]) * 0.5, acc[6], acc[7]
        _begin(acc)
        start[0] = end


@njit
def _begin(acc: Array) -> None:
    """An empty window that starts at the price as it is."""
    acc[2] = acc[3] = acc[4] = 0.0
    acc[5] = acc[6] = acc[7] = (acc[0] + acc[1]) * 0.5
    acc[8] = 1.0
