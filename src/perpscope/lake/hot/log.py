"""The hot log: what a recorder writes, durable before anybody is told.

    with HotLog("lake", "binance", now=clock) as log:
        log.append({("BTCUSDT", "trade"): trades}, {"BTCUSDT": gaps}, [])   # on the disk when it returns

One venue, one writer, one file a UTC day. `Lake` shows unsealed rows beside sealed ones, `read_hot` the unsealed alone.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np

from perpscope.core.errors import DataError, UserError
from perpscope.core.events import GAP, GapCause, GapKind, stream_kind
from perpscope.core.table import Table
from perpscope.core.time import NULL_TS, SECOND, format_ts
from perpscope.lake.catalogue import sync_folder
from perpscope.lake.hot import body, witness
from perpscope.lake.hot.day import DayReader, DayWriter, day_of, days, folder, held
from perpscope.lake.hot.fence import Fence
from perpscope.lake.hot.read import gap_table
from perpscope.lake.hot.records import Batch, Entry, GapRecord, RawFrame
from perpscope.lake.hot.repair import paid, repair_venue
from perpscope.lake.hot.reserve import RESERVE_BYTES, DiskFullError, DiskState, Reserve, free_fraction
from perpscope.lake.hot.unsealed import ORIGIN
from perpscope.lake.layout import check_names

NO_GAPS: Mapping[str, Table] = {}


class HotLog:
    """One venue's hot log, open for writing.

    `now` gives the time in ns UTC. `reserve_bytes` of disk are held for the day the disk is full; `free` gives the share of
    the disk that is free. `counts`: commits, rows, gaps, raw frames, raw frames left out for want of space, late rows, seams.
    `disk` is what the last look at the disk found, at most a second old. Opening repairs what a crash left (`lake.hot.repair`),
    `repaired` says what; `deep` looks at what is sealed too. Calls must not overlap; any thread may make them.

    Raises:
        UserError: if another recorder has this venue, a name is not fit for a path, or the folder cannot be written.
        DataError: if the lake's catalogue is damaged.
    """

    def __init__(
        self,
        root: str | Path,
        venue: str,
        *,
        now: Callable[[], int],
        reserve_bytes: int = RESERVE_BYTES,
        free: Callable[[Path], float] = free_fraction,
        patience_s: float = 5.0,
        deep: bool = False,
    ) -> None:
        check_names(venue, "X", ORIGIN)
        self.root, self.venue, self.now = Path(root), venue, now
        self.folder = folder(self.root, venue)
        self.counts: Counter[str] = Counter()
        self.disk = DiskState.OK
        self._looked = NULL_TS
        self._known: dict[tuple[str, str], tuple[int, int]] = {}
        self._patience_s = patience_s
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.fence = Fence(self.folder, venue)
        except OSError as error:
            raise UserError(f"The hot log {self.folder} cannot be written: {error.strerror}. Choose another lake.") from None
        self._reserve = Reserve(self.folder, reserve_bytes, free)
        self._day: DayWriter | None = None
        self._witness: witness.Witness | None = None
        try:
            with held(days(self.root, venue)):
                self.repaired, owed = repair_venue(self.root, venue, deep)
                self._open(owed)
        except BaseException:
            self.close()
            raise

    def append(
        self,
        tables: Mapping[tuple[str, str], Table],
        gaps: Mapping[str, Table] = NO_GAPS,
        raw: Sequence[RawFrame] = (),
    ) -> int:
        """Store rows by (symbol, stream) in the order given, gap rows by symbol, and raw frames; all of it durable on return.

        Rows older than what their stream had acknowledged are kept, flagged and counted as late. The first rows of a stream
        after a start are joined to those before the start by a declared gap, unless ids prove that nothing is absent or `gaps`
        already say it (`seams`).

        Returns: the commit's sequence number; the last one where there was nothing to store.

        Raises:
            DiskFullError: if the disk is full; nothing was stored, append the same again later.
            FencedOffError: if another recorder has taken over.
        """
        full = {key: table for key, table in tables.items() if len(table)}
        joined = {**gaps}
        for symbol, seam in self.seams(full, gaps).items():
            joined[symbol] = Table.concat([seam, joined[symbol]]) if symbol in joined else seam
            self.counts["seams"] += len(seam)
        at = self.now()
        if at - self._looked >= SECOND or self.disk is DiskState.FULL:
            self._look(at)
        kept = raw
        if raw and self.disk is not DiskState.OK:
            self.counts["raw left out"] += len(raw)
            kept = ()
        if not full and not kept and not any(map(len, joined.values())):
            return self.seq
        seq = self.seq + 1
        try:
            self._write(seq, at, full, joined, kept)
        except (sqlite3.OperationalError, OSError) as error:
            if isinstance(error, sqlite3.OperationalError) and not _no_space(error):
                raise UserError(f"The hot log of {self.venue} cannot be written: {error}. Look at the disk.") from None
            if not self._reserve.release():
                self.disk = DiskState.FULL
                raise DiskFullError(f"The disk of {self.folder} is full ({error}). Make room; nothing was stored.") from None
            try:
                self._write(seq, at, full, joined, kept)
            except (sqlite3.OperationalError, OSError) as again:
                self.disk = DiskState.FULL
                raise DiskFullError(f"The disk of {self.folder} is full ({again}). Make room; nothing was stored.") from None
            self.disk = DiskState.CRITICAL
        self._acknowledge(seq, at, full, joined, kept)
        return seq

    def seams(self, tables: Mapping[tuple[str, str], Table], gaps: Mapping[str, Table] = NO_GAPS) -> dict[str, Table]:
        """The gaps, by symbol, between what was stored before this start and the first rows after it, as `append` would add
        them: a recorder that passes events on asks first, so that it passes on what is stored."""
        found: dict[str, list[GapRecord]] = {}
        for (symbol, stream), table in tables.items():
            name = stream_kind(stream).upper()
            if (symbol, stream) not in self._unjoined or name not in GapKind.__members__ or not len(table):
                continue
            last_clock, last_id = self._unjoined[symbol, stream]
            kind = int(GapKind[name])
            said = gaps.get(symbol)
            if said is not None and bool((said["kind"] == kind).any()):
                continue
            first = int(table.clock.min())
            if name == "TRADE" and last_id >= 0 and np.isin((last_id, last_id + 1), table["trade_id"]).any():
                continue
            if first > last_clock + 1:
                hole = GapRecord(0, symbol, last_clock + 1, first, first, kind, int(GapCause.DISCONNECT))
                found.setdefault(symbol, []).append(hole)
        return {symbol: gap_table(rows) for symbol, rows in found.items()}

    def close(self) -> None:
        """Close in order, and say so in the day file."""
        if self._day is not None:
            try:
                self._day.set_meta("closed", format_ts(self.now()))
            except sqlite3.OperationalError:
                self.counts["unclean closes"] += 1  # a full disk: the commits are safe, the mark is not
            self._day.close()
            self._day = None
        if self._witness is not None:
            self._witness.close()
            self._witness = None
        self.fence.release()

    def __enter__(self) -> HotLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def acknowledged(self) -> Mapping[tuple[str, str], tuple[int, int]]:
        """The highest clock and id that each (symbol, stream) has stored, as far as the day files reach back."""
        return self._known

    def _open(self, owed: Mapping[str, Sequence[GapRecord]]) -> None:
        files = days(self.root, self.venue)
        highest, seq = 0, 0
        for path in files:
            with DayReader(path) as reader:
                highest, seq = max(highest, reader.token()), max(seq, reader.last_seq())
                names = reader.streams()
                for number, (clock, ident) in reader.last_clocks().items():
                    before = self._known.get(names[number], (NULL_TS, -1))
                    self._known[names[number]] = (max(before[0], clock), max(before[1], ident))
        self.fence.take(highest)
        for path in files:
            writer = DayWriter(path, self._patience_s)
            writer.set_token(self.fence.token)
            if path == files[-1]:
                self._day = writer  # closing it would copy the whole write-ahead log first
            else:
                writer.close()
        told = witness.told(self.folder)
        self.seq = max(seq, told[0] if told else 0, _sealed_until(self.root, self.venue))
        self._unjoined = dict(self._known)
        self._scales: dict[tuple[str, str], dict[str, int]] = {}
        self._witness = witness.Witness(self.folder)
        self._newest = day_of(files[-1]) if files else ""
        self._look(self.now())
        if owed:
            self.append({}, {symbol: gap_table(list(rows)) for symbol, rows in owed.items()})
            paid(self.folder)

    def _write(
        self,
        seq: int,
        at: int,
        tables: Mapping[tuple[str, str], Table],
        gaps: Mapping[str, Table],
        raw: Sequence[RawFrame],
    ) -> None:
        day = self._file(at)
        batches = [self._batch(day, seq, key, table) for key, table in tables.items()]
        holes = [
            GapRecord(seq, symbol, *map(int, row))
            for symbol, table in gaps.items()
            for row in zip(*(table[n] for n in GAP.names), strict=True)
        ]
        day.commit(
            Entry(seq, at, len(batches), len(holes), len(raw)), batches, holes, raw, self.fence.token, self.fence.overtaken
        )

    def _batch(self, day: DayWriter, seq: int, key: tuple[str, str], table: Table) -> Batch:
        clock = table.clock
        received = table["receive_ts"] if "receive_ts" in table.schema.by_name else clock
        name = next((n for n in ("trade_id", "sequence") if n in table.schema.by_name), None)
        ids = table[name] if name else None
        late: list[int] = []
        if key in self._known:
            late = np.flatnonzero(clock < self._known[key][0]).tolist()
        return Batch(
            seq, day.stream(*key), int(received[0]), int(received[-1]), int(clock.min()), int(clock.max()),
            -1 if ids is None else int(ids.min()), -1 if ids is None else int(ids.max()),
            len(table), len(late), body.encode(table, late, self._scales.setdefault(key, {})),
        )  # fmt: skip

    def _file(self, at: int) -> DayWriter:
        """The file of the day; a clock that steps back over midnight stays in the newer file."""
        name = max(format_ts(at)[:10], self._newest)
        if self._day is not None and day_of(self._day.path) == name:
            return self._day
        if self._day is not None:
            self._day.set_meta("closed", format_ts(at))
            self._day.close()
            self._day = None
        self._day = DayWriter(self.folder / f"{name}.db", self._patience_s)
        self._newest = name
        for path in (self.folder, self.folder.parent, self.root):
            sync_folder(path)
        return self._day

    def _acknowledge(
        self,
        seq: int,
        at: int,
        tables: Mapping[tuple[str, str], Table],
        gaps: Mapping[str, Table],
        raw: Sequence[RawFrame],
    ) -> None:
        self.seq = seq
        if self._witness is not None:
            self._witness.say(seq, at)
        for key, table in tables.items():
            clock, ident = self._known.get(key, (NULL_TS, -1))
            self.counts["late rows"] += int((table.clock < clock).sum())
            ids = table["trade_id"] if "trade_id" in table.schema.by_name else None
            newest = ident if ids is None else max(ident, int(ids.max()))
            self._known[key] = (max(clock, int(table.clock.max())), newest)
            self._unjoined.pop(key, None)
        self.counts["commits"] += 1
        self.counts["rows"] += sum(map(len, tables.values()))
        self.counts["gaps"] += sum(map(len, gaps.values()))
        self.counts["raw frames"] += len(raw)

    def _look(self, at: int) -> None:
        self._looked = at
        self.disk = self._reserve.state()
        if self.disk is DiskState.OK:
            self._reserve.make()


def _no_space(error: sqlite3.OperationalError) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def _sealed_until(root: Path, venue: str) -> int:
    from perpscope.lake import catalogue

    try:
        return catalogue.load(root).sealed_until(venue)
    except DataError:
        return 0
