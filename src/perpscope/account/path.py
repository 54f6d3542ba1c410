"""Inside a bar: price walks open - extreme - extreme - close, and everything that lies on the way happens in order.

The mark walks its own four prices in step with the last price. On a stretch from a to b an event at level x happens
at (x - a) / (b - a) of the way; at the same place a liquidation comes first, then stops, time exits, targets and
limits, then the older order. The order of high and low is not known: the pessimistic path is the one of the two that
leaves the lower equity at the close (equal: low first for a long, high first for a short).
"""

from __future__ import annotations

import math
from typing import Any

from perpscope.account.fills import fill
from perpscope.account.intake import fire
from perpscope.account.layout import (
    HIGH_FIRST,
    MARKET,
    PESSIMISTIC,
    RESTING,
    TIMED,
    TRIGGER,
    Memory,
)
from perpscope.account.ledger import equity, value_spot
from perpscope.account.liquidation import cross_due, liquidate
from perpscope.account.margin import find_levels
from perpscope.account.resting import by_mark, level_of, raise_anchors, rises_to, watch
from perpscope.account.scenario import dead, strike
from perpscope.core.orders import FillModel, Note, OrderKind
from perpscope.numeric.jit import njit

_PLAIN = int(Note.PLAIN)
_BAR = int(FillModel.BAR)
_TRAILING = int(OrderKind.TRAILING_STOP)
_STOP_MARKET = int(OrderKind.STOP_MARKET)
_STOP_LIMIT = int(OrderKind.STOP_LIMIT)
_NOWHERE = 2.0
_MOST_EVENTS = 400


@njit
def keep(m: Memory) -> None:
    """Copy the changing parts of the memory aside."""
    m.kept_wallet = m.wallet
    for k in range(m.wallet.instruments):
        m.kept_spots[k] = m.spots[k]
    for j in range(2 * m.wallet.instruments):
        m.kept_legs[j] = m.legs[j]
    for i in range(m.wallet.orders):
        m.kept_orders[i] = m.orders[i]


@njit
def take_back(m: Memory) -> None:
    """Undo everything since `keep`."""
    m.wallet = m.kept_wallet
    for k in range(m.wallet.instruments):
        m.spots[k] = m.kept_spots[k]
    for j in range(2 * m.wallet.instruments):
        m.legs[j] = m.kept_legs[j]
    for i in range(m.wallet.orders):
        m.orders[i] = m.kept_orders[i]


@njit
def fraction_to(a: float, b: float, level: float, rising: bool, now: float) -> float:
    """Where on a -> b a level is reached, not before `now`; `_NOWHERE` if not."""
    at = a + (b - a) * now
    if (rising and at >= level) or (not rising and at <= level):
        return now
    if (rising and b >= level) or (not rising and b <= level):
        return max(now, (level - a) / (b - a))
    return _NOWHERE


@njit
def _cross_fraction(m: Memory, k: int, ma: float, mb: float, now: float) -> float:
    """Where on the mark's stretch the cross account with several legs breaks, by bisection of its excess."""
    if not cross_due(m, k, mb):
        return _NOWHERE
    low, high = now, 1.0
    if cross_due(m, k, ma + (mb - ma) * now):
        return now
    for _ in range(60):
        middle = 0.5 * (low + high)
        if cross_due(m, k, ma + (mb - ma) * middle):
            high = middle
        else:
            low = middle
    return high


@njit
def _liquidation_fraction(m: Memory, k: int, ma: float, mb: float, now: float) -> float:
    first = _NOWHERE
    if not m.terms[k].isolated and m.wallet.cross_legs > 1:
        return _cross_fraction(m, k, ma, mb, now)
    for j in range(2 * k, 2 * k + 2):
        price = m.legs[j].liquidation_price
        if m.legs[j].quantity > 0.0 and not math.isnan(price):
            first = min(first, fraction_to(ma, mb, price, j % 2 == 1, now))
    return first


