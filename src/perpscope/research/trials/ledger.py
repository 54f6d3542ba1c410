"""The trial ledger: one JSON line per trial or registration, only ever appended, each chained to the one before.

Safe for several processes (an advisory lock per append, the row written and synced before it is released) and for a
crash: a half line is cut off from what follows by the next append, skipped by every reader, and reported in a sentence.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from perpscope.core.errors import DataError
from perpscope.research.trials.trial import Trial, digest

GENESIS = "0" * 64
_TAIL = 1 << 16


class RegistrationEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A study whose plan was fixed: its name, the hash of the plan, and when it was entered."""

    study: str
    plan_hash: str
    date: int


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of the file: its content, the hash of the line before, and its own."""

    kind: Literal["trial", "registration"]
    content: msgspec.Raw
    before: str
    hash: str


@dataclass(frozen=True)
class LedgerReading:
    """Everything a ledger says.

    Attributes:
        trials: in the order of entry, repeats included.
        registrations: in the order of entry.
        warnings: a sentence for each half line that was skipped.
        last_hash: of the last whole line; it stands for the whole ledger, because the lines are chained.
    """

    trials: tuple[Trial, ...]
    registrations: tuple[RegistrationEntry, ...]
    warnings: tuple[str, ...]
    last_hash: str

    def distinct(self, family: str) -> dict[str, Trial]:
        """The trials of a family by key; of a repeated one the last that has a result."""
        found: dict[str, Trial] = {}
        for trial in self.trials:
            if trial.family == family and (trial.key not in found or trial.result is not None):
                found[trial.key] = trial
        return found

    def count(self, family: str | None = None) -> int:
        """N for the deflated Sharpe ratio: distinct trials of a family, discarded ones included; of all where None."""
        if family is not None:
            return len(self.distinct(family))
        return len({(trial.family, trial.key) for trial in self.trials})

    def results(self, family: str, metric: str) -> list[float]:
        """The known results of one metric over the distinct trials of a family: their variance is V of the DSR."""
        return [t.result for t in self.distinct(family).values() if t.metric == metric and t.result is not None]

    def families(self) -> dict[str, int]:
        """Distinct trials by family, in alphabetical order."""
        return {family: self.count(family) for family in sorted({trial.family for trial in self.trials})}


class Ledger:
    """A trial ledger in one file, made on the first append.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     ledger = Ledger(Path(folder) / "trials.jsonl")
        ...     for horizon in ("1h", "4h", "1h"):
        ...         ledger.append([Trial("gaps", "event_study gaps", {"horizon": horizon}, "ab", 0, "evidence", "effect_bps")])
        ...     ledger.read().count("gaps")
        2
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, trials: Iterable[Trial]) -> None:
        """Enter trials, all of them or (after a crash) the first few; on return they are on the disk.

        Raises:
            UserError: for a trial that could not be counted (see `Trial.check`).
            DataError: if the last whole line was changed after it was written.
        """
        checked = list(trials)
        for trial in checked:
            trial.check()
        self._append([("trial", trial) for trial in checked])

    def enter_registration(self, entry: RegistrationEntry) -> RegistrationEntry:
        """Enter a study unless it is there; returns the entry that counts, which is the first of that name."""
        with self._locked() as stream:
            for known in self.read().registrations:
                if known.study == entry.study:
                    return known
            self._write(stream, [("registration", entry)])
        return entry

    def read(self) -> LedgerReading:
        """Everything in the ledger; an absent file is an empty ledger.

        Raises:
            DataError: if a line was changed, removed or put in between after it was written.
        """
        trials: list[Trial] = []
        registrations: list[RegistrationEntry] = []
        warnings: list[str] = []
        before = GENESIS
        raw = self.path.read_bytes() if self.path.exists() else b""
        for number, text in enumerate(raw.split(b"\n"), 1):
            if not text:
                continue
            line = _decode(text)
            if line is None:
                warnings.append(
                    f"Line {number} of {self.path.name} is incomplete: a program stopped while it wrote. "
                    "It is skipped; run that command again to enter its trial."
                )
                continue
            if line.before != before or line.hash != _chained(line.kind, line.content, before):
                raise DataError(f"Line {number} of {self.path.name} was changed after it was written.", text)
            before = line.hash
            if line.kind == "trial":
                trials.append(msgspec.json.decode(line.content, type=Trial))
            else:
                registrations.append(msgspec.json.decode(line.content, type=RegistrationEntry))
        return LedgerReading(tuple(trials), tuple(registrations), tuple(warnings), before)

    def _append(self, rows: list[tuple[Literal["trial", "registration"], Trial | RegistrationEntry]]) -> None:
        if rows:
            with self._locked() as stream:
                self._write(stream, rows)

    def _write(self, stream: int, rows: list[tuple[Literal["trial", "registration"], Trial | RegistrationEntry]]) -> None:
        before, whole = self._tail(stream)
        lines = [] if whole else [b""]  # an empty first piece ends the half line of a program that stopped
        for kind, row in rows:
            content = msgspec.Raw(msgspec.json.encode(row))
            line = _Line(kind, content, before, _chained(kind, content, before))
            lines.append(msgspec.json.encode(line))
            before = line.hash
        room = memoryview(b"\n".join(lines) + b"\n")
        while room:
            room = room[os.write(stream, room) :]
        os.fsync(stream)

    def _tail(self, stream: int) -> tuple[str, bool]:
        """The hash of the last whole line, and whether the file ends with a line break. Reads backwards from the end."""
        size = os.fstat(stream).st_size
        span = min(size, _TAIL)
        while True:
            raw = os.pread(stream, span, size - span)
            pieces = raw.split(b"\n")
            for text in reversed(pieces if span == size else pieces[1:]):
                line = _decode(text) if text else None
                if line is not None:
                    if line.hash != _chained(line.kind, line.content, line.before):
                        raise DataError(f"The last line of {self.path.name} was changed after it was written.", text)
                    return line.hash, raw.endswith(b"\n")
            if span == size:
                return GENESIS, size == 0 or raw.endswith(b"\n")
            span = min(size, span * 8)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        stream = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield stream
        finally:
            os.close(stream)


def _chained(kind: str, content: msgspec.Raw, before: str) -> str:
    return digest([kind, content, before])


def _decode(text: bytes) -> _Line | None:
    try:
        return msgspec.json.decode(text, type=_Line)
    except msgspec.DecodeError:
        return None
