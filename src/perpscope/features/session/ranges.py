"""The range of each session: as it develops, bar by bar, and final at its end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.sessions import Session, SessionName
from perpscope.core.table import Array, Table, choice, flag, price, quantity, row_schema, ts
from perpscope.core.time import NULL_TS
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.schedule import schedule_state, scheduled, sessions_of, windows_of
from perpscope.numeric.jit import njit


class RangePhase(IntEnum):
    """DEVELOPING: the session is under way. FINAL: it has ended."""

    DEVELOPING = 1
    FINAL = 2


SESSION_RANGES = row_schema(
    "session_ranges",
    choice("session", SessionName, "which session"),
    choice("phase", RangePhase, "developing, or final at the end"),
    ts("end_ts", "end of the session; ref_ts is its start"),
    price("open", "first price of the session"),
    price("high", "highest price so far", mirror="swap:low"),
    price("low", "lowest price so far", mirror="swap:high"),
    price("close", "last price so far"),
    quantity("volume", "base units traded so far"),
    quantity("delta", "aggressive buys minus sells so far; NaN where the source does not say", mirror="negate"),
    price("vwap", "average of (high + low + close) / 3 of its bars, weighted by volume; NaN without volume"),
    flag("complete", "no bar of the session up to here is missing or holds a gap"),
)


@dataclass(frozen=True)
class RangeParams:
    """sessions: names, separated by commas (kill zones and silver bullet windows are sessions too)."""

    sessions: str = "asia,london,new_york"


class SessionRanges(Feature):
    """Open, high, low, close, volume, delta and average price of every session.

    Definition: a bar belongs to the window that holds its open; the window is evaluated in the session's own time
    zone (`core.sessions`), so it moves with the clock changes. One row per bar and session while it develops; the
    bar that reaches the end gives the FINAL row instead (if that bar is missing, the next one does, and the row is
    not complete). Disputed: the hours; a fixed "UTC 08:00-16:30" for London is an hour late all summer.
    Units: price in quote currency, quantities in base units. `ref_ts` = start of the window, `known_ts` = close of
    the bar. Works on bars of one hour or less; a window that is not a whole number of bars keeps the bar that
    straddles its end, and is final with it.
    Source: STRUCTURE ST20, ST22.

    Example:
        >>> SessionRanges(RangeParams(sessions="london")).params.sessions
        'london'
    """

    Params = RangeParams
    spec = FeatureSpec(
        name="session_ranges",
        title="Session ranges",
        inputs=("bars",),
        output=SESSION_RANGES,
        source="STRUCTURE ST22",
        shape="line",
        pane="price",
    )
    exempt: ClassVar[dict[str, str]] = {
        "gap": "a session that holds a hole is still that session; its rows say complete = false from there on"
    }

    @cached_property
    def wanted(self) -> list[Session]:
        return sessions_of(self.spec.name, self.params.sessions, self.frame)

    def start(self, instrument: Instrument) -> State:
        kinds = len(self.wanted)
        return {
            "schedule": schedule_state(),
            "codes": np.array([SessionName[one.name.upper()] for one in self.wanted], np.int64),
            "ints": np.tile(np.array([NULL_TS, NULL_TS, NULL_TS, 0]), (kinds, 1)),
            "floats": np.full((kinds, 7), np.nan),
        }

    def fold(self, state: State, batch: Batch) -> Table:
        bars = batch["bars"]
        if not len(bars):
            return SESSION_RANGES.empty()
        make = windows_of(self.wanted)
        times, first = scheduled(state["schedule"], make, int(bars["ref_ts"][0]), int(bars["known_ts"][-1]))
        room = 2 * len(bars) * len(self.wanted)
        ints, floats = np.empty((6, room), np.int64), np.empty((7, room))
        n = _range_kernel(
            bars["ref_ts"], bars["known_ts"], bars["complete"], bars["open"], bars["high"], bars["low"], bars["close"],
            bars["volume"], bars["buy_volume"], bars["sell_volume"], times[0], times[1], first, state["codes"],
            state["ints"], state["floats"], ints, floats,
        )  # fmt: skip
        if n == 0:
            return SESSION_RANGES.empty()
        return Table.of(
            SESSION_RANGES,
            ref_ts=ints[0, :n], known_ts=ints[1, :n], session=ints[2, :n], phase=ints[3, :n], end_ts=ints[4, :n],
            complete=ints[5, :n], open=floats[0, :n], high=floats[1, :n], low=floats[2, :n], close=floats[3, :n],
            volume=floats[4, :n], delta=floats[5, :n], vwap=floats[6, :n],
        )  # fmt: skip


# integers of a session under way: start (NULL_TS when none is), end, the open of the bar that should come next, whole
_START, _END, _NEXT, _WHOLE = range(4)


@njit
def _range_kernel(
    ref_ts: Array, known_ts: Array, complete: Array, open_: Array, high: Array, low: Array, close: Array,
    volume: Array, buys: Array, sells: Array, starts: Array, ends: Array, first: Array, codes: Array,
    ints: Array, floats: Array, out: Array, values: Array,
) -> int:  # fmt: skip
    """Rows into `out` (ref_ts, known_ts, session, phase, end_ts, complete) and `values`; returns their number."""
    n = 0
    at = first[:-1].copy()
    for i in range(ref_ts.size):
        for k in range(codes.size):
            one, sums = ints[k], floats[k]
            if one[_START] != -(2**63) and ref_ts[i] >= one[_END]:
                one[_WHOLE] = 0
                n = _put(one, sums, codes[k], 2, known_ts[i], out, values, n)
                one[_START] = -(2**63)
            while at[k] < first[k + 1] and ends[at[k]] <= ref_ts[i]:
                at[k] += 1
            if at[k] == first[k + 1] or starts[at[k]] > ref_ts[i]:
                continue
            if one[_START] == -(2**63):
                one[_START], one[_END] = starts[at[k]], ends[at[k]]
                one[_WHOLE] = ref_ts[i] - one[_START] < known_ts[i] - ref_ts[i]
                one[_NEXT] = ref_ts[i]
                sums[0], sums[1], sums[2] = open_[i], high[i], low[i]
                sums[4], sums[5], sums[6] = 0.0, 0.0, 0.0
            if ref_ts[i] != one[_NEXT] or not complete[i]:
                one[_WHOLE] = 0
            one[_NEXT] = known_ts[i]
            sums[1], sums[2], sums[3] = max(sums[1], high[i]), min(sums[2], low[i]), close[i]
            sums[4] += volume[i]
            sums[5] += buys[i] - sells[i]
            sums[6] += volume[i] * (high[i] + low[i] + close[i]) / 3.0
            ended = known_ts[i] >= one[_END]
            n = _put(one, sums, codes[k], 2 if ended else 1, known_ts[i], out, values, n)
            if ended:
                one[_START] = -(2**63)
    return n


@njit
def _put(one: Array, sums: Array, code: int, phase: int, known: int, out: Array, values: Array, n: int) -> int:
    out[0, n], out[1, n], out[2, n], out[3, n], out[4, n], out[5, n] = one[0], known, code, phase, one[1], one[3]
    for c in range(6):
        values[c, n] = sums[c]
    values[6, n] = sums[6] / sums[4] if sums[4] > 0.0 else np.nan
    return n + 1
