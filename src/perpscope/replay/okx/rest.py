"""OKX v5 REST answers as of market time. Lists come newest first. Source: OKX v5 docs, market and public data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from perpscope.replay.bars import bars, known
from perpscope.replay.book import Change, PrintedBook
from perpscope.replay.dialect import Answer, Request, plain
from perpscope.replay.frames import MS, Frame, Tape
from perpscope.replay.market import Deal, Market, contracts
from perpscope.replay.okx.tape import INTERVALS, MINUTE, candle, funding_row, instrument_row, interest_row


class _Row(msgspec.Struct):
    bids: list[list[str]]
    asks: list[list[str]]


class _Book(msgspec.Struct):
    data: list[_Row]
    action: str = "update"


_book = msgspec.json.Decoder(_Book)


def changes(frame: Frame) -> Change:
    """What a message of the books channel changes."""
    m = _book.decode(frame.data)
    return m.data[0].bids, m.data[0].asks, m.action == "snapshot"


class OkxRest:
    def __init__(self) -> None:
        self.books: dict[str, PrintedBook] = {}
        self._routes: dict[str, Callable[[Request, Tape, Market], list[Any]]] = {
            "market/books": self._levels,
            "market/trades": self._trades,
            "market/history-trades": self._history,
            "market/candles": self._candles,
            "market/history-candles": self._candles,
            "public/open-interest": self._interest,
            "public/funding-rate": lambda request, tape, market: [funding_row(market, request.now)],
            "public/funding-rate-history": self._settled,
            "public/mark-price": self._mark,
        }

    def answer(self, request: Request, tape: Tape) -> Answer:
        name = request.path.removeprefix("/api/v5/")
        if name == "public/time":
            return _told([{"ts": str(request.now // MS)}])
        if name == "public/instruments":
            return _told(self._instruments(request, tape))
        if name not in self._routes or not request.path.startswith("/api/v5/"):
            return Answer(plain({"code": "404", "msg": "Not Found", "data": []}), 404)
        market = tape.facts.get(request.query.get("instId", ""), (None, None))[0]
        if market is None:
            return Answer(plain({"code": "51001", "msg": "Instrument ID doesn't exist.", "data": []}))
        return _told(self._routes[name](request, tape, market))

    def book(self, symbol: str, tape: Tape) -> PrintedBook | None:
        """The book of an instrument, whose track begins with a snapshot."""
        track = tape.tracks.get(f"books:{symbol}")
        if track is not None and symbol not in self.books:
            self.books[symbol] = PrintedBook(track, changes)
        return self.books.get(symbol)

    def _instruments(self, request: Request, tape: Tape) -> list[Any]:
        rows = [info or instrument_row(market, request.now) for market, info in (tape.facts[s] for s in tape.symbols)]
        wanted = request.query.get("instType"), request.query.get("instId")
        return [r for r in rows if wanted[0] in (None, r["instType"]) and wanted[1] in (None, r["instId"])]

    def _levels(self, request: Request, tape: Tape, market: Market) -> list[Any]:
        book = self.book(market.instrument.symbol, tape)
        last = None if book is None else book.until(request.now).last
        if book is None or last is None:
            return []
        bids, asks = book.best(_limit(request.query, 1, 400, "sz"))
        told = [[[p, q, "0", "1"] for p, q in side] for side in (asks, bids)]
        row = {"asks": told[0], "bids": told[1], "ts": str(last.exchange_ts // MS)}
        return [row | ({"seqId": last.last} if last.last >= 0 else {})]

    def _trades(self, request: Request, tape: Tape, market: Market) -> list[Any]:
        deals = known(market.deals, request.now)[-_limit(request.query, 100, 500) :]
        return [_trade(market, d) for d in reversed(deals)]

    def _history(self, request: Request, tape: Tape, market: Market) -> list[Any]:
        """Pages by trade id: `after` asks for older ones, `before` for newer ones."""
        after, before = request.query.get("after", ""), request.query.get("before", "")
        deals = [
            d
            for d in known(market.deals, request.now)
            if (not after or d.number < int(after)) and (not before or d.number > int(before))
        ]
        return [_trade(market, d) for d in reversed(deals[-_limit(request.query, 100, 100) :])]

    def _candles(self, request: Request, tape: Tape, market: Market) -> list[Any]:
        step = INTERVALS.get(request.query.get("bar", "1m"))
        if step is None:
            return []
        made = bars(known(market.deals, request.now), step * MINUTE)
        after, before = request.query.get("after", ""), request.query.get("before", "")
        rows = [
            candle(market, b, b.open_ts + step * MINUTE <= request.now)
            for b in made
            if (not after or b.open_ts // MS < int(after)) and (not before or b.open_ts // MS > int(before))
        ]
        return rows[::-1][: _limit(request.query, 100, 300)]

    def _interest(self, request: Request, tape: Tape, market: Market) -> list[Any]:
        told = [k for k, i in enumerate(market.interest) if i.ts <= request.now]
        return [interest_row(market, told[-1])] if told else []

    def _settled(self, request: Request, tape: Tape, market: Market) -> list[Any]:
        rows = [
            {"instType": "SWAP", "instId": market.instrument.symbol, "fundingRate": r.rate, "realizedRate": r.rate,
             "fundingTime": str(r.ts // MS), "method": "current_period"}
            for r in reversed(market.rates)
            if r.ts <= request.now
        ]  # fmt: skip
        return rows[: _limit(request.query, 100, 400)]

    def _mark(self, request: Request, tape: Tape, market: Market) -> list[Any]:
        told = [m for m in market.marks if m.ts <= request.now][-1:]
        symbol = market.instrument.symbol
        return [{"instType": "SWAP", "instId": symbol, "markPx": m.mark, "ts": str(m.ts // MS)} for m in told]


def _told(rows: list[Any]) -> Answer:
    return Answer(plain({"code": "0", "msg": "", "data": rows}))


def _limit(query: Mapping[str, str], usual: int, most: int, name: str = "limit") -> int:
    given = query.get(name, "")
    return min(int(given), most) if given.isdigit() else usual


def _trade(market: Market, d: Deal) -> dict[str, str]:
    size = contracts(market.instrument, d.quantity, d.price)
    side = "buy" if d.bought else "sell"
    symbol = market.instrument.symbol
    return {"instId": symbol, "tradeId": str(d.number), "px": d.price, "sz": size, "side": side, "ts": str(d.ts // MS)}
