"""The account over bars: most bars change nothing and cost a few comparisons; the others are walked.

At a bar's open, in this order: mark, liquidation, funding that is due, liquidation, exits the open has jumped, new
intents, funding stamps inside the bar (their price is not known: they settle at the open); then the path; then one
row of equity when the last bar of that close time is done.
"""

from __future__ import annotations

import math
from typing import Any

from perpscope.account.deleveraging import deleverage
from perpscope.account.fills import fill, take
from perpscope.account.funding import settle_funding
from perpscope.account.intake import accept, begin, fire
from perpscope.account.layout import MARKET, RESTING, ROWS, TIMED, Memory
from perpscope.account.ledger import balance, value_spot
from perpscope.account.liquidation import liquidate
from perpscope.account.margin import count_cross, cross_excess, find_levels
from perpscope.account.path import is_stop, pass_by, priority, touch, walk_bar
from perpscope.account.quiet import pass_quiet
from perpscope.account.resting import by_mark, cancel, level_of, raise_anchors, rises_to, watch
from perpscope.account.scenario import dead, strike
from perpscope.account.slippage import measure_day
from perpscope.core.orders import FillModel, Note, OrderEnd, OrderKind
from perpscope.core.time import NULL_TS
from perpscope.numeric.jit import njit

_BAR = int(FillModel.BAR)
_PLAIN = int(Note.PLAIN)
_GAP = int(Note.GAP)
_ASSUMED = int(Note.ASSUMED_PRICE)
_EXPIRED = int(OrderEnd.EXPIRED)
_TRAILING = int(OrderKind.TRAILING_STOP)
_SPARE = 1200
"""Rows one bar may write at the very most (64 orders, each a few lines)."""


@njit
def refresh(m: Memory, k: int) -> None:
    """Everything that follows from the state and saves looking at it at every bar."""
    spot = m.spots[k]
    while spot.regime + 1 < m.terms[k].regimes_to and m.wallet.now >= m.regimes[spot.regime + 1].valid_from:
        spot.regime += 1
    spot.regime_end = 2**62
    if spot.regime + 1 < m.terms[k].regimes_to:
        spot.regime_end = m.regimes[spot.regime + 1].valid_from
    value_spot(m, k)
    find_levels(m, k)
    watch(m, k)


@njit
def refresh_all(m: Memory) -> None:
    count_cross(m)
    for k in range(m.wallet.instruments):
        refresh(m, k)


@njit
def _exits_at_open(m: Memory, k: int, price: float, open_ts: int) -> None:
    """Orders the open has jumped, due by time, or left over: stops first, then time, then targets; then by age.

    A stop fills at the open, not at its trigger; a limit at its own price, not better.
    """
    last_id = m.wallet.next_order
    for rank in range(1, 4):
        done = -1
        while True:
            which, id = -1, last_id
            for i in range(m.wallet.orders):
                o = m.orders[i]
                if o.spot != k or o.id <= done or o.id >= id or priority(o) != rank:
                    continue
                due = o.state == MARKET or (o.state == TIMED and open_ts >= o.exit_ts)
                if not due and o.state != TIMED and not dead(m, i, open_ts):
                    seen = m.spots[k].mark if by_mark(o) else price
                    level = level_of(m, o)
                    due = seen >= level if rises_to(o) else seen <= level
                if due:
                    which, id = i, o.id
            if which < 0:
                break
            done = id
            o = m.orders[which]
            if o.state == RESTING:
                fill(m, which, m.spots[k].cap, o.price, o.price, 1, _BAR, _PLAIN)
            elif o.state == MARKET or o.state == TIMED:
                take(m, which, price, _BAR, _PLAIN)
            elif rank > 1 or not is_stop(o) or not strike(m, which, open_ts):
                note = _GAP
                if level_of(m, o) == price or (o.kind == _TRAILING and math.isnan(o.anchor)):
                    note = _PLAIN
                if o.kind == _TRAILING and not math.isnan(o.anchor):
                    o.trigger = level_of(m, o)
                fire(m, which, price, _BAR, note)


@njit
def _expire(m: Memory, k: int, ts: int) -> None:
    i = m.wallet.orders - 1
    while i >= 0:
        o = m.orders[i]
        if o.spot == k and o.good_till_ts != NULL_TS and ts >= o.good_till_ts:
            cancel(m, i, _EXPIRED)
        i -= 1


