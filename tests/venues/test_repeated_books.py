"""Answers: recorded books of 1,000 and 20 levels, told whole each time (data catalogue, sections 3.1 and 3.2)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from perpscope.core.batch import Batch
from perpscope.core.events import GAP, TRADE
from perpscope.core.instrument import Instrument
from perpscope.features.book.book_state import BookCondition, BookState
from perpscope.features.book.pull_stack import PullStack
from perpscope.market.book import COUNT
from perpscope.venues.book_sync import BookMessage, book_table

MS = 1_000_000


def binance_books(shared_data: Path, count: int) -> tuple[list[BookMessage], pl.DataFrame]:
    frame = pl.read_parquet(shared_data / "tick/binance-2026-02-16/BTCUSDT-perp-book1000.parquet").head(count)
    sides = [frame[n].to_list() for n in ("bids_px", "bids_qty", "asks_px", "asks_qty")]
    told = []
    for k, (bids, bid_quantities, asks, ask_quantities) in enumerate(zip(*sides, strict=True)):
        ts, number = int(frame["exch_ts_ms"][k]) * MS, int(frame["seq"][k])
        levels = list(zip(bids, bid_quantities, strict=True)), list(zip(asks, ask_quantities, strict=True))
        told.append(BookMessage(ts, ts, number, number, -1, *levels, snapshot=True))
    return told, frame


def test_books_of_a_thousand_levels_told_whole(shared_data: Path) -> None:
    told, frame = binance_books(shared_data, 80)
    fold = BookState()
    state = fold.start(Instrument("binance", "BTCUSDT", tick_size=0.1))
    rows = fold.fold(state, Batch(2**62, {"book_delta": book_table(told), "gap": GAP.empty()}))
    assert set(rows["condition"].tolist()) == {int(BookCondition.LIVE)}
    assert rows["bid_price"].tolist() == frame["best_bid"].to_list()
    assert rows["ask_price"].tolist() == frame["best_ask"].to_list()
    assert rows["bid_quantity"].tolist() == [m.bids[0][1] for m in told]
    assert rows["visible_low"].tolist() == [m.bids[-1][0] for m in told]
    assert rows["visible_high"].tolist() == [m.asks[-1][0] for m in told]
    assert state["book"]["meta"][COUNT : COUNT + 2].tolist() == [1000, 1000]


def test_what_is_pulled_and_stacked_between_whole_books_is_their_difference(shared_data: Path) -> None:
    """By dictionaries, over windows of 500 ms, for levels that both books could see and near the touch; no prints given."""
    told, _ = binance_books(shared_data, 50)
    fold = PullStack(PullStack.Params(windows=1, reach_bps=2.0))
    state = fold.start(Instrument("binance", "BTCUSDT", tick_size=0.1))
    tables = {"book_delta": book_table(told), "trade": TRADE.empty(), "gap": GAP.empty()}
    rows = fold.fold(state, Batch(2**62, tables))
    assert len(rows) >= 8
    for row in rows.rows():
        start, end = row["ref_ts"], row["ref_ts"] + 500 * MS
        before = [m for m in told if m.exchange_ts < start][-1]
        after = [m for m in told if m.exchange_ts < end][-1]
        touch = next(m for m in told if m.exchange_ts >= start)
        old, new, low = dict(before.bids), dict(after.bids), np.ceil(round(touch.bids[0][0] * 10) * (1 - 2e-4)) / 10
        changes = [new.get(p, 0.0) - old.get(p, 0.0) for p in old.keys() | new.keys() if p >= low - 1e-9]
        assert abs(row["bid_stacked"] - sum(max(0.0, c) for c in changes)) < 1e-6
        assert abs(row["bid_pulled"] - sum(max(0.0, -c) for c in changes)) < 1e-6