@njit
def priority(o: Any) -> int:
    """Stop 1, time 2, target and limit 3."""
    if o.state == RESTING:
        return 3
    if o.state == MARKET or o.state == TIMED:
        return 2
    if o.kind == _STOP_MARKET or o.kind == _STOP_LIMIT or o.kind == _TRAILING:
        return 1
    return 3


@njit
def is_stop(o: Any) -> bool:
    """Whether a trigger closes what is lost, and not a trailing stop that only begins to trail."""
    waiting = o.kind == _TRAILING and math.isnan(o.anchor)
    return o.state == TRIGGER and (o.reduce_only or o.close_position) and priority(o) == 1 and not waiting


@njit
def approach(leg: Any, j: int, mark: float) -> None:
    """Keep a leg's least distance from its liquidation price; only a mark worse than all since that price was set counts."""
    if j % 2 == 0:
        if not mark >= leg.worst_mark:
            leg.worst_mark = mark
            gap = 1.0 - leg.liquidation_price / mark
            if not leg.distance <= gap:
                leg.distance = gap
    elif not mark <= leg.worst_mark:
        leg.worst_mark = mark
        gap = leg.liquidation_price / mark - 1.0
        if not leg.distance <= gap:
            leg.distance = gap


@njit
def touch(m: Memory, k: int, price: float) -> None:
    """Excursions of what is held, and its least distance from liquidation."""
    for j in range(2 * k, 2 * k + 2):
        leg = m.legs[j]
        if leg.quantity > 0.0:
            leg.low, leg.high = min(leg.low, price), max(leg.high, price)
            approach(leg, j, m.spots[k].mark)


@njit
def stretch(m: Memory, k: int, a: float, b: float, ma: float, mb: float, start_ts: int, span: int) -> None:
    """One straight piece of the path and every event on it."""
    spot, w = m.spots[k], m.wallet
    now = 0.0
    for _ in range(_MOST_EVENTS):
        first, rank, which, id = _NOWHERE, 9, -1, 0
        if spot.held:
            first, rank = _liquidation_fraction(m, k, ma, mb, now), 0
        for i in range(w.orders):
            o = m.orders[i]
            if o.spot != k or o.state == MARKET or o.state == TIMED or o.spent_ts == w.known or dead(m, i, start_ts):
                continue
            if by_mark(o):
                at = fraction_to(ma, mb, level_of(m, o), rises_to(o), now)
            else:
                at = fraction_to(a, b, level_of(m, o), rises_to(o), now)
            if at > 1.0:
                continue
            place = priority(o)
            if at < first or (at == first and (place < rank or (place == rank and o.id < id))):
                first, rank, which, id = at, place, i, o.id
        if first > 1.0:
            break
        crossed = first > now
        now = first
        spot.last, spot.mark = a + (b - a) * now, ma + (mb - ma) * now
        w.now = start_ts + int(now * span)
        touch(m, k, spot.last)
        value_spot(m, k)
        if which < 0:
            for j in range(2 * k, 2 * k + 2):
                price = m.legs[j].liquidation_price
                if m.legs[j].quantity > 0.0 and crossed and fraction_to(ma, mb, price, j % 2 == 1, now) == now:
                    # exactly the level: a rounded interpolation could leave the mark a hair before it
                    spot.mark = price
            liquidate(m, k)
        else:
            _act(m, which, crossed)
        find_levels(m, k)
    spot.last, spot.mark = b, mb
    w.now = start_ts + span
    touch(m, k, b)
    raise_anchors(m, k, b)


@njit
def _act(m: Memory, place: int, crossed: bool) -> None:
    """An order's level was reached: a limit fills at its price, a trigger fires at its level (or at the market, if the
    market already is beyond it)."""
    o = m.orders[place]
    spot = m.spots[o.spot]
    if o.state == RESTING:
        fill(m, place, spot.cap, o.price, o.price, 1, _BAR, _PLAIN)
        return
    price = spot.last
    if m.rules.scenarios > 0 and is_stop(o) and strike(m, place, m.wallet.now):
        return
    if o.kind == _TRAILING and not math.isnan(o.anchor):
        o.trigger = level_of(m, o)
    if crossed and not by_mark(o):
        price = level_of(m, o)
        spot.last = price
    fire(m, place, price, _BAR, _PLAIN)


