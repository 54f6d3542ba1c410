"""Formats without a file in the shared data, from small files made by hand after the layouts their publishers print
(sources in the presets' docstrings); every expected value is written out or computed with plain arithmetic."""

from __future__ import annotations

import gzip
import hashlib
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from perpscope.core.errors import DataError, UserError
from perpscope.core.events import RatioKind
from perpscope.core.time import HOUR, MINUTE, NULL_TS, parse_ts
from perpscope.lake import Lake, import_files

MS = 1_000_000
T0 = 1_722_816_000_000  # 2024-08-05 00:00
KLINE_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)


def _import(lake: Lake, preset: str, path: Path, venue: str = "binance", symbol: str = "BTCUSDT", **more):
    return import_files(lake, preset, [path], venue=venue, symbol=symbol, **more)


def _kline(
    open_time: int, close: float = 10.5, volume: str = "3.5", quote: str = "36.0", buys: str = "1.25", last: str = "12.5"
) -> str:
    return f"{open_time},10,11,9.5,{close},{volume},{open_time + 299_999},{quote},7,{buys},{last},0"


@pytest.mark.parametrize("header", [True, False])
def test_vision_klines_with_and_without_header(lake: Lake, csv_file, header: bool) -> None:
    lines = [_kline(T0 + 300_000, 10.75), _kline(T0)]
    path = csv_file("BTCUSDT-5m-2024-08.csv", [KLINE_HEADER, *lines] if header else lines)
    report = _import(lake, "binance-vision", path)
    assert report.streams[0].unsorted
    table = lake.read("binance", "BTCUSDT", "bars@5m")
    assert table["ref_ts"].tolist() == [T0 * MS, T0 * MS + 5 * MINUTE]
    assert table["close"].tolist() == [10.5, 10.75]
    assert table["buy_volume"].tolist() == [1.25, 1.25]
    assert table["sell_volume"].tolist() == [2.25, 2.25]
    assert table["trade_count"].tolist() == [7.0, 7.0]


def test_vision_zips_of_several_days_make_one_month(lake: Lake, tmp_path: Path) -> None:
    paths = []
    for day in (5, 6):
        path = tmp_path / f"BTCUSDT-5m-2024-08-0{day}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            start = T0 + (day - 5) * 86_400_000
            archive.writestr(f"{path.stem}.csv", "\n".join(_kline(start + i * 300_000) for i in range(288)))
        paths.append(path)
    import_files(lake, "binance-vision", paths, venue="binance", symbol="BTCUSDT")
    assert len(lake.read("binance", "BTCUSDT", "bars@5m")) == 576
    assert [f.period for f in lake.catalogue.files] == ["2024-08"]
    assert len(lake.catalogue.sources) == 2


