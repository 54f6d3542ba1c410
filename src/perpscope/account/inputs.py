"""What a batch brings, as the arrays the kernel reads: bars with their marks, funding, intents."""

from __future__ import annotations

from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from perpscope.account.config import Rules
from perpscope.account.layout import INTENT
from perpscope.contract.funding import settlement_hours
from perpscope.core.batch import Batch
from perpscope.core.errors import ProgrammerError
from perpscope.core.orders import OrderKind
from perpscope.core.table import Table
from perpscope.core.time import NULL_TS

Array = np.ndarray[Any, Any]
_BAR = itemgetter("ref_ts", "known_ts", "open", "high", "low", "close", "volume")
_NO_FLOATS = np.empty(0)
_NO_INTS = np.empty(0, np.int64)
_NO_INTENTS: Array = np.empty(0, INTENT)


class BarColumns(NamedTuple):
    """Bars of all instruments in the order they close; `place` says whose. Mark columns are empty without mark bars."""

    place: Array
    open_ts: Array
    close_ts: Array
    open: Array
    high: Array
    low: Array
    close: Array
    volume: Array
    mark_open: Array
    mark_high: Array
    mark_low: Array
    mark_close: Array


class FundingColumns(NamedTuple):
    """Stamps by instrument, then time; `price` NaN where the mark at the stamp is to be used."""

    place: Array
    ts: Array
    rate: Array
    price: Array


_NO_BARS = BarColumns(
    _NO_INTS, _NO_INTS, _NO_INTS, _NO_FLOATS, _NO_FLOATS, _NO_FLOATS, _NO_FLOATS, _NO_FLOATS,
    _NO_FLOATS, _NO_FLOATS, _NO_FLOATS, _NO_FLOATS,
)  # fmt: skip
NO_FUNDING = FundingColumns(_NO_INTS, _NO_INTS, _NO_FLOATS, _NO_FLOATS)


def name_of(symbol: str, kind: str, several: bool) -> str:
    """'bars', or 'BTCUSDT/bars' for an account of several instruments."""
    return f"{symbol}/{kind}" if several else kind


def clean(values: Array) -> Array:
    """Contiguous and writable, so that a kernel meets one type only."""
    return values if values.flags.carray else np.array(values)


def bar_columns(batch: Batch, symbols: tuple[str, ...]) -> BarColumns:
    """The bars of a batch with mark bars of the same open and close beside them; NaN where there is none.

    Raises:
        ProgrammerError: if an account of one instrument is given no bars.
    """
    several = len(symbols) > 1
    if not several and "bars" in batch and not len(batch["bars"]):
        return _NO_BARS
    parts = []
    for k, symbol in enumerate(symbols):
        name = name_of(symbol, "bars", several)
        if name not in batch:
            if not several:
                raise ProgrammerError("An account's batch needs the table 'bars'.")
            continue
        if len(batch[name]) or not several:
            marks = name_of(symbol, "mark_bars", several)
            parts.append(_of_one(k, batch[name], batch.tables.get(marks), several))
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return _NO_BARS
    if any(len(p.mark_open) for p in parts):
        parts = [p if len(p.mark_open) else p._replace(**dict.fromkeys(_MARKS, np.full(len(p.open), np.nan))) for p in parts]
    joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.lexsort((joined[0], joined[2]))
    return BarColumns(*(column[order] if len(column) == len(order) else column for column in joined))


_MARKS = ("mark_open", "mark_high", "mark_low", "mark_close")


def _of_one(k: int, bars: Table, marks: Table | None, several: bool) -> BarColumns:
    ref, known, o, h, l, c, volume = map(clean, _BAR(bars.columns()))
    place = np.full(len(bars), k, np.int64) if several else _NO_INTS
    mo = mh = ml = mc = _NO_FLOATS
    if marks is not None and len(marks):
        if np.array_equal(marks["ref_ts"], bars["ref_ts"]) and np.array_equal(marks["known_ts"], bars["known_ts"]):
            mo, mh, ml, mc = (clean(marks[name]) for name in ("open", "high", "low", "close"))
            return BarColumns(place, ref, known, o, h, l, c, volume, mo, mh, ml, mc)
        at = np.minimum(np.searchsorted(marks["ref_ts"], bars["ref_ts"]), len(marks) - 1)
        same = (marks["ref_ts"][at] == bars["ref_ts"]) & (marks["known_ts"][at] == bars["known_ts"])
        mo, mh, ml, mc = (np.where(same, marks[name][at], np.nan) for name in ("open", "high", "low", "close"))
    return BarColumns(place, ref, known, o, h, l, c, volume, mo, mh, ml, mc)


def funding_columns(batch: Batch, symbols: tuple[str, ...], before: FundingColumns) -> FundingColumns:
    """Stamps that were pending and those the batch brings, on their full hour."""
    if len(symbols) == 1 and not len(batch.tables.get("funding", ())):
        return before
    parts = [before]
    for k, symbol in enumerate(symbols):
        name = name_of(symbol, "funding", len(symbols) > 1)
        if name in batch and len(batch[name]):
            table = batch[name]
            rate = clean(table["funding_rate"])
            parts.append(
                FundingColumns(
                    np.full(len(rate), k, np.int64), settlement_hours(table["exchange_ts"]), rate, np.full(len(rate), np.nan)
                )
            )
    if len(parts) == 1:
        return before
    joined = FundingColumns(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    order = np.lexsort((joined.ts, joined.place))
    return FundingColumns(*(column[order] for column in joined))


def intent_records(table: Table, rules: Rules) -> tuple[Array, Array]:
    """Intents as records with the time they become active, and whose instrument they name."""
    if not len(table):
        return _NO_INTENTS, _NO_INTS
    made = np.zeros(len(table), INTENT)
    usual = np.where(table["kind"] == OrderKind.CANCEL, rules.cancel_latency, rules.latency)
    latency = np.where(table["latency"] == NULL_TS, usual, table["latency"])
    made["decided_ts"], made["active_ts"] = table["known_ts"], table["known_ts"] + latency
    made["id"], made["sign"], made["tif"], made["bracket"] = (
        table["intent_id"], np.where(table["side"] == 1, 1, -1), table["time_in_force"], table["bracket_id"],
    )  # fmt: skip
    same = ("kind", "good_till_ts", "reduce_only", "close_position", "leg", "trigger_by", "exit_ts", "quantity", "price")
    for name in (*same, "trigger", "leverage", "stop", "target", "trail_fraction", "trail_activation"):
        made[name] = table[name]
    return made, table["instrument"].astype(np.int64)
