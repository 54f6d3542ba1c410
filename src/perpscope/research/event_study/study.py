"""The event study: matched effect by horizon and outcome, its interval, and the band of random moments."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from perpscope.core.errors import UserError
from perpscope.core.time import DAY
from perpscope.research.event_study.matching import candidates, mean_of_controls, nearest_controls, thin
from perpscope.research.event_study.path import Prepared, PricePath
from perpscope.research.event_study.placebo import placebo_means
from perpscope.research.event_study.targets import TARGETS, horizon_bars
from perpscope.stats.clusters import cluster_mean
from perpscope.stats.interval import Estimate, absent
from perpscope.stats.matched import standardised_difference

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

CONDITIONS = ("return before", "distance to high", "distance to low", "range of the bar", "volatility", "volume")
LEAST_POOL = 5_000
"""Random moments that are matched for the band: as many as events, at least these, at most `Settings.pool`."""


@dataclass(frozen=True)
class Settings:
    """How a study is made. `controls` per event at most, `least_controls` at fewest; `pool` moments for the band."""

    controls: int = 20
    least_controls: int = 5
    replications: int = 2_000
    placebo_draws: int = 1_000
    pool: int = 20_000
    level: float = 0.95


@dataclass(frozen=True, eq=False)
class Events:
    """Events on a path: `at` int64 ascending bar numbers, distinct; `sign` float64, +1 long, -1 short, 0 no direction."""

    at: Integers
    sign: Floats

    def __len__(self) -> int:
        return len(self.at)


def events_at(path: PricePath, known_ts: npt.ArrayLike, sign: npt.ArrayLike) -> Events:
    """Put events on the bars of a path.

    Definition: an event belongs to the first bar that closes at or after its `known_ts`: its outcome begins at that close,
    which could have been traded. Events of one bar are added up and count once, with the sign of the sum; those before the
    path, after it, or inside a hole (more than one bar before the close that follows) are left out.

    Example:
        >>> n = np.arange(4.0)
        >>> path = PricePath("X", 10, np.array([10, 20, 30, 60]), n, n, n, n, n)
        >>> found = events_at(path, [5, 20, 20, 45, 99], [1, -1, -1, 1, 1])
        >>> found.at.tolist(), found.sign.tolist()
        ([0, 1], [1.0, -1.0])
    """
    stamp, signs = np.asarray(known_ts, np.int64), np.asarray(sign, np.float64)
    if stamp.shape != signs.shape:
        raise UserError(f"There are {len(stamp)} event times and {len(signs)} signs; give one sign per event.")
    bar = np.searchsorted(path.known_ts, stamp, side="left")
    inside = bar < len(path)
    inside &= path.known_ts[np.minimum(bar, len(path) - 1)] - stamp < path.step
    at, where = np.unique(bar[inside], return_inverse=True)
    return Events(at.astype(np.int64), np.sign(np.bincount(where, weights=signs[inside], minlength=len(at))))


@dataclass(frozen=True, eq=False)
class Differences:
    """Event minus controls, one row per matched event, in time order: what an effect is the mean of.

    `path` is the number of the path that the event is of, `sign` its side (1 for outcomes without direction).
    """

    path: Integers
    known_ts: Integers
    sign: Floats
    raw: Floats
    matched: Floats

    @staticmethod
    def joined(parts: Sequence[Differences]) -> Differences:
        """Those of several paths, ordered by time (ties: in the order given)."""
        stamp = np.concatenate([part.known_ts for part in parts])
        order = np.argsort(stamp, kind="stable")
        path, sign, raw, matched = (
            np.concatenate([getattr(part, name) for part in parts])[order] for name in ("path", "sign", "raw", "matched")
        )
        return Differences(path, stamp[order], sign, raw, matched)


@dataclass(frozen=True, eq=False)
class Cell:
    """One outcome at one horizon.

    Attributes:
        raw: mean outcome of the events as such; effect: mean of event minus its controls.
        p_value: one-sided, that the effect is not above 0 (normal, on the bootstrap's interval); NaN without an interval.
        given, kept: events before and after thinning; matched: those with enough controls: `effect.n`.
        clearance_bars: how long before a control no event lies, see `matching.candidates`.
        band: 2.5% and 97.5% of the same estimator on random moments; NaN where there was none.
        balance: standardised difference of each condition between events and controls (largest over the paths).
        differences: behind the effect.
    """

    target: str
    horizon: str
    raw: Estimate
    effect: Estimate
    p_value: float
    given: int
    kept: int
    clearance_bars: int
    band: tuple[float, float]
    balance: tuple[float, ...]
    differences: Differences


@dataclass(frozen=True, eq=False)
class EventStudy:
    """All cells of a study; paths are pooled, days are resampled together whatever the symbol."""

    cells: tuple[Cell, ...]
    events: int
    symbols: tuple[str, ...]

    def cell(self, target: str, horizon: str) -> Cell | None:
        """The cell of an outcome at a horizon; None where it was not measured."""
        return next((c for c in self.cells if (c.target, c.horizon) == (target, horizon)), None)


def study_events(
    prepared: Sequence[Prepared],
    events: Sequence[Events],
    *,
    seed: int,
    targets: Sequence[str] = tuple(TARGETS),
    horizons: Sequence[str] | None = None,
    settings: Settings = Settings(),
) -> EventStudy:
    """Measure what followed the events of one or several paths.

    Definition: per horizon h the events are thinned to one per h; each gets the K nearest moments of its own path in the
    same cell (`conditions`), with no event in the h before; the effect is the mean of (event - mean of its controls), returns
    in the direction of the event. Interval: stationary bootstrap over UTC days, block by Politis and White, at least a day.
    Band: the same estimator at random moments with the same number of events and signs.

    Args:
        prepared, events: one of each per path; all paths with bars of one length.
        seed: of everything that is drawn; the same seed gives the same digits.
    Raises:
        UserError: if a horizon is unknown or the paths have bars of different lengths.
    Source: EVIDENCE 5.1, 5.2 and 5.6. Ours: weekend instead of the hour of the week (on 1 h bars a cell of hour of the week
        holds 8 moments in three years); volatility buckets as fine as the path allows, volatility itself matched nearest; the
        range and volume of the event's own bar matched too, so that a factor that merely marks large and busy bars is
        compared with large and busy bars.
    """
    steps = {one.path.step for one in prepared}
    if len(steps) != 1 or len(prepared) != len(events):
        raise UserError("Pool paths with bars of one length, and give one set of events per path.")
    known = horizon_bars(steps.pop())
    wanted = list(known) if horizons is None else list(horizons)
    if missing := [name for name in wanted if name not in known]:
        raise UserError(f"The horizon {missing[0]} is not measured on these bars. Choose from: {', '.join(known)}.")
    cells: list[Cell] = []
    for number, name in enumerate(wanted):
        matched = [_match(one, these, known[name], settings, seed + number) for one, these in zip(prepared, events)]
        for place, target in enumerate(targets):
            rng = np.random.default_rng([seed, number, place])
            cells.append(_cell(target, name, known[name], prepared, matched, settings, rng))
    return EventStudy(tuple(cells), sum(map(len, events)), tuple(one.path.symbol for one in prepared))


@dataclass(frozen=True, eq=False)
class _Matched:
    """The controls of one path at one horizon, of its events and of random moments."""

    given: int
    at: Integers
    sign: Floats
    found: Integers
    count: Integers
    clearance: int
    pool: Integers
    pool_found: Integers
    pool_count: Integers


def _match(one: Prepared, events: Events, bars: int, settings: Settings, seed: int) -> _Matched:
    held = one.conditions(bars)
    usable = (held.cell >= 0) & np.isfinite(one.outcome("return_bps", bars))
    known = usable[events.at]
    kept = thin(events.at[known], bars)
    at, sign = events.at[known][kept], events.sign[known][kept]
    grid, clearance = candidates(events.at, usable, bars)
    found, count = nearest_controls(at, held, grid, bars, settings.controls)
    free = np.flatnonzero(grid)
    pool_size = min(settings.pool, max(len(at), LEAST_POOL))
    if settings.placebo_draws and len(at) and len(free) > pool_size:
        free = np.sort(np.random.default_rng([seed, len(free)]).choice(free, pool_size, replace=False))
    pool = free if settings.placebo_draws and len(at) else free[:0]
    pool_found, pool_count = nearest_controls(pool, held, grid, bars, settings.controls)
    return _Matched(len(events), at, sign, found, count, clearance, pool, pool_found, pool_count)


def _cell(
    target: str,
    name: str,
    bars: int,
    prepared: Sequence[Prepared],
    matched: Sequence[_Matched],
    settings: Settings,
    rng: np.random.Generator,
) -> Cell:
    parts, pools, signs, balance = [], [], [], np.zeros(len(CONDITIONS))
    for number, (one, m) in enumerate(zip(prepared, matched)):
        outcome = one.outcome(target, bars)
        signed = m.sign if target.startswith("return") else np.ones(len(m.sign))
        control = np.empty(len(m.at))
        mean_of_controls(outcome, m.found, m.count, settings.least_controls, control)
        raw = signed * outcome[m.at]
        difference = signed * (outcome[m.at] - control)
        good = np.isfinite(difference) & (signed != 0.0)
        whose = np.full(int(good.sum()), number, np.int64)
        parts.append(Differences(whose, one.path.known_ts[m.at[good]], signed[good], raw[good], difference[good]))
        random = np.empty(len(m.pool))
        mean_of_controls(outcome, m.pool_found, m.pool_count, settings.least_controls, random)
        random = outcome[m.pool] - random
        pools.append(random[np.isfinite(random)])
        signs.append(signed[good])
        if target == "return_bps":
            balance = np.fmax(balance, _imbalance(one, m, bars, good))
    pooled = Differences.joined(parts)
    days = pooled.known_ts // DAY
    effect = _mean(pooled.matched, days, settings, rng)
    raw_mean = _mean(pooled.raw, days, settings, rng)
    band = (math.nan, math.nan)
    if settings.placebo_draws and all(len(p) > 0 or len(s) == 0 for p, s in zip(pools, signs)) and len(days):
        drawn = placebo_means(pools, signs, settings.placebo_draws, rng)
        low, high = np.quantile(drawn, [0.025, 0.975])
        band = (float(low), float(high))
    return Cell(
        target,
        name,
        raw_mean,
        effect,
        one_sided_p(effect),
        sum(m.given for m in matched),
        sum(len(m.at) for m in matched),
        max((m.clearance for m in matched), default=0),
        band,
        tuple(balance.tolist()),
        pooled,
    )


def _mean(values: Floats, days: Integers, settings: Settings, rng: np.random.Generator) -> Estimate:
    if len(np.unique(days)) < 3:
        value = float(values.mean()) if len(values) else math.nan
        words = f"{len(values)} events on fewer than three days"
        return absent(words, level=settings.level, n=len(values), method="none", value=value)
    return cluster_mean(values, days, rng=rng, replications=settings.replications, block_length=None, level=settings.level)


def one_sided_p(effect: Estimate) -> float:
    """P-value of "the effect is not above 0": normal, with the standard error that the interval's width stands for.

    Example:
        >>> round(one_sided_p(Estimate(1.96, 0.0, 3.92, 0.95, 100, "t")), 3)
        0.025
    """
    if not effect.has_interval or not effect.high > effect.low:
        return math.nan
    error = (effect.high - effect.low) / (2.0 * float(special.ndtri(0.5 + effect.level / 2.0)))
    return float(special.ndtr(-effect.value / error))


def _imbalance(one: Prepared, m: _Matched, bars: int, good: npt.NDArray[np.bool_]) -> Floats:
    features = one.conditions(bars).features
    events, controls = features[m.at[good]], features[m.found[good][m.found[good] >= 0]]
    if len(events) < 2 or len(controls) < 2:
        return np.full(len(CONDITIONS), np.nan)
    return np.array([abs(standardised_difference(events[:, f], controls[:, f])) for f in range(len(CONDITIONS))])
