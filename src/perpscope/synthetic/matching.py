"""A marketable order meets the book: fills at the resting prices, best first, down to its limit."""

from __future__ import annotations

from perpscope.numeric.jit import njit
from perpscope.synthetic.buckets import link, unlink
from perpscope.synthetic.orderbook import NO_ASK, NO_BID, place, remove
from perpscope.synthetic.positions import after_fill
from perpscope.synthetic.records import RING, WHEEL, Exit, Group, Transfer, World
from perpscope.synthetic.settlement import transfer

_MAKER = int(Group.MAKER)
_TRADE = int(Transfer.TRADE)
_LIQUIDATION = int(Transfer.LIQUIDATION)
_BY_LIQUIDATION = int(Exit.LIQUIDATION)


@njit
def cross(w: World, i: int, side: int, limit: int, lots: int) -> int:
    """Immediate or cancel: buy (side +1) up to the limit tick, or sell (-1) down to it. Returns the lots filled.

    The taker's levels are brought up to date once, after the last fill.
    """
    m = w.market
    mask = RING - 1
    kind = _LIQUIDATION if w.accounts[i].exit == _BY_LIQUIDATION else _TRADE
    open_lots = lots
    while open_lots > 0:
        tick = m.best_ask if side > 0 else m.best_bid
        if tick in (NO_ASK, NO_BID) or (tick - limit) * side > 0:
            break
        number = w.level_head[tick & mask]
        order = w.orders[number]
        other = order.account
        size = min(open_lots, order.lots)
        order.lots -= size
        if order.lots == 0:
            rung = order.rung
            remove(w, number)
            if rung >= 0:
                w.rungs[other - 1, 0 if side < 0 else 1, rung] = -1
            else:
                w.accounts[other].order = -1
                unlink(w.order_timer, other)
        buyer = i if side > 0 else other
        transfer(w, buyer, i + other - buyer, tick, size, side, kind)
        if w.accounts[other].group == _MAKER:
            w.makers[other - 1].inventory -= side * size
        else:
            after_fill(w, other)
        open_lots -= size
    if open_lots < lots:
        after_fill(w, i)
    return lots - open_lots


@njit
def rest(w: World, i: int, side: int, tick: int, lots: int, due: int) -> None:
    """Rest a post-only limit order of an account until second `due`; it is priced behind the other side."""
    m = w.market
    if side > 0 and m.best_ask != NO_ASK:
        tick = min(tick, m.best_ask - 1)
    if side < 0 and m.best_bid != NO_BID:
        tick = max(tick, m.best_bid + 1)
    a = w.accounts[i]
    a.order = place(w, side, tick, lots, i)
    a.order_due = due
    link(w.order_timer, i, due % WHEEL)


@njit
def cancel(w: World, i: int) -> None:
    """Withdraw an account's resting order, if it has one."""
    a = w.accounts[i]
    if a.order >= 0:
        remove(w, a.order)
        a.order = -1
        unlink(w.order_timer, i)


@njit
def market_order(w: World, i: int, side: int, lots: int) -> int:
    """Take whatever the book offers within the venue's price band."""
    p, m = w.params, w.market
    limit = int(m.mark * (1.0 + side * p.price_band))
    return cross(w, i, side, limit, lots)
