"""Binance's REST history: the answers are those of the streams and archives in other brackets, and are read by the same code.

Bars are asked as the venue states them, with the volume of aggressive buyers, which ccxt's unified bars leave out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import numpy as np

from perpscope.core.events import BARS, MARK_BARS, OPEN_INTEREST
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR, MINUTE, NULL_TS, Timeframe
from perpscope.venues.binance.product import COIN_M
from perpscope.venues.closed_bar import Candle, values
from perpscope.venues.history.client import ask
from perpscope.venues.history.rows import closed_bars
from perpscope.venues.numbers import Ident, Price, Quantity, decoder, read
from perpscope.venues.registry import door

_MS = 1_000_000
_PREFIX = {"binance": "fapiPublicGet", "binance_coinm": "dapiPublicGet", "binance_spot": "publicGet"}
_DATA = {"binance": "fapiDataGet", "binance_coinm": "dapiDataGet"}
_ROWS = 1_000
_LONGEST = 190 * DAY
"""COIN-M answers no more than 200 days at once."""

OLDEST_INTEREST = 30 * DAY - HOUR
"""Statistics of open interest reach back 30 days."""

_Kline = tuple[Ident, Price, Price, Price, Price, Quantity, Ident, Quantity, Ident, Quantity, Quantity, Any]
_MarkKline = tuple[Ident, Price, Price, Price, Price]


class _Statistics(msgspec.Struct):
    open_interest: Quantity = msgspec.field(name="sumOpenInterest")
    value: Quantity = msgspec.field(name="sumOpenInterestValue")
    timestamp: Ident


_klines, _statistics = decoder(list[_Kline]), decoder(list[_Statistics])


def bars(client: Any, venue: str, symbol: str, frame: Timeframe, start: int, end: int) -> Iterator[Table]:
    """Closed bars that opened in [start, end)."""
    method = getattr(client, f"{_PREFIX[venue]}Klines")
    for raw in _windows(method, venue, symbol, frame, start, end):
        rows = []
        for t, o, h, l, c, v, _, q, n, buys, quote_buys, _ in read(_klines, raw, "list of Binance bars"):
            volume, bought = (q, quote_buys) if venue == "binance_coinm" else (v, buys)
            rows.append(values(t * _MS, frame.ns, Candle(o, h, l, c, volume, bought, float(n))))
        yield closed_bars(BARS, rows, end)


def mark_bars(client: Any, venue: str, symbol: str, frame: Timeframe, start: int, end: int) -> Iterator[Table]:
    """Closed mark price bars that opened in [start, end)."""
    method = getattr(client, f"{_PREFIX[venue]}MarkPriceKlines")
    for raw in _windows(method, venue, symbol, frame, start, end):
        told = read(_klines, raw, "list of Binance mark price bars")
        rows = [(t * _MS, t * _MS + frame.ns, o, h, l, c) for t, o, h, l, c, *_ in told]
        yield closed_bars(MARK_BARS, rows, end)


def _windows(method: Callable[..., Any], venue: str, symbol: str, frame: Timeframe, start: int, end: int) -> Iterator[bytes]:
    """Answers of as many bars as one request may bring: a stretch without bars cannot end the search."""
    at = frame.next(start)
    while at < end:
        stop = min(at + min(_ROWS * frame.ns, _LONGEST), end)
        query = {"symbol": symbol, "interval": str(frame), "startTime": at // _MS, "endTime": stop // _MS - 1, "limit": _ROWS}
        yield msgspec.json.encode(ask(venue, method, query))
        at = stop


def trades(client: Any, venue: str, symbol: str, start: int, end: int) -> Iterator[Table]:
    """Aggregate trades of [start, end): the first of an hour by time, the rest by id, so that none can be left out."""
    method = getattr(client, f"{_PREFIX[venue]}AggTrades")
    one = door(venue)
    at = start
    following = -1
    while at < end:
        query: dict[str, Any] = {"symbol": symbol, "limit": _ROWS}
        hour = min(at + HOUR, end)
        query |= {"startTime": at // _MS, "endTime": hour // _MS - 1} if following < 0 else {"fromId": following}
        table = one.read_trades(symbol, msgspec.json.encode(ask(venue, method, query)), NULL_TS)
        if not len(table):
            if following >= 0:
                return
            at = hour
            continue
        following = int(table["trade_id"].max()) + 1
        at = int(table.clock[-1])
        yield table[(table.clock >= start) & (table.clock < end)]
        if len(table) < _ROWS and "fromId" in query:
            return


def funding(client: Any, venue: str, symbol: str, start: int, end: int) -> Iterator[Table]:
    """Settlements of [start, end). A page begins one settlement early, whose only use is the interval of the next."""
    method = getattr(client, f"{_PREFIX[venue]}FundingRate")
    one = door(venue)
    step = (_ROWS - 20) * HOUR
    for at in range(start, end, step):
        stop = min(at + step, end)
        query = {"symbol": symbol, "startTime": (at - 9 * HOUR) // _MS, "endTime": stop // _MS - 1, "limit": _ROWS}
        table = one.read_polled(symbol, "funding", msgspec.json.encode(ask(venue, method, query)), NULL_TS)
        yield table[(table.clock >= at) & (table.clock < stop)]


def open_interest(client: Any, venue: str, symbol: str, start: int, end: int) -> Iterator[Table]:
    """Open interest every five minutes of [start, end)."""
    method = getattr(client, f"{_DATA[venue]}OpenInterestHist")
    inverse = venue == "binance_coinm"
    about = {"pair": symbol.partition("_")[0], "contractType": "PERPETUAL"} if inverse else {"symbol": symbol}
    step = 490 * 5 * MINUTE
    face = COIN_M.face(symbol)
    for at in range(start, end, step):
        stop = min(at + step, end)
        query = {**about, "period": "5m", "startTime": at // _MS, "endTime": stop // _MS - 1, "limit": 500}
        told = read(_statistics, msgspec.json.encode(ask(venue, method, query)), "list of Binance open interest statistics")
        ts = np.array([r.timestamp for r in told], np.int64) * _MS
        counted = np.array([r.open_interest for r in told], np.float64)
        value = np.array([r.value for r in told], np.float64)
        table = Table.of(
            OPEN_INTEREST, exchange_ts=ts, receive_ts=np.full(len(ts), NULL_TS, np.int64),
            open_interest=value if inverse else counted, open_interest_notional=counted * face if inverse else value,
        ).sorted()  # fmt: skip
        yield table[(table.clock >= at) & (table.clock < stop)]
