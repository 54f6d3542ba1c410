"""Gross opens and closes of both sides of a perpetual, from volume, open interest and aggressor side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.events import LIQUIDATION_TOTALS, MARK_BARS
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, price, quantity, row_schema
from perpscope.core.time import DAY, NULL_TS, SECOND
from perpscope.core.units import ContractKind
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.features.liquidation.flags import Flag
from perpscope.features.liquidation.identity import gross_flows
from perpscope.numeric.jit import njit

POSITION_FLOWS = row_schema(
    "position_flows",
    quantity("open_interest", "what the books sum to after the bar, one side, position units"),
    quantity("opened_long", "longs opened in the bar", mirror="swap:opened_short"),
    quantity("opened_short", "shorts opened in the bar", mirror="swap:opened_long"),
    quantity("closed_long", "longs closed in the bar, liquidated ones included", mirror="swap:closed_short"),
    quantity("closed_short", "shorts closed in the bar, liquidated ones included", mirror="swap:closed_long"),
    quantity("liquidated_long", "realised liquidations of longs, as used; 0 where unknown", mirror="swap:liquidated_short"),
    quantity("liquidated_short", "realised liquidations of shorts, as used; 0 where unknown", mirror="swap:liquidated_long"),
    quantity("late_opened", "opens of each side that belong to the last `late_bars` bars"),
    Column("late_bars", "count", "bars that an open interest change covers, this one included", "int64"),
    quantity("unseen", "change of open interest over missing bars"),
    Column("rebase", "ratio", "factor by which the books are rescaled after a contradiction, else 1"),
    quantity("volume", "traded in the bar, position units"),
    price("entry_low", "lowest trade, where the opens' entries begin", mirror="swap:entry_high"),
    price("entry_high", "highest trade", mirror="swap:entry_low"),
    price("sweep_low", "lowest mark price; last price where flagged LAST", mirror="swap:sweep_high"),
    price("sweep_high", "highest mark price; last price where flagged LAST", mirror="swap:sweep_low"),
    price("close", "mark price at the end; last price where flagged LAST"),
    Column("flags", "flag", "sum of `Flag` codes", "int64"),
)

_FLOATS = tuple(c.name for c in POSITION_FLOWS.columns if c.dtype == "float64")

# waiting bars: high, low, close, volume, buy volume, mark high, low, close, liquidated longs, shorts
_WAITING = 10
# what is remembered: ints for the stamps, ints and sums for the account
_LAST_STAMP, _SPACING = range(2)
_PREV_KNOWN, _BARS, _CARRIED, _HOLE, _STARTED = range(5)
_USED, _TARGET, _WINDOW, _CHECKS, _FAULTS = range(5)

_LAST, _NO_TAKER, _NO_LIQ, _LIQ_HIGH = int(Flag.LAST), int(Flag.NO_TAKER), int(Flag.NO_LIQ), int(Flag.LIQ_HIGH)
_COARSE, _OI_GAP, _CARRY, _REBASE = int(Flag.OI_COARSE), int(Flag.OI_GAP), int(Flag.OI_CARRY), int(Flag.OI_REBASE)
_UNIT, _USD, _PRICE_GAP, _RESTART = int(Flag.OI_UNIT), int(Flag.OI_USD), int(Flag.PRICE_GAP), int(Flag.RESTART)


@dataclass(frozen=True)
class FlowParams:
    """`flow_fraction` (phi): share of volume that really changes positions. `taker_weight` (theta): weight of aggressors
    among those who open. `lateness_seconds`: how long a bar waits for an open interest stamp that is due.
    `carry_bars`: bars after which an unexplained rest of open interest rescales the books."""

    flow_fraction: float = 0.35
    taker_weight: float = 0.7
    lateness_seconds: float = 30.0
    carry_bars: int = 12


class PositionFlows(Feature):
    """How much was opened and closed on each side, by the identity every contract obeys.

    Definition: every unit traded has two legs, each opening or closing, so opens = V' + dO and closes = V' - dO over both
    sides, where dO is the change of open interest and V' = max(phi V, n_L + n_S) the volume that changes positions. With
    n_L = max(0, dO + R_L) the least opens of longs and n_S = max(R_S, -dO) the least closes of shorts (R realised
    liquidations) and beta = theta b + (1 - theta)(1 - b), b the taker-buy fraction:
    opened_long = clip((V' + dO) beta, n_L, V' - n_S), opened_short = V' + dO - opened_long, closed = opened - dO.
    Both sides change by exactly dO. A change beyond the volume contradicts the contract: it is capped, carried, and after
    `carry_bars` bars the books are rescaled. Open interest coarser than bars is never interpolated: inside, opens equal
    closes; at its stamp the whole change is applied, its opens spread over the bars it covers by their volume.
    Units: position units, conserved by trading: base (linear), USD face (inverse; the volume is converted at the bar's
    close). A bar takes the open interest stamped at its close, or the next one within `lateness_seconds` if one is
    due; `known_ts` is the later of the two. No row before the first open interest.
    Source: own; identity and measurements in docs/definitions/liquidation_exposure.md.

    Example:
        >>> from perpscope.core.events import BARS, OPEN_INTEREST
        >>> bars = Table.filled(BARS, ref_ts=[0, 60], known_ts=[60, 120], open=[9.0] * 2, high=[9.0] * 2, low=[9.0] * 2,
        ...                     close=[9.0] * 2, volume=[5.0, 4.0], buy_volume=[4.0, 2.0], complete=[True] * 2)
        >>> interest = Table.filled(OPEN_INTEREST, exchange_ts=[60, 120], open_interest=[100.0, 101.0])
        >>> fold = PositionFlows(FlowParams(flow_fraction=1.0))
        >>> rows = fold.fold(fold.start(Instrument("demo", "X")), Batch(120, {"bars": bars, "open_interest": interest}))
        >>> [rows[name][1].item() for name in ("opened_long", "opened_short", "closed_long", "closed_short")]
        [2.5, 2.5, 1.5, 1.5]
    """

    spec = FeatureSpec(
        name="position_flows",
        title="Position opens and closes",
        inputs=("bars", "open_interest", "mark_bars?", "liquidation_totals?"),
        output=POSITION_FLOWS,
        source="own",
        shape="histogram",
        pane="open_interest",
        wakes="watermark",
    )
    Params = FlowParams
    exempt: ClassVar[dict[str, str]] = {
        "gap": "positions live through a hole in our data: the change of open interest over it is booked as unseen",
    }

    def __init__(self, params: FlowParams | None = None, frame: str | None = None) -> None:
        super().__init__(params, frame)
        p: FlowParams = self.params
        if not (0.0 < p.flow_fraction <= 1.0 and 0.0 <= p.taker_weight <= 1.0):
            raise UserError("position_flows: flow_fraction and taker_weight are shares; choose values above 0 and up to 1.")
        if not (p.lateness_seconds >= 0.0 and p.carry_bars >= 1):
            raise UserError("position_flows: lateness_seconds must not be negative and carry_bars be at least 1.")

    def start(self, instrument: Instrument) -> State:
        return {
            "stamp": np.array([NULL_TS, 0], np.int64),
            "ints": np.array([NULL_TS, 0, 0, 0, 0], np.int64),
            "sums": np.array([np.nan, np.nan, 0.0, 0.0, 0.0]),
            "spans": np.empty((0, 2), np.int64),
            "bars": np.empty((0, _WAITING)),
            "stamps": np.empty(0, np.int64),
            "interest": np.empty((0, 2)),
            "mark_bars": MARK_BARS.empty(),
            "liquidation_totals": LIQUIDATION_TOTALS.empty(),
            "inverse": instrument.kind is ContractKind.INVERSE,
        }

    def fold(self, state: State, batch: Batch) -> Table:
        _remember(state, batch)
        bars, spans = state["bars"], state["spans"]
        n = len(bars)
        if n == 0:
            return POSITION_FLOWS.empty()
        params: FlowParams = self.params
        known, values = np.empty(n, np.int64), np.empty((n, 2))
        flags, late = np.zeros(n, np.int64), np.empty(n, np.int64)
        lateness = int(params.lateness_seconds * SECOND)
        done, spent = _align(
            spans, bars[:, 2], state["stamps"], state["interest"], batch.watermark_ts, state["inverse"], lateness,
            state["stamp"], state["ints"][_STARTED] == 0, known, values, flags,
        )  # fmt: skip
        if done == 0:
            return POSITION_FLOWS.empty()
        out = np.empty((done, len(_FLOATS)))
        silent = _account(
            spans[:done], bars[:done], values, state["inverse"], params.flow_fraction, params.taker_weight,
            params.carry_bars, state["ints"], state["sums"], out, flags, late,
        )  # fmt: skip
        state["bars"], state["spans"] = bars[done:].copy(), spans[done:].copy()
        state["stamps"], state["interest"] = state["stamps"][spent:].copy(), state["interest"][spent:].copy()
        if silent == done:
            return POSITION_FLOWS.empty()
        rows = slice(silent, done)  # bars before the first open interest have no row
        return Table.of(
            POSITION_FLOWS,
            ref_ts=spans[rows, 0],
            known_ts=known[rows],
            late_bars=late[rows],
            flags=flags[rows],
            **{name: out[rows, i] for i, name in enumerate(_FLOATS)},
        )


def _remember(state: State, batch: Batch) -> None:
    """Take the batch into the state: bars with their mark prices and liquidations, and open interest."""
    interest = batch["open_interest"]
    if len(interest):
        state["stamps"] = np.concatenate([state["stamps"], interest["exchange_ts"]])
        values = np.column_stack([interest["open_interest"], interest["open_interest_notional"]])
        state["interest"] = np.concatenate([state["interest"], values])
    for name in ("mark_bars", "liquidation_totals"):
        if name in batch and len(batch[name]):
            state[name] = Table.concat([state[name], batch[name]])
    bars = batch["bars"]
    if not len(bars):
        return
    rows = np.full((len(bars), 10), np.nan)
    for i, name in enumerate(("high", "low", "close", "volume", "buy_volume")):
        rows[:, i] = bars[name]
    mark, forced = state["mark_bars"], state["liquidation_totals"]
    if len(mark):
        left = _mark_kernel(
            bars["ref_ts"], bars["known_ts"], mark["ref_ts"], mark["known_ts"], mark["high"], mark["low"], mark["close"], rows
        )
        state["mark_bars"] = mark[left:]
    if len(forced):
        left = _forced_kernel(
            bars["ref_ts"], bars["known_ts"], forced["ref_ts"], forced["known_ts"], forced["long_quantity"],
            forced["short_quantity"], rows,
        )  # fmt: skip
        state["liquidation_totals"] = forced[left:]
    spans = np.column_stack([bars["ref_ts"], bars["known_ts"]])
    waiting = len(state["bars"])
    state["bars"] = np.concatenate([state["bars"], rows]) if waiting else rows
    state["spans"] = np.concatenate([state["spans"], spans]) if waiting else spans


@njit
def _mark_kernel(
    ref: Array, known: Array, mark_ref: Array, mark_known: Array, high: Array, low: Array, close: Array, rows: Array
) -> int:
    """Extremes and last of the mark bars that tile each bar wholly. Returns how many mark bars are spent."""
    j = 0
    for i in range(ref.size):
        while j < mark_ref.size and mark_ref[j] < ref[i]:
            j += 1
        edge, top, bottom, last = ref[i], -np.inf, np.inf, np.nan
        while j < mark_ref.size and mark_known[j] <= known[i]:
            if mark_ref[j] == edge:
                top, bottom, last, edge = max(top, high[j]), min(bottom, low[j]), close[j], mark_known[j]
            j += 1
        if edge == known[i]:
            rows[i, 5], rows[i, 6], rows[i, 7] = top, bottom, last
    return j


@njit
def _forced_kernel(ref: Array, known: Array, from_ts: Array, to_ts: Array, longs: Array, shorts: Array, rows: Array) -> int:
    """Sums of the liquidation totals that lie inside each bar. Returns how many totals are spent."""
    j = 0
    for i in range(ref.size):
        while j < from_ts.size and from_ts[j] < ref[i]:
            j += 1
        while j < from_ts.size and to_ts[j] <= known[i]:
            rows[i, 8] = longs[j] if rows[i, 8] != rows[i, 8] else rows[i, 8] + longs[j]
            rows[i, 9] = shorts[j] if rows[i, 9] != rows[i, 9] else rows[i, 9] + shorts[j]
            j += 1
    return j


@njit
def _align(
    spans: Array, closes: Array, stamps: Array, interest: Array, watermark: int, inverse: bool, lateness: int, stamp: Array,
    first: bool, known: Array, values: Array, flags: Array,
) -> tuple[int, int]:  # fmt: skip
    """Which open interest belongs to each bar, and since when is it known? Returns bars decided and stamps spent.

    `values` gets the open interest at the bar's close and, for the very first bar, at its open; NaN where there is none.
    """
    spent = 0
    for i in range(spans.shape[0]):
        ref, close = spans[i, 0], spans[i, 1]
        wait = min(lateness, (close - ref) // 2)
        values[i, 0], values[i, 1] = np.nan, np.nan
        while first and spent < stamps.size and stamps[spent] <= ref:  # what the very first bar began with
            if stamps[spent] > ref - (close - ref):
                values[i, 1], _ = _in_units(interest[spent], closes[i], inverse)
                stamp[_LAST_STAMP] = stamps[spent]
            spent += 1
        j, at = spent, close
        while j < stamps.size and stamps[j] <= close:
            j += 1
        found = j - 1 if j > spent else -1
        if found < 0 or stamps[found] < close:
            last = stamps[found] if found >= 0 else stamp[_LAST_STAMP]
            if stamp[_SPACING] > 0 and last + stamp[_SPACING] <= close + wait:  # the next one is due: wait for it
                if j < stamps.size and stamps[j] <= close + wait:
                    found, at = j, stamps[j]
                elif watermark >= close + wait:
                    at = close + wait
                else:
                    return i, spent
        known[i] = at
        if found < 0:
            continue
        values[i, 0], in_quote = _in_units(interest[found], closes[i], inverse)
        if in_quote:
            flags[i] |= _USD
        first = False
        if stamp[_LAST_STAMP] != NULL_TS:
            silence = stamps[found] - stamp[_LAST_STAMP]
            if 0 < 2 * stamp[_SPACING] < silence:
                flags[i] |= _OI_GAP
            stamp[_SPACING] = silence
        stamp[_LAST_STAMP] = stamps[found]
        spent = found + 1
    return spans.shape[0], spent


@njit
def _in_units(interest: Array, price: float, inverse: bool) -> tuple[float, bool]:
    """Open interest in position units, and whether it had to be made from the quote value."""
    base, notional = interest[0], interest[1]
    if inverse:
        return notional if notional == notional else base * price, False
    if base == base:
        return base, False
    return notional / price, True


@njit
def _account(
    spans: Array, bars: Array, values: Array, inverse: bool, phi: float, theta: float, carry_bars: int,
    ints: Array, sums: Array, out: Array, flags: Array, late: Array,
) -> int:  # fmt: skip
    """Gross flows of each bar, and the open interest that the books must sum to. Returns the bars before the first."""
    silent = 0
    for i in range(spans.shape[0]):
        ref, close_ts = spans[i, 0], spans[i, 1]
        hole = ref - ints[_PREV_KNOWN] if ints[_PREV_KNOWN] != NULL_TS else 0
        ints[_PREV_KNOWN] = close_ts
        reported = values[i, 0] == values[i, 0]
        if ints[_STARTED] == 0 and not reported and values[i, 1] != values[i, 1]:
            silent += 1
            continue
        high, low, close, volume, share, forced_long, forced_short, flag = _bar_in_units(bars[i], inverse)
        if hole > 0:
            flag |= _PRICE_GAP
            ints[_HOLE] = 1
        if reported:
            sums[_TARGET] = values[i, 0]
        else:
            flag |= _COARSE
        if ints[_STARTED] == 0 and values[i, 1] == values[i, 1]:
            sums[_USED] = values[i, 1]
            if not reported:
                sums[_TARGET] = values[i, 1]
        begin = sums[_USED] != sums[_USED] or hole > DAY or (reported and ints[_BARS] * (close_ts - ref) > DAY)
        ints[_STARTED] = 1
        ints[_BARS] += 1
        sums[_WINDOW] += volume
        out[i, 7:10] = 0.0, 0.0, 1.0  # opened late, unseen, rebase
        late[i] = 1
        if begin:
            flag |= _RESTART
            sums[_USED] = sums[_TARGET]
            ints[_CARRIED], ints[_HOLE] = 0, 0
            forced_long, forced_short = 0.0, 0.0
            out[i, 1:5] = 0.0
        else:
            many = reported and ints[_BARS] > 1
            booked, flag = _book_change(reported, sums[_WINDOW] if many else volume, carry_bars, flag, ints, sums, out[i])
            change = 0.0 if many else booked
            if _impossible(change, volume, forced_long, forced_short, sums[_USED]):
                flag |= _LIQ_HIGH
                forced_long, forced_short = 0.0, 0.0
            out[i, 1], out[i, 2], out[i, 3], out[i, 4] = gross_flows(
                change, volume, share, forced_long, forced_short, phi, theta
            )
            if many:
                late[i] = ints[_BARS]
                out[i, 7] = max(booked, 0.0)
                out[i, 3] += max(-booked, 0.0)
                out[i, 4] += max(-booked, 0.0)
            sums[_USED] = (sums[_USED] + booked + out[i, 8]) * out[i, 9]
        if reported or begin:
            ints[_BARS], sums[_WINDOW] = 0, 0.0
        out[i, 0], out[i, 5], out[i, 6], out[i, 10] = sums[_USED], forced_long, forced_short, volume
        out[i, 11], out[i, 12] = low, high
        marked = bars[i, 7] == bars[i, 7]
        out[i, 13] = bars[i, 6] if marked else low
        out[i, 14] = bars[i, 5] if marked else high
        out[i, 15] = bars[i, 7] if marked else close
        flags[i] |= flag if marked else flag | _LAST
    return silent


@njit
def _bar_in_units(bar: Array, inverse: bool) -> tuple[float, float, float, float, float, float, float, int]:
    """High, low, close, volume, taker-buy share, realised liquidations of both sides (0 where absent), flags."""
    unit = bar[2] if inverse else 1.0
    volume, buy, flag = bar[3], bar[4], 0
    share = 0.5
    if buy != buy:
        flag |= _NO_TAKER
    elif volume > 0.0:
        share = buy / volume
    forced_long, forced_short = bar[8] * unit, bar[9] * unit
    if forced_long != forced_long:
        forced_long, forced_short = 0.0, 0.0
        flag |= _NO_LIQ
    return bar[0], bar[1], bar[2], volume * unit, share, forced_long, forced_short, flag


@njit
def _book_change(
    reported: bool, room: float, carry_bars: int, flag: int, ints: Array, sums: Array, row: Array
) -> tuple[float, int]:
    """The change of open interest that this bar books, at most the volume `room`; the rest waits, or rescales."""
    wanted = sums[_TARGET] - sums[_USED]
    if ints[_HOLE] == 1:  # bars are missing since the last open interest: nobody saw where it changed
        if reported:
            row[8] = wanted
            ints[_HOLE], ints[_CARRIED] = 0, 0
        return 0.0, flag
    booked = min(max(wanted, -room), room)
    excess = abs(wanted - booked) > 1e-9 * abs(sums[_TARGET])
    if reported and room > 0.0:
        sums[_CHECKS] = sums[_CHECKS] * 0.99 + 1.0
        sums[_FAULTS] = sums[_FAULTS] * 0.99 + (1.0 if excess else 0.0)
    if sums[_CHECKS] > 15.0 and sums[_FAULTS] > 0.05 * sums[_CHECKS]:
        flag |= _UNIT
    if not excess:
        ints[_CARRIED] = 0
        return booked, flag
    flag |= _CARRY
    ints[_CARRIED] += 1
    if ints[_CARRIED] >= carry_bars and sums[_USED] + booked > 0.0:
        row[9] = sums[_TARGET] / (sums[_USED] + booked)
        flag |= _REBASE
        ints[_CARRIED] = 0
    return booked, flag


@njit
def _impossible(change: float, volume: float, forced_long: float, forced_short: float, interest: float) -> bool:
    """Realised liquidations that volume and open interest cannot hold."""
    least = max(0.0, change + forced_long) + max(forced_short, -change)
    forced = forced_long > 0.0 or forced_short > 0.0
    return forced and (least > volume or forced_long > interest or forced_short > interest)
