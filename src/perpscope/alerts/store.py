"""Alerts and what became of them, in `alerts.db`: the memory that makes an alert told at most once.

    queued --begin--> sending --finish--> delivered | failed | unknown | queued (tried again)
    queued --the queue is full--> dropped          sending, found at a start --> unknown

`sending` is on the disk (FULL) before the first byte leaves. A process that dies afterwards leaves it there, and the next start
says `unknown`: never sent again, never lost in silence. What was only queued has certainly not left and is sent then.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from perpscope.alerts.alert import Alert
from perpscope.core.errors import UserError

FORMAT = 1
STATES = ("queued", "sending", "delivered", "failed", "unknown", "dropped", "late")
_WAIT_MS = 250
_PENDING = 1_000
_TABLES = """
CREATE TABLE IF NOT EXISTS alert(
  number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, rule TEXT NOT NULL, kind TEXT NOT NULL, venue TEXT NOT NULL,
  symbol TEXT NOT NULL, ts INTEGER NOT NULL, sentence TEXT NOT NULL, facts TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS delivery(
  id TEXT NOT NULL REFERENCES alert(id) ON DELETE CASCADE, sink TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL,
  bytes INTEGER NOT NULL, changed_ts INTEGER NOT NULL, note TEXT NOT NULL, PRIMARY KEY(id, sink));
CREATE INDEX IF NOT EXISTS waiting ON delivery(sink, state);
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT);
"""


class Told(NamedTuple):
    """One alert and one sink, as the history lists them."""

    alert: Alert
    sink: str
    state: str
    attempts: int
    changed_ts: int
    note: str


class AlertStore:
    """One file. Two threads of one process may use it (the loop that finds, the task that delivers): a lock keeps a transaction
    of the one from swallowing a statement of the other. A second process may read it."""

    def __init__(self, folder: Path, queue_bytes: int = 1_000_000, kept: int = 100_000, read_only: bool = False) -> None:
        self.path = folder / "alerts.db"
        self._lock = threading.RLock()
        if read_only:
            if not self.path.is_file():
                raise UserError(f"There is no alerts.db in {folder}; name the folder that the live loop was given.")
            self._db = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, isolation_level=None)
            return
        folder.mkdir(parents=True, exist_ok=True)
        self.queue_bytes, self.kept = queue_bytes, kept
        self._db = sqlite3.connect(self.path, isolation_level=None, timeout=_WAIT_MS / 1000, check_same_thread=False)
        for line in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
            self._db.execute(f"PRAGMA {line}")
        self._db.executescript(_TABLES)
        held = self._db.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()
        if held is not None and held[0] != str(FORMAT):
            raise UserError(f"{self.path} was written by another version (format {held[0]}); move it away to begin anew.")
        self._db.execute("INSERT OR IGNORE INTO meta VALUES ('format', ?)", (str(FORMAT),))
        self._pending: deque[tuple[Alert, Mapping[str, str], int]] = deque(maxlen=_PENDING)
        self.forgotten = 0

    def recover(self, now: int) -> int:
        """What was being sent when the process died is unknown from now on. Returns how many."""
        note = "the process ended while it was being sent"
        with self._lock:
            done = self._db.execute(
                "UPDATE delivery SET state = 'unknown', note = ?, changed_ts = ? WHERE state = 'sending'", (note, now)
            )
            return done.rowcount

    def add(self, alert: Alert, states: Mapping[str, str], now: int) -> bool:
        """Keep an alert with the state of each of its sinks. False if it is known already: then nothing is done.

        A file that is held elsewhere, by another process or a slow disk, is not waited for beyond a quarter of a second: the
        alert is kept in memory and written with the next call (`flush`).
        """
        if self._lock.acquire(timeout=_WAIT_MS / 1000):
            try:
                self.flush()
                return self._insert(alert, states, now)
            except sqlite3.OperationalError:
                pass
            finally:
                self._lock.release()
        self.forgotten += len(self._pending) == _PENDING
        self._pending.append((alert, states, now))
        return True

    def flush(self) -> None:
        """Write what had to wait. Raises sqlite3.OperationalError if it still has to."""
        with self._lock:
            while self._pending:
                self._insert(*self._pending[0])
                self._pending.popleft()

    def _insert(self, alert: Alert, states: Mapping[str, str], now: int) -> bool:
        facts = msgspec.json.encode(dict(alert.facts)).decode()
        size = len(alert.sentence) + len(facts) + 200
        self._db.execute("BEGIN IMMEDIATE")
        try:
            values = (alert.id, alert.rule, alert.kind, alert.venue, alert.symbol, alert.ts, alert.sentence, facts)
            fresh = self._db.execute(
                "INSERT OR IGNORE INTO alert(id, rule, kind, venue, symbol, ts, sentence, facts) VALUES (?,?,?,?,?,?,?,?)",
                values,
            ).rowcount
            if fresh:
                rows = [(alert.id, sink, state, 0, size, now, "") for sink, state in states.items()]
                self._db.executemany("INSERT INTO delivery VALUES (?,?,?,?,?,?,?)", rows)
                self._shed(states, now)
                self._db.execute("DELETE FROM alert WHERE number <= (SELECT max(number) FROM alert) - ?", (self.kept,))
            self._db.execute("COMMIT")
        except sqlite3.Error:
            self._db.execute("ROLLBACK")
            raise
        return bool(fresh)

    def _shed(self, sinks: Mapping[str, str], now: int) -> None:
        """The oldest leave a queue that holds too many bytes, and are listed as dropped."""
        for sink in sinks:
            waiting = self._db.execute(
                "SELECT d.id, d.bytes FROM delivery d JOIN alert a USING(id) WHERE d.sink = ? AND d.state = 'queued' "
                "ORDER BY a.number DESC", (sink,)
            ).fetchall()  # fmt: skip
            held = 0
            for ident, size in waiting:
                held += size
                if held > self.queue_bytes:
                    self._set(ident, sink, "dropped", "the queue of this sink was full", now)

    def queued(self, sink: str, passed_over: Sequence[str] = ()) -> Alert | None:
        """The oldest alert that waits for a sink and is not among those passed over."""
        marks = ",".join("?" * len(passed_over))
        query = (
            "SELECT a.id, a.rule, a.kind, a.venue, a.symbol, a.ts, a.sentence, a.facts FROM delivery d JOIN alert a USING(id) "
            f"WHERE d.sink = ? AND d.state = 'queued' AND d.id NOT IN ({marks}) ORDER BY a.number LIMIT 1"
        )
        with self._lock:
            row = self._db.execute(query, (sink, *passed_over)).fetchone()
        return None if row is None else _alert(row)

    def begin(self, ident: str, sink: str, now: int) -> int:
        """From here on it may have left. Returns which attempt it is."""
        with self._lock:
            self._db.execute(
                "UPDATE delivery SET state = 'sending', attempts = attempts + 1, changed_ts = ? WHERE id = ? AND sink = ?",
                (now, ident, sink),
            )
            row = self._db.execute("SELECT attempts FROM delivery WHERE id = ? AND sink = ?", (ident, sink)).fetchone()
        return 0 if row is None else int(row[0])

    def finish(self, ident: str, sink: str, state: str, note: str, now: int) -> None:
        with self._lock:
            self._set(ident, sink, state, note, now)

    def _set(self, ident: str, sink: str, state: str, note: str, now: int) -> None:
        self._db.execute(
            "UPDATE delivery SET state = ?, note = ?, changed_ts = ? WHERE id = ? AND sink = ?", (state, note, now, ident, sink)
        )

    def history(self, limit: int = 100) -> list[Told]:
        """The youngest alerts, oldest first, a line for each sink."""
        rows = self._db.execute(
            "SELECT a.id, a.rule, a.kind, a.venue, a.symbol, a.ts, a.sentence, a.facts, d.sink, d.state, d.attempts, "
            "d.changed_ts, d.note FROM alert a LEFT JOIN delivery d USING(id) "
            "WHERE a.number > (SELECT max(number) FROM alert) - ? ORDER BY a.number, d.sink", (limit,)
        ).fetchall()  # fmt: skip
        return [Told(_alert(r[:8]), r[8] or "", r[9] or "", r[10] or 0, r[11] or 0, r[12] or "") for r in rows]

    def counts(self) -> dict[tuple[str, str], int]:
        """How many deliveries of each (sink, state) there are."""
        rows = self._db.execute("SELECT sink, state, count(*) FROM delivery GROUP BY sink, state ORDER BY sink, state")
        return {(sink, state): n for sink, state, n in rows}

    def close(self) -> None:
        self._db.close()


def _alert(row: Sequence[Any]) -> Alert:
    ident, rule, kind, venue, symbol, ts, sentence, facts = row
    return Alert(ident, rule, kind, venue, symbol, ts, sentence, msgspec.json.decode(facts))
