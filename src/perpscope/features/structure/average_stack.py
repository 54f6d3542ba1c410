"""Four moving averages and what their order says: the moving-average trend state."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, choice, flag, price, row_schema
from perpscope.core.time import NULL_TS
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.numeric.jit import njit
from perpscope.numeric.rolling import advance_mean


class StackOrder(IntEnum):
    """How the four averages lie: all in rising order of speed, all in falling order, or neither."""

    BULL = 1
    BEAR = 2
    MIXED = 3


class TrendState(IntEnum):
    """The reading of the whole: order, slope and close agree (up, down), they do not (mixed), or all is one knot."""

    UP = 1
    DOWN = 2
    MIXED = 3
    COMPRESSED = 4


AVERAGE_STACK = row_schema(
    "average_stack",
    price("ema_9", "exponential average of close, the fastest span"),
    price("ema_21", "the second span"),
    price("ema_50", "the third span"),
    price("ema_200", "the slowest span"),
    choice("order", StackOrder, "order of the four averages", mirror="flip"),
    Column("slope_50", "ratio", "change of ema_50 over slope_bars, in ATR", mirror="negate"),
    Column("distance_200", "ratio", "close - ema_200, in ATR", mirror="negate"),
    Column("compression", "ratio", "highest - lowest of the four averages, in ATR"),
    choice("trend_state", TrendState, "order, slope and close taken together", mirror="flip"),
    flag("settled", "the seed of the slowest average weighs less than 0.25 %"),
    flag("partial", "a bar within the slowest span lacks some of its trades, so the averages rest on what was seen of it"),
)


class AverageStack(Feature):
    """EMA 9, 21, 50 and 200 of the close, their order, slope, spread, and one word for the whole.

    Definition: EMA with alpha = 2/(n+1), seeded with the mean of the first n closes. `order` is bull when
    EMA9 > EMA21 > EMA50 > EMA200, bear when all are reversed. Slope of EMA50 over 10 bars, distance of close to
    EMA200 and `compression` (highest - lowest average) are divided by Wilder's ATR(14) of the bar before, so that
    a bar does not shrink its own measure. `trend_state`: compressed when the averages lie within
    `compression_limit` ATR; else up when order is bull, slope > 0 and close > EMA200; down by mirror; else mixed.
    Units: averages in price, the rest in ATR. Rows begin with the slowest average's seed; `settled` from four
    times its span on. A bar that is missing starts everything again. One that is there but incomplete (two hours of a
    day are lost) is taken as it was seen, and `partial` says so until it has left the slowest span: two lost hours must
    not cost 200 days. Disputed: purists restart. Known at the bar's close.
    Source: TA-Lib EMA and ATR (oracle of the tests); Wilder 1978; the states are our own.

    Example:
        >>> AverageStack().warmup
        200
    """

    @dataclass(frozen=True)
    class Params:
        fast: int = 9
        medium: int = 21
        slow: int = 50
        base: int = 200
        slope_bars: int = 10
        atr_bars: int = 14
        compression_limit: float = 1.0

    spec = FeatureSpec(
        name="average_stack",
        title="Moving-average trend state",
        inputs=("bars",),
        output=AVERAGE_STACK,
        source="TA-Lib EMA, ATR; states own",
        shape="line",
        pane="price",
    )

    @property
    def warmup(self) -> int:
        p = self.params
        return max(p.fast, p.medium, p.slow + p.slope_bars, p.base, p.atr_bars + 2)

    @property
    def lookback(self) -> int:
        return 4 * self.warmup

    def start(self, instrument: Instrument) -> State:
        return {
            "ints": np.array([NULL_TS, 0, -(2**40)], np.int64),
            "means": np.zeros((5, 3)),
            "last": np.full(2, np.nan),
            "slope": np.full(self.params.slope_bars, np.nan),
        }

    def fold(self, state: State, batch: Batch) -> Table:
        bars, p = batch["bars"], self.params
        n = len(bars)
        out, words, flags = np.empty((7, n)), np.empty((2, n), np.int8), np.empty((2, n), np.bool_)
        rows = np.empty(n, np.int64)
        made = _stack_kernel(
            bars["ref_ts"], bars["known_ts"], bars["complete"], bars["high"], bars["low"], bars["close"],
            np.array([p.fast, p.medium, p.slow, p.base, p.atr_bars, self.warmup]), p.compression_limit,
            state["ints"], state["means"], state["last"], state["slope"], out, words, flags, rows,
        )  # fmt: skip
        if made == 0:
            return AVERAGE_STACK.empty()
        rows = rows[:made]
        names = ("ema_9", "ema_21", "ema_50", "ema_200", "slope_50", "distance_200", "compression")
        return Table.of(
            AVERAGE_STACK,
            ref_ts=bars["ref_ts"][rows],
            known_ts=bars["known_ts"][rows],
            order=words[0, :made],
            trend_state=words[1, :made],
            settled=flags[0, :made],
            partial=flags[1, :made],
            **{name: out[k, :made] for k, name in enumerate(names)},
        )


@njit
def _stack_kernel(
    ref: Array, known: Array, complete: Array, high: Array, low: Array, close: Array, spans: Array, limit: float,
    ints: Array, means: Array, last: Array, slope: Array, out: Array, words: Array, flags: Array, rows: Array,
) -> int:  # fmt: skip
    """ints: [expected open, bars since the start, the last partial of them]; last: [previous close, ATR of the bar before];
    slope: ring of EMA50."""
    n = 0
    for i in range(ref.size):
        if ints[0] != ref[i]:
            ints[1], ints[2] = 0, -(2**40)
            means[:] = 0.0
            last[:] = np.nan
        ints[0] = known[i]
        at = ints[1] % slope.size
        ints[1] += 1
        if not complete[i]:
            ints[2] = ints[1]
        for k in range(4):
            advance_mean(close[i], spans[k], 2.0 / (spans[k] + 1.0), means[k])
        before = slope[at]
        slope[at] = means[2, 0]
        atr = last[1]
        if last[0] == last[0]:
            tr = max(high[i], last[0]) - min(low[i], last[0])
            last[1] = advance_mean(tr, spans[4], 1.0 / spans[4], means[4])
        last[0] = close[i]
        if ints[1] < spans[5]:
            continue
        a, b, c, d = means[0, 0], means[1, 0], means[2, 0], means[3, 0]
        unit = atr if atr > 0 else np.nan
        out[0, n], out[1, n], out[2, n], out[3, n] = a, b, c, d
        out[4, n] = (c - before) / unit
        out[5, n] = (close[i] - d) / unit
        out[6, n] = (max(max(a, b), max(c, d)) - min(min(a, b), min(c, d))) / unit
        order = 1 if a > b and b > c and c > d else (2 if a < b and b < c and c < d else 3)
        if out[6, n] < limit:
            trend = 4
        elif order == 1 and c > before and close[i] > d:
            trend = 1
        elif order == 2 and c < before and close[i] < d:
            trend = 2
        else:
            trend = 3
        words[0, n], words[1, n] = order, trend
        flags[0, n] = ints[1] >= 4 * spans[3]
        flags[1, n] = ints[1] - ints[2] < spans[3]
        rows[n] = i
        n += 1
    return n
