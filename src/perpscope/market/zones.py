"""The life of a price zone: one kernel for every feature whose episodes are zones (gaps, order blocks, breakers).

A zone that points UP lies below price and is entered from above; one that points DOWN is its mirror image, and the
kernel sees it as such: ticks change sign, near stays near. Live zones are kept sorted by the edge that price meets
next, so a bar visits only the zones it reaches.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt

from perpscope.core.fold import State
from perpscope.core.table import Array, Column, Schema, Table, choice, price, row_schema
from perpscope.core.time import NULL_TS
from perpscope.core.units import Direction
from perpscope.market.structure import ExpiryCause, follows
from perpscope.numeric.jit import njit


class ZoneEvent(IntEnum):
    """What happened to a zone; any subset may happen within one bar, in this order."""

    OPENED = 1
    TOUCHED = 2
    HALVED = 3
    FILLED = 4
    BROKEN = 5
    EXPIRED = 6


def zone_schema(name: str, *more: Column) -> Schema:
    """The columns every zone has, and the feature's own."""
    return row_schema(
        name,
        Column("id", "id", "the zone", "int64"),
        choice("event", ZoneEvent, "opened, touched, halved, filled, broken or expired"),
        choice("direction", Direction, "up: support below price; down: resistance above it", mirror="flip"),
        price("bottom", "lower edge", mirror="swap:top"),
        price("top", "upper edge", mirror="swap:bottom"),
        price("remaining_bottom", "lower edge of what price has not reached yet", mirror="swap:remaining_top"),
        price("remaining_top", "upper edge of what price has not reached yet", mirror="swap:remaining_bottom"),
        choice("cause", ExpiryCause, "why an expired zone left: age, crowded or gap"),
        *more,
    )


Births = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]
"""Zones to open: (6, n) of opens_after_ts, known_ts, ref_ts, id, link, direction, ordered by the first; and
(3, n) of bottom, top, measure. A zone sees the bars that close after `opens_after_ts`."""

NO_BIRTHS: Births = (np.empty((6, 0), np.int64), np.empty((3, 0)))

# rows of the integer and the float part of what `live_zones` returns
REF, KNOWN, ID, EVENT, DIRECTION, CAUSE, LINK = range(7)
BOTTOM, TOP, REMAINING_BOTTOM, REMAINING_TOP, MEASURE = range(5)


