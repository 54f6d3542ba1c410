"""Worked examples with answers from outside the code.

Numbers in the names are the rows of the project's oracle list. Sources: Binance FAQ b3c689c1f50a44cabb3a84e663b81d93 and
ceccfcfb4e3a45e3b48b0b1bb1a8ae46; Bybit help centre (versions 2024-09-10 and 2026-05-27); figures published in
freqtrade's tests (facts only), among them positions of real Hyperliquid accounts of autumn 2024; nautilus_trader's
published threshold; the rest worked by hand from the documented equation. Figures a venue displays are rounded:
relative 1e-4 there, 1e-9 (or the printed digits) for our own.
"""

from __future__ import annotations

import numpy as np
import pytest

from perpscope.contract import (
    Valuation,
    amount_step,
    bankruptcy_price,
    cross_liquidation_price,
    flat_tier,
    isolated_liquidation_price,
    liquidation_price,
    maintenance_margin,
    margin_ratio,
    rule_for,
    tiers_for,
    tiers_from_leverage,
    unrealized_pnl,
)
from perpscope.core.instrument import TierTable
from perpscope.core.time import parse_ts
from perpscope.core.units import ContractKind, PositionSide

LONG, SHORT = PositionSide.LONG, PositionSide.SHORT
LINEAR, INVERSE = ContractKind.LINEAR, ContractKind.INVERSE
BTC = tiers_for("binance", "BTCUSDT", parse_ts("2025-01-01"))
OWN = 1e-9


def test_01_02_binance_isolated_positions_of_the_faq():
    wallet = 1_535_443.01
    eth = liquidation_price(LONG, 3_683.979, 1_456.84, wallet, flat_tier(0.10, 135_365.0))
    btc = liquidation_price(LONG, 109.488, 32_481.98, wallet, flat_tier(0.025, 16_300.0))
    assert (eth, btc) == (pytest.approx(1_114.7850, abs=5e-5), pytest.approx(18_778.7259, abs=5e-5))


def test_03_04_binance_cross_positions_of_the_faq_see_each_other():
    wallet = 1_535_443.01
    eth = cross_liquidation_price(
        *(LONG, 3_683.979, 1_456.84, wallet, flat_tier(0.10, 135_365.0)),
        other_maintenance=71_200.81144,
        other_pnl=-56_354.57,
    )
    btc = cross_liquidation_price(
        *(LONG, 109.488, 32_481.98, wallet, flat_tier(0.025, 16_300.0)),
        other_maintenance=356_512.508,
        other_pnl=-448_192.89,
    )
    assert (round(eth, 2), round(btc, 2)) == (1_153.26, 26_316.89)


def test_03_04_the_other_legs_of_the_faq_follow_from_their_marks():
    assert maintenance_margin(109.488, 31_967.27, flat_tier(0.025, 16_300.0)) == pytest.approx(71_200.81144, abs=1e-4)
    assert unrealized_pnl(LONG, 109.488, 32_481.98, 31_967.27) == pytest.approx(-56_354.57, abs=5e-3)
    assert maintenance_margin(3_683.979, 1_335.18, flat_tier(0.10, 135_365.0)) == pytest.approx(356_512.508, abs=1e-3)
    assert unrealized_pnl(LONG, 3_683.979, 1_456.84, 1_335.18) == pytest.approx(-448_192.89, abs=5e-3)


def test_05_binance_small_numbers():
    tier = flat_tier(0.01, 0.01)
    found = [isolated_liquidation_price(side, 1.0, 10.0, lev, tier) for lev in (5.0, 3.0) for side in (LONG, SHORT)]
    assert [round(price, 6) for price in found] == [8.070707, 11.891089, 6.723906, 13.211221]


