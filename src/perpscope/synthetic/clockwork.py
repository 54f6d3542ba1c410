"""One second of the market after the other.

At each full second: the outside price moves, the mark is published, what it broke is liquidated and what it stopped
is sent; funding and open interest if due; wishes and expiries that fall due; arbitrage, then the makers, then the
orders of that second at random times.
"""

from __future__ import annotations

import math

from perpscope.contract import kernels as contract
from perpscope.core.time import NULL_TS
from perpscope.numeric.jit import njit
from perpscope.synthetic.buckets import unlink
from perpscope.synthetic.chance import waiting_time
from perpscope.synthetic.liquidator import fire, unwind
from perpscope.synthetic.makers import quote
from perpscope.synthetic.orderbook import NO_ASK, NO_BID
from perpscope.synthetic.records import (
    ACCOUNTS,
    BLOCK,
    NORMALS,
    RESERVE,
    ROWS,
    UNIFORMS,
    WHEEL,
    Array,
    MarginMode,
    World,
)
from perpscope.synthetic.settlement import set_levels, write_position
from perpscope.synthetic.traders import arbitrage, arrival, order_expired, patience_ended

_SECOND = 1_000_000_000
_ISOLATED = int(MarginMode.ISOLATED)


@njit
def run(world: Array, until: int) -> int:
    """Advance to second `until`, or until a buffer runs low. Returns the second reached."""
    w = world[0]
    m = w.market
    while m.second < until and m.ended == 0:
        if (
            m.uniform + RESERVE > UNIFORMS
            or m.normal + RESERVE > NORMALS
            or m.fills + RESERVE > ROWS
            or m.levels + RESERVE > ROWS
            or m.liquidations + RESERVE > ROWS
            or m.positions + RESERVE > ROWS
        ):
            break
        second(w)
    return m.second


@njit
def second(w: World) -> None:
    """What happens from one full second to the next."""
    m, p = w.market, w.params
    s = m.second
    m.now = s * _SECOND
    if s == 0:
        for k in range(m.makers):
            quote(w, k)
    publish(w)
    if s % p.interest_seconds == 0:
        w.interest[m.interests] = m.open_interest
        m.interests += 1
    if s % p.funding_seconds == 0 and s > 0:
        pay_funding(w)
    expire(w)
    unwind(w)
    arbitrage(w)
    # each second another maker is first
    for n in range(m.makers):
        quote(w, (n + s) % m.makers)
    end = (s + 1) * _SECOND
    pause = _SECOND / (p.arrivals_per_second * w.activity[s % BLOCK])
    m.now += int(waiting_time(w, pause))
    while m.now < end:
        arrival(w)
        m.now += 1 + int(waiting_time(w, pause))
    m.second = s + 1


@njit
def publish(w: World) -> None:
    """Index, mid and mark of this second, and what the mark sets off."""
    m, p = w.market, w.params
    s = m.second
    if m.best_bid != NO_BID and m.best_ask != NO_ASK:
        m.mid = 0.5 * (m.best_bid + m.best_ask)
    m.pressure += p.follow * math.log(m.mid / m.index) - p.revert * m.pressure
    m.outside *= math.exp(w.moves[s % BLOCK])
    m.index = m.outside * math.exp(m.pressure)
    gap = m.mid - m.index
    m.premium += p.mark_speed * (gap - m.premium)
    m.premium_sum += gap / m.index
    m.premium_count += 1
    price = math.log(m.mid)
    m.trend_fast += p.trend_fast_speed * (price - m.trend_fast)
    m.trend_slow += p.trend_slow_speed * (price - m.trend_slow)
    previous = m.mark
    # the mark is published, and acts, with a tenth of a tick
    m.mark = round(10.0 * (m.index + m.premium)) / 10.0
    w.marks[s % BLOCK] = m.mark
    w.indices[s % BLOCK] = m.index
    fire(w, previous)


@njit
def expire(w: World) -> None:
    """Orders whose time is over, and traders whose patience is."""
    s = w.market.second
    i = w.order_timer.head[s % WHEEL]
    while i >= 0:
        if w.accounts[i].order_due == s:
            unlink(w.order_timer, i)
            order_expired(w, i)
            i = w.order_timer.head[s % WHEEL]
        else:
            i = w.order_timer.next[i]
    i = w.holding_timer.head[s % WHEEL]
    while i >= 0:
        if w.accounts[i].holding_due == s:
            unlink(w.holding_timer, i)
            patience_ended(w, i)
            i = w.holding_timer.head[s % WHEEL]
        else:
            i = w.holding_timer.next[i]


@njit
def pay_funding(w: World) -> None:
    """Longs pay shorts (or the other way) on the mark; the rounding of single payments goes to the insurance fund."""
    m, p = w.market, w.params
    premium = m.premium_sum / m.premium_count
    m.premium_sum, m.premium_count = 0.0, 0
    rate = premium + min(max(p.interest_rate - premium, -p.funding_clamp), p.funding_clamp)
    rate = min(max(rate, -p.funding_cap), p.funding_cap)
    to_longs, to_shorts = 0, 0
    for i in range(ACCOUNTS):
        a = w.accounts[i]
        if a.group == 0 or a.quantity == 0:
            continue
        sign = 1.0 if a.quantity > 0 else -1.0
        received = round(contract.funding_payment(contract.LINEAR, sign, float(abs(a.quantity)), m.mark, rate))
        if a.quantity > 0:
            to_longs += received
        else:
            to_shorts += received
        if p.funding_from_margin and a.mode == _ISOLATED:
            a.margin += received
            set_levels(w, i)
        else:
            a.wallet += received
    w.accounts[p.first_insurance].wallet -= to_longs + to_shorts
    w.funding[m.fundings] = rate
    w.funding_flows[m.fundings, 0] = to_longs
    w.funding_flows[m.fundings, 1] = to_shorts
    m.fundings += 1


@njit
def still_open(world: Array) -> None:
    """At the end: write the positions that are still held, without a closing time."""
    w = world[0]
    for i in range(ACCOUNTS):
        if w.accounts[i].position >= 0:
            write_position(w, i, NULL_TS)
