"""Without knowing where price will go: does the map help to forecast the next interval's liquidations?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perpscope.core.time import YEAR
from perpscope.features.liquidation.touch import touch_probability
from perpscope.research.skill.profile import Profile
from perpscope.research.skill.sample import Sample

Floats = npt.NDArray[np.float64]


def known_before(sample: Sample) -> Floats:
    """What is known of an interval before it begins: volatility, open interest, the last interval's volume, range and reports,
    and the mean report of the day before: float64 (bars, 2, k)."""
    bars, sigma = sample.study.bars, sample.sigma
    lagged = {
        "volume": np.log(np.maximum(bars["volume"], 1e-12)),
        "range": np.log(np.maximum(np.log(bars["high"] / bars["low"]), 1e-6) / sigma),
    }
    common = [np.log(sigma), np.log(sample.open_interest), *(_before(column) for column in lagged.values())]
    reports = np.log1p(np.nan_to_num(sample.counts))
    per_day = max(1, round(24.0 / sample.hours))
    sides = []
    for s in range(2):
        sums = np.concatenate([[0.0], np.cumsum(reports[:, s])])
        end = np.arange(len(reports))
        day = (sums[end] - sums[np.maximum(end - per_day, 0)]) / per_day
        sides.append(np.column_stack([*common, _before(reports[:, s]), day]))
    return np.stack(sides, axis=1)


def expected_touch(sample: Sample, by_distance: Profile) -> Floats:
    """The map's expected forced closes of the next interval: mass times the chance that price gets there: (bars, 2)."""
    bins = by_distance.mass.shape[2]
    distance = (np.arange(bins) + 0.5) * by_distance.height
    out = np.zeros(by_distance.mass.shape[:2])
    for t, sigma in enumerate(sample.sigma.tolist()):
        out[t] = by_distance.mass[t] @ touch_probability(distance / sigma, 1.0, YEAR)
    return out


def _before(values: Floats) -> Floats:
    return np.concatenate([values[:1], values[:-1]])
