"""T1 and T2: if price goes there, how much dies - and does the map know it better than the path alone?"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from perpscope.core.events import LIQUIDATION_TOTALS
from perpscope.numeric.jit import njit
from perpscope.research.calibration.prior import prior_of_opens
from perpscope.research.skill import baselines, peers
from perpscope.research.skill.conditions import of_the_bar, path_conditions, regression
from perpscope.research.skill.judge import Bench, Judged
from perpscope.research.skill.maps import (
    LearnedMap,
    geometry_tables,
    interest_only,
    learned_map,
    random_aggressor_tables,
)
from perpscope.research.skill.profile import Profile, profile
from perpscope.research.skill.sample import Sample

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Predictor:
    """Something that says how much each bar and side should break. `amount`: expected quantity where it has a level, else
    None; `condition`: what the regressions are given, (bars, 2) or (bars, 2, k)."""

    name: str
    condition: Floats
    amount: Floats | None = None


@dataclass(frozen=True, eq=False)
class Scored:
    """A predictor judged alone and on top of the regression."""

    predictor: Predictor
    alone: Judged
    added: Judged


@dataclass(frozen=True, eq=False)
class PathScores:
    """Everything judged on one path.

    Attributes:
        path: time frame of the bars that the maps saw.
        conditions: the regression without any map: on the interval's own path, and with the fine path's conditions.
        base: the regression judged alone; `geometry_base`: with the geometry placebo.
        full: regression, geometry and map together.
        informed: the map with nothing but the bar's own range, volume and return: what the regression knows beside it.
        scored: the map, its variants, baselines, peers and placebos by name.
        map: the learned map; geometry: its placebo.
    """

    path: str
    conditions: Floats
    base: Judged
    geometry_base: Judged
    full: Judged
    informed: Judged
    scored: dict[str, Scored]
    map: LearnedMap
    geometry: LearnedMap


MAP, PRIOR_MAP, LADDER_MAP = "map, learned mix", "map, prior mix", "map, fixed ladder"
GEOMETRY = "G geometry placebo"
INTEREST_ONLY = "map of open interest changes only (phi = 0)"
FAST_CLOSING = "map, high leverage closes faster (tilt 1)"
YOUNG, DAY, OLD = "map, opened < 3 h ago", "map, opened 3 .. 24 h ago", "map, opened > 24 h ago"


def score_path(bench: Bench, path: str) -> PathScores:
    """Judge maps, baselines, peers and placebos on one path of a sample."""
    sample, settings = bench.sample, bench.sample.protocol.settings
    study = sample.study.on_path(path)
    coarse = path == study.interval
    conditions = regression(sample)
    if not coarse:
        conditions = np.concatenate([conditions, path_conditions(sample)], axis=-1)
    learned = learned_map(sample, settings, path)
    geometry = learned_map(sample, settings, path, geometry_tables(study))
    predictors = [
        _of(sample, MAP, learned.expected()),
        _of(sample, PRIOR_MAP, learned.swept.mixed(prior_of_opens(settings.hazard_tilt)[1:])),
        _of(sample, LADDER_MAP, learned.swept.mixed(sample.protocol.ladder_mix[1:])),
        *(_of(sample, name, learned.expected(age)) for age, name in enumerate((YOUNG, DAY, OLD))),
        _of(sample, GEOMETRY, geometry.expected()),
        _of(sample, INTEREST_ONLY, learned_map(sample, interest_only(settings), path).expected()),
        _of(sample, FAST_CLOSING, learned_map(sample, replace(settings, hazard_tilt=1.0), path).expected()),
        *_simple(sample, path),
        *_placebos(sample, path, learned, bench.blocks.rng),
    ]
    scored = {p.name: Scored(p, bench.judge(p.condition), bench.judge(conditions, p.condition)) for p in predictors}
    ours, placebo = scored[MAP].predictor.condition, scored[GEOMETRY].predictor.condition
    return PathScores(
        path=path,
        conditions=conditions,
        base=bench.judge(conditions),
        geometry_base=scored[GEOMETRY].added,
        full=bench.judge(conditions, placebo, ours),
        informed=bench.judge(ours, of_the_bar(conditions)),
        scored=scored,
        map=learned,
        geometry=geometry,
    )


def published_profile(sample: Sample, learned: LearnedMap) -> Profile:
    """The map by distance before each bar, with the mixes then known."""
    p = sample.protocol
    weights = learned.weights_at(sample.ref)
    return profile(sample.study, p.settings, weights, p.profile.bin_bps * 1e-4, p.profile.bins)


def _of(sample: Sample, name: str, amount: Floats) -> Predictor:
    return Predictor(name, sample.log(amount), amount)


def _simple(sample: Sample, path: str) -> list[Predictor]:
    """B0 to B6 and B8; on a finer path those that have one."""
    if path == sample.study.interval:
        amounts = {
            "B0 swept length": baselines.swept_length(sample),
            "B2 ladder off price": baselines.ladder_off_price(sample),
            "B3 volume profile shifted by ladder": baselines.shifted_volume(sample),
            "B4 past liquidations": baselines.past_liquidations(sample),
            "B5 peer: OI change, candle side (base)": peers.consumed_interest(sample, in_dollars=False),
            "B5 peer: OI change, candle side (USD)": peers.consumed_interest(sample, in_dollars=True),
            "B6 peer: turnover ladder with half-lives": peers.seeded_turnover(sample),
            "B8 nearest levels": baselines.nearest_levels(sample),
        }
        plain = [Predictor(name, sample.log(amount), None) for name, amount in amounts.items()]
        return [Predictor("B1 depth below extremes", baselines.new_depths(sample)), *plain]
    study = sample.study
    empty = LIQUIDATION_TOTALS.empty()
    fine = Sample(replace(study, interval=study.fine, path=study.fine, totals=empty), sample.protocol)
    at = np.searchsorted(sample.ref, fine.ref, side="right") - 1
    amounts = {
        "B0 swept length": baselines.swept_length(fine),
        "B3 volume profile shifted by ladder": baselines.shifted_volume(fine),
        "B5 peer: OI change, candle side (base)": peers.consumed_interest(fine, in_dollars=False),
        "B6 peer: turnover ladder with half-lives": peers.seeded_turnover(fine),
    }
    return [Predictor(name, sample.log(summed(amount, at, len(sample.ref)))) for name, amount in amounts.items()]


def _placebos(sample: Sample, path: str, learned: LearnedMap, rng: np.random.Generator) -> list[Predictor]:
    """The map with buyers and sellers exchanged, where they are known; on the interval's path also mirrored and shifted."""
    settings, study = sample.protocol.settings, sample.study.on_path(path)
    found = []
    if np.isfinite(study.tables[f"bars@{path}"]["buy_volume"]).any():
        swapped = learned_map(sample, settings, path, random_aggressor_tables(study, rng))
        found.append(_of(sample, "map, random aggressor", swapped.expected()))
    if path != sample.study.interval:
        return found
    by_distance = published_profile(sample, learned)
    mirrored = Profile(by_distance.mass[:, ::-1], by_distance.height)
    found.append(_of(sample, "map, mirrored about price", mirrored.crossed(sample.excursion)))
    per_day = max(1, round(24.0 / sample.hours))
    for days in sample.protocol.shift_days:
        moved = np.roll(by_distance.mass, days * per_day, axis=0)
        moved[: days * per_day] = 0.0
        found.append(_of(sample, f"map of {days} d before", Profile(moved, by_distance.height).crossed(sample.excursion)))
    return found


