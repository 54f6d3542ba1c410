"""Binance USD-M and COIN-M: depth messages, the REST snapshot, and what their numbers mean.

Rule (Binance, "How to manage a local order book correctly", USD-M and COIN-M pages, read 2026-11): buffer the stream, ask
for a snapshot, drop updates with u < lastUpdateId; the first applied has U <= lastUpdateId <= u; from then on each `pu` is
the `u` before. `T` is the matching engine's time. Old recordings may lack `pu`: then a loss cannot be told.
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
    pu: int = NO_ID
    T: int | None = None


class _Snapshot(msgspec.Struct):
    last_update_id: int = msgspec.field(name="lastUpdateId")
    bids: list[Level]
    asks: list[Level]
    E: int | None = None
    T: int | None = None


_depth, _snapshot = msgspec.json.Decoder(_Depth, strict=False), msgspec.json.Decoder(_Snapshot, strict=False)


class FuturesRule:
    """The chain of `pu`."""

    def contains(self, snapshot: BookMessage, update: BookMessage) -> bool:
        return update.last_id < snapshot.last_id

    def bridges(self, snapshot: BookMessage, update: BookMessage) -> bool:
        return update.first_id <= snapshot.last_id <= update.last_id or update.previous_id == snapshot.last_id

    def follows(self, last: BookMessage, update: BookMessage) -> bool | None:
        return None if update.previous_id == NO_ID else update.previous_id == last.last_id

    def repeats(self, last: BookMessage, update: BookMessage) -> bool:
        return update.last_id <= last.last_id

    def restarts(self, update: BookMessage) -> bool:
        return False


def parse_depth(payload: bytes, receive_ts: int) -> BookMessage:
    """The `data` of a depth message.

    Raises:
        DataError: if it is none.

    Example:
        >>> parse_depth(b'{"E":7,"T":6,"U":4,"u":5,"pu":3,"b":[["99.5","2"]],"a":[]}', 8).bids
        [(99.5, 2.0)]
    """
    try:
        d = _depth.decode(payload)
    except (msgspec.MsgspecError, ValueError) as fault:
        raise DataError(f"This is no Binance depth message ({fault}).", payload[:200]) from None
    return BookMessage((d.E if d.T is None else d.T) * _MS, receive_ts, d.U, d.u, d.pu, d.b, d.a)


def parse_snapshot(payload: bytes, receive_ts: int) -> BookMessage:
    """The answer of `GET /fapi/v1/depth` or `/dapi/v1/depth`; without a time of its own it has the receive time.

    Raises:
        DataError: if it is none.
    """
    try:
        s = _snapshot.decode(payload)
    except (msgspec.MsgspecError, ValueError) as fault:
        raise DataError(f"This is no Binance depth snapshot ({fault}).", payload[:200]) from None
    stamp = s.E if s.T is None else s.T
    ts = receive_ts if stamp is None else stamp * _MS
    return BookMessage(ts, receive_ts, s.last_update_id, s.last_update_id, NO_ID, s.bids, s.asks, snapshot=True)
