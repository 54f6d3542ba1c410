"""One recorder a venue: a lock that dies with its process, and a number that only grows.

The lock keeps a second recorder from starting. A lock can be lost all the same (a network drive, a deleted lock file, a
machine that was asleep), so every recorder also takes a fencing token, one higher than any before it, and writes it into every
day file of the venue. A commit compares the token of its file with its own inside the transaction: whoever was overtaken fails
at the next commit and writes nothing. The token file is replaced before the day files are changed, and a day file that is made
later takes its token from there, so that no order of events lets two recorders write.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from perpscope.core.errors import UserError
from perpscope.lake.catalogue import sync_folder, write_durably

LOCK = "recorder.lock"
TOKEN = "token"


class FencedOffError(UserError):
    """Another recorder has taken over: this one must stop, what it could not commit is not in the lake."""


class Fence:
    """The right to write one venue's hot log, until `release`.

    Raises:
        UserError: if another process has it.
    """

    def __init__(self, folder: Path, venue: str) -> None:
        self.folder, self.venue = folder, venue
        self._lock = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR, 0o644)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._lock, 20, 0).decode(errors="replace").strip()
            os.close(self._lock)
            raise UserError(
                f"Another recorder{f' (process {holder})' if holder else ''} is writing {venue} to this lake. "
                "Stop it first, or record into another folder."
            ) from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, str(os.getpid()).encode(), 0)
        self.token = 0

    def take(self, highest: int) -> int:
        """A token above `highest` (the day files' own) and above the token file's; durable on return."""
        self.token = max(highest, current(self.folder)) + 1
        write_durably(self.folder / TOKEN, str(self.token).encode())
        sync_folder(self.folder)
        return self.token

    def overtaken(self, found: int) -> FencedOffError:
        """The sentence for a commit that met a higher token."""
        return FencedOffError(
            f"Another recorder has taken over {self.venue} (token {found}, ours was {self.token}). "
            "This one stops; nothing of its last batch was written."
        )

    def release(self) -> None:
        os.close(self._lock)


def current(folder: Path) -> int:
    """The token of the last recorder that started; 0 where none did or the file is unreadable."""
    try:
        return int((folder / TOKEN).read_bytes())
    except (FileNotFoundError, ValueError):
        return 0
