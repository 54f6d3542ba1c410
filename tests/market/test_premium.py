"""Answers: STRUCTURE ST29 to ST31 by hand."""

from __future__ import annotations

import numpy as np
import pytest

from perpscope.core.time import MINUTE, parse_ts
from perpscope.market.cross_venue import flow_spread, weighted_funding
from perpscope.market.premium import PremiumRule, hold_average, impact_price, premium_index, premium_rule


def test_the_premium_is_zero_inside_the_impact_prices() -> None:
    bids, asks = np.array([60030.0, 59990.0, 59964.0]), np.array([60036.0, 60010.0, 59970.0])
    assert premium_index(bids, asks, 60000.0).tolist() == [0.0005, 0.0, -0.0005]


def test_an_impact_price_is_the_average_fill_and_absent_when_the_book_is_too_thin() -> None:
    prices, quantities = np.array([60000.0, 60010.0]), np.array([0.2, 9.0])
    assert impact_price(prices, quantities, 25_000.0) == pytest.approx(60005.1996, abs=5e-5)
    assert np.isnan(impact_price(prices[:1], quantities[:1], 25_000.0))


def test_rates_of_eight_hours_and_of_four() -> None:
    averages = np.array([2e-4, 8e-4, -6e-4])
    assert np.allclose(PremiumRule().rate(averages, 8.0), [1e-4, 3e-4, -1e-4])
    now, before = premium_rule("binance", parse_ts("2025-12-01")), premium_rule("binance", parse_ts("2025-09-18"))
    assert np.allclose(now.rate(averages, 4.0), [0.5e-4, 1.5e-4, -0.5e-4])
    assert np.allclose(before.rate(averages, 8.0), [1e-4, 3e-4, -1e-4])
    assert np.allclose(premium_rule("okx", parse_ts("2025-12-01")).rate(2e-4, 4.0), 5e-5)
    assert np.allclose(premium_rule("hyperliquid", parse_ts("2025-12-01")).rate(1e-4, 1.0), 1e-4 / 8)
    assert premium_rule("hyperliquid", parse_ts("2025-12-01")).rate(9.0, 1.0) == 0.04


def test_late_samples_rule_under_linear_weights() -> None:
    early, late = np.array([1e-3, 0.0, 0.0]), np.array([0.0, 0.0, 1e-3])
    assert hold_average(early, 4, False) == pytest.approx(2.5e-4)
    assert hold_average(early, 4, True) == pytest.approx(1e-4)
    assert hold_average(late, 4, False) == pytest.approx(5e-4)
    assert hold_average(late, 4, True) == pytest.approx(7e-4)
    assert float(PremiumRule().rate(hold_average(late, 4, False), 8.0)) == pytest.approx(1e-4)
    assert float(PremiumRule().rate(hold_average(late, 4, True), 8.0)) == pytest.approx(2e-4)


def test_funding_weighted_by_open_interest_leaves_stale_venues_out_and_says_which() -> None:
    rates, worth = np.array([1e-4, 1.6e-4, 9.0, np.nan]), np.array([3e9, 1e9, 5e9, 1e9])
    rate, used = weighted_funding(rates, worth, np.array([0, 15 * MINUTE, 16 * MINUTE, 0]))
    assert rate == pytest.approx(1.15e-4)
    assert used.tolist() == [True, True, False, False]
    assert np.isnan(weighted_funding(rates[2:], worth[2:], np.array([16 * MINUTE, 0]))[0])


def test_the_spread_of_flows_is_absent_where_either_is() -> None:
    assert flow_spread(np.array([1.5, np.nan]), np.array([-0.8, 1.0]))[0] == pytest.approx(2.3)
    assert np.isnan(flow_spread(np.array([1.5, np.nan]), np.array([-0.8, 1.0]))[1])
