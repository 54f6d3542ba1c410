"""The account over public prints and book updates of one instrument: fills by the book, or at the print with slippage.

Every order becomes active after its latency: with a book it meets the market as it stood before the next event, without
one it meets the first print from then on. A taker walks the displayed book; else it pays the print's price and slippage.
A resting order fills when a print goes through its price, or by the queue model at its price. A trigger is the first print
(or mark) at or through it; its market order follows after the trigger latency. Marks move by mark events; until the first
one the last price stands in.
"""

from __future__ import annotations

import math
from typing import Any

from perpscope.account.bars import refresh
from perpscope.account.book import clear, displayed, queue_step, set_level, touch_price, walk_book, whole_tick
from perpscope.account.deleveraging import deleverage
from perpscope.account.fills import fill
from perpscope.account.funding import settle_funding
from perpscope.account.intake import accept
from perpscope.account.layout import MARKET, RESTING, ROWS, THROUGH_ONLY, TIMED, TRIGGER, Memory
from perpscope.account.ledger import balance, value_spot
from perpscope.account.liquidation import liquidate
from perpscope.account.margin import find_levels
from perpscope.account.path import is_stop, touch
from perpscope.account.resting import by_mark, cancel, level_of, place_of, raise_anchors, rises_to
from perpscope.account.scenario import dead, jumped, strike
from perpscope.account.slippage import measure_day, slipped
from perpscope.core.orders import FillModel, Note, OrderEnd, OrderKind, TimeInForce
from perpscope.core.time import NULL_TS
from perpscope.numeric.jit import njit

BID, ASK, BUY, SELL, SNAPSHOT, GAP, MARK, SILENCE = range(8)
"""Kinds of events. SNAPSHOT and GAP forget the book; a level's quantity is absolute; SILENCE ends a hole in the prints."""

_TRADE = int(FillModel.TRADE)
_BOOK = int(FillModel.BOOK)
_PLAIN = int(Note.PLAIN)
_QUEUE = int(Note.QUEUE_MODEL)
_STRESSED = int(Note.STRESSED)
_TRAILING = int(OrderKind.TRAILING_STOP)
_STOP_LIMIT = int(OrderKind.STOP_LIMIT)
_TP_LIMIT = int(OrderKind.TAKE_PROFIT_LIMIT)
_GTX = int(TimeInForce.GTX)
_IOC = int(TimeInForce.IOC)
_FOK = int(TimeInForce.FOK)
_EXPIRED = int(OrderEnd.EXPIRED)
_POST_ONLY = int(OrderEnd.POST_ONLY_CROSS)
_IOC_UNFILLED = int(OrderEnd.IOC_UNFILLED)
_SPARE = 1200


@njit
def _take(m: Memory, b: Any, place: int) -> None:
    """A taker order meets the market: the displayed book, else the last print with slippage."""
    o = m.orders[place]
    k, buy = o.spot, o.sign > 0
    reference = touch_price(b, buy, m.terms[k].tick)
    if math.isnan(reference):
        price = slipped(m, k, float(o.sign), jumped(m, place, m.spots[k].last), o.quantity)
        if not math.isnan(o.price):
            price = min(price, o.price) if buy else max(price, o.price)
        fill(m, place, math.inf, price, m.spots[k].last, 0, _TRADE, _PLAIN)
        return
    wanted = o.quantity
    if o.reduce_only or o.close_position:
        j = 2 * k + (1 if buy else 0)
        wanted = m.legs[j].quantity if o.close_position else min(wanted, m.legs[j].quantity)
    done, mean, last = walk_book(b, buy, wanted, o.price, m.terms[k].tick)
    note = _PLAIN
    if done < wanted * (1.0 - 1e-12) and m.rules.stress_beyond and math.isnan(o.price) and done > 0.0:
        worse = last * (1.0 + o.sign * m.rules.beyond_bps * 1e-4)
        mean = (done * mean + (wanted - done) * worse) / wanted
        done, note = wanted, _STRESSED
    if done > 0.0 or o.tif == _IOC or o.tif == _FOK:
        fill(m, place, done, jumped(m, place, mean), reference, 0, _BOOK, note)


