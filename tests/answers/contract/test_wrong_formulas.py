"""Liquidation formulas in circulation that are wrong, one test each: what they say, what is right, and that we differ.

The right figures come from the documented equation by hand; the wrong ones from evaluating the formula each named
project publishes. Distances are fractions of the entry, isolated long, small size (maintenance .4%), unless said.
"""

from __future__ import annotations

import numpy as np
import pytest

from perpscope.contract import Valuation, flat_tier, isolated_liquidation_price, liquidation_price, tiers_for
from perpscope.core.errors import UserError
from perpscope.core.time import parse_ts
from perpscope.core.units import PositionSide

LONG, SHORT = PositionSide.LONG, PositionSide.SHORT
BTC = tiers_for("binance", "BTCUSDT", parse_ts("2025-01-01"))
LEVERAGES = np.array([5.0, 10.0, 25.0, 50.0, 100.0])
RIGHT = {0.004: [-19.68, -9.64, -3.61, -1.61, -0.60], 0.005: [-19.60, -9.55, -3.52, -1.51, -0.50]}


def percent(side, leverage, rate=0.004):
    return np.round(isolated_liquidation_price(side, 1.0, 100.0, leverage, flat_tier(rate)) - 100.0, 2)


@pytest.mark.parametrize("rate", RIGHT)
def test_the_right_distances(rate):
    assert percent(LONG, LEVERAGES, rate).tolist() == RIGHT[rate]


def test_the_right_distances_on_hyperliquid_end_at_its_maximum_leverage():
    tiers = tiers_for("hyperliquid", "BTC", parse_ts("2026-01-01"))
    price = isolated_liquidation_price(LONG, 1.0, 100.0, LEVERAGES[:3], tiers)
    assert (price - 100.0).round(2).tolist() == [-18.99, -8.86, -2.78]
    with pytest.raises(UserError, match="allows leverage up to 40"):
        isolated_liquidation_price(LONG, 1.0, 100.0, 50.0, tiers)


def test_without_maintenance_100x_breaks_forty_basis_points_too_late():
    """py-liquidation-map, liqmap, vgbn2, LiqMap-Pro: E (1 - 1/L)."""
    wrong = -100.0 / LEVERAGES
    assert wrong.tolist() == [-20.0, -10.0, -4.0, -2.0, -1.0]
    error = percent(LONG, LEVERAGES) - wrong
    assert error[-1] == pytest.approx(0.40, abs=0.01)
    assert error[-1] / -RIGHT[0.004][-1] == pytest.approx(0.65, abs=0.02)
    assert (percent(LONG, 100.0, 0.005) + 1.0) / 0.5 == pytest.approx(1.0, abs=0.02)


def test_maintenance_divided_by_leverage_all_but_vanishes():
    """gptprojectmanager: maintenance rate / L."""
    wrong = (-100.0 / LEVERAGES + 100 * 0.004 / LEVERAGES).round(2)
    assert wrong.tolist() == [-19.92, -9.96, -3.98, -1.99, -1.0]
    assert (percent(LONG, LEVERAGES) > wrong).all()


def test_maintenance_on_the_entry_value_is_the_old_bybit_rule_not_todays():
    """taihey5555, Bitbo, jesse: E (1 - 1/L + m), right for Bybit before 2025-09-02 only."""
    wrong = (-100.0 / LEVERAGES + 0.4).round(2)
    assert wrong.tolist() == [-19.6, -9.6, -3.6, -1.6, -0.6]
    assert (percent(LONG, LEVERAGES)[:4] < wrong[:4]).all()
    legacy = isolated_liquidation_price(LONG, 1.0, 100.0, LEVERAGES, flat_tier(0.004), valuation=Valuation.ENTRY)
    assert (legacy - 100.0).round(2).tolist() == wrong.tolist()
    # 5 bp of the entry at 10x and 16 bp at 3x with m = .5%
    for leverage, error in ((10.0, 4.774), (3.0, 16.499)):
        legacy = isolated_liquidation_price(LONG, 1.0, 1e4, leverage, flat_tier(0.005), valuation=Valuation.ENTRY)
        right = isolated_liquidation_price(LONG, 1.0, 1e4, leverage, flat_tier(0.005))
        assert legacy - right == pytest.approx(error, abs=1e-3)


