"""Binance spot: depth messages, the REST snapshot, and what their numbers mean.

Rule (Binance spot, "How to manage a local order book correctly", read 2026-11): drop updates with u <= lastUpdateId; the
first applied has U <= lastUpdateId + 1 <= u; from then on each U is the `u` before plus 1. There is no `pu`, and `E` is the
only time. One number differs from the futures, and with the futures' rule these books go wrong.
"""

from __future__ import annotations

import msgspec

from perpscope.core.errors import DataError
from perpscope.venues.book_sync import NO_ID, BookMessage, Level

_MS = 1_000_000


class _Depth(msgspec.Struct):
    E: int
    U: int
    u: int
    b: list[Level]
    a: list[Level]


class _Snapshot(msgspec.Struct):
    last_update_id: int = msgspec.field(name="lastUpdateId")
    bids: list[Level]
    asks: list[Level]


_depth, _snapshot = msgspec.json.Decoder(_Depth, strict=False), msgspec.json.Decoder(_Snapshot, strict=False)


class SpotRule:
    """The chain of U and u."""

    def contains(self, snapshot: BookMessage, update: BookMessage) -> bool:
        return update.last_id <= snapshot.last_id

    def bridges(self, snapshot: BookMessage, update: BookMessage) -> bool:
        return update.first_id <= snapshot.last_id + 1 <= update.last_id

    def follows(self, last: BookMessage, update: BookMessage) -> bool | None:
        return update.first_id == last.last_id + 1

    def repeats(self, last: BookMessage, update: BookMessage) -> bool:
        return update.last_id <= last.last_id

    def restarts(self, update: BookMessage) -> bool:
        return False


def parse_depth(payload: bytes, receive_ts: int) -> BookMessage:
    """The `data` of a depth message.

    Raises:
        DataError: if it is none.

    Example:
        >>> parse_depth(b'{"E":7,"U":4,"u":5,"b":[["99.5","2"]],"a":[]}', 8).exchange_ts
        7000000
    """
    try:
        d = _depth.decode(payload)
    except (msgspec.MsgspecError, ValueError) as fault:
        raise DataError(f"This is no Binance spot depth message ({fault}).", payload[:200]) from None
    return BookMessage(d.E * _MS, receive_ts, d.U, d.u, NO_ID, d.b, d.a)


def parse_snapshot(payload: bytes, receive_ts: int) -> BookMessage:
    """The answer of `GET /api/v3/depth`, which has no time: it takes the receive time, or that of the update it bridges.

    Raises:
        DataError: if it is none.
    """
    try:
        s = _snapshot.decode(payload)
    except (msgspec.MsgspecError, ValueError) as fault:
        raise DataError(f"This is no Binance spot snapshot ({fault}).", payload[:200]) from None
    return BookMessage(receive_ts, receive_ts, s.last_update_id, s.last_update_id, NO_ID, s.bids, s.asks, snapshot=True)
