"""Rows of the hot log that are not sealed yet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from perpscope.core.errors import DataError
from perpscope.core.events import GAP, stream_schema
from perpscope.core.table import Table
from perpscope.core.time import format_ts
from perpscope.lake.hot import body
from perpscope.lake.hot.day import DayReader, days
from perpscope.lake.hot.records import GapRecord

BEYOND = 2**62
"""A sequence number that no commit reaches."""


def read_hot(root: str | Path, venue: str, symbol: str, stream: str, start: int | None = None, end: int | None = None) -> Table:
    """Unsealed rows of a stream with start < clock <= end, in the order of arrival (late rows stand where they came).

    Returns: a table of the stream's schema; empty where the hot log has none. "gap" gives the declared gaps.

    Raises:
        DataError: if the catalogue or a batch is damaged.

    Example:
        >>> len(read_hot("no/such/lake", "binance", "BTCUSDT", "trade"))
        0
    """
    from perpscope.lake import catalogue

    after = catalogue.load(Path(root)).sealed_until(venue)
    rows = rows_of(Path(root), venue, symbol, stream, after, BEYOND)
    clock = rows.clock
    low, high = np.iinfo(np.int64).min if start is None else start, np.iinfo(np.int64).max if end is None else end
    wanted = (clock > low) & (clock <= high)
    return rows if bool(wanted.all()) else rows[wanted]


def rows_of(root: Path, venue: str, symbol: str, stream: str, after: int, until: int) -> Table:
    """A stream's rows in the commits after < seq <= until, in the order of arrival.

    Raises:
        DataError: if a batch is damaged.
    """
    if stream == GAP.name:
        return gaps_of(root, venue, symbol, after, until)
    schema = stream_schema(stream)
    return Table.concat([schema.empty(), *_tables(root, venue, symbol, stream, after, until)])


def _tables(root: Path, venue: str, symbol: str, stream: str, after: int, until: int) -> Iterator[Table]:
    schema = stream_schema(stream)
    for path in days(root, venue):
        with DayReader(path) as reader:
            numbers = [i for i, key in reader.streams().items() if key == (symbol, stream)]
            for number in numbers:
                for batch, sound in reader.batches(number, after, until):
                    if not sound:
                        raise DataError(
                            f"A batch of {venue} {symbol} {stream} near {format_ts(batch.first_clock)} is damaged. "
                            "Run perpscope lake repair: it takes the batch out and declares the gap."
                        )
                    yield body.decode(batch.body, schema)


def gaps_of(root: Path, venue: str, symbol: str, after: int, until: int) -> Table:
    """A symbol's declared gaps, by when they were known."""
    found: list[GapRecord] = []
    for path in days(root, venue):
        with DayReader(path) as reader:
            for gap, sound in reader.gaps(after, until):
                if not sound:
                    raise DataError(f"A gap row of {venue} in {path.name} is damaged. Run perpscope lake repair.")
                if gap.symbol == symbol:
                    found.append(gap)
    return gap_table(found)


def gap_table(records: list[GapRecord]) -> Table:
    """Gap records as rows of the `gap` stream."""
    columns = np.array([r[2:] for r in sorted(records, key=lambda r: r.known_ts)], np.int64).reshape(-1, 5).T
    return Table.of(GAP, **dict(zip(GAP.names, columns, strict=True)))
