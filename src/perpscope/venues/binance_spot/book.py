"""Binance spot: depth messages, the REST snapshot, and what their numbers mean.

Rule (Binance spot, "How to manage a local order book correctly", read 2026-11): drop updates with u <= lastUpdateId; the
first applied has U <= lastUpdateId + 1 <= u; from then on each U is the `u` before plus 1. There is no `pu`, and `E` is the
only time. One number differs from the futures, and with the futures' rule these books go wrong.
"""

from __future__ import annotations

import msgspec

from perpscope.venues.book_sync import NO_ID, BookMessage
from perpscope.venues.numbers import Ident, Levels, Millis, decoder, read

_MS = 1_000_000


class Depth(msgspec.Struct, kw_only=True):
    """The `data` of a depth message."""

    E: Millis
    U: Ident
    u: Ident
    b: Levels
    a: Levels


class _Snapshot(msgspec.Struct):
    last_update_id: Ident = msgspec.field(name="lastUpdateId")
    bids: Levels
    asks: Levels


_depth, _snapshot = decoder(Depth), decoder(_Snapshot)


class SpotRule:
    """The chain of U and u."""

    def contains(self, snapshot: BookMessage, update: BookMessage) -> bool:
        return update.last_id <= snapshot.last_id

    def bridges(self, snapshot: BookMessage, update: BookMessage) -> bool:
        return update.first_id <= snapshot.last_id + 1 <= update.last_id

    def follows(self, last: BookMessage, update: BookMessage) -> bool | None:
        return update.first_id == last.last_id + 1

    def repeats(self, last: BookMessage, update: BookMessage) -> bool:
        # a later time with an earlier number is no repetition: the venue counts anew, and the chain is broken
        return update.last_id <= last.last_id and update.exchange_ts <= last.exchange_ts

    def restarts(self, update: BookMessage) -> bool:
        return False


def book_message(d: Depth, receive_ts: int) -> BookMessage:
    """A decoded depth message for the sequence machine."""
    return BookMessage(d.E * _MS, receive_ts, d.U, d.u, NO_ID, d.b, d.a)


def parse_depth(payload: bytes, receive_ts: int) -> BookMessage:
    """The `data` of a depth message.

    Raises:
        DataError: if it is none.

    Example:
        >>> parse_depth(b'{"E":7,"U":4,"u":5,"b":[["99.5","2"]],"a":[]}', 8).exchange_ts
        7000000
    """
    return book_message(read(_depth, payload, "Binance spot depth message"), receive_ts)


def parse_snapshot(payload: bytes, receive_ts: int) -> BookMessage:
    """The answer of `GET /api/v3/depth`, which has no time: it takes the receive time, or that of the update it bridges.

    Raises:
        DataError: if it is none.
    """
    s = read(_snapshot, payload, "Binance spot snapshot")
    return BookMessage(receive_ts, receive_ts, s.last_update_id, s.last_update_id, NO_ID, s.bids, s.asks, snapshot=True)
