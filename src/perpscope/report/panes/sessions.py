"""Which session it was: one named row each for Asia, London and New York above the price."""

from __future__ import annotations

from typing import Any

import numpy as np

from perpscope.core.sessions import windows
from perpscope.core.time import DAY
from perpscope.report import palette
from perpscope.report.panes.canvas import TimeAxis, dress

NAMES = {"asia": "Asia", "london": "London", "new_york": "New York"}
"""The sessions of the picture, as they are written on it."""

_LONGEST = 70 * DAY


def draw_sessions(axis: Any, time: TimeAxis) -> None:
    """Bars from open to close in local clocks turned to UTC; the row's name stands at its left end."""
    dress(axis, time, "", "")
    axis.grid(False)
    axis.set_ylim(len(NAMES), 0)
    axis.set_yticks([])
    if time.window.end - time.window.start > _LONGEST:
        axis.text(
            0.5, 0.5, "sessions are too short to be drawn in a window this long", transform=axis.transAxes, ha="center",
            va="center", fontsize=10, color=palette.MUTED,
        )  # fmt: skip
        return
    for row, (name, shown) in enumerate(NAMES.items()):
        starts, ends = windows(name, time.window.start, time.end)
        left, right = time.x(starts), time.x(ends)
        spans = np.column_stack([left.clip(0), right.clip(max=time.limits[1]) - left.clip(0)])
        axis.broken_barh(spans, (row + 0.12, 0.76), facecolors=palette.SESSIONS[name], alpha=0.75, linewidth=0, zorder=3)
        axis.text(
            -0.004, 1 - (row + 0.5) / len(NAMES), shown, transform=axis.transAxes, ha="right", va="center", fontsize=10,
            color=palette.SESSIONS[name],
        )  # fmt: skip


def shade_sessions(axis: Any, time: TimeAxis) -> None:
    """The same windows as a faint ground of a lower pane."""
    for name in NAMES if time.window.end - time.window.start <= _LONGEST else ():
        starts, ends = windows(name, time.window.start, time.end)
        left, right = time.x(starts).clip(0), time.x(ends).clip(max=time.limits[1])
        spans = np.column_stack([left, right - left])
        axis.broken_barh(
            spans,
            (0, 1),
            facecolors=palette.SESSIONS[name],
            alpha=0.055,
            linewidth=0,
            zorder=1,
            transform=axis.get_xaxis_transform(),
        )
