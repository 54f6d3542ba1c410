"""The lines of evidence of the first confluence, with equal weights and no claim: all are unproven.

Each function reads the rows of one feature and returns parts in -1..1, long positive, NaN where it says nothing.
"""

from __future__ import annotations

import numpy as np

from perpscope.core.table import Table
from perpscope.features.derivatives.positioning import Positioning
from perpscope.features.structure.average_stack import TrendState
from perpscope.setups.base import Factor, Floats

_CORNERS = {
    Positioning.LONG_BUILD: 1.0,
    Positioning.SHORT_COVER: 0.5,
    Positioning.SHORT_BUILD: -1.0,
    Positioning.LONG_UNWIND: -0.5,
}
_TRENDS = {TrendState.UP: 1.0, TrendState.DOWN: -1.0}
FLOW_FULL = 0.10
CROWDED = 0.90


def _coded(values: np.ndarray, meaning: dict[Positioning, float] | dict[TrendState, float]) -> Floats:
    out = np.zeros(len(values))
    for member, part in meaning.items():
        out[values == member] = part
    return out


def frames(rows: Table) -> Floats:
    """The score of `bias`."""
    return rows["score"]


def trend(rows: Table) -> Floats:
    """+1 in an up trend of the moving averages, -1 in a down trend."""
    return _coded(rows["trend_state"], _TRENDS)


def flow(rows: Table) -> Floats:
    """Delta as a share of volume; 10 % is a full point."""
    return np.clip(rows["delta_fraction"] / FLOW_FULL, -1.0, 1.0)


def positioning(rows: Table) -> Floats:
    """Build-ups a full point, covering and unwinding half; halved again where the aggressor disagrees."""
    known = np.where(rows["state"] == 0, np.nan, _coded(rows["state"], _CORNERS))
    return np.where(rows["absorbed"], 0.5 * known, known)


def funding(rows: Table) -> Floats:
    """Against the crowd, and only at its extremes: beyond the 90th and 10th percentile of 90 days."""
    p = rows["percentile"]
    return np.clip((1.0 - CROWDED - p) / (1.0 - CROWDED), 0.0, 1.0) - np.clip((p - CROWDED) / (1.0 - CROWDED), 0.0, 1.0)


def vwap(rows: Table) -> Floats:
    """Where the week's VWAP lies against the day's, in its own deviations: +1 when today pays 1 sigma more."""
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = (rows["day_vwap"] - rows["week_vwap"]) / rows["week_sigma"]
    return np.clip(np.where(np.isfinite(gap), gap, np.nan), -1.0, 1.0)


def value(rows: Table) -> Floats:
    """+1 when today's point of control lies above yesterday's value area, -1 below it."""
    above = rows["poc"] > rows["previous_vah"]
    below = rows["poc"] < rows["previous_val"]
    return np.where(np.isnan(rows["previous_poc"]), np.nan, above.astype(float) - below.astype(float))


FACTORS: tuple[Factor, ...] = (
    Factor(
        "frames",
        "Higher time frames",
        "bias",
        frames,
        "the time frames lean long",
        "the time frames lean short",
        "the time frames are split",
        pace="1h",
    ),
    Factor(
        "trend",
        "Moving averages",
        "average_stack",
        trend,
        "the averages are stacked upward",
        "the averages are stacked downward",
        "the averages lie in no order",
    ),
    Factor(
        "flow",
        "Aggressor flow",
        "delta",
        flow,
        "aggressive buyers push",
        "aggressive sellers push",
        "buyers and sellers are even",
    ),
    Factor(
        "positioning",
        "Price and open interest",
        "positioning",
        positioning,
        "longs open or shorts cover",
        "shorts open or longs unwind",
        "price and open interest say nothing",
    ),
    Factor(
        "funding",
        "Funding extreme",
        "funding_state",
        funding,
        "shorts are crowded and pay",
        "longs are crowded and pay",
        "funding is not extreme",
        pace="8h",
    ),
    Factor(
        "vwap",
        "VWAP",
        "anchored_vwap",
        vwap,
        "today trades above the week's average price",
        "today trades below the week's average price",
        "today trades at the week's average price",
    ),
    Factor(
        "value",
        "Value area",
        "volume_profile",
        value,
        "volume is accepted above yesterday's value",
        "volume is accepted below yesterday's value",
        "volume stays inside yesterday's value",
    ),
)
"""Every factor, in the order it is shown."""
