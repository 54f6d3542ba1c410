"""Answers: the recorded files themselves, read with polars; the holes and counts of the data catalogue; the identities
between the venue's own intervals that its section 1.1 lists as exact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import HOUR, MINUTE, NULL_TS, parse_ts
from perpscope.lake import Lake, import_files
from perpscope.market.bars import BarsFromBars


def _file(shared_data: Path, name: str) -> tuple[Path, pl.DataFrame]:
    path = shared_data / "bars" / f"{name}.parquet"
    return path, pl.read_parquet(path)


def _ns(frame: pl.DataFrame) -> np.ndarray:
    return frame["ts"].to_numpy().astype(np.int64) * 1_000_000


@pytest.mark.parametrize(
    ("name", "venue", "symbol", "stream", "step"),
    [
        ("binance_perp/15m/ETHUSDT", "binance", "ETHUSDT", "bars@15m", 15 * MINUTE),
        ("binance_perp/5m/1000PEPEUSDT", "binance", "1000PEPEUSDT", "bars@5m", 5 * MINUTE),
        ("bybit_perp/5m/SOLUSDT", "bybit", "SOLUSDT", "bars@5m", 5 * MINUTE),
        ("panel_1h/RENDERUSDT", "binance", "RENDERUSDT", "bars@1h", HOUR),
        ("binance_mark/1h/XRPUSDT", "binance", "XRPUSDT", "mark_bars@1h", HOUR),
        ("bybit_mark/1h/BTCUSDT", "bybit", "BTCUSDT", "mark_bars@1h", HOUR),
    ],
)
def test_bars_come_back_equal(
    lake: Lake, shared_data: Path, name: str, venue: str, symbol: str, stream: str, step: int
) -> None:
    path, frame = _file(shared_data, name)
    report = import_files(lake, "bars-parquet", [path], venue=venue, symbol=symbol)
    table = lake.read(venue, symbol, stream)
    assert report.streams[0].added == len(table) == len(frame)
    assert np.array_equal(table["ref_ts"], _ns(frame))
    assert np.array_equal(table["known_ts"], _ns(frame) + step)
    for column in frame.columns[1:]:
        assert np.array_equal(table[column], frame[column].to_numpy().astype(np.float64)), column
    assert lake.holes(venue, symbol, stream) == []


@pytest.mark.parametrize("name", ["binance_perp/1m_taker/NEARUSDT-2023", "binance_spot/5m_taker/BTCUSDT"])
def test_taker_volume_splits_the_volume(lake: Lake, shared_data: Path, name: str) -> None:
    path, frame = _file(shared_data, name)
    import_files(lake, "bars-parquet", [path], venue="binance_x", symbol="X")
    table = lake.read("binance_x", "X", lake.streams("binance_x", "X")[0])
    assert np.array_equal(table["buy_volume"], frame["taker_buy_volume"].to_numpy().astype(np.float64))
    assert np.array_equal(table["trade_count"], frame["trades"].to_numpy().astype(np.float64))
    assert np.allclose(table["buy_volume"] + table["sell_volume"], table["volume"], rtol=1e-12)
    assert np.isnan(table["min_delta"]).all()


def test_the_missing_months_of_near_are_the_holes_of_the_catalogue(lake: Lake, shared_data: Path) -> None:
    path, _ = _file(shared_data, "binance_perp/1m_taker/NEARUSDT-2023")
    import_files(lake, "bars-parquet", [path], venue="binance", symbol="NEARUSDT")
    holes = [(h.start, h.end) for h in lake.holes("binance", "NEARUSDT", "bars@1m")]
    assert holes == [
        (parse_ts("2023-03-01"), parse_ts("2023-04-01")),
        (parse_ts("2023-06-01"), parse_ts("2023-08-01")),
    ]


def test_a_hole_is_not_known_before_it_has_ended(lake: Lake, shared_data: Path) -> None:
    path, _ = _file(shared_data, "binance_perp/1m_taker/NEARUSDT-2023")
    import_files(lake, "bars-parquet", [path], venue="binance", symbol="NEARUSDT")
    before = lake.holes("binance", "NEARUSDT", "bars@1m", parse_ts("2023-04-01T00:00Z"))
    after = lake.holes("binance", "NEARUSDT", "bars@1m", parse_ts("2023-04-01T00:01Z"))
    assert (len(before), len(after)) == (0, 1)


def test_funding_keeps_its_jitter_and_infers_the_interval(lake: Lake, shared_data: Path) -> None:
    path, frame = _file(shared_data, "binance_funding/SOLUSDT")
    import_files(lake, "bars-parquet", [path], venue="binance", symbol="SOLUSDT")
    table = lake.read("binance", "SOLUSDT", "funding")
    assert np.array_equal(table["exchange_ts"], _ns(frame))
    assert np.array_equal(table["funding_rate"], frame["funding_rate"].to_numpy())
    hours = table["funding_interval"][1:] // HOUR
    assert table["funding_interval"][0] == NULL_TS
    # the counts of section 1.4: 5,944 gaps of 8 h, 3 of 4 h, 98 of 2 h
    assert [int((hours == h).sum()) for h in (8, 4, 2)] == [5944, 3, 98]


def test_open_interest_is_a_snapshot_known_at_its_stamp(lake: Lake, shared_data: Path) -> None:
    path, frame = _file(shared_data, "binance_oi/5m/BTCUSDT")
    import_files(lake, "bars-parquet", [path], venue="binance", symbol="BTCUSDT")
    table = lake.read("binance", "BTCUSDT", "open_interest")
    assert np.array_equal(table["exchange_ts"], _ns(frame))
    assert np.array_equal(table["open_interest"], frame["oi"].to_numpy())
    assert np.array_equal(table["open_interest_notional"], frame["oi_usd"].to_numpy())
    # six stamps are one or two seconds late, and stay so
    assert int((table["exchange_ts"] % (5 * MINUTE) != 0).sum()) == 6
    assert lake.source("binance", "BTCUSDT").gaps["ref_ts"].tolist() == []


def test_bybit_open_interest_comes_back_equal(lake: Lake, shared_data: Path) -> None:
    path, frame = _file(shared_data, "bybit_oi/1h/SOLUSDT")
    import_files(lake, "bars-parquet", [path], venue="bybit", symbol="SOLUSDT")
    table = lake.read("bybit", "SOLUSDT", "open_interest")
    assert np.array_equal(table["open_interest"], frame["open_interest"].to_numpy())
    assert np.isnan(table["open_interest_notional"]).all()


@pytest.mark.parametrize(("symbol", "exceptions"), [("BTCUSDT", 0), ("ETHUSDT", 0)])
def test_1m_bars_of_2025_make_the_15m_bars_of_the_venue(lake: Lake, shared_data: Path, symbol: str, exceptions: int) -> None:
    minutes, _ = _file(shared_data, f"binance_perp/1m/{symbol}-2025")
    quarters, _ = _file(shared_data, f"binance_perp/15m/{symbol}")
    for path in (minutes, quarters):
        import_files(lake, "bars-parquet", [path], venue="binance", symbol=symbol)
    made, given = _resampled(lake, symbol, "1m", "15m")
    assert len(made) == 4875
    assert _differing(made, given) == exceptions


def test_1m_bars_of_sol_2025_make_the_5m_bars_of_the_venue(lake: Lake, shared_data: Path) -> None:
    for name in ("1m/SOLUSDT-2025", "5m/SOLUSDT"):
        path, _ = _file(shared_data, f"binance_perp/{name}")
        import_files(lake, "bars-parquet", [path], venue="binance", symbol="SOLUSDT")
    made, given = _resampled(lake, "SOLUSDT", "1m", "5m")
    assert len(made) > 14_000
    assert _differing(made, given) == 0


def _resampled(lake: Lake, symbol: str, child: str, frame: str) -> tuple[Table, Table]:
    source = lake.source("binance", symbol, [f"bars@{child}"], step=7 * 24 * HOUR)
    fold = BarsFromBars(child=child, frame=frame)
    state = fold.start(Instrument("binance", symbol))
    rows = [fold.fold(state, Batch(b.watermark_ts, dict(b.tables))) for b in source]
    made = Table.concat(rows)
    made = made[made["complete"]]
    given = lake.read("binance", symbol, f"bars@{frame}")
    return made, given[np.isin(given["ref_ts"], made["ref_ts"])]


def _differing(made: Table, given: Table) -> int:
    assert np.array_equal(made["ref_ts"], given["ref_ts"])
    wrong = np.zeros(len(made), np.bool_)
    for column in ("open", "high", "low", "close"):
        wrong |= made[column] != given[column]
    return int((wrong | ~np.isclose(made["volume"], given["volume"], rtol=1e-9, atol=1e-9)).sum())