@njit
def _open_of_bar(
    m: Memory, k: int, price: float, mark: float, open_ts: int, close_ts: int,
    funding_ts: Any, funding_rate: Any, funding_price: Any, intents: Any,
) -> None:  # fmt: skip
    spot, w = m.spots[k], m.wallet
    before = spot.mark
    if math.isnan(before):
        before = mark
    spot.last, spot.mark, w.now = price, mark, open_ts
    if open_ts >= spot.regime_end:
        refresh(m, k)
    touch(m, k, price)
    value_spot(m, k)
    if liquidate(m, k):
        find_levels(m, k)
    while spot.funding_at < spot.funding_end and funding_ts[spot.funding_at] <= open_ts:
        i = spot.funding_at
        at, note = funding_price[i], _PLAIN
        w.now = funding_ts[i]
        if math.isnan(at):
            at = mark
            if funding_ts[i] < open_ts:
                at, note = before, _ASSUMED
        settle_funding(m, k, funding_ts[i], at, funding_rate[i], note)
        spot.funding_at += 1
        w.now = open_ts
        find_levels(m, k)
        if liquidate(m, k):
            find_levels(m, k)
    if m.rules.scenarios > 0 and deleverage(m, k, open_ts) and liquidate(m, k):
        find_levels(m, k)
    _expire(m, k, open_ts)
    raise_anchors(m, k, price)
    _exits_at_open(m, k, price, open_ts)
    while spot.intent_at < spot.intent_end:
        x = intents[spot.intent_at]
        if x.decided_ts > open_ts or x.active_ts >= close_ts:
            break
        place = accept(m, k, x, price)
        if place >= 0:
            begin(m, place, price, _BAR)
        spot.intent_at += 1
    while spot.funding_at < spot.funding_end and funding_ts[spot.funding_at] < close_ts:
        i = spot.funding_at
        at, note = funding_price[i], _PLAIN
        if math.isnan(at):
            at, note = mark, _ASSUMED
        settle_funding(m, k, funding_ts[i], at, funding_rate[i], note)
        spot.funding_at += 1
    find_levels(m, k)
    if liquidate(m, k):
        find_levels(m, k)


@njit
def _room(m: Memory) -> bool:
    return (
        m.count[0] + _SPARE < ROWS and m.count[1] + _SPARE < ROWS and m.count[2] + _SPARE < ROWS and m.count[3] + _SPARE < ROWS
    )


@njit
def run_bars(
    memory: Any, curve: Any, place: Any, open_ts: Any, close_ts: Any, o: Any, h: Any, l: Any, c: Any, volume: Any,
    mo: Any, mh: Any, ml: Any, mc: Any, funding_ts: Any, funding_rate: Any, funding_price: Any, intents: Any, first: int,
) -> int:  # fmt: skip
    """Work through the bars from `first`. Returns the next one: the number of bars unless the room ran out, or -1 - i if
    bar i has no prices."""
    m = memory[0]
    w = m.wallet
    total = len(close_ts)
    marked, several = len(mo) == total, m.wallet.instruments > 1
    i = first
    while i < total:
        if not several:
            i = pass_quiet(m, curve, open_ts, close_ts, h, l, c, mo, mh, ml, mc, marked, funding_ts, intents, i)
            if i == total:
                break
        k = place[i] if several else 0
        spot = m.spots[k]
        start, end = open_ts[i], close_ts[i]
        high, low, close = h[i], l[i], c[i]
        mark_high, mark_low, mark_close = high, low, close
        if marked and not math.isnan(mo[i]):
            mark_high, mark_low, mark_close = mh[i], ml[i], mc[i]
        quiet = (
            low > spot.low_watch
            and high < spot.high_watch
            and mark_low > spot.mark_low
            and mark_high < spot.mark_high
            and start < spot.next_ts
            and (spot.funding_at >= spot.funding_end or funding_ts[spot.funding_at] >= end)
            and (
                spot.intent_at >= spot.intent_end
                or intents[spot.intent_at].decided_ts > start
                or intents[spot.intent_at].active_ts >= end
            )
        )
        if quiet and w.cross_legs > 1 and not m.terms[k].isolated:
            quiet = cross_excess(m, k, mark_low) > 0.0 and cross_excess(m, k, mark_high) > 0.0
        w.known = end
        spot.bars += 1
        if spot.held and spot.last_close != NULL_TS and start - spot.last_close > 2 * (end - start):
            w.gaps += 1
            m.legs[2 * k].gap = 1
            m.legs[2 * k + 1].gap = 1
        spot.last_close = end
        if not low > 0.0:
            return -1 - i
        if quiet:
            pass_by(m, k, high, low, close, mark_high, mark_low, mark_close)
        else:
            if not _room(m):
                spot.bars -= 1
                return i
            spot.cap = math.inf
            if not math.isnan(volume[i]):
                spot.cap = m.terms[k].participation * volume[i]
            mark_open = o[i]
            if marked and not math.isnan(mo[i]):
                mark_open = mo[i]
            w.now = start
            _open_of_bar(m, k, o[i], mark_open, start, end, funding_ts, funding_rate, funding_price, intents)
            walk_bar(m, k, o[i], high, low, close, mark_open, mark_high, mark_low, mark_close, start, end - start)
            w.now = end
            if several:
                refresh_all(m)
            else:
                refresh(m, k)
        if m.terms[k].impact_model == 1:
            measure_day(m, k, o[i], close, volume[i], end - start)
        i += 1
        if not several or i == total or close_ts[i] != end:
            balance(m, curve, end)
    return i