@pytest.mark.parametrize(
    ("notional", "leverage", "long", "short"),
    [
        (10_000, 5, 80_321.2851, 119_521.9124),
        (10_000, 10, 90_361.4458, 109_561.7530),
        (10_000, 25, 96_385.5422, 103_585.6574),
        (10_000, 50, 98_393.5743, 101_593.6255),
        (10_000, 125, 99_598.3936, 100_398.4064),
        (49_000, 5, 80_321.2851, 119_504.5182),
        (49_000, 10, 90_361.4458, 109_554.2695),
        (49_000, 25, 96_385.5422, 103_584.1202),
        (49_000, 50, 98_393.5743, 101_593.6255),
        (49_000, 125, 99_598.3936, 100_398.4064),
        (1_000_000, 5, 80_427.7806, 119_319.4237),
        (1_000_000, 10, 90_493.2058, 109_384.0040),
        (1_000_000, 25, 96_532.4610, 103_422.7521),
        (1_000_000, 50, 98_545.5460, 101_435.6682),
        (5_000_000, 5, 80_576.7677, 119_038.6139),
        (5_000_000, 10, 90_677.7778, 109_137.6238),
        (5_000_000, 20, 95_728.3, 104_187.1),
        (5_000_000, 25, 96_738.3838, 103_197.0297),
        (5_000_000, 50, 98_758.5859, 101_216.8317),
        (20_000_000, 5, 80_961.9898, 118_291.4216),
        (20_000_000, 10, 91_166.0714, 108_487.5000),
        (20_000_000, 25, 97_288.5204, 102_605.1471),
    ],
)
def test_06_07_binance_btc_positions_of_every_size(notional, leverage, long, short):
    rule = rule_for("binance", LINEAR, parse_ts("2025-01-01"))
    quantity = notional / 100_000.0
    digits = 1 if long == round(long, 1) else 4
    assert round(rule.isolated_liquidation_price(LONG, quantity, 1e5, float(leverage), BTC), digits) == long
    assert round(rule.isolated_liquidation_price(SHORT, quantity, 1e5, float(leverage), BTC), digits) == short


def test_08_the_tier_is_the_one_at_the_liquidation_price():
    right = isolated_liquidation_price(LONG, 6.2, 100_000.0, 10.0, BTC)
    entry_tier = isolated_liquidation_price(LONG, 6.2, 100_000.0, 10.0, flat_tier(0.0065, 950.0))
    assert (round(right, 2), round(entry_tier, 2)) == (90_444.16, 90_434.60)


def test_09_bybit_linear_before_september_2025():
    rule = rule_for("bybit", LINEAR, parse_ts("2025-09-01T23:59Z"))
    long = [rule.isolated_liquidation_price(LONG, 1.0, 10.0, lev, flat_tier(0.01)) for lev in (3.0, 5.0, 10.0)]
    short = [rule.isolated_liquidation_price(SHORT, 1.0, 10.0, lev, flat_tier(0.01)) for lev in (3.0, 5.0, 10.0)]
    assert long == pytest.approx([6.7666666667, 8.1, 9.1], rel=OWN)
    assert short == pytest.approx([13.2333333333, 11.9, 10.9], rel=OWN)


def test_10_bybit_help_centre_examples_before_september_2025():
    rule = rule_for("bybit", LINEAR, parse_ts("2024-09-10"))
    tier = flat_tier(0.005)
    assert rule.isolated_liquidation_price(LONG, 1.0, 20_000.0, 50.0, tier) == pytest.approx(19_700.0, rel=OWN)
    assert rule.isolated_liquidation_price(LONG, 1.0, 10_000.0, 50.0, tier) == pytest.approx(9_850.0, rel=OWN)
    assert rule.isolated_liquidation_price(SHORT, 1.0, 8_000.0, 40.0, tier) == pytest.approx(8_160.0, rel=OWN)


def test_bybit_before_september_2025_takes_the_tier_of_the_entry_value():
    """2.7M at 10x: entry tier .63% and 3,020, so 100,000 (0.9 + 0.0063) - 3,020/27; at P* it would be in the tier below."""
    ts = parse_ts("2025-09-01")
    price = rule_for("bybit", LINEAR, ts).isolated_liquidation_price(
        *(LONG, 27.0, 100_000.0, 10.0, tiers_for("bybit", "BTCUSDT", ts))
    )
    assert price == pytest.approx(90_518.148148, rel=OWN)


def test_11_bybit_linear_from_september_2025():
    rule = rule_for("bybit", LINEAR, parse_ts("2025-09-02"))
    long = [rule.isolated_liquidation_price(LONG, 1.0, 10.0, lev, flat_tier(0.01)) for lev in (3.0, 5.0, 10.0)]
    short = [rule.isolated_liquidation_price(SHORT, 1.0, 10.0, lev, flat_tier(0.01)) for lev in (3.0, 5.0, 10.0)]
    assert [round(price, 6) for price in long] == [6.734007, 8.080808, 9.090909]
    assert [round(price, 6) for price in short] == [13.201320, 11.881188, 10.891089]


