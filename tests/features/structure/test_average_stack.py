"""Answers: TA-Lib's EMA and ATR on recorded hourly bars; the words of the trend state by hand on straight lines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import talib

from market.made import make_bars, run
from perpscope.core.events import BARS
from perpscope.core.table import Table
from perpscope.core.time import HOUR
from perpscope.features.structure.average_stack import StackOrder, TrendState


def recorded(shared_data: Path, n: int) -> Table:
    frame = pl.read_parquet(shared_data / "bars" / "binance_perp" / "1h" / "BTCUSDT.parquet")[30_000 : 30_000 + n]
    ref = frame["ts"].to_numpy() * 1_000_000
    prices = {c: frame[c] for c in ("open", "high", "low", "close", "volume")}
    return Table.filled(BARS, ref_ts=ref, known_ts=ref + HOUR, complete=np.ones(n, bool), **prices)


def test_averages_slope_distance_and_compression_are_talib_s(shared_data: Path) -> None:
    bars = recorded(shared_data, 1500)
    rows = run("average_stack", {"bars@1h": bars}, frame="1h")
    high, low, close = bars["high"], bars["low"], bars["close"]
    averages = {n: talib.EMA(close, n) for n in (9, 21, 50, 200)}
    atr = np.r_[np.nan, talib.ATR(high, low, close, 14)[:-1]]
    assert len(rows) == 1500 - 199
    for n, values in averages.items():
        np.testing.assert_allclose(rows[f"ema_{n}"], values[199:], rtol=1e-12)
    slope = (averages[50] - np.r_[np.full(10, np.nan), averages[50][:-10]]) / atr
    np.testing.assert_allclose(rows["slope_50"], slope[199:], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(rows["distance_200"], ((close - averages[200]) / atr)[199:], rtol=1e-8, atol=1e-10)
    four = np.stack(list(averages.values()))
    spread = (four.max(axis=0) - four.min(axis=0)) / atr
    np.testing.assert_allclose(rows["compression"], spread[199:], rtol=1e-8)
    bull = (np.diff(four, axis=0) < 0).all(axis=0)[199:]
    bear = (np.diff(four, axis=0) > 0).all(axis=0)[199:]
    assert (rows["order"] == np.where(bull, 1, np.where(bear, 2, 3))).all()
    assert rows["settled"].tolist() == [k >= 799 for k in range(199, 1500)]


def line(step: float, n: int = 260) -> Table:
    close = 1000.0 + step * np.arange(n)
    rows = run("average_stack", {"bars@1m": make_bars(close, high=close + 1, low=close - 1)})
    return rows[-1:]


def test_a_straight_rise_is_up_and_a_straight_fall_is_down() -> None:
    up, down = line(1.0), line(-1.0)
    assert (up["order"][0], up["trend_state"][0]) == (StackOrder.BULL, TrendState.UP)
    assert (down["order"][0], down["trend_state"][0]) == (StackOrder.BEAR, TrendState.DOWN)
    # on a line an EMA lags by (span - 1) / 2 bars, and the true range is 2
    assert np.isclose(up["distance_200"][0], 99.5 / 2, atol=1.0)
    assert np.isclose(up["slope_50"][0], 10 / 2, atol=1e-6)


def test_averages_within_one_range_are_compressed_whatever_their_order() -> None:
    row = line(0.001)
    assert row["trend_state"][0] == TrendState.COMPRESSED
    assert row["order"][0] == StackOrder.BULL


def test_a_rise_that_has_fallen_below_its_slow_average_is_mixed() -> None:
    close = np.r_[1000.0 + np.arange(260), 1100.0]
    rows = run("average_stack", {"bars@1m": make_bars(close, high=close + 1, low=close - 1)})
    assert rows["trend_state"][-2:].tolist() == [TrendState.UP, TrendState.MIXED]


def test_a_hole_starts_the_averages_again() -> None:
    close = 1000.0 + np.arange(500.0)
    ref = np.r_[np.arange(240), 241 + np.arange(260)] * 60_000_000_000
    rows = run("average_stack", {"bars@1m": make_bars(close, high=close + 1, low=close - 1, ref=ref)})
    assert len(rows) == 41 + 61
    assert rows["ref_ts"][41] == ref[240 + 199]


def test_a_partial_bar_is_taken_as_it_was_seen_and_declared_until_it_left_the_slowest_span() -> None:
    close = 1000.0 + np.arange(450.0)
    whole = np.arange(450) != 220
    rows = run("average_stack", {"bars@1m": make_bars(close, high=close + 1, low=close - 1, complete=whole)})
    same = run("average_stack", {"bars@1m": make_bars(close, high=close + 1, low=close - 1)})
    assert len(rows) == 251
    assert rows["ema_200"].tolist() == same["ema_200"].tolist()
    assert np.flatnonzero(rows["partial"]).tolist() == list(range(220 - 199, 220 - 199 + 200))
    assert not same["partial"].any()
