"""Open, add, reduce, flatten: what a fill does to a leg, its margin, the ledger and the round trip."""

from __future__ import annotations

import math
from typing import Any

from perpscope.account.layout import FILLS, TRIPS, Memory
from perpscope.account.ledger import FREE, book, equity, move_margin, value_spot
from perpscope.account.margin import count_cross, side_sign
from perpscope.account.money import quanta, units
from perpscope.contract import kernels
from perpscope.core.orders import LedgerKind, Note
from perpscope.numeric.jit import njit

_FEE = int(LedgerKind.FEE)
_REALIZED = int(LedgerKind.REALIZED)
_INSURANCE = int(LedgerKind.INSURANCE)
_QUEUE = int(Note.QUEUE_MODEL)
_GAP = int(Note.GAP)
_INVERSE = kernels.INVERSE


@njit
def open_leg(
    m: Memory, j: int, quantity: float, price: float, reference: float, wanted: float, fee_rate: float,
    leverage: float, stop: float, maker: int, model: int, note: int, order: int, intent: int, bracket: int, role: int,
) -> None:  # fmt: skip
    """Open or add. The entry becomes the quantity-weighted mean (inverse: contract-weighted harmonic mean)."""
    k = j // 2
    leg, kind = m.legs[j], m.terms[k].kind
    value = kernels.notional(kind, quantity, price)
    fee = quanta(value * fee_rate)
    if leg.quantity > 0.0:
        total = leg.quantity + quantity
        if kind == _INVERSE:
            leg.entry = total / (leg.quantity / leg.entry + quantity / price)
        else:
            leg.entry = (leg.quantity * leg.entry + quantity * price) / total
        leg.quantity = total
    else:
        _begin_trip(m, j, price, leverage, value, bracket)
        leg.entry, leg.quantity = price, quantity
    leg.leverage = leverage
    leg.opened += quantity
    leg.opened_value += _weighed(kind, quantity, price)
    leg.slippage += abs(value - kernels.notional(kind, quantity, reference))
    if not math.isnan(stop):
        if math.isnan(leg.stop_distance):
            leg.stop_distance = abs(price - stop)
            leg.risk = 0.0
        leg.risk += abs(kernels.pnl(kind, 1.0, quantity, price, stop))
    _mark_models(leg, model, note)
    if fee != 0:
        book(m, k, j, FREE, _FEE, -fee, price, quantity, fee_rate, order, bracket, note)
    if m.terms[k].isolated:
        move_margin(m, k, j, quanta(value / leverage), order, bracket)
    count_cross(m)
    _write_fill(m, j, side_sign(j), quantity, price, reference, wanted, units(fee), 0.0, 1, maker, model, note,
                order, intent, bracket, role)  # fmt: skip


@njit
def close_leg(
    m: Memory, j: int, quantity: float, price: float, reference: float, wanted: float, fee_rate: float,
    maker: int, model: int, note: int, order: int, intent: int, bracket: int, role: int, line: int, reason: int,
) -> float:  # fmt: skip
    """Reduce or flatten; margin is released pro rata, so an isolated liquidation price stays where it was.

    A loss beyond the released isolated margin is not the account's: it is paid by an INSURANCE line. Returns the
    quantity closed.
    """
    k = j // 2
    leg, terms, w = m.legs[j], m.terms[k], m.wallet
    if quantity > leg.quantity - 1e-6 * terms.lot or quantity >= leg.quantity * (1.0 - 1e-12):
        quantity = leg.quantity
    flat = quantity == leg.quantity
    value = kernels.notional(terms.kind, quantity, price)
    profit = quanta(kernels.pnl(terms.kind, side_sign(j), quantity, leg.entry, price))
    fee = quanta(value * fee_rate)
    released = 0
    if terms.isolated:
        released = leg.margin
        if not flat:
            released = quanta(units(leg.margin) * (quantity / leg.quantity))
        move_margin(m, k, j, -released, order, bracket)
    book(m, k, j, FREE, line, profit, price, quantity, math.nan, order, bracket, note)
    if terms.isolated and profit + released < 0:
        book(m, k, j, FREE, _INSURANCE, -(profit + released), price, quantity, math.nan, order, bracket, note)
    leg.quantity = 0.0 if flat else leg.quantity - quantity
    leg.closed += quantity
    leg.closed_value += _weighed(terms.kind, quantity, price)
    leg.slippage += abs(value - kernels.notional(terms.kind, quantity, reference))
    leg.reason = reason
    leg.low, leg.high = min(leg.low, price), max(leg.high, price)
    _mark_models(leg, model, note)
    if fee != 0:
        book(m, k, j, FREE, _FEE, -fee, price, quantity, fee_rate, order, bracket, note)
    count_cross(m)
    value_spot(m, k)
    cover_deficit(m, j, order, bracket)
    _write_fill(m, j, -side_sign(j), quantity, price, reference, wanted, units(fee), units(profit), 0, maker, model,
                note, order, intent, bracket, role)  # fmt: skip
    if flat:
        _end_trip(m, j)
    w.closed += 1
    return quantity


