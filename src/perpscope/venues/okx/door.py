"""The door of OKX's perpetual swaps."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from perpscope.core.errors import DataError, ProgrammerError, UserError
from perpscope.core.events import LiquidationFeed
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import Timeframe
from perpscope.venues.book_sync import BookMessage, SequenceRule
from perpscope.venues.door import Ask, Channel, Message, Told, Values
from perpscope.venues.numbers import to_ns
from perpscope.venues.okx import parse as wire
from perpscope.venues.okx import rest, stream
from perpscope.venues.okx.book import WRONG, OkxRule, read_depth
from perpscope.venues.okx.checksum import PrintedBooks

_BOOK = b'{"arg":{"channel":"books","instId":"'
"""How a book frame begins as the venue prints it."""

_EVENTS = {
    "subscribe": Told.ACKNOWLEDGED, "unsubscribe": Told.ACKNOWLEDGED, "channel-conn-count": Told.ACKNOWLEDGED,
    "notice": Told.ACKNOWLEDGED, "error": Told.REFUSED, "channel-conn-count-error": Told.REFUSED,
}  # fmt: skip


class OkxDoor:
    """OKX v5, perpetual swaps. It must be told the contract sizes (`with_instruments`) before it can read quantities.

    It remembers the index price last heard (mark and index come on two channels), which settlement it told last (the channel
    repeats it every minute), and, for old frames with a checksum, the book as printed. See COVERAGE.md.
    """

    name = "okx"
    addresses = stream.ADDRESSES
    limits = stream.LIMITS
    liquidation_feed = LiquidationFeed.ONE_PER_SECOND
    contiguous = frozenset({"trade"})

    def __init__(self) -> None:
        self.contracts: Mapping[str, wire.Contract] = {}
        self.index: dict[str, float] = {}
        self.paid: dict[str, int] = {}
        self.printed = PrintedBooks()

    def with_instruments(self, instruments: Iterable[Instrument]) -> OkxDoor:
        """The same door, memory shared, that knows these contracts beside those it knew."""
        knowing = copy.copy(self)
        knowing.contracts = {**self.contracts, **{i.symbol: wire.Contract.of(i) for i in instruments}}
        return knowing

    def channels(self, symbol: str, kinds: Sequence[str]) -> list[Channel]:
        return stream.channels(symbol, kinds)

    def url(self, address: str, channels: Sequence[Channel]) -> str:
        if len({c.route for c in channels}) > 1:
            raise UserError("OKX serves candles on another address than the rest: split the channels by route.")
        return address

    def subscribe(self, channels: Sequence[Channel], request_id: int) -> list[bytes]:
        return stream.control("subscribe", [c.topic for c in channels], request_id)

    def unsubscribe(self, channels: Sequence[Channel], request_id: int) -> list[bytes]:
        return stream.control("unsubscribe", [c.topic for c in channels], request_id)

    def ping(self) -> bytes | None:
        return b"ping"

    def parse(self, payload: bytes, receive_ts: int) -> Message:
        if payload.startswith(_BOOK) and b'"action":' in payload[:160]:
            return self._book(payload, receive_ts)
        if payload == b"pong":
            return Message(Told.PONG)
        told = wire.read_envelope(payload)
        key = "" if told.arg is None else told.arg.key
        if told.event:
            note = f"{told.code} {told.msg}".strip()[:300]
            return Message(_EVENTS.get(told.event, Told.UNKNOWN), key, note=note or told.event[:80])
        if told.arg is None or not bytes(told.data):
            return Message(Told.UNKNOWN, note=payload[:80].decode(errors="replace"))
        channel, symbol, data = told.arg.channel, told.arg.inst_id, told.data
        match channel:
            case "books":
                return self._book(payload, receive_ts)
            case "trades":
                prints = wire.read_trades(data, receive_ts, self._contract(symbol))
                rows = [("trade", row) for row in prints.rows]
                return Message(Told.EVENTS, key, symbol, rows, first_id=prints.first_id, last_id=prints.last_id)
            case "mark-price":
                index = self.index.get(stream.index_of(symbol), wire.NAN)
                return _events(key, symbol, "mark_price", wire.read_marks(data, receive_ts, index))
            case "index-tickers":
                price = wire.read_index(data)
                if not math.isnan(price):
                    self.index[symbol] = price
                return Message(Told.EVENTS, key, symbol)
            case "open-interest":
                return _events(key, symbol, "open_interest", wire.read_interest(data, receive_ts))
            case "funding-rate":
                return _events(key, symbol, "funding", self._unpaid(symbol, wire.read_funding(data, receive_ts)))
            case "liquidation-orders":
                return self._liquidations(key, data, receive_ts)
        if channel.startswith("candle") and channel[6:] in stream.FRAMES:
            frame = stream.FRAMES[channel[6:]]
            return _events(key, symbol, f"bars@{frame}", wire.read_candles(data, Timeframe.parse(frame)))
        return Message(Told.UNKNOWN, note=key[:80])

    def _contract(self, symbol: str) -> wire.Contract:
        if symbol not in self.contracts:
            raise DataError("The contract size of this OKX instrument is unknown; read the instruments first.", symbol[:80])
        return self.contracts[symbol]

    def _book(self, payload: bytes, receive_ts: int) -> Message:
        frame = read_depth(payload, receive_ts)
        symbol, message = frame.symbol, frame.message
        to_ns(message.exchange_ts // 1_000_000, payload[:200])
        contract = self._contract(symbol)
        if not self.printed.agrees(symbol, payload, message.snapshot, frame.checksum):
            message = message._replace(previous_id=WRONG, snapshot=False)
        return Message(Told.EVENTS, f"books:{symbol}", symbol, book=wire.in_coins(message, contract))

    def _unpaid(self, symbol: str, rows: list[Values]) -> list[Values]:
        fresh = [row for row in rows if row[0] > self.paid.get(symbol, 0)]
        if fresh:
            self.paid[symbol] = max(row[0] for row in fresh)
        return fresh

    def _liquidations(self, key: str, data: Any, receive_ts: int) -> Message:
        """Orders of all swaps; of one whose size is unknown nobody asked for, so it is left out and counted."""
        known: list[Message] = []
        strangers = 0
        for symbol, orders in wire.read_liquidations(data):
            if symbol in self.contracts:
                rows = wire.liquidation_rows(orders, receive_ts, self.contracts[symbol])
                known.append(_events(key, symbol, "liquidation", rows))
            else:
                strangers += len(orders)
        left_out = {"of an unknown instrument": strangers} if strangers else {}
        first = known[0] if known else Message(Told.EVENTS, key)
        return first._replace(left_out=left_out, others=known[1:])

    def rule(self) -> SequenceRule:
        return OkxRule()

    def ask_snapshot(self, symbol: str) -> Ask | None:
        return rest.ask_snapshot(symbol)

    def read_snapshot(self, symbol: str, payload: bytes, receive_ts: int) -> BookMessage:
        self.printed.forget(symbol)
        return wire.in_coins(rest.read_snapshot(payload, receive_ts), self._contract(symbol))

    def ask_trades(self, symbol: str, from_id: int) -> Ask | None:
        return rest.ask_trades(symbol, from_id)

    def read_trades(self, symbol: str, payload: bytes, receive_ts: int) -> Table:
        return rest.read_trade_page(payload, receive_ts, self._contract(symbol))

    def ask_polled(self, symbol: str, kind: str) -> Ask | None:
        return None

    def read_polled(self, symbol: str, kind: str, payload: bytes, receive_ts: int) -> Table:
        raise ProgrammerError(f"Nothing is polled from OKX: {kind} is streamed.")

    def ask_time(self) -> Ask:
        return rest.ASK_TIME

    def read_time(self, payload: bytes) -> int:
        return rest.read_time(payload)

    def ask_instruments(self) -> Ask:
        return rest.ASK_INSTRUMENTS

    def read_instruments(self, payload: bytes) -> list[Instrument]:
        return rest.read_instruments(payload)


def _events(key: str, symbol: str, stream_name: str, rows: list[Values]) -> Message:
    return Message(Told.EVENTS, key, symbol, [(stream_name, row) for row in rows])


DOORS: tuple[Any, ...] = (OkxDoor(),)
