"""The door for intents: what is wrong with one, and what becomes of one that is right."""

from __future__ import annotations

import math
from typing import Any

from perpscope.account.fills import closes, opens, refuse_opening, take, whole_lots
from perpscope.account.layout import MARKET, RESTING, TRIGGER, Memory
from perpscope.account.ledger import end_of_order
from perpscope.account.resting import cancel, cancel_orders, drop, level_of, new_order, rises_to
from perpscope.contract import kernels
from perpscope.core.orders import Note, OrderEnd, OrderKind, PositionLeg, TimeInForce, TriggerBy
from perpscope.numeric.jit import njit

_MARKET = int(OrderKind.MARKET)
_LIMIT = int(OrderKind.LIMIT)
_STOP_LIMIT = int(OrderKind.STOP_LIMIT)
_TP_LIMIT = int(OrderKind.TAKE_PROFIT_LIMIT)
_TRAILING = int(OrderKind.TRAILING_STOP)
_CANCEL = int(OrderKind.CANCEL)
_GTX = int(TimeInForce.GTX)
_IOC = int(TimeInForce.IOC)
_FOK = int(TimeInForce.FOK)
_MARK = int(TriggerBy.MARK)
_PLAIN = int(Note.PLAIN)
_BAD_VALUE = int(OrderEnd.BAD_VALUE)
_LOT = int(OrderEnd.LOT)
_TICK = int(OrderEnd.TICK)
_MIN_NOTIONAL = int(OrderEnd.MIN_NOTIONAL)
_PRICE_BAND = int(OrderEnd.PRICE_BAND)
_REDUCE_ONLY = int(OrderEnd.REDUCE_ONLY)
_POST_ONLY = int(OrderEnd.POST_ONLY_CROSS)
_MAX_ORDERS = int(OrderEnd.MAX_ORDERS)
_STOP_SIDE = int(OrderEnd.STOP_SIDE)
_CANCELLED = int(OrderEnd.CANCELLED)
_IOC_UNFILLED = int(OrderEnd.IOC_UNFILLED)
_FOK_UNFILLED = int(OrderEnd.FOK_UNFILLED)
_BROKE = int(OrderEnd.BROKE)
_POSITION_MODE = int(OrderEnd.POSITION_MODE)
_NET = int(PositionLeg.NET)
_LONG = int(PositionLeg.LONG)
_SHORT = int(PositionLeg.SHORT)


@njit
def off_tick(price: float, tick: float) -> bool:
    """Whether a price lies between ticks; an absent price, or no tick, is on it."""
    if math.isnan(price) or not tick > 0.0:
        return False
    steps = price / tick
    return abs(steps - math.floor(steps + 0.5)) > 1e-6 * max(1.0, abs(steps) * 1e-6)


@njit
def fault(m: Memory, k: int, x: Any, price: float) -> int:
    """What is wrong with an intent in itself, or 0. `price` is the last price, which a market order will meet."""
    terms = m.terms[k]
    if not x.close_position and not (x.quantity > 0.0 and x.quantity < math.inf):
        return _BAD_VALUE
    if not x.leverage > 0.0 or x.kind < _MARKET or x.kind > _TRAILING:
        return _BAD_VALUE
    if x.leg != _NET and not m.rules.hedge:
        return _POSITION_MODE
    limit = x.kind == _LIMIT or x.kind == _STOP_LIMIT or x.kind == _TP_LIMIT
    if limit != (x.price > 0.0):
        return _BAD_VALUE
    if x.kind > _LIMIT and x.kind != _TRAILING and not x.trigger > 0.0:
        return _BAD_VALUE
    if x.kind == _TRAILING and not (x.trail_fraction > 0.0 and x.trail_fraction < 1.0):
        return _BAD_VALUE
    if off_tick(x.price, terms.tick) or off_tick(x.trigger, terms.tick):
        return _TICK
    if off_tick(x.stop, terms.tick) or off_tick(x.target, terms.tick):
        return _TICK
    reference = x.price
    if math.isnan(reference):
        reference = x.trigger
    if math.isnan(reference):
        reference = price
    if not x.close_position and not whole_lots(m, k, x.quantity) > 0.0:
        return _LOT
    if abs(reference / price - 1.0) > terms.price_band:
        return _PRICE_BAND
    reducing = x.reduce_only or x.close_position
    if not reducing and kernels.notional(terms.kind, x.quantity, reference) < terms.min_notional:
        return _MIN_NOTIONAL
    if not reducing and x.sign * (reference - x.stop) <= 0.0:
        return _STOP_SIDE
    if not reducing and x.sign * (x.target - reference) <= 0.0:
        return _STOP_SIDE
    return 0


