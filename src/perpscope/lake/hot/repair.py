"""What a crash or a bad disk left of a hot log, put right: nothing is skipped in silence, every loss becomes a declared gap.

| found | done |
|---|---|
| an unfinished new file (`.tmp-*`) | deleted |
| a day file of zero length, one SQLite cannot read, one with a damaged batch, name, gap or commit | what is sound is copied |
| | into a new file that takes its place; the old one is kept in `quarantine`; gaps |
| commits that were acknowledged and are gone (the witness, a jump in the numbers) | gaps |

Cause of these gaps: CORRUPT. Of a batch whose head is sound the gap is exactly the time its rows were about. Where the head
is gone too, nobody knows whose rows they were: every stream of the venue without a sound batch in that commit gets a gap from
a quarter of an hour before its last sound row (lost rows may have been late) to its first one after, or the next commit.

Where the first page is broken (it says which tables there are) it is taken from an empty day file: the tables are always made
in the same order, so that they lie where they lie in every file.
"""

from __future__ import annotations

import json
import os
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from perpscope.core.errors import DataError
from perpscope.core.events import GapCause, GapKind, stream_kind
from perpscope.core.time import MINUTE
from perpscope.lake import catalogue as catalogues
from perpscope.lake.catalogue import Catalogue, sync_folder, write_durably
from perpscope.lake.hot import witness
from perpscope.lake.hot.day import PAGE, DayReader, DayWriter, days, folder, rebuilt_name, superseded
from perpscope.lake.hot.faults import faults
from perpscope.lake.hot.fence import FencedOffError, current
from perpscope.lake.hot.read import BEYOND
from perpscope.lake.hot.records import Batch, Entry, GapRecord, RawFrame, raw_crc, text_crc
from perpscope.lake.layout import TEMPORARY

QUARANTINE = "quarantine"
LATENESS = 15 * MINUTE
"""How late rows may have been that are lost and of which nothing is known: gaps reach back by so much."""
OWED = "owed.json"
"""Gaps that a repair has found and not committed yet."""
Key = tuple[str, str]


def repair_venue(root: Path, venue: str, deep: bool = False) -> tuple[list[str], Mapping[str, Sequence[GapRecord]]]:
    """Put right what is wrong with a venue's day files, whose writer the caller must be. `deep` looks at everything, else only
    at what is not sealed yet.

    Returns: one sentence a repair, and the gaps by symbol that the caller must commit.
    """
    where = folder(root, venue)
    told = []
    for leftover in sorted(where.glob(f"{TEMPORARY}*")):
        leftover.unlink()
        told.append(f"{leftover.name} was unfinished and is deleted.")
    for path in superseded(root, venue):
        _set_aside(path)
        told.append(f"{path.name} had been rebuilt and is now in {QUARANTINE}.")
    try:
        known = catalogues.load(root)
    except DataError:
        known = Catalogue()
    found = faults(root, venue, known.sealed_until(venue), deep)
    if not found:
        return told, _owed(where)
    told += [fault.what for fault in found]
    damage = _Damage(known.sealed_until(venue))
    made = {path: _build(path, damage) for path in sorted({fault.path for fault in found if fault.path is not None})}
    gone = [fault.lost for fault in found if fault.path is None]
    remaining = [f.lost for f in faults(root, venue, known.sealed_until(venue), False, made) if f.path is None]
    damage.lost += [seq for first, last in gone + remaining for seq in (first, last)]
    owed = _owe(where, damage.gaps(root, venue, known, made))
    for path, rebuilt in made.items():
        _swap(path, rebuilt)
        told.append(f"{path.name} was rebuilt from what is sound; the damaged file is kept in {QUARANTINE}.")
    if remaining:
        files = days(root, venue)
        writer = DayWriter(files[-1] if files else where / "1970-01-01.db")
        writer.lose(remaining)
        writer.close()
    for symbol, records in sorted(owed.items()):
        told.append(f"{venue} {symbol}: {len(records)} gap{'s' if len(records) > 1 else ''} declared for what is lost.")
    return told, owed


def paid(where: Path) -> None:
    """The gaps that `repair_venue` handed out are committed."""
    (where / OWED).unlink(missing_ok=True)
    sync_folder(where)


def _owe(where: Path, gaps: Mapping[str, Sequence[GapRecord]]) -> dict[str, list[GapRecord]]:
    """Write down what must be declared before the evidence of the loss goes, together with what an earlier repair that was
    killed had written down. Declaring a gap twice does no harm: sealing and reading keep one."""
    owed = {symbol: set(records) for symbol, records in _owed(where).items()}
    for symbol, records in gaps.items():
        owed.setdefault(symbol, set()).update(records)
    if owed:
        write_durably(where / OWED, msgspec.json.encode([list(record) for records in owed.values() for record in records]))
        sync_folder(where)
    return {symbol: sorted(records) for symbol, records in owed.items()}


