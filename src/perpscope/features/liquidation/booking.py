"""Bar by bar: which change of open interest is booked, and the gross flows that go with it."""

from __future__ import annotations

from perpscope.core.table import Array
from perpscope.core.time import DAY, NULL_TS
from perpscope.features.liquidation.alignment import (
    BUY,
    CLOSE,
    FORCED_LONG,
    FORCED_SHORT,
    HIGH,
    LOW,
    MARK_CLOSE,
    MARK_HIGH,
    MARK_LOW,
    VOLUME,
)  # fmt: skip
from perpscope.features.liquidation.flags import Flag
from perpscope.features.liquidation.identity import gross_flows
from perpscope.numeric.jit import njit

# what is remembered; ints: end of the last bar, bars since an open interest, bars with a rest carried, whether bars were
# missing since, whether the books have begun; sums: open interest of the books and as reported, volume since, checks and
# violations of the identity, both fading
PREV_KNOWN, BARS, CARRIED, HOLE, STARTED = range(5)
USED, TARGET, WINDOW, CHECKS, FAULTS = range(5)
# the float columns of position_flows, in order; of pairs the first (long)
INTEREST, OPENED, CLOSED, LIQUIDATED, LATE, UNSEEN, REBASE, TRADED = 0, 1, 3, 5, 7, 8, 9, 10
ENTRY_LOW, ENTRY_HIGH, SWEEP_LOW, SWEEP_HIGH, END = range(11, 16)

_LAST, _NO_TAKER, _NO_LIQ, _LIQ_HIGH = int(Flag.LAST), int(Flag.NO_TAKER), int(Flag.NO_LIQ), int(Flag.LIQ_HIGH)
_COARSE, _CARRY, _REBASE, _UNIT = int(Flag.OI_COARSE), int(Flag.OI_CARRY), int(Flag.OI_REBASE), int(Flag.OI_UNIT)
_PRICE_GAP, _RESTART = int(Flag.PRICE_GAP), int(Flag.RESTART)


@njit
def book_bars(
    spans: Array, bars: Array, values: Array, inverse: bool, phi: float, theta: float, carry_bars: int,
    ints: Array, sums: Array, out: Array, flags: Array, late: Array,
) -> int:  # fmt: skip
    """Gross flows of each bar, and the open interest that the books must sum to. Returns the bars before the first."""
    silent = 0
    for i in range(spans.shape[0]):
        ref, close_ts = spans[i, 0], spans[i, 1]
        hole = ref - ints[PREV_KNOWN] if ints[PREV_KNOWN] != NULL_TS else 0
        ints[PREV_KNOWN] = close_ts
        reported = values[i, 0] == values[i, 0]
        if ints[STARTED] == 0 and not reported and values[i, 1] != values[i, 1]:
            silent += 1
            continue
        high, low, close, volume, share, forced_long, forced_short, flag = _bar_in_units(bars[i], inverse)
        if hole > 0:
            flag |= _PRICE_GAP
            ints[HOLE] = 1
        if reported:
            sums[TARGET] = values[i, 0]
        else:
            flag |= _COARSE
        if ints[STARTED] == 0 and values[i, 1] == values[i, 1]:
            sums[USED] = values[i, 1]
            if not reported:
                sums[TARGET] = values[i, 1]
        begin = sums[USED] != sums[USED] or hole > DAY or (reported and ints[BARS] * (close_ts - ref) > DAY)
        ints[STARTED] = 1
        ints[BARS] += 1
        sums[WINDOW] += volume
        out[i, LATE], out[i, UNSEEN], out[i, REBASE] = 0.0, 0.0, 1.0
        late[i] = 1
        if begin:
            flag |= _RESTART
            sums[USED] = sums[TARGET]
            ints[CARRIED], ints[HOLE] = 0, 0
            forced_long, forced_short = 0.0, 0.0
            out[i, OPENED : CLOSED + 2] = 0.0
        else:
            many = reported and ints[BARS] > 1
            booked, flag = _book_change(reported, sums[WINDOW] if many else volume, carry_bars, flag, ints, sums, out[i])
            change = 0.0 if many else booked
            if _impossible(change, volume, forced_long, forced_short, sums[USED]):
                flag |= _LIQ_HIGH
                forced_long, forced_short = 0.0, 0.0
            out[i, OPENED], out[i, OPENED + 1], out[i, CLOSED], out[i, CLOSED + 1] = gross_flows(
                change, volume, share, forced_long, forced_short, phi, theta
            )
            if many:
                late[i] = ints[BARS]
                out[i, LATE] = max(booked, 0.0)
                out[i, CLOSED] += max(-booked, 0.0)
                out[i, CLOSED + 1] += max(-booked, 0.0)
            sums[USED] = (sums[USED] + booked + out[i, UNSEEN]) * out[i, REBASE]
        if reported or begin:
            ints[BARS], sums[WINDOW] = 0, 0.0
        out[i, INTEREST], out[i, TRADED] = sums[USED], volume
        out[i, LIQUIDATED], out[i, LIQUIDATED + 1] = forced_long, forced_short
        out[i, ENTRY_LOW], out[i, ENTRY_HIGH] = low, high
        marked = bars[i, MARK_CLOSE] == bars[i, MARK_CLOSE]
        out[i, SWEEP_LOW] = bars[i, MARK_LOW] if marked else low
        out[i, SWEEP_HIGH] = bars[i, MARK_HIGH] if marked else high
        out[i, END] = bars[i, MARK_CLOSE] if marked else close
        flags[i] |= flag if marked else flag | _LAST
    return silent


