"""Answers: by hand on round numbers, and a plain loop over days and trips as the slow independent program."""

from __future__ import annotations

import numpy as np
import pytest

from backtest.made import bars_of, trips_of
from perpscope.backtest.yardsticks import Market, hold, hold_steady_risk, random_entries
from perpscope.core.events import FUNDING
from perpscope.core.orders import ROUND_TRIPS, PositionLeg
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR


def test_a_hold_pays_its_entry_its_funding_and_its_rebalancing() -> None:
    # day 1: +10 %, funding 1 %; exposure 2 -> gross 2 * (0.10 - 0.01) = 0.18; entry turnover 2 at 0.1 % = 0.002
    # drifted exposure 2 * 1.10 / 1.18 = 1.8644; back to 2 costs 0.1356 * 0.001; day 2: no move
    market = Market(np.arange(3) * DAY, np.array([100.0, 110.0, 110.0]), np.array([0.0, 0.01, 0.01]), DAY)
    assert hold(market, 2.0, 0.001) == pytest.approx([0.18 - 0.002, -0.001 * (2.0 - 2.2 / 1.18)])


def test_funding_is_summed_between_the_opens_it_falls_between() -> None:
    bars = bars_of(np.array([100.0, 101.0, 102.0]), HOUR)
    paid = Table.of(
        FUNDING,
        exchange_ts=[0, HOUR, HOUR + 1],
        receive_ts=[0, HOUR, HOUR + 1],
        funding_rate=[9.0, 0.01, 0.02],
        funding_interval=[HOUR] * 3,
    )
    market = Market.of(bars, paid, "1h")
    assert market.opens.tolist() == [100.0, 100.0, 101.0, 102.0]
    assert market.paid == pytest.approx([0.0, 0.01, 0.03, 0.03])  # what was due at the first open is not the holder's


def test_steady_risk_holds_less_when_the_market_is_wild_and_nothing_before_it_knows() -> None:
    rng = np.random.default_rng(1)
    moves = np.concatenate([0.01 * rng.standard_normal(60), 0.05 * rng.standard_normal(60)])
    prices = 100.0 * np.exp(np.cumsum(moves))
    market = Market(np.arange(120) * DAY, prices, np.zeros(120), DAY)
    returns = hold_steady_risk(market, 0.5, 0.0)
    implied = returns / (prices[1:] / prices[:-1] - 1.0)
    assert (returns[:28] == 0.0).all()
    assert np.nanmean(implied) == pytest.approx(0.5 * (119 - 0) / 119, rel=1e-9)
    assert np.median(implied[30:58]) > 2.0 * np.median(implied[92:])


def test_the_strategys_own_number_is_that_of_a_plain_loop() -> None:
    rng = np.random.default_rng(2)
    bars = bars_of(100.0 * np.exp(np.cumsum(0.01 * rng.standard_normal(500))), HOUR)
    market = Market.of(bars, None, "1h")
    entries = np.sort(rng.integers(0, 480, 40)) * HOUR
    legs = rng.choice([PositionLeg.LONG, PositionLeg.SHORT], 40)
    trips = trips_of(entries, entries + rng.integers(1, 15, 40) * HOUR, legs)
    found = random_entries(market, trips, 0.0006, 200, np.random.default_rng(3))
    total = 0.0
    for k in range(40):
        begun, ended = (market.opens[list(market.open_ts).index(int(trips[name][k]))] for name in ("entry_ts", "ref_ts"))
        sign = 1 if legs[k] == PositionLeg.LONG else -1
        total += sign * (ended / begun - 1.0) - 0.0012
    assert found.mean_bps == pytest.approx(1e4 * total / 40)
    assert 0.0 < found.p_value <= 1.0
    assert found.percentile(0.05) < found.percentile(0.95)


def test_timing_that_knows_the_future_beats_every_draw_and_no_timing_beats_half() -> None:
    rng = np.random.default_rng(4)
    bars = bars_of(100.0 * np.exp(np.cumsum(0.01 * rng.standard_normal(2000))), HOUR)
    market = Market.of(bars, None, "1h")
    step = np.diff(market.opens)
    knowing = np.flatnonzero(step > 0)[:300]
    best = trips_of(market.open_ts[knowing], market.open_ts[knowing + 1], np.full(300, PositionLeg.LONG))
    assert random_entries(market, best, 0.0, 199, np.random.default_rng(5)).p_value == pytest.approx(1 / 200)
    p_values = []
    for seed in range(60):
        blind = np.sort(np.random.default_rng(100 + seed).integers(0, 1999, 50))
        trips = trips_of(market.open_ts[blind], market.open_ts[blind + 1], np.full(50, PositionLeg.LONG))
        p_values.append(random_entries(market, trips, 0.0, 99, np.random.default_rng(seed)).p_value)
    assert 0.35 < np.mean(p_values) < 0.65


def test_without_trips_there_is_nothing_to_compare() -> None:
    market = Market.of(bars_of(np.array([1.0, 2.0, 3.0]), HOUR), None, "1h")
    assert np.isnan(random_entries(market, ROUND_TRIPS.empty(), 0.0, 9, np.random.default_rng(0)).p_value)
