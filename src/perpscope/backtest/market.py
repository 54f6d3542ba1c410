"""What the account is shown of an instrument: bars, finer bars inside them, public prints, or prints and the book."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from perpscope.core.errors import UserError
from perpscope.core.events import MARK_BARS
from perpscope.core.table import Array, Table
from perpscope.core.time import DAY, format_ts
from perpscope.lake import Source


class Resolution(StrEnum):
    """What fills orders: bars, every public print, or prints with the recorded book between them."""

    BARS = "bars"
    TRADES = "trades"
    BOOK = "book"


@dataclass(frozen=True)
class Shown:
    """`bars` and `marks` are what the account walks (with finer ones inside where they were recorded); `tape` holds
    prints, marks, gaps and book updates where they decide the fills instead, and is empty otherwise."""

    bars: Table
    marks: Table | None
    tape: Mapping[str, Table] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def finer_inside(coarse: Table, finer: Table, length: int, finer_length: int) -> tuple[Table, Array]:
    """Coarse bars with finer ones in the place of those that they tile, and which those are.

    Definition: a coarse bar is replaced by the finer bars inside it if all of them are there and complete and their highest
    high and lowest low are its own; otherwise it stays, because what it held cannot be told in order.
    """
    ratio, n = length // finer_length, len(finer)
    at = np.searchsorted(finer["ref_ts"], coarse["ref_ts"])
    fits = at + ratio <= n
    at = np.minimum(at, max(n - ratio, 0))
    if n < ratio or not len(coarse):
        return coarse, np.zeros(len(coarse), np.bool_)
    fits &= (finer["ref_ts"][at] == coarse["ref_ts"]) & (finer["known_ts"][at + ratio - 1] == coarse["known_ts"])
    usable = np.concatenate([[0], np.cumsum(finer["complete"] & (finer["low"] > 0.0))])
    fits &= usable[at + ratio] - usable[at] == ratio
    inside = at[:, None] + np.arange(ratio)
    fits &= np.isclose(finer["high"][inside].max(axis=1), coarse["high"], rtol=1e-9, atol=0.0)
    fits &= np.isclose(finer["low"][inside].min(axis=1), coarse["low"], rtol=1e-9, atol=0.0)
    return Table.concat([coarse[~fits], finer[inside[fits].ravel()]]).sorted(), fits


def shown_of(
    source: Source, symbol: str, fill_bars: Table, marks: Table | None, *, length: int, start: int, resolution: Resolution,
    finer: Table | None = None, finer_marks: Table | None = None, finer_length: int = 0,
) -> Shown:  # fmt: skip
    """The market of one instrument at a resolution.

    Raises:
        UserError: if prints or a book are asked for and were not recorded in the span of the run.
    """
    if resolution is not Resolution.BARS:
        return _tape(source, symbol, fill_bars, start, resolution)
    if finer is None:
        return Shown(fill_bars, marks)
    bars, resolved = finer_inside(fill_bars, finer, length, finer_length)
    said = f"{symbol}: finer bars resolve the path inside {resolved.mean():.1%} of {len(resolved):,} bars; in the others the"
    warnings = [f"{said} rule for the path holds."]
    if marks is not None and finer_marks is None and resolved.any():
        warnings.append(
            f"{symbol}: inside the bars that finer ones resolve no mark of that length was recorded; positions are liquidated "
            "by the last price there, which is harsher."
        )
    known = [table for table in (marks, finer_marks) if table is not None]
    return Shown(bars, _beside(bars, known), {}, tuple(warnings))


def _beside(bars: Table, marks: list[Table]) -> Table | None:
    """Marks of bars of several lengths, those that open and close with one of the bars."""
    if not marks:
        return None
    kept = []
    for table in marks:
        at = np.minimum(np.searchsorted(bars["ref_ts"], table["ref_ts"]), len(bars) - 1)
        kept.append(table[(bars["ref_ts"][at] == table["ref_ts"]) & (bars["known_ts"][at] == table["known_ts"])])
    joined = Table.concat([MARK_BARS.empty(), *kept])
    return joined.sorted() if len(joined) else None


def _tape(source: Source, symbol: str, fill_bars: Table, start: int, resolution: Resolution) -> Shown:
    """Prints from the start on; the book from its last snapshot before it, so that it stands when the run begins."""
    trades = source.tables.get("trade")
    trades = None if trades is None else trades[trades.clock >= start]
    if trades is None or not len(trades):
        raise UserError(
            f"No print of {symbol} was recorded in the span of the run, so nothing can fill at resolution {resolution}. Choose "
            'another span, or resolution = "bars".'
        )
    tape = {"trade": trades}
    marks = source.tables.get("mark_price")
    if marks is not None and len(marks):
        tape["mark_price"] = marks[marks.clock >= start]
    gaps = source.gaps[source.gaps.clock >= start]
    if len(gaps):
        tape["gap"] = gaps
    if resolution is Resolution.BOOK:
        book = source.tables.get("book_delta")
        if book is None or not len(book) or book.clock[-1] < start:
            raise UserError(
                f'No book of {symbol} was recorded in the span of the run. Choose another span, or resolution = "trades".'
            )
        fresh = np.flatnonzero(book["snapshot"] & (book.clock <= start))
        tape["book_delta"] = book[int(fresh[-1]) :] if len(fresh) else book
    return Shown(fill_bars, None, tape, tuple(_said(symbol, tape, fill_bars, marks)))


def _said(symbol: str, tape: Mapping[str, Table], bars: Table, marks: Table | None) -> Iterator[str]:
    clock, end = tape["trade"].clock, int(bars["known_ts"][-1])
    if int(clock[0]) - int(bars["ref_ts"][0]) > DAY or end - int(clock[-1]) > DAY:
        reach = f"from {format_ts(int(clock[0]))} to {format_ts(int(clock[-1]))}"
        yield f"{symbol}: prints reach {reach} only; nothing fills outside."
    if marks is None or not len(marks):
        yield f"{symbol}: no mark price was recorded; positions are liquidated by the last print, which is harsher."
    if "book_delta" in tape:
        inside = tape["book_delta"].clock
        held = (min(end, int(inside[-1])) - max(int(bars["ref_ts"][0]), int(inside[0]))) / (end - int(bars["ref_ts"][0]))
        if held < 0.999:
            part = f"{max(held, 0.0):.1%}"
            yield f"{symbol}: the book was recorded during {part} of the run; outside takers pay the print and slippage."
