"""The limit order book: price-time priority on a ring of ticks, finite depth, orders that name their owner.

The ring holds `ring` consecutive ticks around the market (a power of two). `trim` cancels what the market has left
so far behind that its place in the ring is needed again.
"""

from __future__ import annotations

from perpscope.numeric.jit import njit
from perpscope.synthetic.records import ORDERS, RING, World

NO_BID = -(2**60)
NO_ASK = 2**60


@njit
def place(w: World, side: int, tick: int, lots: int, account: int) -> int:
    """Rest an order that does not cross (the caller sees to that). Returns its number."""
    m = w.market
    number = m.free_order
    if number >= ORDERS - 1:
        m.ended = -7
        return number
    order = w.orders[number]
    m.free_order = order.next
    mask = RING - 1
    slot = tick & mask
    last = w.level_tail[slot]
    order.tick = tick
    order.lots = lots
    order.account = account
    order.side = side
    order.rung = -1
    order.next = -1
    order.prev = last
    if last >= 0:
        w.orders[last].next = number
    else:
        w.level_head[slot] = number
    w.level_tail[slot] = number
    if side > 0:
        m.bids += 1
        m.best_bid = max(m.best_bid, tick)
    else:
        m.asks += 1
        m.best_ask = min(m.best_ask, tick)
    return number


@njit
def remove(w: World, number: int) -> None:
    """Take an order out of the book (cancelled or filled) and find the next best price where it was the best."""
    m = w.market
    order = w.orders[number]
    mask = RING - 1
    slot = order.tick & mask
    if order.prev >= 0:
        w.orders[order.prev].next = order.next
    else:
        w.level_head[slot] = order.next
    if order.next >= 0:
        w.orders[order.next].prev = order.prev
    else:
        w.level_tail[slot] = order.prev
    emptied = w.level_head[slot] < 0
    if order.side > 0:
        m.bids -= 1
        if m.bids == 0:
            m.best_bid = NO_BID
        elif emptied and order.tick == m.best_bid:
            tick = m.best_bid - 1
            while w.level_head[tick & mask] < 0:
                tick -= 1
            m.best_bid = tick
    else:
        m.asks -= 1
        if m.asks == 0:
            m.best_ask = NO_ASK
        elif emptied and order.tick == m.best_ask:
            tick = m.best_ask + 1
            while w.level_head[tick & mask] < 0:
                tick += 1
            m.best_ask = tick
    order.side = 0
    order.next = m.free_order
    m.free_order = number


@njit
def trim(w: World) -> None:
    """Cancel what the market has left more than a third of the ring behind, before its place is needed again."""
    m = w.market
    for number in range(ORDERS):
        order = w.orders[number]
        if order.side != 0 and abs(order.tick - m.mid) > RING // 3:
            account, rung, row = order.account, order.rung, 0 if order.side > 0 else 1
            remove(w, number)
            if rung >= 0:
                w.rungs[account - 1, row, rung] = -1
            else:
                drop(w, account)


@njit
def drop(w: World, account: int) -> None:
    """The account's order is gone; its timer finds out."""
    w.accounts[account].order = -1
