"""Volume at price of the day, beside the price it belongs to."""

from __future__ import annotations

from typing import Any

import numpy as np

from perpscope.market.composite import Composite
from perpscope.report import palette
from perpscope.report.panes.canvas import compact, draw_bars

FEWEST_PIXELS = 3


def draw_profile(axis: Any, profile: Composite, tick: float, height: float) -> None:
    """Bought and sold side by side from the left, pale outside the value area; bins too thin to see are joined."""
    low, high = axis.get_ylim()
    pool = max(1, int(np.ceil(FEWEST_PIXELS / (height * profile.bin_size / (high - low)))))
    n = -(-len(profile.volume) // pool)
    volume, bought = (_joined(v, n, pool) for v in (profile.volume, profile.buy_volume))
    bottom = profile.price_low[0] - 0.5 * tick + np.arange(n) * pool * profile.bin_size
    top = bottom + pool * profile.bin_size
    middle = (bottom + top) / 2
    shown = (top > low) & (bottom < high)
    inside = (middle >= profile.val) & (middle <= profile.vah)
    for mask, alpha in ((shown & inside, "d9"), (shown & ~inside, "59")):
        draw_bars(axis, 0.0, bought[mask], bottom[mask], top[mask], palette.BUY + alpha)
        draw_bars(axis, bought[mask], volume[mask], bottom[mask], top[mask], palette.SELL + alpha)
    axis.set_xlim(0, float(volume[shown].max(initial=1e-9)) * 1.08)
    axis.set_ylim(low, high)
    axis.xaxis.set_major_formatter(lambda value, _: compact(value))


def _joined(values: Any, n: int, pool: int) -> Any:
    padded = np.zeros(n * pool)
    padded[: len(values)] = values
    return padded.reshape(n, pool).sum(axis=1)
