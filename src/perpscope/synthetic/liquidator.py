"""Positions that the mark has broken: closed into the book down to the bankruptcy price, the rest by fund or peers.

Rule: a position is liquidated at the first published mark at or beyond its liquidation price. One immediate-or-cancel
order with the bankruptcy price as its limit; what does not fill is taken over by the insurance fund at that price,
and where the fund cannot bear it, by the best-placed traders of the other side (auto-deleveraging). What is left of
the margin goes to the fund. With partial liquidation a position above the lowest tier is first cut down to the next.
"""

from __future__ import annotations

import math

from perpscope.contract import kernels as contract
from perpscope.numeric.jit import njit
from perpscope.synthetic.chance import uniform, waiting_time
from perpscope.synthetic.matching import cancel, cross, market_order
from perpscope.synthetic.positions import after_fill, money_behind
from perpscope.synthetic.records import Exit, Group, MarginMode, Transfer, World
from perpscope.synthetic.settlement import transfer

_TAKEOVER = int(Transfer.TAKEOVER)
_DELEVERAGING = int(Transfer.DELEVERAGING)
_BY_LIQUIDATION = int(Exit.LIQUIDATION)
_BY_DELEVERAGING = int(Exit.DELEVERAGING)
_STILL_OPEN = int(Exit.OPEN)
_RETAIL = int(Group.RETAIL)
_ISOLATED = int(MarginMode.ISOLATED)


@njit
def liquidate(w: World, i: int) -> None:
    """Close a position by force, step by step where the venue does so."""
    m, a = w.market, w.accounts[i]
    cancel(w, i)
    held = abs(a.quantity)
    sign = 1 if a.quantity > 0 else -1
    limit = bankruptcy_limit(w, i)
    if w.params.partial_liquidation:
        tier = contract.tier_index(held * m.mark, w.tier_cap[: m.tiers])
        if tier > 0:
            step = held - int(w.tier_cap[tier - 1] / m.mark)
            if 0 < step < held and cut(w, i, -sign, limit, step):
                return
    row = note_liquidation(w, i, limit, held)
    if m.ended < 0:
        return
    a.exit = _BY_LIQUIDATION
    if a.mode == _ISOLATED:
        # the trader's own money outside the position is not the venue's to take
        m.deposits -= a.wallet
        a.wallet = 0
    closed = a.closed_value
    filled = cross(w, i, -sign, limit, held)
    w.liquidations[row].filled_lots = filled
    w.liquidations[row].filled_value = a.closed_value - closed
    if filled < held:
        m.now += 1
        hand_over(w, i, limit)


@njit
def bankruptcy_limit(w: World, i: int) -> int:
    """The last whole tick at which the account is not yet bankrupt; one tick where no price bankrupts it."""
    a = w.accounts[i]
    held = abs(a.quantity)
    sign = 1.0 if a.quantity > 0 else -1.0
    price = contract.bankruptcy_price(contract.LINEAR, sign, float(held), abs(a.cost) / held, float(money_behind(w, i)))
    if math.isnan(price):
        return 1
    return math.ceil(price) if sign > 0 else math.floor(price)


@njit
def note_liquidation(w: World, i: int, limit: int, lots: int) -> int:
    """Write a liquidation into the truth. Returns its row."""
    m, a = w.market, w.accounts[i]
    if m.liquidations >= w.liquidations.size:
        m.ended = -4
        return 0
    number = m.liquidations
    row = w.liquidations[number]
    m.liquidations += 1
    row.ts = m.now
    row.mark_tick = m.mark
    row.liquidation_tick = a.liquidation_tick
    row.limit_tick = limit
    row.lots = lots
    row.filled_lots = 0
    row.filled_value = 0
    row.leverage = a.leverage
    row.position = a.position
    row.side = 1 if a.quantity > 0 else 2
    return number


