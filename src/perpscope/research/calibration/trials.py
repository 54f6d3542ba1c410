"""The parameters that events alone cannot tell: one after the other, by what they predict out of sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import ProgrammerError
from perpscope.core.time import DAY
from perpscope.research.calibration.cells import Cells
from perpscope.research.calibration.forgetting import HALF_LIFE_DAYS
from perpscope.research.calibration.mlem import MixOptions
from perpscope.research.calibration.prior import prior_of_opens
from perpscope.research.calibration.replay import FilterSettings, Swept, sweep
from perpscope.research.calibration.scores import OutOfSample, out_of_sample
from perpscope.research.calibration.study import FEWEST_DAYS, Study
from perpscope.stats.clusters import cluster_mean
from perpscope.stats.interval import Estimate

Floats = npt.NDArray[np.float64]

GRID: tuple[tuple[str, tuple[float, ...]], ...] = (
    ("flow_fraction", (0.1, 0.2, 0.35, 0.5, 1.0)),
    ("taker_weight", (0.5, 0.7, 0.9)),
    ("bin_bps", (2.5, 5.0, 10.0)),
    ("spread", (0.0, 0.5, 1.0)),
    ("half_life_days", (15.0, 45.0, 90.0)),
    ("strength", (50.0, 200.0, 500.0)),
    ("capacity_multiple", (1.05, 2.0, 5.0, np.inf)),
)
"""What is tried, in this order (LIQUIDATION 4.6, with phi = 1). Funding drift is not among it: the filter has none. Nor is
the closing tilt: at 1 it gains .01 to .02 nats, but books whose tiers close unequally cannot tell mass of 3 to 24 hours from
older, which matters more. A grid with "hazard_tilt" tries it."""


@dataclass(frozen=True)
class Chosen:
    """Everything a calibration chooses besides the mix itself."""

    settings: FilterSettings
    options: MixOptions
    half_life_days: float = HALF_LIFE_DAYS
    capacity_multiple: float = np.inf

    def prior(self, given: Sequence[float] | None) -> Sequence[float]:
        """The prior of opens: what was given, or what the shipped one means at this closing tilt."""
        return prior_of_opens(self.settings.hazard_tilt) if given is None else given

    def value(self, parameter: str) -> float:
        """The value of a parameter of `GRID`."""
        for holder in (self.settings, self.options, self):
            if hasattr(holder, parameter):
                return float(getattr(holder, parameter))
        raise ProgrammerError(f"No parameter of a calibration is called {parameter}.")

    def with_value(self, parameter: str, value: float) -> Chosen:
        """The same with one parameter changed."""
        changed: dict[str, Any] = {parameter: value}
        if hasattr(self.settings, parameter):
            return replace(self, settings=replace(self.settings, **changed))
        if hasattr(self.options, parameter):
            return replace(self, options=replace(self.options, **changed))
        return replace(self, **changed)


@dataclass(frozen=True)
class Trial:
    """One parameter value that was tried: its out-of-sample deviance per report, and its gain over the value in use
    before, nats per report with a day-block interval."""

    parameter: str
    value: float
    deviance: float
    gain: Estimate
    chosen: bool


@dataclass(frozen=True, eq=False)
class Search:
    """The outcome: what was chosen, every trial, and the sweeps and scores of the choice."""

    chosen: Chosen
    trials: tuple[Trial, ...]
    swept: Swept
    scored: OutOfSample
    cells: Cells


def search(
    study: Study,
    prior: Sequence[float] | None,
    begin: Chosen,
    edges: Sequence[int],
    rng: np.random.Generator,
    grid: Sequence[tuple[str, Sequence[float]]] = GRID,
    progress: Callable[[int, int], None] | None = None,
) -> Search:
    """Try the values of each parameter in turn, keeping the best so far.

    Args:
        prior: shares of opens; None: those that the shipped prior means at the closing tilt of each trial.

    Raises:
        UserError: if nothing was swept or reported before the first edge.
    """
    cache: dict[FilterSettings, Swept] = {}
    total, done = sum(len(values) for _, values in grid), 0

    def judged(one: Chosen) -> tuple[OutOfSample, Swept, Cells]:
        if one.settings not in cache:
            cache[one.settings] = sweep(study, one.settings)
        swept = cache[one.settings]
        cells = swept.cells(capacity_of(study, one.capacity_multiple))
        return out_of_sample(cells, one.prior(prior), edges, one.options, one.half_life_days), swept, cells

    chosen = begin
    best, swept, cells = judged(chosen)
    trials: list[Trial] = []
    for parameter, values in grid:
        if parameter == "capacity_multiple" and study.feed.complete:
            continue
        before, found = best, []
        for value in values:
            option = chosen.with_value(parameter, value)
            one = (best, swept, cells) if option == chosen else judged(option)
            gain = cluster_mean(one[0].scores - before.scores, before.day, rng=rng)
            found.append((option, one, gain))
            done += 1
            if progress:
                progress(done, total)
        deviances = [one[0].deviance for _, one, _ in found]
        at = int(np.argmin(deviances))
        for i, (option, one, gain) in enumerate(found):
            trials.append(Trial(parameter, option.value(parameter), one[0].deviance, gain, i == at))
        chosen, (best, swept, cells), _ = found[at]
    return Search(chosen, tuple(trials), swept, best, cells)


def capacity_of(study: Study, multiple: float) -> Floats:
    """The most each counted interval can show: a multiple of the largest total shown before it; unlimited in the first two
    weeks, when no total is known to be large: float64 (counted intervals,)."""
    known = np.nan_to_num(study.reported[study.counted].sum(axis=1))
    before = np.maximum.accumulate(np.concatenate([[0.0], known[:-1]]))
    late = study.bars["ref_ts"][study.counted] >= study.start + FEWEST_DAYS * DAY
    limited = late & (before > 0.0) & np.isfinite(multiple)
    limits: Floats = np.where(limited, before, np.inf)
    return np.where(limited, multiple * limits, np.inf) if limited.any() else limits
