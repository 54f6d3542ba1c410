"""The liquidation clusters that are alive, kept by setups that read the map."""

from __future__ import annotations

import numpy as np

from perpscope.core.fold import State
from perpscope.core.table import Array
from perpscope.features.liquidation.tracking import ClusterEvent
from perpscope.numeric.jit import njit
from perpscope.setups.tape import Tape

LONG, SHORT = 1, 2
FULL = 0.2
"""A cluster that holds this share of its side within sight is a full point of evidence."""

_ENDS = (int(ClusterEvent.SWEPT), int(ClusterEvent.DISSOLVED), int(ClusterEvent.EXPIRED))
_ENTERED = (int(ClusterEvent.TOUCHED), int(ClusterEvent.SWEPT))
_ROOM = 64


def cluster_state() -> State:
    """No cluster: [id, side] and [low, high, fraction] of up to 64; a side of 0 is a free place."""
    return {"ints": np.zeros((_ROOM, 2), np.int64), "floats": np.full((_ROOM, 3), np.nan)}


def cluster_rows(tape: Tape) -> tuple[Array, Array]:
    """(bar, id, side, ends, entered) and (low, high, fraction) of the rows on a tape; none without the input."""
    rows = tape.happenings.get("liquidation_clusters", ())
    if not len(rows):
        return np.empty((5, 0), np.int64), np.empty((3, 0))
    rows = tape.happenings["liquidation_clusters"]
    event = rows["event"]
    ints = np.stack([rows.bar, rows["id"], rows["side"].astype(np.int64), np.isin(event, _ENDS), np.isin(event, _ENTERED)])
    return ints.astype(np.int64), np.stack([rows["price_low"], rows["price_high"], rows["side_fraction"]])


@njit
def take_cluster(c: int, ints: Array, floats: Array, alive: Array, kept: Array) -> float:
    """Row c into the book; returns the fraction that the cluster held when it was last described, NaN when it is new."""
    place, known = -1, np.nan
    for k in range(alive.shape[0]):
        if alive[k, 1] != 0 and alive[k, 0] == ints[1, c]:
            place, known = k, kept[k, 2]
            break
        if place < 0 and alive[k, 1] == 0:
            place = k
    if place < 0:
        return known
    if ints[3, c]:
        alive[place, 1] = 0
    else:
        alive[place, 0], alive[place, 1] = ints[1, c], ints[2, c]
        kept[place, 0], kept[place, 1], kept[place, 2] = floats[0, c], floats[1, c], floats[2, c]
    return known


@njit
def nearest_above(price: float, alive: Array, kept: Array) -> int:
    """The cluster of shorts whose lower edge is the nearest above a price; -1 when there is none."""
    best = -1
    for k in range(alive.shape[0]):
        if alive[k, 1] == 2 and kept[k, 0] > price and (best < 0 or kept[k, 0] < kept[best, 0]):
            best = k
    return best
