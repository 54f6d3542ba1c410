"""One second of the market after the other.

At each full second: open interest if due; the outside price moves and the mark is published; funding if due; what the
mark broke is liquidated and what it stopped is sent; wishes and expiries that fall due; arbitrage, then the makers, then the
orders of that second at random times.
"""

from __future__ import annotations

import math

from perpscope.contract import kernels as contract
from perpscope.core.time import NULL_TS
from perpscope.numeric.jit import njit
from perpscope.synthetic.buckets import unlink
from perpscope.synthetic.chance import uniform, waiting_time
from perpscope.synthetic.depth import note_depth
from perpscope.synthetic.liquidator import strike_at_random, unwind
from perpscope.synthetic.makers import quote
from perpscope.synthetic.orderbook import NO_ASK, NO_BID, trim
from perpscope.synthetic.positions import set_levels, write_position
from perpscope.synthetic.records import (
    BINS,
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
from perpscope.synthetic.traders import arbitrage, collector, order_expired, patience_ended, retail_entry, unlevered
from perpscope.synthetic.triggers import fire

_SECOND = 1_000_000_000
_ISOLATED = int(MarginMode.ISOLATED)
_CROSS = int(MarginMode.CROSS)


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
    if s % p.interest_seconds == 0:
        w.interest[m.interests] = m.open_interest
        m.interests += 1
    if s % 60 == 0:
        trim(w)
        if p.magnet != 0.0:
            m.attraction = attraction(w)
    previous = m.mark
    publish(w)
    if s % p.funding_seconds == 0 and s > 0:
        pay_funding(w)
    strike_at_random(w, previous)
    fire(w, previous)
    expire(w)
    unwind(w)
    arbitrage(w)
    # each second another maker is first
    for n in range(m.makers):
        quote(w, (n + s) % m.makers)
    if p.depth_from <= s < p.depth_until:
        note_depth(w)
    end = (s + 1) * _SECOND
    pause = _SECOND / (p.arrivals_per_second * w.activity[s % BLOCK])
    m.now += int(waiting_time(w, pause))
    while m.now < end:
        arrival(w)
        m.now += 1 + int(waiting_time(w, pause))
    m.second = s + 1


@njit
def arrival(w: World) -> None:
    """One participant acts."""
    p = w.params
    u = uniform(w)
    if u < p.until_retail:
        retail_entry(w)
    elif u < p.until_noise:
        unlevered(w, p.first_noise, p.count_noise, 0.0, p.noise_lots, p.noise_capacity)
    elif u < p.until_momentum:
        unlevered(w, p.first_momentum, p.count_momentum, p.momentum_strength, p.noise_lots, p.noise_capacity)
    elif u < p.until_reverter:
        unlevered(w, p.first_reverter, p.count_reverter, -p.momentum_strength, p.noise_lots, p.noise_capacity)
    elif u < p.until_collector:
        collector(w)
    else:
        unlevered(w, p.first_holder, p.count_holder, 0.0, p.holder_lots, p.holder_capacity)


@njit
def publish(w: World) -> None:
    """Index, mid and mark of this second."""
    m, p = w.market, w.params
    s = m.second
    if m.best_bid != NO_BID and m.best_ask != NO_ASK:
        m.mid = 0.5 * (m.best_bid + m.best_ask)
    m.pressure += p.follow * (math.log(m.mid / m.index) - p.basis) - p.revert * m.pressure
    m.outside *= math.exp(w.moves[s % BLOCK] + p.magnet * m.attraction * w.stress[s % BLOCK] ** 2)
    m.index = m.outside * math.exp(m.pressure)
    gap = m.mid - m.index
    m.premium += p.mark_speed * (gap - m.premium)
    m.premium_slow += p.premium_slow_speed * (gap - m.premium_slow)
    m.premium_sum += gap / m.index
    m.premium_count += 1
    price = math.log(m.mid)
    m.trend_fast += p.trend_fast_speed * (price - m.trend_fast)
    m.trend_slow += p.trend_slow_speed * (price - m.trend_slow)
    # the mark is published, and acts, with a tenth of a tick
    m.mark = round(10.0 * (m.index + m.premium)) / 10.0
    w.marks[s % BLOCK] = m.mark
    w.indices[s % BLOCK] = m.index


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
    rate = round(min(max(rate, -p.funding_cap), p.funding_cap) * 1e8) / 1e8
    to_longs, to_shorts = 0, 0
    for i in range(m.room):
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
            if a.mode == _CROSS:
                set_levels(w, i)
    w.accounts[p.first_insurance].wallet -= to_longs + to_shorts
    w.funding[m.fundings] = rate
    w.funding_flows[m.fundings, 0] = to_longs
    w.funding_flows[m.fundings, 1] = to_shorts
    m.fundings += 1


@njit
def attraction(w: World) -> float:
    """(shorts that break within reach above - longs that break within reach below) over their sum; 0 without any."""
    m, width = w.market, w.params.bin_ticks
    reach = w.params.magnet_reach
    up, down = 0.0, 0.0
    for bucket in range(int(m.mark / width), min(int(m.mark * (1.0 + reach) / width) + 1, BINS)):
        i = w.above.head[bucket]
        while i >= 0:
            a = w.accounts[i]
            if a.quantity < 0 and a.liquidation_tick <= m.mark * (1.0 + reach):
                up -= a.quantity
            i = w.above.next[i]
    for bucket in range(int(m.mark * (1.0 - reach) / width), min(int(m.mark / width) + 1, BINS)):
        i = w.below.head[bucket]
        while i >= 0:
            a = w.accounts[i]
            if a.quantity > 0 and a.liquidation_tick >= m.mark * (1.0 - reach):
                down += a.quantity
            i = w.below.next[i]
    return (up - down) / (up + down) if up + down > 0.0 else 0.0


@njit
def still_open(world: Array) -> None:
    """At the end: write the positions that are still held, without a closing time."""
    w = world[0]
    for i in range(w.market.room):
        if w.accounts[i].position >= 0:
            write_position(w, i, NULL_TS)
