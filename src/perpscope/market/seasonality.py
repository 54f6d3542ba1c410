"""The season of the week: how large a measure usually is at a minute of the week, so that thresholds can be relative to it.

Three in the afternoon in New York is not three at night: a fixed or rolling threshold marks every US opening and no quiet
night. A feature that judges sizes keeps a `season_state`, asks `season_factor` at the minute it judges, divides by it, and
tells the season what it saw with `season_add`. The factor of a minute stands on weeks that had ended before, never on the
running one.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import unknown_name
from perpscope.core.table import Array
from perpscope.core.time import MINUTE, to_datetime
from perpscope.numeric.jit import njit

Times = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SLOTS = 7 * 24 * 60
WEEKS = 8
LEAST_WEEKS = 3
REACH = 7
"""Minutes on either side whose values count for a minute; the week is a circle."""

CLOCKS = {"new_york": "America/New_York", "utc": "UTC", "none": ""}
"""By which clock a week is divided. Three quarters of a year the two agree; around clock changes New York's fits better."""

_MONDAY = 4 * 24 * 60  # 1970-01-05 in minutes
_YEARS = (2009, 2060)
_NO_WEEK = -(2**62)


def one_season(what: str, given: str) -> None:
    """Check the name of a clock.

    Raises:
        UserError: if there is no such clock.
    """
    if given not in CLOCKS:
        raise unknown_name(what, given, CLOCKS)


@lru_cache(maxsize=4)
def _offsets(clock: str) -> tuple[Times, Times]:
    """Instants (ns) from which a zone keeps an offset (minutes) from UTC, found by halving between months."""
    zone = ZoneInfo(CLOCKS[clock])
    months = [int(np.datetime64(f"{y}-{m:02d}-01", "ns").astype(np.int64)) for y in range(*_YEARS) for m in range(1, 13)]

    def offset(ts: int) -> int:
        shift = to_datetime(ts).astimezone(zone).utcoffset()
        return 0 if shift is None else int(shift.total_seconds()) // 60

    starts, shifts = [int(np.iinfo(np.int64).min)], [offset(months[0])]
    for low, high in pairwise(months):
        a, b = low, high
        if offset(b) == shifts[-1]:
            continue
        while b - a > MINUTE:
            middle = a + (b - a) // (2 * MINUTE) * MINUTE
            a, b = (middle, b) if offset(middle) == shifts[-1] else (a, middle)
        starts.append(b)
        shifts.append(offset(b))
    return np.array(starts, np.int64), np.array(shifts, np.int64)


def season_minutes(ts: Times, clock: str) -> Times:
    """Minutes since a Monday 00:00 by the clock: // SLOTS is the week, % SLOTS the minute of the week.

    The hour that a clock change skips has no minutes, the repeated one has the same twice.

    Example:
        >>> from perpscope.core.time import parse_ts
        >>> monday = np.array([parse_ts("2024-08-05T13:30Z"), parse_ts("2024-12-02T14:30Z")])
        >>> (season_minutes(monday, "new_york") % SLOTS).tolist(), (season_minutes(monday, "utc") % SLOTS).tolist()
        ([570, 570], [810, 870])
    """
    if clock == "none":
        return np.zeros(len(ts), np.int64)
    starts, shifts = _offsets(clock)
    return ts // MINUTE + shifts[np.searchsorted(starts, ts, side="right") - 1] - _MONDAY


def season_state(clock: str) -> dict[str, Array]:
    """What a season remembers: of a fixed size, and empty for "none".

    `past` (WEEKS, SLOTS): mean of the measure in each minute of a week, NaN where nothing was seen; `running` (2, SLOTS):
    sum and count of the running week; `factor` (SLOTS); `marks`: [running week, next line of `past`, slots with a factor,
    first minute].
    """
    slots = 0 if clock == "none" else SLOTS
    return {
        "past": np.full((WEEKS, slots), np.nan),
        "running": np.zeros((2, slots)),
        "factor": np.ones(slots),
        "marks": np.array([_NO_WEEK, 0, 0, 0], np.int64),
    }


