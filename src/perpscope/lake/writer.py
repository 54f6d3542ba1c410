"""Writing to a lake: one writer at a time, and either everything of a transaction or nothing.

New files get new names, and exist only once the catalogue that names them has taken the old one's place. A process
killed before that leaves files that no catalogue names; the next writer removes them.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import DataError, PerpscopeError, UserError
from perpscope.core.events import stream_kind
from perpscope.core.table import Schema, Table
from perpscope.lake import catalogue as catalogues
from perpscope.lake import codec, merge
from perpscope.lake.catalogue import Catalogue, FileEntry, InstrumentEntry, SealedEntry, SourceEntry
from perpscope.lake.coverage import Continuity, Stretches, cover, inside
from perpscope.lake.layout import CATALOGUE, HOT, LOCK, TEMPORARY, check_names, is_sealed, periods


@dataclass(frozen=True)
class Written:
    """What became of rows: kept; said before (`duplicates`); in place of others (`revised`); in time that is covered."""

    rows: int = 0
    duplicates: int = 0
    revised: int = 0
    covered: int = 0

    def __add__(self, other: Written) -> Written:
        return Written(
            self.rows + other.rows,
            self.duplicates + other.duplicates,
            self.revised + other.revised,
            self.covered + other.covered,
        )


class Transaction:
    """Files staged against one catalogue; `commit` makes them real."""

    def __init__(self, root: Path, before: Catalogue) -> None:
        self.root = root
        self.before = before
        self.generation = before.generation + 1
        self._entries = before.by_key()
        self._staged: dict[tuple[str, str, str, str, str], FileEntry] = {}
        self._dropped: set[tuple[str, str, str, str, str]] = set()

    def add(
        self,
        venue: str,
        symbol: str,
        stream: str,
        origin: str,
        table: Table,
        continuity: Continuity,
        marks: Stretches,
        written: Callable[[int], None] = lambda rows: None,
        recorded: bool = False,
    ) -> Written:
        """Stage rows of a stream, merged into what this origin has said before, one file a period.

        `marks` say what the source covers (`coverage.marks_of` where it is simply the rows). `recorded` rows come in the order
        of arrival, each once, and by the hour until their day is compacted: no row is taken for told because its time is
        covered, and of two tellings of one key the first to arrive stays.

        Raises:
            UserError: if a name is not fit for a path.
            DataError: if an existing file of the same periods is damaged.
        """
        check_names(venue, symbol, origin)
        total = Written()
        names, of_row = self._periods(venue, symbol, stream, origin, table[table.schema.names[0]], recorded)
        mark_names, of_mark = self._periods(venue, symbol, stream, origin, marks[:, 0], recorded)
        for period in sorted({*names, *mark_names}):
            mine = of_row == (names.index(period) if period in names else -1)
            rows = table if mine.all() else table[mine]
            covered = marks[of_mark == (mark_names.index(period) if period in mark_names else -1)]
            key = (venue, symbol, stream, period, origin)
            total += self._merge(key, rows, cover(covered, continuity), continuity, recorded)
            written(len(rows))
        return total

    def _periods(
        self, venue: str, symbol: str, stream: str, origin: str, about: npt.NDArray[np.int64], hourly: bool
    ) -> tuple[list[str], npt.NDArray[np.int64]]:
        """By the hour where that is asked for, but into the day's file where the day has been compacted."""
        names, of_row = periods(stream, about, hourly)
        days = [name[:10] if (venue, symbol, stream, name[:10], origin) in self._entries else name for name in names]
        if days == names:
            return names, of_row
        unique = sorted(set(days))
        return unique, np.array([unique.index(day) for day in days])[of_row]

    def _merge(
        self, key: tuple[str, str, str, str, str], rows: Table, found: Stretches, continuity: Continuity, recorded: bool
    ) -> Written:
        old = self._staged.get(key) or self._entries.get(key)
        if old is None and not recorded:
            self._write(key, rows, found, continuity)
            return Written(len(rows))
        before = rows.schema.empty() if old is None else read_entry(self.root, old, rows.schema)
        known = np.array(() if old is None else old.coverage, np.int64).reshape(-1, 4)
        if recorded:
            both = Table.concat([before, rows])
            merged = merge.by_key([both]) if merge.has_key(both) else merge.Merged(both.sorted(), merge.NO_PARTS)
            self._write(key, merged.table, cover(np.concatenate([known, found]), continuity), continuity)
            return Written(len(merged.table) - len(before), merged.duplicates, merged.revised)
        if merge.has_key(rows) and merge.has_key(before):
            merged = merge.by_key([rows, before])
            result = Written(len(merged.table) - len(before), merged.duplicates, merged.revised)
            table, changed = merged.table, not merged.table.same_as(before)
        else:
            fresh = rows[~inside(rows[rows.schema.names[0]], known)]
            result = Written(len(fresh), covered=len(rows) - len(fresh))
            table, changed = Table.concat([before, fresh]).sorted(), len(fresh) > 0
        coverage = cover(np.concatenate([known, found]), continuity)
        if changed or not np.array_equal(coverage, known):
            self._write(key, table, coverage, continuity)
        return result

    def _write(self, key: tuple[str, str, str, str, str], rows: Table, found: Stretches, continuity: Continuity) -> None:
        entry = self._entry(key, rows, found, continuity)
        data = codec.encode(rows, entry.header())
        digest = hashlib.sha256(data).hexdigest()
        path = self.root / entry.path
        catalogues.write_durably(path, data)
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise DataError(f"{entry.path} was not written as intended; the disk or file system is faulty.")
        self._staged[key] = replace(entry, bytes=len(data), sha256=digest)

    def _entry(self, key: tuple[str, str, str, str, str], rows: Table, found: Stretches, continuity: Continuity) -> FileEntry:
        venue, symbol, stream, period, origin = key
        clock = rows.clock
        first, last = (int(clock[0]), int(clock[-1])) if len(rows) else (int(found[0, 0]), int(found[-1, 1]))
        stretches = tuple((int(a), int(b), int(c), int(d)) for a, b, c, d in found)
        return FileEntry(
            venue, symbol, stream, period, origin, self.generation, len(rows), first, last, continuity, stretches
        )  # fmt: skip

    def staged(self) -> list[FileEntry]:
        """The files of this transaction so far."""
        return list(self._staged.values())

    def adopt(self, entry: FileEntry) -> None:
        """Take a sound file that lies in its place into the next catalogue."""
        self._entries[entry.key] = entry

    def drop(self, entry: FileEntry) -> None:
        """Leave a file out of the next catalogue (retention, compaction)."""
        self._dropped.add(entry.key)

    def put(self, key: tuple[str, str, str, str, str], rows: Table, coverage: Stretches, continuity: Continuity) -> int:
        """Stage rows as the whole content of a period. Returns: the file's bytes."""
        self._write(key, rows, coverage, continuity)
        return self._staged[key].bytes

    def commit(
        self,
        sources: list[SourceEntry],
        instruments: list[InstrumentEntry],
        sealed: tuple[SealedEntry, ...] = (),
        forget_sources: bool = False,
    ) -> Catalogue:
        """Replace the catalogue, then remove the files that it no longer names. `forget_sources` after a loss: what was
        imported may be imported again."""
        for folder in {(self.root / entry.path).parent for entry in self._staged.values()}:
            catalogues.sync_folder(folder)
        files = {key: entry for key, entry in self._entries.items() if key not in self._dropped} | self._staged
        marks = {s.venue: s for s in (*self.before.sealed, *sealed)}
        known = {(i.venue, i.symbol): i for i in (*self.before.instruments, *instruments)}
        after = Catalogue(
            generation=self.generation,
            files=tuple(files[key] for key in sorted(files)),
            sources=tuple(sources) if forget_sources else (*self.before.sources, *sources),
            instruments=tuple(known[key] for key in sorted(known)),
            sealed=tuple(marks[venue] for venue in sorted(marks)),
        )
        catalogues.save(self.root, after)
        for key in (self._staged.keys() | self._dropped) & self._entries.keys():
            (self.root / self._entries[key].path).unlink(missing_ok=True)
        return after

    def discard(self) -> None:
        """Remove what was staged; the lake is as it was.

        A commit that failed after the catalogue was renamed (its folder could not be forced to the disk) has happened for every
        reader: what the catalogue names stays. Where it cannot be read, the next writer's sweep decides.
        """
        try:
            named = {entry.path for entry in catalogues.load(self.root).files}
        except (PerpscopeError, OSError):
            return
        for entry in self._staged.values():
            if entry.path not in named:
                (self.root / entry.path).unlink(missing_ok=True)


