"""The tape: which public fills belong to one aggressive order.

A venue prints one line per resting order hit; the order that hit them is not printed. Fills of one order share the
taker's side and the venue's time, come one after the other, and never improve for the taker.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt

from perpscope.core.table import Array, Table
from perpscope.core.time import NULL_TS
from perpscope.numeric.binning import to_ticks
from perpscope.numeric.jit import njit


class Grouping(IntEnum):
    """SAME_STAMP: equal time and side, consecutive ids, price never better for the taker. WINDOW: the same, with at most
    a window between two fills (for feeds that already merge fills of one price). NONE: every fill is an order."""

    SAME_STAMP = 1
    WINDOW = 2
    NONE = 3


def no_fill() -> npt.NDArray[np.int64]:
    """The fill before the first: (time, id, side, tick)."""
    return np.array([NULL_TS, -1, 0, 0], np.int64)


def group_fills(
    trades: Table, tick_size: float, grouping: Grouping, window_ns: int, before: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Where each order begins, and which of them are partial.

    Inputs: trades in order; `before` is the fill that precedes them (`no_fill()` at the start), which must not belong
    to the same order as the first.
    Returns: positions of the first fill of every order; per order whether an id is missing at its start or end, so
    that it may be a part of a larger one. Ids of -1 are unknown and break nothing.
    Source: ORDERFLOW OF1; two takers in one millisecond merge, so the number of orders is a lower bound.

    Example:
        >>> from perpscope.core.events import TRADE
        >>> fills = Table.filled(TRADE, exchange_ts=[5, 5, 5], trade_id=[1, 2, 3], price=[100.0, 100.1, 100.0],
        ...                      quantity=[1.0, 2.0, 3.0], aggressor_side=[1, 1, 2])
        >>> group_fills(fills, 0.1, Grouping.SAME_STAMP, 0, no_fill())[0].tolist()
        [0, 2]
    """
    n = len(trades)
    starts, partial = np.empty(n, np.int64), np.zeros(n, np.bool_)
    window = -1 if grouping == Grouping.NONE else (0 if grouping == Grouping.SAME_STAMP else window_ns)
    count = _group_kernel(
        trades["exchange_ts"], trades["trade_id"], trades["aggressor_side"], to_ticks(trades["price"], tick_size),
        window, before, starts, partial,
    )  # fmt: skip
    return starts[:count], partial[:count]


@njit
def _group_kernel(
    ts: Array, ids: Array, side: Array, ticks: Array, window: int, before: Array, starts: Array, partial: Array
) -> int:
    n = 0
    for i in range(ts.size):
        if i == 0:
            last_ts, last_id, last_side, last_tick = before[0], before[1], np.int64(before[2]), before[3]
        else:
            last_ts, last_id, last_side, last_tick = ts[i - 1], ids[i - 1], np.int64(side[i - 1]), ticks[i - 1]
        step = ticks[i] - last_tick if side[i] == 1 else last_tick - ticks[i]
        alike = last_ts != NULL_TS and window >= 0 and side[i] == last_side and ts[i] - last_ts <= window and step >= 0
        missing = last_id >= 0 and ids[i] >= 0 and ids[i] != last_id + 1
        if i == 0 or not alike or missing:
            starts[n] = i
            if alike and missing:
                partial[n] = True
                if n > 0:
                    partial[n - 1] = True
            n += 1
    return n
