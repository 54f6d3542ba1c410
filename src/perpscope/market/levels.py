"""The life of a price level that waits to be traded again: opened, filled by the first bar that covers it, or expired."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from perpscope.core.fold import State
from perpscope.core.table import Array, Column, Schema, Table, choice, price, row_schema
from perpscope.core.time import NULL_TS
from perpscope.market.structure import ExpiryCause, follows
from perpscope.numeric.jit import njit


class LevelEvent(IntEnum):
    """What happened to a level."""

    OPENED = 1
    FILLED = 2
    EXPIRED = 3


def level_schema(name: str, *more: Column) -> Schema:
    """The columns every waiting level has, and the feature's own."""
    return row_schema(
        name,
        Column("id", "id", "the level", "int64"),
        choice("event", LevelEvent, "opened, filled or expired"),
        price("price", "the level"),
        choice("cause", ExpiryCause, "why an expired level left: age, crowded or gap"),
        *more,
    )


@njit
def level_id(ref_ts: int, tick: int, code: int) -> int:
    """An id from what the level is about: its time in ms (41 bits), its tick modulo 2^20, a code 0..3."""
    return (ref_ts // 1_000_000 << 22) | ((tick & 0xFFFFF) << 2) | code


def level_state(tick_size: float, max_live: int) -> State:
    """No live level; at most `max_live` at a time."""
    return {
        "tick": tick_size,
        "meta": np.array([NULL_TS, 0, 0]),  # last close, bars seen, live levels
        "levels": np.zeros((max_live, 5), np.int64),  # tick, born, ref_ts, id, code; the oldest first
        "prices": np.zeros(max_live),
    }


def live_levels(state: State, bars: Table, born: Array, born_price: Array, max_age: int) -> tuple[Array, Array, int]:
    """Advance all levels over the bars and open the new ones.

    Inputs: `born` (n, 5) int64: known_ts, tick, ref_ts, id, code, ordered by known_ts; `born_price` (n,). A level is
    opened after the bars that close at its known_ts, so its own bar does not fill it. A hole in the bars, or an
    incomplete bar, expires all: nobody knows whether they were traded.
    Returns: rows (m, 6) int64: ref_ts, known_ts, id, event, cause, code; their prices; and m.
    """
    room = 2 * len(born) + int(state["meta"][2]) + 1
    out, out_price = np.empty((room, 6), np.int64), np.empty(room)
    n = _level_kernel(
        bars["ref_ts"], bars["known_ts"], bars["complete"], bars["high"], bars["low"], state["tick"], max_age,
        born, born_price, state["meta"], state["levels"], state["prices"], out, out_price,
    )  # fmt: skip
    return out[:n], out_price[:n], n


def level_table(schema: Schema, out: Array, prices: Array, **more: Array) -> Table:
    """The rows as a table of a `level_schema`."""
    return Table.of(
        schema, ref_ts=out[:, 0], known_ts=out[:, 1], id=out[:, 2], event=out[:, 3], cause=out[:, 4], price=prices, **more
    )


@njit
def _put(known: int, event: int, cause: int, level: Array, price: float, out: Array, out_price: Array, n: int) -> int:
    out[n, 0], out[n, 1], out[n, 2], out[n, 3], out[n, 4], out[n, 5] = level[2], known, level[3], event, cause, level[4]
    out_price[n] = price
    return n + 1


@njit
def _level_kernel(
    ref: Array, known: Array, complete: Array, high: Array, low: Array, tick: float, max_age: int,
    born: Array, born_price: Array, meta: Array, levels: Array, prices: Array, out: Array, out_price: Array,
) -> int:  # fmt: skip
    n, b = 0, 0
    for i in range(ref.size):
        if not complete[i]:
            continue
        while b < born.shape[0] and born[b, 0] < known[i]:
            n = _open(born[b], born_price[b], meta, levels, prices, out, out_price, n)
            b += 1
        whole = follows(ref[i], meta)
        meta[0] = known[i]
        meta[1] += 1
        lowest, highest = np.int64(np.rint(low[i] / tick)), np.int64(np.rint(high[i] / tick))
        kept = 0
        for k in range(meta[2]):
            event, cause = 0, 0
            if not whole:
                event, cause = 3, 3
            elif lowest <= levels[k, 0] <= highest:
                event = 2
            elif meta[1] - levels[k, 1] > max_age:
                event, cause = 3, 1
            if event > 0:
                n = _put(known[i], event, cause, levels[k], prices[k], out, out_price, n)
                continue
            if kept != k:
                levels[kept], prices[kept] = levels[k], prices[k]
            kept += 1
        meta[2] = kept
    while b < born.shape[0]:
        n = _open(born[b], born_price[b], meta, levels, prices, out, out_price, n)
        b += 1
    return n


@njit
def _open(new: Array, price: float, meta: Array, levels: Array, prices: Array, out: Array, out_price: Array, n: int) -> int:
    """Add a level at the end, crowding out the oldest if there is no place left."""
    live = meta[2]
    if live == prices.size:
        n = _put(new[0], 3, 2, levels[0], prices[0], out, out_price, n)
        for k in range(live - 1):
            levels[k], prices[k] = levels[k + 1], prices[k + 1]
        live -= 1
    levels[live, 0], levels[live, 1], levels[live, 2] = new[1], meta[1], new[2]
    levels[live, 3], levels[live, 4] = new[3], new[4]
    prices[live] = price
    meta[2] = live + 1
    return _put(new[0], 1, 0, levels[live], price, out, out_price, n)
