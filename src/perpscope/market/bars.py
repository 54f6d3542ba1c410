"""Bars from trades, and longer bars from shorter ones: folds that close a bar by the watermark.

A bar that waited for the next trade could stay open for ever in a quiet market; here the source's promise closes
it. A quiet bar repeats the last price with zero volume. A bar that holds a gap says `complete = false`; a bar
that lies wholly inside one, or before the first trade after one, is not invented. The first bar of a stream is
incomplete too: nobody saw how it began, unless its first trade is stamped with its open, or a gap that ends there says
since when the source was listening.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perpscope.core.batch import Batch
from perpscope.core.errors import ProgrammerError
from perpscope.core.events import BARS, GapKind
from perpscope.core.fold import Fold, FoldSpec, State
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Table
from perpscope.core.time import NULL_TS, Timeframe
from perpscope.numeric.jit import njit

_FLOATS = ("open", "high", "low", "close", "volume", "buy_volume", "sell_volume", "trade_count", "min_delta", "max_delta")
_OPEN, _HIGH, _LOW, _CLOSE, _VOLUME, _BUY, _SELL, _COUNT, _MIN, _MAX, _DELTA = range(11)

# positions in the integer part of the state
_REF, _HAS_TRADE, _HAS_PRICE, _TAINTED, _CHILD_END, _BEGUN_LATE, _LISTENING_SINCE = range(7)


class BarsFromTrades(Fold):
    """Time bars with buy and sell volume, trade count and the extremes of running delta.

    Definition: a bar opened at t holds the trades with t <= exchange_ts < t + frame, in arrival order; delta is
    aggressive buys minus sells; min/max delta are its running extremes inside the bar, starting at 0. The first bar says
    `complete = false` unless its first trade is stamped with its open or a declared gap ended by then.
    Units: prices in quote, volumes in base. `known_ts` = close. Source: own, checked against venue klines.

    Example:
        >>> from perpscope.core.events import TRADE, GAP
        >>> trades = Table.of(TRADE, exchange_ts=[0, 1], receive_ts=[0, 1], trade_id=[1, 2], price=[10.0, 11.0],
        ...                   quantity=[2.0, 3.0], aggressor_side=[1, 2])
        >>> fold = BarsFromTrades(frame="1s")
        >>> rows = fold.fold(fold.start(Instrument("demo", "X")), Batch(10**9, {"trade": trades, "gap": GAP.empty()}))
        >>> rows["close"].tolist(), rows["min_delta"].tolist()
        ([11.0], [-1.0])
    """

    spec = FoldSpec(
        name="bars",
        title="Bars",
        inputs=("trade", "gap"),
        output=BARS,
        source="own; equal to the venue's klines where they agree with its trades",
        shape="line",
        pane="price",
        wakes="watermark",
    )

    def start(self, instrument: Instrument) -> State:
        return _fresh_state()

    def fold(self, state: State, batch: Batch) -> Table:
        frame = _frame_of(self)
        trades = batch["trade"]
        gaps = _pending_gaps(state, batch, GapKind.TRADE)
        ints, acc = state["ints"], state["acc"]
        if not ints[_HAS_PRICE] and not ints[_HAS_TRADE]:
            first = int(trades["exchange_ts"][0]) if len(trades) else batch.watermark_ts
            ended = gaps[gaps[:, 1] <= first, 1]
            ints[_LISTENING_SINCE] = max(int(ints[_LISTENING_SINCE]), int(ended.max(initial=NULL_TS)))
            if len(trades) == 0:
                state["gaps"] = gaps[gaps[:, 1] > batch.watermark_ts - frame.ns]
                return BARS.empty()
            ints[_REF] = frame.floor(first)
            seen_whole = first == ints[_REF] or NULL_TS < ints[_LISTENING_SINCE] <= ints[_REF]
            ints[_BEGUN_LATE] = 0 if seen_whole else 1
        room = max(0, (batch.watermark_ts - int(ints[_REF])) // frame.ns) + 1
        out, ref, complete = np.empty((room, 10)), np.empty(room, np.int64), np.empty(room, np.bool_)
        n = _trade_kernel(
            trades["exchange_ts"], trades["price"], trades["quantity"], trades["aggressor_side"],
            frame.ns, batch.watermark_ts, gaps, ints, acc, out, ref, complete,
        )  # fmt: skip
        over = gaps[:, 1] <= ints[_REF]
        ints[_LISTENING_SINCE] = max(int(ints[_LISTENING_SINCE]), int(gaps[over, 1].max(initial=NULL_TS)))
        state["gaps"] = gaps[~over]
        return _bars_table(ref[:n], out[:n], complete[:n], frame.ns)


class BarsFromBars(Fold):
    """Longer bars from shorter ones that tile them.

    Definition: first open, extreme high and low, last close, sums of volumes and counts; running delta continues
    from child to child. Absent child volume makes the parent's absent. A missing child makes `complete` false.
    `known_ts` = close. Source: own; the law that 1m -> 1h equals the venue's 1h is tested on recorded bars.

    Example:
        >>> BarsFromBars(child="1m", frame="1h").inputs
        ('bars@1m',)
    """

    spec = FoldSpec(
        name="bars",
        title="Bars",
        inputs=("bars",),
        output=BARS,
        source="own; equal to the venue's klines of the longer frame",
        shape="line",
        pane="price",
        wakes="watermark",
    )

    def __init__(self, child: str, frame: str) -> None:
        super().__init__(None, frame)
        self.child = Timeframe.parse(child)
        if _frame_of(self).ns % self.child.ns:
            raise ProgrammerError(f"{child} bars do not tile {frame} bars.")

    @property
    def inputs(self) -> tuple[str, ...]:
        return (f"bars@{self.child.name}",)

    def start(self, instrument: Instrument) -> State:
        return _fresh_state()

    def fold(self, state: State, batch: Batch) -> Table:
        frame = _frame_of(self)
        bars = batch[self.inputs[0]]
        opens = _floor_all(bars["ref_ts"], frame)
        room = len(bars) + 2
        out, ref, complete = np.empty((room, 10)), np.empty(room, np.int64), np.empty(room, np.bool_)
        values = np.column_stack([bars[name] for name in _FLOATS]) if len(bars) else np.empty((0, 10))
        n = _merge_kernel(
            bars["ref_ts"], opens, values, bars["complete"], self.child.ns, frame.ns, batch.watermark_ts,
            state["ints"], state["acc"], out, ref, complete,
        )  # fmt: skip
        return _bars_table(ref[:n], out[:n], complete[:n], frame.ns)


def _frame_of(fold: Fold) -> Timeframe:
    if fold.frame is None:
        raise ProgrammerError("Bars need a time frame.")
    return Timeframe.parse(fold.frame)


def _fresh_state() -> State:
    ints = np.zeros(7, np.int64)
    ints[_LISTENING_SINCE] = NULL_TS
    return {"ints": ints, "acc": np.zeros(11), "gaps": np.empty((0, 2), np.int64)}


def _pending_gaps(state: State, batch: Batch, kind: GapKind) -> npt.NDArray[np.int64]:
    rows = batch["gap"]
    if not len(rows):
        return state["gaps"]
    mine = rows[rows["kind"] == kind]
    return _united(np.concatenate([state["gaps"], np.column_stack([mine["ref_ts"], mine["end_ts"]])]))


def _united(gaps: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The same instants as disjoint gaps in order, whatever overlaps were declared (a lost message inside an outage)."""
    united: list[list[int]] = []
    for start, end in sorted(gaps.tolist()):
        if united and start <= united[-1][1]:
            united[-1][1] = max(united[-1][1], end)
        else:
            united.append([start, end])
    return np.array(united, np.int64).reshape(-1, 2)


