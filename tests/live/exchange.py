"""A small exchange in memory that speaks Binance USD-M, keeps a ledger of what it sent, and can be made to misbehave.

It is written from the venue's documentation (streams, REST answers, the rule of `U`, `u`, `pu`), shares no code with the
parsers, and knows its own book at every update, so that what a feed makes of the messages can be held against the truth.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from live.virtual import BEGIN_NS
from perpscope.venues.transport.network import NetworkError, Reply

Levels = dict[tuple[str, float], float]
Send = list[bytes]


@dataclass(eq=False)
class Socket:
    """The exchange's end of a connection. `muted` streams are acknowledged and never sent; `frozen` sends nothing at all;
    `pending` holds what waits for the reader."""

    exchange: Exchange
    url: str
    streams: set[str] = field(default_factory=set)
    asked: int = 0
    frozen: bool = False
    broken: str = ""
    born: float = 0.0
    pending: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)

    async def pump(self, deliver: Callable[[bytes], None]) -> None:
        while True:
            payload = await self.pending.get()
            if payload is None:
                raise NetworkError(self.broken or "closed with code 1006")
            deliver(payload)

    async def send(self, payload: bytes) -> None:
        if self.broken:
            raise NetworkError(self.broken)
        self.exchange.control_times.append((id(self), asyncio.get_running_loop().time()))
        said = json.loads(payload)
        names = set(said["params"])
        if said["method"] == "SUBSCRIBE":
            self.streams |= names
            self.asked += 1
        else:
            self.streams -= names
        self.put(json.dumps({"result": None, "id": said["id"]}).encode())

    async def close(self) -> None:
        self.exchange.sockets.pop(self, None)
        self.broken = self.broken or "closed"

    def put(self, payload: bytes) -> None:
        if not self.frozen and not self.broken:
            self.pending.put_nowait(payload)

    def kill(self, why: str = "reset by peer") -> None:
        self.broken = why
        self.exchange.sockets.pop(self, None)
        self.pending.put_nowait(None)


class Exchange:
    """`ledger` by symbol: (id, ts ms, price, quantity, buyer was maker) of every trade; `truth` by symbol and `u`: the book
    after it. `distort(stream, payload, socket)` decides what is really sent."""

    def __init__(self, symbols: tuple[str, ...] = ("BTCUSDT",), seed: int = 1, trades_per_s: float = 20.0) -> None:
        self.rng = random.Random(seed)
        self.symbols, self.trades_per_s = symbols, trades_per_s
        self.ledger: dict[str, list[tuple[int, int, float, float, bool]]] = {s: [] for s in symbols}
        self.books: dict[str, Levels] = {s: self._fresh_book() for s in symbols}
        self.truth: dict[str, dict[int, Levels]] = {s: {} for s in symbols}
        self.updated_at: dict[str, dict[int, int]] = {s: {} for s in symbols}
        self.u: dict[str, int] = {s: 1_000 for s in symbols}
        self.trade_id: dict[str, int] = {s: 500 for s in symbols}
        self.sockets: dict[Socket, None] = {}  # in the order in which they were opened, so that a seed says everything
        self.opened: list[Socket] = []
        self.down = False
        self.skew_s = 0.0
        self.rest_delay_s = 0.02
        self.distort: Callable[[str, bytes, Socket], Send] = lambda stream, payload, socket: [payload]
        self.answer: Callable[[str, Mapping[str, Any]], Reply | None] = lambda path, query: None
        self.requests: list[tuple[float, str]] = []
        self.control_times: list[tuple[int, float]] = []
        self.liquidations: list[tuple[int, float]] = []

    def _fresh_book(self) -> Levels:
        bids = {("b", 1_000.0 - k): 1.0 + k for k in range(20)}
        return {**bids, **{("a", 1_001.0 + k): 1.0 + k for k in range(20)}}

    def ms(self) -> int:
        return BEGIN_NS // 1_000_000 + round((asyncio.get_running_loop().time() + self.skew_s) * 1_000)

    # ---- the market

    async def trade_on(self, seconds: float) -> None:
        """The market for so many seconds: trades, a depth update every 100 ms, a mark price every second."""
        loop = asyncio.get_running_loop()
        end, tick = loop.time() + seconds, 0
        while loop.time() < end:
            for symbol in self.symbols:
                self.depth(symbol)
                expected = self.trades_per_s / 10
                for _ in range(int(expected) + (self.rng.random() < expected % 1)):
                    self.trade(symbol)
                if tick % 10 == 0:
                    self.mark(symbol)
            tick += 1
            await asyncio.sleep(0.1)

    def trade(self, symbol: str) -> None:
        self.trade_id[symbol] += 1
        row = (self.trade_id[symbol], self.ms(), 1_000.5, round(self.rng.uniform(0.1, 2.0), 3), self.rng.random() < 0.5)
        self.ledger[symbol].append(row)
        a, ts, price, quantity, maker = row
        data = {
            "e": "aggTrade",
            "E": ts,
            "s": symbol,
            "a": a,
            "p": str(price),
            "q": str(quantity),
            "f": a,
            "l": a,
            "T": ts,
            "m": maker,
        }
        self.send(f"{symbol.lower()}@aggTrade", data)

    def depth(self, symbol: str) -> None:
        book, first = self.books[symbol], self.u[symbol] + 1
        changes: Levels = {}
        for _ in range(3):
            side = self.rng.choice("ba")
            level = (side, (1_000.0 if side == "b" else 1_001.0) + (-1 if side == "b" else 1) * self.rng.randrange(25))
            changes[level] = 0.0 if self.rng.random() < 0.3 else round(self.rng.uniform(0.1, 9.0), 3)
        previous, self.u[symbol] = self.u[symbol], self.u[symbol] + self.rng.randrange(1, 5)
        for level, quantity in changes.items():
            book.pop(level, None)
            if quantity:
                book[level] = quantity
        self.truth[symbol][self.u[symbol]] = dict(book)
        self.updated_at[symbol][self.u[symbol]] = self.ms() * 1_000_000
        sides = {s: [[str(p), str(q)] for (side, p), q in changes.items() if side == s] for s in "ba"}
        data = {
            "e": "depthUpdate", "E": self.ms(), "T": self.ms(), "s": symbol,
            "U": first, "u": self.u[symbol], "pu": previous, **sides,
        }  # fmt: skip
        self.send(f"{symbol.lower()}@depth@100ms", data)

    def mark(self, symbol: str) -> None:
        data = {"e": "markPriceUpdate", "E": self.ms(), "s": symbol, "p": "1000.4", "i": "1000.3", "P": "0", "r": "0", "T": 0}
        self.send(f"{symbol.lower()}@markPrice@1s", data)

    def liquidate(self, symbol: str, st: int | None = None) -> None:
        ts, quantity = self.ms(), round(self.rng.uniform(0.1, 2.0), 3)
        if st in (None, 1):
            self.liquidations.append((ts, quantity))
        order = {
            "s": symbol, "S": "SELL", "o": "LIMIT", "f": "IOC", "q": str(quantity), "p": "990", "ap": "995", "X": "FILLED",
            "l": str(quantity), "z": str(quantity), "T": ts,
        }  # fmt: skip
        self.send("!forceOrder@arr", {"e": "forceOrder", "E": ts, "o": order, **({} if st is None else {"st": st})})

    def send(self, stream: str, data: Mapping[str, Any]) -> None:
        payload = json.dumps({"stream": stream, "data": data}).encode()
        for socket in sorted(self.sockets, key=lambda s: s.born):
            if stream in socket.streams:
                for one in self.distort(stream, payload, socket):
                    socket.put(one)

    # ---- the network

    async def connect(self, url: str) -> Socket:
        await asyncio.sleep(0.01)
        if self.down:
            raise NetworkError("connecting failed: refused")
        socket = Socket(self, url, born=asyncio.get_running_loop().time() + 1e-9 * len(self.opened))
        self.sockets[socket] = None
        self.opened.append(socket)
        return socket

    async def request(self, method: str, url: str, query: Mapping[str, Any], body: Mapping[str, Any] | None) -> Reply:
        path = "/" + url.split("/", 3)[3]
        self.requests.append((asyncio.get_running_loop().time(), path))
        if self.down:
            raise NetworkError("refused")
        # the answer is made when the question arrives and takes its time to come back
        reply = self.answer(path, query) or Reply(200, {}, json.dumps(self._answer(path, query)).encode())
        await asyncio.sleep(self.rest_delay_s)
        return reply

    def _answer(self, path: str, query: Mapping[str, Any]) -> Any:
        symbol = str(query.get("symbol", ""))
        if path.endswith("/time"):
            return {"serverTime": self.ms()}
        if path.endswith("/exchangeInfo"):
            return {"symbols": [_listed(s) for s in self.symbols]}
        if path.endswith("/depth"):
            return self.snapshot(symbol)
        if path.endswith("/aggTrades"):
            rows = [r for r in self.ledger[symbol] if r[0] >= int(query["fromId"])][: int(query.get("limit", 500))]
            return [{"a": a, "p": str(p), "q": str(q), "f": a, "l": a, "T": ts, "m": maker} for a, ts, p, q, maker in rows]
        if path.endswith("/openInterest"):
            return {"symbol": symbol, "openInterest": "123.5", "time": self.ms()}
        raise AssertionError(path)

    def snapshot(self, symbol: str) -> dict[str, Any]:
        sides = {
            name: [[str(p), str(q)] for (s, p), q in sorted(self.books[symbol].items()) if s == side]
            for name, side in (("bids", "b"), ("asks", "a"))
        }
        return {"lastUpdateId": self.u[symbol], "E": self.ms(), "T": self.ms(), **sides}


def _listed(symbol: str) -> dict[str, Any]:
    filters = [{"filterType": "PRICE_FILTER", "tickSize": "0.1"}, {"filterType": "LOT_SIZE", "stepSize": "0.001"}]
    return {"symbol": symbol, "baseAsset": symbol[:-4], "quoteAsset": "USDT", "contractType": "PERPETUAL", "filters": filters}
