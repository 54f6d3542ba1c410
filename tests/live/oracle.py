"""What a feed told, and the question that decides: sent, minus taken, minus declared absent, is nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from live.exchange import Exchange, Levels
from perpscope.core.events import GapCause, GapKind
from perpscope.live.sink import ChannelState
from perpscope.venues.book_sync import BookMessage

MS = 1_000_000


@dataclass
class Heard:
    """A sink that keeps everything."""

    rows: dict[tuple[str, str], list[Any]] = field(default_factory=dict)
    books: dict[str, list[BookMessage]] = field(default_factory=dict)
    gaps: list[tuple[str, GapKind, int, int, GapCause, str]] = field(default_factory=list)
    raws: list[tuple[bytes, str]] = field(default_factory=list)
    states: list[tuple[float, str, ChannelState]] = field(default_factory=list)
    clock: Any = None

    def take(self, venue: str, symbol: str, stream: str, values: Any) -> None:
        self.rows.setdefault((symbol, stream), []).append(values)

    def book(self, venue: str, symbol: str, message: BookMessage) -> None:
        self.books.setdefault(symbol, []).append(message)

    def gap(self, venue: str, symbol: str, kind: GapKind, start_ts: int, end_ts: int, cause: GapCause, note: str) -> None:
        self.gaps.append((symbol, kind, start_ts, end_ts, cause, note))

    def raw(self, venue: str, payload: bytes, receive_ts: int, why: str) -> None:
        self.raws.append((payload, why))

    def state(self, venue: str, channel: str, state: ChannelState) -> None:
        self.states.append((self.clock.monotonic() if self.clock else 0.0, channel, state))

    def declared(self, symbol: str, kind: GapKind, ts: int) -> bool:
        return any(s == symbol and k is kind and a <= ts < b for s, k, a, b, _, _ in self.gaps)


def undeclared(exchange: Exchange, heard: Heard, symbol: str, since_ms: int = 0) -> list[int]:
    """Ids of trades that were made after the first one heard, and are neither taken nor declared absent."""
    taken = {values[2] for values in heard.rows.get((symbol, "trade"), [])}
    begun = min(taken)
    return [
        a
        for a, ts, *_ in exchange.ledger[symbol]
        if a >= begun and a not in taken and ts >= since_ms and not heard.declared(symbol, GapKind.TRADE, ts * MS)
    ]


def twice(heard: Heard, symbol: str) -> list[int]:
    ids = Counter(values[2] for values in heard.rows.get((symbol, "trade"), []))
    return [a for a, n in ids.items() if n > 1]


def wrong_books(exchange: Exchange, heard: Heard, symbol: str) -> tuple[int, int]:
    """(updates compared, updates after which the book made of what passed differs from the exchange's own). The snapshot
    itself is compared too: its number is an update's."""
    book: Levels = {}
    compared = wrong = 0
    for message in heard.books.get(symbol, []):
        if message.snapshot:
            book = {}
        for side, levels in (("b", message.bids), ("a", message.asks)):
            for price, quantity in levels:
                book.pop((side, price), None)
                if quantity:
                    book[side, price] = quantity
        true = exchange.truth[symbol].get(message.last_id)
        if true is not None:
            compared += 1
            wrong += book != true
    return compared, wrong
