"""Fewer and older files: hours become days, and what is no longer wanted goes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from perpscope.core.errors import UserError, unknown_name
from perpscope.core.events import stream_kind
from perpscope.core.table import Table
from perpscope.core.time import DAY, format_ts, parse_ts
from perpscope.lake import catalogue as catalogues
from perpscope.lake.catalogue import FileEntry
from perpscope.lake.coverage import NOTHING, cover
from perpscope.lake.hot.reserve import DiskState, free_fraction, state_of
from perpscope.lake.reader import schema_of
from perpscope.lake.writer import read_entry, writing


@dataclass(frozen=True)
class CompactReport:
    """Files before and after, their bytes, and days made."""

    days: int = 0
    files_before: int = 0
    files_after: int = 0
    bytes_before: int = 0
    bytes_after: int = 0


def compact(root: str | Path, now: int, free: float | None = None) -> CompactReport:
    """Merge the hours of every UTC day that is over for a day at `now` into one file a day. Rows, their order and what they
    cover stay the same. A crash leaves the hours or the day.

    `free` is the share of the disk that is free; it is looked up where it is not given.

    Raises:
        UserError: if another process is writing, or the disk is too full to make a copy.
        DataError: if a file is damaged.
    """
    root = Path(root)
    if not root.is_dir():
        raise UserError(f"There is no lake at {root}.")
    if state_of(free_fraction(root) if free is None else free) is not DiskState.OK:
        raise UserError("Less than a tenth of the disk is free: compaction writes before it deletes. Make room first.")
    with writing(root) as transaction:
        days: dict[tuple[str, str, str, str, str], list[FileEntry]] = {}
        for entry in transaction.before.files:
            day = entry.period[:10]
            if "T" in entry.period and parse_ts(f"{day}T00:00Z") + 2 * DAY <= now:
                days.setdefault((entry.venue, entry.symbol, entry.stream, day, entry.origin), []).append(entry)
        before = after = 0
        for key, hours in sorted(days.items()):
            hours.sort(key=lambda e: e.period)
            schema = schema_of(key[2])
            table = Table.concat([schema.empty(), *(read_entry(root, entry, schema) for entry in hours)]).sorted()
            marks = np.concatenate([NOTHING, *(np.array(e.coverage, np.int64).reshape(-1, 4) for e in hours)])
            before += sum(entry.bytes for entry in hours)
            after += transaction.put(key, table, cover(marks, hours[-1].continuity), hours[-1].continuity)
            for entry in hours:
                transaction.drop(entry)
        if days:
            transaction.commit([], [])
        return CompactReport(len(days), sum(map(len, days.values())), len(days), before, after)


def retain(
    root: str | Path, before: int, kinds: tuple[str, ...], venue: str | None = None, dry: bool = False
) -> list[FileEntry]:
    """Delete the sealed files of some kinds whose last row is older than `before` (ns UTC). Declared gaps stay.

    `venue` limits it to one; `dry` only tells. Returns: the files that went.

    Raises:
        UserError: if the lake has no such kind, or another process is writing.
    """
    root = Path(root)
    known = catalogues.load(root)
    have = {stream_kind(entry.stream) for entry in known.files}
    for kind in kinds:
        if kind not in have:
            raise unknown_name("kind of rows in this lake", kind, have)
    if venue is not None and venue not in (venues := {entry.venue for entry in known.files}):
        raise unknown_name("venue in this lake", venue, venues)

    def goes(entry: FileEntry) -> bool:
        return stream_kind(entry.stream) in kinds and venue in (None, entry.venue) and entry.last_clock < before

    if dry:
        return [entry for entry in known.files if goes(entry)]
    with writing(root) as transaction:
        gone = [entry for entry in transaction.before.files if goes(entry)]
        for entry in gone:
            transaction.drop(entry)
        if gone:
            transaction.commit([], [])
    return gone


def sentence(entry: FileEntry) -> str:
    """A file in words."""
    first, last = format_ts(entry.first_clock), format_ts(entry.last_clock)
    return f"{entry.path}: {entry.rows} rows, {first} .. {last}, {entry.bytes} bytes"
