"""The ledger: every movement of money is a line, and a line is the only way to move money."""

from __future__ import annotations

from typing import Any

from perpscope.account.layout import ENDS, LINES, Memory
from perpscope.account.money import units
from perpscope.contract import kernels
from perpscope.core.orders import LedgerKind
from perpscope.numeric.jit import njit

FREE = -1
_FEE = int(LedgerKind.FEE)
_LIQUIDATION_FEE = int(LedgerKind.LIQUIDATION_FEE)
_FUNDING = int(LedgerKind.FUNDING)
_REALIZED = int(LedgerKind.REALIZED)
_LIQUIDATION = int(LedgerKind.LIQUIDATION)
_INSURANCE = int(LedgerKind.INSURANCE)
_ADL = int(LedgerKind.ADL)
_MARGIN_MOVE = int(LedgerKind.MARGIN_MOVE)


@njit
def book(
    m: Memory, spot: int, leg: int, purse: int, kind: int, amount: int,
    price: float, quantity: float, rate: float, order: int, bracket: int, note: int,
) -> None:  # fmt: skip
    """Add `amount` quanta to a purse (`FREE`, or a leg's isolated margin), write the line, tell the leg's round trip."""
    w = m.wallet
    if purse == FREE:
        w.free += amount
    else:
        m.legs[purse].margin += amount
    if kind in (_FEE, _LIQUIDATION_FEE):
        w.fees -= amount
    elif kind == _FUNDING:
        w.funding += amount
    elif kind == _INSURANCE:
        w.insurance += amount
        w.insured += 1
    if leg >= 0:
        trip = m.legs[leg]
        if kind in (_FEE, _LIQUIDATION_FEE):
            trip.fees -= amount
        elif kind == _FUNDING:
            trip.funding += amount
        elif kind == _INSURANCE:
            trip.insurance += amount
        elif kind in (_REALIZED, _LIQUIDATION, _ADL):
            trip.gross += amount
    _write(m, spot, kind, amount, price, quantity, rate, order, bracket, note)


@njit
def move_margin(m: Memory, spot: int, leg: int, amount: int, order: int, bracket: int) -> None:
    """`amount` quanta from free to a leg's isolated margin (negative: back). The line carries the change of `free`."""
    m.wallet.free -= amount
    m.legs[leg].margin += amount
    _write(m, spot, _MARGIN_MOVE, -amount, float("nan"), float("nan"), float("nan"), order, bracket, 1)


@njit
def _write(
    m: Memory, spot: int, kind: int, amount: int, price: float, quantity: float, rate: float,
    order: int, bracket: int, note: int,
) -> None:  # fmt: skip
    w = m.wallet
    row = m.ledger[m.count[LINES]]
    row.ts, row.known, row.sequence, row.spot, row.kind, row.amount = w.now, w.known, w.sequence, spot, kind, amount
    row.order, row.bracket, row.note = order, bracket, note
    row.price, row.quantity, row.rate = price, quantity, rate
    w.sequence += 1
    m.count[LINES] += 1


@njit
def end_of_order(m: Memory, spot: int, order: int, intent: int, bracket: int, reason: int, quantity: float) -> None:
    """Write why an order was refused, expired or cancelled."""
    w = m.wallet
    row = m.ends[m.count[ENDS]]
    row.ts, row.known, row.order, row.intent, row.spot = w.now, w.known, order, intent, spot
    row.reason, row.bracket, row.quantity, row.price = reason, bracket, quantity, m.spots[spot].last
    m.count[ENDS] += 1


@njit
def value_spot(m: Memory, k: int) -> None:
    """Open profit and notional of one instrument at its mark."""
    spot = m.spots[k]
    kind = m.terms[k].kind
    unrealized, net, gross = 0.0, 0.0, 0.0
    for j in range(2 * k, 2 * k + 2):
        leg = m.legs[j]
        if leg.quantity > 0.0:
            sign = 1.0 - 2.0 * (j - 2 * k)
            value = kernels.notional(kind, leg.quantity, spot.mark)
            unrealized += kernels.pnl(kind, sign, leg.quantity, leg.entry, spot.mark)
            net += sign * value
            gross += value
    spot.unrealized, spot.notional, spot.gross = unrealized, net, gross


@njit
def wallet_balance(m: Memory) -> int:
    """Free and isolated money, quanta."""
    total = m.wallet.free
    for j in range(2 * m.wallet.instruments):
        total += m.legs[j].margin
    return total


@njit
def equity(m: Memory) -> float:
    """Wallet plus open profit at the last marks, in coin."""
    total = units(wallet_balance(m))
    for k in range(m.wallet.instruments):
        total += m.spots[k].unrealized
    return total


@njit
def drawdown(m: Memory) -> float:
    """The deepest fall of equity from its peak so far, a fraction."""
    w = m.wallet
    if w.peak > 0.0:
        return max(w.drawdown, 1.0 - w.trough / w.peak)
    return w.drawdown


@njit
def balance(m: Memory, curve: Any, ts: int) -> None:
    """The account at a close: peak and trough, exposure, and a row of the equity curve if one is due.

    `curve`: columns ts, wallet, equity, gross and net notional.
    """
    w = m.wallet
    wallet = units(wallet_balance(m))
    total, gross, net = wallet, 0.0, 0.0
    for k in range(w.instruments):
        spot = m.spots[k]
        total += spot.unrealized
        gross += spot.gross
        net += spot.notional
    if total > w.peak:
        w.drawdown = drawdown(m)
        w.peak, w.trough = total, total
    elif total < w.trough:
        w.trough = total
    w.equity_sum += total
    w.gross_sum += gross
    every = m.rules.sample
    if every == 1 or (every > 0 and ts % every == 0):
        at = w.balances
        curve[0][at] = ts
        curve[1][at], curve[2][at], curve[3][at], curve[4][at] = wallet, total, gross, net
        w.balances = at + 1
