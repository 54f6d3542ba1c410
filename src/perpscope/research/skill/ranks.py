"""Rank correlations of a prediction with what was reported, alone and at fixed conditions, with day-block intervals."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perpscope.research.skill.blocks import DayBlocks
from perpscope.research.skill.sample import Sample
from perpscope.stats.interval import Estimate
from perpscope.stats.rank import partial_rank_correlation, rank_correlation

Floats = npt.NDArray[np.float64]


def rank_skill(sample: Sample, side: int, prediction: Floats, controls: list[Floats], blocks: DayBlocks) -> Estimate:
    """Spearman correlation of a prediction with the reports of one side, given controls (none: plain).

    Args:
        prediction, controls: float64 (bars, 2), or (bars,) for what both sides share.
    """
    rows = sample.test[:, side]
    x, y = _of_side(prediction, side)[rows], sample.study.reported[rows, side]
    given = [_of_side(control, side)[rows] for control in controls]
    statistic = partial_rank_correlation if given else rank_correlation
    return blocks.statistic(statistic, x, y, *given, day=sample.day[rows])


def _of_side(values: Floats, side: int) -> Floats:
    return values if values.ndim == 1 else values[:, side]
