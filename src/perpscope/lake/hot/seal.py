"""Sealing: unsealed commits become Parquet files of the lake, all of a call or none.

    1 read the commits up to `until`, every batch against its checksum; merge (natural key, then arrival)
    2 write each file beside its name, force it to the disk, rename, read it back (`lake.writer`)
    3 force the folders; replace the catalogue, which names the new files AND the last sealed commit: this is the instant
    4 mark the commits in the day files; 24 hours later delete them, and the day file with the last of them

A crash before 3 leaves the old lake (files that no catalogue names are swept by the next writer), a crash after it the new one:
readers take what is sealed from the catalogue alone, never from the marks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from perpscope.core.errors import UserError
from perpscope.core.events import GAP, GapCause, GapKind, stream_kind, stream_schema
from perpscope.core.table import Table
from perpscope.core.time import DAY
from perpscope.lake.catalogue import SealedEntry, load
from perpscope.lake.coverage import ANY, marks_of
from perpscope.lake.hot import body
from perpscope.lake.hot.day import DayReader, DayWriter, days
from perpscope.lake.hot.read import gap_table
from perpscope.lake.hot.records import GapRecord
from perpscope.lake.hot.unsealed import ORIGIN, continuity_of
from perpscope.lake.writer import writing

KEEP = DAY
"""How long sealed commits stay in the hot log."""

KEEP_RAW = 7 * DAY
"""How long raw frames stay."""


@dataclass(frozen=True)
class SealReport:
    """What was sealed: commits (from, to], rows read, rows kept, duplicates by natural key, declared gaps, damaged batches
    that became gaps, late rows, day files deleted."""

    venue: str
    after: int
    until: int
    rows: int = 0
    kept: int = 0
    duplicates: int = 0
    gaps: int = 0
    damaged: int = 0
    late: int = 0
    deleted: int = 0


def seal(root: str | Path, venue: str, until: int, now: int, keep: int = KEEP, keep_raw: int = KEEP_RAW) -> SealReport:
    """Seal every commit made by `until` (ns UTC), and delete what has been sealed for `keep` ns at `now`. May run beside the
    venue's recorder. Sealing again what is sealed changes nothing.

    Raises:
        UserError: if another process is writing to the lake, or the venue has no hot log.
        DataError: if the catalogue, a day file's structure or a sealed file of the same period is damaged.
    """
    root = Path(root)
    files = days(root, venue)
    if not files:
        raise UserError(f"Nothing of {venue} has been recorded into {root}. Check the venue's name, or record first.")
    with writing(root) as transaction:
        after = transaction.before.sealed_until(venue)
        last = after
        for path in files:
            with DayReader(path) as reader:
                last = max(last, reader.seq_until(until))
        report = SealReport(venue, after, last)
        if last > after:
            rows = kept = duplicates = damaged = late = 0
            gaps = _gaps(files, after, last)
            for symbol, stream in sorted({key for path in files for key in _streams(path, after, last)}):
                table, lost, behind = _rows(files, symbol, stream, after, last, until)
                gaps.setdefault(symbol, []).extend(lost)
                damaged, late, rows = damaged + len(lost), late + behind, rows + len(table)
                if len(table):
                    done = transaction.add(
                        venue, symbol, stream, ORIGIN, table, continuity_of(stream), marks_of(table), recorded=True
                    )
                    kept, duplicates = kept + done.rows, duplicates + done.duplicates + done.revised
            for symbol, records in sorted(gaps.items()):
                if records:
                    declared = gap_table(records)
                    transaction.add(venue, symbol, GAP.name, ORIGIN, declared, ANY, marks_of(declared), recorded=True)
            transaction.commit([], [], (SealedEntry(venue, last),))
            declared_rows = sum(map(len, gaps.values()))
            report = SealReport(venue, after, last, rows, kept, duplicates, declared_rows, damaged, late)
    mark(root, venue)
    deleted = forget(root, venue, now, keep, keep_raw)
    return SealReport(**{**report.__dict__, "deleted": deleted})


def mark(root: Path, venue: str) -> None:
    """Let the day files say what the catalogue says is sealed."""
    sealed = load(root).sealed_until(venue)
    for path in days(root, venue):
        with DayReader(path) as reader:
            behind = reader.sealed_seq() < min(sealed, reader.last_seq())
        if behind:
            writer = DayWriter(path)
            writer.mark_sealed(sealed)
            writer.close()


def forget(root: Path, venue: str, now: int, keep: int = KEEP, keep_raw: int = KEEP_RAW) -> int:
    """Delete day files, never the newest, whose commits have all been sealed and are older than `keep`; raw frames are kept
    for `keep_raw`. Returns: files deleted."""
    sealed = load(root).sealed_until(venue)
    deleted = 0
    for path in days(root, venue)[:-1]:
        with DayReader(path) as reader:
            last = reader.last_seq()
            entries = list(reader.entries())
            raws = sum(entry.raws for entry, _, _ in entries)
            dropped = all(gone for _, _, gone in entries)
        newest = max((entry.at for entry, _, _ in entries), default=0)
        if last > sealed or newest + keep > now:
            continue
        if raws and newest + keep_raw > now:
            if not dropped:
                writer = DayWriter(path)
                writer.drop_batches(sealed)
                writer.close()
            continue
        for leftover in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
            leftover.unlink(missing_ok=True)
        deleted += 1
    return deleted


def _streams(path: Path, after: int, until: int) -> list[tuple[str, str]]:
    with DayReader(path) as reader:
        names = reader.streams()
        return [names[number] for number, *_ in reader.contents(after, until)]


def _gaps(files: list[Path], after: int, until: int) -> dict[str, list[GapRecord]]:
    found: dict[str, list[GapRecord]] = {}
    for path in files:
        with DayReader(path) as reader:
            for gap, sound in reader.gaps(after, until):
                if not sound:
                    raise UserError(f"A gap row of {path.name} is damaged. Stop the recorder and run perpscope lake repair.")
                found.setdefault(gap.symbol, []).append(gap)
    return found


def _rows(files: list[Path], symbol: str, stream: str, after: int, last: int, until: int) -> tuple[Table, list[GapRecord], int]:
    """The sound rows in the order of arrival, a gap for every damaged batch, and how many rows came late.

    A gap reaches from the rows before the damage to the next sound batch, or to `until` (ns) where none follows.
    """
    schema = stream_schema(stream)
    tables, lost, late = [schema.empty()], [], 0
    torn: list[tuple[int, int]] = []
    for path in files:
        with DayReader(path) as reader:
            for number in [i for i, key in reader.streams().items() if key == (symbol, stream)]:
                for batch, sound in reader.batches(number, after, last):
                    if sound:
                        tables.append(body.decode(batch.body, schema))
                        late += batch.late
                        torn = [(start, end or batch.first_clock) for start, end in torn]
                    else:
                        torn.append((max((int(t.clock.max()) for t in tables if len(t)), default=batch.first_clock - 1) + 1, 0))
    name = stream_kind(stream).upper()
    if name in GapKind.__members__:
        for start, end in torn:
            stop = max(end or until, start + 1)
            lost.append(GapRecord(0, symbol, start, stop, stop, int(GapKind[name]), int(GapCause.CORRUPT)))
    return Table.concat(tables), lost, late
