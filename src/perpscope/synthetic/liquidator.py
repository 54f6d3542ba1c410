"""Positions that the mark has broken: closed into the book down to the bankruptcy price, the rest by the insurance fund.

Rule: a position is liquidated at the first published mark at or beyond its liquidation price. One immediate-or-cancel
order with the bankruptcy price as its limit; what does not fill is taken over by the insurance fund at that price.
What is left of the margin goes to the fund, what is missing comes from it.
"""

from __future__ import annotations

import math

from perpscope.contract import kernels as contract
from perpscope.numeric.jit import njit
from perpscope.synthetic.matching import cancel, cross, market_order
from perpscope.synthetic.records import BINS, Exit, Transfer, World
from perpscope.synthetic.settlement import after_fill, transfer

_TAKEOVER = int(Transfer.TAKEOVER)
_BY_LIQUIDATION = int(Exit.LIQUIDATION)
_BY_STOP = int(Exit.STOP)
_BY_TARGET = int(Exit.TARGET)


@njit
def fire(w: World, previous: float) -> None:
    """Everything the mark's last move from `previous` has reached: liquidations, stops, targets."""
    m, width, last = w.market, w.params.bin_ticks, BINS - 1
    high, low = max(previous, m.mark), min(previous, m.mark)
    for bucket in range(min(int(m.mark / width), last), min(int(high / width), last) + 1):
        i = w.below.head[bucket]
        while i >= 0:
            if reached(w, i):
                leave_by_trigger(w, i)
                i = w.below.head[bucket]
            else:
                i = w.below.next[i]
    for bucket in range(min(int(low / width), last), min(int(m.mark / width), last) + 1):
        i = w.above.head[bucket]
        while i >= 0:
            if reached(w, i):
                leave_by_trigger(w, i)
                i = w.above.head[bucket]
            else:
                i = w.above.next[i]


@njit
def reached(w: World, i: int) -> bool:
    """Whether the mark has reached any of the account's trigger prices. NaN is never reached."""
    a, mark = w.accounts[i], w.market.mark
    if a.quantity > 0:
        return mark <= a.liquidation_tick or mark <= a.stop_tick or mark >= a.target_tick
    return mark >= a.liquidation_tick or mark >= a.stop_tick or mark <= a.target_tick


@njit
def leave_by_trigger(w: World, i: int) -> None:
    """Liquidate, or send the trader's own stop or target order."""
    m, a = w.market, w.accounts[i]
    m.now += w.params.order_gap
    sign = 1 if a.quantity > 0 else -1
    if (m.mark - a.liquidation_tick) * sign <= 0:
        liquidate(w, i)
        return
    stopped = (m.mark - a.stop_tick) * sign <= 0
    a.exit = _BY_STOP if stopped else _BY_TARGET
    # a trigger fires once: what the book cannot take now is left to liquidation or to the holding time
    if stopped:
        a.stop_tick = math.nan
    else:
        a.target_tick = math.nan
    cancel(w, i)
    if market_order(w, i, -sign, abs(a.quantity)) == 0:
        after_fill(w, i)


@njit
def liquidate(w: World, i: int) -> None:
    """Close the position by force."""
    m, a = w.market, w.accounts[i]
    cancel(w, i)
    lots = abs(a.quantity)
    sign = 1 if a.quantity > 0 else -1
    position = a.position
    entry = abs(a.cost) / lots
    bankrupt = contract.bankruptcy_price(contract.LINEAR, float(sign), float(lots), entry, float(a.margin))
    limit = math.ceil(bankrupt) if sign > 0 else math.floor(bankrupt)
    if m.liquidations >= w.liquidations.size:
        m.ended = -4
        return
    row = w.liquidations[m.liquidations]
    m.liquidations += 1
    row.ts = m.now
    row.mark_tick = m.mark
    row.liquidation_tick = a.liquidation_tick
    row.limit_tick = limit
    row.lots = lots
    row.leverage = a.leverage
    row.position = position
    row.side = 1 if sign > 0 else 2
    a.exit = _BY_LIQUIDATION
    spare = a.wallet
    closed = a.closed_value
    # the trader's own money outside the position is not the venue's to take
    a.wallet = 0
    m.deposits -= spare
    filled = cross(w, i, -sign, limit, lots)
    row.filled_lots = filled
    row.filled_value = a.closed_value - closed
    if filled < lots:
        m.now += 1
        fund = w.params.first_insurance
        buyer = fund if sign > 0 else i
        transfer(w, buyer, fund + i - buyer, limit, lots - filled, 0, _TAKEOVER)
        after_fill(w, i)


@njit
def unwind(w: World) -> None:
    """The insurance fund sheds what it took over, a little each second."""
    m, number = w.market, w.params.first_insurance
    fund = w.accounts[number]
    if fund.quantity == 0:
        return
    m.now += w.params.order_gap
    side = -1 if fund.quantity > 0 else 1
    market_order(w, number, side, min(abs(fund.quantity), w.params.unwind_lots))