@njit
def cover_deficit(m: Memory, j: int, order: int, bracket: int) -> None:
    """A wallet below zero with no cross position left to carry it: the insurance fund pays, equity stops at zero."""
    w = m.wallet
    if w.free < 0 and w.cross_legs == 0:
        book(m, j // 2, j, FREE, _INSURANCE, -w.free, math.nan, math.nan, math.nan, order, bracket, 1)


@njit
def _weighed(kind: int, quantity: float, price: float) -> float:
    """What a mean price is made of: q p (linear), q / p (inverse)."""
    return quantity / price if kind == _INVERSE else quantity * price


@njit
def _mean_price(kind: int, quantity: float, weighed: float) -> float:
    if not quantity > 0.0:
        return math.nan
    return quantity / weighed if kind == _INVERSE else weighed / quantity


@njit
def _mark_models(leg: Any, model: int, note: int) -> None:
    leg.model = max(leg.model, model)
    if note == _QUEUE:
        leg.queue = 1
    if note == _GAP:
        leg.gap = 1


@njit
def _begin_trip(m: Memory, j: int, price: float, leverage: float, value: float, bracket: int) -> None:
    leg = m.legs[j]
    leg.open_ts, leg.bracket, leg.bars = m.wallet.now, bracket, m.spots[j // 2].bars
    leg.gap, leg.queue, leg.model, leg.reason = 0, 0, 0, 0
    leg.gross, leg.fees, leg.funding, leg.insurance = 0, 0, 0, 0
    leg.opened, leg.opened_value, leg.closed, leg.closed_value = 0.0, 0.0, 0.0, 0.0
    leg.low, leg.high = price, price
    leg.stop_distance, leg.risk, leg.slippage = math.nan, math.nan, 0.0
    leg.first_leverage, leg.first_margin, leg.distance = leverage, value / leverage, math.nan
    leg.initial_equity = equity(m)


@njit
def _end_trip(m: Memory, j: int) -> None:
    k = j // 2
    leg, w, kind = m.legs[j], m.wallet, m.terms[k].kind
    row = m.trips[m.count[TRIPS]]
    row.ts, row.known, row.id, row.spot, row.side = w.now, w.known, w.trips, k, j % 2
    row.bracket, row.open_ts, row.reason, row.model = leg.bracket, leg.open_ts, leg.reason, leg.model
    row.queue, row.gap, row.bars = leg.queue, leg.gap, m.spots[k].bars - leg.bars
    row.gross, row.fees, row.funding, row.insurance = leg.gross, leg.fees, leg.funding, leg.insurance
    row.entry = _mean_price(kind, leg.opened, leg.opened_value)
    row.exit = _mean_price(kind, leg.closed, leg.closed_value)
    row.quantity, row.slippage, row.risk = leg.opened, leg.slippage, leg.risk
    row.low, row.high = leg.low, leg.high
    best, worst = leg.high, leg.low
    if j % 2 == 1:
        best, worst = leg.low, leg.high
    row.favorable = max(0.0, side_sign(j) * (best - row.entry)) / leg.stop_distance
    row.adverse = max(0.0, side_sign(j) * (row.entry - worst)) / leg.stop_distance
    row.leverage, row.margin, row.distance = leg.first_leverage, leg.first_margin, leg.distance
    row.initial_equity = leg.initial_equity
    m.count[TRIPS] += 1
    w.trips += 1
    if leg.gross - leg.fees + leg.funding + leg.insurance > 0:
        w.wins += 1


@njit
def _write_fill(
    m: Memory, j: int, sign: float, quantity: float, price: float, reference: float, wanted: float, fee: float,
    realized: float, opens: int, maker: int, model: int, note: int, order: int, intent: int, bracket: int, role: int,
) -> None:  # fmt: skip
    k = j // 2
    w = m.wallet
    row = m.fills[m.count[FILLS]]
    row.ts, row.known, row.order, row.intent, row.spot = w.now, w.known, order, intent, k
    row.sign = 1 if sign > 0.0 else -1
    row.role, row.opens, row.maker, row.model, row.note, row.bracket = role, opens, maker, model, note, bracket
    row.price, row.reference, row.wanted, row.quantity = price, reference, wanted, quantity
    row.fee, row.realized, row.position = fee, realized, m.legs[j].quantity
    m.count[FILLS] += 1
    w.fills += 1
    w.turnover += kernels.notional(m.terms[k].kind, quantity, price)
    w.slippage += abs(
        kernels.notional(m.terms[k].kind, quantity, price) - kernels.notional(m.terms[k].kind, quantity, reference)
    )
