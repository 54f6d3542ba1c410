"""Settled funding, as stems in percent of the position per payment: above zero longs paid shorts."""

from __future__ import annotations

from typing import Any

import numpy as np

from perpscope.core.table import Table
from perpscope.report import palette
from perpscope.report.panes.canvas import TimeAxis, nothing

LONGS_PAY, SHORTS_PAY = "#ffab5e", "#6fb7ff"


def draw_funding(axis: Any, time: TimeAxis, payments: Table | None) -> None:
    """One stem a payment; the interval may change, so nothing is drawn between them."""
    if payments is None or not len(payments):
        nothing(axis, "no funding in the data")
        return
    inside = payments[(payments.clock >= time.window.start) & (payments.clock <= time.window.end)]
    if not len(inside):
        nothing(axis, "no payment in this window")
        return
    x, y = time.x(inside.clock), inside["funding_rate"] * 100.0
    colours = np.where(y >= 0, LONGS_PAY, SHORTS_PAY)
    width = min(2.2, max(0.7, 260 / len(x)))  # a year of payments still leaves gaps between the stems
    axis.vlines(x, 0, y, colors=colours, linewidth=width, zorder=4)
    if len(x) < 200:
        axis.scatter(x, y, c=colours, s=13, linewidths=0, zorder=5)
    axis.axhline(0, color=palette.MUTED, linewidth=0.7, zorder=2)
    low, high = min(0.0, float(y.min())), max(0.0, float(y.max()))
    room = max(high - low, 1e-4)
    axis.set_ylim(low - 0.12 * room, high + 0.45 * room)
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:.3g}%")
