"""The same files through polars and duckdb, for research by hand.

Nothing is merged here: rows of all origins appear, with an `origin` column, and nothing guards against looking ahead.
Prices and quantities are cast to DOUBLE, because the scale of a file's decimals is its own: without the cast a reader
takes the first file's scale and rounds the others to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from perpscope.lake.catalogue import FileEntry

if TYPE_CHECKING:
    import duckdb
    import polars


def scan(root: Path, entries: Sequence[FileEntry]) -> polars.LazyFrame:
    """A lazy polars frame over sealed files: decimals as Float64, enums as String, times as Int64 ns, plus `origin`."""
    import polars as pl
    import polars.selectors as cs

    frames = []
    for entry in entries:
        frame = pl.scan_parquet(root / entry.path)
        enums = cs.categorical() | cs.string()
        typed = frame.with_columns(cs.decimal().cast(pl.Float64), enums.cast(pl.String))
        frames.append(typed.with_columns(origin=pl.lit(entry.origin)))
    return pl.concat(frames)


def connect(root: Path, entries: Iterable[FileEntry]) -> duckdb.DuckDBPyConnection:
    """An in-memory duckdb database with a view per stream; '@' becomes '_' in its name.

    Columns: venue, symbol, origin, then those of the stream; times are BIGINT ns (`make_timestamp_ns(exchange_ts)`).
    """
    import duckdb

    connection = duckdb.connect()
    by_stream: dict[str, list[FileEntry]] = {}
    for entry in entries:
        by_stream.setdefault(entry.stream, []).append(entry)
    for stream, files in sorted(by_stream.items()):
        groups: dict[tuple[str, str, str], list[FileEntry]] = {}
        for entry in files:
            groups.setdefault((entry.venue, entry.symbol, entry.origin), []).append(entry)
        selects = [_select(connection, root, group) for group in groups.values()]
        connection.execute(f"CREATE VIEW {_quoted(stream.replace('@', '_'))} AS {' UNION ALL BY NAME '.join(selects)}")
    return connection


def _select(connection: duckdb.DuckDBPyConnection, root: Path, group: list[FileEntry]) -> str:
    files = ", ".join(_literal(str(root / entry.path)) for entry in group)
    rows = f"read_parquet([{files}], union_by_name = true)"
    first = group[0]
    described = connection.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()
    columns = [
        f"CAST({_quoted(name)} AS DOUBLE) AS {_quoted(name)}" if kind.startswith("DECIMAL") else _quoted(name)
        for name, kind, *_ in described
    ]
    names = f"{_literal(first.venue)} AS venue, {_literal(first.symbol)} AS symbol, {_literal(first.origin)} AS origin"
    return f"SELECT {names}, {', '.join(columns)} FROM {rows}"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