@njit
def cut(w: World, i: int, side: int, limit: int, lots: int) -> bool:
    """Partial liquidation: close some lots and leave margin and profit in the position. False if nothing filled."""
    m, a = w.market, w.accounts[i]
    if (side > 0 and m.best_ask > limit) or (side < 0 and m.best_bid < limit):
        return False
    row = note_liquidation(w, i, limit, lots)
    if m.ended < 0:
        return False
    wallet, closed, reason = a.wallet, a.closed_value, a.exit
    a.exit = _BY_LIQUIDATION
    filled = cross(w, i, side, limit, lots)
    a.exit = reason
    if a.mode == _ISOLATED:
        a.margin += a.wallet - wallet
        a.wallet = wallet
    w.liquidations[row].filled_lots = filled
    w.liquidations[row].filled_value = a.closed_value - closed
    after_fill(w, i)
    return True


@njit
def hand_over(w: World, i: int, limit: int) -> None:
    """Give what the book did not take to the insurance fund, or to profitable peers when the fund cannot bear it."""
    m, a = w.market, w.accounts[i]
    number = w.params.first_insurance
    fund = w.accounts[number]
    sign = 1 if a.quantity > 0 else -1
    left = abs(a.quantity)
    equity = fund.wallet + fund.quantity * m.mark - fund.cost
    while left > 0 and equity - sign * left * (limit - m.mark) < 0.0:
        peer = best_placed(w, -sign)
        if peer < 0:
            break
        b = w.accounts[peer]
        size = min(left, abs(b.quantity))
        if size == abs(b.quantity):
            cancel(w, peer)
            b.exit = _BY_DELEVERAGING
        buyer = peer if sign > 0 else i
        transfer(w, buyer, peer + i - buyer, limit, size, 0, _DELEVERAGING)
        after_fill(w, peer)
        left -= size
    if left > 0:
        buyer = number if sign > 0 else i
        transfer(w, buyer, number + i - buyer, limit, left, 0, _TAKEOVER)
    after_fill(w, i)


@njit
def best_placed(w: World, sign: int) -> int:
    """The leveraged trader of a side with the highest profit share times effective leverage; -1 if none profits."""
    mark = w.market.mark
    best, highest = -1, 0.0
    for i in range(w.market.room):
        a = w.accounts[i]
        if a.group != _RETAIL or a.quantity * sign <= 0:
            continue
        profit = a.quantity * mark - a.cost
        if profit <= 0.0:
            continue
        rank = profit / abs(a.cost) * abs(a.quantity) * mark / (money_behind(w, i) + profit)
        if rank > highest:
            best, highest = i, rank
    return best


@njit
def unwind(w: World) -> None:
    """The insurance fund sheds what it took over, a little each second."""
    m, number = w.market, w.params.first_insurance
    held = w.accounts[number].quantity
    if held == 0:
        return
    m.now += w.params.order_gap
    market_order(w, number, -1 if held > 0 else 1, min(abs(held), w.params.unwind_lots))


@njit
def strike_at_random(w: World, previous: float) -> None:
    """Liquidations that no map can foresee: unlevered accounts closed in proportion to the way the mark has gone.

    The null world: events follow the path and the open interest, and nothing else.
    """
    m, p = w.market, w.params
    if p.random_liquidations == 0.0:
        return
    direction = 1 if m.mark > previous else -1
    due = p.random_liquidations * abs(math.log(m.mark / previous)) * m.open_interest
    while due > 0.0:
        i = p.first_noise + int(uniform(w) * p.count_noise)
        a = w.accounts[i]
        due -= waiting_time(w, p.noise_lots)
        if due < 0.0 or a.quantity * direction >= 0:
            continue
        cancel(w, i)
        m.now += p.order_gap
        lots = min(abs(a.quantity), int(p.noise_lots))
        limit = int(m.mark * (1.0 + direction * p.price_band))
        row = note_liquidation(w, i, limit, lots)
        if m.ended < 0:
            return
        w.liquidations[row].liquidation_tick = m.mark
        a.exit = _BY_LIQUIDATION
        closed = a.closed_value
        w.liquidations[row].filled_lots = cross(w, i, direction, limit, lots)
        w.liquidations[row].filled_value = a.closed_value - closed
        a.exit = _STILL_OPEN
