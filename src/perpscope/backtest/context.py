"""What was known when a decision was made: volatility, funding, living clusters; read forward in time, never ahead."""

from __future__ import annotations

import math

import numpy as np

from perpscope.backtest.history import History
from perpscope.core.table import Array
from perpscope.core.units import PositionSide
from perpscope.features.liquidation.tracking import OVER
from perpscope.numeric.atr import atr_state, atr_step
from perpscope.numeric.jit import njit
from perpscope.risk import Cluster

ATR_SPAN = 14


class Context:
    """One instrument's knowledge as time moves on; ask only with times that never fall back.

    `atr`: Wilder's average true range of the deciding bars, NaN before 14 of them. `funding`: the last rate paid and its
    interval. `clusters`: those alive, as last described.
    """

    def __init__(self, history: History) -> None:
        bars = history.past_bars
        self._known, self._atr = bars["known_ts"], _atr_of(bars["high"], bars["low"], bars["close"], ATR_SPAN)
        self._close, self._funding = bars["close"], history.funding
        self._rows, self._votes = history.clusters, history.confluence
        self._at = 0
        self._alive: dict[int, Cluster] = {}

    def last(self, now: int) -> float:
        """The close of the last deciding bar; NaN before the first."""
        at = int(np.searchsorted(self._known, now, side="right")) - 1
        return float(self._close[at]) if at >= 0 else float("nan")

    def atr(self, now: int) -> float:
        at = int(np.searchsorted(self._known, now, side="right")) - 1
        return float(self._atr[at]) if at >= 0 else float("nan")

    def funding(self, now: int) -> tuple[float, int]:
        """(rate, interval in ns) of the last payment at or before `now`; (NaN, 0) where none was recorded."""
        table = self._funding
        at = -1 if table is None else int(np.searchsorted(table.clock, now, side="right")) - 1
        if table is None or at < 0:
            return float("nan"), 0
        interval = int(table["funding_interval"][at])
        if interval <= 0 and at > 0:
            interval = int(table.clock[at] - table.clock[at - 1])
        return float(table["funding_rate"][at]), max(interval, 0)

    def agrees(self, now: int, side: PositionSide, least: float | None) -> bool:
        """Whether confluence, in the direction of a side, is at least `least`: in log-odds where weights are in force, else in
        points. Unknown confluence agrees with nothing; None asks nothing."""
        if least is None:
            return True
        rows = self._votes
        at = -1 if rows is None else int(np.searchsorted(rows.clock, now, side="right")) - 1
        if rows is None or at < 0:
            return False
        vote = float(rows["log_odds"][at])
        if math.isnan(vote):
            vote = float(rows["score"][at])
        return side.sign * vote >= least

    def clusters(self, now: int) -> tuple[Cluster, ...]:
        """Clusters alive at `now`."""
        rows = self._rows
        if rows is None:
            return ()
        until = int(np.searchsorted(rows.clock, now, side="right"))
        for k in range(self._at, until):
            number = int(rows["id"][k])
            if int(rows["event"][k]) in OVER:
                self._alive.pop(number, None)
            else:
                self._alive[number] = Cluster(
                    float(rows["price_low"][k]), float(rows["price_high"][k]), float(rows["notional"][k]),
                    int(rows.clock[k]), PositionSide(int(rows["side"][k])),
                )  # fmt: skip
        self._at = max(self._at, until)
        return tuple(self._alive.values())


@njit
def _averages(high: Array, low: Array, close: Array, span: int, state: Array) -> Array:
    out = np.empty(high.size)
    for i in range(high.size):
        out[i] = atr_step(state, high[i], low[i], close[i], span)
    return out


def _atr_of(high: Array, low: Array, close: Array, span: int) -> Array:
    averages: Array = _averages(high, low, close, span, atr_state())
    return averages
