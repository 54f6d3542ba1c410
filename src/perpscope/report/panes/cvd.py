"""CVD: the running sum of delta inside the window, starting at 0, broken where the data is broken."""

from __future__ import annotations

from typing import Any

import numpy as np

from perpscope.core.table import Table
from perpscope.report import palette
from perpscope.report.panes.canvas import TimeAxis, compact, nothing


def draw_cvd(axis: Any, time: TimeAxis, delta: Table | None) -> None:
    """One line per unbroken segment; each begins at 0, because a sum carried over a hole is a number of nothing."""
    if delta is None or not len(delta) or not delta["valid"].any():
        nothing(axis, "no taker volume in the data")
        return
    cuts = np.flatnonzero(np.diff(delta["segment"])) + 1
    for part in np.split(np.arange(len(delta)), cuts):
        rows = delta[part]
        x = np.concatenate([[time.x(rows["ref_ts"][0])], time.x(rows["known_ts"])])
        y = np.concatenate([[0.0], np.cumsum(np.nan_to_num(rows["delta"]))])
        y = np.where(np.concatenate([[True], rows["valid"]]), y, np.nan)
        axis.plot(x, y, color=palette.LINE_CVD, linewidth=1.5, zorder=4)
        axis.fill_between(x, y, 0, color=palette.LINE_CVD, alpha=0.10, linewidth=0, zorder=3)
    axis.axhline(0, color=palette.MUTED, linewidth=0.7, zorder=2)
    axis.yaxis.set_major_formatter(lambda value, _: compact(value))
