"""Joining time frames: a frame's value at a moment is its last row known by then, unless it has grown stale.

Nothing else joins frames: no open stamps, no index that happens to match, no forward fill of prices.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perpscope.core.table import Table
from perpscope.core.time import Timeframe
from perpscope.numeric.asof import asof_index

STALE_BARS = 2
"""A value older than this many bars of its frame (a gap, a dead feed) is absent, not current."""


def align(rows: Table, frame: Timeframe, at: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Positions in `rows` of what a time frame says at each moment; -1 where nothing is known, or only old things.

    Inputs: rows of one time frame in known order; decision times, int64 ns.
    Source: STRUCTURE ST14.

    Example:
        >>> from perpscope.core.table import price, row_schema
        >>> from perpscope.core.time import HOUR, MINUTE
        >>> closes = Table.of(row_schema("c", price("close", "")), ref_ts=[13 * HOUR, 14 * HOUR],
        ...                   known_ts=[14 * HOUR, 15 * HOUR], close=[1.0, 2.0])
        >>> align(closes, Timeframe.parse("1h"), np.array([14 * HOUR + 45 * MINUTE, 15 * HOUR, 18 * HOUR])).tolist()
        [0, 1, -1]
    """
    return asof_index(rows.clock, at, STALE_BARS * frame.ns)
