"""Maps without positions, B0 to B4 and B8: what price, volume and past liquidations say alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perpscope.contract import liquidation_shift
from perpscope.core.units import PositionSide
from perpscope.research.skill.conditions import depths
from perpscope.research.skill.levels import Deposits, crossed, fading, spread_over_range
from perpscope.research.skill.sample import Sample

Floats = npt.NDArray[np.float64]

MAINTENANCE = 0.004
"""Of the first tier of the large contracts: good enough for a baseline."""


def swept_length(sample: Sample) -> Floats:
    """B0: open interest x log length gone through against the side: a rate per unit of price path."""
    return sample.open_interest[:, None] * sample.excursion


def nearest_levels(sample: Sample) -> Floats:
    """B8: what is near is "predicted": open interest whose levels thin out with distance, half of them within a quarter of a
    daily sigma; no position, no volume, no memory."""
    scale = 0.25 * sample.sigma[:, None] * np.sqrt(24.0 / sample.hours)
    return sample.open_interest[:, None] * -np.expm1(-np.log(2.0) * sample.excursion / scale)


def new_depths(sample: Sample) -> Floats:
    """B1: depth below the extreme of the last 1 to 168 hours, one condition each: float64 (bars, 2, k)."""
    sides = [np.column_stack([depths(sample, s, h) for h in sample.protocol.depth_hours]) for s in range(2)]
    return np.stack(sides, axis=1)


def ladder_shifts(sample: Sample) -> tuple[list[float], Floats]:
    """Shares of the fixed ladder and its shifts in log price: float64 (2, tiers)."""
    leverages = np.array([float(name) for name in sample.protocol.ladder])
    shifts = [liquidation_shift(side, leverages, MAINTENANCE) for side in (PositionSide.LONG, PositionSide.SHORT)]
    return list(sample.protocol.ladder.values()), np.array(shifts)


def ladder_off_price(sample: Sample) -> Floats:
    """B2: the ladder hung on the close before, without memory; a level counts gradually from 80% to 120% of its distance."""
    shares, shifts = ladder_shifts(sample)
    out = np.zeros_like(sample.excursion)
    for k, share in enumerate(shares):
        distance = np.abs(shifts[:, k])
        out += share * np.clip((sample.excursion - 0.8 * distance) / (0.4 * distance), 0.0, 1.0)
    return sample.open_interest[:, None] * out


def shifted_volume(sample: Sample) -> Floats:
    """B3: the volume profile of the last days, moved by the ladder; nothing closes, nothing is swept."""
    bars = sample.study.bars
    shares, shifts = ladder_shifts(sample)
    entry = spread_over_range(np.log(bars["low"]), np.log(bars["high"]))
    points = entry.shape[1]
    price = np.stack([np.hstack([entry + shift for shift in shifts[s]]) for s in range(2)], axis=1)
    per_point = np.hstack([np.full((len(bars), points), share / points) for share in shares]) * bars["volume"][:, None]
    amount = np.stack([per_point, per_point], axis=1)
    fade = fading(len(bars), sample.hours, sample.protocol.memory_half_life_hours)
    return crossed(bars, Deposits(price, amount, fade, np.zeros(len(bars))), consume=False)


def past_liquidations(sample: Sample) -> Floats:
    """B4: density of the side's reported liquidations of the last days, where their bars went; what the path crosses of it.

    Hours without a report add nothing.
    """
    bars, reported = sample.study.bars, np.nan_to_num(sample.study.reported)
    close = np.log(bars["close"])
    before = np.concatenate([close[:1], close[:-1]])
    low, high = np.log(bars["low"]), np.log(bars["high"])
    ranges = (low, np.maximum(before, low)), (np.minimum(before, high), high)
    price = np.stack([spread_over_range(a, b) for a, b in ranges], axis=1)
    amount = np.repeat(reported[:, :, None] / price.shape[2], price.shape[2], axis=2)
    fade = fading(len(bars), sample.hours, sample.protocol.memory_half_life_hours)
    return crossed(bars, Deposits(price, amount, fade, np.zeros(len(bars))), consume=False)
