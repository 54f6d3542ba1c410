"""T5: does price go to where positions are? Barriers equally far up and down, and which is met first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.core.table import Table
from perpscope.numeric.asof import asof_values
from perpscope.numeric.jit import njit
from perpscope.research.skill.blocks import DayBlocks
from perpscope.research.skill.profile import Profile
from perpscope.research.skill.sample import Sample
from perpscope.stats.interval import Estimate

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

FEWEST_STARTS = 30


@dataclass(frozen=True)
class Magnet:
    """`pull`: how many log odds of meeting the upper barrier first come with one standard deviation of ln(mass above / mass
    below); 0 is no magnet. `share_up`: how often the upper one was first. `starts`, `undecided`: starts used and left out."""

    sigmas: float
    pull: Estimate
    share_up: float
    starts: int
    undecided: int


def magnet(sample: Sample, by_distance: Profile, sigmas: float, blocks: DayBlocks) -> Magnet:
    """First of two barriers at +-`sigmas` daily volatilities, against the map's mass around them.

    Definition: at every few hours of the test weeks, barriers at +-d; mass above and below within d(1 +- width); logit P(upper
    first) = a + b z(ln H+/H-) + momentum (the last day's return over its volatility) + funding. Starts where neither or both
    are met within the horizon in one bar are left out. Without a magnet b is 0, whatever the drift.
    """
    p, study = sample.protocol.magnet, sample.study
    bars = study.bars
    daily = sample.sigma * np.sqrt(24.0 / sample.hours)
    distance = sigmas * daily
    every, horizon = max(1, round(p.every_hours / sample.hours)), max(1, round(p.horizon_hours / sample.hours))
    inside = (sample.ref >= sample.edges[0]) & (sample.ref < sample.edges[-1])
    starts = np.flatnonzero(inside)[::every]
    starts = starts[starts + horizon <= len(bars)]
    mass = by_distance.between((1.0 - p.width) * distance, (1.0 + p.width) * distance)[starts]
    close = np.log(bars["close"])
    before = np.concatenate([close[:1], close[:-1]])
    first = first_hit(np.log(bars["high"]), np.log(bars["low"]), before, starts, distance, horizon)
    floor = 0.01 * max(float(mass.mean()), 1e-12)
    tilt = np.log((mass[:, 1] + floor) / (mass[:, 0] + floor))
    lag = max(1, round(24.0 / sample.hours))
    momentum = (before[starts] - before[np.maximum(starts - lag, 0)]) / daily[starts]
    used = first != 0
    spread = float(tilt[used].std())
    decided, left_out = int(used.sum()), int((~used).sum())
    if decided < FEWEST_STARTS or len(np.unique(first[used])) < 2 or spread <= 0.0:
        return Magnet(sigmas, blocks.absent(f"only {decided} decided starts", decided), float("nan"), decided, left_out)
    columns = [np.clip(tilt, -4.0, 4.0) / spread, momentum, _funding(study.tables.get("funding"), bars["ref_ts"][starts])]
    x = np.column_stack([np.ones(decided), *(c[used] for c in columns if np.ptp(c[used]) > 0.0)])
    y = (first[used] > 0).astype(np.float64)

    def pull(outcome: Floats, *conditions: Floats) -> float:
        return float(logistic(np.column_stack(conditions), outcome)[1])

    estimate = blocks.statistic(pull, y, *x.T, day=sample.day[starts][used])
    return Magnet(sigmas, estimate, float(y.mean()), decided, left_out)


def _funding(rates: Table | None, at: Integers) -> Floats:
    if rates is None or not len(rates):
        return np.zeros(len(at))
    return np.nan_to_num(asof_values(rates["exchange_ts"], rates["funding_rate"], at))


@njit
def first_hit(high: Floats, low: Floats, before: Floats, starts: Integers, distance: Floats, horizon: int) -> Integers:
    """+1 where the upper barrier is met first, -1 the lower, 0 where neither or both in one bar.

    Example:
        >>> first_hit.python(np.array([0.5, 2.0]), np.array([-0.5, 0.0]), np.zeros(2), np.array([0]), np.ones(2), 2).tolist()
        [1]
    """
    out = np.zeros(starts.size, np.int64)
    for i in range(starts.size):
        t = starts[i]
        for u in range(t, t + horizon):
            up, down = high[u] >= before[t] + distance[t], low[u] <= before[t] - distance[t]
            if up or down:
                if up != down:
                    out[i] = 1 if up else -1
                break
    return out


def logistic(x: Floats, y: Floats, ridge: float = 1e-3) -> Floats:
    """Logistic regression by Newton's method with a touch of ridge.

    Example:
        >>> x = np.column_stack([np.ones(4), [-1.0, -1.0, 1.0, 1.0]])
        >>> logistic(x, np.array([0.0, 1.0, 1.0, 1.0])).round(1).tolist()[1] > 0
        True
    """
    slope = np.zeros(x.shape[1])
    penalty = ridge * len(y) * np.eye(x.shape[1])
    for _ in range(25):
        chance = 1.0 / (1.0 + np.exp(-np.clip(x @ slope, -30.0, 30.0)))
        gradient = x.T @ (y - chance) - penalty @ slope
        information = (x * (chance * (1.0 - chance))[:, None]).T @ x + penalty
        step = np.linalg.solve(information, gradient)
        slope = slope + step
        if np.abs(step).max() < 1e-8:
            break
    return slope