def season_arrays(state: dict[str, Array]) -> tuple[Array, Array, Array, Array]:
    """The state as the arguments that the kernels take last."""
    return state["past"], state["running"], state["factor"], state["marks"]


@njit
def season_factor(minute: int, past: Array, running: Array, factor: Array, marks: Array) -> float:
    """How large the measure usually is at this minute, against its mean over the week; 1 where that is not known.

    Definition: the median over the last 8 ended weeks, and over the minutes within 7 of this one, of the mean measure per
    minute; divided by the mean of these medians over all minutes that have one. A minute has one when at least 3 whole weeks
    have passed since the beginning and at least 3 weeks saw something within its reach. Holes are minutes in which nothing
    was seen: they count for nothing and age like others, and the season outlives them, because what a Tuesday is like does
    not change by our not looking.
    Units: a ratio. Source: ORDERFLOW OF28; measured there on three years of BTC volume.

    Example:
        >>> state = season_state("utc")
        >>> args = (state["past"], state["running"], state["factor"], state["marks"])
        >>> season_add(0, 0.0, *args)
        >>> for week, noon in enumerate((10.0, 14.0, 12.0)):
        ...     season_add(week * SLOTS + 720, noon, *args)
        ...     season_add(week * SLOTS + 2000, 0.0, *args)
        >>> float(season_factor(3 * SLOTS + 720, *args))
        2.0
    """
    if factor.size == 0:
        return 1.0
    if marks[0] != _NO_WEEK and minute // SLOTS != marks[0]:
        _turn(minute // SLOTS, past, running, factor, marks)
    return factor[minute % SLOTS]


@njit
def season_add(minute: int, value: float, past: Array, running: Array, factor: Array, marks: Array) -> None:
    """Tell the season a value of the measure; NaN is nothing seen. Minutes must not run back by a week or more."""
    if factor.size == 0 or value != value:
        return
    if minute // SLOTS != marks[0]:
        if marks[0] == _NO_WEEK:
            marks[3] = minute
        _turn(minute // SLOTS, past, running, factor, marks)
    running[0, minute % SLOTS] += value
    running[1, minute % SLOTS] += 1.0


@njit
def _turn(week: int, past: Array, running: Array, factor: Array, marks: Array) -> None:
    """End the running week and begin `week`; weeks that nobody saw leave empty lines."""
    if marks[0] != _NO_WEEK:
        if week < marks[0]:
            return  # a clock change can repeat Monday's first hour
        for k in range(min(week - marks[0], past.shape[0])):
            line = past[marks[1]]
            for m in range(SLOTS):
                seen = k == 0 and running[1, m] > 0
                line[m] = running[0, m] / running[1, m] if seen else np.nan
            marks[1] = (marks[1] + 1) % past.shape[0]
        running[:] = 0.0
        first = marks[3] // SLOTS + (0 if marks[3] % SLOTS <= REACH else 1)
        if week - first >= LEAST_WEEKS:
            _learn(past, factor, marks)
    marks[0] = week


@njit
def _learn(past: Array, factor: Array, marks: Array) -> None:
    """The factors from the ended weeks."""
    weeks = past.shape[0]
    near = np.empty(weeks * (2 * REACH + 1))
    total, known = 0.0, 0
    for m in range(SLOTS):
        n, seen_weeks = 0, 0
        for w in range(weeks):
            before = n
            for d in range(-REACH, REACH + 1):
                x = past[w, (m + d) % SLOTS]
                if x == x:
                    near[n] = x
                    n += 1
            if n > before:
                seen_weeks += 1
        factor[m] = np.nan
        if seen_weeks >= LEAST_WEEKS:
            values = np.sort(near[:n])
            factor[m] = (values[(n - 1) // 2] + values[n // 2]) * 0.5
            total += factor[m]
            known += 1
    marks[2] = known
    mean = total / known if known > 0 else 0.0
    for m in range(SLOTS):
        # a minute in which the measure is usually zero says nothing about size
        factor[m] = factor[m] / mean if mean > 0 and factor[m] > 0 else 1.0
