"""A table as bytes of Parquet, and back, bit for bit.

Definition: a float64 column is stored as a decimal (a scaled 64-bit integer with its scale in the file's schema) with
the smallest scale s <= 12 for which `round(x * 10^s) / 10^s == x` holds for every value and the integers stay below
2^53; a single value that fails keeps the whole column float64. Integers and decimals are delta encoded, floats
byte-stream split, enums stored as their lower-case names in a dictionary, and everything is compressed with zstd. An
absent value (NaN, NULL_TS) is a null. A negative zero keeps its column float64.

Because the scale is Parquet's own DECIMAL type, duckdb and polars show prices, not raw integers.

Source: own; measured against plain float64 in docs/decisions/0002-sealed-files.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from perpscope.core.errors import DataError
from perpscope.core.table import Column, Schema, Table
from perpscope.core.time import NULL_TS

MOST_DECIMALS = 12
ROW_GROUP = 1 << 18
_EXACT = 2.0**53
_HEADER = b"perpscope"
_PRECISION = 18


def encode(table: Table, header: Mapping[str, Any]) -> bytes:
    """The table as a Parquet file, `header` (plain JSON) in its key-value metadata."""
    arrays, encodings, dictionaries = {}, {}, []
    for column in table.schema.columns:
        array = _to_arrow(column, table[column.name])
        arrays[column.name] = array
        if pa.types.is_dictionary(array.type):
            dictionaries.append(column.name)
        elif not pa.types.is_boolean(array.type):
            encodings[column.name] = "BYTE_STREAM_SPLIT" if pa.types.is_floating(array.type) else "DELTA_BINARY_PACKED"
    sheet = pa.table(arrays).replace_schema_metadata({_HEADER: json.dumps(header, sort_keys=True)})
    sink = pa.BufferOutputStream()
    pq.write_table(
        sheet, sink, compression="zstd", compression_level=3, use_dictionary=dictionaries, column_encoding=encodings,
        store_decimal_as_integer=True, row_group_size=ROW_GROUP,
    )  # fmt: skip
    return sink.getvalue().to_pybytes()


def decode(data: bytes, schema: Schema) -> Table:
    """The table that `encode` was given.

    Raises:
        DataError: if the bytes are no Parquet file, or lack a column of the schema.
    """
    try:
        sheet = pq.read_table(pa.BufferReader(data))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"A sealed {schema.name} file cannot be read: {error}.") from None
    missing = [name for name in schema.names if name not in sheet.column_names]
    if missing:
        raise DataError(f"A sealed {schema.name} file has no column {missing[0]}; import its source again.", sheet.column_names)
    return Table.of(schema, **{c.name: _to_numpy(c, sheet[c.name]) for c in schema.columns})


def read_header(data: bytes) -> dict[str, Any]:
    """The header that `encode` wrote.

    Raises:
        DataError: if the bytes are no sealed file.
    """
    try:
        metadata = pq.read_metadata(pa.BufferReader(data)).metadata
        return dict(json.loads((metadata or {})[_HEADER]))
    except (pa.ArrowException, OSError, KeyError, ValueError):
        raise DataError("A file in the lake is not a sealed file of perpscope, or it is damaged.") from None


def scale_of(values: npt.NDArray[np.float64]) -> int | None:
    """The number of decimals that store every value exactly, or None if 12 are not enough. NaN is free.

    Example:
        >>> scale_of(np.array([61807.7, 0.25, np.nan])), scale_of(np.array([1 / 3]))
        (2, None)
    """
    present = values[~np.isnan(values)]
    if not bool(np.all(np.abs(present) < _EXACT)) or bool((np.signbit(present) & (present == 0)).any()):
        return None
    probe = present[:: max(1, len(present) // 64)]
    for decimals in range(MOST_DECIMALS + 1):
        if _fits(probe, decimals) and _fits(present, decimals):
            return decimals
    return None


def _fits(values: npt.NDArray[np.float64], decimals: int) -> bool:
    scaled = np.rint(values * 10.0**decimals)
    return bool(np.all(np.abs(scaled) < _EXACT) and np.all(scaled / 10.0**decimals == values))


def _to_arrow(column: Column, values: npt.NDArray[Any]) -> pa.Array:
    if column.enum is not None:
        members = sorted(column.enum)
        codes = np.searchsorted(np.array(members), values)
        names = pa.array([member.name.lower() for member in members])
        known = np.isin(values, np.array(members))
        return pa.DictionaryArray.from_arrays(pa.array(np.where(known, codes, 0).astype(np.int8), mask=~known), names)
    if column.unit == "ns":
        return pa.array(values, mask=values == NULL_TS)
    if values.dtype.kind != "f":
        return pa.array(values)
    decimals = scale_of(values)
    absent = np.isnan(values)
    if decimals is None:
        return pa.array(values, mask=absent)
    # a decimal128 is two little-endian words: the integer, and its sign extended
    words = np.empty((len(values), 2), np.int64)
    words[:, 0] = np.rint(np.where(absent, 0.0, values) * 10.0**decimals)
    words[:, 1] = words[:, 0] >> 63
    validity = None if not absent.any() else pa.py_buffer(np.packbits(~absent, bitorder="little"))
    kind = pa.decimal128(_PRECISION, decimals)
    return pa.Array.from_buffers(kind, len(values), [validity, pa.py_buffer(words)])


def _to_numpy(column: Column, chunks: pa.ChunkedArray) -> npt.NDArray[Any]:
    array = chunks.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks else pa.array([], chunks.type)
    if column.enum is not None:
        return _enum_codes(column, array)
    if pa.types.is_decimal(array.type):
        # the low word holds the value, because the precision never needs the high one
        start = 2 * array.offset
        words = np.frombuffer(array.buffers()[1], np.int64)[start : start + 2 * len(array) : 2] if len(array) else np.empty(0)
        values = words / 10.0**array.type.scale
        if array.null_count:
            values[np.asarray(array.is_null())] = np.nan
        return values
    if array.null_count:
        array = array.fill_null(NULL_TS if column.unit == "ns" else float("nan"))
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=column.dtype)


def _enum_codes(column: Column, array: pa.Array) -> npt.NDArray[np.int8]:
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    codes = {member.name.lower(): int(member) for member in column.enum or ()}
    unknown = [name for name in array.dictionary.to_pylist() if name not in codes]
    if unknown:
        raise DataError(f"A sealed file holds a {column.name} that is unknown.", unknown[0])
    by_index = np.array([codes[name] for name in array.dictionary.to_pylist()] or [0], np.int8)
    values = by_index[np.asarray(array.indices.fill_null(0).to_numpy(zero_copy_only=False), np.int64)]
    if array.null_count:
        values[np.asarray(array.is_null())] = 0
    return values
