"""From settings to a finished market: builds the world, runs it, and collects what it wrote.

Random numbers are drawn here, block by block, from one seeded generator; the kernels stop at a full second when a
block or a buffer runs low, so the result does not depend on the size of either.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perpscope.contract.margin import tier_arrays
from perpscope.core.errors import ProgrammerError
from perpscope.core.instrument import Instrument
from perpscope.synthetic.clockwork import run, still_open
from perpscope.synthetic.config import Config, synthetic_instrument
from perpscope.synthetic.founding import found
from perpscope.synthetic.orderbook import NO_ASK, NO_BID
from perpscope.synthetic.parameters import parameters, population
from perpscope.synthetic.records import (
    BLOCK,
    MAX_MAKERS,
    NORMALS,
    ORDERS,
    RUNGS,
    UNIFORMS,
    Array,
    world_record,
)
from perpscope.synthetic.reference import Reference, reference_path

_STREAMS = ("fills", "levels", "liquidations", "positions", "depth_rows")
_SERIES = ("marks", "indices", "interest", "funding", "funding_flows")
_SERIES = ("marks", "indices", "interest", "funding", "funding_flows")

_ENDED = {
    -1: "more trades in one second than the buffer holds",
    -2: "more positions than the table holds",
    -3: "more changes of liquidation prices in one second than the buffer holds",
    -4: "more liquidations in one second than the buffer holds",
    -6: "more rows of resting depth than the buffer holds; record a shorter window or fewer levels",
    -7: "more resting orders than the book holds",
    -5: "more leveraged traders at once than there is room for",
}


@dataclass(frozen=True)
class Recording:
    """What the world wrote, in ticks, lots and tick-lots, times in ns since `config.start`."""

    config: Config
    instrument: Instrument
    fills: Array
    levels: Array
    liquidations: Array
    positions: Array
    depth_rows: Array
    accounts: Array
    market: Array
    marks: Array
    indices: Array
    interest: Array
    funding: Array
    funding_flows: Array


def record(config: Config) -> Recording:
    """Run one market from the first second to the last.

    Raises:
        ProgrammerError: if a buffer overflows, which settings far from the defaults can cause.
    """
    rng = np.random.default_rng(config.seed)
    instrument = synthetic_instrument()
    reference = reference_path(config, rng)
    world = _build(config, instrument, rng)
    market = world[0].market
    parts: dict[str, list[Array]] = {name: [] for name in (*_STREAMS, *_SERIES)}
    while market.second < config.seconds:
        reached = int(market.second)
        end = min(reached - reached % BLOCK + BLOCK, config.seconds)
        if reached % BLOCK == 0:
            _load(world, reference, reached, end)
        world[0].uniforms[:] = rng.random(UNIFORMS)
        world[0].normals[:] = rng.standard_normal(NORMALS)
        market.uniform, market.normal = 0, 0
        run(world, end)
        if market.second == end:
            _unload(world, parts, end - (end - 1) // BLOCK * BLOCK)
        _drain(world, parts)
    still_open(world)
    _drain(world, parts)
    made = {name: np.concatenate(chunks) for name, chunks in parts.items()}
    for name in _STREAMS:
        made[name] = made[name].view(np.recarray)
    accounts = world["accounts"][0][: market.room].copy().view(np.recarray)
    return Recording(config, instrument, accounts=accounts, market=market.copy(), **made)


def _load(world: Array, reference: Reference, start: int, end: int) -> None:
    for name, values in reference._asdict().items():
        world[0][name][: end - start] = values[start:end]


def _unload(world: Array, parts: dict[str, list[Array]], seconds: int) -> None:
    market = world[0].market
    used = {"marks": seconds, "indices": seconds, "interest": market.interests}
    used |= {"funding": market.fundings, "funding_flows": market.fundings}
    for name, count in used.items():
        parts[name].append(world[0][name][: int(count)].copy())
    market.interests, market.fundings = 0, 0


def _drain(world: Array, parts: dict[str, list[Array]]) -> None:
    market = world[0].market
    if market.ended < 0:
        raise ProgrammerError(f"The synthetic market overflowed: {_ENDED[int(market.ended)]}.")
    for name in _STREAMS:
        parts[name].append(world[0][name][: int(market[name])].copy())
        market[name] = 0


def _build(config: Config, instrument: Instrument, rng: np.random.Generator) -> Array:
    tick, lot = instrument.tick_size, instrument.lot_size
    money = tick * lot
    tiers = tier_arrays(instrument.tiers_at(config.start))
    groups = population(config)
    params = parameters(config, instrument)
    world = np.zeros(1, world_record(params.dtype)).view(np.recarray)
    w = world[0]
    w.params = params
    m = w.market
    m.makers, m.leverages, m.tiers = config.makers.count, len(config.retail.leverages), len(tiers.cap)
    m.best_bid, m.best_ask = NO_BID, NO_ASK
    m.outside = m.index = m.mid = m.mark = config.price / tick
    m.premium = m.premium_slow = config.makers.basis * m.index
    m.trend_fast = m.trend_slow = np.log(m.mid)
    w.orders["next"] = np.arange(1, ORDERS + 1)
    w.makers["account"] = 1 + np.arange(MAX_MAKERS)
    rungs = np.arange(RUNGS)
    w.rung_offset = config.makers.nearest * config.makers.spacing**rungs
    w.rung_lots = np.rint(config.makers.top_quantity / lot * config.makers.depth_growth**rungs)
    w.rungs = -1
    w.level_head = w.level_tail = -1
    for name in ("below", "above", "order_timer", "holding_timer"):
        w[name].head = w[name].where = -1
    w.leverages[: m.leverages] = config.retail.leverages
    for row, weights in enumerate((config.retail.weights, config.retail.later_weights or config.retail.weights)):
        w.leverage_cdf[row, : m.leverages] = np.cumsum(np.asarray(weights) / sum(weights))
    w.tier_cap[: m.tiers], w.tier_rate[: m.tiers] = tiers.cap / money, tiers.rate
    w.tier_amount[: m.tiers], w.tier_max[: m.tiers] = tiers.amount / money, tiers.max_leverage
    found(world, config, instrument, groups, rng)
    return world
