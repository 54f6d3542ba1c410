"""The recursive filters against TA-Lib and talipp, two independent programs, on seeded random walks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st
from talipp.indicators import ATR, EMA

from perpscope.numeric.rolling import advance_mean, ema, ema_state, true_range, wilder


def walk(seed: int, n: int = 600) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    close = 100.0 + np.cumsum(rng.normal(0, 1, n)) * 0.3
    high = close + rng.exponential(0.5, n)
    low = close - rng.exponential(0.5, n)
    return high, low, close


@pytest.mark.parametrize("span", [2, 9, 50, 200])
def test_ema_is_talib_s_and_talipp_s(span: int) -> None:
    close = walk(1)[2]
    ours = ema(close, span, ema_state())
    np.testing.assert_allclose(ours, talib.EMA(close, span), rtol=1e-12, equal_nan=True)
    theirs = np.array([np.nan if v is None else v for v in EMA(span, close.tolist())])
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, equal_nan=True)


def test_atr_of_the_spec_and_of_two_peers() -> None:
    # STRUCTURE section 1, by hand
    high = np.array([10.0, 12, 11, 13, 14, 13])
    low = np.array([9.0, 10, 10, 11, 12, 9])
    close = np.array([9.5, 11, 10.5, 12.5, 13, 11.5])
    ranges = true_range(high, low, close, np.array([np.nan]))
    assert ranges[1:].tolist() == [2.5, 1.0, 2.5, 2.0, 4.0]
    assert wilder(ranges[1:], 3, ema_state())[2:].round(6).tolist() == [2.0, 2.0, 2.666667]
    high, low, close = walk(2)
    ranges = true_range(high, low, close, np.array([np.nan]))
    ours = wilder(ranges[1:], 14, ema_state())
    np.testing.assert_allclose(ours, talib.ATR(high, low, close, 14)[1:], rtol=1e-12, equal_nan=True)
    assert talib.TRANGE(high, low, close)[1:].tolist() == ranges[1:].tolist()
    # talipp counts high - low of the first bar as a true range, so its seed differs and only the tail agrees
    from talipp.ohlcv import OHLCV

    bars = [OHLCV(c, h, lo, c, 0.0) for h, lo, c in zip(high, low, close, strict=True)]
    tail = np.array([v for v in ATR(14, bars) if v is not None])[-100:]
    np.testing.assert_allclose(ours[-100:], tail, rtol=1e-6)


@given(seed=st.integers(0, 50), cuts=st.lists(st.integers(0, 120), max_size=5))
def test_a_filter_fed_in_pieces_is_bit_equal(seed: int, cuts: list[int]) -> None:
    high, low, close = walk(seed, 120)
    whole = ema(close, 9, ema_state())
    state, before = ema_state(), np.array([np.nan])
    edges = [0, *sorted(cuts), 120]
    pieces = [ema(close[a:b], 9, state) for a, b in itertools.pairwise(edges)]
    assert np.array_equal(whole, np.concatenate(pieces), equal_nan=True)
    ranges = [true_range(high[a:b], low[a:b], close[a:b], before) for a, b in itertools.pairwise(edges)]
    assert np.array_equal(true_range(high, low, close, np.array([np.nan])), np.concatenate(ranges), equal_nan=True)


def test_one_step_at_a_time_is_the_array_form() -> None:
    close = walk(3, 40)[2]
    state = ema_state()
    assert np.array_equal(ema(close, 9, ema_state()), [advance_mean(x, 9, 2.0 / 10.0, state) for x in close], equal_nan=True)
