"""The door `binance_spot`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from perpscope.core.errors import ProgrammerError
from perpscope.core.events import LiquidationFeed
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.venues.binance_spot import book, parse, rest, stream
from perpscope.venues.book_sync import BookMessage, SequenceRule
from perpscope.venues.door import Ask, Channel, Limits, Message


@dataclass(frozen=True)
class SpotDoor:
    """See `venues.door.Door`; COVERAGE.md beside this file says what every channel carries."""

    name: str = "binance_spot"
    addresses: Mapping[str, str] = field(
        default_factory=lambda: {"stream": "wss://stream.binance.com:9443", "rest": "https://api.binance.com"}
    )
    limits: Limits = stream.LIMITS
    liquidation_feed: LiquidationFeed | None = None
    contiguous: frozenset[str] = frozenset({"trade"})

    def with_instruments(self, instruments: Iterable[Instrument]) -> SpotDoor:
        return self

    def channels(self, symbol: str, kinds: Sequence[str]) -> list[Channel]:
        return stream.channels(symbol, kinds)

    def url(self, address: str, channels: Sequence[Channel]) -> str:
        return stream.url(address, channels)

    def subscribe(self, channels: Sequence[Channel], request_id: int) -> list[bytes]:
        return stream.control("SUBSCRIBE", channels, request_id)

    def unsubscribe(self, channels: Sequence[Channel], request_id: int) -> list[bytes]:
        return stream.control("UNSUBSCRIBE", channels, request_id)

    def ping(self) -> bytes | None:
        return None

    def parse(self, payload: bytes, receive_ts: int) -> Message:
        return parse.parse(payload, receive_ts)

    def rule(self) -> SequenceRule:
        return book.SpotRule()

    def ask_snapshot(self, symbol: str) -> Ask | None:
        return rest.ask_snapshot(symbol)

    def read_snapshot(self, symbol: str, payload: bytes, receive_ts: int) -> BookMessage:
        return book.parse_snapshot(payload, receive_ts)

    def ask_trades(self, symbol: str, from_id: int) -> Ask | None:
        return rest.ask_trades(symbol, from_id)

    def read_trades(self, symbol: str, payload: bytes, receive_ts: int) -> Table:
        return rest.read_trades(payload, receive_ts)

    def ask_polled(self, symbol: str, kind: str) -> Ask | None:
        return None

    def read_polled(self, symbol: str, kind: str, payload: bytes, receive_ts: int) -> Table:
        raise ProgrammerError(f"Binance spot is never polled for {kind}: ask_polled said so.")

    def ask_time(self) -> Ask:
        return Ask("/api/v3/time")

    def read_time(self, payload: bytes) -> int:
        return rest.read_time(payload)

    def ask_instruments(self) -> Ask:
        return Ask("/api/v3/exchangeInfo", {"permissions": "SPOT"}, weight=20)

    def read_instruments(self, payload: bytes) -> list[Instrument]:
        return rest.read_instruments(payload)


DOORS = (SpotDoor(),)
