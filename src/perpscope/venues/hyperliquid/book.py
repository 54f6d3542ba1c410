"""Hyperliquid `l2Book`: the message, and the absence of a rule.

Each message is the whole visible book, 20 levels a side, about twice a second, without a sequence number (Hyperliquid
documentation, WebSocket subscriptions, read 2026-11). A lost one heals with the next and cannot be detected but by the time
that passed; `market/book_feed` calls a book stale after a minute of silence. What lies beyond the 20th level is unknown.
"""

from __future__ import annotations

import msgspec

from perpscope.venues.book_sync import BookMessage
from perpscope.venues.numbers import Millis, Price, Quantity, decoder, read

_MS = 1_000_000


class _Level(msgspec.Struct):
    px: Price
    sz: Quantity


class _Data(msgspec.Struct):
    coin: str
    time: Millis
    levels: tuple[list[_Level], list[_Level]]


class _Message(msgspec.Struct):
    data: _Data


_message = decoder(_Message)


class SnapshotRule:
    """Every message replaces the book; nothing can be told to be lost."""

    def contains(self, snapshot: BookMessage, update: BookMessage) -> bool:
        return False

    def bridges(self, snapshot: BookMessage, update: BookMessage) -> bool:
        return True

    def follows(self, last: BookMessage, update: BookMessage) -> bool | None:
        return None

    def repeats(self, last: BookMessage, update: BookMessage) -> bool:
        return False

    def restarts(self, update: BookMessage) -> bool:
        return True


def parse_depth(payload: bytes, receive_ts: int) -> BookMessage:
    """A message of the `l2Book` channel; its time serves as its number.

    Raises:
        DataError: if it is none.

    Example:
        >>> parse_depth(b'{"channel":"l2Book","data":{"coin":"X","time":7,"levels":[[{"px":"9","sz":"2","n":1}],[]]}}', 8).bids
        [(9.0, 2.0)]
    """
    return read_depth(payload, receive_ts)[1]


def read_depth(payload: bytes, receive_ts: int) -> tuple[str, BookMessage]:
    """The coin of an `l2Book` message, and the message.

    Raises:
        DataError: if it is none.
    """
    d = read(_message, payload, "Hyperliquid l2Book message").data
    bids, asks = ([(level.px, level.sz) for level in side] for side in d.levels)
    return d.coin, BookMessage(d.time * _MS, receive_ts, d.time, d.time, d.time, bids, asks, snapshot=True)
