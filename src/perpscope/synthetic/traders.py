"""Everyone who crosses the spread without being forced to: retail, noise, momentum, reversion, holders, collectors."""

from __future__ import annotations

import math

from perpscope.numeric.jit import njit
from perpscope.synthetic.chance import lots_drawn, normal, uniform, waiting_time
from perpscope.synthetic.makers import fair
from perpscope.synthetic.matching import cancel, cross, market_order, rest
from perpscope.synthetic.orderbook import NO_ASK, NO_BID
from perpscope.synthetic.records import BLOCK, Exit, Group, MarginMode, World

_RETAIL = int(Group.RETAIL)
_ISOLATED = int(MarginMode.ISOLATED)
_CROSS = int(MarginMode.CROSS)
_BY_TIME = int(Exit.HOLDING_TIME)
_NOT_YET = int(Exit.OPEN)


@njit
def trend(w: World) -> float:
    """How far the fast average of log price is from the slow one, in units of its usual size, within +-1."""
    m = w.market
    return math.tanh((m.trend_fast - m.trend_slow) / w.params.trend_scale)


@njit
def unlevered(w: World, first: int, count: int, follows: float, mean_lots: float, capacity: float) -> None:
    """Someone without leverage trades: after the trend, against it or at random, and back home when far out."""
    m, p = w.market, w.params
    i = first + int(uniform(w) * count)
    a = w.accounts[i]
    lots = lots_drawn(w, mean_lots, p.lots_spread)
    pull = (a.quantity - a.home) / capacity
    wish = 0.5 * (1.0 + follows * trend(w)) - 0.5 * pull
    side = 1 if uniform(w) < wish else -1
    if uniform(w) < p.passive_share and a.order < 0:
        rest_behind(w, i, side, lots, p.passive_distance)
        return
    cancel(w, i)
    m.now += 1
    market_order(w, i, side, lots)


@njit
def collector(w: World) -> None:
    """Earns funding: goes home to a short position while the perpetual is dear, to a long one while it is cheap."""
    m, p = w.market, w.params
    home = -int(math.tanh(m.premium_slow / m.index / p.collector_scale) * p.collector_capacity)
    for n in range(p.count_collector):
        w.accounts[p.first_collector + n].home = home
    unlevered(w, p.first_collector, p.count_collector, 0.0, p.holder_lots, 0.3 * p.collector_capacity)


@njit
def rest_behind(w: World, i: int, side: int, lots: int, distance: float) -> None:
    """Rest a limit order some way behind the best price of its side, for a while."""
    m, p = w.market, w.params
    best = m.best_bid if side > 0 else m.best_ask
    if best in (NO_BID, NO_ASK):
        best = int(m.mid) - side
    back = int(waiting_time(w, distance) * m.mid)
    rest(w, i, side, best - side * back, lots, m.second + 1 + int(waiting_time(w, p.passive_seconds)))


@njit
def retail_entry(w: World) -> None:
    """A new leveraged trader: draws leverage, quantity, stop, target and patience, and sends the entry."""
    m, p = w.market, w.params
    i = m.free_account
    if i < 0:
        m.ended = -5
        return
    a = w.accounts[i]
    lots = lots_drawn(w, p.retail_lots, p.retail_spread)
    value = lots * m.mid
    leverage = min(leverage_drawn(w), highest_leverage(w, value))
    lean = p.retail_bias + p.retail_mood * w.mood[m.second % BLOCK] + p.retail_trend * trend(w)
    side = 1 if uniform(w) < 0.5 * (1.0 + lean) else -1
    m.free_account = a.next_free
    m.room = max(m.room, i + 1)
    a.group, a.exit = _RETAIL, _NOT_YET
    a.mode = _CROSS if uniform(w) < p.cross_share else _ISOLATED
    a.position, a.order = -1, -1
    a.quantity, a.cost, a.margin = 0, 0, 0
    a.leverage = leverage
    stop_fraction = p.stop_nearest + (p.stop_farthest - p.stop_nearest) * uniform(w)
    target_fraction = waiting_time(w, p.target_mean)
    a.stop_fraction = stop_fraction if uniform(w) < p.stop_share else math.nan
    a.target_fraction = target_fraction if uniform(w) < p.target_share else math.nan
    a.liquidation_tick, a.stop_tick, a.target_tick, a.top_up_tick = math.nan, math.nan, math.nan, math.nan
    a.top_ups = p.top_up_count if uniform(w) < p.top_up_share else 0
    a.holding = holding_drawn(w, leverage)
    multiple = 1.0 + p.spare_margin
    if a.mode == _CROSS:
        multiple = max(1.1, p.cross_depth * math.exp(p.cross_spread * normal(w)))
    a.wallet = int(value / leverage * multiple + value * 0.002) + 1
    a.deposited = a.wallet
    m.deposits += a.wallet
    if uniform(w) < p.passive_share:
        rest_behind(w, i, side, lots, p.passive_distance)
        return
    if market_order(w, i, side, lots) == 0:
        turn_away(w, i)


@njit
def turn_away(w: World, i: int) -> None:
    """A trader whose entry found no counterparty leaves without a position."""
    m, a = w.market, w.accounts[i]
    m.deposits -= a.wallet
    a.wallet = 0
    a.group = 0
    a.next_free = m.free_account
    m.free_account = i


@njit
def leverage_drawn(w: World) -> float:
    """A leverage from the mix in force."""
    m = w.market
    row = 1 if m.second >= w.params.mix_change_second else 0
    u = uniform(w)
    k = 0
    while k < m.leverages - 1 and u >= w.leverage_cdf[row, k]:
        k += 1
    return w.leverages[k]


@njit
def highest_leverage(w: World, value: float) -> float:
    """What the venue allows for a position of this notional."""
    tier = 0
    while tier < w.market.tiers - 1 and value > w.tier_cap[tier]:
        tier += 1
    return w.tier_max[tier]


@njit
def holding_drawn(w: World, leverage: float) -> int:
    """How long a trader wants to stay, in seconds."""
    p = w.params
    if uniform(w) < p.scalp_share:
        return int(waiting_time(w, 3600.0 * p.scalp_hours))
    typical = 3600.0 * p.holding_hours * (10.0 / leverage) ** p.holding_slope
    if p.memoryless:
        return int(waiting_time(w, typical))
    return int(typical * math.exp(p.holding_spread * normal(w)))


@njit
def order_expired(w: World, i: int) -> None:
    """A resting order was not filled in time: an entry is given up, an exit is sent to the market."""
    m, a = w.market, w.accounts[i]
    cancel(w, i)
    if a.group != _RETAIL:
        return
    if a.quantity == 0:
        turn_away(w, i)
    elif a.exit == _BY_TIME:
        m.now += w.params.order_gap
        market_order(w, i, -1 if a.quantity > 0 else 1, abs(a.quantity))


@njit
def patience_ended(w: World, i: int) -> None:
    """A trader has held long enough and leaves, by a resting order or at once."""
    m, p, a = w.market, w.params, w.accounts[i]
    cancel(w, i)
    a.exit = _BY_TIME
    side = -1 if a.quantity > 0 else 1
    if uniform(w) < p.passive_share:
        rest_behind(w, i, side, abs(a.quantity), 0.0)
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
