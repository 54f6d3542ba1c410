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
        # one thread: a pool that has just been started can abort the process when a short command ends (Arrow, seen 3 in 10)
        sheet = pq.ParquetFile(pa.BufferReader(data)).read(use_threads=False)
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
        known = np.isin(values, np.array(members))
        codes = np.where(known, np.searchsorted(np.array(members), values), 0).astype(np.int8)
        names = pa.array([member.name.lower() for member in members], pa.string())
        return pa.DictionaryArray.from_arrays(_array(pa.int8(), codes, known), names)
    if column.unit == "ns":
        return _array(pa.int64(), values, values != NULL_TS)
    if values.dtype == np.bool_:
        bits = pa.py_buffer(np.packbits(values, bitorder="little"))
        return pa.Array.from_buffers(pa.bool_(), len(values), [None, bits])
    if values.dtype.kind != "f":
        return _array(pa.from_numpy_dtype(values.dtype), values, None)
    decimals = scale_of(values)
    present = ~np.isnan(values)
    if decimals is None:
        return _array(pa.float64(), values, present)
    # a decimal128 is two little-endian words: the integer, and its sign extended
    words = np.empty((len(values), 2), np.int64)
    words[:, 0] = np.rint(np.where(present, values, 0.0) * 10.0**decimals)
    words[:, 1] = words[:, 0] >> 63
    return _array(pa.decimal128(_PRECISION, decimals), words, present)


def _array(kind: pa.DataType, values: npt.NDArray[Any], present: npt.NDArray[np.bool_] | None) -> pa.Array:
    """An arrow array over the memory of numpy; `pa.array` would import pandas where that is installed, for a second."""
    validity = None
    if present is not None and not present.all():
        validity = pa.py_buffer(np.packbits(present, bitorder="little"))
    return pa.Array.from_buffers(kind, len(values), [validity, pa.py_buffer(np.ascontiguousarray(values))])


def _to_numpy(column: Column, chunks: pa.ChunkedArray) -> npt.NDArray[Any]:
    parts = [_part_to_numpy(column, part) for part in chunks.chunks]
    if len(parts) == 1:
        return parts[0]
    return np.concatenate([np.empty(0, column.dtype), *parts])


def _part_to_numpy(column: Column, array: pa.Array) -> npt.NDArray[Any]:
    if column.enum is not None:
        return _enum_codes(column, array)
    kind = array.type
    if pa.types.is_boolean(kind):
        return _bits(array.buffers()[1], array)
    if pa.types.is_decimal(kind):
        # the low word holds the value, because the precision never needs the high one
        values = _words(array, np.int64, 2)[::2] / 10.0**kind.scale
    else:
        values = _words(array, kind.to_pandas_dtype(), 1).astype(column.dtype)
    if array.null_count:
        values[~_bits(array.buffers()[0], array)] = NULL_TS if column.unit == "ns" else np.nan
    return values


def _words(array: pa.Array, dtype: Any, per_value: int) -> npt.NDArray[Any]:
    if not len(array):
        return np.empty(0, dtype)
    start = array.offset * per_value
    return np.frombuffer(array.buffers()[1], dtype)[start : start + len(array) * per_value]


def _bits(buffer: pa.Buffer, array: pa.Array) -> npt.NDArray[np.bool_]:
    if not len(array):
        return np.empty(0, np.bool_)
    bits = np.unpackbits(np.frombuffer(buffer, np.uint8), bitorder="little")
    return bits[array.offset : array.offset + len(array)].astype(np.bool_)


def _enum_codes(column: Column, array: pa.Array) -> npt.NDArray[np.int8]:
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    codes = {member.name.lower(): int(member) for member in column.enum or ()}
    names = array.dictionary.to_pylist()
    unknown = [name for name in names if name not in codes]
    if unknown:
        raise DataError(f"A sealed file holds a {column.name} that is unknown.", unknown[0])
    indices = array.indices
    present = _bits(indices.buffers()[0], indices) if indices.null_count else np.ones(len(indices), np.bool_)
    at = np.where(present, _words(indices, indices.type.to_pandas_dtype(), 1), 0)
    return np.where(present, np.array([codes[name] for name in names] or [0], np.int8)[at], np.int8(0))