def _floor_all(ts: npt.NDArray[np.int64], frame: Timeframe) -> npt.NDArray[np.int64]:
    offset = frame.floor(0)
    return (ts - offset) // frame.ns * frame.ns + offset


def _bars_table(
    ref: npt.NDArray[np.int64], values: npt.NDArray[np.float64], complete: npt.NDArray[np.bool_], step: int
) -> Table:
    if not len(ref):
        return BARS.empty()
    floats = {name: values[:, i] for i, name in enumerate(_FLOATS)}
    return Table.of(BARS, ref_ts=ref, known_ts=ref + step, complete=complete, **floats)


@njit
def _trade_kernel(
    ts: Array, px: Array, qty: Array, side: Array, step: int, watermark: int, gaps: Array,
    ints: Array, acc: Array, out: Array, ref: Array, complete: Array,
) -> int:  # fmt: skip
    """State in `ints` and `acc`; closes every bar that ends at or before the watermark. Returns the number closed."""
    n, i, total, g = 0, 0, ts.size, 0
    while True:
        start = ints[0]
        end = start + step
        j = i
        if i < total and ts[i] < end:
            if ints[1] == 0:
                first = px[i]
                acc[0], acc[1], acc[2], acc[3] = first, first, first, first
                for c in range(4, 11):
                    acc[c] = 0.0
                ints[1] = 1
            hi, lo, vol, delta, dmin, dmax = acc[1], acc[2], acc[4], acc[10], acc[8], acc[9]
            while j < total and ts[j] < end:
                p, q = px[j], qty[j]
                hi = max(hi, p)
                lo = min(lo, p)
                vol += q
                delta += q * (3 - 2 * side[j])
                dmin = min(dmin, delta)
                dmax = max(dmax, delta)
                j += 1
            acc[1], acc[2], acc[3], acc[4], acc[10], acc[8], acc[9] = hi, lo, px[j - 1], vol, delta, dmin, dmax
            acc[7] += j - i
            i = j
        if end > watermark:
            return n
        while g < gaps.shape[0] and gaps[g, 1] <= start:
            g += 1
        holed, cut_off, k = False, False, g
        while k < gaps.shape[0] and gaps[k, 0] < end:
            holed, cut_off = True, gaps[k, 1] >= end
            k += 1
        if ints[1] == 1:
            acc[5] = (acc[4] + acc[10]) * 0.5
            acc[6] = acc[4] - acc[5]
            for c in range(10):
                out[n, c] = acc[c]
            ref[n] = start
            complete[n] = not holed and ints[5] == 0
            ints[5] = 0
            n += 1
            # a gap that reaches the end of the bar leaves the next price unknown
            ints[2] = 0 if cut_off else 1
        elif holed:
            ints[2] = 0
        elif ints[2] == 1:
            for c in range(4):
                out[n, c] = acc[3]
            for c in range(4, 10):
                out[n, c] = 0.0
            ref[n] = start
            complete[n] = True
            n += 1
        ints[1] = 0
        if ints[2] == 0 and i < total:
            ints[0] = max(end, end + (ts[i] - end) // step * step)
        else:
            ints[0] = end


@njit
def _merge_kernel(
    ts: Array, opens: Array, values: Array, whole: Array, child: int, step: int, watermark: int,
    ints: Array, acc: Array, out: Array, ref: Array, complete: Array,
) -> int:  # fmt: skip
    """Parents close when a child of the next arrives or the watermark passes their end. Returns the number closed."""
    n = 0
    for i in range(ts.size + 1):
        last = i == ts.size
        if ints[1] == 1 and (ints[0] + step <= watermark if last else opens[i] != ints[0]):
            for c in range(10):
                out[n, c] = acc[c]
            ref[n] = ints[0]
            complete[n] = ints[3] == 0 and ints[4] == ints[0] + step
            n += 1
            ints[1] = 0
        if last:
            return n
        if ints[1] == 0:
            ints[0], ints[1], ints[3], ints[4] = opens[i], 1, 0, opens[i]
            acc[0], acc[1], acc[2] = values[i, 0], values[i, 1], values[i, 2]
            for c in range(4, 11):
                acc[c] = 0.0
        if ts[i] != ints[4] or not whole[i]:
            ints[3] = 1
        ints[4] = ts[i] + child
        acc[1] = max(acc[1], values[i, 1])
        acc[2] = min(acc[2], values[i, 2])
        acc[3] = values[i, 3]
        acc[8] = min(acc[8], acc[10] + values[i, 8])
        acc[9] = max(acc[9], acc[10] + values[i, 9])
        if np.isnan(values[i, 8]):
            acc[8], acc[9] = np.nan, np.nan
        for c in range(4, 8):
            acc[c] += values[i, c]
        acc[10] += values[i, 5] - values[i, 6]
    return n
