"""Two public algorithms expressed anew, B5 and B6: what others draw, judged on the same rows.

They are described in LIQUIDATION section 9 and re-expressed here from those descriptions; no line of theirs is used.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perpscope.core.time import DAY
from perpscope.numeric.jit import njit
from perpscope.research.skill.levels import Deposits, crossed, fading
from perpscope.research.skill.sample import Sample

Floats = npt.NDArray[np.float64]

GPT_LADDER = {5.0: 0.15, 10.0: 0.30, 25.0: 0.25, 50.0: 0.20, 100.0: 0.10}
GPT_MAINTENANCE = 0.004
"""Divided by leverage there, which puts a 100x level 40 bp too far (LIQUIDATION 2.7)."""

LIQMAP_LADDER = {10.0: 0.35, 25.0: 0.30, 50.0: 0.20, 100.0: 0.15}
LIQMAP_HALF_LIFE_DAYS = {10.0: 5.0, 25.0: 2.0, 50.0: 1.0, 100.0: 0.5}
LIQMAP_ANCHORS = {"close": 0.45, "high": 0.275, "low": 0.275}
LIQMAP_CLAMP = 5.0


def consumed_interest(sample: Sample, in_dollars: bool) -> Floats:
    """B5, after gptprojectmanager/liquidations: rises of open interest become positions of the candle's colour.

    Definition: dO > 0 opens at the close, all longs if the candle rose (or did not move), else all shorts, on a fixed ladder
    5 to 100x; dO < 0 is taken from all levels pro rata; what a wick crosses is consumed. `in_dollars`: with the change of the
    dollar value, as published there, in which price alone makes positions.
    """
    bars = sample.study.bars
    held = sample.open_interest
    value = held * (bars["open"] if in_dollars else 1.0)
    change = np.diff(value, append=value[-1])
    rose = bars["close"] >= bars["open"]
    entry = np.log(bars["close"])
    price, amount = np.zeros((len(bars), 2, len(GPT_LADDER))), np.zeros((len(bars), 2, len(GPT_LADDER)))
    for k, (leverage, share) in enumerate(GPT_LADDER.items()):
        distance = (1.0 - GPT_MAINTENANCE) / leverage
        price[:, 0, k], price[:, 1, k] = entry + np.log1p(-distance), entry + np.log1p(distance)
        amount[:, 0, k] = np.where(rose, np.maximum(change, 0.0), 0.0) * share
        amount[:, 1, k] = np.where(rose, 0.0, np.maximum(change, 0.0)) * share
    crossed_ = crossed(bars, Deposits(price, amount, np.ones(len(bars)), np.maximum(-change, 0.0)), consume=True)
    return crossed_ / bars["open"][:, None] if in_dollars else crossed_


def seeded_turnover(sample: Sample) -> Floats:
    """B6, after bendizziesmith/liqmap: turnover seeds both sides on a ladder; levels fade by tier and wicks clear them.

    Definition: each candle lays its turnover, over the median of those before and at most five, at its close (45%), high and
    low (27.5% each), on 10/25/50/100x with distance 1/L and half-lives of 5, 2, 1 and half a day. There the median runs over
    the whole chart, future included; here over the past.
    """
    bars = sample.study.bars
    turnover = bars["volume"] * bars["close"]
    weight = np.minimum(turnover / np.maximum(running_median(turnover), 1e-12), LIQMAP_CLAMP)
    out = np.zeros((len(bars), 2))
    for leverage, share in LIQMAP_LADDER.items():
        price = np.zeros((len(bars), 2, len(LIQMAP_ANCHORS)))
        amount = np.zeros_like(price)
        for j, (anchor, part) in enumerate(LIQMAP_ANCHORS.items()):
            entry = np.log(bars[anchor])
            price[:, 0, j], price[:, 1, j] = entry + np.log1p(-1.0 / leverage), entry + np.log1p(1.0 / leverage)
            amount[:, :, j] = (weight * share * part)[:, None]
        fade = fading(len(bars), sample.hours, LIQMAP_HALF_LIFE_DAYS[leverage] * DAY / 3.6e12)
        out += crossed(bars, Deposits(price, amount, fade, np.zeros(len(bars))), consume=True)
    return out


@njit
def running_median(values: Floats) -> Floats:
    """The median of all values up to and including each one.

    Example:
        >>> running_median.python(np.array([3.0, 1.0, 2.0])).tolist()
        [3.0, 2.0, 2.0]
    """
    out = np.empty_like(values)
    ordered = np.empty_like(values)
    for t in range(values.size):
        at = t
        while at > 0 and ordered[at - 1] > values[t]:
            ordered[at] = ordered[at - 1]
            at -= 1
        ordered[at] = values[t]
        half = t // 2
        out[t] = ordered[half] if t % 2 == 0 else 0.5 * (ordered[half] + ordered[half + 1])
    return out