@njit
def _arrive(m: Memory, b: Any, place: int) -> None:
    """An order becomes active: it takes, or it rests behind what its level shows."""
    o = m.orders[place]
    buy = o.sign > 0
    if o.state == MARKET:
        _take(m, b, place)
        return
    if o.state != RESTING:
        return
    best = touch_price(b, buy, m.terms[o.spot].tick)
    if math.isnan(best):
        best = m.spots[o.spot].last
    if o.sign * (o.price - best) >= 0.0:
        if o.tif == _GTX:
            cancel(m, place, _POST_ONLY)
            return
        id = o.id
        _take(m, b, place)
        place = place_of(m, id)
        if place < 0:
            return
        o = m.orders[place]
    elif o.tif == _IOC or o.tif == _FOK:
        cancel(m, place, _IOC_UNFILLED)
        return
    o.ahead = displayed(b, buy, whole_tick(m, o.spot, o.price))


@njit
def _print(m: Memory, b: Any, price: float, quantity: float, sold: bool) -> None:
    """A print meets our resting orders, the oldest first: through their price they fill, at it by the queue model.

    Each order meets it once; what a fill attaches does not meet the print that filled it.
    """
    tick, lot = m.terms[0].tick, m.terms[0].lot
    queued = m.rules.queue_model != THROUGH_ONLY
    newest, done = m.wallet.next_order, -1
    while True:
        which, id, through = -1, newest, False
        for i in range(m.wallet.orders):
            o = m.orders[i]
            if o.state != RESTING or o.id <= done or o.id >= id:
                continue
            beyond = o.sign * (o.price - price) >= tick * (1.0 - 1e-6)
            if beyond or (queued and abs(o.price - price) < 0.5 * tick and sold == (o.sign > 0)):
                which, id, through = i, o.id, beyond
        if which < 0:
            return
        done = id
        o = m.orders[which]
        if through:
            fill(m, which, math.inf, o.price, o.price, 1, _TRADE, _PLAIN)
            continue
        o.ahead = queue_step(m.rules.queue_model, o.ahead, quantity, 0.0, 0.0)
        if o.ahead < -0.5 * lot:  # less than a lot is rounding, not room
            room = -o.ahead
            o.ahead = 0.0
            fill(m, which, room, o.price, o.price, 1, _BOOK, _QUEUE)


@njit
def _triggers(m: Memory, b: Any, ts: int) -> None:
    """Orders whose level the last price or the mark has reached, by age; then market orders whose time has come."""
    spot = m.spots[0]
    for _ in range(2 * len(m.orders)):
        which, id = -1, m.wallet.next_order
        for i in range(m.wallet.orders):
            o = m.orders[i]
            if o.id >= id:
                continue
            due = False
            if o.state == TRIGGER and not dead(m, i, ts):
                seen, level = spot.mark if by_mark(o) else spot.last, level_of(m, o)
                due = seen >= level if rises_to(o) else seen <= level
            elif o.state == TIMED:
                due = ts >= o.exit_ts
            elif o.state == MARKET:
                due = ts >= o.active_ts and o.spent_ts != ts
            if due:
                which, id = i, o.id
        if which < 0:
            return
        o = m.orders[which]
        if o.state == MARKET:
            o.spent_ts = ts
            _take(m, b, which)
        elif o.state == TIMED:
            o.state, o.active_ts = MARKET, ts
        elif o.kind == _TRAILING and math.isnan(o.anchor):
            o.anchor = spot.last
        elif o.kind == _STOP_LIMIT or o.kind == _TP_LIMIT:
            o.state = RESTING
            _arrive(m, b, which)
        elif m.rules.scenarios == 0 or not is_stop(o) or not strike(m, which, ts):
            if o.kind == _TRAILING:
                o.trigger = level_of(m, o)
            o.state, o.active_ts = MARKET, ts + m.rules.trigger_latency


@njit
def _due(m: Memory, b: Any, ts: int, funding_ts: Any, funding_rate: Any, funding_price: Any, intents: Any) -> None:
    """What time brings: liquidation, funding, expired orders, new intents, triggers - in the order of every instant."""
    spot, w = m.spots[0], m.wallet
    touch(m, 0, spot.last)
    if liquidate(m, 0):
        find_levels(m, 0)
    while spot.funding_at < spot.funding_end and funding_ts[spot.funding_at] <= ts:
        i = spot.funding_at
        price = funding_price[i]
        if math.isnan(price):
            price = spot.mark
        settle_funding(m, 0, funding_ts[i], price, funding_rate[i], _PLAIN)
        spot.funding_at += 1
        find_levels(m, 0)
        if liquidate(m, 0):
            find_levels(m, 0)
    if m.rules.scenarios > 0 and deleverage(m, 0, ts) and liquidate(m, 0):
        find_levels(m, 0)
    i = w.orders - 1
    while i >= 0:
        if m.orders[i].good_till_ts != NULL_TS and ts >= m.orders[i].good_till_ts:
            cancel(m, i, _EXPIRED)
        i -= 1
    raise_anchors(m, 0, spot.last)
    while spot.intent_at < spot.intent_end and intents[spot.intent_at].active_ts <= ts:
        place = accept(m, 0, intents[spot.intent_at], spot.last)
        spot.intent_at += 1
        if place >= 0:
            _arrive(m, b, place)
    _triggers(m, b, ts)
    refresh(m, 0)
    if spot.next_ts == NULL_TS:
        spot.next_ts = ts + 1  # a market order waits: look again at every event


