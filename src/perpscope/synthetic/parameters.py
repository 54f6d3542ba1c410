"""Settings as kernels see them: one record of int64 and float64, quantities in lots, times as rates per second."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from perpscope.core.instrument import Instrument
from perpscope.synthetic.config import Config
from perpscope.synthetic.records import Array, Group

_BIN = 0.0004  # width of a trigger bin, as a fraction of the first price
_YEAR_SECONDS = 365 * 86_400
_ORDER_GAP = 50_000  # ns between two orders of one second that follow from each other
_ARRIVING = ("retail", "noise", "momentum", "reverter", "collector", "holder")


def population(config: Config) -> NDArray[np.int64]:
    """The groups of the permanent accounts: the insurance fund is number 0, the makers follow."""
    return np.concatenate([np.full(count, int(group)) for group, count in _counts(config)])


def parameters(config: Config, instrument: Instrument) -> Array:
    """The record of all numeric settings.

    Which columns it has, and of which type, does not depend on the values: otherwise another value could make every
    kernel compile anew.
    """
    integers: dict[str, int] = {}
    numbers: dict[str, float] = {}
    for part in (config.flow, config.retail, config.makers, config.venue):
        for field in fields(part):
            if field.type == "float":
                numbers[field.name] = getattr(part, field.name)
            elif field.type in ("int", "bool"):
                integers[field.name] = getattr(part, field.name)
    integers |= _integers(config, instrument)
    numbers |= _numbers(config, instrument)
    columns = [(name, "i8") for name in integers] + [(name, "f8") for name in numbers]
    row = np.zeros(1, np.dtype(columns, align=True)).view(np.recarray)
    for name, value in (integers | numbers).items():
        row[name] = value
    return row


def _counts(config: Config) -> tuple[tuple[Group, int], ...]:
    flow = config.flow
    return (
        (Group.INSURANCE, 1),
        (Group.MAKER, config.makers.count),
        (Group.NOISE, flow.count_noise),
        (Group.MOMENTUM, flow.count_momentum),
        (Group.REVERTER, flow.count_reverter),
        (Group.COLLECTOR, flow.count_collector),
        (Group.HOLDER, flow.count_holder),
        (Group.ARBITRAGE, flow.count_arbitrage),
    )


def _integers(config: Config, instrument: Instrument) -> dict[str, int]:
    shown, lot = config.publication, instrument.lot_size
    change = config.retail.mix_change_day
    first, out = 0, {}
    for group, count in _counts(config):
        out[f"first_{group.name.lower()}"] = first
        first += count
    depth_until = round(3600.0 * (shown.depth_from_hours + shown.depth_hours))
    return out | {
        "arbitrage_lots": round(config.flow.arbitrage_quantity / lot),
        "unwind_lots": round(config.venue.unwind_quantity / lot),
        "mix_change_second": round(change * 86_400) if change < 1e6 else 2**60,
        "depth_levels": shown.depth_levels,
        "depth_from": round(3600.0 * shown.depth_from_hours),
        "depth_until": depth_until if shown.depth_levels > 0 else -1,
        "order_gap": _ORDER_GAP,
    }


def _numbers(config: Config, instrument: Instrument) -> dict[str, float]:
    flow, venue, mix, lot = config.flow, config.venue, config.retail, instrument.lot_size
    edges = np.cumsum([getattr(flow, f"share_{name}") for name in _ARRIVING])
    out = {f"until_{name}": float(edge) for name, edge in zip(_ARRIVING, edges, strict=True)}
    per_second = config.outside.volatility**2 / _YEAR_SECONDS
    return out | {
        "noise_lots": flow.noise_quantity / lot,
        "noise_capacity": flow.noise_capacity / lot,
        "holder_lots": flow.holder_quantity / lot,
        "holder_capacity": flow.holder_capacity / lot,
        "collector_capacity": flow.collector_capacity / lot,
        "lots_spread": flow.quantity_spread,
        "retail_lots": mix.quantity / lot,
        "retail_spread": mix.quantity_spread,
        "retail_bias": mix.bias,
        "retail_trend": mix.trend,
        "retail_mood": mix.mood,
        "skew_per_lot": config.makers.skew_per_unit * lot,
        "carry_per_lot": config.makers.carry_per_unit * lot,
        # a drift mu against the variance s2 makes the odds of +reach before -reach exp(2 mu reach / s2)
        "magnet": venue.magnet * per_second / (2.0 * venue.magnet_reach),
        "mark_speed": 2.0 / (venue.mark_seconds + 1.0),
        "follow": 1.0 / venue.follow_seconds,
        "revert": 1.0 / (3600.0 * venue.revert_hours),
        "trend_fast_speed": 1.0 / (60.0 * flow.trend_fast_minutes),
        "trend_slow_speed": 1.0 / (60.0 * flow.trend_slow_minutes),
        "premium_slow_speed": 1.0 / 3600.0,
        "bin_ticks": _BIN * config.price / instrument.tick_size,
    }
