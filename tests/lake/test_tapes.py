"""Answers: the recorded files read with polars, and the counts of the data catalogue, sections 3.1 to 3.4 and 5.1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from perpscope.core.events import GapCause
from perpscope.core.time import HOUR, MINUTE, parse_ts
from perpscope.lake import Lake, import_files
from perpscope.lake.sources.hyperliquid_wallets import wallet_number

MS = 1_000_000


def _import(lake: Lake, preset: str, path: Path, venue: str, symbol: str, **more):
    return import_files(lake, preset, [path], venue=venue, symbol=symbol, **more)


def test_a_large_unordered_tape_keeps_every_row(lake: Lake, shared_data: Path) -> None:
    path = shared_data / "tick/hyperliquid-2026-06/SOL-trades-20260612-20260616.parquet"
    report = _import(lake, "trades", path, "hyperliquid", "SOL")
    assert report.streams[0].unsorted
    assert report.streams[0].added == 377_087
    tape = pl.read_parquet(path).sort("ts", maintain_order=True)
    table = lake.read("hyperliquid", "SOL", "trade")
    assert np.array_equal(table["exchange_ts"], tape["ts"].to_numpy() * MS)
    assert np.array_equal(table["price"], tape["px"].to_numpy())
    assert np.array_equal(table["quantity"], tape["sz"].to_numpy())
    assert np.array_equal(table["aggressor_side"] == 1, (tape["side"] == "B").to_numpy())
    assert set(table["trade_id"].tolist()) == {-1}
    # one recorder stop of 223 s on the 13th; the next longest silence of this tape is 77 s
    [hole] = lake.holes("hyperliquid", "SOL", "trade")
    assert parse_ts("2026-06-13T09:00Z") < hole.start < hole.end < parse_ts("2026-06-13T09:06Z")
    assert len(list(lake.path.glob("hyperliquid/trade/SOL/*/tape-1.parquet"))) == 6


def test_a_tape_without_ids_is_not_doubled_by_an_overlapping_file(lake: Lake, shared_data: Path, tmp_path: Path) -> None:
    tape = pl.read_parquet(shared_data / "tick/hyperliquid-2026-06/SOL-trades-20260612-20260616.parquet")
    # the first minutes of the recording lie before its two recorders overlap
    part = tape.head(9_000).sort("ts", maintain_order=True)
    edge = int(part["ts"][6_000])
    part.filter(pl.col("ts") <= edge).write_parquet(tmp_path / "a.parquet")
    part.filter(pl.col("ts") > int(part["ts"][3_000])).write_parquet(tmp_path / "b.parquet")
    _import(lake, "trades", tmp_path / "a.parquet", "hyperliquid", "SOL")
    report = _import(lake, "trades", tmp_path / "b.parquet", "hyperliquid", "SOL")
    assert report.streams[0].covered > 0
    assert np.array_equal(lake.read("hyperliquid", "SOL", "trade")["price"], part["px"].to_numpy())


def test_each_missing_id_is_a_gap(lake: Lake, shared_data: Path) -> None:
    path = shared_data / "tick/binance-2026-02-16/BTCUSDT-perp-trades.parquet"
    _import(lake, "trades", path, "binance", "BTCUSDT")
    frame = pl.read_parquet(path)
    table = lake.read("binance", "BTCUSDT", "trade")
    assert table["trade_id"].tolist() == frame["trade_id"].cast(pl.Int64).to_list()
    assert table["receive_ts"].tolist() == (frame["ts_ms"] * MS).to_list()
    assert float(table["quantity"].sum()) == pytest.approx(408.094, abs=1e-6)
    assert int((table["aggressor_side"] == 1).sum()) == 6_744
    gaps = lake.source("binance", "BTCUSDT", ["trade"]).gaps
    assert len(gaps) == 19
    assert set(gaps["cause"].tolist()) == {int(GapCause.SEQUENCE)}
    spot = shared_data / "tick/binance-2026-02-16/BTCUSDT-spot-trades.parquet"
    _import(lake, "trades", spot, "binance_spot", "BTCUSDT")
    assert len(lake.source("binance_spot", "BTCUSDT", ["trade"]).gaps) == 0


@pytest.mark.parametrize(
    ("coin", "repeated", "rows"), [("BTC", 0, 6_675), ("ETH", 17, 6_884), ("SOL", 10, 4_437), ("WLFI", 8, 2_563)]
)
def test_replayed_trades_are_dropped_by_their_id(lake: Lake, shared_data: Path, coin: str, repeated: int, rows: int) -> None:
    path = shared_data / f"tick/hyperliquid-2025-09-04/trades_{coin}.csv.gz"
    report = _import(lake, "trades", path, "hyperliquid", coin)
    assert (report.streams[0].rows, report.streams[0].duplicates) == (rows, repeated)
    frame = (
        pl.read_csv(path).unique("trade_id", keep="first", maintain_order=True).sort("exchange_timestamp", maintain_order=True)
    )
    table = lake.read("hyperliquid", coin, "trade")
    assert sorted(table["trade_id"].tolist()) == sorted(frame["trade_id"].to_list())
    assert np.array_equal(table["exchange_ts"], frame["exchange_timestamp"].to_numpy() * MS)
    assert np.array_equal(table["receive_ts"], np.round(frame["timestamp"].to_numpy() * 1e6).astype(np.int64) * 1_000)
    assert float(table["quantity"].sum()) == pytest.approx(frame["size"].sum(), rel=1e-12)


@pytest.mark.parametrize(("symbol", "rows"), [("BTCUSDT", 2_446), ("ETHUSDT", 1_362), ("ASTERUSDT", 3_250), ("USD1USDT", 112)])
def test_a_change_of_id_space_is_a_gap_and_nothing_else_is(lake: Lake, shared_data: Path, symbol: str, rows: int) -> None:
    path = shared_data / f"tick/aster-2025-09-24/trades_{symbol}.csv.gz"
    _import(lake, "trades", path, "aster", symbol)
    frame = pl.read_csv(path)
    table = lake.read("aster", symbol, "trade")
    assert len(table) == rows
    assert np.array_equal(table["price"], frame["price"].to_numpy())
    assert np.array_equal(table["quantity"], frame["quantity"].to_numpy())
    [hole] = lake.holes("aster", symbol, "trade")
    assert (hole.start, hole.end) == (int(frame["unix_timestamp_ms"][99]) * MS + 1, int(frame["unix_timestamp_ms"][100]) * MS)


def test_a_shorter_silence_can_be_asked_for(lake: Lake, shared_data: Path) -> None:
    path = shared_data / "tick/hyperliquid-2025-09-04/trades_BTC.csv.gz"
    _import(lake, "trades", path, "hyperliquid", "BTC", options={"silence": "5s"})
    stamps = pl.read_csv(path)["exchange_timestamp"].to_numpy()
    assert len(lake.holes("hyperliquid", "BTC", "trade")) == int((np.diff(stamps) > 5_000).sum()) > 0


def test_contexts_are_halved_marked_and_settled_each_hour(lake: Lake, shared_data: Path) -> None:
    path = shared_data / "tick/hyperliquid-2026-06/BTC-ctx-20260612-20260616.parquet"
    _import(lake, "hyperliquid-context", path, "hyperliquid", "BTC")
    frame = pl.read_parquet(path).sort("ts", maintain_order=True)
    interest = lake.read("hyperliquid", "BTC", "open_interest")
    mark = lake.read("hyperliquid", "BTC", "mark_price")
    funding = lake.read("hyperliquid", "BTC", "funding")
    assert np.array_equal(interest["exchange_ts"], frame["ts"].to_numpy() * MS)
    assert np.array_equal(interest["open_interest"] * 2, frame["oi"].to_numpy())
    assert np.allclose(interest["open_interest_notional"], frame["oi"].to_numpy() / 2 * frame["mark"].to_numpy())
    assert np.array_equal(mark["mark_price"], frame["mark"].to_numpy())
    assert np.array_equal(mark["index_price"], frame["oracle"].to_numpy())
    # five full days: a settlement at every hour from 01:00 of the first day to the midnight after the last
    assert np.array_equal(funding["exchange_ts"], parse_ts("2026-06-12T01:00Z") + np.arange(120) * HOUR)
    assert set(funding["funding_interval"].tolist()) == {HOUR}
    before = frame.filter(pl.col("ts") * MS < int(funding["exchange_ts"][7]))["funding"][-1]
    assert funding["funding_rate"][7] == before
    [hole] = lake.holes("hyperliquid", "BTC", "open_interest")
    assert hole.end - hole.start < 3 * MINUTE


def test_wallet_positions_come_back_equal(lake: Lake, shared_data: Path) -> None:
    path = shared_data / "positions/hyperliquid-wallets-2026-02.parquet"
    _import(lake, "hyperliquid-wallets", path, "hyperliquid", "SOL")
    frame = (
        pl.read_parquet(path)
        .filter(pl.col("coin") == "SOL")
        .with_columns(n=pl.col("address").map_elements(wallet_number, pl.Int64))
    )
    frame = frame.sort("snap", "n")
    table = lake.read("hyperliquid", "SOL", "position")
    table = table[np.lexsort((table["wallet"], table["exchange_ts"]))]
    assert np.array_equal(table["wallet"], frame["n"].to_numpy())
    assert frame["address"].n_unique() == len(np.unique(table["wallet"]))
    assert np.array_equal(table["exchange_ts"], frame["snap"].dt.epoch("ns").to_numpy())
    assert np.array_equal(table["position_side"] == 1, (frame["dir"] == "Long").to_numpy())
    for ours, theirs in {
        "quantity": "size",
        "entry_price": "entryPx",
        "leverage_setting": "lev",
        "account_value": "accountValue",
    }.items():
        assert np.array_equal(table[ours], frame[theirs].to_numpy()), ours
    liquidation = frame["liqPx"].fill_null(float("nan")).to_numpy()
    assert np.array_equal(table["liquidation_price"], liquidation, equal_nan=True)
    assert np.array_equal(table["mark_price"], frame["value"].to_numpy() / frame["size"].to_numpy())
    # the venue's own liquidation prices lie on the losing side of the mark
    known = np.isfinite(table["liquidation_price"])
    below = table["liquidation_price"][known] < table["mark_price"][known]
    assert np.array_equal(below, table["position_side"][known] == 1)
