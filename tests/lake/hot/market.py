"""Rows as a recorder would hand them over, made by plain loops."""

from __future__ import annotations

import numpy as np

from perpscope.core.events import BOOK_DELTA, GAP, OPEN_INTEREST, TRADE, BookSide, GapCause, GapKind
from perpscope.core.table import Table
from perpscope.core.time import HOUR, SECOND, parse_ts
from perpscope.core.units import AggressorSide

DAY_START = parse_ts("2024-08-05T00:00Z")
START = DAY_START + 13 * HOUR + 1800 * SECOND


class Clock:
    """A clock that is set by hand."""

    def __init__(self, ts: int) -> None:
        self.ts = ts

    def __call__(self) -> int:
        return self.ts


def trades(first_id: int, count: int, since: int, step: int = 20_000_000) -> Table:
    """Trades with consecutive ids, received 5 ms later."""
    ids = np.arange(first_id, first_id + count)
    at = since + np.arange(count) * step
    sides = np.where(ids % 3 == 0, AggressorSide.SELL, AggressorSide.BUY)
    return Table.of(
        TRADE, exchange_ts=at, receive_ts=at + 5_000_000, trade_id=ids, price=np.round(60_000 + ids % 97 * 0.1, 1),
        quantity=np.round(0.001 * (1 + ids % 50), 3), aggressor_side=sides,
    )  # fmt: skip


def book(first: int, count: int, since: int, step: int = 100_000_000) -> Table:
    """Book updates, two levels an instant, so that clocks repeat and nothing has a key."""
    number = first + np.arange(count)
    at = since + np.arange(count) // 2 * step
    return Table.of(
        BOOK_DELTA, exchange_ts=at, receive_ts=at + 3_000_000, sequence=number // 2,
        side=np.where(number % 2 == 0, BookSide.BID, BookSide.ASK), price=60_000.0 + number % 11 * 0.1,
        quantity=number % 7 * 0.5, snapshot=np.zeros(count, bool),
    )  # fmt: skip


def interest(at: int, value: float) -> Table:
    return Table.of(
        OPEN_INTEREST, exchange_ts=[at], receive_ts=[at + 1], open_interest=[value], open_interest_notional=[np.nan]
    )


def gap(start: int, end: int, kind: GapKind = GapKind.TRADE, cause: GapCause = GapCause.DISCONNECT) -> Table:
    return Table.of(GAP, ref_ts=[start], known_ts=[end], end_ts=[end], kind=[kind], cause=[cause])
