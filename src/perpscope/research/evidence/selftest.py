"""Does the pipeline refuse nothing and find something: null prices and null signals in, planted edges in, verdicts out.

`python -m perpscope.research.evidence.selftest` runs it in full; a short form runs in the tests.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.core.time import HOUR, parse_ts
from perpscope.research.event_study import Events, Prepared, PricePath, Settings, study_events
from perpscope.research.event_study.study import Cell
from perpscope.research.evidence.controls import shifted, shuffled_signs
from perpscope.stats.interval import Estimate, binomial_band, proportion

Floats = npt.NDArray[np.float64]

BARS, EVENTS, HORIZON = 6_000, 250, "4h"
QUICK = Settings(controls=20, least_controls=5, replications=400, placebo_draws=0)
LOW, HIGH = 0.02, 0.08
PLANTED_EVENTS, PLANTED_BPS, SMALL_BPS, COST_BPS = 2_000, 8.0, 1.0, 12.0
PLANTED_SETTINGS = Settings(controls=20, least_controls=5, replications=1_000, placebo_draws=0)


def garch_path(rng: np.random.Generator, n: int = BARS, *, bps: float = 50.0, symbol: str = "NULL") -> PricePath:
    """Prices without any memory of direction: GARCH(1,1) volatility, Student t (5) moves, volume that follows volatility."""
    shocks = rng.standard_t(5.0, n) / np.sqrt(5.0 / 3.0)
    variance, moves = 1.0, np.empty(n)
    for i in range(n):
        moves[i] = np.sqrt(variance) * shocks[i]
        variance = 0.05 + 0.08 * min(moves[i] ** 2, 25.0) + 0.87 * variance
    return made_path(moves * bps * 1e-4, rng, symbol)


def phase_randomised(path: PricePath, rng: np.random.Generator) -> PricePath:
    """Prices whose returns keep their spectrum and lose everything else: the Fourier phases are drawn anew.

    Source: Theiler et al. 1992.
    """
    moves = np.diff(np.log(path.close), prepend=np.log(path.close[0]))
    found = np.fft.rfft(moves)
    phases = np.exp(2j * np.pi * rng.random(len(found)))
    phases[0] = 1.0
    if len(moves) % 2 == 0:
        phases[-1] = 1.0
    return made_path(np.fft.irfft(found * phases, len(moves)), rng, path.symbol)


def made_path(moves: Floats, rng: np.random.Generator, symbol: str) -> PricePath:
    """Hourly bars around given log returns."""
    n = len(moves)
    close = 100.0 * np.exp(np.cumsum(moves))
    before = np.concatenate([[100.0], close[:-1]])
    wick = 1.0 + np.abs(rng.standard_normal((2, n))) * np.abs(moves).mean() * 0.5
    known = parse_ts("2023-01-02") + HOUR * np.arange(1, n + 1)
    size = np.abs(moves) / np.abs(moves).mean()
    volume = rng.gamma(4.0, 0.25, n) * (0.5 + size)
    high, low = np.maximum(before, close) * wick[0], np.minimum(before, close) / wick[1]
    return PricePath(symbol, HOUR, known, high, low, close, volume, np.full(n, np.nan))


def random_events(path: PricePath, count: int, rng: np.random.Generator) -> Events:
    """Random entries: any bar, any side."""
    at = np.sort(rng.choice(np.arange(100, len(path) - 100), count, replace=False)).astype(np.int64)
    return Events(at, rng.choice([-1.0, 1.0], count))


def breakout_events(path: PricePath) -> Events:
    """What price itself decides: the first close beyond the extremes of the 20 bars before, in its direction.

    The hardest null: an event study that chooses its controls by what came after them fails here and nowhere else.
    """
    n, back = len(path), 20
    view = np.lib.stride_tricks.sliding_window_view(path.close, back)[: n - back]
    above, below = path.close[back:] > view.max(axis=1), path.close[back:] < view.min(axis=1)
    state = above * 1.0 - below * 1.0
    begun = np.flatnonzero((state != 0.0) & (state != np.concatenate([[0.0], state[:-1]])))
    return Events((begun + back).astype(np.int64), state[begun])


def direction(path: PricePath, events: Events, seed: int, settings: Settings = QUICK) -> Cell:
    """The matched effect at the self-test's horizon."""
    found = study_events([Prepared(path)], [events], seed=seed, targets=["return_bps"], horizons=[HORIZON], settings=settings)
    return found.cells[0]


def planted(path: PricePath, events: Events, bps: float, bars: int) -> PricePath:
    """The path with a drift of `bps` in the direction of each event, spread over the `bars` bars after it."""
    drift = np.zeros(len(path) + bars + 1)
    for k in range(1, bars + 1):
        np.add.at(drift, events.at + k, events.sign * bps * 1e-4 / bars)
    factor = np.exp(np.cumsum(drift[: len(path)]))
    return replace(path, close=path.close * factor, high=path.high * factor, low=path.low * factor)


