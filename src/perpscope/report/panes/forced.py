"""Reported liquidations: longs closed by force below the axis, shorts above it, as the prices that hit them moved."""

from __future__ import annotations

from typing import Any

from perpscope.core.table import Table
from perpscope.core.time import Timeframe
from perpscope.report import palette
from perpscope.report.panes.canvas import TimeAxis, compact, draw_columns, nothing
from perpscope.report.panes.volume import summed


def draw_forced(axis: Any, time: TimeAxis, totals: Table | None, frame: Timeframe) -> None:
    """Longs were sold (down, red), shorts bought back (up, green); a missing bar is 'not reported', not zero."""
    if totals is None or not len(totals):
        nothing(axis, "no liquidations in the data")
        return
    parts = summed(totals, ("long_quantity", "short_quantity"), frame)
    left, right = time.x(parts["start"]), time.x(parts["end"])
    draw_columns(axis, left, right, -parts["long_quantity"], palette.SELL, 4)
    draw_columns(axis, left, right, parts["short_quantity"], palette.BUY, 4)
    axis.axhline(0, color=palette.MUTED, linewidth=0.7, zorder=2)
    axis.yaxis.set_major_formatter(lambda value, _: compact(abs(value)))