@njit
def _requeue(m: Memory, bid: bool, tick: int, before: float, after: float) -> None:
    for i in range(m.wallet.orders):
        o = m.orders[i]
        if o.state == RESTING and (o.sign > 0) == bid and whole_tick(m, 0, o.price) == tick:
            o.ahead = queue_step(m.rules.queue_model, o.ahead, 0.0, before, after)


@njit
def close_bars(
    memory: Any, curve: Any, place: Any, open_ts: Any, close_ts: Any, o: Any, c: Any, volume: Any, before: int
) -> None:
    """Bars that closed before a time: a row of equity, and one more bar for what is measured over a day.

    `place[0]` is the first that was not told yet. Bars decide nothing here; the prints inside them did.
    """
    m = memory[0]
    while place[0] < len(close_ts) and close_ts[place[0]] < before:
        i = place[0]
        m.spots[0].bars += 1
        if m.terms[0].impact_model == 1 and o[i] > 0.0 and c[i] > 0.0:
            measure_day(m, 0, o[i], c[i], volume[i], close_ts[i] - open_ts[i])
        balance(m, curve, close_ts[i])
        place[0] = i + 1


@njit
def run_tape(
    memory: Any, books: Any, ts: Any, kind: Any, price: Any, quantity: Any, funding_ts: Any, funding_rate: Any,
    funding_price: Any, intents: Any, curve: Any, place: Any, open_ts: Any, close_ts: Any, o: Any, c: Any, volume: Any,
    first: int,
) -> int:  # fmt: skip
    """Work through events of one instrument from `first`; returns the next one, the number of events unless room ran out.

    At the close of each bar, after the events up to it, a row of the equity curve is written.
    """
    m, b = memory[0], books[0]
    spot, w = m.spots[0], m.wallet
    i = first
    while i < len(ts):
        if max(m.count[0], m.count[1], m.count[2], m.count[3]) + _SPARE >= ROWS:
            return i
        now, what, p = ts[i], kind[i], price[i]
        if place[0] < len(close_ts) and close_ts[place[0]] < now:
            close_bars(memory, curve, place, open_ts, close_ts, o, c, volume, now)
        w.now, w.known = now, now
        waiting = spot.intent_at < spot.intent_end and intents[spot.intent_at].active_ts <= now
        if b.known and spot.last > 0.0 and (waiting or now >= spot.next_ts):
            # with a book the order met the market as it stood before this event
            _due(m, b, now, funding_ts, funding_rate, funding_price, intents)
        if what in (BID, ASK):
            tick = whole_tick(m, 0, p)
            if w.orders > 0:
                _requeue(m, what == BID, tick, displayed(b, what == BID, tick), quantity[i])
            set_level(b, what == BID, tick, quantity[i])
        elif what in (BUY, SELL):
            spot.last = p
            if spot.last_close != 1:
                spot.mark = p
            if w.orders > 0:
                _print(m, b, p, quantity[i], what == SELL)
        elif what == MARK:
            spot.mark, spot.last_close = p, 1
        elif what == SILENCE:
            if spot.held:
                w.gaps += 1
                m.legs[0].gap, m.legs[1].gap = 1, 1
        else:
            clear(b)
        due = (
            now >= spot.next_ts
            or spot.last <= spot.low_watch
            or spot.last >= spot.high_watch
            or spot.mark <= spot.mark_low
            or spot.mark >= spot.mark_high
            or (spot.funding_at < spot.funding_end and funding_ts[spot.funding_at] <= now)
            or (spot.intent_at < spot.intent_end and intents[spot.intent_at].active_ts <= now)
        )
        if due and spot.last > 0.0:
            _due(m, b, now, funding_ts, funding_rate, funding_price, intents)
        elif spot.held:
            touch(m, 0, spot.last)
            value_spot(m, 0)
        i += 1
    return i
