"""T4: among sweeps that went equally far, equally fast, did the denser zones break more?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.numeric.jit import njit
from perpscope.research.skill.blocks import DayBlocks
from perpscope.research.skill.sample import Sample
from perpscope.stats.calibration import equal_classes
from perpscope.stats.interval import Estimate

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Stratified:
    """`auc`: chance that of two sweeps of one stratum the one with the larger prediction broke more (0.5: no skill).
    `lift`: mean reported of the top tenth by prediction within strata, over the strata's mean (1: no skill)."""

    auc: Estimate
    lift: Estimate


def strata(sample: Sample) -> Integers:
    """The stratum of each (bar, side): side x decile of distance in sigmas x third of sweep speed; -1 where not judged.

    Speed is the bar's volume over its usual volume (the mean of the day before), the only clock inside a bar that hourly
    data have.
    """
    p = sample.protocol.strata
    out = np.full(sample.test.shape, -1, np.int64)
    volume = sample.study.bars["volume"]
    per_day = max(1, round(24.0 / sample.hours))
    usual = np.convolve(volume, np.ones(per_day) / per_day)[: len(volume)]
    speed = volume / np.maximum(np.concatenate([usual[:1], usual[:-1]]), 1e-12)
    for s in range(2):
        rows = np.flatnonzero(sample.test[:, s] & (sample.excursion[:, s] > 0.0))
        distance = sample.excursion[rows, s] / sample.sigma[rows]
        for d, far in enumerate(equal_classes(distance, p.distance)):
            for v, fast in enumerate(equal_classes(speed[rows[far]], p.speed)):
                out[rows[far[fast]], s] = (s * p.distance + d) * p.speed + v
    return out


def within_strata(sample: Sample, label: Integers, prediction: Floats, blocks: DayBlocks) -> Stratified:
    """AUC and lift of a prediction within strata, with day-block intervals."""
    rows, share = label >= 0, sample.protocol.strata.top_share
    day = np.broadcast_to(sample.day[:, None], rows.shape)[rows]
    columns = (label[rows].astype(np.float64), prediction[rows], sample.study.reported[rows])
    auc = blocks.statistic(concordance, *columns, day=day)

    def lifted(stratum: Floats, predicted: Floats, reported: Floats) -> float:
        return top_lift(stratum, predicted, reported, share)

    return Stratified(auc, blocks.statistic(lifted, *columns, day=day))


def concordance(stratum: Floats, predicted: Floats, reported: Floats) -> float:
    """Share of pairs of one stratum, with different reports, that the prediction orders right; ties count half.

    Example:
        >>> concordance(np.zeros(3), np.array([1.0, 2.0, 3.0]), np.array([1.0, 5.0, 4.0]))
        0.6666666666666666
    """
    order = np.argsort(stratum, kind="stable")
    right, pairs = _pairs(stratum[order], predicted[order], reported[order])
    return right / pairs if pairs else float("nan")


@njit
def _pairs(stratum: Floats, predicted: Floats, reported: Floats) -> tuple[float, float]:
    """Pairs ordered right (ties half) and all pairs with different reports, over rows sorted by stratum."""
    right, pairs = 0.0, 0.0
    begin = 0
    for i in range(stratum.size):
        if stratum[i] != stratum[begin]:
            begin = i
        for j in range(begin, i):
            if reported[i] == reported[j]:
                continue
            pairs += 1.0
            if predicted[i] == predicted[j]:
                right += 0.5
            elif (predicted[i] > predicted[j]) == (reported[i] > reported[j]):
                right += 1.0
    return right, pairs


def top_lift(stratum: Floats, predicted: Floats, reported: Floats, share: float) -> float:
    """Reported quantity of the top share by prediction within each stratum, over what as many average rows would have had.

    Example:
        >>> top_lift(np.zeros(4), np.array([4.0, 3.0, 2.0, 1.0]), np.array([6.0, 2.0, 0.0, 0.0]), 0.25)
        3.0
    """
    order = np.lexsort((-predicted, stratum))
    top, average = _tops(stratum[order], reported[order], share)
    return top / average if average > 0.0 else float("nan")


@njit
def _tops(stratum: Floats, reported: Floats, share: float) -> tuple[float, float]:
    """Reported quantity of the top rows of each stratum, and of as many average rows; rows sorted by stratum, best first."""
    top, average = 0.0, 0.0
    begin = 0
    for i in range(1, stratum.size + 1):
        if i == stratum.size or stratum[i] != stratum[begin]:
            many = max(1, round(share * (i - begin)))
            for j in range(begin, begin + many):
                top += reported[j]
            average += many * reported[begin:i].mean()
            begin = i
    return top, average