@njit
def leg_of(m: Memory, x: Any) -> int:
    """Which holding an intent works on: in hedge mode one that names none opens the leg of its side, or reduces the other."""
    if not m.rules.hedge or x.leg != _NET:
        return x.leg
    return _LONG if (x.sign > 0) != (x.reduce_only or x.close_position) else _SHORT


@njit
def accept(m: Memory, k: int, x: Any, price: float) -> int:
    """Turn an intent into an order of the account, or refuse it with a reason. Returns its place, or -1."""
    w = m.wallet
    if x.kind == _CANCEL:
        cancel_orders(m, k, x.bracket, _CANCELLED)
        return -1
    why = fault(m, k, x, price)
    if why == 0 and w.free <= 0 and w.cross_legs == 0 and not (x.reduce_only or x.close_position):
        why = _BROKE
    place = -1
    if why == 0:
        place = new_order(m, k)
        if place < 0:
            why = _MAX_ORDERS
    if why:
        end_of_order(m, k, -1, x.id, x.bracket, why, x.quantity)
        return -1
    o = m.orders[place]
    o.intent, o.sign, o.leg, o.kind, o.tif = x.id, x.sign, leg_of(m, x), x.kind, x.tif
    o.reduce_only, o.close_position, o.trigger_by = x.reduce_only, x.close_position, x.trigger_by
    o.good_till_ts, o.exit_ts = x.good_till_ts, x.exit_ts
    o.bracket = x.bracket if x.bracket >= 0 else -2 - o.id
    o.quantity = 0.0 if x.close_position else whole_lots(m, k, x.quantity)
    o.price, o.trigger, o.leverage, o.stop, o.target = x.price, x.trigger, x.leverage, x.stop, x.target
    o.trail_fraction, o.trail_activation = math.nan, math.nan
    if x.kind == _TRAILING:
        o.trail_fraction, o.trail_activation = x.trail_fraction, x.trail_activation
        if math.isnan(x.trail_activation):
            o.anchor = price
    elif not (x.reduce_only or x.close_position):
        o.trail_fraction, o.trail_activation = x.trail_fraction, x.trail_activation
    o.state = TRIGGER
    if x.kind == _MARKET:
        o.state = MARKET
    elif x.kind == _LIMIT:
        o.state = RESTING
    if not (x.reduce_only or x.close_position):
        j = opens(m, place)
        reference = price
        if not math.isnan(x.price):
            reference = x.price
        if j >= 0 and closes(m, place) < 0:
            why = refuse_opening(m, j, o.quantity, reference, x.leverage, m.terms[k].taker_fee)
        elif j < 0 and closes(m, place) < 0:
            why = _REDUCE_ONLY
        if why:
            end_of_order(m, k, o.id, x.id, x.bracket, why, o.quantity)
            drop(m, place)
            return -1
    return place


@njit
def begin(m: Memory, place: int, price: float, model: int) -> None:
    """What an order does the instant it arrives, with the market at `price`: fill, trigger, rest, or go."""
    o = m.orders[place]
    if o.state == MARKET:
        take(m, place, price, model, _PLAIN)
    elif o.state == RESTING:
        rest_or_take(m, place, price, model, _PLAIN)
    else:
        seen = m.spots[o.spot].mark if o.trigger_by == _MARK else price
        level, rising = level_of(m, o), rises_to(o)
        if (rising and seen >= level) or (not rising and seen <= level):
            fire(m, place, price, model, _PLAIN)


@njit
def rest_or_take(m: Memory, place: int, price: float, model: int, note: int) -> None:
    """A limit order meets the market: it takes what crosses its limit, else rests if it may."""
    o = m.orders[place]
    crosses = o.sign * (o.price - price) >= 0.0
    if crosses and o.tif == _GTX:
        cancel(m, place, _POST_ONLY)
    elif crosses:
        take(m, place, price, model, note)
    elif o.tif == _IOC:
        cancel(m, place, _IOC_UNFILLED)
    elif o.tif == _FOK:
        cancel(m, place, _FOK_UNFILLED)


@njit
def fire(m: Memory, place: int, price: float, model: int, note: int) -> None:
    """A trigger was reached with the market at `price`: begin to trail, become a limit order, or take."""
    o = m.orders[place]
    if o.kind == _TRAILING and math.isnan(o.anchor):
        o.anchor = price
    elif o.kind == _STOP_LIMIT or o.kind == _TP_LIMIT:
        o.state = RESTING
        rest_or_take(m, place, price, model, note)
    else:
        take(m, place, price, model, note)
