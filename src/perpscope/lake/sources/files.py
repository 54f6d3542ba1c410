"""Reading files as they come: every way in which a file can be broken is one sentence."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from perpscope.core.errors import DataError, UserError
from perpscope.lake.sources.base import Floats

MOST_BYTES = 4 * 2**30
"""The largest a compressed file may unpack to: a bomb is refused, a day of any tape is not."""


def read_bytes(path: Path) -> bytes:
    """The content of a file, unpacked when it is gzip (told by its first bytes, not by its name).

    Raises:
        UserError: if the file is missing or may not be read.
        DataError: if its compression is broken or cut short.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}. Check the path.") from None
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        with gzip.open(io.BytesIO(data)) as stream:
            unpacked = stream.read(MOST_BYTES + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{path.name} is not whole: its gzip stream is broken or cut short ({error}). Fetch it again."
        ) from None
    if len(unpacked) > MOST_BYTES:
        raise UserError(f"{path.name} unpacks to more than {MOST_BYTES >> 30} GiB. Split it.")
    return unpacked


def read_members(path: Path) -> list[tuple[str, bytes]]:
    """Name and content of every file in a zip, or the file itself if it is no zip.

    Raises:
        UserError: if the file is missing.
        DataError: if the archive or a member is broken.
    """
    data = read_bytes(path)
    if data[:4] != b"PK\x03\x04":
        return [(path.name, data)]
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [m for m in archive.infolist() if not m.is_dir()]
            if sum(m.file_size for m in members) > MOST_BYTES:
                raise UserError(f"{path.name} unpacks to more than {MOST_BYTES >> 30} GiB. Split it.")
            return [(m.filename, archive.read(m)) for m in members]
    # zipfile raises NotImplementedError for a compression method that it does not know: a damaged header, seen by fuzzing
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError) as error:
        raise DataError(f"{path.name} is not whole: its zip archive is broken ({error}). Fetch it again.") from None


def read_parquet(path: Path) -> pl.DataFrame:
    """A parquet file as a frame. Arrow decodes it, because polars panics on some damaged files instead of raising.

    Raises:
        UserError: if it is missing.
        DataError: if it is no whole parquet file.
    """
    data = read_bytes(path)
    try:
        return _frame(pq.ParquetFile(pa.BufferReader(data)).read(use_threads=False))  # see `codec.decode`
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path.name} is no whole parquet file ({_first_line(error)}). Fetch it again.") from None


def read_feather(path: Path) -> pl.DataFrame:
    """A feather (Arrow IPC) or parquet file as a frame.

    Raises:
        UserError: if it is missing.
        DataError: if it is neither, or not whole.
    """
    data = read_bytes(path)
    if data[:4] == b"PAR1":
        return read_parquet(path)
    try:
        return _frame(pa.ipc.open_file(pa.BufferReader(data)).read_all())
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path.name} is no whole feather file ({_first_line(error)}). Fetch it again.") from None


def _frame(sheet: pa.Table) -> pl.DataFrame:
    """To polars, once nothing is left that it would panic on: broken text in values, names, types or metadata."""
    sheet.validate(full=True)
    plain = pa.Table.from_arrays(sheet.columns, names=sheet.column_names)
    str(plain.schema)
    return pl.DataFrame(pl.from_arrow(plain))


def read_csv(data: bytes, name: str, header: bool = True, columns: Sequence[str] = ()) -> pl.DataFrame:
    """Comma-separated text as a frame; `columns` name the columns of a file without header. Empty text gives no rows.

    Raises:
        DataError: if a line has more fields than the first one, or the text is not UTF-8.
    """
    if not data.strip():
        return pl.DataFrame(schema={c: pl.Float64 for c in columns})
    try:
        frame = pl.read_csv(io.BytesIO(data), has_header=header, infer_schema_length=None, raise_if_empty=False)
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        raise DataError(f"{name} is no clean CSV ({_first_line(error)}).") from None
    if not header:
        if frame.width != len(columns):
            raise DataError(f"{name} has {frame.width} columns, {len(columns)} are needed: {', '.join(columns)}.")
        frame.columns = list(columns)
    return frame.rename({c: c.strip() for c in frame.columns if c != c.strip()})


def need(frame: pl.DataFrame, columns: Iterable[str], source: str) -> None:
    """Make sure that a frame has the columns.

    Raises:
        UserError: naming the first absent one, the nearest present one, and all there are.
    """
    for column in columns:
        if column not in frame.columns:
            same = [c for c in frame.columns if c.lower() == column.lower()]
            near = (same or get_close_matches(column, frame.columns, n=1, cutoff=0.5))[:1]
            hint = f" Did you mean '{near[0]}'?" if near else ""
            has = ", ".join(frame.columns[:20]) + (", ..." if frame.width > 20 else "")
            raise UserError(f"{source} has no column '{column}'.{hint} It has: {has or 'none'}.")


def floats(frame: pl.DataFrame, column: str, source: str) -> Floats:
    """A column as float64, integers and numerals included; an absent value is NaN.

    Raises:
        DataError: if a cell is no number.
    """
    values = frame[column]
    if values.dtype == pl.String:
        text = values.str.strip_chars()
        numbers = text.cast(pl.Float64, strict=False)
        bad = numbers.is_null() & text.is_not_null() & (text != "")
        if bad.any():
            at = int(bad.arg_max() or 0)
            raise DataError(f"{source}, row {at + 1}: the {column} is not a number.", values[at])
        values = numbers
    elif not values.dtype.is_numeric():
        raise DataError(f"{source}: the column {column} does not hold numbers but {values.dtype}.")
    return values.cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64)


def integers(frame: pl.DataFrame, column: str, source: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    """A column as int64.

    Raises:
        DataError: if a cell is absent or no whole number.
    """
    values = frame[column].cast(pl.Int64, strict=False)
    if values.null_count():
        at = int(values.is_null().arg_max() or 0)
        raise DataError(f"{source}, row {at + 1}: the {column} is not a whole number.", frame[column][at])
    return values.to_numpy().astype(np.int64)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:160]
