"""One day file of a venue's hot log: an SQLite database in WAL mode that forces every commit to the disk.

entry   one row a commit: seq (contiguous), when, how many batches, gaps and raw frames it holds, sealed
batch   one row a stream and commit: the rows as a body (`lake.hot.body`), with what is needed to skip it unread
gap     declared holes        raw     frames that were unknown or rejected
stream  the names behind the numbers        meta    format, fencing token, boot id, last clean close
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from perpscope.core.errors import DataError, UserError
from perpscope.lake.hot.fence import current
from perpscope.lake.hot.records import Batch, Entry, GapRecord, RawFrame, raw_crc, text_crc
from perpscope.lake.layout import HOT

FORMAT = 1
PAGE = 16384
_DAY = re.compile(r"(?P<day>\d{4}-\d{2}-\d{2})(\.(?P<rebuilt>\d+))?\.db")

_TABLES = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE stream(id INTEGER PRIMARY KEY, symbol TEXT, name TEXT, crc32 INTEGER, UNIQUE(symbol, name));
CREATE TABLE entry(seq INTEGER PRIMARY KEY, at INTEGER, batches INTEGER, gaps INTEGER, raws INTEGER, crc32 INTEGER,
                   sealed INTEGER DEFAULT 0);
CREATE TABLE batch(id INTEGER PRIMARY KEY, seq INTEGER, stream INTEGER, first_recv INTEGER, last_recv INTEGER,
                   first_clock INTEGER, last_clock INTEGER, first_id INTEGER, last_id INTEGER, rows INTEGER, late INTEGER,
                   head_crc32 INTEGER, crc32 INTEGER, body BLOB);
CREATE INDEX batch_of ON batch(stream, seq);
CREATE TABLE gap(id INTEGER PRIMARY KEY, seq INTEGER, symbol TEXT, ref_ts INTEGER, known_ts INTEGER, end_ts INTEGER,
                 kind INTEGER, cause INTEGER, crc32 INTEGER);
CREATE TABLE raw(id INTEGER PRIMARY KEY, seq INTEGER, receive_ts INTEGER, why TEXT, payload BLOB, crc32 INTEGER);
"""
_BATCH = "seq, stream, first_recv, last_recv, first_clock, last_clock, first_id, last_id, rows, late, body, head_crc32, crc32"
_MARKS = ", ".join("?" * 13)
_GAP = "seq, symbol, ref_ts, known_ts, end_ts, kind, cause, crc32"


def folder(root: Path, venue: str) -> Path:
    return root / HOT / venue


def days(root: Path, venue: str) -> list[Path]:
    """The venue's day files, oldest first; of a day that was rebuilt (`2024-08-05.1.db`) the newest file."""
    return [files[-1] for _, files in sorted(_by_day(folder(root, venue)).items())]


def superseded(root: Path, venue: str) -> list[Path]:
    """Day files in whose place a rebuilt one stands."""
    return [path for files in _by_day(folder(root, venue)).values() for path in files[:-1]]


def day_of(path: Path) -> str:
    """The UTC day of a day file."""
    return path.name[:10]


def rebuilt_name(path: Path) -> str:
    """The name of the file that takes a day file's place."""
    found = _DAY.fullmatch(path.name)
    number = int(found["rebuilt"] or 0) if found else 0
    return f"{day_of(path)}.{number + 1}.db"


def _by_day(where: Path) -> dict[str, list[Path]]:
    found: dict[str, list[tuple[int, Path]]] = {}
    for path in where.iterdir() if where.is_dir() else ():
        if name := _DAY.fullmatch(path.name):
            found.setdefault(name["day"], []).append((int(name["rebuilt"] or 0), path))
    return {day: [path for _, path in sorted(files)] for day, files in found.items()}


def venues(root: Path) -> list[str]:
    """The venues that have a hot log."""
    where = root / HOT
    return sorted(p.name for p in where.iterdir() if p.is_dir() and not p.name.startswith(".")) if where.is_dir() else []


def _connect(path: Path, mode: str, patience_s: float) -> sqlite3.Connection:
    address = f"file:{quote(str(path.absolute()))}?mode={mode}"
    return sqlite3.connect(address, uri=True, isolation_level=None, timeout=patience_s, check_same_thread=False)


