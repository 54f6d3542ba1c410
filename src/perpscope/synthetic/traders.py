"""Everyone who crosses the spread: leveraged retail, noise, momentum, mean reversion, holders, arbitrage."""

from __future__ import annotations

import math

from perpscope.numeric.jit import njit
from perpscope.synthetic.chance import lots_drawn, normal, uniform, waiting_time
from perpscope.synthetic.makers import fair
from perpscope.synthetic.matching import cancel, cross, market_order, rest
from perpscope.synthetic.orderbook import NO_ASK, NO_BID
from perpscope.synthetic.records import Exit, Group, MarginMode, World
from perpscope.synthetic.settlement import leave

_RETAIL = int(Group.RETAIL)
_ISOLATED = int(MarginMode.ISOLATED)
_BY_TIME = int(Exit.HOLDING_TIME)
_NOT_YET = int(Exit.OPEN)


@njit
def arrival(w: World) -> None:
    """One participant acts."""
    p = w.params
    u = uniform(w)
    if u < p.share_retail:
        retail_entry(w)
    elif u < p.share_retail + p.share_noise:
        unlevered(w, p.first_noise, p.count_noise, 0.0, p.noise_lots, p.noise_capacity)
    elif u < p.share_retail + p.share_noise + p.share_momentum:
        unlevered(w, p.first_momentum, p.count_momentum, p.momentum_strength, p.noise_lots, p.noise_capacity)
    elif u < p.share_retail + p.share_noise + p.share_momentum + p.share_reverter:
        unlevered(w, p.first_reverter, p.count_reverter, -p.momentum_strength, p.noise_lots, p.noise_capacity)
    else:
        unlevered(w, p.first_holder, p.count_holder, 0.0, p.holder_lots, p.holder_capacity)


@njit
def trend(w: World) -> float:
    """How far the fast average of log price is from the slow one, in units of its usual size, within +-1."""
    m = w.market
    return math.tanh((m.trend_fast - m.trend_slow) / w.params.trend_scale)


@njit
def unlevered(w: World, first: int, count: int, follows: float, mean_lots: float, capacity: float) -> None:
    """Someone without leverage trades: after the trend, against it or at random, and back home when far out."""
    p = w.params
    i = first + int(uniform(w) * count)
    a = w.accounts[i]
    lots = lots_drawn(w, mean_lots, p.lots_spread)
    pull = (a.quantity - a.home) / capacity
    wish = 0.5 * (1.0 + follows * trend(w)) - 0.5 * pull
    side = 1 if uniform(w) < wish else -1
    if p.passive_share > uniform(w) and a.order < 0:
        m = w.market
        best = m.best_bid if side > 0 else m.best_ask
        if best != NO_BID and best != NO_ASK:
            back = int(waiting_time(w, p.passive_distance) * m.mid)
            rest(w, i, side, best - side * back, lots, m.second + 1 + int(waiting_time(w, p.passive_seconds)))
        return
    cancel(w, i)
    market_order(w, i, side, lots)


@njit
def retail_entry(w: World) -> None:
    """A new leveraged trader: draws leverage, quantity, stop, target and patience, and sends the entry."""
    m, p = w.market, w.params
    i = m.free_account
    if i < 0:
        m.ended = -5
        return
    a = w.accounts[i]
    u = uniform(w)
    k = 0
    while k < m.leverages - 1 and u >= w.leverage_cdf[k]:
        k += 1
    lots = lots_drawn(w, p.retail_lots, p.lots_spread)
    value = lots * m.mid
    tier = 0
    while tier < m.tiers - 1 and value > w.tier_cap[tier]:
        tier += 1
    leverage = min(w.leverages[k], w.tier_max[tier])
    side = 1 if uniform(w) < 0.5 * (1.0 + p.retail_bias + p.retail_trend * trend(w)) else -1
    hours = p.holding_hours * (10.0 / leverage) ** p.holding_slope * math.exp(p.holding_spread * normal(w))
    stop_fraction = p.stop_nearest + (p.stop_farthest - p.stop_nearest) * uniform(w)
    target_fraction = waiting_time(w, p.target_mean)
    has_stop = uniform(w) < p.stop_share
    has_target = uniform(w) < p.target_share
    m.free_account = a.next_free
    a.group = _RETAIL
    a.mode = _ISOLATED
    a.exit = _NOT_YET
    a.position = -1
    a.order = -1
    a.quantity = 0
    a.cost = 0
    a.margin = 0
    a.leverage = leverage
    a.stop_fraction = stop_fraction if has_stop else math.nan
    a.target_fraction = target_fraction if has_target else math.nan
    a.liquidation_tick = math.nan
    a.stop_tick = math.nan
    a.target_tick = math.nan
    a.holding = int(hours * 3600.0)
    a.wallet = int(value / leverage * (1.0 + p.spare_margin) + value * 0.002) + 1
    m.deposits += a.wallet
    best = m.best_bid if side > 0 else m.best_ask
    if uniform(w) < p.passive_share and best != NO_BID and best != NO_ASK:
        back = int(waiting_time(w, p.passive_distance) * m.mid)
        rest(w, i, side, best - side * back, lots, m.second + 1 + int(waiting_time(w, p.passive_seconds)))
        return
    if market_order(w, i, side, lots) == 0:
        leave(w, i)


@njit
def order_expired(w: World, i: int) -> None:
    """A resting order was not filled in time: an entry is given up, an exit is sent to the market."""
    a = w.accounts[i]
    cancel(w, i)
    if a.group != _RETAIL:
        return
    if a.quantity == 0:
        leave(w, i)
    elif a.exit == _BY_TIME:
        w.market.now += w.params.order_gap
        market_order(w, i, -1 if a.quantity > 0 else 1, abs(a.quantity))


@njit
def patience_ended(w: World, i: int) -> None:
    """A trader has held long enough and leaves, by a resting order or at once."""
    m, p, a = w.market, w.params, w.accounts[i]
    cancel(w, i)
    a.exit = _BY_TIME
    side = -1 if a.quantity > 0 else 1
    best = m.best_bid if side > 0 else m.best_ask
    if uniform(w) < p.passive_share and best != NO_BID and best != NO_ASK:
        due = m.second + 1 + int(waiting_time(w, p.passive_seconds))
        rest(w, i, side, best, abs(a.quantity), due)
        return
    m.now += p.order_gap
    market_order(w, i, side, abs(a.quantity))


@njit
def arbitrage(w: World) -> None:
    """Takes quotes that the outside price has left behind before their makers notice."""
    m, p = w.market, w.params
    price = fair(w)
    i = p.first_arbitrage + int(uniform(w) * p.count_arbitrage)
    high = price * (1.0 - p.arbitrage_edge)
    low = price * (1.0 + p.arbitrage_edge)
    side = 1 if m.best_ask < high else -1
    if m.best_ask < high or m.best_bid > low:
        m.now += p.order_gap
        cross(w, i, side, int(high) if side > 0 else int(low) + 1, p.arbitrage_lots)
