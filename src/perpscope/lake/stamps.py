"""Times as sources write them, to int64 ns UTC; a mistaken or mixed unit is refused, never guessed away."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from perpscope.core.errors import DataError
from perpscope.core.time import NULL_TS

_UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_OLDEST, _YOUNGEST = 1_230_768_000, 4_102_444_800  # 2009 and 2100 in seconds


def to_ns(column: pl.Series, source: str, zone: str = "UTC") -> npt.NDArray[np.int64]:
    """A column of times as int64 ns UTC.

    Definition: integers and floats are seconds, milli-, micro- or nanoseconds since 1970, told by magnitude: the four
    readings of a date between 2009 and 2100 do not overlap. Every value must be of one unit. Float seconds are rounded
    to the microsecond, the finest a double of today's seconds holds. Text is a date and perhaps a time, with a blank or T
    between them, in `zone`.

    Raises:
        DataError: if a time is absent, unreadable, outside 2009 to 2100, or of another unit than the rest.

    Example:
        >>> to_ns(pl.Series([1_722_866_400_000]), "x.csv").tolist()
        [1722866400000000000]
    """
    if column.null_count():
        at = int(column.is_null().arg_max() or 0)
        raise DataError(f"{source}, row {at + 1}: the time is absent.")
    if not len(column):
        return np.empty(0, np.int64)
    if column.dtype == pl.String:
        as_number = column.str.strip_chars().cast(pl.Float64, strict=False)
        if as_number.null_count():
            return _from_text(column, source, zone)
        whole = column.str.strip_chars().cast(pl.Int64, strict=False)
        column = as_number if whole.null_count() else whole
    if isinstance(column.dtype, pl.Datetime | pl.Date):
        return column.cast(pl.Datetime("ns")).cast(pl.Int64).to_numpy().astype(np.int64)
    values = column.to_numpy()
    if values.dtype.kind not in "iuf":
        raise DataError(f"{source}: the times are neither numbers nor dates.", column[0])
    return _from_numbers(values, source)


def _from_numbers(values: npt.NDArray[np.generic], source: str) -> npt.NDArray[np.int64]:
    numbers = values.astype(np.float64)
    unit = unit_of(float(numbers[0]))
    if unit is None:
        raise DataError(f"{source}, row 1: the time is no date between 2009 and 2100 in s, ms, us or ns.", values[0])
    per = _UNITS[unit]
    low, high = _OLDEST * (10**9 // per), _YOUNGEST * (10**9 // per)
    wrong = ~((numbers >= low) & (numbers <= high))
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        other = unit_of(float(numbers[at]))
        found = f"is in {other}" if other else "is no date between 2009 and 2100"
        raise DataError(f"{source}, row {at + 1}: the time {found}, but the file begins in {unit}.", values[at])
    if values.dtype.kind == "f":
        micro = np.rint(numbers * (per / 1_000)).astype(np.int64)
        return micro * 1_000
    return values.astype(np.int64) * per


def unit_of(value: float) -> str | None:
    """The unit in which a number is a date between 2009 and 2100: 's', 'ms', 'us', 'ns', or None.

    Example:
        >>> unit_of(1_722_866_400), unit_of(1_722_866_400_000_000), unit_of(7.5)
        ('s', 'us', None)
    """
    for unit, per in _UNITS.items():
        if _OLDEST * (10**9 // per) <= value <= _YOUNGEST * (10**9 // per):
            return unit
    return None


def _from_text(column: pl.Series, source: str, zone: str) -> npt.NDArray[np.int64]:
    text = column.str.strip_chars().str.replace("T", " ").str.replace(r"(Z|\+00:?00| UTC)$", "")
    for shape in ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"):
        if shape == "%Y-%m-%d":
            times = text.str.to_date(shape, strict=False).cast(pl.Datetime("ns"))
        else:
            times = text.str.to_datetime(shape, time_unit="ns", strict=False)
        if not times.null_count():
            if zone != "UTC":
                times = times.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC")
            if times.null_count():
                at = int(times.is_null().arg_max() or 0)
                raise DataError(f"{source}, row {at + 1}: this time does not exist in {zone}.", column[at])
            return times.cast(pl.Int64).to_numpy().astype(np.int64)
    at = int(times.is_null().arg_max() or 0)
    raise DataError(f"{source}, row {at + 1}: the time is no date such as 2024-08-05 14:00:00.", column[at])


def zoned_text(column: pl.Series, source: str) -> npt.NDArray[np.int64]:
    """Text with an offset ('2024-08-05T14:00:00+07:00', '...Z') as int64 ns UTC.

    Raises:
        DataError: if a time is unreadable.
    """
    text = column.str.strip_chars().str.replace(" ", "T").str.replace("Z$", "+00:00")
    for shape in ("%Y-%m-%dT%H:%M:%S%.f%:z", "%Y-%m-%dT%H:%M:%S%:z", "%Y-%m-%dT%H:%M%:z"):
        times = text.str.to_datetime(shape, time_unit="ns", strict=False, time_zone="UTC")
        if not times.null_count():
            return times.cast(pl.Int64).to_numpy().astype(np.int64)
    at = int(times.is_null().arg_max() or 0)
    raise DataError(f"{source}, row {at + 1}: the time is no date such as 2024-08-05T14:00:00Z.", column[at])


def intervals(ts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The funding interval before each settlement, inferred from the stamps before it.

    Definition: the distance to the previous stamp, rounded to whole hours (stamps carry jitter), where that is 1, 2, 4
    or 8 hours; NULL_TS for the first row and for other distances, which are holes.

    Example:
        >>> hour = 3_600_000_000_000
        >>> [i // hour if i > 0 else None for i in intervals(np.array([0, 8, 16, 40, 44]) * hour).tolist()]
        [None, 8, 8, None, 4]
    """
    hour = 3_600 * 10**9
    found = np.full(len(ts), NULL_TS, np.int64)
    if len(ts) > 1:
        hours = (np.diff(ts) + hour // 2) // hour
        found[1:] = np.where(np.isin(hours, (1, 2, 4, 8)), hours * hour, NULL_TS)
    return found