@contextmanager
def writing(root: Path) -> Iterator[Transaction]:
    """The lake's only writer, for as long as the block lasts; an error inside leaves the lake as it was.

    Raises:
        UserError: if another process is writing, or the folder cannot be made.
        DataError: if the catalogue is damaged.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = os.open(root / LOCK, os.O_CREAT | os.O_RDWR)
    except OSError as error:
        raise UserError(f"The lake {root} cannot be written: {error.strerror}. Choose another folder.") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError("Another import is writing to this lake. Wait until it has finished.") from None
        yield from _transaction(root)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise UserError(f"The disk of {root} is full. The lake is as it was; make room and try again.") from None
        raise
    finally:
        os.close(lock)


def _transaction(root: Path) -> Iterator[Transaction]:
    before = catalogues.load(root)
    if not (root / CATALOGUE).exists():
        catalogues.save(root, before)  # from now on a file it does not name is known to be unfinished
    sweep(root, before)
    transaction = Transaction(root, before)
    try:
        yield transaction
    except BaseException:
        transaction.discard()
        raise


def sweep(root: Path, known: Catalogue) -> list[Path]:
    """Remove what a killed writer left: temporary files, and sealed files that are not in the catalogue although they
    belong to it (superseded, or newer than its generation). Files that someone copied in are left for `rebuild`."""
    named = {root / entry.path for entry in known.files}
    keys = known.by_key()
    removed: list[Path] = []
    for path in root.rglob("*"):
        if path.is_relative_to(root / HOT):
            continue  # the hot log has its own writer and its own repair
        temporary = path.name.startswith(TEMPORARY)
        if not temporary and (not is_sealed(path) or path in named):
            continue
        if not temporary:
            try:
                entry = catalogues.entry_of(root, path)
            except DataError:
                continue
            compacted = "T" in entry.period and entry.day_key in keys
            if entry.key not in keys and entry.generation <= known.generation and not compacted:
                continue
        path.unlink()
        removed.append(path)
    return removed


def read_entry(root: Path, entry: FileEntry, schema: Schema) -> Table:
    """The rows of a sealed file, its checksum compared first.

    Raises:
        DataError: if the file is absent or not what the catalogue says.
    """
    try:
        data = (root / entry.path).read_bytes()
    except OSError as error:
        raise DataError(
            f"{entry.path} is in the catalogue but cannot be read ({error.strerror}). Import its source again."
        ) from None
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        raise DataError(f"{entry.path} is damaged: its checksum differs. Delete the file and the catalogue, then import again.")
    table = codec.decode(data, schema)
    if len(table) != entry.rows:
        raise DataError(f"{entry.path} holds {len(table)} rows, the catalogue says {entry.rows}.", stream_kind(entry.stream))
    return table


def disk_bytes(root: Path) -> int:
    """Bytes of everything in the lake's folder."""
    return sum(os.path.getsize(p) for p in root.rglob("*") if p.is_file())