def test_a_maintenance_rate_that_grows_with_leverage_kills_100x_at_birth():
    """mgcha85: the rate belongs to the size of the position, not to its leverage."""
    by_leverage = np.array([0.004, 0.005, 0.01, 0.025])
    wrong = (-100.0 / LEVERAGES[1:] + 100 * by_leverage).round(1)
    assert wrong.tolist() == [-9.6, -3.5, -1.0, 1.5]
    assert percent(LONG, 100.0) == -0.60
    with pytest.raises(UserError, match="liquidated at once"):
        isolated_liquidation_price(LONG, 1.0, 100.0, 100.0, flat_tier(0.025))


def test_adding_maintenance_on_both_sides_misplaces_every_short():
    """aggr-lib's default: +.5% for longs and shorts alike; a 100x short breaks at +.5%, not +1.5%."""
    wrong_long, wrong_short = -1.0 + 0.5, 1.0 + 0.5
    assert percent(LONG, 100.0, 0.005) == wrong_long
    assert percent(SHORT, 100.0, 0.005) == wrong_short - 1.0


def test_the_tier_of_the_collateral_is_too_low():
    """freqtrade issue 10422: 5M at 20x has 250k of collateral, whose tier has half the maintenance rate."""
    right = isolated_liquidation_price(LONG, 50.0, 100_000.0, 20.0, BTC)
    of_collateral = isolated_liquidation_price(LONG, 50.0, 100_000.0, 20.0, flat_tier(0.005, 50.0))
    assert (round(right, 1), round(of_collateral, 1)) == (95_728.3, 95_476.4)


def test_the_tier_of_the_open_interest_is_too_high():
    """gptprojectmanager: billions of open interest land in the 50% tier, where any leverage above 2x is dead at birth."""
    with pytest.raises(UserError, match="liquidated at once"):
        isolated_liquidation_price(LONG, 0.1, 100_000.0, 10.0, flat_tier(BTC.tiers[-1].maintenance_rate))
    assert isolated_liquidation_price(LONG, 0.1, 100_000.0, 10.0, BTC) == pytest.approx(90_361.4458, abs=1e-4)


def test_leveraged_margin_model_divides_maintenance_by_leverage():
    """nautilus' leveraged model: 54,903 where its standard model has 55,131 (a 2 BTC long at 20x, 10,000 USDT)."""
    wallet, quantity, entry, rate = 10_000.0 - 2 * 59_861.9 * 0.0005, 2.0, 59_861.9, 0.004
    wrong = entry - (wallet - quantity * entry * rate / 20) / quantity
    right = liquidation_price(LONG, quantity, entry, wallet, flat_tier(rate), valuation=Valuation.ENTRY)
    assert (int(wrong), int(right)) == (54_903, 55_131)


def test_tiers_without_the_cumulative_amount_jump():
    """lrvx: N m without c asks too much in every tier but the first, and jumps where a tier begins."""
    right = isolated_liquidation_price(LONG, 50.0, 100_000.0, 20.0, BTC)
    without_amount = isolated_liquidation_price(LONG, 50.0, 100_000.0, 20.0, flat_tier(0.01))
    assert without_amount - right == pytest.approx(11_450 / (50 * 0.99), rel=1e-9)


def test_the_entry_tier_is_wrong_when_the_position_shrinks_into_another():
    """The tier at the entry instead of the tier at P*: 620k at 10x breaks 10 dollars earlier than that."""
    right = isolated_liquidation_price(LONG, 6.2, 100_000.0, 10.0, BTC)
    assert right - 90_434.60 == pytest.approx(9.56, abs=0.01)
