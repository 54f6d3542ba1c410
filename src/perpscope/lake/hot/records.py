"""What the hot log stores: batches, gaps, raw frames, each with a checksum over all of its columns."""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple


class RawFrame(NamedTuple):
    """A message as it came, kept because it was unknown or rejected; `why` says which."""

    receive_ts: int
    why: str
    payload: bytes


class Batch(NamedTuple):
    """Rows of one stream in one commit, in the order of arrival. `late` counts rows older than what the stream had
    acknowledged before. Ids are -1 where the rows have none."""

    seq: int
    stream: int
    first_recv: int
    last_recv: int
    first_clock: int
    last_clock: int
    first_id: int
    last_id: int
    rows: int
    late: int
    body: bytes

    def crc(self) -> int:
        return zlib.crc32(self.body)

    def head_crc(self) -> int:
        """Of everything but the body: where it holds, a broken body is known to be whose."""
        return zlib.crc32(struct.pack("<10q", *self[:10]))


class GapRecord(NamedTuple):
    """A declared hole [ref_ts, end_ts) in a kind of point event of one symbol."""

    seq: int
    symbol: str
    ref_ts: int
    known_ts: int
    end_ts: int
    kind: int
    cause: int

    def crc(self) -> int:
        return zlib.crc32(self.symbol.encode(), zlib.crc32(struct.pack("<6q", self[0], *self[2:])))


class Entry(NamedTuple):
    """One commit: when it was made, and how much it holds, so that a row that vanished is missed."""

    seq: int
    at: int
    batches: int
    gaps: int
    raws: int

    def crc(self) -> int:
        return zlib.crc32(struct.pack("<5q", *self))


def text_crc(*texts: str) -> int:
    return zlib.crc32("\0".join(texts).encode())


def raw_crc(seq: int, frame: RawFrame) -> int:
    return zlib.crc32(frame.payload, zlib.crc32(frame.why.encode(), zlib.crc32(struct.pack("<2q", seq, frame.receive_ts))))
