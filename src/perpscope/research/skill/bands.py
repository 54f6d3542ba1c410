"""T8: do the published bands hold what happens as often as they say?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.core.time import HOUR
from perpscope.research.calibration.bands import bootstrap_mix
from perpscope.research.calibration.forgetting import age_weights
from perpscope.research.calibration.scores import score_dispersion
from perpscope.research.skill.blocks import DayBlocks
from perpscope.research.skill.maps import LearnedMap
from perpscope.research.skill.sample import Sample
from perpscope.stats.interval import Estimate

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class BandSkill:
    """How often the report lies inside the band, below p10 and above p90. `mix_only`: the band of the *mix* (what a picture's
    band means); `predictive`: with the scatter of reports around any expectation added; `by_prior`: inside the latter, by
    thirds of the prior-driven share, least first, each with that share."""

    mix_only: tuple[Estimate, Estimate, Estimate]
    predictive: tuple[Estimate, Estimate, Estimate]
    by_prior: list[tuple[float, Estimate]]


def band_skill(sample: Sample, learned: LearnedMap, blocks: DayBlocks) -> BandSkill:
    """Coverage of the 80% bands of interval totals, out of sample.

    Definition: before each test week the mix is drawn anew by the day-block bootstrap; the band of an interval and side is the
    quantile range of a_c w over the draws, background included; for the predictive band each draw is followed by a negative
    binomial count, in effective events, with the dispersion of the days before. Counts come in lumps, most of them 0, so a
    report's place among the draws is drawn between "below" and "at or below" (randomised probability transform): otherwise a
    band from 0 upwards would hold too much and look honest.
    """
    p = sample.protocol
    cells = learned.swept.cells()
    names = ("low", "high", "place", "driven", "realised")
    parts: dict[str, list[Floats]] = {name: [] for name in names}
    days: list[npt.NDArray[np.int64]] = []
    for i, fit in enumerate(learned.fits):
        known = cells.select(cells.window_ts < sample.edges[i] - p.purge_hours * HOUR)
        week = cells.between(sample.edges[i], sample.edges[i + 1])
        if not week.windows:
            continue
        weight = age_weights(known, sample.edges[i], p.mix.half_life_days)
        draws = bootstrap_mix(known, fit, blocks.rng, p.bands.draws, weight)
        weights = draws.weights[:, week.side, :]
        expected = np.einsum("ck,rck->rc", week.exposure, weights) + draws.background[:, None] * week.background
        expected = np.maximum(expected, 1e-9)
        dispersion = max(score_dispersion(fit, known), 1e-6)
        shape = 1.0 / dispersion
        u0 = week.event_quantity
        scattered = blocks.rng.poisson(blocks.rng.gamma(shape, expected / u0 / shape))
        count = np.round(week.realised / u0)
        under, upto = (scattered < count).mean(axis=0), (scattered <= count).mean(axis=0)
        parts["low"].append(np.quantile(expected, p.bands.low, axis=0))
        parts["high"].append(np.quantile(expected, p.bands.high, axis=0))
        parts["place"].append(under + blocks.rng.random(len(count)) * (upto - under))
        parts["driven"].append(_prior_share(fit.learned[1:], fit.weights, week.exposure, week.side))
        parts["realised"].append(week.realised)
        days.append(week.day[week.window_of])
    of = {name: np.concatenate(values) for name, values in parts.items()}
    day, y = np.concatenate(days), of["realised"]
    inside = ((of["place"] >= p.bands.low) & (of["place"] <= p.bands.high)).astype(np.float64)
    by_prior = []
    for third in np.array_split(np.argsort(of["driven"], kind="stable"), 3):
        by_prior.append((float(of["driven"][third].mean()), blocks.mean(inside[third], day[third])))
    return BandSkill(
        _held(blocks, y, of["low"], of["high"], day), _held(blocks, of["place"], p.bands.low, p.bands.high, day), by_prior
    )


def _held(
    blocks: DayBlocks, y: Floats, low: Floats | float, high: Floats | float, day: npt.NDArray[np.int64]
) -> tuple[Estimate, Estimate, Estimate]:
    """Shares inside, below and above."""
    found = [(y >= low) & (y <= high), y < low, y > high]
    inside, below, above = (blocks.mean(share.astype(np.float64), day) for share in found)
    return inside, below, above


def _prior_share(learned: npt.NDArray[np.bool_], weights: Floats, exposure: Floats, side: npt.NDArray[np.int64]) -> Floats:
    """Share of each cell's expectation that comes from tiers whose share was not learned."""
    parts = exposure * weights[side]
    total = parts.sum(axis=1)
    prior = parts[:, ~learned].sum(axis=1)
    return np.divide(prior, total, out=np.ones_like(total), where=total > 0.0)
