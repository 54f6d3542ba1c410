"""Answers: STRUCTURE ST17 (RSI by hand) and TA-Lib on recorded bars."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import talib

from perpscope.core.batch import Batch, cut
from perpscope.core.errors import UserError
from perpscope.core.events import BARS
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import HOUR
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect
from perpscope.mtf.frame_state import FrameState


def run(close, high=None, low=None, complete=None, ref=None, watermarks=(), **settings):
    close = np.asarray(close, float)
    n = len(close)
    ref = HOUR * np.arange(n, dtype=np.int64) if ref is None else ref
    whole = np.ones(n, bool) if complete is None else complete
    high, low = close if high is None else high, close if low is None else low
    bars = Table.filled(BARS, ref_ts=ref, known_ts=ref + HOUR, open=close, high=high, low=low, close=close, complete=whole)
    graph = Graph(Instrument("demo", "X"), ["frame_state"], {"bars@1h"}, "1h", {"frame_state": settings})
    return collect(graph, cut(Batch(int(ref[-1]) + HOUR, {"bars@1h": bars}), watermarks))["frame_state@1h"]


def test_wilders_rsi_by_hand():
    rows = run([10, 11, 10.5, 11.5, 12, 11], rsi_bars=3, rate_bars=3, atr_bars=3)
    assert rows["ref_ts"].tolist() == [4 * HOUR, 5 * HOUR]
    assert rows["rsi"] + 50 == pytest.approx([84.615385, 50.0], abs=1e-6)


def test_rsi_and_atr_are_talibs_and_the_rank_a_slow_programs(shared_data):
    frame = pl.read_parquet(shared_data / "bars/binance_perp/1h/BTCUSDT.parquet").tail(1500)
    high, low, close = (frame[c].to_numpy().astype(float) for c in ("high", "low", "close"))
    rows = run(close, high, low, watermarks=[HOUR * k for k in range(50, 1500, 41)])
    at = rows["ref_ts"] // HOUR
    assert len(at) == 1500 - 15
    assert np.allclose(rows["rsi"] + 50, talib.RSI(close, 14)[at], rtol=1e-12)
    atr = talib.ATR(high, low, close, 14)
    assert np.allclose(rows["atr"], atr[at], rtol=1e-12)
    assert np.allclose(rows["rate"], (close[at] - close[at - 10]) / atr[at], rtol=1e-9)
    share = (atr / close)[at]
    for i in (49, 50, 300, 1400):
        past = share[max(0, i - 250) : i]
        expected = ((past < share[i]).mean() + (past <= share[i]).mean()) / 2 if i >= 50 else np.nan
        assert rows["volatility_rank"][i] == pytest.approx(expected, nan_ok=True)
    words = [r["volatility"] for r in rows.rows()]
    assert {"quiet", "usual", "wild", "unknown"} == set(words)


def test_momentum_turns_with_the_market():
    close = 1000 + 30 * np.sin(np.arange(400) / 9) + np.random.default_rng(1).normal(size=400)
    up, down = run(close, close + 2, close - 2), run(2000 - close, 2002 - close, 1998 - close)
    assert np.allclose(up["rsi"], -down["rsi"])
    assert np.allclose(up["rate"], -down["rate"])
    assert (np.array([0, 2, 1, 3])[up["momentum"]] == down["momentum"]).all()
    assert set(up["momentum"].tolist()) == {1, 2, 3}


def test_a_missing_bar_restarts_and_a_partial_one_is_said():
    close = 100 + np.arange(100.0)
    whole = np.arange(100) != 50
    rows = run(close, complete=whole)
    assert len(rows) == 85
    assert np.flatnonzero(rows["partial"]).tolist() == list(range(35, 46))
    ref = HOUR * np.r_[np.arange(50), 51 + np.arange(50)]
    assert len(run(close, ref=ref)) == 35 + 35


def test_a_setting_out_of_range_is_refused():
    with pytest.raises(UserError, match="at least 1"):
        FrameState(FrameState.Params(rsi_bars=0))
