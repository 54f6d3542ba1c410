"""Answers by hand; recorded snapshots against polars' own point-in-time join and rolling statistics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from market.made import make_bars, run
from perpscope.core.events import OPEN_INTEREST
from perpscope.core.table import Table
from perpscope.core.time import HOUR, MINUTE, NULL_TS


def snapshots(*seen: tuple[int, float]) -> Table:
    return Table.filled(OPEN_INTEREST, exchange_ts=[t for t, _ in seen], open_interest=[v for _, v in seen])


def over(bars: Table, seen: Table, **settings) -> Table:
    return run("open_interest_delta", {"bars@1m": bars, "open_interest": seen}, settings={"open_interest_delta": settings})


def test_a_snapshot_stamped_with_the_close_belongs_to_that_close() -> None:
    rows = over(make_bars([9.0] * 3), snapshots((0, 100), (MINUTE, 104), (2 * MINUTE + 1, 103)))
    assert rows["open_interest"].tolist() == [104, 104, 103]
    assert np.array_equal(rows["delta"], [np.nan, np.nan, -1], equal_nan=True)
    assert rows["snapshot_ts"].tolist() == [MINUTE, MINUTE, 2 * MINUTE + 1]


def test_a_bar_without_a_snapshot_has_no_delta_and_the_next_one_covers_both() -> None:
    rows = over(make_bars([9.0] * 4), snapshots((30, 100), (2 * MINUTE + 30, 110), (3 * MINUTE + 30, 99)))
    assert np.array_equal(rows["delta"], [np.nan, np.nan, 10, -11], equal_nan=True)
    assert np.array_equal(rows["delta_fraction"], [np.nan, np.nan, 0.1, -0.1], equal_nan=True)


def test_an_old_snapshot_is_stale_not_current() -> None:
    rows = over(make_bars([9.0] * 5), snapshots((30, 100)), max_age="2m")
    assert np.array_equal(rows["open_interest"], [100, 100, np.nan, np.nan, np.nan], equal_nan=True)
    before = over(make_bars([9.0] * 2), snapshots((MINUTE + 30, 100)))
    assert before["snapshot_ts"].tolist() == [NULL_TS, MINUTE + 30]
    assert np.isnan(before["open_interest"][0])


def test_a_jump_without_trades_is_quarantined_once() -> None:
    bars = make_bars([9.0] * 4, [1, 1, 0, 1], [1, 1, 0, 1])
    rows = over(bars, snapshots((1, 100), (MINUTE + 1, 101), (2 * MINUTE + 1, 150), (3 * MINUTE + 1, 151)))
    assert rows["quarantined"].tolist() == [False, False, True, False]
    assert np.array_equal(rows["delta"], [np.nan, 1, np.nan, 1], equal_nan=True)


def test_a_hole_in_the_bars_forgets_what_was_held() -> None:
    bars = make_bars([9.0] * 3, ref=[0, 5 * MINUTE, 6 * MINUTE])
    rows = over(bars, snapshots((10, 100), (6 * MINUTE + 1, 130)))
    assert np.array_equal(rows["open_interest"], [100, np.nan, 130], equal_nan=True)
    assert np.isnan(rows["delta"]).all()


def test_recorded_five_minute_snapshots_join_and_score_as_polars_does(shared_data: Path) -> None:
    folder = shared_data / "bars"
    raw = pl.read_parquet(folder / "binance_oi" / "5m" / "SOLUSDT.parquet")
    price = pl.read_parquet(folder / "binance_perp" / "5m" / "SOLUSDT.parquet").filter(pl.col("ts") >= raw["ts"][0] - 300_000)
    hourly = price.with_columns(hour=pl.col("ts") // 3_600_000 * 3_600_000).group_by("hour", maintain_order=True)
    hourly = hourly.agg(pl.col("close").last(), pl.col("volume").sum(), pl.len()).filter(pl.col("len") == 12)
    ref = hourly["hour"].to_numpy() * 1_000_000
    bars = make_bars(hourly["close"].to_numpy(), hourly["volume"].to_numpy(), np.zeros(len(ref)), ref=ref, step=HOUR)
    seen = Table.filled(OPEN_INTEREST, exchange_ts=raw["ts"].to_numpy() * 1_000_000, open_interest=raw["oi"])
    rows = run("open_interest_delta", {"bars@1h": bars, "open_interest": seen}, frame="1h")
    closes = pl.DataFrame({"ts": ref // 1_000_000 + 3_600_000})
    held = closes.join_asof(raw.sort("ts"), on="ts")["oi"]
    np.testing.assert_array_equal(rows["open_interest"], held.to_numpy())
    delta = held.diff().to_numpy()
    np.testing.assert_array_equal(rows["delta"], delta)
    past = pl.Series(delta).fill_nan(None).shift(1)
    mean = past.rolling_mean(168, min_samples=30).to_numpy()
    spread = past.rolling_std(168, min_samples=30, ddof=0).to_numpy()
    np.testing.assert_allclose(rows["z"], (delta - mean) / spread, rtol=1e-6, atol=1e-9)
    assert np.isfinite(rows["z"]).mean() > 0.95
