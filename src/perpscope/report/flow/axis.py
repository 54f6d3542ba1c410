"""The time axis of the order flow: as the report's, with ticks down to a second."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from perpscope.core.time import DAY, HOUR, MINUTE, SECOND, to_datetime
from perpscope.report.panes.canvas import TimeAxis

_STEPS = (
    SECOND, 5 * SECOND, 15 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR,
    4 * HOUR, 8 * HOUR, DAY, 2 * DAY, 7 * DAY,
)  # fmt: skip


class FlowAxis(TimeAxis):
    """Hours since the window's start, with a little room after its end."""

    def ticks(self, wanted: int = 12) -> tuple[npt.NDArray[np.float64], list[str]]:
        """Round UTC instants; seconds are told only where the step needs them, the date at midnight."""
        span = self.window.end - self.window.start
        step = next((s for s in _STEPS if span // s <= wanted), _STEPS[-1])
        first = -(-self.window.start // step) * step
        stamps = np.arange(first, self.end + 1, step, dtype=np.int64)
        shape = "%H:%M:%S" if step < MINUTE else "%H:%M"
        labels = [to_datetime(s).strftime("%d %b" if s % DAY == 0 else shape) for s in stamps.tolist()]
        at: Any = self.x(stamps)
        return at, labels
