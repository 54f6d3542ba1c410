"""Preset `tardis`: downloadable CSV files of tardis.dev, gzip or plain, told by their columns; times in microseconds.

| columns after exchange, symbol, timestamp, local_timestamp | stream |
|---|---|
| id side price amount, file name with `trades` | trade |
| is_snapshot side price amount | book_delta |
| id side price amount, file name with `liquidations` | liquidation |
| funding_timestamp funding_rate open_interest index_price mark_price ... | mark_price, open_interest, funding |

`side` of a trade is the aggressor's; of a liquidation, buy means that a SHORT was closed, sell a LONG. Trades whose
side is unknown are left out and counted; ids that are no numbers become -1. A row of `is_snapshot` after one without
begins a new book; there are no sequence numbers (-1). From the ticker a row is taken where the value changed; a
settlement is made at each `funding_timestamp` passed, from the last rate before it. A silence of two minutes is a
hole. Inverse amounts are contracts, turned into coins.

Source: docs.tardis.dev, "Downloadable CSV files: data types".
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from perpscope.core.errors import UserError
from perpscope.core.events import BOOK_DELTA, BookSide
from perpscope.core.table import Table
from perpscope.core.units import ContractKind
from perpscope.lake import stamps
from perpscope.lake.coverage import ANY, Continuity
from perpscope.lake.instruments import contract_of
from perpscope.lake.sources.base import Floats, Parsed, Preset, Request, Times
from perpscope.lake.sources.files import floats, need, read_bytes, read_csv
from perpscope.lake.sources.rows import fundings, liquidations, marks, snapshots, trades
from perpscope.lake.sources.words import aggressors, truths

ORIGIN = "tardis"
_QUIET = Continuity("silence")


def read(request: Request) -> Iterator[Parsed]:
    for path in request.paths:
        yield from parse(read_csv(read_bytes(path), path.name), path, request)


def parse(rows: pl.DataFrame, path: Path, request: Request) -> Iterator[Parsed]:
    """One file as the streams that its columns tell."""
    name = path.name
    need(rows, ["timestamp", "local_timestamp"], name)
    ts, received = (stamps.to_ns(rows[c], name) for c in ("timestamp", "local_timestamp"))
    if "funding_timestamp" in rows.columns:
        yield from _ticker(rows, ts, received, path, request)
        return
    need(rows, ["side", "price", "amount"], name)
    price = floats(rows, "price", name)
    quantity = _base(floats(rows, "amount", name), price, request)
    if "is_snapshot" in rows.columns:
        yield Parsed(path, "book_delta", _book(rows, ts, received, price, quantity, name), ORIGIN, _QUIET)
    elif "liquidations" in name:
        table = liquidations(ts, ~aggressors(rows["side"], name), price, quantity, received=received)
        yield Parsed(path, "liquidation", table, ORIGIN)
    elif "trades" in name:
        known = (rows["side"] != "unknown").to_numpy()
        ids = rows["id"].cast(pl.Int64, strict=False).fill_null(-1).to_numpy().astype(np.int64)
        side = aggressors(rows["side"].filter(pl.Series(known)), name)
        table = trades(ts[known], price[known], quantity[known], side, ids[known], received[known])
        yield Parsed(path, "trade", table, ORIGIN, _QUIET, counts={"trades of unknown side": int((~known).sum())})
    else:
        raise UserError(f"{name} does not say what it holds. Keep 'trades' or 'liquidations' in its name, as downloaded.")


def _book(rows: pl.DataFrame, ts: Times, received: Times, price: Floats, quantity: Floats, name: str) -> Table:
    whole = truths(rows["is_snapshot"], name)
    begins = whole & ~np.concatenate([[False], whole[:-1]])
    side = np.where(aggressors(rows["side"], name), int(BookSide.BID), int(BookSide.ASK))
    return Table.of(
        BOOK_DELTA, exchange_ts=np.maximum.accumulate(ts), receive_ts=received, sequence=np.full(len(ts), -1, np.int64),
        side=side, price=price, quantity=quantity, snapshot=begins,
    )  # fmt: skip


def _ticker(rows: pl.DataFrame, ts: Times, received: Times, path: Path, request: Request) -> Iterator[Parsed]:
    name = path.name
    need(rows, ["funding_rate", "open_interest", "index_price", "mark_price"], name)
    mark, index = floats(rows, "mark_price", name), floats(rows, "index_price", name)
    changed = _changes(mark) | (_changes(index) & np.isfinite(mark))
    table = marks(ts[changed], mark[changed], index[changed], received[changed])
    yield Parsed(path, "mark_price", table, ORIGIN, _QUIET)
    interest = floats(rows, "open_interest", name)
    changed = _changes(interest)
    yield Parsed(path, "open_interest", snapshots(ts[changed], _base(interest, mark, request)[changed]), ORIGIN, ANY)
    settled, rate = _settlements(rows, ts, name)
    yield Parsed(path, "funding", fundings(settled, rate), ORIGIN)


def _settlements(rows: pl.DataFrame, ts: Times, name: str) -> tuple[Times, Floats]:
    """Each announced settlement that has passed within the file, with the last rate stated before it."""
    known = rows["funding_timestamp"].is_not_null() & rows["funding_rate"].is_not_null()
    due = stamps.to_ns(rows["funding_timestamp"].filter(known), name)
    rate = floats(rows.filter(known), "funding_rate", name)
    before = ts[known.to_numpy()] <= due
    due, rate = due[before], rate[before]
    last = np.flatnonzero(np.concatenate([due[1:] != due[:-1], [True]])) if len(due) else np.empty(0, np.int64)
    passed = due[last] <= (int(ts.max()) if len(ts) else 0)
    return due[last][passed], rate[last][passed]


def _changes(values: Floats) -> np.ndarray:
    """Where a present value differs from the last present one."""
    present = np.flatnonzero(np.isfinite(values))
    out = np.zeros(len(values), np.bool_)
    if len(present):
        out[present] = np.concatenate([[True], np.diff(values[present]) != 0])
    return out


def _base(amount: Floats, price: Floats, request: Request) -> Floats:
    kind, size = contract_of(request.venue, request.symbol)
    return amount * size / price if kind is ContractKind.INVERSE else amount


PRESET = Preset("tardis", "tardis.dev CSV: trades, incremental_book_L2, liquidations, derivative_ticker", read)
