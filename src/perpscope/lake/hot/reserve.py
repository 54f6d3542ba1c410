"""What happens before a disk is full, and when it is.

A reserve file holds space that nothing else can take. Below 10 % free the disk is LOW: raw frames are no longer kept and
compaction stops; below 5 % it is CRITICAL. When a write finds no space the reserve is given up, once, so that what is in memory
can still be committed and everything be closed in order; it is made again when there is room.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path

from perpscope.core.errors import UserError

FILE = "reserve"
RESERVE_BYTES = 256 << 20
LOW_FRACTION, CRITICAL_FRACTION = 0.10, 0.05


class DiskState(IntEnum):
    """How much room is left. FULL: a write has failed."""

    OK = 1
    LOW = 2
    CRITICAL = 3
    FULL = 4


class DiskFullError(UserError):
    """Nothing of the batch was written; keep it, make room, and append it again."""


def free_fraction(path: Path) -> float:
    """The share of the file system that is free for us."""
    stat = os.statvfs(path)
    return stat.f_bavail / max(stat.f_blocks, 1)


def state_of(fraction: float) -> DiskState:
    if fraction < CRITICAL_FRACTION:
        return DiskState.CRITICAL
    return DiskState.LOW if fraction < LOW_FRACTION else DiskState.OK


class Reserve:
    """A file of real blocks in `folder`; `size` 0 keeps none. `free` says how much of the disk is free (0..1)."""

    def __init__(self, folder: Path, size: int, free: Callable[[Path], float] = free_fraction) -> None:
        self.path = folder / FILE
        self.size = size
        self._free = free

    def state(self) -> DiskState:
        return state_of(self._free(self.path.parent))

    def make(self) -> bool:
        """Take the space if it is not held and the disk has room for it beyond the watermark; whether it is held."""
        if not self.size or (self.path.exists() and self.path.stat().st_size == self.size):
            return bool(self.size)
        stat = os.statvfs(self.path.parent)
        if stat.f_bavail * stat.f_frsize < 2 * self.size:
            return False
        try:
            with open(self.path, "wb") as file:
                os.posix_fallocate(file.fileno(), 0, self.size)
        except OSError as error:
            self.path.unlink(missing_ok=True)
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            return False
        return True

    def release(self) -> bool:
        """Give the space back; whether there was any."""
        held = self.path.exists()
        self.path.unlink(missing_ok=True)
        return held
