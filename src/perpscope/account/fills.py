"""From an order and a price to a fill: which leg it works on, whether the account can bear it, what is left over."""

from __future__ import annotations

import math

from perpscope.account.layout import MARKET, Memory
from perpscope.account.ledger import end_of_order, value_spot
from perpscope.account.margin import available, most_leverage
from perpscope.account.position import close_leg, open_leg
from perpscope.account.resting import attach, clear_flat, drop, place_of, settle_sisters
from perpscope.account.scenario import jumped
from perpscope.account.slippage import slipped
from perpscope.contract import kernels
from perpscope.core.orders import ExitReason, LedgerKind, OrderEnd, OrderRole, PositionLeg, TimeInForce
from perpscope.numeric.jit import njit

_NET = int(PositionLeg.NET)
_LONG = int(PositionLeg.LONG)
_ENTRY = int(OrderRole.ENTRY)
_REALIZED = int(LedgerKind.REALIZED)
_BY_ORDER = int(ExitReason.ORDER)
_IOC = int(TimeInForce.IOC)
_FOK = int(TimeInForce.FOK)
_MARGIN = int(OrderEnd.MARGIN)
_TIER_CAP = int(OrderEnd.LEVERAGE_TIER_CAP)
_REDUCE_ONLY = int(OrderEnd.REDUCE_ONLY)
_IOC_UNFILLED = int(OrderEnd.IOC_UNFILLED)
_FOK_UNFILLED = int(OrderEnd.FOK_UNFILLED)


@njit
def whole_lots(m: Memory, k: int, quantity: float) -> float:
    """The largest whole number of lots not above a quantity."""
    lot = m.terms[k].lot
    if not lot > 0.0:
        return quantity
    steps = quantity / lot
    return math.floor(steps + 1e-9 + 1e-15 * abs(steps)) * lot


@njit
def closes(m: Memory, place: int) -> int:
    """The leg an order reduces first, or -1."""
    o = m.orders[place]
    base = 2 * o.spot
    if o.leg == _NET:
        j = base if o.sign < 0 else base + 1
        return j if m.legs[j].quantity > 0.0 else -1
    j = base + (0 if o.leg == _LONG else 1)
    opening = (o.sign > 0) == (o.leg == _LONG)
    if opening or not m.legs[j].quantity > 0.0:
        return -1
    return j


@njit
def opens(m: Memory, place: int) -> int:
    """The leg an order opens or adds to, or -1."""
    o = m.orders[place]
    base = 2 * o.spot
    if o.reduce_only or o.close_position:
        return -1
    if o.leg == _NET:
        return base if o.sign > 0 else base + 1
    if (o.sign > 0) == (o.leg == _LONG):
        return base + (0 if o.leg == _LONG else 1)
    return -1


@njit
def refuse_opening(m: Memory, j: int, quantity: float, price: float, leverage: float, fee_rate: float) -> int:
    """Why the account cannot open this, or 0."""
    k = j // 2
    value = kernels.notional(m.terms[k].kind, quantity, price)
    held = kernels.notional(m.terms[k].kind, m.legs[j].quantity, price)
    most = most_leverage(m, k, value + held)
    if leverage > most:
        return _TIER_CAP
    if value / leverage + value * fee_rate > available(m, k) * (1.0 + 1e-12):
        return _MARGIN
    return 0


@njit
def fill(m: Memory, place: int, room: float, price: float, reference: float, maker: int, model: int, note: int) -> float:
    """Fill an order at a price, at most `room` of it, and book everything that follows. Returns the quantity filled.

    The order is gone when it is filled, refused, or had to be filled at once. What a participation cap left over
    waits as a market order if it was one, else it goes on resting.
    """
    o = m.orders[place]
    k, id = o.spot, o.id
    terms = m.terms[k]
    fee_rate = terms.maker_fee if maker else terms.taker_fee
    wanted = o.price if not math.isnan(o.price) else o.trigger
    against, opening = closes(m, place), opens(m, place)
    if o.close_position or o.reduce_only:
        held = m.legs[against].quantity if against >= 0 else 0.0
        if not held > 0.0:
            end_of_order(m, k, id, o.intent, o.bracket, _REDUCE_ONLY, o.quantity)
            drop(m, place)
            return 0.0
        o.quantity = held if o.close_position else min(o.quantity, held)
    quantity = o.quantity
    if room < quantity:
        quantity = whole_lots(m, k, room)
        o.spent_ts = m.wallet.known
    if o.tif == _FOK and quantity < o.quantity:
        end_of_order(m, k, id, o.intent, o.bracket, _FOK_UNFILLED, o.quantity)
        drop(m, place)
        return 0.0
    done = 0.0
    if quantity > 0.0 and against >= 0:
        role, intent, bracket = o.role, o.intent, o.bracket
        part = min(quantity, m.legs[against].quantity)
        reason = _BY_ORDER if role == _ENTRY else role
        done = close_leg(m, against, part, price, reference, wanted, fee_rate, maker, model, note, id, intent, bracket,
                         role, _REALIZED, reason)  # fmt: skip
        o.quantity = max(0.0, o.quantity - done)
        if role != _ENTRY:
            settle_sisters(m, k, bracket, id, done)
        place = place_of(m, id)
    rest = quantity - done
    if rest > 1e-9 * quantity and opening >= 0 and place >= 0:
        o = m.orders[place]
        why = refuse_opening(m, opening, rest, price, o.leverage, fee_rate)
        if why:
            end_of_order(m, k, id, o.intent, o.bracket, why, o.quantity)
            drop(m, place)
            place = -1
        else:
            open_leg(m, opening, rest, price, reference, wanted, fee_rate, o.leverage, o.stop, maker, model, note, id,
                     o.intent, o.bracket, o.role)  # fmt: skip
            attach(m, o, opening, rest, price)
            o.quantity = max(0.0, o.quantity - rest)
            done += rest
    if place >= 0:
        o = m.orders[place]
        if o.quantity <= 1e-6 * terms.lot or o.quantity <= 1e-9 * quantity:
            drop(m, place)
        elif o.tif == _IOC or o.tif == _FOK:
            end_of_order(m, k, id, o.intent, o.bracket, _IOC_UNFILLED, o.quantity)
            drop(m, place)
    if against >= 0:
        clear_flat(m, against)
    value_spot(m, k)
    return done


@njit
def take(m: Memory, place: int, reference: float, model: int, note: int) -> float:
    """Fill as a taker against a bar or a print: the price worsened by slippage, capped at the limit of a limit order.

    What the participation cap leaves over waits: as a market order, or resting at its limit.
    """
    o = m.orders[place]
    k = o.spot
    quantity = min(o.quantity, m.spots[k].cap)
    price = slipped(m, k, float(o.sign), jumped(m, place, reference), quantity)
    if not math.isnan(o.price):
        price = min(price, o.price) if o.sign > 0 else max(price, o.price)
    else:
        o.state = MARKET
    return fill(m, place, m.spots[k].cap, price, reference, 0, model, note)
