"""Answers: the recorded files themselves; duckdb and polars read the sealed files, perpscope is not asked."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

from perpscope.lake import Lake, import_files


@pytest.fixture(scope="module")
def filled(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("lake with a 'quote'"))
    bars = shared_data / "bars"
    for preset, name, venue, symbol in (
        ("bars-parquet", "binance_perp/1h/ETHUSDT", "binance", "ETHUSDT"),
        ("coinalyze", "coinalyze/1h/ETHUSDT_ohlcv-history", "binance", "ETHUSDT"),
        ("bars-parquet", "bybit_oi/1h/ETHUSDT", "bybit", "ETHUSDT"),
    ):
        import_files(lake, preset, [bars / f"{name}.parquet"], venue=venue, symbol=symbol)
    tape = shared_data / "tick/aster-2025-09-24/trades_ETHUSDT.csv.gz"
    import_files(lake, "trades", [tape], venue="aster", symbol="ETHUSDT")
    return lake


def test_duckdb_views_hold_the_printed_values(filled: Lake, shared_data: Path) -> None:
    given = pl.read_parquet(shared_data / "bars/binance_perp/1h/ETHUSDT.parquet")
    with filled.sql() as connection:
        got = connection.sql(
            "SELECT ref_ts, open, high, low, close, volume FROM bars_1h WHERE origin = 'binance' ORDER BY ref_ts"
        ).fetchnumpy()
        shares = dict(connection.sql("SELECT origin, count(*) FROM bars_1h GROUP BY 1").fetchall())
        sides = dict(connection.sql("SELECT aggressor_side, count(*) FROM trade WHERE venue = 'aster' GROUP BY 1").fetchall())
        names = {row[0] for row in connection.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()}
    assert np.array_equal(got["ref_ts"], given["ts"].to_numpy() * 1_000_000)
    for column in ("open", "high", "low", "close", "volume"):
        assert np.array_equal(got[column], given[column].to_numpy().astype(np.float64)), column
    assert shares == {"binance": 54_857, "coinalyze": 1_465}
    assert sum(sides.values()) == 1_362
    assert names == {"bars_1h", "open_interest", "trade"}


def test_polars_reads_the_same(filled: Lake, shared_data: Path) -> None:
    given = pl.read_parquet(shared_data / "bars/bybit_oi/1h/ETHUSDT.parquet")
    frame = filled.scan("bybit", "ETHUSDT", "open_interest").sort("exchange_ts").collect()
    assert frame["open_interest"].to_list() == given["open_interest"].to_list()
    assert frame["receive_ts"].null_count() == len(frame)
    assert set(frame["origin"]) == {"bybit-1h"}
    tape = filled.scan("aster", "ETHUSDT", "trade").collect()
    original = pl.read_csv(shared_data / "tick/aster-2025-09-24/trades_ETHUSDT.csv.gz")
    assert tape["aggressor_side"].to_list() == original["side"].to_list()
    assert tape["price"].to_list() == original["price"].to_list()


def test_the_files_can_be_queried_without_perpscope_if_names_are_united(filled: Lake, shared_data: Path) -> None:
    given = pl.read_parquet(shared_data / "bars/binance_perp/1h/ETHUSDT.parquet")
    pattern = str(filled.path / "binance/bars@1h/ETHUSDT/*/binance-*.parquet").replace("'", "''")
    query = f"SELECT max(high)::DOUBLE, sum(volume::DOUBLE) FROM read_parquet('{pattern}', union_by_name = true)"
    [top] = duckdb.sql(query).fetchall()
    assert top[0] == given["high"].max()
    assert top[1] == pytest.approx(given["volume"].sum(), rel=1e-12)


def test_readers_agree_with_the_lake(filled: Lake) -> None:
    table = filled.read("aster", "ETHUSDT", "trade")
    frame = filled.scan("aster", "ETHUSDT", "trade").collect()
    assert frame["exchange_ts"].to_list() == table["exchange_ts"].tolist()
    assert frame["quantity"].to_list() == table["quantity"].tolist()
