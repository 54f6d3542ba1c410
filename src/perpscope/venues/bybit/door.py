"""The door of Bybit's linear and inverse contracts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from perpscope.core.errors import DataError, ProgrammerError, UserError
from perpscope.core.events import LiquidationFeed
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import Timeframe
from perpscope.venues.book_sync import BookMessage, SequenceRule
from perpscope.venues.bybit import parse as wire
from perpscope.venues.bybit import rest, stream
from perpscope.venues.bybit.book import BybitRule, read_depth
from perpscope.venues.door import Ask, Channel, Message, Told, Values
from perpscope.venues.numbers import to_ns

_BOOK = b'{"topic":"orderbook.'
_OPS = {"subscribe": Told.ACKNOWLEDGED, "unsubscribe": Told.ACKNOWLEDGED, "ping": Told.PONG, "pong": Told.PONG}


class TickerMemory:
    """The last mark, index and open interest of each symbol: a ticker delta leaves out what did not change.

    A snapshot replaces what is remembered. Nothing is told of a symbol before its mark price is known.
    """

    def __init__(self) -> None:
        self._known: dict[str, wire.Ticker] = {}

    def take(self, symbol: str, told: wire.Ticker, ts: int, receive_ts: int, snapshot: bool) -> list[tuple[str, Values]]:
        """The events of one message, with what it left out filled in."""
        known = wire.Ticker() if snapshot else self._known.get(symbol, wire.Ticker())
        priced = told.mark_price is not None or told.index_price is not None
        counted = told.open_interest is not None or told.open_interest_value is not None
        for name in wire.Ticker.__struct_fields__:
            value = getattr(told, name)
            if value is not None:
                setattr(known, name, value)
        self._known[symbol] = known
        rows: list[tuple[str, Values]] = []
        if priced and known.mark_price is not None:
            index = wire.NAN if known.index_price is None else known.index_price
            rows.append(("mark_price", (ts, receive_ts, known.mark_price, index)))
        coins, usd = known.open_interest, known.open_interest_value
        if stream.route_of(symbol) == "inverse":
            coins, usd = usd, coins
        if counted and coins is not None:
            rows.append(("open_interest", (ts, receive_ts, coins, wire.NAN if usd is None else usd)))
        return rows


class BybitDoor:
    """Bybit v5, linear and inverse: the symbol decides the route. See COVERAGE.md."""

    name = "bybit"
    addresses = stream.ADDRESSES
    limits = stream.LIMITS
    liquidation_feed = LiquidationFeed.COMPLETE
    contiguous: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.tickers = TickerMemory()

    def with_instruments(self, instruments: Iterable[Instrument]) -> BybitDoor:
        """The same door: linear contracts count in coins and inverse ones in single dollars, so that no size is needed."""
        return self

    def channels(self, symbol: str, kinds: Sequence[str]) -> list[Channel]:
        return stream.channels(symbol, kinds)

    def url(self, address: str, channels: Sequence[Channel]) -> str:
        if len({c.route for c in channels}) > 1:
            raise UserError("A socket of Bybit carries linear or inverse contracts, not both: split the symbols.")
        return address

    def subscribe(self, channels: Sequence[Channel], request_id: int) -> list[bytes]:
        return stream.control("subscribe", [c.topic for c in channels], request_id)

    def unsubscribe(self, channels: Sequence[Channel], request_id: int) -> list[bytes]:
        return stream.control("unsubscribe", [c.topic for c in channels], request_id)

    def ping(self) -> bytes | None:
        return b'{"op":"ping"}'

    def parse(self, payload: bytes, receive_ts: int) -> Message:
        if payload.startswith(_BOOK):
            return self._book(payload, receive_ts)
        told = wire.read_envelope(payload)
        if not told.topic:
            return _control(told)
        kind, _, rest_of_topic = told.topic.partition(".")
        symbol = told.topic.rpartition(".")[2]
        match kind:
            case "orderbook":
                return self._book(payload, receive_ts)
            case "publicTrade":
                prints = wire.read_trades(told.data, receive_ts, _inverse(symbol))
                left_out = {"block trades": prints.blocks} if prints.blocks else {}
                return _events(told.topic, symbol, [("trade", row) for row in prints.rows], left_out)
            case "tickers":
                ts = to_ns(told.ts, payload[:200])
                ticker = wire.read_ticker(told.data)
                _inverse(symbol)
                rows = self.tickers.take(symbol, ticker, ts, receive_ts, told.type == "snapshot")
                return _events(told.topic, symbol, rows)
            case "allLiquidation":
                dead = wire.read_liquidations(told.data, receive_ts, _inverse(symbol))
                if any(name != symbol for name, _ in dead):
                    raise DataError("A liquidation message holds another symbol than its topic.", payload[:200])
                return _events(told.topic, symbol, [("liquidation", row) for _, row in dead])
            case "kline":
                interval = rest_of_topic.partition(".")[0]
                if interval not in stream.FRAMES:
                    return Message(Told.UNKNOWN, note=told.topic[:80])
                frame = stream.FRAMES[interval]
                bars = wire.read_candles(told.data, Timeframe.parse(frame), _inverse(symbol))
                return _events(told.topic, symbol, [(f"bars@{frame}", row) for row in bars])
        return Message(Told.UNKNOWN, note=told.topic[:80])

    def _book(self, payload: bytes, receive_ts: int) -> Message:
        topic, message = read_depth(payload, receive_ts)
        symbol = topic.rpartition(".")[2]
        to_ns(message.exchange_ts // 1_000_000, payload[:200])
        book = wire.in_coins(message) if _inverse(symbol) else message
        return Message(Told.EVENTS, topic, symbol, book=book)

    def rule(self) -> SequenceRule:
        return BybitRule()

    def ask_snapshot(self, symbol: str) -> Ask | None:
        return None

    def read_snapshot(self, symbol: str, payload: bytes, receive_ts: int) -> BookMessage:
        raise ProgrammerError("Bybit's stream sends its own snapshots; subscribe again to get one.")

    def ask_trades(self, symbol: str, from_id: int) -> Ask | None:
        return None

    def read_trades(self, symbol: str, payload: bytes, receive_ts: int) -> Table:
        raise ProgrammerError("Bybit offers no trades by id; a hole stays declared.")

    def ask_polled(self, symbol: str, kind: str) -> Ask | None:
        return rest.ask_funding(symbol) if kind == "funding" else None

    def read_polled(self, symbol: str, kind: str, payload: bytes, receive_ts: int) -> Table:
        if kind != "funding":
            raise ProgrammerError(f"Nothing but funding is polled from Bybit, not {kind}.")
        return rest.read_funding(symbol, payload, receive_ts)

    def ask_time(self) -> Ask:
        return rest.ASK_TIME

    def read_time(self, payload: bytes) -> int:
        return rest.read_time(payload)

    def ask_instruments(self, category: str = "linear") -> Ask:
        """The list of one product; `category` is "linear" or "inverse"."""
        return rest.ask_instruments(category)

    def read_instruments(self, payload: bytes) -> list[Instrument]:
        return rest.read_instruments(payload)


def _events(topic: str, symbol: str, rows: list[tuple[str, Values]], left_out: dict[str, int] | None = None) -> Message:
    return Message(Told.EVENTS, topic, symbol, rows, left_out=left_out or {})


def _inverse(symbol: str) -> bool:
    try:
        return stream.route_of(symbol) == "inverse"
    except UserError:
        raise DataError("A topic ends with no symbol of Bybit's.", symbol[:80]) from None


def _control(told: wire.Envelope) -> Message:
    if told.op in _OPS and told.success is False:
        return Message(Told.REFUSED, note=told.ret_msg[:300])
    return Message(_OPS[told.op]) if told.op in _OPS else Message(Told.UNKNOWN, note=told.ret_msg[:80])


DOORS: tuple[Any, ...] = (BybitDoor(),)
