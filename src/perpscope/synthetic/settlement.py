"""What a fill does to an account: open, add, reduce, flip; margin, profit, fees; and the end of a position.

Money moves in whole tick-lots. Closing a part takes the same part of the entry value and of the margin, rounded
down; the rest stays, so that nothing is ever created or lost.
"""

from __future__ import annotations

import math

from perpscope.contract import kernels as contract
from perpscope.numeric.jit import njit
from perpscope.synthetic.buckets import link, unlink
from perpscope.synthetic.records import BINS, WHEEL, Exit, Group, MarginMode, Transfer, World

_RETAIL = int(Group.RETAIL)
_ISOLATED = int(MarginMode.ISOLATED)
_NEVER = int(MarginMode.NEVER)
_TRADE = int(Transfer.TRADE)
_LIQUIDATION = int(Transfer.LIQUIDATION)
_STILL_OPEN = int(Exit.OPEN)
_BY_LIQUIDATION = int(Exit.LIQUIDATION)


@njit
def share(whole: int, part: int, total: int) -> int:
    """floor(whole * part / total) without overflow."""
    return whole // total * part + whole % total * part // total


@njit
def settle(w: World, i: int, lots: int, tick: int, fee_rate: float) -> int:
    """Apply a signed fill to an account. Returns the lots that opened; the rest closed."""
    m, a = w.market, w.accounts[i]
    size = abs(lots)
    sign = 1 if lots > 0 else -1
    fee = int(size * tick * fee_rate)
    a.wallet -= fee
    m.fees += fee
    closing = 0
    if a.quantity * sign < 0:
        held = abs(a.quantity)
        closing = min(held, size)
        entry_value = share(a.cost, closing, held)
        released = share(a.margin, closing, held)
        a.cost -= entry_value
        a.margin -= released
        a.quantity += sign * closing
        a.wallet += released - sign * closing * tick - entry_value
        a.closed_lots += closing
        a.closed_value += closing * tick
    opening = size - closing
    if opening > 0:
        if a.opened_lots == 0:
            a.side = 1 if lots > 0 else 2
        a.quantity += sign * opening
        a.cost += sign * opening * tick
        if a.mode == _ISOLATED:
            margin = math.ceil(opening * tick / a.leverage)
            a.margin += margin
            a.wallet -= margin
        a.opened_lots += opening
        a.opened_value += opening * tick
    return opening


@njit
def transfer(w: World, buyer: int, seller: int, tick: int, lots: int, aggressor: int, kind: int) -> None:
    """Contracts change hands: both legs are settled and one row of the ledger is written."""
    m = w.market
    b, s = w.accounts[buyer], w.accounts[seller]
    begin(w, buyer)
    begin(w, seller)
    p = w.params
    buyer_fee, seller_fee = 0.0, 0.0
    if kind in (_TRADE, _LIQUIDATION):
        buyer_fee = p.taker_fee if aggressor > 0 else p.maker_fee
        seller_fee = p.taker_fee if aggressor < 0 else p.maker_fee
        if kind == _LIQUIDATION and aggressor > 0:
            buyer_fee = 0.0
        if kind == _LIQUIDATION and aggressor < 0:
            seller_fee = 0.0
    longs = max(b.quantity, 0) + max(s.quantity, 0)
    buyer_opened = settle(w, buyer, lots, tick, buyer_fee)
    seller_opened = settle(w, seller, -lots, tick, seller_fee)
    m.open_interest += max(b.quantity, 0) + max(s.quantity, 0) - longs
    if m.fills >= w.fills.size:
        m.ended = -1
        return
    row = w.fills[m.fills]
    m.fills += 1
    row.ts = m.now
    row.open_interest = m.open_interest
    row.tick = tick
    row.lots = lots
    row.buyer = b.position
    row.seller = s.position
    row.buyer_opened = buyer_opened
    row.seller_opened = seller_opened
    row.aggressor = aggressor
    row.kind = kind


@njit
def begin(w: World, i: int) -> None:
    """Give a trader's first fill its number and its time."""
    m, a = w.market, w.accounts[i]
    if a.position >= 0:
        return
    a.position = m.opened
    m.opened += 1
    a.opened_ts = m.now
    a.opened_lots, a.opened_value, a.closed_lots, a.closed_value = 0, 0, 0, 0
    a.planned_stop, a.planned_target = math.nan, math.nan
    if a.group == _RETAIL:
        a.holding_due = m.second + max(1, a.holding)
        link(w.holding_timer, i, a.holding_due % WHEEL)