def zone_state(tick_size: float, max_live: int) -> State:
    """No live zone. `max_live` bounds their number, half for each direction."""
    half = max(1, max_live // 2)
    return {
        "tick": tick_size,
        "meta": np.array([NULL_TS, 0, 0, 0, 0, 0]),  # last close, bars seen, live up, live down, oldest up, oldest down
        "ints": np.zeros((2, half, 9), np.int64),
        "floats": np.zeros((2, half, 4)),
        "order": np.tile(np.arange(half, dtype=np.int64), (2, 1)),  # live slots by key, then the free ones
    }


def live_zones(
    state: State, bars: Table, births: Births, max_age: int, opens_ts: Array | None = None
) -> tuple[Array, Array, int]:
    """Advance all zones over the bars and open the new ones; (integers, floats, number of rows).

    Definition: for a zone that points up - touched: low <= top; halved: 2 * low <= top + bottom; filled: low <=
    bottom; broken: close < bottom. It expires after `max_age` bars, when newer zones crowd it out, or at a hole in
    the bars (an incomplete bar counts as missing), because nobody knows what happened there. Prices compare as ticks.
    `opens_ts` replaces the bars' `ref_ts` where a pause of the venue is no hole.
    """
    meta = state["meta"]
    room = 5 * (births[0].shape[1] + int(meta[2] + meta[3]))
    ints, floats = np.empty((7, room), np.int64), np.empty((5, room))
    n = _life_kernel(
        bars["ref_ts"] if opens_ts is None else opens_ts, bars["known_ts"], bars["complete"],
        bars["high"], bars["low"], bars["close"],
        state["tick"], max_age, births[0], births[1], meta, state["ints"], state["floats"], state["order"], ints, floats,
    )  # fmt: skip
    return ints, floats, n


def zone_table(schema: Schema, ints: Array, floats: Array, n: int, **more: Array) -> Table:
    """The rows as a table of a `zone_schema`."""
    return Table.of(
        schema,
        ref_ts=ints[REF, :n], known_ts=ints[KNOWN, :n], id=ints[ID, :n], event=ints[EVENT, :n],
        direction=ints[DIRECTION, :n], bottom=floats[BOTTOM, :n], top=floats[TOP, :n],
        remaining_bottom=floats[REMAINING_BOTTOM, :n], remaining_top=floats[REMAINING_TOP, :n], cause=ints[CAUSE, :n],
        **more,
    )  # fmt: skip


def births_of(opens_after: Array, known: Array, ref: Array, ids: Array, link: Array, direction: Array, *edges: Array) -> Births:
    """Births from columns; `edges` are bottom, top and optionally the measure (else NaN)."""
    prices = (*edges, np.full(len(ref), np.nan))[:3]
    return np.stack([opens_after, known, ref, ids, link, direction.astype(np.int64)]), np.stack(prices)


def flipped(zones: Table, code: int, measure: Array | None = None) -> Births:
    """Births of the zones that broken ones turn into: same edges, other direction, linked to their parent.

    They keep the parent's `ref_ts`, where a chart draws the zone, and its id plus `code`. `measure` has a number for
    each row of `zones`.
    """
    at = np.flatnonzero(zones["event"] == ZoneEvent.BROKEN)
    if not len(at):
        return NO_BIRTHS
    ints, floats = np.empty((6, len(at)), np.int64), np.full((3, len(at)), np.nan)
    ints[0] = ints[1] = zones["known_ts"][at]
    ints[2], ints[4], ints[5] = zones["ref_ts"][at], zones["id"][at], 3 - zones["direction"][at]
    ints[3] = ints[4] + code
    floats[0], floats[1] = zones["bottom"][at], zones["top"][at]
    if measure is not None:
        floats[2] = measure[at]
    return ints, floats


# columns of a live zone: `key` is the highest tick (mirrored for DOWN) at which a bar must visit the zone
_KEY, _NEAR, _FAR, _LEFT, _STAGE, _BORN, _REF, _ID, _LINK = range(9)
_NEAR_PRICE, _FAR_PRICE, _LEFT_PRICE, _MEASURE = range(4)
_LAST, _BARS, _LIVE, _OLDEST = 0, 1, 2, 4


@njit
def _life_kernel(
    ref_ts: Array, known_ts: Array, complete: Array, high: Array, low: Array, close: Array,
    tick: float, max_age: int, born: Array, born_at: Array,
    meta: Array, ints: Array, floats: Array, order: Array, out: Array, out_price: Array,
) -> int:  # fmt: skip
    n, b = 0, 0
    for i in range(ref_ts.size):
        if not complete[i]:
            continue
        while b < born.shape[1] and born[0, b] < known_ts[i]:
            n = _open(b, tick, born, born_at, meta, ints, floats, order, out, out_price, n)
            b += 1
        whole = follows(ref_ts[i], meta)
        meta[_LAST] = known_ts[i]
        meta[_BARS] += 1
        for d in range(2):
            if not whole:
                n = _expire(d, 0, 3, known_ts[i], meta, ints, floats, order, out, out_price, n)
                continue
            reach = low[i] if d == 0 else high[i]
            sign = 1 - 2 * d
            n = _visit(
                d, sign * np.int64(np.rint(reach / tick)), reach, sign * np.int64(np.rint(close[i] / tick)), known_ts[i],
                meta, ints[d], floats[d], order[d], out, out_price, n,
            )  # fmt: skip
            if meta[_LIVE + d] > 0 and meta[_BARS] - meta[_OLDEST + d] >= max_age:
                n = _expire(d, max_age, 1, known_ts[i], meta, ints, floats, order, out, out_price, n)
    while b < born.shape[1]:
        n = _open(b, tick, born, born_at, meta, ints, floats, order, out, out_price, n)
        b += 1
    return n


@njit
def _visit(
    d: int, reach: int, reach_price: float, close: int, known: int,
    meta: Array, ints: Array, floats: Array, order: Array, out: Array, out_price: Array, n: int,
) -> int:  # fmt: skip
    """Every zone the bar reaches: the tail of the order."""
    live = meta[_LIVE + d]
    first = live
    while first > 0 and ints[order[first - 1], _KEY] >= reach:
        first -= 1
    kept = first
    for q in range(first, live):
        slot = order[q]
        zone, prices = ints[slot], floats[slot]
        if reach < zone[_LEFT]:
            zone[_LEFT], prices[_LEFT_PRICE] = reach, reach_price
            if reach <= zone[_FAR]:
                zone[_LEFT], prices[_LEFT_PRICE] = zone[_FAR], prices[_FAR_PRICE]
        stage = zone[_STAGE]
        if stage == 0 and reach <= zone[_NEAR]:
            stage = 1
            n = _put(d, 2, 0, known, zone, prices, out, out_price, n)
        if stage == 1 and 2 * reach <= zone[_NEAR] + zone[_FAR]:
            stage = 2
            n = _put(d, 3, 0, known, zone, prices, out, out_price, n)
        if stage == 2 and reach <= zone[_FAR]:
            stage = 3
            n = _put(d, 4, 0, known, zone, prices, out, out_price, n)
        if stage == 3 and close < zone[_FAR]:
            n = _put(d, 5, 0, known, zone, prices, out, out_price, n)
            continue
        zone[_STAGE] = stage
        zone[_KEY] = zone[_LEFT] - 1
        order[q] = order[kept]
        _settle(kept, slot, ints, order)
        kept += 1
    meta[_LIVE + d] = kept
    return n


@njit
def _settle(position: int, slot: int, ints: Array, order: Array) -> None:
    """Sink a slot leftward to its place by key."""
    r = position
    while r > 0 and ints[order[r - 1], _KEY] > ints[slot, _KEY]:
        order[r] = order[r - 1]
        r -= 1
    order[r] = slot


@njit
def _expire(
    d: int, age: int, cause: int, known: int,
    meta: Array, ints: Array, floats: Array, order: Array, out: Array, out_price: Array, n: int,
) -> int:  # fmt: skip
    """End every live zone that has seen at least `age` bars, and note the age of the oldest that is left."""
    live, kept = meta[_LIVE + d], 0
    oldest = meta[_BARS]
    for q in range(live):
        slot = order[d, q]
        zone = ints[d, slot]
        if meta[_BARS] - zone[_BORN] >= age:
            n = _put(d, 6, cause, known, zone, floats[d, slot], out, out_price, n)
            continue
        oldest = min(oldest, zone[_BORN])
        order[d, q] = order[d, kept]
        order[d, kept] = slot
        kept += 1
    meta[_LIVE + d], meta[_OLDEST + d] = kept, oldest
    return n


@njit
def _open(
    b: int, tick: float, born: Array, born_at: Array,
    meta: Array, ints: Array, floats: Array, order: Array, out: Array, out_price: Array, n: int,
) -> int:  # fmt: skip
    """Give a new zone a slot, crowding out the oldest of its direction if there is none left."""
    d = born[5, b] - 1
    live = meta[_LIVE + d]
    if live == order.shape[1]:
        oldest = meta[_BARS]
        for slot in order[d]:
            oldest = min(oldest, ints[d, slot, _BORN])
        n = _expire(d, meta[_BARS] - oldest, 2, born[1, b], meta, ints, floats, order, out, out_price, n)
        live = meta[_LIVE + d]
    if live == 0:
        meta[_OLDEST + d] = meta[_BARS]
    slot = order[d, live]
    zone, prices = ints[d, slot], floats[d, slot]
    sign = 1 - 2 * d
    near, far = born_at[1 - d, b], born_at[d, b]
    zone[_NEAR] = sign * np.int64(np.rint(near / tick))
    zone[_FAR] = sign * np.int64(np.rint(far / tick))
    zone[_LEFT], zone[_KEY] = zone[_NEAR], zone[_NEAR]
    zone[_STAGE], zone[_BORN] = 0, meta[_BARS]
    zone[_REF], zone[_ID], zone[_LINK] = born[2, b], born[3, b], born[4, b]
    prices[_NEAR_PRICE], prices[_FAR_PRICE], prices[_LEFT_PRICE] = near, far, near
    prices[_MEASURE] = born_at[2, b]
    _settle(live, slot, ints[d], order[d])
    meta[_LIVE + d] = live + 1
    return _put(d, 1, 0, born[1, b], zone, prices, out, out_price, n)


@njit
def _put(d: int, event: int, cause: int, known: int, zone: Array, prices: Array, out: Array, out_price: Array, n: int) -> int:
    out[0, n], out[1, n], out[2, n], out[3, n] = zone[_REF], known, zone[_ID], event
    out[4, n], out[5, n], out[6, n] = d + 1, cause, zone[_LINK]
    out_price[d, n], out_price[1 - d, n] = prices[_FAR_PRICE], prices[_NEAR_PRICE]
    out_price[2 + d, n], out_price[3 - d, n] = prices[_FAR_PRICE], prices[_LEFT_PRICE]
    out_price[4, n] = prices[_MEASURE]
    return n + 1
