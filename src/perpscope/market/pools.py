"""The kernel of liquidity pools: groups of equal swings, and what happens when price trades beyond them.

Each side has one list of entries. An entry is LIVE (a pool), HIDDEN (a single swing that may yet find its equal) or
SPENT (swept or broken; a later swing may still pair with it). Lows are seen upside down: ticks change sign.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

import numpy as np

from perpscope.core.fold import State
from perpscope.core.table import Array, Table
from perpscope.core.time import NULL_TS
from perpscope.market.structure import follows
from perpscope.numeric.atr import atr_reset, atr_state, atr_step, in_atr
from perpscope.numeric.jit import njit


class PoolSource(IntEnum):
    """What made a pool."""

    EQUAL = 1
    SWING = 2
    PERIOD = 3
    SESSION = 4


NO_LEVELS = (np.empty((5, 0), np.int64), np.empty(0))
"""No levels from outside: (known_ts, ref_ts, side, source, valid_to) and price."""

DETAIL = ("id", "event", "side", "members", "source", "cause")
"""Integer columns after ref_ts and known_ts in what `advance_pools` returns."""

_RING = 256  # closes kept beyond the span, so that swings confirmed late can look back over all of it
_FREE, _HIDDEN, _LIVE, _SPENT = range(4)
_STATUS, _INNER, _OUTER, _MEMBERS, _LAST, _BORN, _REF, _ID, _SOURCE, _SINCE, _REACH, _VALID_TO = range(12)
_PRICE, _EXTREME, _ATR, _WICK = range(4)
# meta: last close, bars seen, then per side: nearest threshold, oldest birth, first expiry, entries in use (at most)
_NEAREST, _OLDEST, _EXPIRY, _USED = 2, 4, 6, 8
_FAR = 2**62


def pool_state(tick_size: float, max_live: int, span: int) -> State:
    """No pools. `max_live` bounds the entries, half of them for each side."""
    return {
        "tick": tick_size,
        "meta": np.array([NULL_TS, 0, _FAR, _FAR, 0, 0, _FAR, _FAR, 0, 0]),
        "ints": np.zeros((2, max(1, max_live // 2), 12), np.int64),
        "floats": np.full((2, max(1, max_live // 2), 4), np.nan),
        # a bar must visit an entry when it trades beyond this tick: that of a live pool, below all once it is pierced
        "near": np.full((2, max(1, max_live // 2)), _FAR),
        "closes": np.zeros(span + _RING, np.int64),
        "atr": atr_state(),
    }


def advance_pools(
    state: State, bars: Table, swings: Mapping[str, Array], levels: tuple[Array, Array],
    tolerance: float, span: int, singles: bool, patience: int, atr_span: int, max_age: int,
) -> tuple[Array, Array, int]:  # fmt: skip
    """Advance all pools over the bars, with the swings confirmed meanwhile; (integers, floats, number of rows).

    A negative tolerance groups nothing. `swings` has the columns known_ts, ref_ts, side and price.
    """
    entries = len(swings["known_ts"]) + levels[0].shape[1]
    room = 4 * entries + 2 * state["ints"].shape[1]
    ints, floats = np.empty((8, room), np.int64), np.empty((5, room))
    n = _pool_kernel(
        bars["ref_ts"], bars["known_ts"], bars["complete"], bars["open"], bars["high"], bars["low"], bars["close"],
        swings["known_ts"], swings["ref_ts"], swings["side"], swings["price"], levels[0], levels[1],
        state["tick"], tolerance, span, singles, patience, atr_span, max_age,
        state["meta"], state["near"], state["ints"], state["floats"], state["closes"], state["atr"], ints, floats,
    )  # fmt: skip
    return ints, floats, n


@njit
def _pool_kernel(
    ref_ts: Array, known_ts: Array, complete: Array, open_: Array, high: Array, low: Array, close: Array,
    s_known: Array, s_ref: Array, s_side: Array, s_price: Array, levels: Array, level_price: Array,
    tick: float, tolerance: float, span: int, singles: bool, patience: int, atr_span: int, max_age: int,
    meta: Array, near: Array, ints: Array, floats: Array, closes: Array, atr: Array, out: Array, values: Array,
) -> int:  # fmt: skip
    n, s, v = 0, 0, 0
    for i in range(ref_ts.size):
        if not complete[i]:
            continue
        if not follows(ref_ts[i], meta):
            for d in range(2):
                n = _expire(d, -(2**63), meta[1], 3, known_ts[i], meta, near[d], ints[d], floats[d], out, values, n)
                ints[d, :, _STATUS] = _FREE
                meta[_USED + d] = 0
            meta[1] = 0
            meta[_OLDEST : _OLDEST + 2] = 0
            atr_reset(atr)
        meta[0] = known_ts[i]
        closes[meta[1] % closes.size] = np.int64(np.rint(close[i] / tick))
        meta[1] += 1
        before = atr[3]
        atr_step(atr, high[i], low[i], close[i], atr_span)
        for d in range(2):
            if meta[_EXPIRY + d] <= ref_ts[i] or meta[1] - meta[_OLDEST + d] > max_age:
                n = _expire(d, ref_ts[i], meta[1] - max_age, 1, known_ts[i], meta, near[d], ints[d], floats[d], out, values, n)
            sign = 1 - 2 * d
            reach = sign * np.int64(np.rint((high[i] if d == 0 else low[i]) / tick))
            if reach > meta[_NEAREST + d]:
                n = _pierce(
                    d, reach, open_[i], high[i], low[i], close[i], tick, before, patience, known_ts[i],
                    meta, near[d], ints[d], floats[d], out, values, n,
                )  # fmt: skip
        while s < s_known.size and s_known[s] <= known_ts[i]:
            d = s_side[s] - 1
            pivot = meta[1] - (known_ts[i] - s_ref[s]) // (known_ts[i] - ref_ts[i]) + 1
            n = _join(
                d, s_price[s], s_ref[s], pivot, tick, tolerance * before / tick, span, singles, known_ts[i],
                meta, near[d], ints[d], floats[d], closes, out, values, n,
            )  # fmt: skip
            s += 1
        while v < level_price.size and levels[0, v] <= known_ts[i]:
            n = _level(v, levels, level_price, closes, tick, meta, near, ints, floats, out, values, n)
            v += 1
    while v < level_price.size:
        n = _level(v, levels, level_price, closes, tick, meta, near, ints, floats, out, values, n)
        v += 1
    return n


@njit
def _pierce(
    d: int, reach: int, open_: float, high: float, low: float, close: float, tick: float, before: float, patience: int,
    known: int, meta: Array, near: Array, ints: Array, floats: Array, out: Array, values: Array, n: int,
) -> int:  # fmt: skip
    """Every pool the bar trades beyond, or that an earlier bar did: swept, broken, or undecided yet."""
    sign = 1 - 2 * d
    closed = sign * np.int64(np.rint(close / tick))
    nearest = _FAR
    body = max(open_, close) if d == 0 else min(open_, close)
    extreme = high if d == 0 else low
    for k in range(meta[_USED + d]):
        if reach > near[k]:
            pool, prices = ints[k], floats[k]
            if near[k] != -_FAR:
                near[k], pool[_SINCE], pool[_REACH], prices[_ATR] = -_FAR, meta[1], pool[_OUTER], before
            if reach > pool[_REACH]:
                pool[_REACH], prices[_EXTREME] = reach, extreme
                prices[_WICK] = sign * (extreme - body) / (high - low) if high > low else 0.0
            count = meta[1] - pool[_SINCE] + 1
            if closed <= pool[_OUTER] or count >= patience:
                n = _put(d, 3 if closed <= pool[_OUTER] else 4, 0, known, pool, prices, out, values, n)
                depth = sign * (prices[_EXTREME] - prices[_PRICE])
                values[1, n - 1], values[2, n - 1] = depth, in_atr(depth, prices[_ATR])
                values[3, n - 1], values[4, n - 1] = count, prices[_WICK]
                pool[_STATUS] = _SPENT if pool[_SOURCE] <= 2 else _FREE
                near[k] = _FAR
        nearest = min(nearest, near[k])
    meta[_NEAREST + d] = nearest
    return n


@njit
def _join(
    d: int, price: float, ref: int, pivot: int, tick: float, tolerance: float, span: int, singles: bool, known: int,
    meta: Array, near: Array, ints: Array, floats: Array, closes: Array, out: Array, values: Array, n: int,
) -> int:  # fmt: skip
    """A new swing joins the latest entry it is equal to, or begins one of its own."""
    at = (1 - 2 * d) * np.int64(np.rint(price / tick))
    best, used = -1, 0
    for k in range(meta[_USED + d]):
        one = ints[k]
        used = used if one[_STATUS] == _FREE else k + 1
        if one[_STATUS] == _FREE or one[_SOURCE] > 2 or near[k] == -_FAR:
            continue
        if pivot - one[_LAST] > span:
            if one[_STATUS] != _LIVE:
                one[_STATUS] = _FREE
            continue
        # the comparison is false when there is no ATR yet
        if not max(one[_OUTER], at) - min(one[_INNER], at) <= tolerance + 1e-9 or one[_LAST] >= pivot:
            continue
        if (best < 0 or one[_LAST] > ints[best, _LAST]) and _unbroken(
            d, one[_LAST], pivot, max(one[_OUTER], at), meta[1], closes
        ):
            best = k
    meta[_USED + d] = used
    if best < 0:
        best, n = _slot(d, known, meta, near, ints, floats, out, values, n)
        one = ints[best]
        one[_STATUS], one[_INNER], one[_OUTER], one[_MEMBERS] = _HIDDEN, at, at, 0
        one[_SOURCE] = 2
        floats[best, _PRICE] = price
    one = ints[best]
    if at >= one[_OUTER]:
        one[_OUTER], floats[best, _PRICE] = at, price
    one[_INNER] = min(one[_INNER], at)
    one[_MEMBERS] += 1
    one[_LAST], one[_REF] = pivot, ref
    if one[_MEMBERS] > 1:
        one[_SOURCE] = 1
    if one[_STATUS] == _LIVE:
        near[best] = one[_OUTER]
        return _put(d, 2, 0, known, one, floats[best], out, values, n)
    if singles or one[_MEMBERS] > 1:
        n = _begin(d, best, ref // 1_000_000 * 8 + d, known, meta, near, ints, floats, out, values, n)
    return n


@njit
def _unbroken(d: int, after: int, until: int, level: int, seen: int, closes: Array) -> bool:
    """No close beyond the level strictly between two bars, given by number; unknown counts as broken."""
    if seen - after >= closes.size:
        return False
    sign = 1 - 2 * d
    farthest = level
    for number in range(after + 1, until):
        farthest = max(farthest, sign * closes[(number - 1) % closes.size])
    return farthest == level


@njit
def _level(
    v: int, levels: Array, level_price: Array, closes: Array, tick: float,
    meta: Array, near: Array, ints: Array, floats: Array, out: Array, values: Array, n: int,
) -> int:  # fmt: skip
    """A pool of one at a level that someone else computed, unless price is already beyond it."""
    d = levels[2, v] - 1
    sign = 1 - 2 * d
    at = sign * np.int64(np.rint(level_price[v] / tick))
    if meta[1] > 0 and sign * closes[(meta[1] - 1) % closes.size] > at:
        return n
    k, n = _slot(d, levels[0, v], meta, near[d], ints[d], floats[d], out, values, n)
    one = ints[d, k]
    one[_INNER], one[_OUTER], one[_MEMBERS], one[_LAST], one[_REF] = at, at, 1, meta[1], levels[1, v]
    one[_SOURCE] = levels[3, v]
    floats[d, k, _PRICE] = level_price[v]
    identity = levels[1, v] // 1_000_000 * 8 + 2 * (levels[3, v] - 2) + d
    n = _begin(d, k, identity, levels[0, v], meta, near[d], ints[d], floats[d], out, values, n)
    one[_VALID_TO] = levels[4, v] if levels[4, v] != -(2**63) else _FAR
    meta[_EXPIRY + d] = min(meta[_EXPIRY + d], one[_VALID_TO])
    return n


@njit
def _begin(
    d: int, k: int, identity: int, known: int,
    meta: Array, near: Array, ints: Array, floats: Array, out: Array, values: Array, n: int,
) -> int:  # fmt: skip
    one = ints[k]
    one[_STATUS], one[_BORN], one[_ID], one[_VALID_TO] = _LIVE, meta[1], identity, _FAR
    near[k] = one[_OUTER]
    meta[_NEAREST + d] = min(meta[_NEAREST + d], near[k])
    return _put(d, 1, 0, known, one, floats[k], out, values, n)


@njit
def _slot(
    d: int, known: int, meta: Array, near: Array, ints: Array, floats: Array, out: Array, values: Array, n: int
) -> tuple[int, int]:
    """A free entry; else the entry that is oldest, those that are no pools first."""
    best = -1
    for k in range(ints.shape[0]):
        if ints[k, _STATUS] == _FREE:
            meta[_USED + d] = max(meta[_USED + d], k + 1)
            return k, n
        spare, other = ints[k, _STATUS] != _LIVE, best >= 0 and ints[best, _STATUS] != _LIVE
        if best < 0 or (spare and not other) or (spare == other and ints[k, _LAST] < ints[best, _LAST]):
            best = k
    if ints[best, _STATUS] == _LIVE:
        n = _put(d, 5, 2, known, ints[best], floats[best], out, values, n)
    ints[best, _STATUS], near[best] = _FREE, _FAR
    return best, n


@njit
def _expire(
    d: int, now: int, born: int, cause: int, known: int,
    meta: Array, near: Array, ints: Array, floats: Array, out: Array, values: Array, n: int,
) -> int:  # fmt: skip
    """End live pools born at bar `born` or before, or no longer valid `now`; note the next time to look."""
    oldest, expiry, nearest = meta[1], _FAR, _FAR
    for k in range(meta[_USED + d]):
        one = ints[k]
        if one[_STATUS] != _LIVE:
            continue
        if one[_BORN] <= born or one[_VALID_TO] <= now:
            n = _put(d, 5, cause, known, one, floats[k], out, values, n)
            one[_STATUS], near[k] = _FREE, _FAR
            continue
        oldest, expiry, nearest = min(oldest, one[_BORN]), min(expiry, one[_VALID_TO]), min(nearest, near[k])
    meta[_OLDEST + d], meta[_EXPIRY + d], meta[_NEAREST + d] = oldest, expiry, nearest
    return n


@njit
def _put(d: int, event: int, cause: int, known: int, one: Array, prices: Array, out: Array, values: Array, n: int) -> int:
    out[0, n], out[1, n], out[2, n], out[3, n] = one[_REF], known, one[_ID], event
    out[4, n], out[5, n], out[6, n], out[7, n] = d + 1, one[_MEMBERS], one[_SOURCE], cause
    values[0, n] = prices[_PRICE]
    values[1, n], values[2, n], values[3, n], values[4, n] = np.nan, np.nan, np.nan, np.nan
    return n + 1
