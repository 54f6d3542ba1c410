"""What data must obey to enter the lake; each refusal is one sentence with the row that broke it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import DataError, UserError
from perpscope.core.table import Table
from perpscope.core.time import NULL_TS, format_ts, plausible

_PRESENT: dict[str, tuple[str, ...]] = {
    "trade": ("price", "quantity"),
    "book_delta": ("price", "quantity"),
    "mark_price": ("mark_price",),
    "funding": ("funding_rate",),
    "open_interest": ("open_interest",),
    "liquidation": ("price", "quantity"),
    "bars": ("open", "high", "low", "close", "volume"),
    "mark_bars": ("open", "high", "low", "close"),
    "liquidation_totals": ("long_quantity", "short_quantity"),
    "long_short_ratio": ("long_fraction", "short_fraction"),
    "position": ("quantity", "entry_price", "mark_price"),
}
"""Columns that may not be absent."""

_HIGHEST_RATE = 0.2
"""No venue pays a fifth of the notional per interval; such a rate is a percentage taken for a fraction."""


def check(table: Table, source: str, now: int | None) -> None:
    """Refuse a table that cannot be what it claims.

    Raises:
        DataError: for an absent or infinite value, a negative or zero price, a negative quantity, a bar whose high or
            low does not bound it, more buying than volume, an implausible time, an unknown side.
        UserError: if rows lie later than `now`.
    """
    for name, values in table.columns().items():
        column = table.schema.by_name[name]
        if column.enum is not None:
            _refuse(table, source, ~np.isin(values, list(column.enum)), f"the {name} is unknown")
        elif column.dtype == "float64":
            if name in _PRESENT.get(table.schema.name, ()):
                _refuse(table, source, np.isnan(values), f"the {name} is absent or not a number")
            _refuse(table, source, np.isinf(values), f"the {name} is infinite")
            if column.unit == "price":
                _refuse(table, source, values <= 0, f"the {name} is not positive")
            elif column.unit in ("quantity", "notional", "count", "ratio") and name not in ("min_delta", "max_delta"):
                _refuse(table, source, values < 0, f"the {name} is negative")
    _check_shape(table, source)
    _check_times(table, source, now)


def _check_shape(table: Table, source: str) -> None:
    if table.schema.name in ("bars", "mark_bars"):
        o, h, l, c = (table[name] for name in ("open", "high", "low", "close"))
        _refuse(table, source, (h < o) | (h < c) | (h < l), "the high lies below the open, close or low")
        _refuse(table, source, (l > o) | (l > c), "the low lies above the open or close")
    if table.schema.name == "bars":
        slack = 1e-9 * table["volume"]
        _refuse(table, source, table["buy_volume"] > table["volume"] + slack, "the buy_volume exceeds the volume")
    if table.schema.name == "funding":
        too_much = np.abs(table["funding_rate"]) > _HIGHEST_RATE
        _refuse(table, source, too_much, "the funding_rate looks like a percentage; a fraction per interval is needed")
    if table.schema.name == "long_short_ratio":
        total = table["long_fraction"] + table["short_fraction"]
        _refuse(table, source, np.abs(total - 1) > 0.02, "the fractions of longs and shorts do not sum to 1")


def _check_times(table: Table, source: str, now: int | None) -> None:
    clock = table.clock
    about = table[table.schema.names[0]]
    if not len(table):
        return
    for times in (about, clock):
        low, high = int(times.min()), int(times.max())
        if low == NULL_TS or not (plausible(low) and plausible(high)):
            wrong = (times < 0) | (times == times.min()) if not plausible(low) else times == times.max()
            _refuse(table, source, wrong, "the time is absent or lies outside 2009 to 2100")
    if now is not None and int(clock.max()) > now:
        at = int(np.flatnonzero(clock > now)[0])
        raise UserError(
            f"{source}, row {at + 1}: the row is dated {format_ts(int(clock[at]))}, in the future. "
            f"Check the time unit and zone of the source."
        )


def _refuse(table: Table, source: str, wrong: npt.NDArray[np.bool_], what: str) -> None:
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        more = int(wrong.sum()) - 1
        row: dict[str, Any] = next(table[at : at + 1].rows())
        raise DataError(f"{source}, row {at + 1}: {what}{f' (and in {more} more rows)' if more else ''}.", row)
