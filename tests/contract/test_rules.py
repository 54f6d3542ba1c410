"""Which rule applies where and when. Dates: Bybit help centre, "The New Margin Calculation", 2025-09-18."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from perpscope.contract import RULES, Valuation, flat_tier, rule_for, tiers_for
from perpscope.core.errors import UserError
from perpscope.core.time import parse_ts
from perpscope.core.units import ContractKind, PositionSide

LINEAR, INVERSE = ContractKind.LINEAR, ContractKind.INVERSE
NOW = parse_ts("2026-01-01")


def test_the_rules_of_a_venue_and_kind_tile_all_time():
    for _, group in itertools.groupby(RULES, key=lambda rule: (rule.venue, rule.kind)):
        rules = list(group)
        assert rules[0].valid_from is None
        assert rules[-1].valid_to is None
        assert all(left.valid_to == right.valid_from for left, right in itertools.pairwise(rules))
    assert len({(rule.venue, rule.kind, rule.valid_from) for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("kind", [LINEAR, INVERSE])
def test_bybit_changed_its_valuation_at_midnight_of_the_second_of_september_2025(kind):
    change = parse_ts("2025-09-02")
    assert rule_for("bybit", kind, change - 1).valuation == Valuation.ENTRY
    assert rule_for("bybit", kind, change).valuation == Valuation.MARK


@pytest.mark.parametrize("venue", ["binance", "okx", "hyperliquid"])
def test_the_other_venues_value_maintenance_at_the_mark(venue):
    assert rule_for(venue, LINEAR, NOW).valuation == Valuation.MARK


def test_every_rule_names_its_source():
    assert all(rule.source for rule in RULES)


def test_an_unknown_venue_is_refused_and_never_falls_back():
    with pytest.raises(UserError, match=r"There is no venue 'bitget'.*Known: binance, bybit, hyperliquid, okx"):
        rule_for("bitget", LINEAR, NOW)
    with pytest.raises(UserError, match="Did you mean 'hyperliquid'"):
        rule_for("hyperliqud", LINEAR, NOW)


def test_a_kind_the_venue_does_not_list_is_refused():
    with pytest.raises(UserError, match=r"inverse contract on hyperliquid. Known there: linear"):
        rule_for("hyperliquid", INVERSE, NOW)
    with pytest.raises(UserError, match=r"spot contract on binance. Known there: inverse, linear"):
        rule_for("binance", ContractKind.SPOT, NOW)


def test_okx_needs_the_taker_fee():
    rule = rule_for("okx", LINEAR, NOW)
    with pytest.raises(UserError, match="okx adds the taker fee to the maintenance rate: pass taker_fee"):
        rule.isolated_liquidation_price(PositionSide.LONG, 1.0, 10.0, 5.0, flat_tier(0.01))
    with pytest.raises(UserError, match="must be a fraction"):
        rule.isolated_liquidation_price(PositionSide.LONG, 1.0, 10.0, 5.0, flat_tier(0.01), taker_fee=-0.01)
    with pytest.raises(UserError, match="Maintenance rate plus taker fee must be a fraction"):
        rule.tiers(flat_tier(0.9), taker_fee=0.2)


def test_okx_refuses_a_progressive_table():
    rule = rule_for("okx", LINEAR, NOW)
    for tiers in (tiers_for("binance", "BTCUSDT", NOW), flat_tier(0.01, 5.0)):
        with pytest.raises(UserError, match="one tier to the whole position"):
            rule.liquidation_price(PositionSide.LONG, 1.0, 10.0, 5.0, tiers, taker_fee=0.0005)


def test_the_fee_is_ignored_where_the_venue_does_not_add_it():
    rule = rule_for("binance", LINEAR, NOW)
    prices = [
        rule.isolated_liquidation_price(PositionSide.SHORT, 1.0, 10.0, 5.0, flat_tier(0.01), taker_fee=f) for f in (None, 0.1)
    ]
    assert prices[0] == prices[1]


def test_adding_the_fee_leaves_the_callers_tiers_alone():
    tiers = flat_tier(0.01)
    rule_for("okx", INVERSE, NOW).tiers(tiers, taker_fee=0.0005)
    assert tiers.rate.tolist() == [0.01]


def test_rules_take_arrays():
    rule = rule_for("okx", LINEAR, NOW)
    found = rule.isolated_liquidation_price(
        np.array([1, 2]), 1.0, 10.0, np.array([[3.0], [5.0]]), flat_tier(0.01), taker_fee=0.0006
    )
    assert found.round(6).tolist() == [[6.738090, 13.193482], [8.085709, 11.874134]]
