"""Answers: the recorded files read with polars, and the counts, units and alignments of the data catalogue, sections 1.7,
1.8, 4 and 6."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from perpscope.core.errors import UserError
from perpscope.core.events import LiquidationFeed, RatioKind
from perpscope.core.time import DAY, HOUR, NULL_TS, parse_ts
from perpscope.lake import Lake, import_files

MS = 1_000_000


def _import(lake: Lake, preset: str, path: Path, symbol: str = "BTCUSDT", venue: str = "binance", **more):
    return import_files(lake, preset, [path], venue=venue, symbol=symbol, **more)


def _coinalyze(lake: Lake, shared_data: Path, kind: str, symbol: str = "BTCUSDT", frame: str = "1h") -> pl.DataFrame:
    path = shared_data / f"bars/coinalyze/{frame}/{symbol}_{kind}-history.parquet"
    _import(lake, "coinalyze", path, symbol)
    return pl.read_parquet(path)


def test_coinalyze_bars_carry_buy_volume(lake: Lake, shared_data: Path) -> None:
    frame = _coinalyze(lake, shared_data, "ohlcv")
    table = lake.read("binance", "BTCUSDT", "bars@1h")
    assert np.array_equal(table["ref_ts"], frame["ts"].to_numpy() * MS)
    names = {
        "volume": "volume",
        "buy_volume": "buy_volume",
        "trade_count": "trades",
        "open": "open",
        "high": "high",
        "low": "low",
    }
    for ours, theirs in names.items():
        assert np.array_equal(table[ours], frame[theirs].to_numpy().astype(np.float64)), ours
    assert np.allclose(table["sell_volume"], frame["volume"].to_numpy() - frame["buy_volume"].to_numpy(), atol=1e-8)


def test_coinalyze_open_interest_is_known_at_the_end_of_its_interval(lake: Lake, shared_data: Path) -> None:
    frame = _coinalyze(lake, shared_data, "open-interest", "SOLUSDT")
    table = lake.read("binance", "SOLUSDT", "open_interest")
    assert np.array_equal(table["exchange_ts"], frame["ts"].to_numpy() * MS + HOUR)
    assert np.array_equal(table["open_interest"], frame["oi_close"].to_numpy().astype(np.float64))
    # SOL misses the hours 09 and 10 of 2024-07-19
    [hole] = lake.holes("binance", "SOLUSDT", "open_interest")
    assert (hole.start, hole.end) == (parse_ts("2024-07-19T09:00Z") + 1, parse_ts("2024-07-19T12:00Z"))


def test_coinalyze_liquidations_are_censored_totals_and_absent_hours_stay_absent(lake: Lake, shared_data: Path) -> None:
    frame = _coinalyze(lake, shared_data, "liquidation", "ETHUSDT")
    table = lake.read("binance", "ETHUSDT", "liquidation_totals@1h")
    assert np.array_equal(table["known_ts"], frame["ts"].to_numpy() * MS + HOUR)
    assert np.array_equal(table["long_quantity"], frame["liq_long"].to_numpy())
    assert np.array_equal(table["short_quantity"], frame["liq_short"].to_numpy())
    assert set(table["feed"].tolist()) == {int(LiquidationFeed.TOTALS_CENSORED)}
    holes = lake.holes("binance", "ETHUSDT", "liquidation_totals@1h")
    assert sum(h.end - h.start for h in holes) == 32 * HOUR


def test_coinalyze_ratios_are_fractions(lake: Lake, shared_data: Path) -> None:
    frame = _coinalyze(lake, shared_data, "long-short-ratio", "XRPUSDT", "5m")
    table = lake.read("binance", "XRPUSDT", "long_short_ratio@5m")
    assert np.array_equal(table["long_fraction"], frame["long_pct"].to_numpy() / 100)
    assert np.array_equal(table["ref_ts"], frame["ts"].to_numpy() * MS)
    assert set(table["ratio_kind"].tolist()) == {int(RatioKind.ALL_ACCOUNTS)}


def test_forced_orders_are_counted_once(lake: Lake, shared_data: Path) -> None:
    path = shared_data / "liquidations/binance_force_order-2025-01-26/binance.csv.gz"
    report = _import(lake, "force-order", path, "*")
    # 3,510 rows, of which 1,668 are copies and 5 repeat an event with a notional in millions
    assert sum(s.rows for s in report.streams) == 3_510
    assert sum(s.duplicates for s in report.streams) == 1_673
    assert sum(s.added for s in report.streams) == 1_837
    assert len(lake.instruments()) == 221


def test_a_forced_sale_closed_a_long(lake: Lake, shared_data: Path) -> None:
    path = shared_data / "liquidations/binance_force_order-2024-08-17/binance.csv.gz"
    _import(lake, "force-order", path, "BANANAUSDT")
    names = ["s", "side", "t", "f", "q", "order", "average", "st", "l", "acc", "time", "usd"]
    frame = (
        pl.read_csv(path, has_header=False, new_columns=names).filter(pl.col("s") == "BANANA").sort("time", maintain_order=True)
    )
    table = lake.read("binance", "BANANAUSDT", "liquidation")
    assert np.array_equal(table["exchange_ts"], frame["time"].to_numpy() * MS)
    assert np.array_equal(table["position_side"] == 1, (frame["side"] == "SELL").to_numpy())
    assert np.array_equal(table["price"], frame["average"].cast(pl.Float64).to_numpy())
    assert np.array_equal(table["bankruptcy_price"], frame["order"].cast(pl.Float64).to_numpy())
    assert np.array_equal(table["quantity"], frame["acc"].cast(pl.Float64).to_numpy())


def test_a_recorder_that_stood_still_is_a_gap_of_liquidations(lake: Lake, shared_data: Path) -> None:
    for name in ("binance", "binance_bigliqs"):
        _import(lake, "force-order", shared_data / f"liquidations/binance_force_order-2024-08-17/{name}.csv.gz", "ETHUSDT")
    holes = [(h.start, h.end) for h in lake.holes("binance", "ETHUSDT", "liquidation")]
    # silences of all 95 symbols together, found with sort and awk: overnight, and one of 1,059 s
    assert parse_ts("2024-08-17T12:28Z") < holes[0][0] < parse_ts("2024-08-17T12:29Z")
    assert parse_ts("2024-08-18T09:00Z") < holes[0][1] < parse_ts("2024-08-18T09:01Z")
    assert holes[1] == (1723971998347 * MS + 1, 1723973057377 * MS)
    # 33.3 coins of shorts in the recorded part of the hour
    table = lake.read("binance", "ETHUSDT", "liquidation", parse_ts("2024-08-18T09:00Z"))
    assert float(table["quantity"][table["position_side"] == 2].sum()) == pytest.approx(33.3, abs=0.1)


def test_an_empty_log_is_accepted(lake: Lake, shared_data: Path) -> None:
    path = shared_data / "liquidations/binance_force_order-2025-01-26/binance_big_liquidations.csv.gz"
    report = _import(lake, "force-order", path)
    assert report.streams[0].rows == 0
    assert not report.changed
    assert lake.check() == []


def test_daily_files_are_read_by_name(lake: Lake, shared_data: Path) -> None:
    folder = shared_data / "liquidations/coinalyze_daily_66_perps"
    for name in ("liquidations", "open_interest", "long_short", "funding_rate"):
        _import(lake, "coinalyze-daily", folder / f"{name}.csv.gz", "SOLUSDT")
    totals = lake.read("binance", "SOLUSDT", "liquidation_totals@1d")
    frame = pl.read_csv(folder / "liquidations.csv.gz", infer_schema_length=None)
    assert len(totals) == 699
    assert np.array_equal(totals["long_quantity"], frame["SOLUSDT_PERP.A_longliq"].to_numpy()[:-1].astype(np.float64))
    peak = int(np.argmax(totals["long_quantity"]))
    assert totals["ref_ts"][peak] == parse_ts("2022-11-09")
    assert totals["long_quantity"][peak] == pytest.approx(407_000, rel=0.01)
    assert totals["known_ts"][peak] == parse_ts("2022-11-10")
    interest = lake.read("binance", "SOLUSDT", "open_interest")
    assert interest["exchange_ts"][0] == parse_ts("2022-01-03")
    ratio = lake.read("binance", "SOLUSDT", "long_short_ratio@1d")
    given = pl.read_csv(folder / "long_short.csv.gz", infer_schema_length=None)["SOLUSDT_PERP.A_ls_ratio"].to_numpy()[:-1]
    assert np.allclose(ratio["long_fraction"] / ratio["short_fraction"], given)


def test_daily_funding_is_the_settlement_of_16_00(lake: Lake, shared_data: Path) -> None:
    _import(lake, "coinalyze-daily", shared_data / "liquidations/coinalyze_daily_66_perps/funding_rate.csv.gz", "BTCUSDT")
    daily = lake.read("binance", "BTCUSDT", "funding")
    settled = pl.read_parquet(shared_data / "bars/binance_funding/BTCUSDT.parquet")
    known = dict(zip((settled["ts"] * MS).to_list(), settled["funding_rate"].to_list(), strict=True))
    assert set(daily["funding_interval"].tolist()) == {NULL_TS}
    venue = np.array([known[ts] for ts in daily["exchange_ts"].tolist()])
    assert np.mean(np.abs(venue - daily["funding_rate"]) < 1e-8) > 0.99


def test_dollars_become_coins_at_the_last_known_close(lake: Lake, shared_data: Path) -> None:
    _import(lake, "bars-parquet", shared_data / "bars/binance_perp/15m/BTCUSDT.parquet")
    for name in ("liquidation_4h", "oi_4h"):
        _import(lake, "coinglass", shared_data / f"bars/coinglass/coinglass_{name}.parquet")
    dollars = pl.read_parquet(shared_data / "bars/coinglass/coinglass_liquidation_4h.parquet")
    bars = pl.read_parquet(shared_data / "bars/binance_perp/15m/BTCUSDT.parquet")
    close = dict(zip(((bars["ts"] + 900_000) * MS).to_list(), bars["close"].to_list(), strict=True))
    totals = lake.read("binance", "BTCUSDT", "liquidation_totals@4h")
    prices = np.array([close[ts] for ts in totals["known_ts"].tolist()])
    assert len(totals) == 873
    assert np.allclose(totals["long_quantity"] * prices, dollars["long_usd"].to_numpy())
    interest = lake.read("binance", "BTCUSDT", "open_interest")
    given = pl.read_parquet(shared_data / "bars/coinglass/coinglass_oi_4h.parquet")
    assert np.array_equal(interest["open_interest_notional"], given["close"].to_numpy())
    assert np.array_equal(interest["exchange_ts"], given["ts"].to_numpy() * MS + 4 * HOUR)


def test_dollars_without_a_price_are_refused(lake: Lake, shared_data: Path) -> None:
    with pytest.raises(UserError, match="Import bars of binance BTCUSDT first"):
        _import(lake, "coinglass", shared_data / "bars/coinglass/coinglass_oi_4h.parquet")


def test_coinglass_percents_are_fractions(lake: Lake, shared_data: Path) -> None:
    for name in ("funding_4h", "top_ls_1d"):
        _import(lake, "coinglass", shared_data / f"bars/coinglass/coinglass_{name}.parquet")
    given = pl.read_parquet(shared_data / "bars/coinglass/coinglass_funding_4h.parquet")
    funding = lake.read("binance", "BTCUSDT", "funding")
    assert np.array_equal(funding["funding_rate"], given["close"].to_numpy() / 100)
    assert set(funding["funding_interval"].tolist()) == {8 * HOUR}
    ratio = lake.read("binance", "BTCUSDT", "long_short_ratio@1d")
    assert set(ratio["ratio_kind"].tolist()) == {int(RatioKind.TOP_ACCOUNTS)}
    assert np.array_equal(ratio["known_ts"] - ratio["ref_ts"], np.full(len(ratio), DAY))


@pytest.mark.parametrize(
    ("name", "reason"), [("taker_volume_4h", "levels mean nothing"), ("cvd_1d", "no event"), ("basis_1d", "opposite sign")]
)
def test_what_would_mislead_is_refused_with_the_reason(lake: Lake, shared_data: Path, name: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        _import(lake, "coinglass", shared_data / f"bars/coinglass/coinglass_{name}.parquet")


def test_risk_tiers_are_dated_and_contiguous(lake: Lake, shared_data: Path) -> None:
    files = [shared_data / f"risk_tiers/binance_usdm-{date}.json.gz" for date in ("2024-10", "2025-mid")]
    import_files(lake, "risk-tiers", files, venue="binance", symbol="BTCUSDT")
    _import(lake, "bars-parquet", shared_data / "bars/binance_oi/5m/BTCUSDT.parquet")
    early = lake.instrument("binance", "BTCUSDT", parse_ts("2025-01-01")).tier_tables
    both = lake.instrument("binance", "BTCUSDT").tier_tables
    assert (len(early), len(both)) == (1, 2)
    # an early look must not know when its table will be replaced
    assert (early[0].valid_from, early[0].valid_to) == (parse_ts("2024-10-01"), None)
    assert both[0].valid_to == both[1].valid_from == parse_ts("2025-07-01")
    tiers = both[0].tiers if len(both[0].tiers) == 12 else both[1].tiers
    assert [(t.cap, t.maintenance_rate, t.maintenance_amount, t.max_leverage) for t in tiers[:2]] == [
        (50_000, 0.004, 0.0, 125.0),
        (600_000, 0.005, 50.0, 100.0),
    ]
    assert (tiers[-1].cap, tiers[-1].maintenance_rate, tiers[-1].maintenance_amount) == (1_800_000_000, 0.5, 421_481_450)


def test_every_symbol_of_a_tier_file_comes_back(lake: Lake, shared_data: Path) -> None:
    path = shared_data / "risk_tiers/binance_usdm-2024-10.json.gz"
    report = import_files(lake, "risk-tiers", [path], venue="binance", symbol="*")
    given = json.loads(gzip.decompress(path.read_bytes()))
    assert len(report.streams) == len(given) == 349
    assert sum(s.added for s in report.streams) == sum(map(len, given.values()))
    made = lake.instrument("binance", "ETHBTC").tier_tables[0].tiers
    assert [t.maintenance_rate for t in made] == [t["maintenanceMarginRate"] for t in given["ETH/BTC:BTC"]]
    assert lake.instruments() == []