def random_filter(results: npt.ArrayLike, kept: npt.ArrayLike, rng: np.random.Generator, draws: int = 1_000) -> float:
    """Share of random filters of equal retention that do at least as well: p-value of "this filter only removes trades".

    Args:
        results: of all trades; kept: bool, which of them the filter lets through.
    Raises:
        UserError: if the lengths differ, or the filter keeps nothing.

    Example:
        >>> random_filter([1.0, -1.0] * 50, [True, False] * 50, np.random.default_rng(0)) < 0.01
        True
    """
    x, mask = np.asarray(results, np.float64), np.asarray(kept, np.bool_)
    if x.shape != mask.shape or not mask.any():
        raise UserError("A filter needs one answer per trade, and must keep at least one.")
    observed, count = float(x[mask].mean()), int(mask.sum())
    as_good = 1
    for _ in range(draws):
        as_good += float(rng.permutation(x)[:count].mean()) >= observed
    return as_good / (draws + 1)


@dataclass(frozen=True)
class Outcome:
    """One question of the self-test: the share of runs, what it should be, and whether it is."""

    question: str
    share: Estimate
    wanted: str
    passed: bool


def _null(make: Callable[[np.random.Generator], tuple[PricePath, Events]], runs: int, seed: int) -> int:
    found = 0
    for run in range(runs):
        rng = np.random.default_rng([seed, run])
        path, events = make(rng)
        found += direction(path, events, run).effect.excludes(0.0)
    return found


def _random_entry(rng: np.random.Generator) -> tuple[PricePath, Events]:
    path = garch_path(rng)
    return path, random_events(path, EVENTS, rng)


def _breakouts(rng: np.random.Generator) -> tuple[PricePath, Events]:
    path = garch_path(rng)
    return path, breakout_events(path)


def _phases(rng: np.random.Generator) -> tuple[PricePath, Events]:
    # random entries, not breakouts: the sample autocorrelation of fat-tailed returns survives in the spectrum, where a
    # breakout may rightly find it
    path = phase_randomised(garch_path(rng), rng)
    return path, random_events(path, EVENTS, rng)


def _shifted(rng: np.random.Generator) -> tuple[PricePath, Events]:
    path = garch_path(rng)
    events = random_events(path, EVENTS, rng)
    lifted = planted(path, events, 60.0, 4)
    return lifted, shifted(events, 5 * 24 + 7, len(path))


def _filtered(rng: np.random.Generator) -> bool:
    results = rng.standard_t(4.0, 400) * 60.0 + 5.0
    return random_filter(results, rng.random(400) < 0.5, rng, 200) < 0.05


def _shuffled(rng: np.random.Generator, seed: int) -> bool:
    path = garch_path(rng)
    cell = direction(path, random_events(path, EVENTS, rng), seed)
    return shuffled_signs(cell.differences, rng, 200) < 0.05


def selftest(runs: int, seed: int) -> Iterator[Outcome]:
    """Every negative control and both planted edges.

    Definition: at a nominal 5%, between 2% and 8% of null results may be called an effect (for few runs: or inside the 99%
    band of a correct test). The planted +8 bps over 4 h must be found in at least 80% of runs; +1 bp must never
    survive a cost of 12.
    """
    nulls = {
        "random entries on GARCH prices": _random_entry,
        "breakouts on GARCH prices": _breakouts,
        "random entries on phase-randomised prices": _phases,
        "a planted signal moved by five days": _shifted,
    }
    for number, (question, make) in enumerate(nulls.items()):
        yield _nominal(question, _null(make, runs, seed + number), runs)
    yield _nominal("signs shuffled", sum(_shuffled(np.random.default_rng([seed, 91, r]), r) for r in range(runs)), runs)
    yield _nominal("a random filter", sum(_filtered(np.random.default_rng([seed, 92, r])) for r in range(runs)), runs)
    found = lost = mirrored = 0
    tries = max(5, runs // 20)
    for run in range(tries):
        rng = np.random.default_rng([seed, 93, run])
        path = garch_path(rng, 30_000, bps=30.0)
        events = random_events(path, PLANTED_EVENTS, rng)
        large = direction(planted(path, events, PLANTED_BPS, 4), events, run, PLANTED_SETTINGS).effect
        small = direction(planted(path, events, SMALL_BPS, 4), events, run, PLANTED_SETTINGS).effect
        flipped = Events(events.at, -events.sign)
        back = direction(planted(path, events, PLANTED_BPS, 4), flipped, run, PLANTED_SETTINGS).effect
        found += large.low > 0.0
        lost += small.low > COST_BPS
        mirrored += abs(back.value + large.value) < 1e-9
    yield Outcome(f"+{PLANTED_BPS:g} bps over 4 h, found", proportion(found, tries), "at least 80%", found >= 0.8 * tries)
    yield Outcome(f"+{SMALL_BPS:g} bp, passed after cost", proportion(lost, tries), "never", lost == 0)
    yield Outcome("sign flipped, mirror image", proportion(mirrored, tries), "always", mirrored == tries)


def _nominal(question: str, found: int, runs: int) -> Outcome:
    low, high = binomial_band(runs, 0.05, 0.99)
    passed = LOW <= found / runs <= HIGH or (runs < 300 and low <= found <= high)
    return Outcome(question, proportion(found, runs), "2% to 8% at 5%", passed)


def main() -> int:
    """Run it in full and print a table; 0 when everything passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=400, help="null runs per control")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    failed = 0
    for outcome in selftest(given.runs, given.seed):
        e = outcome.share
        words = f"{100 * e.value:5.1f}% [{100 * e.low:.1f}, {100 * e.high:.1f}] of {e.n}"
        print(f"{outcome.question:42s} {words:32s} {outcome.wanted:16s} {'MET' if outcome.passed else 'MISSED'}", flush=True)
        failed += not outcome.passed
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
