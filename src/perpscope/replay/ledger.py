"""What the venue said, to whom, and what it kept back: written by the server, read by nobody but the judge.

One JSON object a line. Kinds: "run" (the command, seed, speed), "open", "subscribe", "close", "rest", "sent" and "withheld".
A sent or withheld line tells connection `c` (0: nobody was connected), channel `ch`, the house's word for it `kind`, symbol
`s`, ids `f`..`l` (or `ids`), event time `x` in ns, events `n`, the frame's number on the tape `o`, and why it was withheld.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec

from perpscope.core.errors import DataError, UserError
from perpscope.replay.frames import NO_ID, Frame, Track

FLUSH_AT = 1 << 16
_json = msgspec.json.Encoder()


class Entry(NamedTuple):
    """A frame as the ledger tells it."""

    sent: bool
    connection: int
    channel: str
    kind: str
    symbol: str
    first: int
    last: int
    ids: tuple[int, ...]
    exchange_ts: int
    events: int
    order: int
    why: str


class Ledger:
    """Append-only lines in a file, or with `keep` in memory (`lines`); with neither, only `counts`: (sent, withheld)."""

    def __init__(self, path: Path | None = None, keep: bool = False) -> None:
        self.keep = keep
        self.lines: list[bytes] = []
        self.counts = [0, 0]
        self._held = 0
        self._file: BinaryIO | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab")

    def note(self, kind: str, **facts: Any) -> None:
        """A line that is no frame."""
        self._write(_json.encode({"k": kind, **facts}))

    def frame(self, connection: int, track: Track, frame: Frame, why: str = "") -> None:
        """A frame that was sent, or with `why` withheld."""
        line: dict[str, Any] = {"k": "withheld" if why else "sent", "c": connection, "ch": track.channel, "kind": track.kind}
        line |= {"s": track.symbol, "x": frame.exchange_ts, "n": frame.events, "o": frame.order}
        if frame.ids:
            line["ids"] = frame.ids
        elif frame.last != NO_ID:
            line |= {"f": frame.first, "l": frame.last}
        if why:
            line["why"] = why
        self.counts[bool(why)] += 1
        self._write(_json.encode(line))

    def flush(self) -> None:
        if self._file is not None and self.lines:
            self._file.write(b"\n".join(self.lines) + b"\n")
            self._file.flush()
            self.lines.clear()
            self._held = 0

    def close(self) -> None:
        self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, line: bytes) -> None:
        if self._file is None and not self.keep:
            return
        self.lines.append(line)
        self._held += len(line)
        if self._held > FLUSH_AT:
            self.flush()


def entries(path: Path) -> Iterator[Entry]:
    """The frames of a ledger, in order; a torn last line (a killed server) is left out.

    Raises:
        UserError: if there is no such file.
        DataError: if a line before the last is no line of a ledger.
    """
    if not path.is_file():
        raise UserError(f"There is no ledger {path}; give the file that 'perpscope replay --ledger' wrote.")
    raw = path.read_bytes().split(b"\n")
    for k, text in enumerate(raw):
        if not text:
            continue
        try:
            line = msgspec.json.decode(text)
            if line["k"] not in ("sent", "withheld"):
                continue
            yield entry_of(line)
        except (msgspec.DecodeError, KeyError, TypeError) as fault:
            if k == len(raw) - 1:
                return
            raise DataError(f"Line {k + 1} of {path.name} is no line of a ledger ({fault}).", text[:200]) from None


def entry_of(line: dict[str, Any]) -> Entry:
    """A decoded line as an entry."""
    first, last = line.get("f", NO_ID), line.get("l", NO_ID)
    return Entry(
        line["k"] == "sent", line["c"], line["ch"], line["kind"], line["s"], first, last, tuple(line.get("ids", ())),
        line["x"], line["n"], line["o"], line.get("why", ""),
    )  # fmt: skip
