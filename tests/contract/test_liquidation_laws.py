"""Laws of the liquidation price, held against an independent bisection.

The oracle below knows no cumulative amounts, no tier lookup and no closed form: maintenance is summed tranche by
tranche as the venues define it, and the price is found by halving an interval on equity minus maintenance.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpscope.contract import (
    RULES,
    TierArrays,
    Valuation,
    bankruptcy_price,
    flat_tier,
    isolated_bankruptcy_price,
    isolated_liquidation_price,
    leverage_from_bankruptcy_price,
    leverage_from_liquidation_price,
    liquidation_price,
    liquidation_price_from_bankruptcy,
    maintenance_amount_at,
    maintenance_rate_at,
    max_leverage_at,
    notional,
    tier_arrays,
    tiers_for,
    tiers_from_rates,
)
from perpscope.core.instrument import TierTable
from perpscope.core.time import parse_ts
from perpscope.core.units import ContractKind, PositionSide

LONG, SHORT = PositionSide.LONG, PositionSide.SHORT
LINEAR, INVERSE = ContractKind.LINEAR, ContractKind.INVERSE
NOW = parse_ts("2026-01-01")
COIN = TierTable(
    "binance",
    "BTCUSD_PERP",
    tiers_from_rates([(5, 0.004, 125), (10, 0.005, 100), (20, 0.01, 50), (50, 0.025, 20), (100, 0.05, 10), (1e4, 0.1, 5)]),
    None,
    None,
    "made for this test",
)
TABLES = {
    "binance linear": (LINEAR, tiers_for("binance", "BTCUSDT", NOW)),
    "bybit linear": (LINEAR, tiers_for("bybit", "BTCUSDT", NOW)),
    "hyperliquid": (LINEAR, tiers_for("hyperliquid", "BTC", NOW)),
    "binance inverse": (INVERSE, COIN),
}


def tranche_maintenance(value, table):
    """Each part of the notional at the rate of its own tier."""
    total = np.zeros_like(value)
    for tier in table.tiers:
        top = np.inf if tier is table.tiers[-1] else tier.cap
        total += tier.maintenance_rate * np.clip(value - tier.floor, 0.0, top - tier.floor)
    return total


def excess(kind, sign, quantity, entry, margin, price, table):
    if kind == LINEAR:
        return margin + sign * quantity * (price - entry) - tranche_maintenance(quantity * price, table)
    return margin + sign * quantity * (1 / entry - 1 / price) - tranche_maintenance(quantity / price, table)


def bisect(kind, sign, quantity, entry, margin, table):
    """Halve [1e-9 E, 1e9 E] in log price; NaN where the excess has one sign throughout."""
    low, high = np.log(entry) - 20.7, np.log(entry) + 20.7

    def alive(at):
        return excess(kind, sign, quantity, entry, margin, np.exp(at), table) > 0

    alive_low = alive(low)
    crossing = alive_low != alive(high)
    for _ in range(90):
        middle = (low + high) / 2
        same = alive(middle) == alive_low
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return np.where(crossing, np.exp((low + high) / 2), np.nan)


@pytest.mark.parametrize("name", TABLES)
def test_the_price_is_where_equity_meets_maintenance_in_thirty_thousand_random_positions(name):
    kind, table = TABLES[name]
    rng, count = np.random.default_rng(7), 30_000
    top = min(table.tiers[-1].cap, 1e9)
    entry = np.exp(rng.uniform(np.log(100.0), np.log(2e5), count))
    value = np.exp(rng.uniform(np.log(top) - 14.0, np.log(top), count))
    allowed = np.nan_to_num(max_leverage_at(value, table), nan=20.0)
    leverage = np.where(rng.random(count) < 0.05, 1.0, 1.0 + (allowed - 1.0) * rng.random(count))
    side = rng.integers(1, 3, count)
    quantity = value / entry if kind == LINEAR else value * entry
    found = isolated_liquidation_price(side, quantity, entry, leverage, table, kind=kind)
    sure = bisect(kind, 3.0 - 2.0 * side, quantity, entry, value / leverage, table)
    none = np.isnan(sure)
    assert 0.01 < none.mean() < 0.1  # 1x linear longs and 1x inverse shorts
    assert (np.isnan(found) == none).all()
    assert found[~none] == pytest.approx(sure[~none], rel=2e-9)


@given(
    st.sampled_from(sorted(TABLES)),
    st.sampled_from([LONG, SHORT]),
    st.floats(0.001, 0.9),
    st.floats(1.0, 200_000.0),
    st.floats(0.01, 1.0),
)
def test_added_margin_moves_the_price_away_from_the_entry(name, side, depth, entry, more):
    kind, table = TABLES[name]
    value = min(table.tiers[-1].cap, 1e9) * depth
    quantity = value / entry if kind == LINEAR else value * entry
    thin, thick = (liquidation_price(side, quantity, entry, value * w, table, kind=kind) for w in (0.6, 0.6 + more))
    assert np.isnan(thick) or (thick < thin if side == LONG else thick > thin)


@given(
    st.sampled_from([LONG, SHORT]),
    st.sampled_from([LINEAR, INVERSE]),
    st.sampled_from(list(Valuation)),
    st.floats(1.001, 80.0),
    st.floats(1.001, 1.5),
    st.floats(0.001, 0.008),
)
def test_more_leverage_breaks_nearer_to_the_entry(side, kind, valuation, leverage, factor, rate):
    prices = isolated_liquidation_price(
        side, 1.0, 100.0, np.array([leverage, leverage * factor]), flat_tier(rate), kind=kind, valuation=valuation
    )
    distance = np.abs(np.log(prices / 100.0))
    assert np.isnan(distance).any() or distance[1] < distance[0]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.venue} {rule.kind.name} {rule.valuation.name}")
@given(
    st.sampled_from([LONG, SHORT]),
    st.floats(1e-5, 2e5),
    st.floats(2.0, 40.0),
    st.floats(0.0, 0.012),
    st.floats(0.0, 0.002),
)
def test_price_to_leverage_to_price_returns_under_every_rule(rule, side, entry, leverage, rate, amount):
    amount = 0.0 if rule.whole_position else amount
    fee = 0.0005 if rule.adds_taker_fee else 0.0
    start = notional(3.0, entry, kind=rule.kind)
    tier = flat_tier(rate, amount * start)
    price = rule.isolated_liquidation_price(side, 3.0, entry, leverage, tier, taker_fee=0.0005)
    back = leverage_from_liquidation_price(
        *(side, entry, price, rate + fee), amount_fraction=amount, kind=rule.kind, valuation=rule.valuation
    )
    assert back == pytest.approx(leverage, rel=1e-9)
    again = rule.isolated_liquidation_price(side, 3.0, entry, back, tier, taker_fee=0.0005)
    assert again == pytest.approx(price, rel=1e-9)


@given(st.sampled_from(sorted(TABLES)), st.sampled_from([LONG, SHORT]), st.floats(-14.0, 0.0), st.floats(0.0, 1.0))
def test_price_to_leverage_returns_in_every_tier(name, side, depth, share):
    kind, table = TABLES[name]
    value = min(table.tiers[-1].cap, 1e9) * np.exp(depth)
    allowed = float(np.nan_to_num(max_leverage_at(value, table), nan=20.0))
    leverage, entry = 1.0 + (allowed - 1.0) * share, 50_000.0
    quantity = value / entry if kind == LINEAR else value * entry
    price = isolated_liquidation_price(side, quantity, entry, leverage, table, kind=kind)
    if np.isnan(price) or abs(np.log(price / entry)) > 15:
        return
    broken = notional(quantity, price, kind=kind)
    rate, amount = maintenance_rate_at(broken, table), maintenance_amount_at(broken, table)
    back = leverage_from_liquidation_price(side, entry, price, rate, amount_fraction=amount / value, kind=kind)
    assert back == pytest.approx(leverage, rel=1e-7)


@given(
    st.sampled_from([LONG, SHORT]),
    st.sampled_from(list(Valuation)),
    st.floats(1e-4, 1e5),
    st.floats(1.01, 100.0),
    st.floats(0.0, 0.009),
)
def test_an_inverse_position_is_the_linear_one_of_the_other_side_in_a_mirror(side, valuation, entry, leverage, rate):
    other = LONG if side == SHORT else SHORT
    tier = flat_tier(rate)
    inverse = isolated_liquidation_price(side, 7.0, entry, leverage, tier, kind=INVERSE, valuation=valuation)
    linear = isolated_liquidation_price(other, 7.0, 1 / entry, leverage, tier, valuation=valuation)
    assert inverse * linear == pytest.approx(1.0, rel=1e-12)
    inverse = isolated_bankruptcy_price(side, entry, leverage, kind=INVERSE)
    assert inverse * isolated_bankruptcy_price(other, 1 / entry, leverage) == pytest.approx(1.0, rel=1e-12)


@given(st.sampled_from([LONG, SHORT]), st.sampled_from([LINEAR, INVERSE]), st.floats(1.5, 90.0), st.floats(0.0, 0.01))
def test_in_the_first_tier_liquidation_is_bankruptcy_moved_by_the_maintenance_rate(side, kind, leverage, rate):
    broke = isolated_bankruptcy_price(side, 100.0, leverage, kind=kind)
    price = isolated_liquidation_price(side, 1.0, 100.0, leverage, flat_tier(rate), kind=kind)
    factor = 1 / (1 - side.sign * rate) if kind == LINEAR else 1 + side.sign * rate
    assert price == pytest.approx(broke * factor, rel=1e-12)
    assert liquidation_price_from_bankruptcy(side, broke, rate, kind=kind) == pytest.approx(price, rel=1e-12)


@given(st.sampled_from([LONG, SHORT]), st.sampled_from([LINEAR, INVERSE]), st.floats(0.0, 0.5))
def test_a_printed_bankruptcy_price_leads_back_in_a_higher_tier_too(side, kind, amount):
    quantity, entry = (50.0, 1e5) if kind == LINEAR else (5e6, 1e5)
    start = notional(quantity, entry, kind=kind)
    tier = flat_tier(0.01, 0.01 * amount * start)
    price = liquidation_price(side, quantity, entry, start / 10, tier, kind=kind)
    broke = bankruptcy_price(side, quantity, entry, start / 10, kind=kind)
    part = 0.01 * amount * start / notional(quantity, broke, kind=kind)
    back = liquidation_price_from_bankruptcy(side, broke, 0.01, amount_fraction=part, kind=kind)
    assert back == pytest.approx(price, rel=1e-12)


@given(st.sampled_from([LONG, SHORT]), st.sampled_from([LINEAR, INVERSE]), st.floats(1.01, 1000.0), st.floats(0.1, 1e5))
def test_bankruptcy_price_to_leverage_returns(side, kind, leverage, entry):
    price = isolated_bankruptcy_price(side, entry, leverage, kind=kind)
    assert leverage_from_bankruptcy_price(side, entry, price, kind=kind) == pytest.approx(leverage, rel=1e-9)


@given(st.floats(0.01, 100.0), st.floats(1.01, 100.0), st.sampled_from([LONG, SHORT]))
def test_price_and_quantity_units_do_not_matter(scale, leverage, side):
    table = TABLES["binance linear"][1]
    base = isolated_liquidation_price(side, 0.3, 1e5, leverage, table)
    scaled = isolated_liquidation_price(side, 0.3 / scale, 1e5 * scale, leverage, table)
    assert np.isnan(base) or scaled == pytest.approx(base * scale, rel=1e-12)


def test_the_price_is_found_at_every_tier_border_to_the_last_bit():
    """Rounding at a border must not make every tier look inconsistent."""
    table = TABLES["binance linear"][1]
    caps = np.array([tier.cap for tier in table.tiers[:-1]])
    value = np.concatenate([np.nextafter(caps, 0), caps, np.nextafter(caps, np.inf)])
    for side in (LONG, SHORT):
        for entry in (97.31, 100_000.0):
            margin = value * 0.3
            prices = liquidation_price(side, value / entry, entry, margin, table)
            assert np.isfinite(prices).all()
    # a margin chosen so that the liquidation notional itself is the border
    tiers = tier_arrays(table)
    entry, start = 50_000.0, caps * 1.1
    margin = (start - caps) + caps * tiers.rate[:-1] - tiers.amount[:-1]
    assert liquidation_price(LONG, start / entry, entry, margin, table) * start / entry == pytest.approx(caps, rel=1e-12)


@pytest.mark.parametrize(
    ("kind", "side"), [(LINEAR, LONG), (INVERSE, SHORT)], ids=["a linear long at 1x", "an inverse short at 1x"]
)
def test_what_cannot_be_liquidated_has_no_price(kind, side):
    assert np.isnan(isolated_liquidation_price(side, 1.0, 100.0, 1.0, flat_tier(0.004), kind=kind))
    assert np.isnan(isolated_liquidation_price(side, 1.0, 100.0, 1.0, flat_tier(0.004, 1e-5), kind=kind))
    assert np.isnan(liquidation_price(side, 1.0, 100.0, 1e6, flat_tier(0.004), kind=kind))
    assert np.isnan(isolated_bankruptcy_price(side, 100.0, 1.0, kind=kind))
    other = LONG if side == SHORT else SHORT
    assert np.isfinite(isolated_liquidation_price(other, 1.0, 100.0, 1.0, flat_tier(0.004), kind=kind))


def test_a_price_beyond_the_entry_on_the_good_side_is_explained_by_no_leverage():
    assert np.isnan(leverage_from_liquidation_price(LONG, 100.0, 101.0, 0.004))
    assert np.isnan(leverage_from_liquidation_price(SHORT, 100.0, 99.0, 0.004))
    assert np.isnan(leverage_from_bankruptcy_price(SHORT, 100.0, 100.0))


def test_absent_inputs_give_absent_prices():
    found = liquidation_price(LONG, np.array([1.0, np.nan]), 100.0, 20.0, flat_tier(0.004))
    assert np.isnan(found).tolist() == [False, True]


def test_arrays_and_scalars_agree_and_inputs_are_left_alone():
    table = TABLES["binance linear"][1]
    entry, quantity = np.array([100.0, 5e4, 1e5]), np.array([[1.0], [30.0]])
    side = np.array([1, 2, 1], dtype=np.int8)
    before = (entry.copy(), quantity.copy(), side.copy())
    found = isolated_liquidation_price(side, quantity, entry, 7.0, table)
    assert found.shape == (2, 3)
    assert found.dtype == np.float64
    for i in range(2):
        for j in range(3):
            one = isolated_liquidation_price(PositionSide(int(side[j])), quantity[i, 0], entry[j], 7.0, table)
            assert isinstance(one, float)
            assert one == found[i, j]
    for now, then in zip((entry, quantity, side), before, strict=True):
        assert (now == then).all()


def test_a_quiet_empty_array_in_gives_an_empty_array_out():
    assert isolated_liquidation_price(LONG, np.array([]), 100.0, 5.0, flat_tier(0.004)).shape == (0,)


def test_tier_columns_can_be_passed_instead_of_the_table():
    table = TABLES["binance linear"][1]
    columns = tier_arrays(table)
    assert isinstance(columns, TierArrays)
    assert isolated_liquidation_price(LONG, 9.0, 1e5, 7.0, columns) == isolated_liquidation_price(LONG, 9.0, 1e5, 7.0, table)
