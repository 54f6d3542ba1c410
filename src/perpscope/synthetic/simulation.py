"""From settings to a finished market: builds the world, runs it, and collects what it wrote.

Random numbers are drawn here, block by block, from one seeded generator; the kernels stop at a full second when a
block or a buffer runs low, so the result does not depend on the size of either.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from perpscope.contract.margin import tier_arrays
from perpscope.core.errors import ProgrammerError
from perpscope.core.instrument import Instrument
from perpscope.synthetic.clockwork import run, still_open
from perpscope.synthetic.config import Config, synthetic_instrument
from perpscope.synthetic.founding import found
from perpscope.synthetic.orderbook import NO_ASK, NO_BID
from perpscope.synthetic.records import (
    BLOCK,
    MAX_MAKERS,
    NORMALS,
    ORDERS,
    RUNGS,
    UNIFORMS,
    Array,
    Group,
    world_record,
)
from perpscope.synthetic.reference import Reference, reference_path

_BIN = 0.0004  # width of a trigger bin, as a fraction of the first price
_STREAMS = ("fills", "levels", "liquidations", "positions")
_SERIES = ("marks", "indices", "interest", "funding", "funding_flows")

_ENDED = {
    -1: "more trades in one second than the buffer holds",
    -2: "more positions than the table holds",
    -3: "more changes of liquidation prices in one second than the buffer holds",
    -4: "more liquidations in one second than the buffer holds",
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
    parts: dict[str, list[Array]] = {
        name: [] for name in (*_STREAMS, "marks", "indices", "interest", "funding", "funding_flows")
    }
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
    return Recording(config, instrument, accounts=world["accounts"][0].view(np.recarray), market=world[0].market, **made)


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
    groups, first = _population(config)
    params = _params(config, tick, lot, first)
    world = np.zeros(1, world_record(params.dtype)).view(np.recarray)
    w = world[0]
    w.params = params
    m = w.market
    m.makers, m.leverages, m.tiers = config.makers.count, len(config.retail.leverages), len(tiers.cap)
    m.best_bid, m.best_ask = NO_BID, NO_ASK
    m.outside = m.index = m.mid = m.mark = config.price / tick
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
    weights = np.asarray(config.retail.weights, dtype=np.float64)
    w.leverages[: m.leverages] = config.retail.leverages
    w.leverage_cdf[: m.leverages] = np.cumsum(weights / weights.sum())
    w.tier_cap[: m.tiers], w.tier_rate[: m.tiers] = tiers.cap / money, tiers.rate
    w.tier_amount[: m.tiers], w.tier_max[: m.tiers] = tiers.amount / money, tiers.max_leverage
    found(world, config, tiers, groups, (first["holder"], config.flow.count_holder), rng)
    return world


def _population(config: Config) -> tuple[Array, dict[str, int]]:
    """The groups of the permanent accounts, the insurance fund first and the makers next, and where each begins."""
    flow = config.flow
    counts = [
        (Group.INSURANCE, 1),
        (Group.MAKER, config.makers.count),
        (Group.NOISE, flow.count_noise),
        (Group.MOMENTUM, flow.count_momentum),
        (Group.REVERTER, flow.count_reverter),
        (Group.HOLDER, flow.count_holder),
        (Group.ARBITRAGE, flow.count_arbitrage),
    ]
    groups = np.repeat([int(g) for g, _ in counts], [n for _, n in counts])
    starts = np.cumsum([0] + [n for _, n in counts])
    return groups, {g.name.lower(): int(s) for (g, _), s in zip(counts, starts, strict=False)}


def _params(config: Config, tick: float, lot: float, first: dict[str, int]) -> Array:
    """All numeric settings as one record, those in base units as lots beside them."""
    values: dict[str, Any] = {}
    for part in (config.flow, config.retail, config.makers, config.venue):
        for field in fields(part):
            value = getattr(part, field.name)
            if isinstance(value, (int, float)):
                values[field.name] = value
    flow, venue, mix = config.flow, config.venue, config.retail
    values |= {f"first_{name}": start for name, start in first.items()}
    values |= {
        "noise_lots": flow.noise_quantity / lot,
        "noise_capacity": flow.noise_capacity / lot,
        "holder_lots": flow.holder_quantity / lot,
        "holder_capacity": flow.holder_capacity / lot,
        "arbitrage_lots": int(flow.arbitrage_quantity / lot),
        "retail_lots": mix.quantity / lot,
        "retail_bias": mix.bias,
        "retail_trend": mix.trend,
        "lots_spread": flow.quantity_spread,
        "unwind_lots": int(venue.unwind_quantity / lot),
        "skew_per_lot": config.makers.skew_per_unit * lot,
        "carry_per_lot": config.makers.carry_per_unit * lot,
        "mark_speed": 2.0 / (venue.mark_seconds + 1.0),
        "follow": 1.0 / venue.follow_seconds,
        "revert": 1.0 / (3600.0 * venue.revert_hours),
        "trend_fast_speed": 1.0 / (60.0 * flow.trend_fast_minutes),
        "trend_slow_speed": 1.0 / (60.0 * flow.trend_slow_minutes),
        "bin_ticks": _BIN * config.price / tick,
        "order_gap": 50_000,
    }
    dtype = np.dtype([(name, "i8" if isinstance(v, (bool, int)) else "f8") for name, v in values.items()], align=True)
    row = np.zeros(1, dtype).view(np.recarray)
    for name, value in values.items():
        row[name] = value
    return row
