"""Weekly refits and their scores: the one way in which every model, baseline and placebo is judged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.research.skill.blocks import DayBlocks
from perpscope.research.skill.regression import fit_counts
from perpscope.research.skill.sample import Sample
from perpscope.stats.interval import Estimate

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Judged:
    """Out-of-sample scores of one model: float64 (bars, 2), NaN where nothing was judged.

    Attributes:
        plain: log probability of each report, nats.
        robust: the same under a mixture with 2% of the constant model, so that one mis-stamped bar cannot decide.
        predicted: expected quantity, base units.
        dispersion: of the last week's model.
    """

    plain: Floats
    robust: Floats
    predicted: Floats
    dispersion: float


class Bench:
    """Judges models on one sample; the constant-rate model is judged first, everything is compared on the same rows."""

    def __init__(self, sample: Sample, blocks: DayBlocks) -> None:
        self.sample, self.blocks = sample, blocks
        self.trials = 0
        self._side = np.broadcast_to(np.array([0.0, 1.0]), sample.known.shape)
        self.constant = self._walk(np.empty((*sample.known.shape, 0)), None)

    def judge(self, *conditions: Floats) -> Judged:
        """A model on these conditions, each (bars, 2) or (bars, 2, k), plus a constant for each side. One trial."""
        self.trials += 1
        stacked = np.concatenate([c[..., None] if c.ndim == 2 else c for c in conditions], axis=-1)
        return self._walk(stacked, self.constant.plain)

    def _walk(self, conditions: Floats, constant: Floats | None) -> Judged:
        sample, p = self.sample, self.sample.protocol
        everything = np.concatenate([self._side[..., None], conditions], axis=-1)
        plain, robust, predicted = (np.full(sample.known.shape, np.nan) for _ in range(3))
        dispersion = float("nan")
        for i in range(sample.weeks):
            week = sample.week(i)
            if not week.any():
                continue
            train = sample.train(sample.edges[i])
            model = fit_counts(sample.counts[train], everything[train], p.ridge, p.clip_quantile)
            plain[week] = model.score(sample.counts[week], everything[week])
            predicted[week] = model.mean(everything[week]) * sample.unit
            dispersion = model.dispersion
            if constant is None:
                robust[week] = plain[week]
            else:
                robust[week] = np.logaddexp(np.log1p(-p.robust_share) + plain[week], np.log(p.robust_share) + constant[week])
        return Judged(plain, robust, predicted, dispersion)

    def gain(self, model: Judged, base: Judged, rows: npt.NDArray[np.bool_] | None = None, plain: bool = False) -> Estimate:
        """How many nats per bar and side `model` is better than `base`, with a day-block interval."""
        chosen = self.sample.test if rows is None else self.sample.test & rows
        one, two = (model.plain, base.plain) if plain else (model.robust, base.robust)
        return self.blocks.mean((one - two)[chosen], self.day(chosen))

    def ratio(self, predicted: Floats, rows: npt.NDArray[np.bool_] | None = None) -> Estimate:
        """Predicted over reported quantity, with a day-block interval."""
        chosen = self.sample.test if rows is None else self.sample.test & rows
        return self.blocks.ratio(predicted[chosen], self.sample.study.reported[chosen], self.day(chosen))

    def day(self, rows: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """The day of each chosen row."""
        return np.broadcast_to(self.sample.day[:, None], rows.shape)[rows]


def p_value(estimate: Estimate) -> float:
    """Two-sided p-value of "zero": the normal tail at the distance of zero, measured by the interval's end on that side; 1
    where there is no interval.

    A bootstrap interval can be skewed, so the arm that points at zero is what counts. The two ends are all that is kept of the
    draws, which is enough for Holm's procedure.

    Example:
        >>> round(p_value(Estimate(1.96, 0.0, 9.0, 0.95, 100, "t")), 3)
        0.05
    """
    from scipy.special import ndtr, ndtri

    arm = estimate.value - estimate.low if estimate.value > 0.0 else estimate.high - estimate.value
    if not estimate.has_interval or not arm > 0.0:
        return 1.0
    return float(2.0 * ndtr(-abs(estimate.value) / arm * ndtri(0.5 + estimate.level / 2.0)))
