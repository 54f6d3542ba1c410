"""The last commit that was acknowledged, kept outside the database: what its loss would be noticed by.

SQLite takes a damaged write-ahead log for a torn one and drops everything from the first bad frame on, without a word. So
each acknowledged sequence number is written to 20 bytes of its own after COMMIT has returned: no forcing to the disk, because
a number that lags behind claims too little and never too much. If the log, once reopened, ends before the witness, rows that
somebody was promised are gone, and the gap is declared.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

FILE = "acknowledged"
_SHAPE = struct.Struct("<qqI")


class Witness:
    """An open witness file."""

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / FILE, os.O_CREAT | os.O_RDWR, 0o644)

    def say(self, seq: int, at: int) -> None:
        head = struct.pack("<qq", seq, at)
        os.pwrite(self._file, head + struct.pack("<I", zlib.crc32(head)), 0)

    def close(self) -> None:
        os.close(self._file)


def told(folder: Path) -> tuple[int, int] | None:
    """The last acknowledged sequence number and its time; None where the witness is absent or damaged."""
    try:
        data = (folder / FILE).read_bytes()
    except FileNotFoundError:
        return None
    if len(data) != _SHAPE.size or zlib.crc32(data[:16]) != _SHAPE.unpack(data)[2]:
        return None
    seq, at, _ = _SHAPE.unpack(data)
    return seq, at
