"""The market on its first second: participants with money, and the positions that were opened before it.

Leveraged positions are drawn from the stationary stock: long holders are found more often than they are opened, each
is somewhere in the middle of its life, and its entry lies where price may have been then. Positions that would
already be broken or stopped are not founded. Their counterparties, and each other's up to the wanted open interest,
are unlevered holders.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from perpscope.contract.liquidation import isolated_liquidation_price
from perpscope.contract.margin import tier_arrays
from perpscope.core.instrument import Instrument
from perpscope.core.units import PositionSide
from perpscope.numeric.jit import njit
from perpscope.synthetic.config import Config
from perpscope.synthetic.positions import begin, set_levels
from perpscope.synthetic.records import Array, Exit, Group, MarginMode, Transfer
from perpscope.synthetic.settlement import transfer

_RETAIL = int(Group.RETAIL)
_ISOLATED = int(MarginMode.ISOLATED)
_NEVER = int(MarginMode.NEVER)
_INITIAL = int(Transfer.INITIAL)
_OPEN = int(Exit.OPEN)
_LONG, _SHORT = int(PositionSide.LONG), int(PositionSide.SHORT)


class Founders(NamedTuple):
    """Columns of the leveraged positions that exist at the start."""

    side: Array
    tick: Array
    lots: Array
    leverage: Array
    holding: Array
    stop_fraction: Array
    target_fraction: Array
    holder: Array
    mode: Array
    multiple: Array
    top_ups: Array


def found(world: Array, config: Config, instrument: Instrument, groups: Array, rng: np.random.Generator) -> None:
    """Fill the empty world with its participants and their first positions; `groups` are the permanent accounts'."""
    lot, money = instrument.lot_size, instrument.tick_size * instrument.lot_size
    wealth = np.full(len(groups), int(10.0 * config.flow.holder_capacity * config.price / money))
    wealth[groups == Group.INSURANCE] = int(config.venue.insurance_fund / money)
    found_accounts(world, groups, wealth)
    holders = np.flatnonzero(groups == Group.HOLDER)
    found_retail(world, *draw_founders(config, instrument, holders, rng))
    # makers are hedged elsewhere: every second one is long here, the others short
    makers = np.flatnonzero(groups == Group.MAKER)
    peers = rng.choice(holders, len(makers))
    pairs = np.where((makers % 2 == 0)[:, None], np.column_stack([makers, peers]), np.column_stack([peers, makers]))
    found_holders(world, pairs, np.full(len(makers), int(config.makers.home_quantity / lot)), np.iinfo(np.int64).max)
    pairs = rng.choice(holders, (200_000, 2))
    sizes = np.maximum(1, rng.exponential(0.2 * config.flow.holder_capacity / lot, len(pairs))).astype(np.int64)
    found_holders(world, pairs, sizes, int(config.open_interest / lot))
    settle_home(world, len(groups))


def draw_founders(config: Config, instrument: Instrument, holders: Array, rng: np.random.Generator) -> Founders:
    """The stock of leveraged positions at the start."""
    mix, tick_size, lot_size = config.retail, instrument.tick_size, instrument.lot_size
    tiers = tier_arrays(instrument.tiers_at(config.start))
    count = int(2.0 * mix.initial_share * config.open_interest / mix.quantity)
    leverages = np.asarray(mix.leverages, dtype=np.float64)
    stay = (10.0 / leverages) ** mix.holding_slope
    weights = np.asarray(mix.weights) * stay
    leverage = rng.choice(leverages, count, p=weights / weights.sum())
    typical = mix.holding_hours * 3600.0 * (10.0 / leverage) ** mix.holding_slope
    # a life met in its middle is longer than a life drawn at its beginning
    if mix.memoryless:
        life = typical * rng.gamma(2.0, 1.0, count)
    else:
        life = typical * np.exp(mix.holding_spread * rng.standard_normal(count) + mix.holding_spread**2)
    lived = rng.random(count)
    age = np.minimum(life * lived, 60 * 86_400.0)
    per_second = config.outside.volatility / np.sqrt(365 * 86_400.0)
    entry = config.price * np.exp(per_second * np.sqrt(age) * rng.standard_normal(count))
    spread = mix.quantity_spread
    quantity = mix.quantity * np.exp(spread * rng.standard_normal(count) - 0.5 * spread**2)
    lots = np.maximum(1, np.rint(quantity / lot_size)).astype(np.int64)
    tick = np.rint(entry / tick_size).astype(np.int64)
    leverage = np.minimum(leverage, tiers.max_leverage[np.searchsorted(tiers.cap, lots * lot_size * tick * tick_size)])
    side = np.where(rng.random(count) < 0.5 * (1.0 + mix.bias), _LONG, _SHORT)
    stop = mix.stop_nearest + (mix.stop_farthest - mix.stop_nearest) * rng.random(count)
    stop = np.where(rng.random(count) < mix.stop_share, stop, np.nan)
    target = np.where(rng.random(count) < mix.target_share, rng.exponential(mix.target_mean, count), np.nan)
    mode = np.where(rng.random(count) < mix.cross_share, int(MarginMode.CROSS), _ISOLATED)
    deep = np.maximum(1.1, mix.cross_depth * np.exp(mix.cross_spread * rng.standard_normal(count)))
    multiple = np.where(mode == _ISOLATED, 1.0 + mix.spare_margin, deep)
    effective = np.where(mode == _ISOLATED, leverage, leverage / multiple)
    top_ups = np.where(rng.random(count) < mix.top_up_share, mix.top_up_count, 0)
    bought: NDArray[np.float64] = lots * np.float64(lot_size)
    broken = isolated_liquidation_price(side, bought, tick * np.float64(tick_size), effective, tiers)
    way = np.log(broken / (tick * tick_size))
    moved = np.log(config.price / (tick * tick_size)) / way
    worst = np.where(np.isnan(stop), mix.top_up_at, np.minimum(stop, mix.top_up_at))
    alive = ~np.isfinite(way) | ((moved < worst - 1e-6) & ~(-moved >= target))
    holder = rng.choice(holders, count)
    left = np.maximum(1, life * (1.0 - lived)).astype(np.int64)
    return Founders(*(c[alive] for c in (side, tick, lots, leverage, left, stop, target, holder, mode, multiple, top_ups)))


