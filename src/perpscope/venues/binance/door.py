"""The doors `binance` (USD-M) and `binance_coinm` (COIN-M)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from perpscope.core.events import LiquidationFeed
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.units import ContractKind
from perpscope.venues.binance import parse, rest, stream
from perpscope.venues.binance.book import FuturesRule
from perpscope.venues.binance.product import COIN_M, USD_M, Product
from perpscope.venues.book_sync import BookMessage, SequenceRule
from perpscope.venues.door import Ask, Channel, Limits, Message


@dataclass(frozen=True)
class FuturesDoor:
    """See `venues.door.Door`; COVERAGE.md beside this file says what every channel carries."""

    product: Product
    addresses: Mapping[str, str]
    limits: Limits = stream.LIMITS
    liquidation_feed: LiquidationFeed | None = LiquidationFeed.ONE_PER_SECOND
    contiguous: frozenset[str] = frozenset({"trade"})

    @property
    def name(self) -> str:
        return self.product.name

    def with_instruments(self, instruments: Iterable[Instrument]) -> FuturesDoor:
        faces = {i.symbol: i.contract_size for i in instruments if i.kind is ContractKind.INVERSE}
        return replace(self, product=replace(self.product, faces={**self.product.faces, **faces}))

    def channels(self, symbol: str, kinds: Sequence[str]) -> list[Channel]:
        return stream.channels(self.product, symbol, kinds)

    def url(self, address: str, channels: Sequence[Channel]) -> str:
        return stream.url(address, channels)

    def subscribe(self, channels: Sequence[Channel], request_id: int) -> list[bytes]:
        return stream.control("SUBSCRIBE", channels, request_id)

    def unsubscribe(self, channels: Sequence[Channel], request_id: int) -> list[bytes]:
        return stream.control("UNSUBSCRIBE", channels, request_id)

    def ping(self) -> bytes | None:
        return None

    def parse(self, payload: bytes, receive_ts: int) -> Message:
        return parse.parse(payload, receive_ts, self.product)

    def rule(self) -> SequenceRule:
        return FuturesRule()

    def ask_snapshot(self, symbol: str) -> Ask | None:
        return rest.ask_snapshot(self.product, symbol)

    def read_snapshot(self, symbol: str, payload: bytes, receive_ts: int) -> BookMessage:
        return rest.read_snapshot(self.product, symbol, payload, receive_ts)

    def ask_trades(self, symbol: str, from_id: int) -> Ask | None:
        return rest.ask_trades(self.product, symbol, from_id)

    def read_trades(self, symbol: str, payload: bytes, receive_ts: int) -> Table:
        return rest.read_trades(self.product, symbol, payload, receive_ts)

    def ask_polled(self, symbol: str, kind: str) -> Ask | None:
        return rest.ask_polled(self.product, symbol, kind)

    def read_polled(self, symbol: str, kind: str, payload: bytes, receive_ts: int) -> Table:
        return rest.read_polled(self.product, symbol, kind, payload, receive_ts)

    def ask_time(self) -> Ask:
        return Ask(f"{self.product.prefix}/time")

    def read_time(self, payload: bytes) -> int:
        return rest.read_time(payload)

    def ask_instruments(self) -> Ask:
        return Ask(f"{self.product.prefix}/exchangeInfo")

    def read_instruments(self, payload: bytes) -> list[Instrument]:
        return rest.read_instruments(self.product, payload)


DOORS = (
    FuturesDoor(
        USD_M,
        {
            "public": "wss://fstream.binance.com/public",
            "market": "wss://fstream.binance.com/market",
            "rest": "https://fapi.binance.com",
        },
    ),
    FuturesDoor(COIN_M, {"stream": "wss://dstream.binance.com", "rest": "https://dapi.binance.com"}),
)
