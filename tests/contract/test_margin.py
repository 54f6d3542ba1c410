"""Margins and tiers: the venue's own brackets read by hand, and the tranche-by-tranche sum as independent maintenance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpscope.contract import (
    check_leverage,
    flat_tier,
    initial_margin,
    isolated_liquidation_price,
    maintenance_amount_at,
    maintenance_margin,
    maintenance_rate_at,
    margin_ratio,
    max_leverage_at,
    tier_arrays,
    tiers_for,
)
from perpscope.core.errors import DataError, UserError
from perpscope.core.instrument import RiskTier, TierTable
from perpscope.core.time import parse_ts
from perpscope.core.units import ContractKind, PositionSide

NOW = parse_ts("2026-01-01")
BTC = tiers_for("binance", "BTCUSDT", NOW)
ALL = [BTC, tiers_for("binance", "SOLUSDT", NOW), tiers_for("bybit", "BTCUSDT", NOW), tiers_for("hyperliquid", "ETH", NOW)]


@given(st.sampled_from(ALL), st.floats(1.0, 5e9))
def test_maintenance_is_each_part_of_the_notional_at_its_own_rate(table, value):
    due = 0.0
    for k, tier in enumerate(table.tiers):
        top = np.inf if k == len(table.tiers) - 1 else tier.cap
        due += tier.maintenance_rate * max(0.0, min(value, top) - tier.floor)
    assert maintenance_margin(value, 1.0, table) == pytest.approx(due, rel=1e-9)


def test_a_cap_belongs_to_the_tier_below():
    value = np.array([49_999.0, 50_000.0, 50_000.01, 600_000.0, 600_001.0])
    assert maintenance_rate_at(value, BTC).tolist() == [0.004, 0.004, 0.005, 0.005, 0.0065]
    assert maintenance_amount_at(value, BTC).tolist() == [0.0, 0.0, 50.0, 50.0, 950.0]
    assert max_leverage_at(value, BTC).tolist() == [125.0, 125.0, 100.0, 100.0, 75.0]


def test_no_leverage_is_allowed_beyond_the_table_and_maintenance_goes_on():
    assert np.isnan(max_leverage_at(1.8e9 + 1, BTC))
    assert maintenance_margin(2e9, 1.0, BTC) == pytest.approx(0.5 * 2e9 - 421_481_450.0)


def test_an_unknown_maximum_is_absent_and_not_enforced():
    bybit = tiers_for("bybit", "BTCUSDT", NOW)
    assert np.isnan(max_leverage_at(3.5e6, bybit))
    check_leverage(60.0, 3.5e6, bybit)


def test_initial_margin_is_notional_over_leverage():
    assert initial_margin(0.5, 60_000.0, np.array([1.0, 10.0])).tolist() == [30_000.0, 3_000.0]
    assert initial_margin(60_000.0, 50_000.0, 10.0, kind=ContractKind.INVERSE) == pytest.approx(0.12)


def test_the_margin_ratio_is_one_at_liquidation_and_infinite_beyond_bankruptcy():
    price = isolated_liquidation_price(PositionSide.LONG, 0.1, 1e5, 10.0, BTC)
    left = 1_000.0 + 0.1 * (price - 1e5)
    assert margin_ratio(left, maintenance_margin(0.1, price, BTC)) == pytest.approx(1.0, rel=1e-9)
    found = margin_ratio(np.array([100.0, 0.0, -5.0, np.nan, -5.0]), np.array([50.0, 50.0, 0.0, 50.0, np.nan]))
    assert found.tolist()[:3] == [0.5, np.inf, np.inf]
    assert np.isnan(found[3:]).all()


@pytest.mark.parametrize(
    ("leverage", "value", "sentence"),
    [
        (126.0, 10_000.0, "allows leverage up to 125: choose less leverage; got 126."),
        (101.0, 50_001.0, "allows leverage up to 100"),
        (1.0, 1.9e9, "ends at a notional of 1,800,000,000: choose a smaller position; got 1900000000."),
        (0.0, 10_000.0, "Leverage must be a number above zero"),
        (10.0, -1.0, "Notional must be a number above zero"),
        (np.array([50.0, 130.0, 140.0]), 1_000.0, "2 of 3 values break this, the first is 130."),
    ],
)
def test_a_position_the_venue_would_not_open_is_refused(leverage, value, sentence):
    with pytest.raises(UserError) as refusal:
        check_leverage(leverage, value, BTC)
    assert sentence in str(refusal.value)


def test_a_position_liquidated_at_birth_is_refused():
    with pytest.raises(UserError, match="liquidated at once: choose less leverage; got 200"):
        check_leverage(200.0, 1_000.0, flat_tier(0.005))


@pytest.mark.parametrize(
    ("tiers", "sentence"),
    [
        ((RiskTier(10.0, 50.0, 0.01, 0.0, 10.0),), "do not begin at zero"),
        ((RiskTier(0.0, 0.0, 0.01, 0.0, 10.0),), "ends before it begins"),
        ((RiskTier(0.0, 50.0, 1.01, 0.0, 10.0),), "do not rise inside"),
        ((RiskTier(0.0, 50.0, 0.02, 0.0, 10.0), RiskTier(50.0, 90.0, 0.01, -0.5, 5.0)), "do not rise inside"),
        ((RiskTier(0.0, 50.0, float("nan"), 0.0, 10.0),), "do not rise inside"),
        ((RiskTier(0.0, 50.0, 0.01, float("nan"), 10.0),), "is not a number"),
    ],
)
def test_a_broken_table_is_refused_with_its_evidence(tiers, sentence):
    with pytest.raises(DataError, match=sentence) as refusal:
        tier_arrays(TierTable("binance", "XUSDT", tiers, None, None, "made for this test"))
    assert "XUSDT" in str(refusal.value)
    assert refusal.value.payload is not None


@pytest.mark.parametrize(("rate", "amount"), [(1.0, 0.0), (-0.1, 0.0), (0.4, -1.0)])
def test_a_flat_tier_must_be_possible(rate, amount):
    with pytest.raises(UserError, match="must be"):
        flat_tier(rate, amount)