@njit
def found_retail(
    world: Array, side: Array, tick: Array, lots: Array, leverage: Array, holding: Array,
    stop: Array, target: Array, holder: Array, mode: Array, multiple: Array, top_ups: Array,
) -> None:  # fmt: skip
    """Enter the leveraged positions, each against its holder."""
    w = world[0]
    m = w.market
    for n in range(side.size):
        i = m.free_account
        if i < 0:
            m.ended = -5
            return
        a = w.accounts[i]
        m.free_account = a.next_free
        m.room = max(m.room, i + 1)
        a.group, a.mode, a.exit = _RETAIL, mode[n], _OPEN
        a.position, a.order = -1, -1
        a.leverage, a.holding = leverage[n], holding[n]
        a.stop_fraction, a.target_fraction = stop[n], target[n]
        a.top_ups = top_ups[n]
        a.liquidation_tick, a.stop_tick, a.target_tick, a.top_up_tick = np.nan, np.nan, np.nan, np.nan
        a.wallet = int(lots[n] * tick[n] / leverage[n] * multiple[n]) + 2
        a.deposited = a.wallet
        m.deposits += a.wallet
        buyer = i if side[n] == _LONG else holder[n]
        transfer(w, buyer, i + holder[n] - buyer, tick[n], lots[n], 0, _INITIAL)
        set_levels(w, i)


@njit
def found_holders(world: Array, pairs: Array, lots: Array, open_interest: int) -> None:
    """Holders against holders until the wanted open interest is there."""
    w = world[0]
    m = w.market
    tick = int(m.mid)
    for n in range(lots.size):
        if m.open_interest >= open_interest:
            return
        if pairs[n, 0] != pairs[n, 1]:
            transfer(w, pairs[n, 0], pairs[n, 1], tick, lots[n], 0, _INITIAL)


@njit
def settle_home(world: Array, permanent: int) -> None:
    """What the permanent accounts hold at the start is what they return to."""
    w = world[0]
    for i in range(permanent):
        w.accounts[i].home = w.accounts[i].quantity


@njit
def found_accounts(world: Array, groups: Array, wallets: Array) -> None:
    """Permanent accounts with their groups and money; the rest of the accounts wait for traders."""
    w = world[0]
    m = w.market
    for i in range(w.accounts.size):
        a = w.accounts[i]
        a.order = -1
        if i < groups.size:
            a.group, a.mode, a.exit = groups[i], _NEVER, _OPEN
            a.leverage = np.nan
            a.liquidation_tick, a.stop_tick, a.target_tick, a.top_up_tick = np.nan, np.nan, np.nan, np.nan
            a.wallet = wallets[i]
            m.deposits += wallets[i]
            a.position = -1
            begin(w, i)
        else:
            a.position = -1
            a.next_free = i + 1 if i + 1 < w.accounts.size else -1
    m.free_account = groups.size
    m.room = groups.size
