"""Opening ranges and the initial balance: the first minutes of a session, and what price does with them until its end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.instrument import Instrument
from perpscope.core.sessions import Session, SessionName
from perpscope.core.table import Array, Column, Table, choice, price, row_schema, ts
from perpscope.core.time import MINUTE, NULL_TS
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.schedule import bar_length, schedule_state, scheduled, sessions_of, windows_of
from perpscope.market.structure import ExpiryCause, Extreme
from perpscope.numeric.jit import njit


class OpeningRangeEvent(IntEnum):
    """OPENED: the range is final. SWEPT: traded beyond and closed back. BROKEN: closed beyond. EXTENDED: travelled on."""

    OPENED = 1
    SWEPT = 2
    BROKEN = 3
    EXTENDED = 4
    EXPIRED = 5


OPENING_RANGES = row_schema(
    "opening_ranges",
    Column("id", "id", "the range", "int64"),
    choice("event", OpeningRangeEvent, "opened, swept, broken, extended or expired"),
    choice("session", SessionName, "whose opening"),
    Column("minutes", "count", "length of the opening; 60 is the initial balance", "int64"),
    price("high", "top of the range", mirror="swap:low"),
    price("low", "bottom of the range", mirror="swap:high"),
    choice("side", Extreme, "which side was swept, broken or extended", mirror="flip"),
    Column("extension", "ratio", "heights of the range travelled beyond it: 0.5, 1 or 1.5; NaN for other events"),
    choice("cause", ExpiryCause, "gap when a hole ended it; absent when the session did"),
    ts("end_ts", "end of the session; ref_ts is its start"),
)

_EXTENSIONS = np.array([0.5, 1.0, 1.5])


@dataclass(frozen=True)
class OpeningRangeParams:
    """sessions: names, and minutes: lengths of the opening, both separated by commas."""

    sessions: str = "asia,london,new_york"
    minutes: str = "30,60"


class OpeningRanges(Feature):
    """Opening range and initial balance of each session, with sweeps, breaks and extensions.

    Definition: the high and low of the first `minutes` of a session (30; 60 is the initial balance; 5, 15 are usual),
    OPENED when they have passed. Until the session ends, each once per side: SWEPT (a bar trades at least one tick
    beyond and closes back), BROKEN (a bar closes beyond), EXTENDED (a bar trades 0.5, 1 or 1.5 heights of the range
    beyond it). At its end the range is EXPIRED. Disputed: the length; all that are asked for are kept. A length shorter
    than one bar, or not a whole number of bars, is left out; when none is left the feature refuses.
    Units: price in quote currency. `ref_ts` = start of the session, `known_ts` = the close that shows it. An opening with
    a missing or incomplete bar gives no range; a hole later ends it with cause gap.
    Source: STRUCTURE ST22.

    Example:
        >>> OpeningRanges(OpeningRangeParams(minutes="5,15,60"), frame="15m").lengths
        [15, 60]
    """

    Params = OpeningRangeParams
    spec = FeatureSpec(
        name="opening_ranges",
        title="Opening ranges",
        inputs=("bars",),
        output=OPENING_RANGES,
        source="STRUCTURE ST22",
        shape="zone",
        pane="price",
        episodes=True,
    )

    @cached_property
    def wanted(self) -> list[Session]:
        return sessions_of(self.spec.name, self.params.sessions, self.frame)

    @cached_property
    def lengths(self) -> list[int]:
        given = [part.strip() for part in self.params.minutes.split(",")]
        if not all(part.isdigit() and 0 < int(part) <= 240 for part in given):
            raise UserError(
                f"opening_ranges.minutes takes whole minutes up to 240, such as '30,60', not '{self.params.minutes}'."
            )
        step = bar_length(self.spec.name, self.frame)
        seen = [int(part) for part in given if not step or int(part) * MINUTE % step == 0]
        if not seen:
            raise UserError(
                f"No opening of {self.params.minutes} minutes is a whole number of {self.frame} bars. Use shorter bars."
            )
        return seen

    def start(self, instrument: Instrument) -> State:
        ranges = [(int(SessionName[s.name.upper()]), k, m) for k, s in enumerate(self.wanted) for m in self.lengths]
        return {
            "tick": instrument.tick_size,
            "schedule": schedule_state(),
            "ranges": np.array(ranges, np.int64),  # session code, its position among the windows, minutes
            "ints": np.tile(np.array([NULL_TS, 0, 0, 0, 0, 0, 0, 0]), (len(ranges), 1)),
            "floats": np.full((len(ranges), 2), np.nan),
        }

    def fold(self, state: State, batch: Batch) -> Table:
        bars = batch["bars"]
        if not len(bars):
            return OPENING_RANGES.empty()
        make = windows_of(self.wanted)
        times, first = scheduled(state["schedule"], make, int(bars["ref_ts"][0]), int(bars["known_ts"][-1]))
        # opened, swept, broken and three extensions on either side, expired
        room = 12 * len(self.lengths) * (times.shape[1] + len(self.wanted))
        ints, floats = np.empty((9, room), np.int64), np.empty((3, room))
        n = _opening_range_kernel(
            bars["ref_ts"], bars["known_ts"], bars["complete"], bars["high"], bars["low"], bars["close"],
            times[0], times[1], first, state["ranges"], state["tick"], _EXTENSIONS,
            state["ints"], state["floats"], ints, floats,
        )  # fmt: skip
        if n == 0:
            return OPENING_RANGES.empty()
        return Table.of(
            OPENING_RANGES,
            ref_ts=ints[0, :n], known_ts=ints[1, :n], id=ints[2, :n], event=ints[3, :n], session=ints[4, :n],
            minutes=ints[5, :n], side=ints[6, :n], cause=ints[7, :n], end_ts=ints[8, :n],
            high=floats[0, :n], low=floats[1, :n], extension=floats[2, :n],
        )  # fmt: skip


# a range: start of its session (NULL_TS when none is under way), end, next bar, phase; events seen, and ticks, on either side
_START, _END, _NEXT, _PHASE, _SEEN, _TICKS = 0, 1, 2, 3, 4, 6
_BUILDING, _FINAL = 1, 2


@njit
def _opening_range_kernel(
    ref_ts: Array, known_ts: Array, complete: Array, high: Array, low: Array, close: Array,
    starts: Array, ends: Array, first: Array, ranges: Array, tick: float, extensions: Array,
    ints: Array, floats: Array, out: Array, prices: Array,
) -> int:  # fmt: skip
    n = 0
    at = first[:-1].copy()
    for i in range(ref_ts.size):
        for k in range(at.size):
            while at[k] < first[k + 1] and ends[at[k]] <= ref_ts[i]:
                at[k] += 1
        top, bottom = np.int64(np.rint(high[i] / tick)), np.int64(np.rint(low[i] / tick))
        closed = np.int64(np.rint(close[i] / tick))
        for r in range(ranges.shape[0]):
            one, edge = ints[r], floats[r]
            k = ranges[r, 1]
            if one[_START] != -(2**63) and (ref_ts[i] != one[_NEXT] or not complete[i]):
                if one[_PHASE] == _FINAL:
                    n = _put(one, edge, ranges[r], 5, 0, np.nan, 3, known_ts[i], out, prices, n)
                one[_START] = -(2**63)
            if at[k] < first[k + 1] and starts[at[k]] == ref_ts[i] and complete[i]:
                one[_START], one[_END], one[_PHASE] = starts[at[k]], ends[at[k]], _BUILDING
                one[_SEEN], one[_SEEN + 1] = 0, 0
                edge[0], edge[1] = high[i], low[i]
            if one[_START] == -(2**63):
                continue
            one[_NEXT] = known_ts[i]
            if one[_PHASE] == _BUILDING:
                edge[0], edge[1] = max(edge[0], high[i]), min(edge[1], low[i])
                if known_ts[i] >= one[_START] + ranges[r, 2] * 60_000_000_000:
                    one[_PHASE] = _FINAL
                    one[_TICKS], one[_TICKS + 1] = np.int64(np.rint(edge[0] / tick)), np.int64(np.rint(edge[1] / tick))
                    n = _put(one, edge, ranges[r], 1, 0, np.nan, 0, known_ts[i], out, prices, n)
            else:
                if top > one[_TICKS]:
                    n = _meet(0, top, closed, known_ts[i], one, edge, ranges[r], extensions, out, prices, n)
                if bottom < one[_TICKS + 1]:
                    n = _meet(1, bottom, closed, known_ts[i], one, edge, ranges[r], extensions, out, prices, n)
            if known_ts[i] >= one[_END]:
                if one[_PHASE] == _FINAL:
                    n = _put(one, edge, ranges[r], 5, 0, np.nan, 0, known_ts[i], out, prices, n)
                one[_START] = -(2**63)
    return n


@njit
def _meet(
    d: int, reach: int, closed: int, known: int,
    one: Array, edge: Array, what: Array, extensions: Array, out: Array, prices: Array, n: int,
) -> int:  # fmt: skip
    """What a bar that trades beyond one side of a final range does; each event once, remembered as a bit."""
    sign = 1 - 2 * d
    beyond = sign * (reach - one[_TICKS + d])
    event = 3 if sign * (closed - one[_TICKS + d]) > 0 else 2
    if not one[_SEEN + d] & (1 << event):
        one[_SEEN + d] |= 1 << event
        n = _put(one, edge, what, event, d + 1, np.nan, 0, known, out, prices, n)
    height = one[_TICKS] - one[_TICKS + 1]
    for e in range(extensions.size):
        bit = 1 << (4 + e)
        if height > 0 and beyond >= extensions[e] * height and not one[_SEEN + d] & bit:
            one[_SEEN + d] |= bit
            n = _put(one, edge, what, 4, d + 1, extensions[e], 0, known, out, prices, n)
    return n


@njit
def _put(
    one: Array, edge: Array, what: Array, event: int, side: int, extension: float, cause: int, known: int,
    out: Array, prices: Array, n: int,
) -> int:  # fmt: skip
    out[0, n], out[1, n], out[3, n], out[4, n], out[5, n] = one[_START], known, event, what[0], what[2]
    out[2, n] = one[_START] // 1_000_000 * 8192 + what[0] * 256 + what[2]
    out[6, n], out[7, n], out[8, n] = side, cause, one[_END]
    prices[0, n], prices[1, n], prices[2, n] = edge[0], edge[1], extension
    return n + 1
