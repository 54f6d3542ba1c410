"""Answers by hand; `decimal` as the peer for rounding."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpscope.core.errors import DataError, UserError, unknown_name
from perpscope.core.instrument import Instrument, RiskTier, TierTable
from perpscope.core.time import parse_ts
from perpscope.core.units import PositionSide, floor_to_step, round_to_step

steps = st.sampled_from(["0.1", "0.01", "0.001", "0.5", "1", "10", "0.00001"])


@given(st.decimals("0", "100000", places=5), steps)
def test_flooring_to_a_lot_agrees_with_exact_decimals(value: Decimal, step: str) -> None:
    exact = (value / Decimal(step)).to_integral_value(ROUND_FLOOR) * Decimal(step)
    assert floor_to_step(float(value), float(step)) == pytest.approx(float(exact), abs=float(step) * 1e-6)


@given(st.integers(0, 10**7), steps)
def test_a_price_on_the_grid_stays_where_it_is(n: int, step: str) -> None:
    value = float(n * Decimal(step))
    assert round_to_step(value, float(step)) == pytest.approx(value, rel=1e-12)


def test_a_step_must_be_positive() -> None:
    for function in (round_to_step, floor_to_step):
        with pytest.raises(ValueError, match="positive"):
            function(1.0, 0.0)


def test_signs_of_positions() -> None:
    assert (PositionSide.LONG.sign, PositionSide.SHORT.sign) == (1, -1)


def test_tiers_that_leave_a_hole_or_jump_are_refused() -> None:
    low = RiskTier(0, 50_000, 0.004, 0, 125)
    TierTable("binance", "BTCUSDT", (low, RiskTier(50_000, 600_000, 0.005, 50, 100)), None, None, "by hand")
    with pytest.raises(DataError, match="hole"):
        TierTable("binance", "BTCUSDT", (low, RiskTier(60_000, 600_000, 0.005, 60, 100)), None, None, "by hand")
    with pytest.raises(DataError, match="jumps at 50000"):
        TierTable("binance", "BTCUSDT", (low, RiskTier(50_000, 600_000, 0.005, 0, 100)), None, None, "by hand")
    with pytest.raises(DataError, match="empty"):
        TierTable("binance", "BTCUSDT", (), None, None, "by hand")


def test_tiers_are_chosen_by_date_and_never_guessed() -> None:
    old = TierTable("v", "X", (RiskTier(0, 1, 0.01, 0, 50),), None, parse_ts("2024-01-01"), "old")
    new = TierTable("v", "X", (RiskTier(0, 1, 0.02, 0, 25),), parse_ts("2024-01-01"), parse_ts("2025-01-01"), "new")
    instrument = Instrument("v", "X", tier_tables=(old, new))
    assert instrument.tiers_at(parse_ts("2023-12-31")).source == "old"
    assert instrument.tiers_at(parse_ts("2024-01-01")).source == "new"
    with pytest.raises(UserError, match="No risk tiers of v X are known for 2025-01-01"):
        instrument.tiers_at(parse_ts("2025-01-01"))


def test_an_unknown_name_comes_with_the_nearest_known_one() -> None:
    assert "Did you mean 'swings'?" in str(unknown_name("feature", "swing", ["swings", "delta"]))
    assert "Did you mean" not in str(unknown_name("feature", "zzz", ["swings"]))
