"""Bybit v5 `orderbook.{depth}.{symbol}`: the message, and what its numbers mean.

Rule (Bybit v5 documentation, orderbook topic, read 2026-11): the first message is a snapshot; each `u` is the one before plus
1; a new snapshot, or u = 1 (restart of the service, delisting, end of an auction, a new tick or lot), replaces the book.
The shallow topics send an unchanged snapshot again after three seconds. `cts` is the matching engine's time, which joins
with the time of trades. The API before v5 has other words and is refused.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from perpscope.venues.book_sync import NO_ID, BookMessage
from perpscope.venues.numbers import Ident, Levels, Millis, decoder, read

_MS = 1_000_000


class _Data(msgspec.Struct):
    u: Ident
    b: Levels
    a: Levels


class _Message(msgspec.Struct):
    topic: str
    type: Literal["snapshot", "delta"]
    ts: Millis
    data: _Data
    cts: Millis | None = None


_message = decoder(_Message)


class BybitRule:
    """The chain of `u`, and u = 1."""

    def contains(self, snapshot: BookMessage, update: BookMessage) -> bool:
        return update.last_id <= snapshot.last_id

    def bridges(self, snapshot: BookMessage, update: BookMessage) -> bool:
        return update.last_id == snapshot.last_id + 1

    def follows(self, last: BookMessage, update: BookMessage) -> bool | None:
        return update.last_id == last.last_id + 1

    def repeats(self, last: BookMessage, update: BookMessage) -> bool:
        # a later time with an earlier number is no repetition: the venue counts anew, and the chain is broken
        return update.last_id <= last.last_id and update.exchange_ts <= last.exchange_ts

    def restarts(self, update: BookMessage) -> bool:
        return update.last_id == 1


def parse_depth(payload: bytes, receive_ts: int) -> BookMessage:
    """A message of an orderbook topic.

    Raises:
        DataError: if it is none, or one of the API before v5.

    Example:
        >>> body = b'{"topic":"orderbook.50.X","type":"delta","ts":9,"cts":7,"data":{"u":5,"b":[["1.5","0"]],"a":[]}}'
        >>> m = parse_depth(body, 8)
        >>> m.exchange_ts, m.bids, m.snapshot
        (7000000, [(1.5, 0.0)], False)
    """
    return read_depth(payload, receive_ts)[1]


def read_depth(payload: bytes, receive_ts: int) -> tuple[str, BookMessage]:
    """The topic of an orderbook message, and the message.

    Raises:
        DataError: if it is none, or one of the API before v5.
    """
    m = read(_message, payload, "Bybit v5 order book message")
    ts = (m.ts if m.cts is None else m.cts) * _MS
    data = m.data
    return m.topic, BookMessage(ts, receive_ts, data.u, data.u, NO_ID, data.b, data.a, snapshot=m.type == "snapshot")