def test_12_bybit_inverse_short_before_and_after():
    tier = flat_tier(0.005)
    before, after = (rule_for("bybit", INVERSE, parse_ts(day)) for day in ("2025-09-01", "2025-09-02"))
    prices = [
        rule.isolated_liquidation_price(side, 60_000.0, 50_000.0, 10.0, tier)
        for rule in (before, after)
        for side in (SHORT, LONG)
    ]
    assert [round(price, 4) for price in prices] == [55_248.6188, 45_662.1005, 55_277.7778, 45_681.8182]


def test_13_okx_linear_adds_the_taker_fee():
    rule = rule_for("okx", LINEAR, parse_ts("2025-01-01"))
    found = [
        rule.isolated_liquidation_price(side, 1.0, 10.0, leverage, flat_tier(0.01), taker_fee=0.0006)
        for side in (LONG, SHORT)
        for leverage in (5.0, 3.0)
    ]
    assert [round(price, 6) for price in found] == [8.085709, 6.738090, 11.874134, 13.193482]


def test_14_okx_inverse_adds_the_taker_fee():
    rule = rule_for("okx", INVERSE, parse_ts("2025-01-01"))
    found = [
        rule.isolated_liquidation_price(side, 100.0, 50_000.0, 10.0, flat_tier(0.004), taker_fee=0.0005)
        for side in (LONG, SHORT)
    ]
    assert [round(price, 2) for price in found] == [45_659.09, 55_305.56]


def test_15_coin_margined_first_tier():
    rule = rule_for("binance", INVERSE, parse_ts("2025-01-01"))
    found = [
        rule.isolated_liquidation_price(side, 10_000.0, 50_000.0, leverage, flat_tier(0.004))
        for leverage in (10.0, 100.0)
        for side in (LONG, SHORT)
    ]
    assert [round(price, 2) for price in found] == [45_636.36, 55_333.33, 49_702.97, 50_303.03]


def test_16_coin_margined_higher_tier():
    rule = rule_for("binance", INVERSE, parse_ts("2025-01-01"))
    tier = flat_tier(0.01, 0.2)
    found = [rule.isolated_liquidation_price(side, 5e6, 50_000.0, 10.0, tier) for side in (LONG, SHORT)]
    assert [round(price, 2) for price in found] == [45_825.77, 55_122.49]


def test_17_coin_margined_maintenance_and_amount_of_the_faq():
    assert maintenance_margin(100 * 100.0, 25_000.0, flat_tier(0.004), kind=INVERSE) == pytest.approx(0.0016, rel=OWN)
    assert amount_step(0.56, 50.0, 0.025, 0.05) == pytest.approx(1.81, rel=OWN)


HYPERLIQUID_ACCOUNTS = [
    # symbol, side, entry, quantity, isolated margin, liquidation price shown by the venue
    ("BTC", LONG, 62_739.0, 0.00077, 24.137992, 31_708.03843631),
    ("BTC", SHORT, 68_595.0, 0.00069, 23.64871, 101_849.99354283),
    ("BTC", LONG, 66_930.0, 0.0015, 20.043862, 54_108.51043771),
    ("ETH", LONG, 2_459.5, 0.0199, 24.454895, 1_243.0411908),
    ("ETH", SHORT, 2_642.8, 0.019, 25.091876, 3_924.18322043),
    ("SOL", LONG, 173.06, 0.6, 20.735658, 142.05186667),
    ("SOL", SHORT, 155.89, 0.32, 24.924941, 228.07847866),
    ("DOGE", LONG, 0.11586, 437.0, 25.29769, 0.05945697),
    ("DOGE", SHORT, 0.14333, 351.0, 25.136807, 0.20970228),
]


@pytest.mark.parametrize(("symbol", "side", "entry", "quantity", "margin", "shown"), HYPERLIQUID_ACCOUNTS)
def test_18_to_22_hyperliquid_accounts_of_2024(symbol, side, entry, quantity, margin, shown):
    ts = parse_ts("2024-11-01")
    rule, tiers = rule_for("hyperliquid", LINEAR, ts), tiers_for("hyperliquid", symbol, ts)
    assert rule.liquidation_price(side, quantity, entry, margin, tiers) == pytest.approx(shown, rel=1e-7)


