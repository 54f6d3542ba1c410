"""Sealed files as Delta Lake tables, on a disk or an object store: for other machines and other programs.

One table a stream, partitioned by venue, symbol, period, origin and the content hash of the sealed file. What a table holds is
read from its partitions; one commit adds the files it lacks and removes those that the lake has since replaced (a day that
grew, hours that were compacted), so that a reader of the table sees each row once. Exporting again changes nothing.

Times stay int64 ns (Delta's own timestamps end at the microsecond), prices and quantities become DOUBLE, enums their names,
absent values null. The export is downstream of the lake and never in the way of a recorder.

Source: the Delta protocol (https://github.com/delta-io/delta/blob/master/PROTOCOL.md), written by `deltalake` (extra `export`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from perpscope.core.errors import UserError, unknown_name
from perpscope.core.table import Column, Schema, Table
from perpscope.core.time import NULL_TS
from perpscope.lake.catalogue import FileEntry
from perpscope.lake.reader import Lake, schema_of
from perpscope.lake.writer import read_entry

PARTITIONS = ("venue", "symbol", "period", "origin", "sha256")


@dataclass(frozen=True)
class Exported:
    """What one commit did to the table of a stream; `version` is the table's."""

    stream: str
    version: int
    added: int
    removed: int
    rows: int


def export(
    lake: Lake,
    target: str,
    streams: Sequence[str] | None = None,
    storage: Mapping[str, str] | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[Exported]:
    """Bring the Delta tables below `target` (a folder, or an address such as s3://bucket/lake) to what is sealed in the lake.

    `streams`: which (default: all). `storage`: options of the object store, such as AWS_ENDPOINT_URL.

    Returns: one entry a stream that needed a commit.

    Raises:
        UserError: if the extra `export` is not installed, a stream is not in the lake, or the store refuses.
        DataError: if a sealed file is damaged.
    """
    try:
        from deltalake import CommitProperties, DeltaTable, write_deltalake
        from deltalake.exceptions import DeltaError
    except ImportError:
        raise UserError("Delta Lake is not installed. Install it with: pip install 'perpscope[export]'.") from None
    have = sorted({entry.stream for entry in lake.catalogue.files})
    for stream in streams or ():
        if stream not in have:
            raise unknown_name("stream in this lake", stream, have)
    chosen = have if streams is None else list(dict.fromkeys(streams))
    done = []
    for number, stream in enumerate(chosen):
        if progress is not None:
            progress(number, len(chosen), stream)
        where = f"{target.rstrip('/')}/{stream.replace('@', '_')}"
        if "://" not in where:
            Path(where).mkdir(parents=True, exist_ok=True)
        options = dict(storage or {})
        try:
            there = set()
            if DeltaTable.is_deltatable(where, options):
                there = {part["sha256"] for part in DeltaTable(where, storage_options=options).partitions()}
            wanted = {entry.sha256: entry for entry in lake.catalogue.files if entry.stream == stream and entry.rows}
            fresh = [entry for sha, entry in sorted(wanted.items(), key=lambda pair: str(pair[1].path)) if sha not in there]
            stale = sorted(there - wanted.keys())
            if not fresh and not stale:
                continue
            touched = ", ".join(f"'{sha}'" for sha in [*stale, *(entry.sha256 for entry in fresh)])
            generation = {"perpscope.generation": str(lake.catalogue.generation)}
            words = CommitProperties(custom_metadata=generation)
            rows, by = _batches(lake, stream, fresh), list(PARTITIONS)
            if stale:
                which = f"sha256 IN ({touched})"
                write_deltalake(
                    where, rows, mode="overwrite", predicate=which, partition_by=by, storage_options=options,
                    commit_properties=words,
                )  # fmt: skip
            else:
                write_deltalake(
                    where, rows, mode="append", partition_by=by, storage_options=options, commit_properties=words
                )  # fmt: skip
            version = DeltaTable(where, storage_options=options).version()
        except (DeltaError, OSError) as error:
            raise UserError(f"The table {where} cannot be written: {str(error).splitlines()[0]}") from None
        done.append(Exported(stream, version, len(fresh), len(stale), sum(entry.rows for entry in fresh)))
    return done


def _batches(lake: Lake, stream: str, entries: Sequence[FileEntry]) -> pa.RecordBatchReader:
    schema = schema_of(stream)
    fields = [pa.field(name, pa.string()) for name in PARTITIONS]
    fields += [pa.field(column.name, _type(column)) for column in schema.columns]

    def made() -> Iterator[pa.RecordBatch]:
        for entry in entries:
            yield _batch(read_entry(lake.path, entry, schema), schema, entry, pa.schema(fields))

    return pa.RecordBatchReader.from_batches(pa.schema(fields), made())


def _type(column: Column) -> pa.DataType:
    if column.enum is not None:
        return pa.string()
    return {"float64": pa.float64(), "bool": pa.bool_()}.get(column.dtype, pa.int64())


def _batch(table: Table, schema: Schema, entry: FileEntry, layout: pa.Schema) -> pa.RecordBatch:
    names: dict[str, str] = {name: getattr(entry, name) for name in PARTITIONS}
    columns: list[Any] = [pa.array([names[name]] * len(table), pa.string()) for name in PARTITIONS]
    for column in schema.columns:
        values = table[column.name]
        if column.enum is not None:
            words = {int(member): member.name.lower() for member in column.enum}
            columns.append(pa.array([words.get(code) for code in values.tolist()], pa.string()))
            continue
        absent = np.isnan(values) if column.dtype == "float64" else values == NULL_TS if column.unit == "ns" else None
        columns.append(pa.array(values, _type(column), mask=absent))
    return pa.RecordBatch.from_arrays(columns, schema=layout)