def _owed(where: Path) -> dict[str, list[GapRecord]]:
    found: dict[str, list[GapRecord]] = {}
    if (where / OWED).exists():
        for row in msgspec.json.decode((where / OWED).read_bytes()):
            found.setdefault(row[1], []).append(GapRecord(*row))
    return found


@dataclass
class _Damage:
    """What was lost: gaps whose extent is known, and commits of which it is not known whose rows they held."""

    sealed: int
    exact: list[GapRecord] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)

    def gaps(self, root: Path, venue: str, known: Catalogue, instead: Mapping[Path, Path]) -> dict[str, list[GapRecord]]:
        """By symbol; each stretch once."""
        told = witness.told(folder(root, venue))
        ends = told[1] if told else 0
        sound: dict[Key, list[tuple[int, int, int]]] = {
            (f.symbol, f.stream): [(0, f.first_clock, f.last_clock)]
            for f in known.files
            if f.venue == venue and f.origin == "live"
        }
        commits: dict[int, int] = {}
        for path in days(root, venue):
            with DayReader(instead.get(path, path)) as reader:
                names = reader.streams()
                commits |= {entry.seq: entry.at for entry, _, _ in reader.entries()}
                for batch, _ in reader.batches(None, self.sealed, BEYOND):
                    sound.setdefault(names[batch.stream], []).append((batch.seq, batch.first_clock, batch.last_clock))
        found = {record[1:]: record for record in self.exact}
        for key, batches in sound.items():
            name = stream_kind(key[1]).upper()
            if name not in GapKind.__members__:
                continue
            seqs = [seq for seq, _, _ in batches]
            for seq in sorted(set(self.lost)):
                at = bisect_left(seqs, seq)
                if at < len(seqs) and seqs[at] == seq:
                    continue
                following = bisect_right(seqs, seq)
                before = max((last for _, _, last in batches[:at]), default=0)
                after = min((first for _, first, _ in batches[following:]), default=0)
                # commits later than the loss were made later than what is lost was told
                later = [at for number, at in commits.items() if number >= seq]
                after = max(after, min(later, default=ends)) if after or later or ends else 0
                start = (before + 1 if before else after - 1) - LATENESS
                if after > start:
                    hole = GapRecord(0, key[0], start, after, after, int(GapKind[name]), int(GapCause.CORRUPT))
                    found[hole[1:]] = hole
        by_symbol: dict[str, list[GapRecord]] = {}
        for record in found.values():
            by_symbol.setdefault(record.symbol, []).append(record)
        return by_symbol


def _build(path: Path, damage: _Damage) -> Path:
    """A file with everything that is sound in a damaged one, beside it; what is lost goes to `damage`."""
    made = path.with_name(f"{TEMPORARY}{path.name}")
    lost: list[int] = []
    writer = DayWriter(made)
    token = current(path.parent)
    writer.set_token(token)
    try:
        entries, batches, gaps, raws = _sound(path, writer, damage, lost)
        for entry in entries:
            mine = batches.get(entry.seq, []), gaps.get(entry.seq, []), raws.get(entry.seq, [])
            true = Entry(entry.seq, entry.at, len(mine[0]), len(mine[1]), len(mine[2]))
            writer.commit(true, *mine, token, _never)
            if true != entry:
                lost.append(entry.seq)
    finally:
        writer.close()
    _force(made)
    damage.lost += lost
    return made


def _swap(path: Path, made: Path) -> None:
    for copy in path.parent.glob(f"{TEMPORARY}copy.db*"):
        copy.unlink()
    os.replace(made, path.with_name(rebuilt_name(path)))  # the instant: from here on the new file is the day's
    for leftover in ("-wal", "-shm"):
        Path(f"{made}{leftover}").unlink(missing_ok=True)  # of those who read it: it was closed in order, they are empty
    sync_folder(path.parent)
    _set_aside(path)


def _set_aside(path: Path) -> None:
    """Keep a damaged day file, with what belongs to it, in quarantine; its own name last, so that a crash is seen."""
    kept = path.parent / QUARANTINE
    kept.mkdir(exist_ok=True)
    for suffix in ("-wal", "-shm", ""):
        old = Path(f"{path}{suffix}")
        if old.exists():
            os.replace(old, kept / f"{path.name}{suffix}.bad")
    sync_folder(kept)
    sync_folder(path.parent)