@pytest.mark.parametrize(("symbol", "side", "entry", "quantity", "margin", "shown"), HYPERLIQUID_ACCOUNTS)
def test_the_printed_hyperliquid_formula_is_the_general_one(symbol, side, entry, quantity, margin, shown):
    rate = 1 / (2 * (50 if symbol in ("BTC", "ETH") else 20))
    available = margin - quantity * entry * rate
    printed = entry - side.sign * available / quantity / (1 - rate * side.sign)
    assert liquidation_price(side, quantity, entry, margin, flat_tier(rate)) == pytest.approx(printed, rel=1e-12)


def test_a_hyperliquid_account_at_one_times_leverage_breaks_just_above_zero():
    price = liquidation_price(LONG, 0.00039, 63_287.0, 24.673292, flat_tier(0.01))
    assert price == pytest.approx(22.37166537, rel=1e-4)


def test_23_hyperliquid_second_tier():
    table = TierTable("hyperliquid", "BTC", tiers_from_leverage([(0, 40), (150e6, 20)]), None, None, "docs")
    assert (table.tiers[1].maintenance_rate, table.tiers[1].maintenance_amount) == (0.025, 1_875_000.0)
    price = liquidation_price(LONG, 3_000.0, 100_000.0, 30e6, table)
    assert price == pytest.approx(91_666.6666667, rel=OWN)


def test_nautilus_thresholds_of_a_two_bitcoin_long():
    wallet = 10_000.0 - 2 * 59_861.9 * 0.0005
    position = (LONG, 2.0, 59_861.9, wallet, flat_tier(0.004))
    assert liquidation_price(*position, valuation=Valuation.ENTRY) == pytest.approx(55_131.27855, rel=OWN)
    assert liquidation_price(*position) == pytest.approx(55_112.280070, rel=OWN)


def test_a_cross_account_of_two_coins():
    small = flat_tier(0.004)
    prices = [
        cross_liquidation_price(
            *(LONG, 0.5, 60_000.0, 5_000.0, small),
            other_maintenance=maintenance_margin(10.0, mark, small),
            other_pnl=unrealized_pnl(SHORT, 10.0, 3_000.0, mark),
        )
        for mark in (3_000.0, 3_100.0)
    ]
    assert [round(price, 6) for price in prices] == [50_441.767068, 52_457.831325]
    equity = 5_000.0 + unrealized_pnl(LONG, 0.5, 60_000.0, 58_000.0) + unrealized_pnl(SHORT, 10.0, 3_000.0, 3_100.0)
    needed = maintenance_margin(0.5, 58_000.0, small) + maintenance_margin(10.0, 3_100.0, small)
    assert margin_ratio(equity, needed) == pytest.approx(0.08, rel=OWN)


def test_the_account_of_the_backtest_oracle():
    """W1 and W3: an isolated 10x position through two fundings and a partial close, and nine fundings at 20x."""
    found = [
        liquidation_price(LONG, quantity, entry, margin, BTC)
        for quantity, entry, margin in (
            (0.5, 60_006.0, 3_000.30),
            (0.5, 60_006.0, 2_997.29),
            (0.3, 60_006.0, 1_798.374),
            (0.3, 60_006.0, 1_799.28975),
            (0.02, 50_000.0, 50.0),
            (0.02, 50_000.0, 47.30),
        )
    ]
    expected = [54_222.289157, 54_228.333333, 54_228.333333, 54_225.268574, 47_690.763052, 47_826.305221]
    assert [round(price, 6) for price in found] == expected


def test_the_short_of_the_backtest_oracle():
    assert round(isolated_liquidation_price(SHORT, 0.1, 100_000.0, 50.0, BTC), 6) == 101_593.625498
    assert bankruptcy_price(SHORT, 0.1, 100_000.0, 200.0) == pytest.approx(102_000.0, rel=OWN)


def test_leverage_from_a_stop_lands_beyond_it():
    """W7: the whole leverage whose liquidation price lies beyond 97,020 is 29; 30x would break at 97,054.8862."""
    prices = isolated_liquidation_price(LONG, 0.5, 100_000.0, np.array([29.0, 30.0]), BTC)
    assert [round(price, 4) for price in prices] == [96_939.4821, 97_054.8862]
    prices = isolated_liquidation_price(SHORT, 0.5, 100_000.0, np.array([29.0, 30.0]), BTC)
    assert [round(price, 4) for price in prices] == [103_033.1103, 102_918.7396]


def test_inverse_profit_of_the_backtest_oracle():
    assert round(unrealized_pnl(LONG, 10_000.0, 50_000.0, 52_000.0, kind=INVERSE), 8) == 0.00769231
