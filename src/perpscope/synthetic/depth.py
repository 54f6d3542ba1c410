"""The resting depth, written down second by second for a window of the simulation, and turned into book updates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perpscope.core.events import BOOK_DELTA, BookSide
from perpscope.core.table import Table
from perpscope.core.time import NULL_TS, SECOND
from perpscope.numeric.jit import njit
from perpscope.synthetic.records import DEPTH_ROWS, RING, Array, World

_BID, _ASK = int(BookSide.BID), int(BookSide.ASK)


@njit
def note_depth(w: World) -> None:
    """Write the best levels of both sides, aggregated by tick, best first."""
    m, p = w.market, w.params
    mask = RING - 1
    for side in (1, -1):
        tick = m.best_bid if side > 0 else m.best_ask
        left = m.bids if side > 0 else m.asks
        levels = 0
        while left > 0 and levels < p.depth_levels:
            number = w.level_head[tick & mask]
            if number < 0:
                tick -= side
                continue
            lots = 0
            while number >= 0:
                lots += w.orders[number].lots
                left -= 1
                number = w.orders[number].next
            if m.depth_rows >= DEPTH_ROWS:
                m.ended = -6
                return
            row = w.depth_rows[m.depth_rows]
            m.depth_rows += 1
            row.second = m.second
            row.tick = tick
            row.lots = lots
            row.side = 1 if side > 0 else 2
            levels += 1
            tick -= side


def book_deltas(rows: Array, start: int, tick_size: float, lot_size: float) -> Table:
    """Book updates once a second: a full snapshot first, then only the levels that changed.

    Definition: a level that fell out of the recorded depth is removed (quantity 0), as a venue's partial book does.
    The update of second s carries exchange_ts = start + s and is exact at that time, before the orders of the second.

    Returns:
        `BOOK_DELTA`; `snapshot` is set on the first row of the first update, `sequence` counts the updates from 1.
    """
    count = len(rows)
    if not count:
        return BOOK_DELTA.empty()
    key = rows.tick.astype(np.int64) * 4 + rows.side
    bounds = np.flatnonzero(np.diff(rows.second, prepend=rows.second[0] - 1))
    bounds = np.append(bounds, count)
    room = 2 * count
    update, changed, lots = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64)
    used = _differences(np.ascontiguousarray(key), np.ascontiguousarray(rows.lots, np.int64), bounds, update, changed, lots)
    update, changed, lots = update[:used], changed[:used], lots[:used]
    snapshot = np.zeros(used, np.bool_)
    snapshot[0] = True
    return Table.of(
        BOOK_DELTA,
        exchange_ts=start + rows.second[bounds[update]].astype(np.int64) * SECOND,
        receive_ts=np.full(used, NULL_TS),
        sequence=update + 1,
        side=changed % 4,
        price=np.round(changed // 4 * tick_size, 6),
        quantity=np.round(lots * lot_size, 9),
        snapshot=snapshot,
    )


@njit
def _differences(
    key: NDArray[np.int64], lots: NDArray[np.int64], bounds: NDArray[np.int64],
    update: NDArray[np.int64], changed: NDArray[np.int64], after: NDArray[np.int64],
) -> int:  # fmt: skip
    """Changes from each snapshot to the next; both are short, so they are compared level by level."""
    n = 0
    for u in range(bounds.size - 1):
        first, last = bounds[u], bounds[u + 1]
        before = bounds[u - 1] if u > 0 else first
        for j in range(before, first):
            gone = True
            for k in range(first, last):
                if key[k] == key[j]:
                    gone = False
            if gone:
                update[n], changed[n], after[n] = u, key[j], 0
                n += 1
        for k in range(first, last):
            same = False
            for j in range(before, first):
                if key[j] == key[k] and lots[j] == lots[k]:
                    same = True
            if not same:
                update[n], changed[n], after[n] = u, key[k], lots[k]
                n += 1
    return n
