"""Delta per bar, and its running sum as candles."""

from __future__ import annotations

from typing import Any

import numpy as np

from perpscope.core.table import Table
from perpscope.report import palette
from perpscope.report.flow.axis import FlowAxis
from perpscope.report.panes.canvas import compact, draw_bars, draw_columns, nothing

NUMBER_WIDE = 34.0


def draw_delta(axis: Any, time: FlowAxis, delta: Table, width: float) -> None:
    """Columns up for more bought, down for more sold; the number on each where it fits."""
    whole = delta[delta["valid"]]
    if not len(whole):
        nothing(axis, "no whole bar in the window")
        return
    left, right, values = time.x(whole["ref_ts"]), time.x(whole["known_ts"]), whole["delta"]
    draw_columns(axis, left, right, values, np.where(values >= 0, palette.BUY, palette.SELL))
    axis.axhline(0, color=palette.MUTED, linewidth=0.7, zorder=2)
    axis.yaxis.set_major_formatter(lambda value, _: compact(value))
    if width / len(whole) < NUMBER_WIDE or width * (right[0] - left[0]) / (time.limits[1]) < NUMBER_WIDE:
        return
    for x, value in zip((left + right) / 2, values, strict=True):
        axis.annotate(
            compact(float(value)), (x, value), xytext=(0, 3 if value >= 0 else -3), textcoords="offset points", ha="center",
            va="bottom" if value >= 0 else "top", fontsize=9, color=palette.TEXT, zorder=6,
        )  # fmt: skip


def draw_running(axis: Any, time: FlowAxis, delta: Table, bars: Table) -> None:
    """CVD since the window began: open to close as a body, its extremes inside the bar as a line; it begins anew at a break."""
    whole = delta[delta["valid"]]
    if not len(whole):
        nothing(axis, "no whole bar in the window")
        return
    own = bars[np.isin(bars["ref_ts"], whole["ref_ts"])]
    closes = np.empty(len(whole))
    for segment in np.unique(whole["segment"]):
        mine = whole["segment"] == segment
        closes[mine] = np.cumsum(whole["delta"][mine])
    opens = closes - whole["delta"]
    left, right = time.x(whole["ref_ts"]), time.x(whole["known_ts"])
    middle = (left + right) / 2
    axis.vlines(middle, opens + own["min_delta"], opens + own["max_delta"], color=palette.LINE_CVD, linewidth=1.0, zorder=4)
    margin = (right - left) * 0.22
    up = closes >= opens
    draw_bars(
        axis, left + margin, right - margin, np.minimum(opens, closes), np.maximum(opens, closes),
        np.where(up, palette.BUY, palette.SELL), order=5,
    )  # fmt: skip
    axis.axhline(0, color=palette.MUTED, linewidth=0.7, zorder=2)
    axis.yaxis.set_major_formatter(lambda value, _: compact(value))
