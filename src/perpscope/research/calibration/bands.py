"""How sure the mix is: day-block bootstrap draws, in which what the data never touched spreads like the prior."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from perpscope.research.calibration.cells import Cells
from perpscope.research.calibration.mlem import MixFit, fit_mix
from perpscope.stats.clusters import Groups

Floats = npt.NDArray[np.float64]

REPLICATIONS = 200
_TOLERANCE = 1e-3
"""Gain of penalised likelihood per round at which a draw rests; a looser one makes bands too narrow."""


@dataclass(frozen=True, eq=False)
class MixDraws:
    """Mixes that the data might as well have given.

    Attributes:
        shares: float64 (draws, 1 + TIERS).
        fractions: float64 (draws, 2), kappa of longs and shorts.
        background: float64 (draws,), w_0.
        days: how many days were resampled.
    """

    shares: Floats
    fractions: Floats
    background: Floats
    days: int

    @property
    def weights(self) -> Floats:
        """w = kappa x pi: float64 (draws, 2, TIERS)."""
        return self.fractions[:, :, None] * self.shares[:, None, 1:]

    @property
    def mean_weights(self) -> Floats:
        """w of both sides averaged, with the share of never in front: float64 (draws, 1 + TIERS). Unlike pi and kappa
        each, which trade against each other, w is what the reports can tell."""
        return np.column_stack([self.shares[:, 0], self.weights.mean(axis=1)])

    def interval(self, level: float = 0.90) -> Floats:
        """Lower and upper end of `mean_weights`: float64 (1 + TIERS, 2)."""
        tail = 100.0 * (1.0 - level) / 2.0
        ends: Floats = np.percentile(self.mean_weights, [tail, 100.0 - tail], axis=0).T
        return ends


def bootstrap_mix(
    cells: Cells,
    fit: MixFit,
    rng: np.random.Generator,
    replications: int = REPLICATIONS,
    window_weight: Floats | None = None,
) -> MixDraws:
    """Fits on resampled days, each with a prior drawn anew.

    Definition: days are drawn with replacement and all windows of a day together; the prior of each draw comes from
    Dirichlet(nu pi0), so that a tier without events has the spread of the prior and not a point. The dispersion is kept.

    Raises:
        UserError: if there are fewer than three days.
    """
    groups = Groups(cells.day, cells.windows)
    base = np.ones(cells.windows) if window_weight is None else window_weight
    options = replace(fit.options, dispersion=fit.dispersion, tolerance=_TOLERANCE)
    positive = fit.prior > 0.0
    shares = np.empty((replications, len(fit.shares)))
    fractions, background = np.empty((replications, 2)), np.empty(replications)
    reports = cells.per_window(cells.realised)
    for r, drawn in enumerate(groups.weights(1.0, replications, rng)):
        prior = np.zeros_like(fit.prior)
        prior[positive] = rng.dirichlet(options.strength * fit.prior[positive] + 1e-9)
        weight = base * drawn
        if not (weight * reports).sum() > 0.0:  # days without any report: nothing but the prior speaks
            shares[r], fractions[r], background[r] = prior, fit.fractions, 0.0
            continue
        one = fit_mix(cells, prior, options, weight, begin=fit)
        shares[r], fractions[r], background[r] = one.shares, one.fractions, one.background
    return MixDraws(shares, fractions, background, groups.count)