@njit
def _bar_in_units(bar: Array, inverse: bool) -> tuple[float, float, float, float, float, float, float, int]:
    """High, low, close, volume, taker-buy share, realised liquidations of both sides (0 where absent), flags."""
    unit = bar[CLOSE] if inverse else 1.0
    volume, buy, flag = bar[VOLUME], bar[BUY], 0
    share = 0.5
    if buy != buy:
        flag |= _NO_TAKER
    elif volume > 0.0:
        share = buy / volume
    forced_long, forced_short = bar[FORCED_LONG] * unit, bar[FORCED_SHORT] * unit
    if forced_long != forced_long:
        forced_long, forced_short = 0.0, 0.0
        flag |= _NO_LIQ
    return bar[HIGH], bar[LOW], bar[CLOSE], volume * unit, share, forced_long, forced_short, flag


@njit
def _book_change(
    reported: bool, room: float, carry_bars: int, flag: int, ints: Array, sums: Array, row: Array
) -> tuple[float, int]:
    """The change of open interest that this bar books, at most the volume `room`; the rest waits, or rescales."""
    wanted = sums[TARGET] - sums[USED]
    if ints[HOLE] == 1:  # bars are missing since the last open interest: nobody saw where it changed
        if reported:
            row[UNSEEN] = wanted
            ints[HOLE], ints[CARRIED] = 0, 0
        return 0.0, flag
    booked = min(max(wanted, -room), room)
    excess = abs(wanted - booked) > 1e-9 * abs(sums[TARGET])
    if reported and room > 0.0:
        sums[CHECKS] = sums[CHECKS] * 0.99 + 1.0
        sums[FAULTS] = sums[FAULTS] * 0.99 + (1.0 if excess else 0.0)
    if sums[CHECKS] > 15.0 and sums[FAULTS] > 0.05 * sums[CHECKS]:
        flag |= _UNIT
    if not excess:
        ints[CARRIED] = 0
        return booked, flag
    flag |= _CARRY
    ints[CARRIED] += 1
    if ints[CARRIED] >= carry_bars and sums[USED] + booked > 0.0:
        row[REBASE] = sums[TARGET] / (sums[USED] + booked)
        flag |= _REBASE
        ints[CARRIED] = 0
    return booked, flag


@njit
def _impossible(change: float, volume: float, forced_long: float, forced_short: float, interest: float) -> bool:
    """Realised liquidations that volume and open interest cannot hold."""
    least = max(0.0, change + forced_long) + max(forced_short, -change)
    forced = forced_long > 0.0 or forced_short > 0.0
    return forced and (least > volume or forced_long > interest or forced_short > interest)
