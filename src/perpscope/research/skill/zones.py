"""How public pages rank zones, beside rankings that know nothing, and the same question asked at equal distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.research.skill.blocks import DayBlocks
from perpscope.research.skill.profile import Profile
from perpscope.research.skill.sample import Sample
from perpscope.stats.interval import Estimate

Floats = npt.NDArray[np.float64]

EVERY_HOURS, HORIZON_HOURS = 4, 24
TOP_SHARE = 0.1
CLASSES, REACH = 12, 3.0
"""Classes of distance up to so many daily sigmas, for the comparison at equal distance."""


@dataclass(frozen=True)
class Zones:
    """`touched`: by ranking, the share of its top tenth of zones that price met within a day. `equal_distance`: how much
    more often (difference of shares) zones were met that hold more of their side's map than zones as far away on other days;
    0 is no skill. `starts`: how many; `reach`: how far the zones lie, as a fraction of price."""

    touched: dict[str, Estimate]
    equal_distance: Estimate
    starts: int
    reach: float


def zones(sample: Sample, ours: Profile, blocks: DayBlocks) -> Zones | str:
    """The top tenth of zones by the map, by nearness, at random; and the map's at equal distance.

    Definition: every four hours all bins of the map on both sides are ranked by what they hold; the top tenth is "predicted",
    a zone is "hit" when price meets it within 24 hours. This is how hit rates on public pages are counted. Nearness wins such
    a count without knowing anything, because price visits what is near. At equal distance: zones are put in classes of side
    and distance in daily sigmas; in each the tenth of starts that hold the largest share of their side's map there is compared
    with the rest of its class.
    Source: LIQUIDATION 7.3; the comparison at equal distance: own.
    """
    starts, went = _starts(sample)
    if len(starts) < 30:
        return f"Not measurable on this data: {len(starts)} starts with a whole day after them; it takes 30."
    day = sample.day[starts]
    mass = ours.mass[starts]
    bins = mass.shape[2]
    distance = (np.arange(bins) + 0.5) * ours.height
    met = distance[None, None, :] <= went[:, :, None]
    many = max(1, round(TOP_SHARE * 2 * bins))
    touched = {}
    near = np.broadcast_to(-distance, mass.shape)
    for name, score in (("top tenth by the map", mass), ("nearest tenth", near)):
        flat = score.reshape(len(starts), -1)
        top = np.argsort(-flat, axis=1, kind="stable")[:, :many]
        touched[name] = blocks.mean(np.take_along_axis(met.reshape(len(starts), -1), top, axis=1).mean(axis=1), day)
    touched["all zones: a tenth at random"] = blocks.mean(met.reshape(len(starts), -1).mean(axis=1), day)
    return Zones(touched, _at_equal_distance(sample, starts, mass, went, ours.height, blocks), len(starts), bins * ours.height)


def _starts(sample: Sample) -> tuple[npt.NDArray[np.int64], Floats]:
    """Bars at whose beginning zones are ranked, and how far price then went within the horizon: (starts, 2)."""
    bars = sample.study.bars
    every, ahead = (max(1, round(hours / sample.hours)) for hours in (EVERY_HOURS, HORIZON_HOURS))
    inside = np.flatnonzero((sample.ref >= sample.edges[0]) & (sample.ref < sample.edges[-1]))[::every]
    starts = inside[(inside > 0) & (inside + ahead <= len(bars))]
    if not len(starts):
        return starts, np.empty((0, 2))
    window = np.lib.stride_tricks.sliding_window_view
    before = bars["close"][starts - 1]
    low, high = window(bars["low"], ahead).min(axis=1)[starts], window(bars["high"], ahead).max(axis=1)[starts]
    return starts, np.maximum(np.column_stack([np.log(before / low), np.log(high / before)]), 0.0)


def _at_equal_distance(
    sample: Sample, starts: npt.NDArray[np.int64], mass: Floats, went: Floats, height: float, blocks: DayBlocks
) -> Estimate:
    daily = sample.sigma[starts] * np.sqrt(24.0 / sample.hours)
    edges = np.linspace(0.0, REACH, CLASSES + 1)
    sums = np.concatenate([np.zeros((*mass.shape[:2], 1)), np.cumsum(mass, axis=2)], axis=2)
    at = np.clip(np.round(edges[None, :] * daily[:, None] / height).astype(np.int64), 0, mass.shape[2])
    excess, days = [], []
    for s in range(2):
        upto = np.take_along_axis(sums[:, s], at, axis=1)
        held = np.diff(upto, axis=1) / np.maximum(upto[:, -1:], 1e-300)
        for c in range(CLASSES):
            met = (went[:, s] >= 0.5 * (edges[c] + edges[c + 1]) * daily).astype(np.float64)
            dense = held[:, c] >= np.quantile(held[:, c], 1.0 - TOP_SHARE)
            if dense.all():
                continue
            excess.append(met[dense] - met[~dense].mean())
            days.append(sample.day[starts][dense])
    return blocks.mean(np.concatenate(excess), np.concatenate(days))
