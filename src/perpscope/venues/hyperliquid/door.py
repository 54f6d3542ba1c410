"""The door of Hyperliquid's perpetual swaps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from perpscope.core.errors import DataError, ProgrammerError, UserError
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import Timeframe
from perpscope.venues.book_sync import BookMessage, SequenceRule
from perpscope.venues.door import Ask, Channel, Message, Told, Values
from perpscope.venues.hyperliquid import parse as wire
from perpscope.venues.hyperliquid import rest, stream
from perpscope.venues.hyperliquid.book import SnapshotRule, read_depth
from perpscope.venues.numbers import to_ns

_BOOK = b'{"channel":"l2Book"'
_GREETING = b"Websocket connection established."


class SeenTrades:
    """Trade ids already told, per coin and in order of arrival: after every subscription the venue replays older trades.

    The memory is bounded; a replay reaches back seconds to minutes, far less than it holds.
    """

    def __init__(self, kept: int = 20_000) -> None:
        self.kept = kept
        self._ids: dict[str, dict[int, None]] = {}

    def fresh(self, coin: str, ident: int) -> bool:
        """Whether the trade is new; from now on it is not."""
        ids = self._ids.setdefault(coin, {})
        if ident in ids:
            return False
        ids[ident] = None
        if len(ids) > self.kept:
            for old in list(islice(ids, self.kept // 2)):
                del ids[old]
        return True


class ClosedBars:
    """The forming bar of each coin and frame; a later bar closes it, for the venue never says that one is closed."""

    def __init__(self) -> None:
        self._forming: dict[tuple[str, str], wire.Candle] = {}

    def take(self, told: wire.Candle) -> list[Values]:
        """The bar that this message closes, if any; an older bar than the forming one says nothing new."""
        key = told.s, told.i
        last = self._forming.get(key)
        if last is not None and told.t < last.t:
            return []
        self._forming[key] = told
        return [] if last is None or told.t == last.t else [last.values(Timeframe.parse(told.i))]


class HyperliquidDoor:
    """Hyperliquid perpetual swaps. It remembers the trades it told, the forming bars and when it last heard anything.

    No public stream tells of liquidations, and books carry no number: see COVERAGE.md.
    """

    name = "hyperliquid"
    addresses = stream.ADDRESSES
    limits = stream.LIMITS
    liquidation_feed = None
    contiguous: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.seen = SeenTrades()
        self.bars = ClosedBars()
        self.heard_ts = 0

    def with_instruments(self, instruments: Iterable[Instrument]) -> HyperliquidDoor:
        """The same door: everything here counts in coins."""
        return self

    def channels(self, symbol: str, kinds: Sequence[str]) -> list[Channel]:
        return stream.channels(symbol, kinds)

    def url(self, address: str, channels: Sequence[Channel]) -> str:
        if {c.route for c in channels} - {"public"}:
            raise UserError("Hyperliquid has one address for everything; these channels are none of its own.")
        return address

    def subscribe(self, channels: Sequence[Channel], request_id: int) -> list[bytes]:
        return stream.control("subscribe", [c.topic for c in channels])

    def unsubscribe(self, channels: Sequence[Channel], request_id: int) -> list[bytes]:
        return stream.control("unsubscribe", [c.topic for c in channels])

    def ping(self) -> bytes | None:
        return b'{"method":"ping"}'

    def parse(self, payload: bytes, receive_ts: int) -> Message:
        self.heard_ts = max(self.heard_ts, receive_ts)
        if payload.startswith(_BOOK):
            return _book(payload, receive_ts)
        if payload == _GREETING:
            return Message(Told.ACKNOWLEDGED)
        told = wire.read_envelope(payload)
        match told.channel:
            case "l2Book":
                return _book(payload, receive_ts)
            case "trades":
                return self._trades(wire.read_trades(told.data, receive_ts))
            case "activeAssetCtx":
                coin, rows = wire.read_context(told.data, receive_ts)
                return Message(Told.EVENTS, f"activeAssetCtx:{coin}", coin, rows)
            case "candle":
                candle = wire.read_candle(told.data)
                if candle.i not in stream.FRAMES:
                    return Message(Told.UNKNOWN, note=candle.i[:20])
                to_ns(candle.t, payload[:200])
                closed = [(f"bars@{candle.i}", row) for row in self.bars.take(candle)]
                return Message(Told.EVENTS, f"candle:{candle.s}:{candle.i}", candle.s, closed)
            case "subscriptionResponse":
                return Message(Told.ACKNOWLEDGED, wire.read_response(told.data))
            case "pong":
                return Message(Told.PONG)
            case "error":
                return Message(Told.REFUSED, note=bytes(told.data)[:300].decode(errors="replace").strip('"'))
        return Message(Told.UNKNOWN, note=told.channel[:80])

    def _trades(self, told: list[tuple[str, Values]]) -> Message:
        coins = {coin for coin, _ in told}
        if len(coins) > 1:
            raise DataError("A trade message of Hyperliquid holds several coins.", sorted(coins))
        if not told:
            return Message(Told.EVENTS)
        coin = told[0][0]
        rows = [("trade", row) for _, row in told if self.seen.fresh(coin, row[2])]
        replayed = len(told) - len(rows)
        return Message(Told.EVENTS, f"trades:{coin}", coin, rows, left_out={"replayed": replayed} if replayed else {})

    def rule(self) -> SequenceRule:
        return SnapshotRule()

    def ask_snapshot(self, symbol: str) -> Ask | None:
        return None

    def read_snapshot(self, symbol: str, payload: bytes, receive_ts: int) -> BookMessage:
        raise ProgrammerError("Every book message of Hyperliquid is a snapshot; the next one heals.")

    def ask_trades(self, symbol: str, from_id: int) -> Ask | None:
        return None

    def read_trades(self, symbol: str, payload: bytes, receive_ts: int) -> Table:
        raise ProgrammerError("Hyperliquid offers no trades by id; a hole stays declared.")

    def ask_polled(self, symbol: str, kind: str) -> Ask | None:
        return rest.ask_funding(symbol, self.heard_ts) if kind == "funding" else None

    def read_polled(self, symbol: str, kind: str, payload: bytes, receive_ts: int) -> Table:
        if kind != "funding":
            raise ProgrammerError(f"Nothing but funding is polled from Hyperliquid, not {kind}.")
        return rest.read_funding(symbol, payload, receive_ts)

    def ask_time(self) -> Ask:
        return rest.ASK_TIME

    def read_time(self, payload: bytes) -> int:
        return rest.read_time(payload)

    def ask_instruments(self) -> Ask:
        return rest.ASK_INSTRUMENTS

    def read_instruments(self, payload: bytes) -> list[Instrument]:
        return rest.read_instruments(payload)


def _book(payload: bytes, receive_ts: int) -> Message:
    coin, message = read_depth(payload, receive_ts)
    to_ns(message.exchange_ts // 1_000_000, payload[:200])
    return Message(Told.EVENTS, f"l2Book:{coin}", coin, book=message)


DOORS: tuple[Any, ...] = (HyperliquidDoor(),)
