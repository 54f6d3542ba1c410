"""Sessions: named stretches of the day, written in local time and evaluated in the zone where people keep them.

A fixed UTC hour is right for half of the year only. Here a window is (IANA zone, local start, local end); `windows`
turns it into half-open UTC ranges, one per local date, so that clock changes shift, shorten and lengthen it as they
do for the people who trade by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError, unknown_name
from perpscope.core.time import DAY, SECOND, parse_ts, to_datetime

Times = npt.NDArray[np.int64]

CME_TRADES_ALWAYS_SINCE = parse_ts("2026-05-29T21:00Z")
"""CME crypto futures trade without a nightly or weekend close from here on (announcement of 2026-02-19)."""

_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_MARGIN = 12  # days; more than the longest session and the way from a local to a UTC date

WEEKDAYS = (0, 1, 2, 3, 4)
EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)


class SessionName(IntEnum):
    """The sessions of STRUCTURE ST20, as codes for columns."""

    SYDNEY = 1
    ASIA = 2
    HONG_KONG = 3
    FRANKFURT = 4
    LONDON = 5
    NEW_YORK = 6
    US_EQUITIES = 7
    ASIAN_RANGE = 8
    KILL_ZONE_LONDON_OPEN = 9
    KILL_ZONE_NEW_YORK = 10
    KILL_ZONE_LONDON_CLOSE = 11
    SILVER_BULLET_1 = 12
    SILVER_BULLET_2 = 13
    SILVER_BULLET_3 = 14
    NEW_YORK_PM = 15
    WEEKEND = 16


@dataclass(frozen=True)
class Session:
    """A named window: local clock times in an IANA zone, half-open, perhaps across midnight.

    `start` and `end` are minutes after local midnight of the session's date, which is the local date of its start;
    an `end` of 1440 is midnight, more than that lies on a later date. `weekdays` (Monday 0) says on which dates it
    starts. `valid_from` and `valid_to` bound those dates, [from, to), None where open.

    Example:
        >>> Session.between("desk", "Europe/Zurich", "22:00", "02:00").end
        1560
    """

    name: str
    zone: str
    start: int
    end: int
    weekdays: tuple[int, ...] = EVERY_DAY
    valid_from: date | None = None
    valid_to: date | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.start < 1440 or not self.start < self.end <= self.start + 7 * 1440:
            raise UserError(f"Session '{self.name}' must start on its own day and end after it starts.")
        _zone(self.zone)

    @classmethod
    def between(cls, name: str, zone: str, start: str, end: str, weekdays: tuple[int, ...] = EVERY_DAY) -> Session:
        """From clock times such as '20:00' and '00:00'; an end not after the start lies on the next day.

        Raises:
            UserError: if a time is not HH:MM or the zone does not exist.
        """
        opens, closes = _minute(start), _minute(end)
        return cls(name, zone, opens, closes if closes > opens else closes + 1440, weekdays)


def _builtin() -> dict[str, Session]:
    new_york = "America/New_York"
    hours = (
        ("sydney", "Australia/Sydney", "10:00", "16:00", WEEKDAYS),
        ("asia", "Asia/Tokyo", "09:00", "18:00", EVERY_DAY),
        ("hong_kong", "Asia/Hong_Kong", "09:30", "16:00", WEEKDAYS),
        ("frankfurt", "Europe/Berlin", "09:00", "17:30", WEEKDAYS),
        ("london", "Europe/London", "08:00", "16:30", EVERY_DAY),
        ("new_york", new_york, "08:00", "17:00", EVERY_DAY),
        ("us_equities", new_york, "09:30", "16:00", WEEKDAYS),
        ("asian_range", new_york, "20:00", "00:00", EVERY_DAY),
        ("kill_zone_london_open", new_york, "02:00", "05:00", EVERY_DAY),
        ("kill_zone_new_york", new_york, "07:00", "10:00", EVERY_DAY),
        ("kill_zone_london_close", new_york, "10:00", "12:00", EVERY_DAY),
        ("silver_bullet_1", new_york, "03:00", "04:00", EVERY_DAY),
        ("silver_bullet_2", new_york, "10:00", "11:00", EVERY_DAY),
        ("silver_bullet_3", new_york, "14:00", "15:00", EVERY_DAY),
        ("new_york_pm", new_york, "13:30", "16:00", WEEKDAYS),
    )
    made = {name: Session.between(name, zone, start, end, days) for name, zone, start, end, days in hours}
    return made | {"weekend": Session("weekend", "UTC", 0, 2 * 1440, (5,))}


def session(name: str) -> Session:
    """The built-in session called `name`.

    Raises:
        UserError: if there is none, with the nearest name.
    """
    if name not in SESSIONS:
        raise unknown_name("session", name, SESSIONS)
    return SESSIONS[name]


def windows(of: Session | str, start: int, end: int) -> tuple[Times, Times]:
    """The windows of a session that overlap [start, end).

    Definition: local times become UTC with `fold = 0`; a time inside the skipped hour moves to the first instant
    that exists; a time inside the repeated hour is its first occurrence. A window that a skipped hour swallows
    whole is left out. Disputed: the hours themselves (ICT teachers differ), so a `Session` of one's own may be given.
    Inputs: `start`, `end` int64 ns UTC.
    Returns: (starts, ends), two int64 ns arrays of equal length, ascending. Boundaries are made once per zone, clock
    time and year, and kept.
    Raises: UserError for an unknown name.
    Source: STRUCTURE ST20; the IANA time zone database.

    Example:
        >>> from perpscope.core.time import MINUTE
        >>> starts, ends = windows("london", parse_ts("2026-03-30"), parse_ts("2026-03-31"))
        >>> [(int(t) - parse_ts("2026-03-30")) // MINUTE for t in (starts[0], ends[0])]
        [420, 930]
    """
    what = session(of) if isinstance(of, str) else of
    if end <= start:
        return _empty(), _empty()
    # the local date can differ from the UTC date by one, and a window can begin up to a week before it ends
    years = range(to_datetime(start - 9 * DAY).year, to_datetime(end + 2 * DAY).year + 1)
    parts = [_windows_of_year(what, year) for year in years]
    starts, ends = (np.concatenate([p[side] for p in parts]) for side in (0, 1))
    low = int(np.searchsorted(ends, start, side="right"))
    high = int(np.searchsorted(starts, end, side="left"))
    return starts[low:high], ends[low:high]


def instants(zone: str, clock: str, start: int, end: int) -> Times:
    """Every occurrence of a local clock time in [start, end), one per local date, int64 ns UTC.

    Example:
        >>> from perpscope.core.time import MINUTE
        >>> days = instants("America/New_York", "17:00", parse_ts("2026-03-07"), parse_ts("2026-03-10"))
        >>> np.diff(days).tolist() == [23 * 60 * MINUTE, 24 * 60 * MINUTE]
        True
    """
    minute = _minute(clock)
    years = range(to_datetime(start - 2 * DAY).year, to_datetime(end + 2 * DAY).year + 1)
    found = np.concatenate([_instants_of_year(zone, minute, year) for year in years])
    return found[np.searchsorted(found, start) : np.searchsorted(found, end)]


class DayDefinition(IntEnum):
    """When a day begins. NEW_YORK_17 days are named after the date on which they end."""

    UTC = 1
    NEW_YORK_17 = 2
    NEW_YORK_00 = 3


class Period(IntEnum):
    """A calendar stretch made of whole days of one definition."""

    DAY = 1
    WEEK = 2
    MONTH = 3


def period_edges(day: DayDefinition, period: Period, start: int, end: int) -> Times:
    """The first instants of all periods that overlap [start, end), and the end of the last: n + 1 edges of n periods.

    Definition: a day begins at 00:00 UTC, 17:00 or 00:00 New York; a week with the day named Monday (so the
    New York 17:00 week begins on Sunday 17:00); a month with the day named the first. Source: STRUCTURE ST9.

    Example:
        >>> from perpscope.core.time import MINUTE
        >>> edges = period_edges(DayDefinition.NEW_YORK_17, Period.DAY, parse_ts("2026-03-10"), parse_ts("2026-03-11"))
        >>> [(int(t) - parse_ts("2026-03-10")) // (60 * MINUTE) for t in edges]
        [-3, 21, 45]
    """
    years = range(to_datetime(start - 33 * DAY).year, to_datetime(end + 33 * DAY).year + 1)
    edges = np.concatenate([_edges_of_year(day, period, year) for year in years])
    low = max(0, int(np.searchsorted(edges, start, side="right")) - 1)
    high = int(np.searchsorted(edges, max(end, start + 1), side="left"))
    return edges[low : high + 1]


@lru_cache(maxsize=4096)
def _edges_of_year(day: DayDefinition, period: Period, year: int) -> Times:
    zone = "UTC" if day is DayDefinition.UTC else "America/New_York"
    evening = day is DayDefinition.NEW_YORK_17
    begins = _instants_of_year(zone, -7 * 60 if evening else 0, year)  # 17:00 of the date before
    if period is Period.DAY:
        return begins
    dates = _days_of_year(year)
    if period is Period.WEEK:
        return begins[_weekday(dates) == 0]
    firsts = [date(year, month, 1).toordinal() - _EPOCH_ORDINAL - int(dates[0]) for month in range(1, 13)]
    return begins[firsts]


@lru_cache(maxsize=4096)
def _windows_of_year(what: Session, year: int) -> tuple[Times, Times]:
    dates = _days_of_year(year)
    kept = np.isin(_weekday(dates), what.weekdays)
    if what.valid_from is not None:
        kept &= dates >= what.valid_from.toordinal() - _EPOCH_ORDINAL
    if what.valid_to is not None:
        kept &= dates < what.valid_to.toordinal() - _EPOCH_ORDINAL
    starts, ends = (_instants_of_year(what.zone, minute, year)[kept] for minute in (what.start, what.end))
    lasting = starts < ends
    return starts[lasting], ends[lasting]


@lru_cache(maxsize=4096)
def _instants_of_year(zone: str, minute: int, year: int) -> Times:
    """The instant `minute` minutes after each local midnight of the year; the zone is asked only near clock changes."""
    dates = _days_of_year(year)
    offsets, changes = _offsets_around(zone, year)
    shift = minute // 1440
    near = np.arange(len(dates)) + _MARGIN + shift
    made = (dates * 86_400 + minute * 60 - offsets[near]) * SECOND
    for i in np.flatnonzero(changes[near + 2] != changes[near - 1]):
        made[i] = local_to_utc(zone, date.fromordinal(int(dates[i]) + _EPOCH_ORDINAL), minute)
    made.setflags(write=False)
    return made


@lru_cache(maxsize=512)
def _offsets_around(zone: str, year: int) -> tuple[Times, Times]:
    """Seconds east of UTC at each UTC midnight of the year and a margin on either side, and the number of changes so far."""
    info = _zone(zone)
    dates = _days_of_year(year)
    midnights = range(int(dates[0]) - _MARGIN, int(dates[-1]) + _MARGIN + 1)
    offsets = np.array([_offset(datetime.fromtimestamp(d * 86_400, info).utcoffset()) for d in midnights], np.int64)
    return offsets, np.concatenate([[0], np.cumsum(offsets[1:] != offsets[:-1])])


def _days_of_year(year: int) -> Times:
    """Days since 1970-01-01 of every date of the year."""
    first, last = (date(y, 1, 1).toordinal() - _EPOCH_ORDINAL for y in (year, year + 1))
    return np.arange(first, last, dtype=np.int64)


def _weekday(dates: Times) -> Times:
    return (dates + 3) % 7  # 1970-01-01 was a Thursday


def local_to_utc(zone: str, day: date, minute: int) -> int:
    """The instant of a local clock time, ns UTC: `fold = 0`, and out of a skipped hour to the first that exists.

    Example:
        >>> local_to_utc("America/New_York", date(2026, 3, 8), 150) == parse_ts("2026-03-08T07:00Z")
        True
    """
    info = _zone(zone)
    local = datetime(day.year, day.month, day.day, tzinfo=info) + timedelta(minutes=minute)
    first, second = local.utcoffset(), local.replace(fold=1).utcoffset()
    assumed = _seconds(local.replace(tzinfo=UTC))
    before, after = _offset(first), _offset(second)
    utc = assumed - before
    if after > before:  # a skipped hour: bisect for the jump, after which the larger offset holds
        low, high = assumed - after, utc
        while high - low > 1:
            middle = (low + high) // 2
            if _offset(datetime.fromtimestamp(middle, info).utcoffset()) >= after:
                high = middle
            else:
                low = middle
        utc = high
    return utc * SECOND


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise UserError(f"There is no time zone '{name}'. Use an IANA name such as America/New_York.") from None


def _minute(clock: str) -> int:
    hours, colon, minutes = clock.partition(":")
    if not (colon and hours.isdigit() and minutes.isdigit() and int(hours) < 24 and int(minutes) < 60):
        raise UserError(f"'{clock}' is not a clock time. Write it like 09:30.")
    return int(hours) * 60 + int(minutes)


def _seconds(when: datetime) -> int:
    gap = when - datetime(1970, 1, 1, tzinfo=UTC)
    return gap.days * 86_400 + gap.seconds


def _offset(delta: timedelta | None) -> int:
    return 0 if delta is None else delta.days * 86_400 + delta.seconds


def _empty() -> Times:
    return np.empty(0, np.int64)


SESSIONS: dict[str, Session] = _builtin()
"""Every built-in session by name (STRUCTURE ST20). Hours of an exchange run Monday to Friday, conventions every day."""
