"""Cross accounts: against Binance's printed general formula and an independent walk along the price."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpscope.contract import (
    Leg,
    cross_liquidation_price,
    flat_tier,
    hedge_liquidation_prices,
    liquidation_price,
    tiers_for,
)
from perpscope.core.errors import UserError
from perpscope.core.time import parse_ts
from perpscope.core.units import ContractKind, PositionSide

LONG, SHORT = PositionSide.LONG, PositionSide.SHORT
BTC = tiers_for("binance", "BTCUSDT", parse_ts("2025-01-01"))


def maintenance(value, table=BTC):
    """Tranche by tranche, independent of amounts and lookups."""
    tops = [tier.cap for tier in table.tiers[:-1]] + [math.inf]
    steps = zip(table.tiers, tops, strict=True)
    return sum(tier.maintenance_rate * np.clip(value - tier.floor, 0.0, top - tier.floor) for tier, top in steps)


def excess(legs, wallet, price, inverse=False):
    total = wallet
    for leg in legs:
        value = leg.quantity / price if inverse else leg.quantity * price
        change = 1 / leg.entry - 1 / price if inverse else price - leg.entry
        total = total + leg.side.sign * leg.quantity * change - maintenance(value)
    return total


def test_hedge_mode_is_the_printed_binance_formula_when_the_tiers_are_given():
    """b3c689c1...: LP = [WB - TMM + UPNL + cL + cS - qL EL + qS ES] / [(qL + qS) m - qL + qS], one flat tier."""
    rate, amount, wallet, others, profit = 0.01, 40.0, 30_000.0, 700.0, -1_500.0
    legs = [Leg(LONG, 3.0, 40_000.0), Leg(SHORT, 1.0, 42_000.0)]
    printed = (wallet - others + profit + 2 * amount - 3 * 40_000 + 1 * 42_000) / (4 * rate - 3 + 1)
    band = hedge_liquidation_prices(legs, wallet, flat_tier(rate, amount), other_maintenance=others, other_pnl=profit)
    assert band.below == pytest.approx(printed, rel=1e-12)
    assert math.isnan(band.above)


def test_a_net_short_hedge_breaks_above():
    legs = [Leg(LONG, 1.0, 40_000.0), Leg(SHORT, 3.0, 42_000.0)]
    band = hedge_liquidation_prices(legs, 30_000.0, flat_tier(0.01))
    printed = (30_000.0 - 40_000.0 + 3 * 42_000.0) / (4 * 0.01 - 1 + 3)
    assert math.isnan(band.below)
    assert band.above == pytest.approx(printed, rel=1e-12)


def test_a_balanced_hedge_breaks_only_where_its_own_maintenance_eats_the_wallet():
    legs = [Leg(LONG, 1.0, 50_000.0), Leg(SHORT, 1.0, 50_000.0)]
    band = hedge_liquidation_prices(legs, 1_000.0, flat_tier(0.004))
    assert math.isnan(band.below)
    assert band.above == pytest.approx(1_000.0 / (2 * 0.004), rel=1e-12)


def test_a_large_nearly_balanced_hedge_breaks_on_both_sides():
    legs = [Leg(LONG, 400.0, 50_000.0), Leg(SHORT, 370.0, 50_000.0)]
    wallet = 1_200_000.0
    band = hedge_liquidation_prices(legs, wallet, BTC)
    assert band.below < 50_000.0 < band.above
    for price in band:
        assert excess(legs, wallet, price) == pytest.approx(0.0, abs=1e-3)


@given(
    st.floats(1.0, 3_000.0),
    st.just(0.0) | st.floats(0.001, 3_000.0),
    st.floats(-9.0, 0.5),
    st.floats(0.9, 1.1),
    st.sampled_from([ContractKind.LINEAR, ContractKind.INVERSE]),
)
def test_the_band_is_where_an_independent_walk_along_the_price_changes_sign(long, short, depth, drift, kind):
    inverse = kind == ContractKind.INVERSE
    entry = 1e-5 if inverse else 50_000.0  # an inverse contract whose notionals fill the same tiers
    scale = 5e4 * entry if inverse else 1.0
    legs = [Leg(LONG, long * scale, entry)] + ([Leg(SHORT, short * scale, entry * drift)] if short else [])
    gross = sum(leg.quantity / leg.entry if inverse else leg.quantity * leg.entry for leg in legs)
    wallet = gross * math.exp(depth)
    band = hedge_liquidation_prices(legs, wallet, BTC, kind=kind)
    grid = np.exp(np.linspace(math.log(entry) - 9, math.log(entry) + 9, 4_001))
    alive = excess(legs, wallet, grid, inverse) > 0
    inside = np.ones_like(alive) if any(map(math.isfinite, band)) else np.full_like(alive, alive[2_000])
    if math.isfinite(band.below):
        inside &= grid > band.below
    if math.isfinite(band.above):
        inside &= grid < band.above
    assert (inside != alive).sum() <= 2  # rounding at a grid point that is the root


@given(st.sampled_from([LONG, SHORT]), st.floats(0.01, 3_000.0), st.floats(0.02, 0.9))
def test_one_leg_is_the_plain_liquidation_price(side, quantity, share):
    wallet = quantity * 50_000.0 * share
    band = hedge_liquidation_prices([Leg(side, quantity, 50_000.0)], wallet, BTC)
    plain = liquidation_price(side, quantity, 50_000.0, wallet, BTC)
    if plain < 50_000.0 if side == LONG else plain > 50_000.0:
        assert (band.below if side == LONG else band.above) == pytest.approx(plain, rel=1e-9)


def test_an_account_dead_at_every_price_has_no_band():
    legs = [Leg(LONG, 1.0, 50_000.0), Leg(SHORT, 1.0, 40_000.0)]
    assert all(math.isnan(price) for price in hedge_liquidation_prices(legs, 9_000.0, flat_tier(0.004)))


def test_other_positions_enter_as_margin():
    plain = liquidation_price(LONG, 1.0, 50_000.0, 4_000.0 - 300.0 + 125.0, BTC)
    cross = cross_liquidation_price(LONG, 1.0, 50_000.0, 4_000.0, BTC, other_maintenance=300.0, other_pnl=125.0)
    assert cross == plain


def test_an_over_collateralised_account_has_no_price():
    assert math.isnan(cross_liquidation_price(LONG, 1.0, 50_000.0, 60_000.0, BTC))


def test_an_account_under_water_breaks_on_the_good_side_of_its_entry():
    assert cross_liquidation_price(LONG, 1.0, 50_000.0, 100.0, BTC, other_pnl=-1_000.0) > 50_000.0


def test_an_account_that_holds_the_full_price_has_no_lower_end():
    band = hedge_liquidation_prices([Leg(LONG, 1.0, 50_000.0)], 50_000.0, BTC)
    assert all(math.isnan(price) for price in band)


def test_a_hedge_without_legs_is_refused():
    with pytest.raises(UserError, match="at least one leg"):
        hedge_liquidation_prices([], 100.0, BTC)
