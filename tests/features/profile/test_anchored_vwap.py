"""Answers: ORDERFLOW OF7 by hand, section 11 (an independent slow program), and numpy's weighted moments."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.made import make_bars, make_trades, recorded_tape, run
from perpscope.core.instrument import Instrument
from perpscope.core.time import DAY, HOUR, MINUTE, parse_ts


def test_three_prints_by_hand() -> None:
    rows = run("anchored_vwap", {"trade": make_trades((0, "B", 100, 1), (1, "S", 102, 1), (2, "B", 101, 2))}, end=MINUTE)
    got = [rows[f"day_{c}"][0] for c in ("vwap", "sigma", "lower_1", "upper_1")]
    assert np.round(got, 6).tolist() == [101.0, 0.707107, 100.292893, 101.707107]
    assert rows["day_upper_2"][0] - 101.0 == pytest.approx(2 * rows["day_sigma"][0])
    assert not rows["estimated"][0]


def test_the_recorded_minutes_give_the_independent_program_s_average(shared_data: Path) -> None:
    tape = recorded_tape(shared_data)
    until = int(tape.clock[-1]) // MINUTE * MINUTE + MINUTE
    rows = run("anchored_vwap", {"trade": tape}, instrument=Instrument("binance", "BTCUSDT", tick_size=0.1), end=until)
    assert rows["week_vwap"][-1] == pytest.approx(61680.98215, abs=5e-6)
    assert rows["week_sigma"][-1] == pytest.approx(59.48102, abs=5e-6)


@given(st.integers(0, 1000), st.sampled_from(["2024-02-27", "2024-12-30", "2023-01-31"]))
def test_from_bars_every_anchor_is_numpy_s_weighted_mean_since_the_calendar_s_start(seed: int, first: str) -> None:
    rng = np.random.default_rng(seed)
    n = 24 * 6
    close = 100 + np.cumsum(rng.normal(0, 1, n))
    high, low = close + rng.random(n), close - rng.random(n)
    volume = rng.integers(0, 9, n).astype(float)
    bars = make_bars(close, volume, np.zeros(n), high=high, low=low, start=parse_ts(first), step=HOUR)
    rows = run("anchored_vwap", {"bars@1h": bars}, frame="1h")
    price = (high + low + close) / 3
    ref = bars["ref_ts"]
    for i in rng.integers(0, n, 8):
        when = datetime.fromtimestamp(int(ref[i]) // 10**9, UTC)
        day = int(ref[i]) // DAY * DAY
        starts = {"day": day, "week": day - when.weekday() * DAY, "month": day - (when.day - 1) * DAY}
        for name, start in starts.items():
            held = (ref >= start) & (np.arange(n) <= i)
            if not volume[held].sum():
                assert np.isnan(rows[f"{name}_vwap"][i])
                continue
            mean = np.average(price[held], weights=volume[held])
            assert rows[f"{name}_vwap"][i] == pytest.approx(mean)
            spread = np.sqrt(np.average((price[held] - mean) ** 2, weights=volume[held]))
            assert rows[f"{name}_sigma"][i] == pytest.approx(spread, abs=1e-6)
            assert rows[f"{name}_complete"][i] == (start >= ref[0])


def test_a_hole_leaves_every_open_anchor_incomplete_until_its_next_start() -> None:
    monday = parse_ts("2024-03-04")
    ref = monday + np.r_[np.arange(5), np.arange(7, 30)] * HOUR
    rows = run(
        "anchored_vwap", {"bars@1h": make_bars(np.full(28, 9.0), np.ones(28), np.zeros(28), ref=ref, step=HOUR)}, frame="1h"
    )
    assert rows["day_complete"].tolist() == [True] * 5 + [False] * 17 + [True] * 6
    assert rows["week_complete"].tolist() == [True] * 5 + [False] * 23
    assert not rows["month_complete"].any()


def test_volume_without_a_trade_to_show_for_it_leaves_the_day_incomplete() -> None:
    bars = make_bars([9.0, 9.0, 9.0], [1, 2, 1], [0, 0, 0])
    rows = run("anchored_vwap", {"bars@1m": bars, "trade": make_trades((5, "B", 9, 1), (2 * MINUTE + 5, "B", 9, 1))})
    assert rows["day_complete"].tolist() == [True, False, False]
