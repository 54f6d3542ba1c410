"""The calibrated market against recorded BTC. The bands are measured here, on recorded bars, by the same functions.

Recorded: Binance BTCUSDT five-minute bars in three-week windows (2023-01 .. 2026-01), its open interest (2025-12 ..
2026-01), liquidation totals of BTC, ETH and SOL (Coinalyze, 2024-06 .. 08). A synthetic figure must lie inside the range
the windows span; the open interest, of which there are two months only, within a quarter of the recorded figure.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from perpscope.synthetic import Config, SyntheticMarket, simulate
from perpscope.synthetic.realism import (
    bars_of,
    interest_statistics,
    liquidation_statistics,
    mark_statistics,
    price_statistics,
    realism,
)

_WINDOW = 21 * 288
Figures = dict[str, float]


@pytest.fixture(scope="module")
def calibrated() -> SyntheticMarket:
    return simulate(Config(seed=7, days=21.0))


@pytest.fixture(scope="module")
def found(calibrated: SyntheticMarket) -> Figures:
    return realism(calibrated)


@pytest.fixture(scope="module")
def recorded_prices(shared_data: Path) -> list[Figures]:
    bars = pl.read_parquet(shared_data / "bars/binance_perp/5m/BTCUSDT.parquet")
    ts = bars["ts"].to_numpy()
    high, low, close, volume = (bars[name].to_numpy() for name in ("high", "low", "close", "volume"))
    out = []
    for first in range(0, len(ts) - _WINDOW, _WINDOW):
        part = slice(first, first + _WINDOW)
        whole = ts[part][-1] - ts[part][0] == (_WINDOW - 1) * 300_000
        if whole and volume[part].min() > 0.0:
            out.append(price_statistics(high[part], low[part], close[part], volume[part]))
    return out


@pytest.mark.parametrize(
    "name",
    [
        "volatility_annual",
        "daily_range_median",
        "daily_range_p90",
        "tail_5m",
        "tail_1h",
        "clustering_1h",
        "clustering_1d",
        "return_autocorrelation",
        "volume_range_correlation",
    ],
)
def test_price_behaves_like_one_of_the_recorded_three_week_windows(
    name: str, found: Figures, recorded_prices: list[Figures]
) -> None:
    seen = [window[name] for window in recorded_prices]
    assert len(seen) > 30
    assert min(seen) <= found[name] <= max(seen)


def test_open_interest_moves_against_volume_as_recorded(found: Figures, shared_data: Path) -> None:
    bars = pl.read_parquet(shared_data / "bars/binance_perp/5m/BTCUSDT.parquet")
    interest = pl.read_parquet(shared_data / "bars/binance_oi/5m/BTCUSDT.parquet")
    both = bars.join(interest.with_columns(pl.col("ts") // 300_000 * 300_000), on="ts").sort("ts")
    recorded = interest_statistics(both["volume"].to_numpy(), both["oi"].to_numpy())
    for name in ("change_to_volume_median", "change_to_volume_p90"):
        assert found[name] == pytest.approx(recorded[name], rel=0.25)
    assert recorded["turnover_median"] * 0.8 <= found["turnover_median"] <= 0.0065
    assert found["change_to_volume_max"] <= 1.0


def test_liquidations_are_as_large_and_as_bunched_as_recorded(found: Figures, shared_data: Path) -> None:
    totals, bunched = [], []
    for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT"):
        folder = shared_data / "bars/coinalyze/1h"
        forced = pl.read_parquet(folder / f"{symbol}_liquidation-history.parquet")
        interest = pl.read_parquet(folder / f"{symbol}_open-interest-history.parquet")["oi_close"].to_numpy().mean()
        hourly = (forced["liq_long"] + forced["liq_short"]).to_numpy().astype(float)
        totals.append(liquidation_statistics(hourly, interest)["liquidated_per_day"])
        windows = [hourly[first : first + 504] for first in range(0, len(hourly) - 503, 504)]
        bunched += [liquidation_statistics(window, interest)["liquidation_top_hours"] for window in windows]
    assert 0.9 * min(totals) <= found["liquidated_per_day"] <= max(totals)
    assert min(bunched) <= found["liquidation_top_hours"] <= max(bunched)


def test_the_extremes_of_mark_and_trades_differ_in_crashes_and_hardly_otherwise(found: Figures, shared_data: Path) -> None:
    def table(path: str) -> pl.DataFrame:
        return pl.read_parquet(shared_data / path).filter(pl.col("ts") >= 1_672_531_200_000).sort("ts")

    last, mark = table("bars/binance_perp/1h/BTCUSDT.parquet"), table("bars/binance_mark/1h/BTCUSDT.parquet")
    both = last.join(mark, on="ts", suffix="_mark")
    gap = np.log(both["low_mark"].to_numpy() / both["low"].to_numpy()) * 1e4
    assert np.quantile(gap, 0.99) / 4.0 < found["mark_gap_p99_bps"] < np.quantile(gap, 0.99) * 4.0
    assert found["mark_gap_worst_bps"] < 2.0 * gap.max()
    assert abs(found["mark_gap_median_bps"]) < np.quantile(gap, 0.9)


def test_both_kinds_of_traders_open_on_both_sides(found: Figures) -> None:
    assert 0.3 < found["aggressor_share_long"] < 0.7
    assert 0.3 < found["aggressor_share_short"] < 0.7


def test_set_leverage_is_well_above_effective_leverage(calibrated: SyntheticMarket) -> None:
    rows = calibrated.truth.levels_at(calibrated.truth.end_ts)
    above = {}
    for name in ("leverage", "effective_leverage"):
        above[name] = rows["quantity"][rows[name] >= 15.0].sum() / rows["quantity"].sum()
    assert above["effective_leverage"] < 0.7 * above["leverage"]


def test_the_bars_conserve_the_volume_of_the_trades(calibrated: SyntheticMarket) -> None:
    bars, trades = bars_of(calibrated, "1h"), calibrated.tables["trade"]
    assert bars["volume"].sum() == pytest.approx(trades["quantity"].sum())
    assert len(bars) == 21 * 24
    assert mark_statistics(bars, calibrated.tables["mark_bars@1m"])["mark_gap_worst_bps"] > 0.0
