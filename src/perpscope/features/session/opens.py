"""Opening prices that traders watch: of the day, week and month, New York clock times, and every session."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.sessions import SESSIONS, DayDefinition, Period, SessionName, instants, period_edges, windows
from perpscope.core.table import Array, Table, choice, flag, price, row_schema, ts
from perpscope.core.time import DAY
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.schedule import Windows, bar_length, names_of, schedule_state, scheduled
from perpscope.numeric.jit import njit


class OpenName(IntEnum):
    """Which opening; SESSION is told further by the column `session`."""

    DAY = 1
    WEEK = 2
    MONTH = 3
    NEW_YORK_0000 = 4
    NEW_YORK_0830 = 5
    NEW_YORK_0930 = 6
    NEW_YORK_1700 = 7
    NEW_YORK_1800 = 8
    SESSION = 9


OPENS = row_schema(
    "opens",
    choice("name", OpenName, "which opening"),
    choice("session", SessionName, "the session of a session's open"),
    price("price", "first trade at or after the instant"),
    ts("valid_to", "when the next opening of this name takes over; ref_ts is the instant"),
    flag("synthetic", "no trade within one bar: the previous close instead"),
)

_CLOCKS = tuple(n.name.lower() for n in OpenName if n is not OpenName.SESSION)


@dataclass(frozen=True)
class OpenParams:
    """names: openings by the clock; sessions: sessions whose open is wanted. Both separated by commas, "" for none."""

    names: str = ",".join(_CLOCKS)
    sessions: str = "asia,london,new_york"

    def __post_init__(self) -> None:
        if self.names:
            names_of("opens", "opening", self.names, _CLOCKS)
        if self.sessions or not self.names:
            names_of("opens", "session", self.sessions, tuple(SESSIONS))


class Opens(Feature):
    """Day, week, month, New York and session opens.

    Definition: the open of the bar that begins at the instant: 00:00 UTC of the day, of Monday, of the first; New York
    00:00 ("midnight open"), 08:30, 09:30, 17:00 and 18:00; the start of each session. When that bar has no trade its
    open repeats the previous close and `synthetic` is true. When the bar is missing there is no row. An instant that
    lies inside a bar is left out: 08:30 needs bars of 30 minutes or less. Disputed: which open is "the" one; all are kept.
    Units: price in quote currency. `ref_ts` = the instant, `known_ts` = close of that bar, because a closed bar is all
    that is read here (the trade itself was known earlier).
    Source: STRUCTURE ST23.

    Example:
        >>> Opens(OpenParams(names="new_york_0000", sessions="")).params.names
        'new_york_0000'
    """

    Params = OpenParams
    spec = FeatureSpec(
        name="opens",
        title="Opens",
        inputs=("bars",),
        output=OPENS,
        source="STRUCTURE ST23",
        shape="line",
        pane="price",
    )

    @cached_property
    def wanted(self) -> list[tuple[OpenName, str]]:
        """Openings in the order of their codes, with the session's name for a session."""
        bar_length("opens", self.frame)
        clocks = names_of("opens", "opening", self.params.names, _CLOCKS) if self.params.names else []
        named = names_of("opens", "session", self.params.sessions, tuple(SESSIONS)) if self.params.sessions else []
        return [(OpenName[c.upper()], "") for c in clocks] + [(OpenName.SESSION, s) for s in named]

    def start(self, instrument: Instrument) -> State:
        codes = [(int(name), int(SessionName[session.upper()]) if session else 0) for name, session in self.wanted]
        return {"schedule": schedule_state(), "codes": np.array(codes, np.int64)}

    def fold(self, state: State, batch: Batch) -> Table:
        bars = batch["bars"]
        if not len(bars):
            return OPENS.empty()
        times, first = scheduled(state["schedule"], self._stretches, int(bars["ref_ts"][0]), int(bars["known_ts"][-1]))
        room = times.shape[1]
        ints, prices, synthetic = np.empty((4, room), np.int64), np.empty(room), np.empty(room, np.bool_)
        n = _open_kernel(
            bars["ref_ts"], bars["known_ts"], bars["open"], bars["volume"], times[0], times[1], first, ints, prices, synthetic
        )
        if n == 0:
            return OPENS.empty()
        codes = state["codes"][ints[2, :n]]
        return Table.of(
            OPENS,
            ref_ts=ints[0, :n], known_ts=ints[1, :n], name=codes[:, 0], session=codes[:, 1], price=prices[:n],
            valid_to=ints[3, :n], synthetic=synthetic[:n],
        )  # fmt: skip

    def _stretches(self, start: int, end: int) -> list[tuple[Windows, Windows]]:
        """From each opening to the next of its name."""
        return [_between(_openings(name, session, start, end), start, end) for name, session in self.wanted]


def _openings(name: OpenName, session: str, start: int, end: int) -> Windows:
    if name is OpenName.SESSION:
        return windows(session, start - 8 * DAY, end + 8 * DAY)[0]
    if name <= OpenName.MONTH:
        return period_edges(DayDefinition.UTC, Period(int(name)), start, end)
    clock = name.name.removeprefix("NEW_YORK_")
    return instants("America/New_York", f"{clock[:2]}:{clock[2:]}", start - 2 * DAY, end + 2 * DAY)


def _between(edges: Windows, start: int, end: int) -> tuple[Windows, Windows]:
    keep = (edges[1:] > start) & (edges[:-1] < end)
    return edges[:-1][keep], edges[1:][keep]


@njit
def _open_kernel(
    ref_ts: Array, known_ts: Array, open_: Array, volume: Array, starts: Array, ends: Array, first: Array,
    out: Array, prices: Array, synthetic: Array,
) -> int:  # fmt: skip
    """Rows into `out` (ref_ts, known_ts, opening, valid_to), `prices` and `synthetic`; returns their number."""
    n = 0
    at = first[:-1].copy()
    for i in range(ref_ts.size):
        for k in range(at.size):
            while at[k] < first[k + 1] and starts[at[k]] < ref_ts[i]:
                at[k] += 1
            if at[k] < first[k + 1] and starts[at[k]] == ref_ts[i]:
                out[0, n], out[1, n], out[2, n], out[3, n] = ref_ts[i], known_ts[i], k, ends[at[k]]
                prices[n], synthetic[n] = open_[i], volume[i] == 0.0
                n += 1
    return n
