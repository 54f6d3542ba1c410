"""T7: is the chance of touching a level honest?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.core.time import DAY, HOUR, YEAR
from perpscope.features.liquidation.touch import Excursions, touch_probability
from perpscope.research.skill.blocks import DayBlocks
from perpscope.research.skill.sample import Sample
from perpscope.stats.calibration import equal_classes, isotonic_parts
from perpscope.stats.interval import Estimate

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

CLASSES = 8


@dataclass(frozen=True)
class Touched:
    """One horizon. `brier`: mean squared error of the corrected chance; `skill`: share of the base rate's error it removes;
    `raw_bias`, `bias`: mean stated minus happened, by the reflection formula and after the correction; `miscalibration`: the
    part of the score that a re-mapping would remove. `curve`: stated, happened with interval, by class of stated chance.
    `starts`: how many; overlapping ones are drawn together."""

    hours: int
    brier: Estimate
    skill: Estimate
    raw_bias: Estimate
    bias: Estimate
    miscalibration: float
    curve: list[tuple[float, Estimate]]
    starts: int


def touches(sample: Sample, hours: int, blocks: DayBlocks) -> Touched | str:
    """Stated against happened for levels at fixed distances on both sides, over one horizon; or why it cannot be said.

    Definition: the map's own chances: the reflection principle with the volatility known at the start, corrected by the
    excursions of the trailing half year that were settled before the start's week (`features.liquidation.touch`). Levels lie at
    multiples of the usual sigma sqrt(h) of the weeks before the test; a start every bar, or every sixth of a longer horizon.
    Blocks are days, or the horizon where it is longer.
    """
    p, bars = sample.protocol.touch, sample.study.bars
    ahead = max(1, round(hours / sample.hours))
    high, low, close = bars["high"], bars["low"], bars["close"]
    after = np.append(sample.sigma[1:], sample.sigma[-1])  # known at each close
    at = np.arange(0, len(bars) - ahead, max(1, ahead // 6))
    at = at[bars["known_ts"][at + ahead] - bars["known_ts"][at] == ahead * round(sample.hours * HOUR)]
    begin = bars["known_ts"][at]
    usual = float(np.median(after[sample.study.counted & (sample.ref < sample.edges[0])])) * np.sqrt(ahead)
    window = np.lib.stride_tricks.sliding_window_view
    top = np.log(window(high[1:], ahead).max(axis=1)[at] / close[at])
    bottom = np.log(close[at] / window(low[1:], ahead).min(axis=1)[at])
    parts: dict[str, list[Floats]] = {"raw": [], "said": [], "happened": [], "begin": []}
    for start, end in zip(sample.edges[:-1], sample.edges[1:]):
        known = (bars["known_ts"] <= start) & (bars["known_ts"] > start - p.trailing_days * DAY)
        week = np.flatnonzero((begin >= start) & (begin < end))
        if known.sum() < ahead + 150 or not len(week):
            continue
        table = Excursions.measured(high[known], low[known], close[known], after[known], ahead)
        for multiple in p.sigmas:
            level = multiple * usual
            z = level / (after[at[week]] * np.sqrt(ahead))
            raw = touch_probability(z, 1.0, YEAR)  # the formula at sigma sqrt(h) = 1
            for went, up in ((top, True), (bottom, False)):
                parts["raw"].append(raw)
                parts["said"].append(table.probability(z, up=up))
                parts["happened"].append((went[week] >= level).astype(np.float64))
                parts["begin"].append(begin[week].astype(np.float64))
    if not parts["said"]:
        return f"{hours} h: no start with enough history before it."
    x, raw, y = (np.concatenate(parts[name]) for name in ("said", "raw", "happened"))
    block = (np.concatenate(parts["begin"]).astype(np.int64) - sample.edges[0]) // max(DAY, hours * HOUR)
    if len(np.unique(block)) < 3:
        return f"{hours} h: fewer than three independent stretches in the weeks judged."
    error, base = (x - y) ** 2, (y.mean() - y) ** 2
    curve = [(float(x[mine].mean()), blocks.mean(y[mine], block[mine])) for mine in equal_classes(x, CLASSES)]
    return Touched(
        hours, blocks.mean(error, block), blocks.ratio(base - error, base, block), blocks.mean(raw - y, block),
        blocks.mean(x - y, block), isotonic_parts(x, y).miscalibration, curve, len(x) // (2 * len(p.sigmas)),
    )  # fmt: skip
