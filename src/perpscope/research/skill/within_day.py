"""T3 on totals: where in the day's path did it break? Information gain per liquidated dollar, free of any level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from perpscope.research.skill.judge import Bench, Judged
from perpscope.stats.interval import Estimate

Floats = npt.NDArray[np.float64]

UNIFORM_SHARE = 0.02
"""Of every day's expectation spread evenly, so that one mis-stamped hour cannot decide."""


def gains_within_day(bench: Bench, ours: Judged, others: Sequence[tuple[str, Judged]]) -> dict[str, Estimate]:
    """How many nats per liquidated dollar the map places a day's liquidations better than others, by name.

    Definition: the expectations of all judged intervals and sides of a day are scaled to sum to one (98%, with 2% spread
    evenly); the gain is the mean of ln(share of the map / share of the other) over the day's liquidated dollars (reported
    quantity x close); days are the blocks. The day's total and so every level drops out: it is the S-test of earthquake
    forecasts with intervals and sides in place of places.
    Source: pyCSEP theory (S-test, information gain per event); the use for totals: own.
    """
    rows = bench.sample.test
    day = bench.day(rows)
    close = np.broadcast_to(bench.sample.study.bars["close"][:, None], rows.shape)[rows]
    dollars = bench.sample.study.reported[rows] * close
    mine = np.log(_share(ours.predicted[rows], day))
    found = {}
    for name, other in others:
        gain = mine - np.log(_share(other.predicted[rows], day))
        found[name] = bench.blocks.ratio(dollars * gain, dollars, day)
    return found


def _share(expected: Floats, day: npt.NDArray[np.int64]) -> Floats:
    """Share of each row in its day's expectation, 2% of it spread evenly.

    Example:
        >>> _share(np.array([1.0, 3.0, 5.0]), np.array([0, 0, 1])).round(3).tolist()
        [0.255, 0.745, 1.0]
    """
    _, index = np.unique(day, return_inverse=True)
    total, rows = np.bincount(index, weights=expected), np.bincount(index)
    shares: Floats = (1.0 - UNIFORM_SHARE) * expected / np.maximum(total[index], 1e-300) + UNIFORM_SHARE / rows[index]
    return shares
