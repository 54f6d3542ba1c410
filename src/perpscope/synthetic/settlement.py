"""What a transfer of contracts does to the books of two accounts: open, add, reduce, flip; margin, profit, fees.

Money moves in whole tick-lots. Closing a part takes the same part of the entry value and of the margin, rounded
down; the rest stays, so that nothing is ever created or lost.
"""

from __future__ import annotations

import math

from perpscope.numeric.jit import njit
from perpscope.synthetic.positions import begin
from perpscope.synthetic.records import MarginMode, Transfer, World

_ISOLATED = int(MarginMode.ISOLATED)
_TRADE = int(Transfer.TRADE)
_LIQUIDATION = int(Transfer.LIQUIDATION)


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
    """Contracts change hands: both legs are settled and one row of the ledger is written.

    Fees are paid on public trades only; a liquidated position pays none, its margin is lost to the insurance fund.
    """
    m, p = w.market, w.params
    b, s = w.accounts[buyer], w.accounts[seller]
    begin(w, buyer)
    begin(w, seller)
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