class DayWriter:
    """The file of one UTC day, open for commits. Not for two threads at once.

    A file that is being made takes its fencing token from the venue's token file, inside its first transaction.
    """

    def __init__(self, path: Path, patience_s: float = 5.0) -> None:
        self.path = path
        self._db = _connect(path, "rwc", patience_s)
        self._db.execute(f"PRAGMA page_size={PAGE}")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("PRAGMA wal_autocheckpoint=0")
        with self._transaction():
            made = self._db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'meta'").fetchone()[0]
            if not made:
                for statement in _TABLES.split(";"):
                    self._db.execute(statement)
                self._db.executemany(
                    "INSERT INTO meta VALUES (?, ?)",
                    [("format", str(FORMAT)), ("token", str(current(path.parent))), ("boot_id", _boot_id()), ("closed", "")],
                )
                self._db.execute(f"PRAGMA user_version={FORMAT}")
        check_format(path, self._db)
        self._streams = {(s, n): i for i, s, n in self._db.execute("SELECT id, symbol, name FROM stream")}
        self._new: dict[tuple[str, str], int] = {}

    def stream(self, symbol: str, name: str) -> int:
        """The number of a stream; a new one is stored with the next commit."""
        key = (symbol, name)
        found = self._streams.get(key) or self._new.get(key)
        if found is None:
            found = self._new[key] = len(self._streams) + len(self._new) + 1
        return found

    def commit(
        self,
        entry: Entry,
        batches: Sequence[Batch],
        gaps: Sequence[GapRecord],
        raws: Sequence[RawFrame],
        token: int,
        overtaken: Callable[[int], Exception],
    ) -> None:
        """All of it durable, or none of it."""
        with self._transaction():
            found = _number(self._db.execute("SELECT value FROM meta WHERE key = 'token'").fetchone())
            if found != token:
                raise overtaken(found)
            if self._new:
                fresh = [(i, s, n, text_crc(str(i), s, n)) for (s, n), i in self._new.items()]
                self._db.executemany("INSERT INTO stream VALUES (?, ?, ?, ?)", fresh)
                again = [(f"stream {i}", json.dumps([s, n, crc])) for i, s, n, crc in fresh]
                self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", again)
            self._db.execute(
                "INSERT INTO entry(seq, at, batches, gaps, raws, crc32) VALUES (?, ?, ?, ?, ?, ?)", (*entry, entry.crc())
            )
            self._db.executemany(
                f"INSERT INTO batch({_BATCH}) VALUES ({_MARKS})", [(*b, b.head_crc(), b.crc()) for b in batches]
            )
            self._db.executemany(f"INSERT INTO gap({_GAP}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [(*g, g.crc()) for g in gaps])
            self._db.executemany(
                "INSERT INTO raw(seq, receive_ts, why, payload, crc32) VALUES (?, ?, ?, ?, ?)",
                [(entry.seq, *frame, raw_crc(entry.seq, frame)) for frame in raws],
            )
        self._streams.update(self._new)
        self._new = {}

    def set_token(self, token: int) -> None:
        with self._transaction():
            self._db.execute("UPDATE meta SET value = ? WHERE key = 'token'", (str(token),))

    def set_meta(self, key: str, value: str) -> None:
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def mark_sealed(self, until: int) -> None:
        """What is sealed up to a sequence number, by the catalogue."""
        with self._transaction():
            self._db.execute("UPDATE entry SET sealed = 1 WHERE seq <= ? AND sealed = 0", (until,))
        self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def drop_batches(self, until: int) -> None:
        """Delete batches and gaps that are sealed, keep the entries and raw frames, and give the space back."""
        with self._transaction():
            self._db.execute("DELETE FROM batch WHERE seq <= ?", (until,))
            self._db.execute("DELETE FROM gap WHERE seq <= ?", (until,))
            self._db.execute("UPDATE entry SET sealed = 2 WHERE seq <= ?", (until,))
        self._db.execute("VACUUM")
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def lose(self, lost: Sequence[tuple[int, int]]) -> None:
        """Write down which commits (first, last) are gone and declared, so that nobody misses them again."""
        known = json.loads((self._db.execute("SELECT value FROM meta WHERE key = 'lost'").fetchone() or ("[]",))[0])
        self.set_meta("lost", json.dumps([*known, *lost]))

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise


class DayReader:
    """A day file open for reading, as it was when opened, beside a recorder that writes it. Every row comes with the answer
    whether its checksum holds.

    Raises:
        DataError: if the file is no database of ours.
        UserError: if it was written by a newer perpscope.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._db = _connect(path, "ro", 5.0)
            self._db.execute("BEGIN")  # one state of the file for as long as it is open, whatever a recorder adds
            check_format(path, self._db)
        except sqlite3.DatabaseError as error:
            raise self._damaged(error) from None

    def streams(self) -> dict[int, tuple[str, str]]:
        """Symbol and stream by number."""
        found = {}
        for i, symbol, name, crc in self._rows("SELECT id, symbol, name, crc32 FROM stream"):
            if text_crc(str(i), symbol, name) != crc:
                raise DataError(
                    f"{self.path.name}: the name of a stream is damaged. Run perpscope lake repair.", (symbol, name)
                )
            found[i] = (symbol, name)
        return found

    def token(self) -> int:
        """The fencing token of the last recorder that had this file; -1 where it cannot be read."""
        return _number(next(self._rows("SELECT value FROM meta WHERE key = 'token'"), None))

    def last_seq(self) -> int:
        """The last commit; 0 where there is none."""
        return int(next(self._rows("SELECT coalesce(max(seq), 0) FROM entry"))[0])

    def seq_until(self, at: int) -> int:
        """The last commit made by then; 0 where there is none."""
        return int(next(self._rows("SELECT coalesce(max(seq), 0) FROM entry WHERE at <= ?", at))[0])

    def sealed_seq(self) -> int:
        return int(next(self._rows("SELECT coalesce(max(seq), 0) FROM entry WHERE sealed > 0"))[0])

    def entries(self) -> Iterator[tuple[Entry, bool, bool]]:
        """Each commit, whether its checksum holds, and whether its batches were deleted after sealing."""
        for *row, crc, sealed in self._rows("SELECT seq, at, batches, gaps, raws, crc32, sealed FROM entry ORDER BY seq"):
            entry = Entry(*row)
            yield entry, entry.crc() == crc, sealed == 2

    def contents(self, after: int, until: int) -> list[tuple[int, int, int, int]]:
        """(stream, rows, first clock, last clock) of what lies in a range of commits, unread."""
        return list(
            self._rows(
                "SELECT stream, sum(rows), min(first_clock), max(last_clock) FROM batch WHERE seq > ? AND seq <= ? "
                "GROUP BY stream",
                after,
                until,
            )
        )

    def lost(self) -> list[tuple[int, int]]:
        """Ranges of commits (first, last) that are known to be gone."""
        text = next(self._rows("SELECT value FROM meta WHERE key = 'lost'"), ("[]",))[0]
        try:
            return [(int(a), int(b)) for a, b in json.loads(text)]
        except (ValueError, TypeError):
            raise DataError(
                f"{self.path.name}: the list of lost commits is damaged. Run perpscope lake repair.", text
            ) from None

    def counts(self, after: int) -> dict[str, dict[int, int]]:
        """Rows of each table by commit, of the commits beyond `after`."""
        return {
            table: dict(self._rows(f"SELECT seq, count(*) FROM {table} WHERE seq > ? GROUP BY seq", after))
            for table in ("batch", "gap", "raw")
        }

    def last_clocks(self) -> dict[int, tuple[int, int]]:
        """The highest clock and id acknowledged, by stream, from its last hundred batches."""
        asked = "SELECT last_clock, last_id FROM batch WHERE stream = ? ORDER BY seq DESC LIMIT 100"
        found = {}
        for number in self.streams():
            if rows := list(self._rows(asked, number)):
                found[number] = (max(clock for clock, _ in rows), max(ident for _, ident in rows))
        return found

    def batches(self, stream: int | None, after: int, until: int) -> Iterator[tuple[Batch, bool]]:
        """Batches with after < seq <= until in order of commit, and whether their checksum holds."""
        where, given = ("", (after, until)) if stream is None else ("stream = ? AND ", (stream, after, until))
        asked = f"SELECT {_BATCH} FROM batch WHERE {where}seq > ? AND seq <= ? ORDER BY seq, id"
        for *row, head_crc, crc in self._rows(asked, *given):
            batch = Batch(*row)
            yield batch, batch.crc() == crc and batch.head_crc() == head_crc

    def gaps(self, after: int, until: int) -> Iterator[tuple[GapRecord, bool]]:
        for *row, crc in self._rows(f"SELECT {_GAP} FROM gap WHERE seq > ? AND seq <= ? ORDER BY id", after, until):
            gap = GapRecord(*row)
            yield gap, gap.crc() == crc

    def raws(self, after: int = 0) -> Iterator[tuple[int, RawFrame, bool]]:
        asked = "SELECT seq, receive_ts, why, payload, crc32 FROM raw WHERE seq > ? ORDER BY id"
        for seq, *frame, crc in self._rows(asked, after):
            yield seq, RawFrame(*frame), raw_crc(seq, RawFrame(*frame)) == crc

    def structure(self) -> list[str]:
        """What SQLite finds wrong with its own pages."""
        found = [str(row[0]) for row in self._rows("PRAGMA integrity_check(5)")]
        return [] if found == ["ok"] else found

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> DayReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _rows(self, sql: str, *given: object) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._db.execute(sql, given)
        except (sqlite3.DatabaseError, OverflowError, UnicodeDecodeError) as error:
            raise self._damaged(error) from None

    def everything(self, table: str, columns: str, key: str) -> list[tuple[Any, ...]]:
        """What can be got of a table in a damaged file: from its beginning up to the first page that cannot be read, and from
        its end back to it."""
        found: dict[Any, tuple[Any, ...]] = {}
        for way in ("ASC", "DESC"):
            try:
                for row in self._db.execute(f"SELECT {key}, {columns} FROM {table} ORDER BY {key} {way}"):
                    if row[0] in found:
                        break
                    found[row[0]] = row[1:]
            except (sqlite3.DatabaseError, OverflowError):
                continue
        return [found[k] for k in sorted(found)]

    def _damaged(self, error: Exception) -> DataError:
        return DataError(
            f"The hot log {self.path.parent.name}/{self.path.name} is damaged ({error}). Run perpscope lake repair."
        )


@contextmanager
def held(paths: Sequence[Path]) -> Iterator[None]:
    """Keep databases open: each time the last connection of a killed recorder's file is closed, the next one has to read the
    whole write-ahead log again."""
    connections = []
    for path in paths:
        try:
            connection = _connect(path, "ro", 5.0)
            connections.append(connection)
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.DatabaseError:
            continue  # it is damaged: others say so
    try:
        yield
    finally:
        for connection in connections:
            connection.close()


def sealed_marks(root: Path) -> list[tuple[str, int]]:
    """For each venue the last commit that its day files call sealed; a file that cannot be read says nothing."""
    marks = []
    for venue in venues(root):
        seq = 0
        for path in days(root, venue):
            try:
                with DayReader(path) as reader:
                    seq = max(seq, reader.sealed_seq())
            except DataError:
                continue
        if seq:
            marks.append((venue, seq))
    return marks


def check_format(path: Path, db: sqlite3.Connection) -> None:
    row = db.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()
    found, again = None if row is None else row[0], db.execute("PRAGMA user_version").fetchone()[0]
    if found != str(again):
        raise sqlite3.DatabaseError(f"its format is {found} in one place and {again} in another")
    if again != FORMAT:
        raise UserError(f"{path.name} has the hot log's format {found}, this perpscope reads {FORMAT}. Update perpscope.")


def _number(row: tuple[Any, ...] | None) -> int:
    try:
        return -1 if row is None else int(row[0])
    except ValueError:
        return -1


def _boot_id() -> str:
    """Which start of the machine wrote the file: tells a power loss from a kill, where Linux says it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
