"""What a crash or a bad disk left of a lake, put right; each repair is one sentence.

| found | done |
|---|---|
| temporary files, files of an interrupted import | deleted (the next import brings them again) |
| a sealed file that the catalogue does not name, sound | taken into the catalogue |
| the same, damaged or out of place | moved to `quarantine` |
| a named file that is absent or damaged, recorded, still in the hot log | made again, the same bytes |
| the same, no longer in the hot log | what is left of it kept, a gap declared over the whole of it |
| a named file that is absent or damaged, imported | left out; the hole shows, and its source can be imported again |
| a damaged catalogue | made again from the sealed files |
| damaged day files of the hot log | `lake.hot.repair` |
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from perpscope.core.errors import DataError
from perpscope.core.events import GAP, GapCause, GapKind, stream_kind
from perpscope.core.table import Table
from perpscope.lake import catalogue as catalogues
from perpscope.lake import codec
from perpscope.lake.catalogue import FileEntry, sync_folder, write_durably
from perpscope.lake.coverage import ANY, cover, marks_of
from perpscope.lake.hot.day import venues
from perpscope.lake.hot.log import HotLog
from perpscope.lake.hot.read import gap_table, rows_of
from perpscope.lake.hot.records import GapRecord
from perpscope.lake.hot.seal import mark
from perpscope.lake.hot.unsealed import ORIGIN
from perpscope.lake.layout import CATALOGUE, HOT, is_sealed, periods
from perpscope.lake.merge import by_key, has_key
from perpscope.lake.reader import schema_of
from perpscope.lake.writer import Transaction, read_entry, writing

QUARANTINE = "quarantine"


def repair(root: str | Path, now: Callable[[], int]) -> list[str]:
    """Put a lake right. The recorders must not run.

    Returns: one sentence a repair; none where there was nothing to do.

    Raises:
        UserError: if a recorder or an import is running.
    """
    root = Path(root)
    told = _catalogue(root)
    for venue in venues(root):
        with HotLog(root, venue, now=now, reserve_bytes=0, deep=True) as log:
            told += log.repaired
    if not root.is_dir():
        return told
    with writing(root) as transaction:
        lost = _strays(root, transaction, told)
        for entry in transaction.before.files:
            try:
                read_entry(root, entry, schema_of(entry.stream))
            except DataError as fault:
                told.append(str(fault))
                lost |= _restore(root, transaction, entry, told)
        if lost:
            transaction.commit([], [], forget_sources=True)
    for venue in venues(root):
        mark(root, venue)
    return told


def _catalogue(root: Path) -> list[str]:
    try:
        catalogues.load(root)
    except DataError as fault:
        _set_aside(root, root / CATALOGUE)
        return [str(fault), "The catalogue was made again from the sealed files."]
    return []


def _strays(root: Path, transaction: Transaction, told: list[str]) -> bool:
    """Sealed files that nobody names: adopted where they are sound."""
    named = {root / entry.path for entry in transaction.before.files}
    adopted = False
    for path in sorted(root.rglob("*.parquet")):
        if path in named or path.is_relative_to(root / HOT) or path.is_relative_to(root / QUARANTINE):
            continue
        try:
            entry = catalogues.entry_of(root, path)
            read_entry(root, entry, schema_of(entry.stream))
        except DataError as fault:
            _set_aside(root, path)
            told.append(f"{fault} It was moved to {QUARANTINE}.")
            continue
        if is_sealed(path):
            transaction.adopt(entry)
            adopted = True
            told.append(f"{entry.path} was not in the catalogue and is taken in.")
    return adopted


def _restore(root: Path, transaction: Transaction, entry: FileEntry, told: list[str]) -> bool:
    """Make a lost file again; whether the catalogue must change."""
    path = root / entry.path
    if path.exists():
        _set_aside(root, path)
    if entry.origin != ORIGIN:
        transaction.drop(entry)
        told.append(f"{entry.path} is left out. Import its source again.")
        return True
    table = _from_hot(root, transaction.before.sealed_until(entry.venue), entry)
    data = codec.encode(table, entry.header())
    if hashlib.sha256(data).hexdigest() == entry.sha256:
        write_durably(path, data)
        sync_folder(path.parent)
        told.append(f"{entry.path} was made again from the hot log, the same bytes.")
        return False
    transaction.drop(entry)
    name = entry.stream if entry.stream == GAP.name else stream_kind(entry.stream)
    kinds = list(GapKind) if name == GAP.name else [k for k in GapKind if k.name == name.upper()]
    end = entry.last_clock + 1
    holes = [
        GapRecord(0, entry.symbol, entry.first_clock, end, end, int(kind), int(GapCause.CORRUPT))
        for kind in kinds
    ]  # fmt: skip
    if len(table):
        transaction.put(entry.key, table, cover(marks_of(table), entry.continuity), entry.continuity)
    if holes:
        declared = gap_table(holes)
        transaction.add(entry.venue, entry.symbol, GAP.name, ORIGIN, declared, ANY, marks_of(declared), recorded=True)
    told.append(f"{entry.path}: {len(table)} of {entry.rows} rows were still in the hot log; a gap is declared over all of it.")
    return True


def _from_hot(root: Path, sealed: int, entry: FileEntry) -> Table:
    """What the hot log still has of a sealed file's rows, merged as sealing does."""
    rows = rows_of(root, entry.venue, entry.symbol, entry.stream, 0, sealed)
    about = rows[rows.schema.names[0]]
    names, of_row = periods(entry.stream, about, "T" in entry.period)
    if entry.period not in names:
        return rows[:0]
    mine = rows[of_row == names.index(entry.period)]
    return by_key([mine]).table if has_key(mine) else mine.sorted()


def _set_aside(root: Path, path: Path) -> None:
    kept = root / QUARANTINE / (path.relative_to(root).as_posix().replace("/", "__") + ".bad")
    kept.parent.mkdir(exist_ok=True)
    number = sum(1 for p in kept.parent.iterdir() if p.name.startswith(kept.name))
    os.replace(path, kept.with_name(f"{kept.name}.{number}"))
    sync_folder(kept.parent)
    sync_folder(path.parent)
