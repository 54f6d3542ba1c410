"""Binance's REST answers, as of market time: nothing later than the request is told.

Weights: depth 2, 5, 10, 20 for 50, 100, 500, 1000 levels (spot 5, 25, 50 to 5,000), aggTrades 20, klines 1 to 10,
exchangeInfo, time and marks 1. Source: Binance USDT-M, COIN-M and spot REST pages.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from perpscope.replay.binance.derived import INTERVALS_MS, bars
from perpscope.replay.binance.market_info import exchange_info
from perpscope.replay.binance.tape import Facts, Rate
from perpscope.replay.book import Change, PrintedBook
from perpscope.replay.dialect import Answer, Request, plain
from perpscope.replay.frames import MS, Frame, Tape


class RefusalError(Exception):
    """A request the venue refuses: its code and words."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.answer = Answer(plain({"code": code, "msg": message}), status)


class _Levels(msgspec.Struct):
    b: list[tuple[str, str]]
    a: list[tuple[str, str]]


class _Mark(msgspec.Struct):
    E: int
    p: str
    i: str = ""
    r: str = ""
    T: int = 0


_levels = msgspec.json.Decoder(_Levels)
_mark = msgspec.json.Decoder(_Mark)
DEPTH_WEIGHTS = {"spot": ((100, 5), (500, 25), (1000, 50), (5000, 250)), "": ((50, 2), (100, 5), (500, 10), (1000, 20))}


