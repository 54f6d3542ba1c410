"""Volume at price of the window's finished days, on the price pane's own axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from perpscope.core.table import Table
from perpscope.report import palette
from perpscope.report.panes.canvas import compact, draw_bars, dress_side, nothing

_BINS = 150


def draw_profile(axis: Any, bins: Table | None, window_start: int, window_end: int, low: float, high: float, base: str) -> None:
    """Each day's bins spread over rows of equal height; a bin wider than a row fills all the rows it covers."""
    dress_side(axis, "Profile", base)
    if bins is None or not len(bins):
        nothing(axis, "no finished\nday")
        axis.set_xticks([])
        return
    used = bins[(bins["ref_ts"] >= window_start) & (bins["known_ts"] <= window_end)]
    if not len(used):
        nothing(axis, "no finished\nday in the\nwindow")
        axis.set_xticks([])
        return
    edges = np.exp(np.linspace(np.log(low), np.log(high), _BINS + 1))
    volume = spread_over(used["price_low"], used["price_high"], used["volume"], edges)
    most = int(np.argmax(volume))
    colours = np.where(np.arange(_BINS) == most, palette.LINE_POC, palette.VOLUME)
    draw_bars(axis, 0.0, volume, edges[:-1], edges[:-1] + np.diff(edges) * 0.86, colours)
    axis.set_ylim(low, high)
    axis.set_xlim(0, volume.max() * 1.05)
    axis.set_xticks([volume.max()], [compact(float(volume.max()))])


def spread_over(low: Any, high: Any, volume: Any, edges: Any) -> Any:
    """Volume of intervals [low, high] shared out over rows by the part of each interval that lies in a row.

    Example:
        >>> spread_over(np.array([1.0]), np.array([3.0]), np.array([10.0]), np.array([0.0, 2.0, 4.0])).tolist()
        [5.0, 5.0]
    """
    width = np.maximum(high - low, 1e-12)
    middle = low + width / 2
    low, high = middle - width / 2, middle + width / 2
    cumulative = np.zeros(len(edges))
    for k, edge in enumerate(edges):
        cumulative[k] = float(np.sum(volume * np.clip((edge - low) / width, 0.0, 1.0)))
    return np.diff(cumulative)
