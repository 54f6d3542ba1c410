"""Open interest in base units, as steps: a sample holds until the next one is known."""

from __future__ import annotations

from typing import Any

import numpy as np

from perpscope.core.table import Table
from perpscope.report import palette
from perpscope.report.panes.canvas import TimeAxis, compact, nothing


def draw_interest(axis: Any, time: TimeAxis, samples: Table | None) -> None:
    """The samples known inside the window and the one before it; a silence of many samples breaks the line."""
    if samples is None or not len(samples):
        nothing(axis, "no open interest in the data")
        return
    clock = samples.clock
    first = max(0, int(np.searchsorted(clock, time.window.start, side="right")) - 1)
    clock, value = clock[first:], samples["open_interest"][first:]
    if len(clock) == 0:
        nothing(axis, "no open interest in this window")
        return
    pace = np.median(np.diff(clock)) if len(clock) > 1 else 0
    value = value.astype(float).copy()
    broken = np.flatnonzero(np.diff(clock) > 6 * pace) if len(clock) > 2 else np.empty(0, np.int64)
    x, y = np.append(time.x(clock), time.x(time.window.end)), np.append(value, value[-1])
    for at in broken[::-1].tolist():
        x, y = np.insert(x, at + 1, x[at]), np.insert(y, at + 1, np.nan)
    axis.step(x, y, where="post", color=palette.LINE_INTEREST, linewidth=1.5, zorder=4)
    axis.yaxis.set_major_formatter(lambda v, _: compact(v))