def _sound(
    path: Path, writer: DayWriter, damage: _Damage, lost: list[int]
) -> tuple[list[Entry], dict[int, list[Batch]], dict[int, list[GapRecord]], dict[int, list[RawFrame]]]:
    batches: dict[int, list[Batch]] = {}
    gaps: dict[int, list[GapRecord]] = {}
    raws: dict[int, list[RawFrame]] = {}
    reader = _readable(path)
    if reader is None:
        return [], batches, gaps, raws
    with reader:
        names = _names(reader)
        entries = {}
        for *row, crc in reader.everything("entry", "seq, at, batches, gaps, raws, crc32", "seq"):
            if all(isinstance(v, int) for v in row) and Entry(*row).crc() == crc:
                entries[row[0]] = Entry(*row)
        columns = "seq, stream, first_recv, last_recv, first_clock, last_clock, first_id, last_id, rows, late, body"
        for *row, head_crc, crc in reader.everything("batch", f"{columns}, head_crc32, crc32", "id"):
            if not all(isinstance(v, int) for v in row[:10]) or not isinstance(row[10], bytes):
                continue
            batch = Batch(*row)
            if batch.head_crc() != head_crc or batch.seq not in entries or batch.stream not in names:
                continue
            symbol, stream = names[batch.stream]
            if batch.crc() == crc:
                moved = batch._replace(stream=writer.stream(symbol, stream))
                batches.setdefault(batch.seq, []).append(moved)
                continue
            name = stream_kind(stream).upper()
            if name in GapKind.__members__:
                start, end = batch.first_clock, batch.last_clock + 1
                damage.exact.append(GapRecord(0, symbol, start, end, end, int(GapKind[name]), int(GapCause.CORRUPT)))
            told = entries[batch.seq]
            entries[batch.seq] = told._replace(batches=told.batches - 1)  # its loss is declared: the rest of it may be whole
        for *row, crc in reader.everything("gap", "seq, symbol, ref_ts, known_ts, end_ts, kind, cause, crc32", "id"):
            if isinstance(row[1], str) and all(isinstance(v, int) for v in (row[0], *row[2:])) and GapRecord(*row).crc() == crc:
                gaps.setdefault(row[0], []).append(GapRecord(*row))
        for seq, *row, crc in reader.everything("raw", "seq, receive_ts, why, payload, crc32", "id"):
            if isinstance(seq, int) and isinstance(row[1], str) and raw_crc(seq, RawFrame(*row)) == crc:
                raws.setdefault(seq, []).append(RawFrame(*row))
        try:
            writer.lose(reader.lost())
        except (DataError, ValueError):
            lost.append(max(entries, default=0))
    return [entries[seq] for seq in sorted(entries)], batches, gaps, raws


def _readable(path: Path) -> DayReader | None:
    """The file, or a copy of it with a whole first page; None where neither can be read."""
    for attempt in (path, None):
        try:
            reader = DayReader(attempt or _with_first_page(path))
        except DataError:
            continue
        if reader.everything("entry", "seq", "seq") and reader.everything("batch", "head_crc32, body", "id"):
            return reader
        reader.close()
    return None


def _with_first_page(path: Path) -> Path:
    """A copy of a day file under the first page of an empty one."""
    empty, copy = path.with_name(f"{TEMPORARY}empty.db"), path.with_name(f"{TEMPORARY}copy.db")
    DayWriter(empty).close()
    page, old = bytearray(empty.read_bytes()[:PAGE]), path.read_bytes()
    page[28:32] = struct.pack(">I", len(old) // PAGE)
    page[92:96] = page[24:28]  # the count of pages holds for this state of the file
    copy.write_bytes(bytes(page) + old[PAGE:])
    empty.unlink()
    wal = Path(f"{path}-wal")
    if wal.exists():
        Path(f"{copy}-wal").write_bytes(wal.read_bytes())
    return copy


def _names(reader: DayReader) -> dict[int, Key]:
    """Streams by number: from their table, or where a row of it is damaged from the copy among the meta values."""
    names = {}
    for number, symbol, name, crc in reader.everything("stream", "id, symbol, name, crc32", "id"):
        if isinstance(symbol, str) and isinstance(name, str) and text_crc(str(number), symbol, name) == crc:
            names[number] = (symbol, name)
    for key, value in reader.everything("meta", "key, value", "key"):
        if str(key).startswith("stream "):
            try:
                symbol, name, crc = json.loads(value)
                if text_crc(str(key).removeprefix("stream "), symbol, name) == crc:
                    names.setdefault(int(str(key).removeprefix("stream ")), (symbol, name))
            except (ValueError, TypeError):
                continue
    return names


def _never(found: int) -> FencedOffError:
    return FencedOffError(f"A new file has the token {found}.")


def _force(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
