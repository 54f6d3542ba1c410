"""Open orders: the ring of them, the levels at which each acts, and the band of prices in which none does."""

from __future__ import annotations

import math
from typing import Any

from perpscope.account.layout import MARKET, RESTING, ROOM, TIMED, TRIGGER, Memory
from perpscope.account.ledger import end_of_order
from perpscope.account.scenario import next_deleveraging
from perpscope.core.orders import OrderEnd, OrderKind, OrderRole, PositionLeg, TriggerBy
from perpscope.core.time import NULL_TS
from perpscope.numeric.jit import njit

_LIMIT = int(OrderKind.LIMIT)
_MARKET = int(OrderKind.MARKET)
_STOP_MARKET = int(OrderKind.STOP_MARKET)
_STOP_LIMIT = int(OrderKind.STOP_LIMIT)
_TRAILING = int(OrderKind.TRAILING_STOP)
_LAST = int(TriggerBy.LAST)
_MARK = int(TriggerBy.MARK)
_NET = int(PositionLeg.NET)
_ENTRY = int(OrderRole.ENTRY)
_STOP = int(OrderRole.STOP)
_TRAIL = int(OrderRole.TRAIL)
_TIME = int(OrderRole.TIME)
_TARGET = int(OrderRole.TARGET)
_SISTER = int(OrderEnd.SISTER_FILLED)
_CLOSED = int(OrderEnd.POSITION_CLOSED)
NEVER = 2**62


@njit
def new_order(m: Memory, k: int) -> int:
    """The place of a fresh order, or -1 when the account holds as many as it can."""
    w = m.wallet
    if w.orders >= ROOM:
        return -1
    place = w.orders
    o = m.orders[place]
    o.id, o.spot = w.next_order, k
    o.intent, o.bracket, o.reduce_only, o.close_position, o.spent_ts = -1, -1, 0, 0, NULL_TS
    o.tif, o.trigger_by, o.role, o.active_ts, o.good_till_ts, o.exit_ts = 1, _LAST, _ENTRY, w.now, NULL_TS, NULL_TS
    o.price, o.trigger, o.leverage = math.nan, math.nan, 1.0
    o.stop, o.target, o.trail_fraction, o.trail_activation = math.nan, math.nan, math.nan, math.nan
    o.anchor, o.ahead, o.worse, o.dead_until_ts = math.nan, math.nan, 0.0, NULL_TS
    w.next_order += 1
    w.orders += 1
    return place


@njit
def drop(m: Memory, place: int) -> None:
    """Forget an order; the last one takes its place (order among them is by id, not by place)."""
    w = m.wallet
    w.orders -= 1
    if place != w.orders:
        m.orders[place] = m.orders[w.orders]


@njit
def cancel(m: Memory, place: int, reason: int) -> None:
    o = m.orders[place]
    end_of_order(m, o.spot, o.id, o.intent, o.bracket, reason, o.quantity)
    drop(m, place)


@njit
def place_of(m: Memory, id: int) -> int:
    for i in range(m.wallet.orders):
        if m.orders[i].id == id:
            return i
    return -1


@njit
def cancel_orders(m: Memory, k: int, bracket: int, reason: int) -> None:
    """Cancel the orders of an instrument (-1: of all) that carry a bracket (-1: any)."""
    i = m.wallet.orders - 1
    while i >= 0:
        o = m.orders[i]
        if (k < 0 or o.spot == k) and (bracket == -1 or o.bracket == bracket):
            cancel(m, i, reason)
        i -= 1


@njit
def attach(m: Memory, parent: Any, j: int, quantity: float, price: float) -> None:
    """The exits of a bracket for a quantity that just filled at `price`; later partial fills enlarge them."""
    if not math.isnan(parent.stop):
        _child(m, parent, j, _STOP, quantity, price)
    if not math.isnan(parent.trail_fraction):
        _child(m, parent, j, _TRAIL, quantity, price)
    if parent.exit_ts != NULL_TS:
        _child(m, parent, j, _TIME, quantity, price)
    if not math.isnan(parent.target):
        _child(m, parent, j, _TARGET, quantity, price)


