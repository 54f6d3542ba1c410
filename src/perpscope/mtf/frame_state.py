"""Momentum and volatility of one time frame, in words and in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.fold import Fold, FoldSpec, State
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, choice, flag, price, row_schema
from perpscope.core.time import NULL_TS
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit
from perpscope.numeric.rolling import advance_mean
from perpscope.numeric.window import mid_rank, push_sorted, quantile_state


class Momentum(IntEnum):
    """UP: RSI above 55 and price above where it was; DOWN by mirror; else FLAT."""

    UP = 1
    DOWN = 2
    FLAT = 3


class Volatility(IntEnum):
    """Where the range of a bar stands among its own past: the lowest fifth, the middle, the highest fifth."""

    QUIET = 1
    USUAL = 2
    WILD = 3
    UNKNOWN = 4

    @property
    def opposite(self) -> Volatility:
        """A market upside down is as wild."""
        return self


FRAME_STATE = row_schema(
    "frame_state",
    Column("rsi", "score", "Wilder's RSI less 50: -50..50", mirror="negate"),
    Column("rate", "ratio", "change of the close over rate_bars, in ATR", mirror="negate"),
    choice("momentum", Momentum, "what both say", mirror="flip"),
    price("atr", "Wilder's average true range", mirror="same"),
    Column("atr_fraction", "fraction", "ATR / close"),
    Column("volatility_rank", "fraction", "mid-rank of atr_fraction among the rank_bars before; NaN below rank_min of them"),
    choice("volatility", Volatility, "quiet, usual or wild; unknown without a rank"),
    flag("partial", "a bar within rate_bars lacks some of its trades"),
)


class FrameState(Fold):
    """Momentum and volatility of one time frame.

    Definition: RSI by Wilder (average gain over average gain plus loss, seeds as TA-Lib), told as RSI - 50; rate = change of
    the close over `rate_bars` over the ATR; momentum is up when RSI - 50 > `least_rsi` and rate > 0, down by mirror, else flat.
    ATR by Wilder; its share of the close is ranked among the `rank_bars` before it: below 0.2 quiet, above 0.8 wild.
    Disputed: the thresholds; the numbers are beside the words. A missing bar starts everything again, a partial one is
    taken as it was seen and said (see `average_stack`).
    Units: price, ATRs, fractions. One row per bar, known at its close.
    Source: Wilder 1978; TA-Lib RSI and ATR (oracle of the tests); the words are our own, and unproven.

    Example:
        >>> FrameState(frame="4h").warmup
        16
    """

    @dataclass(frozen=True)
    class Params:
        rsi_bars: int = 14
        rate_bars: int = 10
        atr_bars: int = 14
        least_rsi: float = 5.0
        rank_bars: int = 250
        rank_min: int = 50

        def __post_init__(self) -> None:
            for name in ("rsi_bars", "rate_bars", "atr_bars", "rank_bars", "rank_min"):
                at_least(f"frame_state.{name}", getattr(self, name), 1)

    spec = FoldSpec(
        name="frame_state",
        title="Momentum and volatility of a time frame",
        inputs=("bars",),
        output=FRAME_STATE,
        source="Wilder 1978; words own",
        shape="line",
        pane="bias",
    )
    exempt: ClassVar = {"mirror": "ATR over the close is not odd under p -> C - p; tests/mtf turns momentum alone upside down"}

    @property
    def warmup(self) -> int:
        p = self.params
        return int(max(p.rsi_bars, p.rate_bars, p.atr_bars)) + 2

    @property
    def lookback(self) -> int:
        return self.warmup + int(self.params.rank_bars)

    def start(self, instrument: Instrument) -> State:
        ring, ordered, counts = quantile_state(self.params.rank_bars)
        return {
            "ints": np.array([NULL_TS, 0, -(2**40)], np.int64),
            "means": np.zeros((3, 3)),
            "closes": np.full(self.params.rate_bars, np.nan),
            "last": np.full(1, np.nan),
            "ring": ring,
            "ordered": ordered,
            "counts": counts,
        }

    def fold(self, state: State, batch: Batch) -> Table:
        bars, p = batch["bars"], self.params
        n = len(bars)
        out, words, flags, rows = np.empty((5, n)), np.empty((2, n), np.int8), np.empty(n, np.bool_), np.empty(n, np.int64)
        made = _state_kernel(
            bars["ref_ts"], bars["known_ts"], bars["complete"], bars["high"], bars["low"], bars["close"],
            np.array([p.rsi_bars, p.rate_bars, p.atr_bars, p.rank_min, self.warmup]), p.least_rsi,
            state["ints"], state["means"], state["closes"], state["last"], state["ring"], state["ordered"], state["counts"],
            out, words, flags, rows,
        )  # fmt: skip
        if not made:
            return FRAME_STATE.empty()
        rows, names = rows[:made], ("rsi", "rate", "atr", "atr_fraction", "volatility_rank")
        return Table.of(
            FRAME_STATE,
            ref_ts=bars["ref_ts"][rows],
            known_ts=bars["known_ts"][rows],
            momentum=words[0, :made],
            volatility=words[1, :made],
            partial=flags[:made],
            **{name: out[k, :made] for k, name in enumerate(names)},
        )


@njit
def _state_kernel(
    ref: Array, known: Array, complete: Array, high: Array, low: Array, close: Array, spans: Array, least: float,
    ints: Array, means: Array, closes: Array, last: Array, ring: Array, ordered: Array, counts: Array,
    out: Array, words: Array, flags: Array, rows: Array,
) -> int:  # fmt: skip
    """ints: [expected open, bars since the start, the last partial of them]; means: of gains, losses, true ranges."""
    n = 0
    for i in range(ref.size):
        if ints[0] != ref[i]:
            ints[1], ints[2] = 0, -(2**40)
            means[:] = 0.0
            ring[:], ordered[:], counts[:] = np.nan, np.nan, 0
        ints[0] = known[i]
        at = ints[1] % closes.size
        ints[1] += 1
        if not complete[i]:
            ints[2] = ints[1]
        atr = np.nan
        if ints[1] > 1:
            change = close[i] - last[0]
            advance_mean(max(change, 0.0), spans[0], 1.0 / spans[0], means[0])
            advance_mean(max(-change, 0.0), spans[0], 1.0 / spans[0], means[1])
            atr = advance_mean(max(high[i], last[0]) - min(low[i], last[0]), spans[2], 1.0 / spans[2], means[2])
        before = closes[at]
        closes[at], last[0] = close[i], close[i]
        if ints[1] < spans[4]:
            continue
        share = atr / close[i]
        moved = means[0, 0] + means[1, 0]
        rsi = 100.0 * means[0, 0] / moved - 50.0 if moved > 0.0 else 0.0
        rate = (close[i] - before) / atr if atr > 0.0 else np.nan
        rank = mid_rank(share, ordered, counts[1]) if counts[1] >= spans[3] else np.nan
        push_sorted(share, ring, ordered, counts)
        out[0, n], out[1, n], out[2, n], out[3, n], out[4, n] = rsi, rate, atr, share, rank
        words[0, n] = 1 if rsi > least and rate > 0.0 else (2 if rsi < -least and rate < 0.0 else 3)
        words[1, n] = 4 if rank != rank else (1 if rank < 0.2 else (3 if rank > 0.8 else 2))
        flags[n] = ints[1] - ints[2] <= closes.size
        rows[n] = i
        n += 1
    return n