def test_a_published_checksum_is_compared(lake: Lake, tmp_path: Path) -> None:
    folder = tmp_path / "zips"
    folder.mkdir()
    path = folder / "BTCUSDT-5m-2024-08.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("BTCUSDT-5m-2024-08.csv", _kline(T0))
    stated = folder / f"{path.name}.CHECKSUM"
    stated.write_text(f"{'0' * 64}  {path.name}\n")
    with pytest.raises(DataError, match="does not match"):
        _import(lake, "binance-vision", path)
    stated.write_text(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")
    assert _import(lake, "binance-vision", folder).streams[0].added == 1


def test_rows_of_one_instant_keep_the_order_of_their_ids(lake: Lake, csv_file) -> None:
    # months come interleaved, and one millisecond may be split over two files
    first = csv_file("BTCUSDT-aggTrades-2024-08-05.csv", [f"{i},{10 + i},1,{i},{i},{T0},true" for i in (3, 1, 2)])
    second = csv_file("BTCUSDT-aggTrades-2024-08-06.csv", [f"{i},{10 + i},1,{i},{i},{T0},true" for i in (5, 4)])
    for path in (first, second):
        _import(lake, "binance-vision", path)
    assert lake.read("binance", "BTCUSDT", "trade")["trade_id"].tolist() == [1, 2, 3, 4, 5]


def test_spot_stamps_in_microseconds_since_2025(lake: Lake, csv_file) -> None:
    before = csv_file("BTCUSDT-1h-2024-12.csv", [_kline(1_735_686_000_000)])
    after = csv_file("BTCUSDT-1h-2025-01.csv", [_kline(1_735_689_600_000_000)])
    import_files(lake, "binance-vision", [before, after], venue="binance_spot", symbol="BTCUSDT")
    table = lake.read("binance_spot", "BTCUSDT", "bars@1h")
    assert table["ref_ts"].tolist() == [parse_ts("2024-12-31T23:00Z"), parse_ts("2025-01-01T00:00Z")]
    assert lake.holes("binance_spot", "BTCUSDT", "bars@1h") == []


def test_coin_margined_klines_take_the_coins_not_the_contracts(lake: Lake, csv_file) -> None:
    path = csv_file("BTCUSD_PERP-5m-2024-08.csv", [_kline(T0, volume="206", quote="2.13660389", buys="119", last="1.23424865")])
    _import(lake, "binance-vision", path, "binance_coinm", "BTCUSD_PERP")
    table = lake.read("binance_coinm", "BTCUSD_PERP", "bars@5m")
    # the row that the README of the archive prints: 206 and 119 contracts are 2.13660389 and 1.23424865 coins
    assert (table["volume"].tolist(), table["buy_volume"].tolist()) == ([2.13660389], [1.23424865])


def test_mark_klines_are_known_by_folder_or_option_and_never_taken_for_quiet_bars(lake: Lake, csv_file, tmp_path: Path) -> None:
    lines = [_kline(T0 + i * 3_600_000, volume="0", quote="0", buys="0") for i in range(3)]
    path = csv_file("BTCUSDT-1h-2024-08.csv", lines)
    with pytest.raises(UserError, match="add the option kind=mark"):
        _import(lake, "binance-vision", path)
    _import(lake, "binance-vision", path, options={"kind": "mark"})
    assert lake.streams("binance", "BTCUSDT") == ["mark_bars@1h"]
    (tmp_path / "markPriceKlines").mkdir()
    inside = csv_file("markPriceKlines/ETHUSDT-1h-2024-08.csv", lines)
    _import(lake, "binance-vision", inside, symbol="ETHUSDT")
    assert lake.read("binance", "ETHUSDT", "mark_bars@1h")["close"].tolist() == [10.5] * 3


@pytest.mark.parametrize("header", [True, False])
def test_vision_aggregate_trades(lake: Lake, csv_file, header: bool) -> None:
    head = ["agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"]
    rows = [
        f"8,61807.7,0.5,100,101,{T0},true",
        f"9,61807.8,0.25,102,102,{T0 + 7},false",
        f"11,61807.8,1,104,104,{T0 + 9},false",
    ]
    path = csv_file("BTCUSDT-aggTrades-2024-08-05.csv", [*head, *rows] if header else rows)
    _import(lake, "binance-vision", path)
    table = lake.read("binance", "BTCUSDT", "trade")
    assert table["trade_id"].tolist() == [8, 9, 11]
    assert [r["aggressor_side"] for r in table.rows()] == ["sell", "buy", "buy"]
    assert table["quantity"].tolist() == [0.5, 0.25, 1.0]
    [hole] = lake.holes("binance", "BTCUSDT", "trade")
    assert (hole.start, hole.end) == ((T0 + 7) * MS + 1, (T0 + 9) * MS)


def test_vision_spot_trades_have_an_eighth_column_and_contracts_become_coins(lake: Lake, csv_file) -> None:
    spot = csv_file("BTCUSDT-aggTrades-2025-01-05.csv", ["8,100.5,0.5,1,2,1736035200000000,True,True"])
    _import(lake, "binance-vision", spot, "binance_spot")
    assert lake.read("binance_spot", "BTCUSDT", "trade")["exchange_ts"].tolist() == [parse_ts("2025-01-05")]
    coin = csv_file("ETHUSD_PERP-trades-2024-08-05.csv", [f"28457,2500.0,5,0.02,{T0},true"])
    _import(lake, "binance-vision", coin, "binance_coinm", "ETHUSD_PERP")
    # five contracts of 10 USD at 2,500
    assert lake.read("binance_coinm", "ETHUSD_PERP", "trade")["quantity"].tolist() == [0.02]


def test_vision_funding_states_its_interval(lake: Lake, csv_file) -> None:
    rows = ["calc_time,funding_interval_hours,last_funding_rate", f"{T0 + 3},8,0.0001", f"{T0 + 8 * 3_600_000},4,-0.00012345"]
    _import(lake, "binance-vision", csv_file("BTCUSDT-fundingRate-2024-08.csv", rows))
    table = lake.read("binance", "BTCUSDT", "funding")
    assert table["exchange_ts"].tolist() == [(T0 + 3) * MS, T0 * MS + 8 * HOUR]
    assert table["funding_interval"].tolist() == [8 * HOUR, 4 * HOUR]
    assert table["funding_rate"].tolist() == [0.0001, -0.00012345]


_METRICS = (
    "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,"
    "sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio"
)


def test_vision_metrics_are_sorted_and_known_at_the_end_of_their_five_minutes(lake: Lake, csv_file) -> None:
    rows = [
        _METRICS,
        "2026-06-24 00:10:00,BTCUSDT,101,6060,1.5,3,1,0.9",
        "2026-06-24 00:05:00,BTCUSDT,100,6000,1,1,,0.9",
    ]
    report = _import(lake, "binance-vision", csv_file("BTCUSDT-metrics-2026-06-24.csv", rows))
    interest = lake.read("binance", "BTCUSDT", "open_interest")
    assert interest["exchange_ts"].tolist() == [parse_ts("2026-06-24T00:05Z"), parse_ts("2026-06-24T00:10Z")]
    assert interest["open_interest_notional"].tolist() == [6000.0, 6060.0]
    ratio = lake.read("binance", "BTCUSDT", "long_short_ratio@5m")
    assert report.left_out == {"ratios that the file leaves empty": 1}
    rows = zip(ratio["ratio_kind"].tolist(), ratio["known_ts"].tolist(), ratio["long_fraction"].tolist(), strict=True)
    by_kind = {(RatioKind(kind).name, known): fraction for kind, known, fraction in rows}
    late = parse_ts("2026-06-24T00:10Z")
    assert by_kind["TOP_ACCOUNTS", late] == 0.6
    assert by_kind["TOP_POSITIONS", late] == 0.75
    assert by_kind["ALL_ACCOUNTS", late] == 0.5
    assert len(ratio) == 5


def test_the_label_of_metrics_moved_to_the_start_on_2026_06_25(lake: Lake, csv_file) -> None:
    # the file of the 24th ends with the label 00:00 of the 25th in the old meaning, the next begins with it in the new one
    last = ["2026-06-24 23:55:00,BTCUSDT,100,6000,1,1,1,1", "2026-06-25 00:00:00,BTCUSDT,101,6000,1,1,1,1"]
    old = csv_file("BTCUSDT-metrics-2026-06-24.csv", [_METRICS, *last])
    new = csv_file("BTCUSDT-metrics-2026-06-25.csv", [_METRICS, "2026-06-25 00:00:00,BTCUSDT,102,6000,1,1,1,1"])
    report = import_files(lake, "binance-vision", [old, new], venue="binance", symbol="BTCUSDT")
    interest = lake.read("binance", "BTCUSDT", "open_interest")
    assert interest["exchange_ts"].tolist() == [parse_ts(f"2026-06-{t}Z") for t in ("24T23:55", "25T00:00", "25T00:05")]
    assert interest["open_interest"].tolist() == [100.0, 101.0, 102.0]
    assert [n for n in report.notes if "00:00, is the end" in n]
    assert lake.holes("binance", "BTCUSDT", "open_interest") == []


def test_coin_margined_metrics_state_contracts_and_coins_and_always_the_start(lake: Lake, csv_file) -> None:
    # the answer that ccxt prints of the same statistics by REST: 13,069,401 contracts of 100 USD are 15,796.97 BTC
    row = "2024-08-05 00:00:00,BTCUSD_PERP,13069401,15796.96988405,1,1,1,1"
    _import(
        lake, "binance-vision", csv_file("BTCUSD_PERP-metrics-2024-08-05.csv", [_METRICS, row]), "binance_coinm", "BTCUSD_PERP"
    )
    interest = lake.read("binance_coinm", "BTCUSD_PERP", "open_interest")
    assert interest["exchange_ts"].tolist() == [parse_ts("2024-08-05T00:05Z")]
    assert (interest["open_interest"].tolist(), interest["open_interest_notional"].tolist()) == (
        [15796.96988405],
        [1306940100.0],
    )


def _feather(path: Path, **columns: object) -> Path:
    pl.DataFrame(columns).write_ipc(path, compression="lz4")
    return path


def test_freqtrade_candles_mark_and_funding(lake: Lake, tmp_path: Path) -> None:
    dates = [datetime(2024, 8, 5, h, tzinfo=UTC) for h in (0, 8, 16)]
    ohlcv = {"open": [10.0, 10.5, 11.0], "high": [11.0] * 3, "low": [9.5] * 3, "close": [10.5, 11.0, 10.0]}
    _import(
        lake, "freqtrade", _feather(tmp_path / "BTC_USDT_USDT-8h-futures.feather", date=dates, **ohlcv, volume=[1.0, 2.5, 3.0])
    )
    _import(lake, "freqtrade", _feather(tmp_path / "BTC_USDT_USDT-8h-mark.feather", date=dates, **ohlcv, volume=[0.0] * 3))
    zero = {name: [0.0] * 3 for name in ("high", "low", "close", "volume")}
    rates = {"open": [0.0001, -0.0002, 0.0], **zero}
    _import(lake, "freqtrade", _feather(tmp_path / "BTC_USDT_USDT-1h-funding_rate.feather", date=dates, **rates))
    assert lake.streams("binance", "BTCUSDT") == ["bars@8h", "funding", "mark_bars@8h"]
    bars = lake.read("binance", "BTCUSDT", "bars@8h")
    assert bars["volume"].tolist() == [1.0, 2.5, 3.0]
    assert np.isnan(bars["buy_volume"]).all()
    assert lake.read("binance", "BTCUSDT", "mark_bars@8h")["close"].tolist() == [10.5, 11.0, 10.0]
    funding = lake.read("binance", "BTCUSDT", "funding")
    assert funding["funding_rate"].tolist() == [0.0001, -0.0002, 0.0]
    assert funding["funding_interval"].tolist() == [NULL_TS, 8 * HOUR, 8 * HOUR]


def test_freqtrade_trades_and_the_premium_index(lake: Lake, tmp_path: Path) -> None:
    tape = {"timestamp": [T0, T0 + 5], "id": ["77", "79"], "type": [None, None], "side": ["buy", "sell"]}
    path = _feather(tmp_path / "BTC_USDT_USDT-trades.feather", **tape, price=[10.5, 10.4], amount=[1.0, 2.0], cost=[10.5, 20.8])
    _import(lake, "freqtrade", path)
    table = lake.read("binance", "BTCUSDT", "trade")
    assert (table["trade_id"].tolist(), table["aggressor_side"].tolist()) == ([77, 79], [1, 2])
    assert lake.holes("binance", "BTCUSDT", "trade") == []
    other = _feather(tmp_path / "BTC_USDT_USDT-1h-premiumIndex.feather", date=[datetime(2024, 8, 5, tzinfo=UTC)])
    with pytest.raises(UserError, match="premiumIndex, which is no stream"):
        _import(lake, "freqtrade", other)


def _gz(tmp_path: Path, name: str, lines: list[str]) -> Path:
    path = tmp_path / name
    path.write_bytes(gzip.compress("\n".join(lines).encode() + b"\n"))
    return path


US = T0 * 1_000


def test_tardis_trades(lake: Lake, tmp_path: Path) -> None:
    lines = [
        "exchange,symbol,timestamp,local_timestamp,id,side,price,amount",
        f"binance-futures,BTCUSDT,{US},{US + 1500},901,buy,61807.7,0.5",
        f"binance-futures,BTCUSDT,{US + 10},{US + 1600},902,unknown,61807.7,0.5",
        f"binance-futures,BTCUSDT,{US + 20},{US + 1700},903,sell,61807.6,0.25",
    ]
    report = _import(lake, "tardis", _gz(tmp_path, "binance-futures_trades_2024-08-05_BTCUSDT.csv.gz", lines))
    assert report.left_out == {"trades of unknown side": 1}
    table = lake.read("binance", "BTCUSDT", "trade")
    assert table["exchange_ts"].tolist() == [US * 1_000, (US + 20) * 1_000]
    assert table["receive_ts"].tolist() == [(US + 1500) * 1_000, (US + 1700) * 1_000]
    assert (table["trade_id"].tolist(), table["aggressor_side"].tolist()) == ([901, 903], [1, 2])


def test_tardis_book_begins_anew_at_each_snapshot(lake: Lake, tmp_path: Path) -> None:
    lines = ["exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount"]
    for n, (snapshot, side, price) in enumerate(
        [
            ("true", "bid", 9),
            ("true", "ask", 11),
            ("false", "bid", 9),
            ("false", "ask", 11),
            ("true", "bid", 8),
            ("true", "ask", 12),
        ]
    ):
        lines.append(f"binance-futures,BTCUSDT,{US + n},{US + n},{snapshot},{side},{price},{n}")
    _import(lake, "tardis", _gz(tmp_path, "binance-futures_incremental_book_L2_2024-08-05_BTCUSDT.csv.gz", lines))
    rows = lake.read("binance", "BTCUSDT", "book_delta")
    assert rows["snapshot"].tolist() == [True, False, False, False, True, False]
    assert [r["side"] for r in rows.rows()] == ["bid", "ask"] * 3
    assert rows["quantity"].tolist() == [0, 1, 2, 3, 4, 5]


def test_tardis_liquidations_of_an_inverse_contract(lake: Lake, tmp_path: Path) -> None:
    lines = [
        "exchange,symbol,timestamp,local_timestamp,id,side,price,amount",
        f"binance-delivery,BTCUSD_PERP,{US},{US},,sell,50000,10",
        f"binance-delivery,BTCUSD_PERP,{US + 9},{US + 9},,buy,50000,1",
    ]
    path = _gz(tmp_path, "binance-delivery_liquidations_2024-08-05_BTCUSD_PERP.csv.gz", lines)
    _import(lake, "tardis", path, "binance_coinm", "BTCUSD_PERP")
    table = lake.read("binance_coinm", "BTCUSD_PERP", "liquidation")
    # a selling order closed a long; ten contracts of 100 USD at 50,000 are 0.02 coins
    assert [r["position_side"] for r in table.rows()] == ["long", "short"]
    assert table["quantity"].tolist() == [0.02, 0.002]


def test_tardis_ticker_gives_changes_and_settlements_that_have_passed(lake: Lake, tmp_path: Path) -> None:
    head = (
        "exchange,symbol,timestamp,local_timestamp,funding_timestamp,funding_rate,predicted_funding_rate,"
        "open_interest,last_price,index_price,mark_price"
    )
    due, later = US + 8_000_000, US + 8 * 3_600_000_000
    rows = [
        (US, due, "0.0001", 100, 10.0),
        (US + 1_000_000, due, "0.0002", 100, 10.0),
        (US + 7_000_000, due, "0.0003", 101, 10.5),
        (US + 9_000_000, later, "0.0009", 101, 10.5),
    ]
    lines = [head, *(f"b,BTCUSDT,{ts},{ts},{f},{rate},,{oi},10,9.9,{mark}" for ts, f, rate, oi, mark in rows)]
    _import(lake, "tardis", _gz(tmp_path, "b_derivative_ticker_2024-08-05_BTCUSDT.csv.gz", lines))
    mark = lake.read("binance", "BTCUSDT", "mark_price")
    assert mark["exchange_ts"].tolist() == [US * 1_000, (US + 7_000_000) * 1_000]
    assert mark["index_price"].tolist() == [9.9, 9.9]
    assert lake.read("binance", "BTCUSDT", "open_interest")["open_interest"].tolist() == [100.0, 101.0]
    funding = lake.read("binance", "BTCUSDT", "funding")
    assert (funding["exchange_ts"].tolist(), funding["funding_rate"].tolist()) == ([due * 1_000], [0.0003])


def test_a_csv_with_a_map_of_columns(lake: Lake, csv_file) -> None:
    path = csv_file("x.csv", ["when,px,amt,who", f"{T0},10.5,2,Buy", f"{T0 + 1},10.4,1,SELL"])
    names = {"exchange_ts": "when", "price": "px", "quantity": "amt", "aggressor_side": "who"}
    _import(lake, "csv", path, column_map=names, options={"origin": "mine"})
    table = lake.read("binance", "BTCUSDT", "trade")
    assert (table["price"].tolist(), table["aggressor_side"].tolist()) == ([10.5, 10.4], [1, 2])
    assert lake.catalogue.files[0].origin == "mine"


@pytest.mark.parametrize(
    ("header", "row", "stream", "column", "value"),
    [
        ("ref_ts,open,high,low,close,volume,buy_volume", "10,12,9,11,5,2", "bars@1h", "sell_volume", 3.0),
        ("exchange_ts,funding_rate,funding_interval", "0.0001,8", "funding", "funding_interval", 8 * HOUR),
        ("exchange_ts,open_interest", "77.5", "open_interest", "open_interest", 77.5),
        ("exchange_ts,mark_price,index_price", "10.5,10.4", "mark_price", "index_price", 10.4),
        ("exchange_ts,position_side,price,quantity", "long,10.5,2", "liquidation", "position_side", 1),
        ("exchange_ts,price,quantity,is_buyer_maker,trade_id", "10.5,2,true,5", "trade", "aggressor_side", 2),
    ],
)
def test_a_csv_tells_its_stream_by_its_columns(
    lake: Lake, csv_file, header: str, row: str, stream: str, column: str, value: float
) -> None:
    _import(lake, "csv", csv_file("x.csv", [header, f"{T0},{row}"]), frame="1h")
    assert lake.streams("binance", "BTCUSDT") == [stream]
    assert lake.read("binance", "BTCUSDT", stream)[column].tolist() == [value]


def test_text_times_of_a_csv_need_a_zone(lake: Lake, csv_file) -> None:
    path = csv_file("x.csv", ["exchange_ts,open_interest", "2024-08-05 07:00:00,77.5"])
    with pytest.raises(UserError, match="Add the option zone"):
        _import(lake, "csv", path)
    with pytest.raises(UserError, match="no time zone 'Bangkok'"):
        _import(lake, "csv", path, options={"zone": "Bangkok"})
    _import(lake, "csv", path, options={"zone": "Asia/Bangkok"})
    assert lake.read("binance", "BTCUSDT", "open_interest")["exchange_ts"].tolist() == [T0 * MS]
    zoned = csv_file("y.csv", ["exchange_ts,open_interest", "2024-08-05T01:00:00+01:00,78.5"])
    _import(lake, "csv", zoned, symbol="ETHUSDT")
    assert lake.read("binance", "ETHUSDT", "open_interest")["exchange_ts"].tolist() == [T0 * MS]