@njit
def walk(
    m: Memory, k: int, high_first: bool, o: float, h: float, l: float, c: float,
    mo: float, mh: float, ml: float, mc: float, open_ts: int, span: int,
) -> None:  # fmt: skip
    """One canonical path through a bar."""
    third = span // 3
    if high_first:
        stretch(m, k, o, h, mo, mh, open_ts, third)
        stretch(m, k, h, l, mh, ml, open_ts + third, third)
        stretch(m, k, l, c, ml, mc, open_ts + 2 * third, third)
    else:
        stretch(m, k, o, l, mo, ml, open_ts, third)
        stretch(m, k, l, h, ml, mh, open_ts + third, third)
        stretch(m, k, h, c, mh, mc, open_ts + 2 * third, third)
    value_spot(m, k)


@njit
def pass_by(m: Memory, k: int, h: float, l: float, c: float, mh: float, ml: float, mc: float) -> None:
    """A bar in which nothing happens."""
    spot = m.spots[k]
    spot.last, spot.mark = c, mc
    if not spot.held:
        return
    for j in range(2 * k, 2 * k + 2):
        leg = m.legs[j]
        if leg.quantity > 0.0:
            leg.low, leg.high = min(leg.low, l), max(leg.high, h)
            approach(leg, j, ml if j % 2 == 0 else mh)
    value_spot(m, k)


@njit
def only_exits(m: Memory, k: int) -> bool:
    """Whether all orders of an instrument are plain exits: no entry, no trailing stop."""
    for i in range(m.wallet.orders):
        o = m.orders[i]
        if o.spot == k and (not (o.reduce_only or o.close_position) or o.kind == _TRAILING):
            return False
    return True


@njit
def walk_bar(
    m: Memory, k: int, o: float, h: float, l: float, c: float,
    mo: float, mh: float, ml: float, mc: float, open_ts: int, span: int,
) -> None:  # fmt: skip
    """The path the account's rules ask for; a bar in which nothing is reached needs none. Liquidation levels are current."""
    spot, rule = m.spots[k], m.rules.path
    watch(m, k)
    if (
        l > spot.low_watch and h < spot.high_watch and ml > spot.mark_low and mh < spot.mark_high
        and (m.terms[k].isolated or m.wallet.cross_legs < 2)
    ):  # fmt: skip
        pass_by(m, k, h, l, c, mh, ml, mc)
        return
    low_side, high_side = l <= spot.low_watch or ml <= spot.mark_low, h >= spot.high_watch or mh >= spot.mark_high
    if rule == PESSIMISTIC and low_side != high_side and m.terms[k].isolated and only_exits(m, k):
        # levels on one side only, and nothing that a fill could open: both paths meet them alike
        walk(m, k, high_side, o, h, l, c, mo, mh, ml, mc, open_ts, span)
        return
    if rule != PESSIMISTIC:
        walk(m, k, rule == HIGH_FIRST, o, h, l, c, mo, mh, ml, mc, open_ts, span)
        return
    high_first = m.spots[k].notional < 0.0
    keep(m)
    lines, fills, ends, trips = m.count[0], m.count[1], m.count[2], m.count[3]
    walk(m, k, not high_first, o, h, l, c, mo, mh, ml, mc, open_ts, span)
    other = equity(m)
    take_back(m)
    m.count[0], m.count[1], m.count[2], m.count[3] = lines, fills, ends, trips
    walk(m, k, high_first, o, h, l, c, mo, mh, ml, mc, open_ts, span)
    if other < equity(m):
        take_back(m)
        m.count[0], m.count[1], m.count[2], m.count[3] = lines, fills, ends, trips
        walk(m, k, not high_first, o, h, l, c, mo, mh, ml, mc, open_ts, span)
