"""Intervals of everything that is measured here: days are drawn with replacement, all rows of a day together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.stats.clusters import cluster_bootstrap, cluster_mean, cluster_ratio
from perpscope.stats.interval import Estimate, absent

FEWEST_DAYS = 3
FEWEST_DAYS_WITH = 8


@dataclass(frozen=True)
class DayBlocks:
    """The day-block bootstrap with the protocol's number of draws and level; `rng` moves on with every use."""

    rng: np.random.Generator
    replications: int
    level: float

    def mean(self, values: npt.ArrayLike, day: npt.NDArray[np.int64]) -> Estimate:
        """The mean over rows; no interval on fewer than three days."""
        if len(np.unique(day)) < FEWEST_DAYS:
            return self.absent("fewer than three days", len(day))
        return cluster_mean(values, day, rng=self.rng, replications=self.replications, level=self.level)

    def ratio(self, top: npt.ArrayLike, bottom: npt.ArrayLike, day: npt.NDArray[np.int64]) -> Estimate:
        """The ratio of two sums; no interval on fewer than three days, or where the lower one is zero on all but a few: then
        draws without any are frequent, and their ratio means nothing."""
        above, below = np.asarray(top, np.float64), np.asarray(bottom, np.float64)
        if len(np.unique(day)) < FEWEST_DAYS:
            return self.absent("fewer than three days", len(day))
        if len(np.unique(day[below != 0.0])) < FEWEST_DAYS_WITH:
            value = float(above.sum() / below.sum()) if below.sum() != 0.0 else float("nan")
            return absent("too few days with any", level=self.level, n=len(day), method="day-block bootstrap", value=value)
        return cluster_ratio(above, below, day, rng=self.rng, replications=self.replications, level=self.level)

    def statistic(
        self, function: Callable[..., float], *columns: npt.NDArray[np.float64], day: npt.NDArray[np.int64]
    ) -> Estimate:
        """Any statistic of rows; no interval on fewer than three days."""
        if len(np.unique(day)) < FEWEST_DAYS:
            return self.absent("fewer than three days", len(day))
        return cluster_bootstrap(
            function, *columns, clusters=day, rng=self.rng, replications=self.replications, level=self.level
        )

    def absent(self, reason: str, n: int) -> Estimate:
        """A number that could not be measured, and why."""
        return absent(reason, level=self.level, n=n, method="day-block bootstrap")
