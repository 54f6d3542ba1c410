"""Bybit v5 REST answers as of market time. Lists come newest first. Source: Bybit v5 market pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from perpscope.core.units import ContractKind
from perpscope.replay.bars import bars, known
from perpscope.replay.book import Change, PrintedBook
from perpscope.replay.bybit.tape import INTERVALS, MINUTE
from perpscope.replay.dialect import Answer, Request, plain
from perpscope.replay.frames import MS, Frame, Tape
from perpscope.replay.market import Market, text

PERIODS = {"5min": 5, "15min": 15, "30min": 30, "1h": 60, "4h": 240, "1d": 1440}


class _Levels(msgspec.Struct):
    b: list[tuple[str, str]]
    a: list[tuple[str, str]]


class _Book(msgspec.Struct):
    data: _Levels
    type: str


_book = msgspec.json.Decoder(_Book)


def changes(frame: Frame) -> Change:
    """What an orderbook message changes."""
    m = _book.decode(frame.data)
    return m.data.b, m.data.a, m.type == "snapshot"


class BybitRest:
    def __init__(self) -> None:
        self.books: dict[str, PrintedBook] = {}
        self._routes: dict[str, Callable[[Request, Tape, Market], dict[str, Any] | None]] = {
            "kline": self._kline,
            "orderbook": self._orderbook,
            "recent-trade": self._recent,
            "open-interest": self._interest,
            "funding/history": self._funding,
        }

    def answer(self, request: Request, tape: Tape) -> Answer:
        name = request.path.removeprefix("/v5/market/")
        if name == "time":
            return _told(request, {"timeSecond": str(request.now // 1_000_000_000), "timeNano": str(request.now)})
        if name == "instruments-info":
            asked = request.query.get("symbol")
            rows = [_info(tape.facts[s]) for s in tape.symbols if asked in (None, s)]
            return _told(request, {"category": _category(request), "list": rows, "nextPageCursor": ""})
        if name not in self._routes or not request.path.startswith("/v5/market/"):
            return Answer(b"404 page not found", 404, headers={"Content-Type": "text/plain"})
        market = tape.facts.get(request.query.get("symbol", ""))
        if market is None:
            return _told(request, {}, 10001, "params error: symbol invalid")
        result = self._routes[name](request, tape, market)
        if result is None:
            return _told(request, {}, 10001, "params error: interval invalid")
        return _told(request, result)

    def book(self, symbol: str, tape: Tape) -> PrintedBook | None:
        """The book of a symbol, whose track begins with a snapshot."""
        track = tape.tracks.get(f"orderbook.{symbol}")
        if track is not None and symbol not in self.books:
            self.books[symbol] = PrintedBook(track, changes)
        return self.books.get(symbol)

    def _orderbook(self, request: Request, tape: Tape, market: Market) -> dict[str, Any]:
        symbol = market.instrument.symbol
        book = self.book(symbol, tape)
        last = None if book is None else book.until(request.now).last
        if book is None or last is None:
            return {"s": symbol, "b": [], "a": [], "ts": request.now // MS, "u": 0, "seq": 0, "cts": request.now // MS}
        b, a = book.best(_limit(request.query, 25, 500))
        cts = last.exchange_ts // MS
        return {"s": symbol, "b": b, "a": a, "ts": last.at // MS, "u": last.last, "seq": last.last, "cts": cts}

    def _kline(self, request: Request, tape: Tape, market: Market) -> dict[str, Any] | None:
        minutes = INTERVALS.get(request.query.get("interval", ""))
        if minutes is None:
            return None
        low, high = _times(request.query, "start", "end")
        made = [b for b in bars(known(market.deals, request.now), minutes * MINUTE) if low <= b.open_ts <= high]
        rows = [[str(b.open_ts // MS), b.open, b.high, b.low, b.close, f"{b.volume}", f"{b.value}"] for b in reversed(made)][
            : _limit(request.query, 200, 1000)
        ]
        return {"category": _category(request), "symbol": market.instrument.symbol, "list": rows}

    def _recent(self, request: Request, tape: Tape, market: Market) -> dict[str, Any]:
        rows = [
            {"execId": f"00000000-0000-5000-8000-{d.number:012x}", "symbol": market.instrument.symbol, "price": d.price,
             "size": d.quantity, "side": "Buy" if d.bought else "Sell", "time": str(d.ts // MS), "isBlockTrade": False}
            for d in reversed(known(market.deals, request.now)[-_limit(request.query, 500, 1000) :])
        ]  # fmt: skip
        return {"category": _category(request), "list": rows}

    def _interest(self, request: Request, tape: Tape, market: Market) -> dict[str, Any] | None:
        minutes = PERIODS.get(request.query.get("intervalTime", ""))
        if minutes is None:
            return None
        low, high = _times(request.query, "startTime", "endTime")
        rows = [
            {"openInterest": i.quantity, "timestamp": str(i.ts // MS)}
            for i in reversed(market.interest)
            if i.ts <= request.now and low <= i.ts <= high and i.ts % (minutes * MINUTE) == 0
        ]
        page, cursor = _page(rows, request.query, 50, 200)
        symbol = market.instrument.symbol
        return {"symbol": symbol, "category": _category(request), "list": page, "nextPageCursor": cursor}

    def _funding(self, request: Request, tape: Tape, market: Market) -> dict[str, Any]:
        low, high = _times(request.query, "startTime", "endTime")
        rows = [
            {"symbol": market.instrument.symbol, "fundingRate": r.rate, "fundingRateTimestamp": str(r.ts // MS)}
            for r in reversed(market.rates)
            if r.ts <= request.now and low <= r.ts <= high
        ][: _limit(request.query, 200, 200)]
        return {"category": _category(request), "list": rows}


def _told(request: Request, result: dict[str, Any], code: int = 0, words: str = "OK") -> Answer:
    return Answer(plain({"retCode": code, "retMsg": words, "result": result, "retExtInfo": {}, "time": request.now // MS}))


def _category(request: Request) -> str:
    return request.query.get("category", "linear")


def _limit(query: Mapping[str, str], usual: int, most: int) -> int:
    given = query.get("limit", "")
    return min(int(given), most) if given.isdigit() else usual


def _times(query: Mapping[str, str], low: str, high: str) -> tuple[int, int]:
    first, last = query.get(low, ""), query.get(high, "")
    return int(first) * MS if first.isdigit() else 0, int(last) * MS if last.isdigit() else 2**62


def _page(rows: Sequence[dict[str, str]], query: Mapping[str, str], usual: int, most: int) -> tuple[Any, str]:
    begin = int(query["cursor"]) if query.get("cursor", "").isdigit() else 0
    limit = _limit(query, usual, most)
    return rows[begin : begin + limit], str(begin + limit) if begin + limit < len(rows) else ""


def _info(market: Market) -> dict[str, Any]:
    i = market.instrument
    inverse = i.kind is ContractKind.INVERSE
    hours = market.rates[0].interval // (60 * MINUTE) if market.rates else 8
    base = i.base or i.symbol.removesuffix("USDT").removesuffix("USD")
    quote = i.quote or i.symbol.removeprefix(base)
    return {
        "symbol": i.symbol,
        "contractType": "InversePerpetual" if inverse else "LinearPerpetual",
        "status": "Trading",
        "baseCoin": base,
        "quoteCoin": quote,
        "settleCoin": base if inverse else quote,
        "launchTime": "1569398400000",
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": str(len(text(i.tick_size).partition(".")[2])),
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": text(i.tick_size), "maxPrice": "1999999", "tickSize": text(i.tick_size)},
        "lotSizeFilter": {
            "maxOrderQty": "1000000", "minOrderQty": text(i.lot_size), "qtyStep": text(i.lot_size), "minNotionalValue": "5",
        },
        "unifiedMarginTrade": True,
        "fundingInterval": hours * 60,
    }  # fmt: skip
