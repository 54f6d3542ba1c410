"""data.binance.vision: which file covers which days.

    <base>/data/futures/{um,cm}/{daily,monthly}/<set>/<symbol>[/<frame>]/<symbol>-<frame or set>-<day or month>.zip
    <base>/data/spot/{daily,monthly}/...

Beside every zip lies a `.CHECKSUM` with its SHA-256. A month's file appears in the first days of the next month, a day's on
the next day; an archive may be replaced later. Bars come by month where the whole month is wanted, else by day; trades by day
(a month of them is more than a gigabyte); metrics exist by day only, and funding by month only.

Source: github.com/binance/binance-public-data, README, read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from perpscope.core.time import DAY, to_datetime

BASE = "https://data.binance.vision"
ROOTS = {"binance": "futures/um", "binance_coinm": "futures/cm", "binance_spot": "spot"}


@dataclass(frozen=True)
class Archive:
    """One file: its path below the base, the days [start, end) that it covers, the options of the preset that reads it. `days`
    are the files that say the same by day, where there are any."""

    path: str
    start: int
    end: int
    options: Mapping[str, str] = field(default_factory=dict)
    days: tuple[Archive, ...] = ()

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class _Set:
    folder: str
    framed: bool
    daily: bool
    monthly: bool
    options: Mapping[str, str] = field(default_factory=dict)


SETS = {
    "bars": _Set("klines", True, True, True),
    "mark": _Set("markPriceKlines", True, True, True, {"kind": "mark"}),
    "trades": _Set("aggTrades", False, True, False),
    "oi": _Set("metrics", False, True, False),
    "funding": _Set("fundingRate", False, False, True),
}


def archives(venue: str, symbol: str, kind: str, frame: str, start: int, end: int) -> list[Archive]:
    """The files that hold a kind of [start, end), in order of time; none where the venue has no such archive.

    Example:
        >>> from perpscope.core.time import parse_ts
        >>> found = archives("binance", "BTCUSDT", "bars", "1h", parse_ts("2024-07-31"), parse_ts("2024-09-01"))
        >>> [a.path for a in found]
        ['data/futures/um/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2024-07-31.zip',
         'data/futures/um/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-08.zip']
    """
    if venue not in ROOTS or kind not in SETS or (venue == "binance_spot" and kind not in ("bars", "trades")):
        return []
    one = SETS[kind]
    prefix = f"data/{ROOTS[venue]}"
    tail = f"{one.folder}/{symbol}/{frame}/{symbol}-{frame}" if one.framed else f"{one.folder}/{symbol}/{symbol}-{one.folder}"

    def of_day(day: int) -> Archive:
        name = f"{prefix}/daily/{tail}-{to_datetime(day):%Y-%m-%d}.zip"
        return Archive(name, day, day + DAY, one.options)

    found: list[Archive] = []
    at = start // DAY * DAY
    while at < end:
        first, following = _month(at)
        whole = start <= first and following <= end
        if one.monthly and (whole or not one.daily):
            days = tuple(of_day(day) for day in range(first, following, DAY)) if one.daily else ()
            name = f"{prefix}/monthly/{tail}-{to_datetime(first):%Y-%m}.zip"
            found.append(Archive(name, first, following, one.options, days))
            at = following
        else:
            found.append(of_day(at))
            at += DAY
    return found


def _month(ts: int) -> tuple[int, int]:
    """The first instants of the month that holds `ts` and of the next."""
    first = to_datetime(ts).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = (first + timedelta(days=32)).replace(day=1)
    return _ns(first), _ns(following)


def _ns(when: datetime) -> int:
    return (when - datetime(1970, 1, 1, tzinfo=UTC)).days * DAY
