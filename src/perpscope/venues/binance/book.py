"""Binance USD-M and COIN-M: depth messages, the REST snapshot, and what their numbers mean.

Rule (Binance, "How to manage a local order book correctly", USD-M and COIN-M pages, read 2026-11): buffer the stream, ask
for a snapshot, drop updates with u < lastUpdateId; the first applied has U <= lastUpdateId <= u; from then on each `pu` is
the `u` before. `T` is the matching engine's time. Old recordings may lack `pu`: then a loss cannot be told.
"""

from __future__ import annotations

import msgspec

from perpscope.venues.book_sync import NO_ID, BookMessage
from perpscope.venues.numbers import Ident, Levels, Millis, decoder, read

_MS = 1_000_000


class Depth(msgspec.Struct, kw_only=True):
    """The `data` of a depth message. Quantities are in the venue's unit: coins, or contracts on COIN-M."""

    E: Millis
    U: Ident
    u: Ident
    b: Levels
    a: Levels
    pu: int = NO_ID
    T: Millis | None = None


class _Snapshot(msgspec.Struct):
    last_update_id: Ident = msgspec.field(name="lastUpdateId")
    bids: Levels
    asks: Levels
    E: Millis | None = None
    T: Millis | None = None


_depth, _snapshot = decoder(Depth), decoder(_Snapshot)


class FuturesRule:
    """The chain of `pu`."""

    def contains(self, snapshot: BookMessage, update: BookMessage) -> bool:
        return update.last_id < snapshot.last_id

    def bridges(self, snapshot: BookMessage, update: BookMessage) -> bool:
        return update.first_id <= snapshot.last_id <= update.last_id or update.previous_id == snapshot.last_id

    def follows(self, last: BookMessage, update: BookMessage) -> bool | None:
        return None if update.previous_id == NO_ID else update.previous_id == last.last_id

    def repeats(self, last: BookMessage, update: BookMessage) -> bool:
        # a later time with an earlier number is no repetition: the venue counts anew, and the chain is broken
        return update.last_id <= last.last_id and update.exchange_ts <= last.exchange_ts

    def restarts(self, update: BookMessage) -> bool:
        return False


def book_message(d: Depth, receive_ts: int) -> BookMessage:
    """A decoded depth message for the sequence machine."""
    return BookMessage((d.E if d.T is None else d.T) * _MS, receive_ts, d.U, d.u, d.pu, d.b, d.a)


def parse_depth(payload: bytes, receive_ts: int) -> BookMessage:
    """The `data` of a depth message.

    Raises:
        DataError: if it is none.

    Example:
        >>> parse_depth(b'{"E":7,"T":6,"U":4,"u":5,"pu":3,"b":[["99.5","2"]],"a":[]}', 8).bids
        [(99.5, 2.0)]
    """
    return book_message(read(_depth, payload, "Binance depth message"), receive_ts)


def parse_snapshot(payload: bytes, receive_ts: int) -> BookMessage:
    """The answer of `GET /fapi/v1/depth` or `/dapi/v1/depth`; without a time of its own it has the receive time.

    Raises:
        DataError: if it is none.
    """
    s = read(_snapshot, payload, "Binance depth snapshot")
    stamp = s.E if s.T is None else s.T
    ts = receive_ts if stamp is None else stamp * _MS
    return BookMessage(ts, receive_ts, s.last_update_id, s.last_update_id, NO_ID, s.bids, s.asks, snapshot=True)