@njit
def _child(m: Memory, parent: Any, j: int, role: int, quantity: float, price: float) -> None:
    bracket = parent.bracket
    for i in range(m.wallet.orders):
        o = m.orders[i]
        if o.bracket == bracket and o.role == role and o.spot == j // 2:
            o.quantity += quantity
            return
    place = new_order(m, j // 2)
    if place < 0:
        return
    o = m.orders[place]
    o.sign = 2 * (j % 2) - 1
    o.leg = _NET if parent.leg == _NET else 2 + j % 2
    o.bracket, o.role, o.reduce_only, o.intent = bracket, role, 1, parent.intent
    o.trigger_by, o.quantity, o.leverage = parent.trigger_by, quantity, parent.leverage
    o.state = TRIGGER
    if role == _STOP:
        o.kind, o.trigger = _STOP_MARKET, parent.stop
    elif role == _TRAIL:
        o.kind, o.trail_fraction, o.trail_activation = _TRAILING, parent.trail_fraction, parent.trail_activation
        if math.isnan(o.trail_activation):
            o.anchor = price
    elif role == _TIME:
        o.kind, o.exit_ts, o.state = _MARKET, parent.exit_ts, TIMED
    else:
        o.kind, o.price, o.state = _LIMIT, parent.target, RESTING


@njit
def settle_sisters(m: Memory, k: int, bracket: int, own: int, quantity: float) -> None:
    """One exit of a bracket filled `quantity`: its sisters shrink by as much, an unfilled entry is taken back."""
    if bracket == -1:
        return
    i = m.wallet.orders - 1
    while i >= 0:
        o = m.orders[i]
        if o.spot == k and o.bracket == bracket and o.id != own:
            left = o.quantity - quantity
            if o.role == _ENTRY or left <= 1e-6 * m.terms[k].lot or left <= 1e-12 * o.quantity:
                cancel(m, i, _SISTER)
            else:
                o.quantity = left
        i -= 1


@njit
def clear_flat(m: Memory, j: int) -> None:
    """A leg that is flat needs no reduce-only orders."""
    if m.legs[j].quantity > 0.0:
        return
    closing = 2 * (j % 2) - 1
    i = m.wallet.orders - 1
    while i >= 0:
        o = m.orders[i]
        mine = o.spot == j // 2 and o.sign == closing and (o.leg == _NET or o.leg == 2 + j % 2)
        if mine and (o.reduce_only or o.close_position):
            cancel(m, i, _CLOSED)
        i -= 1


@njit
def level_of(m: Memory, o: Any) -> float:
    """The price at which an order acts next; NaN for one that waits for time only.

    A resting limit acts when price trades *through* it by one tick; a trigger acts at a touch.
    """
    if o.state == RESTING:
        return o.price - o.sign * m.terms[o.spot].tick * (1.0 - 1e-6)
    if o.state == TRIGGER:
        if o.kind == _TRAILING:
            if math.isnan(o.anchor):
                return o.trail_activation
            return o.anchor * (1.0 + o.sign * o.trail_fraction)
        return o.trigger
    return math.nan


@njit
def rises_to(o: Any) -> bool:
    """Whether an order acts when price comes to its level from below."""
    if o.state == RESTING:
        return o.sign < 0
    if o.kind == _STOP_MARKET or o.kind == _STOP_LIMIT:
        return o.sign > 0
    if o.kind == _TRAILING:
        if math.isnan(o.anchor):
            return o.sign < 0
        return o.sign > 0
    return o.sign < 0


@njit
def by_mark(o: Any) -> bool:
    return o.state == TRIGGER and o.trigger_by == _MARK


@njit
def raise_anchors(m: Memory, k: int, price: float) -> None:
    """Trailing stops follow the best price since they began."""
    for i in range(m.wallet.orders):
        o = m.orders[i]
        if o.spot == k and o.kind == _TRAILING and not math.isnan(o.anchor):
            o.anchor = max(o.anchor, price) if o.sign < 0 else min(o.anchor, price)


@njit
def watch(m: Memory, k: int) -> None:
    """The band of last prices, the marks and the time up to which no order of the instrument can act.

    `mark_low` and `mark_high` must already hold the liquidation levels.
    """
    spot = m.spots[k]
    spot.low_watch, spot.high_watch = -math.inf, math.inf
    spot.next_ts = spot.regime_end
    if m.rules.scenarios > 0 and spot.held:
        spot.next_ts = min(spot.next_ts, next_deleveraging(m))
    for i in range(m.wallet.orders):
        o = m.orders[i]
        if o.spot != k:
            continue
        if o.state == MARKET:
            spot.next_ts = NULL_TS
        elif o.state == TIMED:
            spot.next_ts = min(spot.next_ts, o.exit_ts)
        else:
            level, rising = level_of(m, o), rises_to(o)
            if by_mark(o):
                if rising:
                    spot.mark_high = min(spot.mark_high, level)
                else:
                    spot.mark_low = max(spot.mark_low, level)
            elif rising:
                spot.high_watch = min(spot.high_watch, level)
            else:
                spot.low_watch = max(spot.low_watch, level)
            if o.kind == _TRAILING and not math.isnan(o.anchor):
                if o.sign < 0:
                    spot.high_watch = min(spot.high_watch, o.anchor)
                else:
                    spot.low_watch = max(spot.low_watch, o.anchor)
        if o.good_till_ts != NULL_TS:
            spot.next_ts = min(spot.next_ts, o.good_till_ts)
