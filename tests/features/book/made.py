"""Book rows, prints and gaps written by hand, and a slow book to hold the fast one to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.events import BOOK_DELTA, GAP, TRADE, GapKind
from perpscope.core.fold import Fold
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table

MS = 1_000_000
SECOND = 1_000_000_000
TICK = 0.1
TENTH = Instrument("demo", "X", tick_size=TICK, lot_size=0.001)

Message = tuple[float, Sequence[tuple[float, float]], Sequence[tuple[float, float]], bool]


def snap(ms: float, bids: Sequence[tuple[float, float]], asks: Sequence[tuple[float, float]]) -> Message:
    return (ms, bids, asks, True)


def diff(ms: float, bids: Sequence[tuple[float, float]] = (), asks: Sequence[tuple[float, float]] = ()) -> Message:
    return (ms, bids, asks, False)


def book(*messages: Message) -> Table:
    """Rows of messages at times in ms, numbered from 1."""
    rows = []
    for number, (ms, bids, asks, snapshot) in enumerate(messages, 1):
        levels = [(1, p, q) for p, q in bids] + [(2, p, q) for p, q in asks]
        rows += [(int(ms * MS), number, side, p, q, snapshot and k == 0) for k, (side, p, q) in enumerate(levels)]
    if not rows:
        return BOOK_DELTA.empty()
    ts, sequence, side, price, quantity, snapshot = zip(*rows, strict=True)
    return Table.filled(
        BOOK_DELTA, exchange_ts=ts, sequence=sequence, side=side, price=price, quantity=quantity, snapshot=snapshot
    )


def prints(*fills: tuple[float, str, float, float]) -> Table:
    """Prints as (ms, "B" or "S", price, quantity)."""
    if not fills:
        return TRADE.empty()
    ms, side, price, quantity = zip(*fills, strict=True)
    return Table.filled(
        TRADE,
        exchange_ts=[int(t * MS) for t in ms],
        trade_id=np.arange(len(fills)),
        price=price,
        quantity=quantity,
        aggressor_side=[1 if s == "B" else 2 for s in side],
    )


def gap(start_ms: float, end_ms: float, kind: GapKind = GapKind.BOOK_DELTA) -> Table:
    start, end = int(start_ms * MS), int(end_ms * MS)
    return Table.of(GAP, ref_ts=[start], known_ts=[end], end_ts=[end], kind=[int(kind)], cause=[3])


def run(
    fold: Fold, rows: Table, trades: Table | None = None, gaps: Table | None = None, end_ms: float = 1e9, **more: Table
) -> Table:
    tables = {"book_delta": rows, "trade": TRADE.empty() if trades is None else trades, **more}
    batch = Batch(int(end_ms * MS), {**tables, "gap": GAP.empty() if gaps is None else gaps})
    return fold.fold(fold.start(TENTH), batch)


def slow_books(rows: Table) -> list[tuple[int, dict[int, float], dict[int, float]]]:
    """(sequence, bids, asks) by tick after every message: dictionaries, one row at a time."""
    out: list[tuple[int, dict[int, float], dict[int, float]]] = []
    sides: dict[int, dict[int, float]] = {1: {}, 2: {}}
    told = False
    columns = [rows[n].tolist() for n in ("sequence", "side", "price", "quantity", "snapshot")]
    previous = None
    for sequence, side, price, quantity, snapshot in zip(*columns, strict=True):
        if previous is not None and sequence != previous and told:
            out.append((previous, dict(sides[1]), dict(sides[2])))
        if snapshot:
            sides, told = {1: {}, 2: {}}, True
        tick = round(price / TICK)
        if quantity:
            sides[side][tick] = quantity
        else:
            sides[side].pop(tick, None)
        previous = sequence
    if told and previous is not None:
        out.append((previous, dict(sides[1]), dict(sides[2])))
    return out
