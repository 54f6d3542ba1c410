"""How well mixes predict reports that they have not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.core.time import DAY, WEEK
from perpscope.research.calibration.cells import Cells
from perpscope.research.calibration.forgetting import HALF_LIFE_DAYS, walk_forward_fits
from perpscope.research.calibration.mlem import MixFit, MixOptions
from perpscope.research.calibration.study import FEWEST_DAYS
from perpscope.stats.deviance import fit_dispersion, negative_binomial_log_score

Floats = npt.NDArray[np.float64]


ROBUST_SHARE = 0.02
"""Weight of the constant model in every score."""


@dataclass(frozen=True, eq=False)
class OutOfSample:
    """Scores on weeks that the mixes had not seen.

    Attributes:
        scores: float64 (cells,), log probability of each report, nats; more is better.
        predicted, realised: float64 (cells,), quantities.
        day: int64 (cells,), for the day-block intervals.
    """

    scores: Floats
    predicted: Floats
    realised: Floats
    day: npt.NDArray[np.int64]

    @property
    def deviance(self) -> float:
        """-2 x the mean score: what the parameter search minimises."""
        return float(-2.0 * self.scores.mean())


def weekly_edges(start: int, end: int) -> list[int]:
    """Beginnings of the test weeks, and the end of the last: the first after 40% of the stretch, two weeks at least.

    Example:
        >>> [edge // DAY for edge in weekly_edges(0, 30 * DAY)]
        [14, 21, 28, 30]
    """
    first = start + max(FEWEST_DAYS * DAY, int(0.4 * (end - start)) // DAY * DAY)
    return [*range(first, end, WEEK), end]


def out_of_sample(
    cells: Cells,
    prior: npt.ArrayLike,
    edges: Sequence[int],
    options: MixOptions | None = None,
    half_life_days: float = HALF_LIFE_DAYS,
) -> OutOfSample:
    """Fit before each week, predict the week, score it.

    Raises:
        UserError: if nothing was swept or reported before the first edge.
    """
    fits = walk_forward_fits(cells, prior, edges[:-1], options, half_life_days)
    parts = []
    for fit, begin, end in zip(fits, edges[:-1], edges[1:]):
        known, week = cells.select(cells.window_ts < begin).believed(), cells.between(begin, end)
        parts.append((score_cells(fit, known, week), fit.shown(week), week.realised, week.day[week.window_of]))
    scores, predicted, realised, day = (np.concatenate(p) for p in zip(*parts))
    return OutOfSample(scores, predicted, realised, day)


def score_cells(fit: MixFit, known: Cells, judged: Cells) -> Floats:
    """Log score of each cell in effective events: 98% negative binomial around the fit, 2% around the side's mean, both with
    the dispersion of the cells known before.

    The second part keeps one mis-stamped hour of the source from deciding: without it a single report of 115 BTC in an hour
    that moved 10 bps outweighed three weeks.
    """
    u0 = judged.event_quantity
    shown = np.maximum(fit.shown(judged) / u0, _floor(known))
    sides = [known.realised[known.side == s] / u0 for s in range(2)]
    usual = np.array([max(float(side.mean()), _floor(known)) if len(side) else _floor(known) for side in sides])
    around = [fit_dispersion(side, np.full(len(side), mean)) if len(side) else 1.0 for side, mean in zip(sides, usual)]
    counts = judged.realised / u0
    ours = negative_binomial_log_score(counts, shown, score_dispersion(fit, known))
    plain = np.empty_like(ours)
    for s in range(2):
        mine = judged.side == s
        plain[mine] = negative_binomial_log_score(counts[mine], np.full(int(mine.sum()), usual[s]), max(around[s], 1e-6))
    mixed: Floats = np.logaddexp(np.log1p(-ROBUST_SHARE) + ours, np.log(ROBUST_SHARE) + plain)
    return mixed


def score_dispersion(fit: MixFit, known: Cells) -> float:
    """The negative binomial dispersion of reports around a fit, in effective events."""
    u0 = known.event_quantity
    return fit_dispersion(known.realised / u0, np.maximum(fit.shown(known) / u0, _floor(known)))


def _floor(known: Cells) -> float:
    """A thousandth of the mean report: no prediction may call a report impossible."""
    return 1e-3 * max(float(known.realised.mean()), 1e-12) / known.event_quantity
