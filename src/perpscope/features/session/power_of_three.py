"""Power of three: the Asian range, the raid on one side of it, and the move through the other."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.sessions import SESSIONS, Session
from perpscope.core.table import Array, Column, Table, choice, price, row_schema
from perpscope.core.time import NULL_TS
from perpscope.core.units import Direction
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.schedule import bar_length, schedule_state, scheduled, windows_of
from perpscope.market.structure import ExpiryCause, at_least
from perpscope.numeric.jit import njit


class PowerOfThreeEvent(IntEnum):
    """OPENED: the range is final (accumulation). CONFIRMED: one side was swept (manipulation). FILLED: price traded
    beyond the other (distribution). BROKEN: a breakout without return. AMBIGUOUS: both sides were swept."""

    OPENED = 1
    CONFIRMED = 2
    FILLED = 3
    BROKEN = 4
    AMBIGUOUS = 5
    EXPIRED = 6


POWER_OF_THREE = row_schema(
    "power_of_three",
    Column("id", "id", "the night", "int64"),
    choice("event", PowerOfThreeEvent, "opened, confirmed, filled, broken, ambiguous or expired"),
    choice("direction", Direction, "where the distribution is expected: down after a raid on the high", mirror="flip"),
    price("high", "top of the Asian range", mirror="swap:low"),
    price("low", "bottom of the Asian range", mirror="swap:high"),
    price("judas_price", "how far the raid went; NaN where there is no direction"),
    choice("cause", ExpiryCause, "gap when a hole ended it; absent when the day did"),
)

_NEW_YORK = "America/New_York"
PHASES = (
    SESSIONS["asian_range"],
    Session.between("manipulation", _NEW_YORK, "00:00", "05:00"),
    Session.between("new_york_day", _NEW_YORK, "00:00", "17:00"),
)


@dataclass(frozen=True)
class PowerOfThreeParams:
    """sweep_bars: closes (1 to 3) within which price must return into the range for a raid to be a sweep."""

    sweep_bars: int = 1

    def __post_init__(self) -> None:
        at_least("power_of_three.sweep_bars", self.sweep_bars, 1)


class PowerOfThree(Feature):
    """Accumulation, manipulation, distribution over one New York night and day.

    Definition: accumulation is the range of 20:00-00:00 New York. Manipulation (the Judas swing): from 00:00 to 05:00
    one side is swept - a bar trades at least one tick beyond it and a close returns within `sweep_bars` closes.
    Distribution: later the same New York day, until 17:00, price trades beyond the other side. One episode: OPENED
    (range end) - CONFIRMED (the returning close; direction away from the raid) - FILLED. A breakout without return is
    BROKEN. Both sides swept before 05:00 is AMBIGUOUS and has no direction; a bar before 05:00 that *closes* beyond the
    other side is a distribution. What is left at 17:00 is EXPIRED. Disputed: the hours; Asia from 19:00 in some schools.
    On the nights of clock changes the manipulation lasts 4 or 6 hours.
    Units: price in quote currency. `ref_ts` = start of the range, `known_ts` = the close that shows it. A range with a
    missing or incomplete bar is not opened; a later hole expires it with cause gap. Needs bars of one hour or less.
    Source: STRUCTURE ST11.

    Example:
        >>> [phase.name for phase in PHASES]
        ['asian_range', 'manipulation', 'new_york_day']
    """

    Params = PowerOfThreeParams
    spec = FeatureSpec(
        name="power_of_three",
        title="Power of three",
        inputs=("bars",),
        output=POWER_OF_THREE,
        source="STRUCTURE ST11",
        shape="zone",
        pane="price",
        episodes=True,
    )

    @cached_property
    def phases(self) -> tuple[Session, ...]:
        bar_length("power_of_three", self.frame)
        return PHASES

    def start(self, instrument: Instrument) -> State:
        return {
            "tick": instrument.tick_size,
            "schedule": schedule_state(),
            "night": np.array([NULL_TS, 0, NULL_TS, 0, 0, 0]) if self.phases else np.empty(0),
            "prices": np.full(4, np.nan),  # the range, and how far price went beyond either side
        }

    def fold(self, state: State, batch: Batch) -> Table:
        bars = batch["bars"]
        if not len(bars):
            return POWER_OF_THREE.empty()
        make = windows_of(self.phases)
        times, first = scheduled(state["schedule"], make, int(bars["ref_ts"][0]), int(bars["known_ts"][-1]))
        room = 4 * (times.shape[1] + 1)
        ints, floats = np.empty((6, room), np.int64), np.empty((3, room))
        n = _night_kernel(
            bars["ref_ts"], bars["known_ts"], bars["complete"], bars["high"], bars["low"], bars["close"],
            times[0], times[1], first, state["tick"], self.params.sweep_bars, state["night"], state["prices"], ints, floats,
        )  # fmt: skip
        if n == 0:
            return POWER_OF_THREE.empty()
        return Table.of(
            POWER_OF_THREE,
            ref_ts=ints[0, :n], known_ts=ints[1, :n], id=ints[2, :n], event=ints[3, :n], direction=ints[4, :n],
            cause=ints[5, :n], high=floats[0, :n], low=floats[1, :n], judas_price=floats[2, :n],
        )  # fmt: skip


# a night: start of its range (NULL_TS when there is none), phase, next bar, bars since either side was left, direction
_START, _PHASE, _NEXT, _OUT, _DIRECTION = 0, 1, 2, 3, 5
_BUILDING, _WAITING, _CONFIRMED = 1, 2, 3


@njit
def _night_kernel(
    ref_ts: Array, known_ts: Array, complete: Array, high: Array, low: Array, close: Array,
    starts: Array, ends: Array, first: Array, tick: float, patience: int,
    night: Array, prices: Array, out: Array, values: Array,
) -> int:  # fmt: skip
    n = 0
    at = first[:-1].copy()
    for i in range(ref_ts.size):
        for k in range(3):
            while at[k] < first[k + 1] and ends[at[k]] <= ref_ts[i]:
                at[k] += 1
        if night[_START] != -(2**63) and (ref_ts[i] != night[_NEXT] or not complete[i]):
            if night[_PHASE] > _BUILDING:
                n = _put(night, prices, 6, 3, known_ts[i], out, values, n)
            night[_START] = -(2**63)
        if at[0] < first[1] and ref_ts[i] == starts[at[0]] and complete[i]:
            night[_START], night[_PHASE], night[_OUT], night[_OUT + 1], night[_DIRECTION] = ref_ts[i], _BUILDING, 0, 0, 0
            prices[0], prices[1], prices[2], prices[3] = high[i], low[i], np.nan, np.nan
        if night[_START] == -(2**63):
            continue
        night[_NEXT] = known_ts[i]
        if night[_PHASE] == _BUILDING:
            prices[0], prices[1] = max(prices[0], high[i]), min(prices[1], low[i])
            if known_ts[i] >= ends[at[0]]:
                night[_PHASE] = _WAITING
                n = _put(night, prices, 1, 0, known_ts[i], out, values, n)
            continue
        early = at[1] < first[2] and starts[at[1]] <= ref_ts[i]
        event = 0
        if night[_PHASE] == _WAITING and early:
            event = _raid(high[i], low[i], close[i], tick, patience, night, prices)
        elif night[_PHASE] == _CONFIRMED:
            event = _distribution(high[i], low[i], close[i], tick, early, night, prices)
        if event > 0:
            if event == 5:
                night[_DIRECTION] = 0
            n = _put(night, prices, event, 0, known_ts[i], out, values, n)
            if event == 2:
                night[_PHASE] = _CONFIRMED
            else:
                night[_START] = -(2**63)
                continue
        # the day that holds this bar is over with it
        if at[2] == first[3] or starts[at[2]] > ref_ts[i] or known_ts[i] >= ends[at[2]]:
            n = _put(night, prices, 6, 0, known_ts[i], out, values, n)
            night[_START] = -(2**63)
    return n


@njit
def _raid(high: float, low: float, close: float, tick: float, patience: int, night: Array, prices: Array) -> int:
    """What a bar before 05:00 does to a range that still waits: 0 nothing, 2 confirmed, 4 broken, 5 ambiguous."""
    swept, broken = 0, 0
    for d in range(2):
        sign = 1.0 - 2.0 * d
        edge, reach = np.rint(prices[d] / tick), np.rint((high if d == 0 else low) / tick)
        if night[_OUT + d] == 0 and sign * (reach - edge) < 1.0:
            continue
        night[_OUT + d] += 1
        extreme = high if d == 0 else low
        if np.isnan(prices[2 + d]) or sign * (extreme - prices[2 + d]) > 0.0:
            prices[2 + d] = extreme
        if sign * (np.rint(close / tick) - edge) <= 0.0:
            swept += 1
            night[_DIRECTION] = 2 - d
        elif night[_OUT + d] >= patience:
            broken += 1
    if swept == 2:
        return 5
    if broken > 0:
        night[_DIRECTION] = 0
        return 4
    return 2 if swept == 1 else 0


@njit
def _distribution(high: float, low: float, close: float, tick: float, early: bool, night: Array, prices: Array) -> int:
    """What a bar does after the raid: 0 nothing, 3 filled, 5 ambiguous (the other side swept too, before 05:00)."""
    d = 2 - night[_DIRECTION]  # the side that was raided: 0 the high, 1 the low
    other = 1 - d
    sign = 1.0 - 2.0 * other
    edge, reach = np.rint(prices[other] / tick), np.rint((high if other == 0 else low) / tick)
    if sign * (reach - edge) < 1.0:
        return 0
    returned = sign * (np.rint(close / tick) - edge) <= 0.0
    return 5 if early and returned else 3


@njit
def _put(night: Array, prices: Array, event: int, cause: int, known: int, out: Array, values: Array, n: int) -> int:
    out[0, n], out[1, n], out[2, n], out[3, n] = night[_START], known, night[_START] // 1_000_000 * 8, event
    out[4, n], out[5, n] = night[_DIRECTION], cause
    values[0, n], values[1, n] = prices[0], prices[1]
    values[2, n] = np.nan if night[_DIRECTION] == 0 else prices[4 - night[_DIRECTION]]
    return n + 1
