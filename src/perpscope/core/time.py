"""Time is int64 nanoseconds UTC; ranges are half-open; a time frame knows where its bars begin."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from perpscope.core.errors import UserError, unknown_name

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY
YEAR = 365 * DAY  # statistics use the 365-day year

NULL_TS = -(2**63)
"""An absent timestamp. Absent is never 0."""

_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": WEEK}
_MONDAY = 4 * DAY  # 1970-01-05, so that weekly bars open on Monday 00:00 UTC
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OLDEST, _YOUNGEST = 1_230_768_000 * SECOND, 4_102_444_800 * SECOND  # 2009 .. 2100


@dataclass(frozen=True, order=True)
class Timeframe:
    """The length of a bar. A bar opened at `t` covers `[t, t + ns)`.

    Example:
        >>> Timeframe.parse("4h").floor(parse_ts("2024-08-05T14:30Z")) == parse_ts("2024-08-05T12:00Z")
        True
    """

    ns: int
    name: str

    @classmethod
    def parse(cls, text: str) -> Timeframe:
        """Read '1m', '15m', '4h', '1d', '1w'.

        Raises:
            UserError: for anything else, or a length that does not tile its parent (7m, 5h).
        """
        found = re.fullmatch(r"(\d{1,4})([smhdw])", text.strip())
        if not found or int(found[1]) == 0:
            raise unknown_name(
                "time frame", text, ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "8h", "12h", "1d", "1w")
            )
        ns = int(found[1]) * _UNITS[found[2]]
        parent = {"s": MINUTE, "m": HOUR, "h": DAY}.get(found[2])
        if parent and ns < parent and parent % ns:
            raise UserError(
                f"A time frame of {text} does not divide its parent evenly, so its bars would drift. Choose one that does."
            )
        return cls(ns, _frame_name(ns))

    def floor(self, ts: int) -> int:
        """The open of the bar that holds `ts`."""
        offset = _MONDAY if self.ns % WEEK == 0 else 0
        return (ts - offset) // self.ns * self.ns + offset

    def close(self, ts: int) -> int:
        """The close of the bar that holds `ts`."""
        return self.floor(ts) + self.ns

    def next(self, ts: int) -> int:
        """The first bar open not before `ts`."""
        floor = self.floor(ts)
        return floor if floor == ts else floor + self.ns

    def __str__(self) -> str:
        return self.name


def _frame_name(ns: int) -> str:
    for suffix, unit in (("w", WEEK), ("d", DAY), ("h", HOUR), ("m", MINUTE)):
        if ns % unit == 0:
            return f"{ns // unit}{suffix}"
    return f"{ns // SECOND}s"


def parse_ts(text: str) -> int:
    """ISO 8601 to ns; a bare date is midnight; without a zone the text is refused, because it is ambiguous.

    Raises:
        UserError: if the text is no date, or has a clock time without a zone.

    Example:
        >>> parse_ts("2024-08-05T14:00Z")
        1722866400000000000
    """
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UserError(f"'{text}' is not a date. Write it like 2024-08-05 or 2024-08-05T14:00Z.") from None
    if when.tzinfo is None:
        if "T" in text or ":" in text:
            raise UserError(f"'{text}' has no time zone. Write {text}Z for UTC, or add an offset such as +02:00.")
        when = when.replace(tzinfo=UTC)
    gap = when - _EPOCH
    return (gap.days * 86_400 + gap.seconds) * SECOND + gap.microseconds * 1_000


def parse_span(text: str) -> int:
    """A length of time such as '14d', '36h', '90m' in ns.

    Raises:
        UserError: if it is not a whole positive number with one of the units s m h d w.
    """
    found = re.fullmatch(r"(\d{1,6})([smhdw])", text.strip())
    if not found or int(found[1]) == 0:
        raise UserError(f"'{text}' is not a length of time. Write a number and a unit: 90m, 36h, 14d, 8w.")
    return int(found[1]) * _UNITS[found[2]]


def format_ts(ts: int) -> str:
    """ns to '2024-08-05 14:00 UTC'; seconds and fractions only where there are any.

    Example:
        >>> format_ts(parse_ts("2024-08-05T14:00Z"))
        '2024-08-05 14:00 UTC'
    """
    if ts == NULL_TS:
        return "unknown"
    when = _EPOCH + timedelta(microseconds=ts // 1_000)
    tail = when.strftime(":%S") if when.second or when.microsecond else ""
    if when.microsecond:
        tail += f".{when.microsecond:06d}".rstrip("0")
    return when.strftime("%Y-%m-%d %H:%M") + tail + " UTC"


def to_datetime(ts: int) -> datetime:
    """ns to an aware datetime (microsecond resolution), for calendars and pictures only."""
    return _EPOCH + timedelta(microseconds=ts // 1_000)


def plausible(ts: int) -> bool:
    """Whether `ts`, read as ns, lies between 2009 and 2100: the check that catches ms and us taken for ns."""
    return _OLDEST <= ts <= _YOUNGEST


@dataclass(frozen=True)
class TimeRange:
    """A half-open stretch of time [start, end) in ns."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise UserError(f"The range ends ({format_ts(self.end)}) before it begins ({format_ts(self.start)}).")

    def __contains__(self, ts: int) -> bool:
        return self.start <= ts < self.end
