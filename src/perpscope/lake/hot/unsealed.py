"""What the hot log holds beyond the catalogue, in the shape of sealed files.

The rows are put through the very merge that sealing uses, in memory, so that a reader gets the same bytes the moment before
and the moment after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from perpscope.core.events import FRAMED, GAP, GapKind, stream_kind
from perpscope.core.table import Table
from perpscope.lake.catalogue import Catalogue, FileEntry
from perpscope.lake.coverage import ANY, Continuity, Stretches, framed, marks_of
from perpscope.lake.hot.day import DayReader, days, venues
from perpscope.lake.hot.read import rows_of
from perpscope.lake.writer import Transaction

ORIGIN = "live"
"""The origin of recorded rows."""


def continuity_of(stream: str) -> Continuity:
    """How recorded rows hang together: frames by their step, what can have declared gaps by those, others always."""
    if stream_kind(stream) in FRAMED:
        return framed(stream)
    return Continuity("declared", 0) if stream_kind(stream).upper() in GapKind.__members__ else ANY


@dataclass(frozen=True)
class Contents:
    """Unsealed rows of one stream, unread."""

    rows: int
    first_clock: int
    last_clock: int


class _Preview(Transaction):
    """A transaction that writes nothing."""

    def __init__(self, root: Path, before: Catalogue) -> None:
        super().__init__(root, before)
        self.tables: dict[tuple[str, str, str, str, str], Table] = {}

    def _write(self, key: tuple[str, str, str, str, str], rows: Table, found: Stretches, continuity: Continuity) -> None:
        self._staged[key] = self._entry(key, rows, found, continuity)
        self.tables[key] = rows


class Unsealed:
    """The hot log of all venues as it was when this was made, beyond what `catalogue` says is sealed."""

    def __init__(self, root: Path, catalogue: Catalogue) -> None:
        self.root, self.catalogue = root, catalogue
        self._reach: dict[str, tuple[int, int]] = {}
        self.contents: dict[tuple[str, str], dict[str, Contents]] = {}
        self._preview = _Preview(root, catalogue)
        self._made: set[tuple[str, str, str]] = set()
        for venue in venues(root):
            self._look(venue)

    def streams(self, venue: str, symbol: str) -> Mapping[str, Contents]:
        return self.contents.get((venue, symbol), {})

    def entries(self, venue: str, symbol: str, stream: str) -> Sequence[FileEntry]:
        """The files that sealing would make now, by the catalogue's rules; their rows by `table`.

        Raises:
            DataError: if a batch, or a sealed file of the same period, is damaged.
        """
        if stream not in self.streams(venue, symbol):
            return []
        if (venue, symbol, stream) not in self._made:
            rows = rows_of(self.root, venue, symbol, stream, *self._reach[venue])
            self._preview.add(venue, symbol, stream, ORIGIN, rows, continuity_of(stream), marks_of(rows), recorded=True)
            self._made.add((venue, symbol, stream))
        return [e for e in self._preview.staged() if (e.venue, e.symbol, e.stream) == (venue, symbol, stream)]

    def table(self, entry: FileEntry) -> Table:
        return self._preview.tables[entry.key]

    def _look(self, venue: str) -> None:
        after = self.catalogue.sealed_until(venue)
        until = after
        for path in days(self.root, venue):
            with DayReader(path) as reader:
                last = reader.last_seq()
                if last <= after:
                    continue
                until = max(until, last)
                names = reader.streams()
                for number, rows, first, newest in reader.contents(after, last):
                    self._add(venue, *names[number], rows, first, newest)
                for gap, _ in reader.gaps(after, last):
                    self._add(venue, gap.symbol, GAP.name, 1, gap.known_ts, gap.known_ts)
        self._reach[venue] = (after, until)

    def _add(self, venue: str, symbol: str, stream: str, rows: int, first: int, last: int) -> None:
        streams = self.contents.setdefault((venue, symbol), {})
        before = streams.get(stream, Contents(0, first, last))
        streams[stream] = Contents(before.rows + rows, min(before.first_clock, first), max(before.last_clock, last))
