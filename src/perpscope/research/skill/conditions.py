"""What is known of an interval without any position: the strong regression that a map must add to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perpscope.numeric.jit import njit
from perpscope.research.calibration.study import excursions
from perpscope.research.skill.sample import Sample

Floats = npt.NDArray[np.float64]

SHARP = 4.0
"""ln(1 + 4 x / sigma): distances are told apart from a quarter of a bar's volatility on."""

CONDITIONS = ("range", "open interest", "sigma", "volume change", "volume", "return", "excursion")
"""The columns of the regression, in order; then the depths of new extremes."""

OF_THE_BAR = ("range", "volume change", "volume", "return")
"""What the regression knows of the judged bar itself, besides how far it went against the side."""


def regression(sample: Sample) -> Floats:
    """Range, return, excursion, open interest, volatility, volume and depths of new extremes: float64 (bars, 2, k).

    Definition: per side (mirrored for shorts) ln(range/sigma), return/sigma, ln(1 + 4 excursion/sigma), ln O, ln sigma,
    ln(V/V before), ln V, and ln(1 + 4 depth/sigma) of how far the bar went beyond the extreme of the last 3 to 168 hours. The
    bar's own range and volume are in it, because the question is what a map adds once the path is known.
    Source: LIQUIDATION section 11.
    """
    bars, sigma = sample.study.bars, sample.sigma
    low, high, close = np.log(bars["low"]), np.log(bars["high"]), np.log(bars["close"])
    moved = np.diff(close, prepend=np.log(bars["open"][0])) / sigma
    volume = np.maximum(bars["volume"], 1e-12)
    change = np.diff(np.log(volume), prepend=np.log(volume[0]))
    common = [np.log(np.maximum(high - low, 1e-6) / sigma), np.log(sample.open_interest), np.log(sigma), change, np.log(volume)]
    sides = []
    for s in range(2):
        excursion = np.log1p(SHARP * sample.excursion[:, s] / sigma)
        own = [*common, moved if s == 0 else -moved, excursion]
        own += [depths(sample, s, hours) for hours in sample.protocol.extremes_hours]
        sides.append(np.column_stack(own))
    return np.stack(sides, axis=1)


def of_the_bar(conditions: Floats) -> Floats:
    """The bar's own range, volume and return out of the regression's columns."""
    return conditions[..., [CONDITIONS.index(name) for name in OF_THE_BAR]]


def depths(sample: Sample, side: int, hours: float) -> Floats:
    """ln(1 + 4 depth / sigma): how far each bar went beyond the extreme of the hours before."""
    bars = sample.study.bars
    reach = -np.log(bars["low"]) if side == 0 else np.log(bars["high"])
    window = max(1, round(hours / sample.hours))
    beyond = np.maximum(reach - trailing_maximum(reach, window), 0.0)
    return np.log1p(SHARP * beyond / sample.sigma)


def path_conditions(sample: Sample) -> Floats:
    """The same path seen through the study's finest bars: float64 (bars, 2, 4).

    Definition: per side and interval, over the fine bars in it: summed excursions, summed new depth below the extreme of
    the hour before, the largest excursion, and the root of summed squared returns; each ln(1 + 4 x / sigma). It is what the
    fine path says without any position, so a map on that path must add to it.
    """
    study = sample.study
    fine = study.tables[f"bars@{study.fine}"]
    went = excursions(fine)
    low, high = -np.log(fine["low"]), np.log(fine["high"])
    per_hour = max(1, round(3.6e12 / float(np.median(fine["known_ts"] - fine["ref_ts"]))))
    at = np.searchsorted(sample.ref, fine["ref_ts"], side="right") - 1
    inside = (at >= 0) & (fine["ref_ts"] < study.bars["known_ts"][np.maximum(at, 0)])
    n = len(sample.ref)
    steps = np.diff(np.log(fine["close"]), prepend=np.log(fine["open"][0])) ** 2
    turmoil = np.sqrt(np.bincount(at[inside], weights=steps[inside], minlength=n))
    sides = []
    for s, reach in enumerate((low, high)):
        depth = np.maximum(reach - trailing_maximum(reach, per_hour), 0.0)
        largest = np.zeros(n)
        np.maximum.at(largest, at[inside], went[inside, s])
        sums = [np.bincount(at[inside], weights=values[inside], minlength=n) for values in (went[:, s], depth)]
        columns = [*sums, largest, turmoil]
        sides.append(np.column_stack([np.log1p(SHARP * column / sample.sigma) for column in columns]))
    return np.stack(sides, axis=1)


@njit
def trailing_maximum(values: Floats, window: int) -> Floats:
    """The largest of the `window` values before each one; the first has itself.

    Example:
        >>> trailing_maximum.python(np.array([1.0, 5.0, 2.0, 3.0]), 2).tolist()
        [1.0, 1.0, 5.0, 5.0]
    """
    out = np.empty_like(values)
    for t in range(values.size):
        best = values[0] if t == 0 else values[t - 1]
        for u in range(max(0, t - window), t):
            best = max(best, values[u])
        out[t] = best
    return out