def foreign(sample: Sample, other: Sample, name: str) -> Predictor | None:
    """Another instrument's map at the same distance in volatilities; None if it does not cover the test weeks.

    The other map's own mix, learned on its own reports; amounts are scaled to this instrument's open interest.
    """
    place = np.searchsorted(other.ref, sample.ref)
    held = (place < len(other.ref)) & (other.ref[np.minimum(place, len(other.ref) - 1)] == sample.ref)
    judged = sample.test.any(axis=1)
    if not judged.any() or (held & judged).sum() < 0.9 * judged.sum():
        return None
    learned = learned_map(other, sample.protocol.settings, other.study.interval)
    theirs = published_profile(other, learned)
    at = np.where(held, np.minimum(place, len(other.ref) - 1), 0)
    scale = other.sigma[at] / sample.sigma
    mass = Profile(theirs.mass[at] * held[:, None, None], theirs.height)
    amount = mass.crossed(sample.excursion * scale[:, None]) * (sample.open_interest / other.open_interest[at])[:, None]
    return _of(sample, name, amount)


@njit
def summed(amount: Floats, at: npt.NDArray[np.int64], bars: int) -> Floats:
    """Amounts of fine bars added up by the bar they lie in; those before the first bar are left out.

    Example:
        >>> summed.python(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0, 0]), 2).tolist()
        [[4.0, 6.0], [0.0, 0.0]]
    """
    out = np.zeros((bars, amount.shape[1]))
    for t in range(at.size):
        if at[t] >= 0:
            for s in range(amount.shape[1]):
                out[at[t], s] += amount[t, s]
    return out