class Rest:
    """The REST side of one product: `product` is "um", "cm" or "spot"."""

    def __init__(self, product: str) -> None:
        self.product = product
        self._books: dict[str, PrintedBook] = {}
        self._routes: dict[str, Callable[[Request, Tape], Answer]] = {
            "time": self._time,
            "ping": lambda request, tape: Answer(b"{}"),
            "exchangeInfo": self._info,
            "depth": self._depth,
            "aggTrades": self._agg_trades,
            "trades": self._trades,
            "historicalTrades": self._trades,
            "klines": self._klines,
        }
        if product != "spot":
            self._routes |= {
                "fundingRate": self._funding,
                "fundingInfo": lambda request, tape: Answer(b"[]", weight=0),
                "openInterest": self._interest,
                "premiumIndex": self._premium,
                "openInterestHist": self._interest_history,
            }

    def answer(self, request: Request, tape: Tape) -> Answer:
        prefix = {"um": "/fapi/", "cm": "/dapi/", "spot": "/api/"}[self.product]
        name = request.path.rpartition("/")[2]
        if not request.path.startswith((prefix, "/futures/data/")) or name not in self._routes:
            return Answer(b"<html><h1>404 Not Found</h1></html>", 404, 1, {"Content-Type": "text/html"})
        try:
            return self._routes[name](request, tape)
        except RefusalError as fault:
            return fault.answer

    def _time(self, request: Request, tape: Tape) -> Answer:
        return Answer(plain({"serverTime": request.now // MS}))

    def _info(self, request: Request, tape: Tape) -> Answer:
        return Answer(plain(exchange_info(self.product, tape, request.now)), weight=20 if self.product == "spot" else 1)

    def _depth(self, request: Request, tape: Tape) -> Answer:
        fact = _fact(request, tape)
        limit = _whole(request.query, "limit", 100 if self.product == "spot" else 500)
        steps = DEPTH_WEIGHTS.get(self.product, DEPTH_WEIGHTS[""])
        weight = next((w for most, w in steps if limit <= most), None)
        if weight is None:
            raise RefusalError(-4021, f"{limit} is not valid depth limit.")
        shot = fact.snapshot
        track = tape.tracks.get(f"{fact.symbol.lower()}@depth")
        if track is None and shot is None:
            raise RefusalError(-1121, "Invalid symbol.")
        book = self._books.get(fact.symbol)
        if book is None and track is not None:
            begin = ((), ()) if shot is None else (shot.bids, shot.asks)
            book = PrintedBook(track, _changes, begin, -1 if shot is None else shot.last_update_id)
            self._books[fact.symbol] = book
        last = None if book is None else book.until(request.now).last
        if shot is not None and (book is None or last is None):
            bids, asks, number, event, transaction = shot.bids[:limit], shot.asks[:limit], shot.last_update_id, shot.E, shot.T
        elif book is not None and last is not None:
            bids, asks = book.best(limit)
            number, event, transaction = last.last, last.at // MS, last.exchange_ts // MS
        else:
            bids, asks, number, event, transaction = [], [], 0, request.now // MS, request.now // MS
        body: dict[str, Any] = {"lastUpdateId": number}
        if self.product != "spot":
            body |= {"E": event, "T": transaction}
        if self.product == "cm":
            body |= {"symbol": fact.symbol, "pair": fact.symbol.partition("_")[0]}
        return Answer(plain(body | {"bids": bids, "asks": asks}), weight=weight)

    def _agg_trades(self, request: Request, tape: Tape) -> Answer:
        query, rows = request.query, _fact(request, tape).merged
        known = rows[: bisect_right(rows, request.now // MS, key=lambda r: r.T)]
        limit = min(_whole(query, "limit", 500), 1000)
        if "fromId" in query:
            if "startTime" in query or "endTime" in query:
                raise RefusalError(-1128, "Combination of optional parameters invalid.")
            first = bisect_left(known, _whole(query, "fromId", 0), key=lambda r: r.a)
            chosen = known[first : first + limit]
        elif "startTime" in query or "endTime" in query:
            low = bisect_left(known, _whole(query, "startTime", 0), key=lambda r: r.T)
            high = bisect_right(known, _whole(query, "endTime", 2**62), key=lambda r: r.T)
            chosen = known[low:high][:limit]
        else:
            chosen = known[-limit:]
        extra = {"M": True} if self.product == "spot" else {}
        return Answer(plain([msgspec.to_builtins(r) | extra for r in chosen]), weight=4 if self.product == "spot" else 20)

    def _trades(self, request: Request, tape: Tape) -> Answer:
        prints = _fact(request, tape).prints
        known = prints[: bisect_right(prints, request.now // MS, key=lambda p: p.time)]
        limit = min(_whole(request.query, "limit", 500), 1000)
        if "fromId" in request.query:
            first = bisect_left(known, _whole(request.query, "fromId", 0), key=lambda p: p.trade_id)
            known = known[first : first + limit]
        name = "baseQty" if self.product == "cm" else "quoteQty"
        rows = [
            {"id": p.trade_id, "price": p.price, "qty": p.quantity, name: _value(p.price, p.quantity), "time": p.time,
             "isBuyerMaker": p.maker}
            for p in known[-limit:]
        ]  # fmt: skip
        return Answer(plain(rows), weight=20 if "historical" in request.path else 5)

    def _klines(self, request: Request, tape: Tape) -> Answer:
        query, fact = request.query, _fact(request, tape)
        step = INTERVALS_MS.get(query.get("interval", ""))
        if step is None:
            raise RefusalError(-1120, "Invalid interval.")
        known = fact.merged[: bisect_right(fact.merged, request.now // MS, key=lambda r: r.T)]
        low, high = _whole(query, "startTime", 0), _whole(query, "endTime", 2**62)
        limit = min(_whole(query, "limit", 500), 1500)
        made = [b for b in bars(known, step) if low <= b.open_time <= high]
        made = made[:limit] if "startTime" in query else made[-limit:]
        rows = [
            [b.open_time, b.open, f"{b.high}", f"{b.low}", b.close, f"{b.volume}", b.close_time, f"{b.value}",
             b.last - b.first + 1, f"{b.taker}", f"{b.taker_value}", "0"]
            for b in made
        ]  # fmt: skip
        return Answer(plain(rows), weight=1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1000 else 10)

    def _funding(self, request: Request, tape: Tape) -> Answer:
        fact = _fact(request, tape)
        rows = _between(fact.funding, request, 1000)
        body = [{"symbol": fact.symbol, "fundingTime": r.ts, "fundingRate": r.value, "markPrice": r.mark} for r in rows]
        return Answer(plain(body))

    def _interest(self, request: Request, tape: Tape) -> Answer:
        fact = _fact(request, tape)
        known = _known(fact.interest, request.now)
        if not known:
            raise RefusalError(-4108, "Symbol is on delivering or delivered or settling or closed or pre-trading.")
        return Answer(plain({"openInterest": known[-1].value, "symbol": fact.symbol, "time": known[-1].ts}))

    def _interest_history(self, request: Request, tape: Tape) -> Answer:
        fact = _fact(request, tape)
        step = INTERVALS_MS.get(request.query.get("period", ""))
        if step is None:
            raise RefusalError(-1120, "Invalid interval.")
        rows = _between([r for r in fact.interest if r.ts % step == 0], request, 500, usual=30)
        body = [
            {"symbol": fact.symbol, "sumOpenInterest": r.value, "timestamp": r.ts,
             "sumOpenInterestValue": _value(r.value, r.mark or "0")}
            for r in rows
        ]  # fmt: skip
        return Answer(plain(body), weight=0)

    def _premium(self, request: Request, tape: Tape) -> Answer:
        asked = [_fact(request, tape)] if "symbol" in request.query else list(tape.facts.values())
        rows = []
        for fact in asked:
            track = tape.tracks.get(f"{fact.symbol.lower()}@markPrice")
            last = None if track is None else track.position(request.now + 1) - 1
            if track is None or last is None or last < 0:
                continue
            m = _mark.decode(track.frames[last].data)
            rows.append(
                {"symbol": fact.symbol, "markPrice": m.p, "indexPrice": m.i, "lastFundingRate": m.r, "time": m.E,
                 "interestRate": "0.00010000", "nextFundingTime": m.T}
            )  # fmt: skip
        if "symbol" in request.query and self.product == "um":
            return Answer(plain(rows[0] if rows else {}))
        return Answer(plain(rows), weight=10 if len(asked) > 1 else 1)


def _fact(request: Request, tape: Tape) -> Facts:
    symbol = request.query.get("symbol")
    if symbol is None:
        raise RefusalError(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
    fact = tape.facts.get(symbol.upper())
    if fact is None:
        raise RefusalError(-1121, "Invalid symbol.")
    return fact


def _whole(query: Mapping[str, str], name: str, usual: int) -> int:
    text = query.get(name, "")
    if not text:
        return usual
    if not text.isdigit():
        raise RefusalError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
    return int(text)


def _known(rows: Sequence[Rate], now: int) -> Sequence[Rate]:
    return rows[: bisect_right(rows, now // MS, key=lambda r: r.ts)]


def _between(rows: Sequence[Rate], request: Request, most: int, usual: int = 100) -> Sequence[Rate]:
    low, high = _whole(request.query, "startTime", 0), _whole(request.query, "endTime", 2**62)
    chosen = [r for r in _known(rows, request.now) if low <= r.ts <= high]
    limit = min(_whole(request.query, "limit", usual), most)
    return chosen[:limit] if "startTime" in request.query else chosen[-limit:]


def _value(price: str, quantity: str) -> str:
    return f"{Decimal(price) * Decimal(quantity)}"


def _changes(frame: Frame) -> Change:
    levels = _levels.decode(frame.data)
    return levels.b, levels.a, False
