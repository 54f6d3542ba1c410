"""Six recorded minutes of Binance, traded by their own book: each taker fill against a book kept as a plain dictionary.

The dictionary knows nothing of ticks, windows or kernels: price -> quantity, as the messages said, up to before the fill.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from perpscope.backtest.config import config_of
from perpscope.backtest.run import BacktestRun, run_backtest
from perpscope.core.events import BookSide
from perpscope.core.table import Table
from perpscope.lake import Lake, import_files


@pytest.fixture(scope="module")
def lake(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    made = Lake(tmp_path_factory.mktemp("flow"))
    path = shared_data / "wire" / "binance_usdm" / "BTCUSDT-2024-08-08.jsonl.gz"
    import_files(made, "binance-recording", [path], venue="binance", symbol="BTCUSDT")
    return made


def traded(lake: Lake, **more: Any) -> BacktestRun:
    data = {
        "venue": "binance", "symbols": ["BTCUSDT"], "start": "2024-08-08T23:54:40Z", "end": "2024-08-08T23:59:59Z",
        "timeframe": "1s", "warmup": "1m", **more,
    }  # fmt: skip
    names = ("zone_retest", "trend_pullback", "session_open")
    risk = {"risk_fraction": 0.02, "combined_risk": 0.05, "max_exposure": 20.0}
    return run_backtest(lake, config_of({"data": data, "setup": [{"name": n} for n in names], "risk": risk}))


def walked(rows: Table, before: int, buy: bool, quantity: float) -> float:
    """The mean price of taking a quantity from the book as it stood before a time."""
    sides: dict[int, dict[float, float]] = {int(BookSide.BID): {}, int(BookSide.ASK): {}}
    columns = (rows["exchange_ts"], rows["side"], rows["price"], rows["quantity"], rows["snapshot"])
    for ts, side, price, shown, fresh in zip(*(column.tolist() for column in columns), strict=True):
        if ts >= before:
            break
        if fresh and len(sides[1]) and len(sides[2]):
            sides = {1: {}, 2: {}}
        if shown:
            sides[side][price] = shown
        else:
            sides[side].pop(price, None)
    levels = sorted(sides[int(BookSide.ASK)].items()) if buy else sorted(sides[int(BookSide.BID)].items(), reverse=True)
    left, value = quantity, 0.0
    for price, shown in levels:
        part = min(left, shown)
        value, left = value + part * price, left - part
        if left <= 1e-12:
            break
    return value / quantity


def test_every_taker_fill_is_the_walk_through_the_book_before_it(lake: Lake) -> None:
    run = traded(lake, resolution="book")
    takers = [row for row in run.rows.fills.rows() if row["model"] == "book"]
    assert len(takers) >= 3
    book = lake.source("binance", "BTCUSDT").tables["book_delta"]
    fills = run.rows.fills[run.rows.fills["model"] == 3]
    for at, row in zip(fills["ref_ts"].tolist(), takers, strict=True):
        assert row["price"] == pytest.approx(walked(book, at, row["side"] == "buy", row["quantity"]), abs=1e-6)
    assert not fills["maker"].any()


def test_by_prints_the_same_decisions_fill_within_a_few_ticks_of_the_book(lake: Lake) -> None:
    book, prints = (traded(lake, resolution=name) for name in ("book", "trades"))
    first, second = (run.rows.fills["price"][0] for run in (book, prints))
    assert second == pytest.approx(first, rel=5e-4)
    assert {row["model"] for row in prints.rows.fills.rows()} == {"trade"}
