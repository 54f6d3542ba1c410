"""The high, low, open and close of the previous day, week and month, under three definitions of the day."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.sessions import DayDefinition, Period, period_edges
from perpscope.core.table import Array, Table, choice, price, row_schema, ts
from perpscope.core.time import DAY, HOUR, NULL_TS
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.schedule import Windows, bar_length, names_of, schedule_state, scheduled
from perpscope.numeric.jit import njit


class LevelKind(IntEnum):
    """Which price of the period."""

    HIGH = 1
    LOW = 2
    OPEN = 3
    CLOSE = 4


LEVELS = row_schema(
    "levels",
    choice("period", Period, "day, week or month"),
    choice("day_definition", DayDefinition, "when its days begin: 00:00 UTC, 17:00 or 00:00 New York"),
    choice("kind", LevelKind, "high, low, open or close", mirror="flip"),
    price("price", "the level"),
    ts("valid_from", "end of the period; ref_ts is its start"),
    ts("valid_to", "end of the next period, when another level takes over"),
)

DAYS = tuple(d.name.lower() for d in DayDefinition)
PERIODS = tuple(p.name.lower() for p in Period)


@dataclass(frozen=True)
class LevelParams:
    """days: definitions of the day, periods: day, week, month; both separated by commas."""

    days: str = "utc,new_york_17,new_york_00"
    periods: str = "day,week,month"

    def __post_init__(self) -> None:
        names_of("levels", "day definition", self.days, DAYS)
        names_of("levels", "period", self.periods, PERIODS)


class Levels(Feature):
    """Levels of the previous day, week and month.

    Definition: when a period ends, its high, low, open and close become levels, valid until the next one ends. Days
    begin at 00:00 UTC, at 17:00 New York (named after the date on which they end) or at 00:00 New York; weeks begin
    with the day named Monday, months with the day named the first. Disputed: which of these is "the" day; all are kept,
    named in the row. A bar that opens exactly at the boundary belongs to the new period and already sees the old one's
    levels (smartmoneyconcepts compares it with the period before last). A period with a missing or incomplete bar, such
    as the first one of the data, gives no level.
    Units: price in quote currency. `ref_ts` = start of the period, `known_ts` = its end. Needs bars of one hour or less,
    or of one day or less when only the UTC day is asked for.
    Source: STRUCTURE ST9.

    Example:
        >>> Levels(LevelParams(days="utc"), frame="4h").start(Instrument("demo", "X"))["ints"].shape
        (3, 4)
    """

    Params = LevelParams
    spec = FeatureSpec(
        name="levels",
        title="Previous day, week and month",
        inputs=("bars",),
        output=LEVELS,
        source="STRUCTURE ST9",
        shape="line",
        pane="price",
    )

    @cached_property
    def clocks(self) -> list[tuple[DayDefinition, Period]]:
        days = names_of("levels", "day definition", self.params.days, DAYS)
        periods = names_of("levels", "period", self.params.periods, PERIODS)
        bar_length("levels", self.frame, DAY if days == ["utc"] else HOUR)
        return [(DayDefinition[d.upper()], Period[p.upper()]) for d in days for p in periods]

    def start(self, instrument: Instrument) -> State:
        count = len(self.clocks)
        return {
            "schedule": schedule_state(),
            "ints": np.tile(np.array([NULL_TS, NULL_TS, NULL_TS, 0]), (count, 1)),
            "floats": np.full((count, 4), np.nan),
        }

    def fold(self, state: State, batch: Batch) -> Table:
        bars = batch["bars"]
        if not len(bars):
            return LEVELS.empty()
        times, first = scheduled(state["schedule"], self._periods, int(bars["ref_ts"][0]), int(bars["known_ts"][-1]))
        room = 4 * (times.shape[1] + len(self.clocks))
        ints, prices = np.empty((6, room), np.int64), np.empty(room)
        n = _level_kernel(
            bars["ref_ts"], bars["known_ts"], bars["complete"], bars["open"], bars["high"], bars["low"], bars["close"],
            times[0], times[1], first, state["ints"], state["floats"], ints, prices,
        )  # fmt: skip
        if n == 0:
            return LEVELS.empty()
        clocks = np.array(self.clocks, np.int64)[ints[2, :n]]
        return Table.of(
            LEVELS,
            ref_ts=ints[0, :n], known_ts=ints[1, :n], period=clocks[:, 1], day_definition=clocks[:, 0], kind=ints[3, :n],
            price=prices[:n], valid_from=ints[4, :n], valid_to=ints[5, :n],
        )  # fmt: skip

    def _periods(self, start: int, end: int) -> list[tuple[Windows, Windows]]:
        edges = [period_edges(day, period, start, end) for day, period in self.clocks]
        return [(e[:-1], e[1:]) for e in edges]


# a period under way: its start (NULL_TS when none is), end, the open of the bar that should come next, whole
_START, _END, _NEXT, _WHOLE = range(4)


@njit
def _level_kernel(
    ref_ts: Array, known_ts: Array, complete: Array, open_: Array, high: Array, low: Array, close: Array,
    starts: Array, ends: Array, first: Array, ints: Array, floats: Array, out: Array, prices: Array,
) -> int:  # fmt: skip
    """Rows into `out` (ref_ts, known_ts, clock, kind, valid_from, valid_to) and `prices`; returns their number."""
    n = 0
    at = first[:-1].copy()
    for i in range(ref_ts.size):
        for k in range(at.size):
            one, four = ints[k], floats[k]
            while at[k] < first[k + 1] - 1 and ends[at[k]] <= ref_ts[i]:
                at[k] += 1
            if one[_START] != starts[at[k]]:
                one[_START], one[_END], one[_NEXT] = starts[at[k]], ends[at[k]], ref_ts[i]
                one[_WHOLE] = ref_ts[i] == one[_START]
                four[2], four[0], four[1] = open_[i], high[i], low[i]
            if ref_ts[i] != one[_NEXT] or not complete[i]:
                one[_WHOLE] = 0
            one[_NEXT] = known_ts[i]
            four[0], four[1], four[3] = max(four[0], high[i]), min(four[1], low[i]), close[i]
            if known_ts[i] == one[_END] and one[_WHOLE]:
                for kind in range(4):
                    out[0, n], out[1, n], out[2, n], out[3, n] = one[_START], known_ts[i], k, kind + 1
                    out[4, n], out[5, n] = one[_END], ends[at[k] + 1]
                    prices[n] = four[kind]
                    n += 1
    return n
