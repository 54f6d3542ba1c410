"""OKX v5 `books`: the message, what its numbers mean, and the checksum of old frames.

Rule (OKX v5 documentation, order book channel, read 2026-11): `prevSeqId` is the `seqId` before; steps are arbitrary, so the
size of a loss cannot be known; equal ids mean no change; a seqId below its own prevSeqId is a reset after maintenance, after
which the chain goes on. With a snapshot by REST: drop seqId <= the snapshot's, the first applied has prevSeqId <= the
snapshot's < seqId. Frames of 2022 carry no seqId: a loss cannot be told from numbers, but from the checksum, a signed CRC32
over the best 25 levels as printed. Since 2026-06-23 the checksum is always 0, which is absent and no failure.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from itertools import zip_longest
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from perpscope.core.errors import DataError
from perpscope.venues.book_sync import NO_ID, BookMessage
from perpscope.venues.numbers import Millis, Price, Quantity, decoder, read

_MS = 1_000_000
WRONG = -2
"""The `previous_id` of an update whose checksum shows that the book is wrong: it follows nothing."""

TextLevel = tuple[str, str]
_Level = tuple[Price, Quantity, Any, Any]
_Sequence = Annotated[int, Meta(ge=-1, le=2**63 - 1)]


class _Data(msgspec.Struct):
    asks: list[_Level]
    bids: list[_Level]
    ts: Millis
    checksum: int = 0
    seq_id: _Sequence = msgspec.field(name="seqId", default=NO_ID)
    prev_seq_id: _Sequence = msgspec.field(name="prevSeqId", default=NO_ID)


class _Instrument(msgspec.Struct):
    inst_id: str = msgspec.field(name="instId")


class _Message(msgspec.Struct):
    action: Literal["snapshot", "update"]
    data: Annotated[list[_Data], Meta(min_length=1, max_length=1)]
    arg: _Instrument | None = None


class _Printed(msgspec.Struct):
    asks: list[list[str]]
    bids: list[list[str]]
    checksum: int = 0


class _PrintedMessage(msgspec.Struct):
    data: list[_Printed]


_message, _printed = decoder(_Message), decoder(_PrintedMessage)


class Frame(NamedTuple):
    """A frame of the `books` channel: which instrument, its checksum (0: absent), the message in contracts."""

    symbol: str
    checksum: int
    message: BookMessage


class OkxRule:
    """The chain of prevSeqId."""

    def contains(self, snapshot: BookMessage, update: BookMessage) -> bool:
        if update.previous_id == WRONG:
            return False
        if update.last_id == NO_ID:
            return update.exchange_ts < snapshot.exchange_ts
        return update.last_id <= snapshot.last_id and update.previous_id != snapshot.last_id

    def bridges(self, snapshot: BookMessage, update: BookMessage) -> bool:
        if update.previous_id == WRONG:
            return False
        if update.last_id == NO_ID:
            return True
        return update.previous_id == snapshot.last_id or update.previous_id <= snapshot.last_id < update.last_id

    def follows(self, last: BookMessage, update: BookMessage) -> bool | None:
        if update.last_id == NO_ID and update.previous_id != WRONG:
            return None
        return update.previous_id == last.last_id

    def repeats(self, last: BookMessage, update: BookMessage) -> bool:
        return False

    def restarts(self, update: BookMessage) -> bool:
        return False


def parse_depth(payload: bytes, receive_ts: int) -> BookMessage:
    """A snapshot or update of the `books` channel. Quantities are contracts (coins on spot).

    Raises:
        DataError: if it is none.

    Example:
        >>> data = b'{"asks":[],"bids":[["9.5","2","0","1"]],"ts":"7","seqId":5,"prevSeqId":3}'
        >>> m = parse_depth(b'{"action":"update","data":[' + data + b"]}", 8)
        >>> m.bids, m.previous_id
        ([(9.5, 2.0)], 3)
    """
    return read_depth(payload, receive_ts).message


def read_depth(payload: bytes, receive_ts: int) -> Frame:
    """A frame of the `books` channel.

    Raises:
        DataError: if it is none.
    """
    m = read(_message, payload, "OKX order book frame")
    (data,), snapshot = m.data, m.action == "snapshot"
    bids, asks = ([(level[0], level[1]) for level in side] for side in (data.bids, data.asks))
    previous = NO_ID if snapshot else data.prev_seq_id
    told = BookMessage(data.ts * _MS, receive_ts, data.seq_id, data.seq_id, previous, bids, asks, snapshot)
    return Frame("" if m.arg is None else m.arg.inst_id, data.checksum, told)


def printed_levels(payload: bytes) -> tuple[list[TextLevel], list[TextLevel], int]:
    """Bids and asks of a frame as printed, and its checksum (0: absent), for `checksum`.

    Raises:
        DataError: if it is no frame of the channel.
    """
    frames = read(_printed, payload, "OKX order book frame").data
    try:
        bids, asks = ([(level[0], level[1]) for level in side] for side in (frames[0].bids, frames[0].asks))
    except IndexError:
        raise DataError("This OKX order book frame is empty or has a level without a quantity.", payload[:200]) from None
    return bids, asks, frames[0].checksum


def checksum(bids: Sequence[TextLevel], asks: Sequence[TextLevel]) -> int:
    """The venue's checksum of a book whose levels are given best first, as printed: bid:quantity:ask:quantity:..., 25 deep.

    Example:
        >>> checksum([("3366.1", "7"), ("3366", "6")], [("3366.8", "9"), ("3368", "8")])
        -1881014294
    """
    pieces: list[str] = []
    for bid, ask in zip_longest(bids[:25], asks[:25], fillvalue=()):
        pieces += [*bid, *ask]
    crc = zlib.crc32(":".join(pieces).encode())
    return crc - (1 << 32) if crc >= 1 << 31 else crc