@njit
def after_fill(w: World, i: int) -> None:
    """Bring a trader's levels up to date, or end the position when nothing is left of it."""
    a = w.accounts[i]
    if a.group != _RETAIL:
        return
    if a.quantity != 0:
        set_levels(w, i)
        return
    unlink(w.below, i)
    unlink(w.above, i)
    if a.position >= 0 and not math.isnan(a.liquidation_tick):
        a.liquidation_tick = math.nan
        note_level(w, i)
    if a.order < 0:
        leave(w, i)


@njit
def set_levels(w: World, i: int) -> None:
    """The prices at which the position breaks, stops or takes profit; entered in the lists of triggers."""
    m, a = w.market, w.accounts[i]
    held = abs(a.quantity)
    sign = 1.0 if a.quantity > 0 else -1.0
    entry = abs(a.cost) / held
    broken = math.nan
    if a.mode != _NEVER:
        broken = contract.liquidation_price(
            contract.LINEAR, contract.MARK_VALUED, sign, float(held), entry, float(a.margin),
            w.tier_cap[: m.tiers], w.tier_rate[: m.tiers], w.tier_amount[: m.tiers],
        )  # fmt: skip
    if a.closed_lots == 0 and a.exit == _STILL_OPEN:
        # a growing entry moves its stop and target along
        distance = math.log(broken / entry)
        a.planned_stop = a.stop_tick = entry * math.exp(distance * a.stop_fraction)
        a.planned_target = a.target_tick = entry * math.exp(-distance * a.target_fraction)
    a.liquidation_tick = broken
    note_level(w, i)
    # a NaN loses every comparison, so the price that exists wins
    if sign > 0:
        guard = a.stop_tick if a.stop_tick > broken or math.isnan(broken) else broken
        enter(w, i, guard, a.target_tick)
    else:
        guard = a.stop_tick if a.stop_tick < broken or math.isnan(broken) else broken
        enter(w, i, a.target_tick, guard)


@njit
def enter(w: World, i: int, below: float, above: float) -> None:
    """Put an account into the bins of its two trigger prices; one that is already passed waits at the mark."""
    mark = w.market.mark
    width, last = w.params.bin_ticks, BINS - 1
    if math.isnan(below):
        unlink(w.below, i)
    else:
        link(w.below, i, min(int(min(below, mark) / width), last))
    if math.isnan(above):
        unlink(w.above, i)
    else:
        link(w.above, i, min(int(max(above, mark) / width), last))


@njit
def note_level(w: World, i: int) -> None:
    """Write the position's new liquidation price and quantity into the truth."""
    m, a = w.market, w.accounts[i]
    if m.levels >= w.levels.size:
        m.ended = -3
        return
    row = w.levels[m.levels]
    m.levels += 1
    row.ts = m.now
    row.liquidation_tick = a.liquidation_tick
    row.position = a.position
    row.lots = abs(a.quantity)


@njit
def leave(w: World, i: int) -> None:
    """A trader without position or order takes the money and goes.

    What a liquidation left of the margin, and any debt, is the insurance fund's.
    """
    m, a = w.market, w.accounts[i]
    if a.position >= 0:
        write_position(w, i, m.now)
    if a.wallet < 0 or a.exit == _BY_LIQUIDATION:
        w.accounts[w.params.first_insurance].wallet += a.wallet
        a.wallet = 0
    m.deposits -= a.wallet
    a.wallet = 0
    unlink(w.holding_timer, i)
    unlink(w.order_timer, i)
    a.group = 0
    a.position = -1
    a.next_free = m.free_account
    m.free_account = i


@njit
def write_position(w: World, i: int, closed_ts: int) -> None:
    """Write an account's position into the truth."""
    m, a = w.market, w.accounts[i]
    if m.positions >= w.positions.size:
        m.ended = -2
        return
    row = w.positions[m.positions]
    m.positions += 1
    row.opened_ts = a.opened_ts
    row.closed_ts = closed_ts
    row.opened_lots = a.opened_lots
    row.opened_value = a.opened_value
    row.closed_lots = a.closed_lots
    row.closed_value = a.closed_value
    row.leverage = a.leverage
    row.stop_tick = a.planned_stop
    row.target_tick = a.planned_target
    row.position = a.position
    row.account = i
    row.side = a.side
    row.group = a.group
    row.mode = a.mode
    row.exit = a.exit
