"""Venue procedures, cross wallets, order kinds and refusals; every figure is worked out by hand in the comment beside it.

The cross wallet of two instruments is the example of section 14.1 of the backtest's specification.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from account.made import BTC_2024, BUY, SELL, account, bars, fills, flat, instrument, lines, run, wish
from perpscope.account import Account, LiquidationProfile, MarginMode, Rules, Slippage, Terms
from perpscope.contract import flat_tier, tier_arrays
from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.orders import OrderEnd, OrderIntent, OrderKind, TimeInForce, intents
from perpscope.core.time import HOUR
from perpscope.core.units import PositionSide

TIERED = tier_arrays(BTC_2024)


def broken(profile: LiquidationProfile, quantity: float, leverage: float, bar: tuple, tiers: object = TIERED) -> tuple:
    """A long at 60,000 without costs, then a bar: fills after the entry, wallet, what is left."""
    of = account(100_000.0, tiers=tiers, rules={"liquidation": profile})
    state = of.start()
    tables = {"bars": bars([flat(60_000.0)] * 2 + [bar]), "intents": intents([wish(1, BUY, quantity, leverage=leverage)])}
    rows = of.run(tables, state)
    left = of.view(state).positions
    return [(row["price"], row["quantity"]) for row in rows.fills.rows()][1:], rows, left


def test_bybit_reduces_to_the_cap_of_the_lower_tier_and_the_rest_lives() -> None:
    # P* = (60,000 - 1,200 - 50) / 0.995 = 59,045.2261; 50,000 / P* = 0.8468 may stay in tier 1
    made, rows, left = broken(LiquidationProfile.BYBIT, 1.0, 50.0, (60_000.0, 60_000.0, 59_040.0, 59_500.0))
    assert made == [(pytest.approx(59_045.2261, abs=1e-3), pytest.approx(0.154))]
    assert left[0].quantity == pytest.approx(0.846)
    assert lines(rows, "liquidation") == [("liquidation", pytest.approx(0.154 * (59_045.226131 - 60_000.0), abs=1e-3))]


def test_okx_steps_two_tiers_down_at_once_from_the_third() -> None:
    # P* = (660,000 - 13,200 - 950) / (11 x 0.9935) = 59,097.77; 50,000 / P* = 0.84606
    made, _, _ = broken(LiquidationProfile.OKX, 11.0, 50.0, (60_000.0, 60_000.0, 59_090.0, 59_090.0))
    price = (660_000.0 - 13_200.0 - 950.0) / (11.0 * 0.9935)
    assert made[0] == (pytest.approx(price, abs=1e-3), pytest.approx(11.0 - 0.846))


def test_hyperliquid_sells_a_fifth_first_and_all_if_that_does_not_help() -> None:
    # P* = (120,000 - 4,800) / 1.98 = 58,181.8182; margin is released pro rata, so the rest breaks at the same mark
    made, rows, left = broken(
        LiquidationProfile.HYPERLIQUID, 2.0, 25.0, (60_000.0, 60_000.0, 58_000.0, 58_000.0), flat_tier(0.01)
    )
    price = 115_200.0 / 1.98
    assert made == [(pytest.approx(price), pytest.approx(0.4)), (pytest.approx(price), pytest.approx(1.6))]
    assert left == ()
    assert rows.equity["wallet_balance"][-1] == pytest.approx(100_000.0 - 2.0 * (60_000.0 - price), abs=1e-6)


def test_hyperliquids_backstop_takes_all_that_is_left() -> None:
    # at 57,700 equity is 4,800 - 4,600 = 200, below 2/3 of 1,154
    _, rows, _ = broken(LiquidationProfile.HYPERLIQUID, 2.0, 25.0, flat(57_700.0), flat_tier(0.01))
    assert rows.equity["wallet_balance"][-1] == 95_200.0


def test_a_gap_beyond_bankruptcy_costs_the_margin_and_insurance_pays_the_rest() -> None:
    # margin 1,200, loss at 58,000 is 2,000: 800 by the insurance fund
    _, rows, _ = broken(LiquidationProfile.BINANCE, 1.0, 50.0, flat(58_000.0))
    assert lines(rows, "liquidation", "insurance") == [("liquidation", -2_000.0), ("insurance", 800.0)]
    assert rows.equity["wallet_balance"][-1] == 98_800.0


@pytest.mark.parametrize(("ether", "price"), [(3_000.0, 50_441.767068), (3_100.0, 52_457.831325)])
def test_a_cross_wallet_breaks_where_both_positions_together_do(ether: float, price: float) -> None:
    for low, broke in ((price + 0.05, False), (price - 0.05, True)):
        free = {
            "margin": MarginMode.CROSS,
            "tiers": flat_tier(0.004),
            "maker_fee": 0.0,
            "taker_fee": 0.0,
            "slippage": Slippage(bps=0.0),
        }
        terms = [Terms(replace(instrument(), symbol=symbol), **free) for symbol in ("BTC", "ETH")]
        of = Account(terms, Rules(deposit=5_000.0))
        state = of.start()
        wishes = intents([wish(1, BUY, 0.5, leverage=20.0), wish(1, SELL, 10.0, leverage=20.0, instrument=1)])
        tables = {
            "BTC/bars": bars([flat(60_000.0)] * 2 + [(58_000.0, 58_000.0, 58_000.0, 58_000.0), (58_000.0, 58_000.0, low, low)]),
            "ETH/bars": bars([flat(3_000.0)] * 2 + [(3_000.0, max(3_000.0, ether), 3_000.0, ether), flat(ether)]),
            "intents": wishes,
        }
        of.advance(state, Batch(2 * HOUR, {n: t[t.clock <= 2 * HOUR] for n, t in tables.items()}))
        of.advance(state, Batch(3 * HOUR, {n: t[t.clock == 3 * HOUR] for n, t in tables.items() if n != "intents"}))
        view = of.view(state)
        assert view.equity == pytest.approx(5_000.0 - 1_000.0 - 10.0 * (ether - 3_000.0))
        # the last bar's order: BTC first, so ETH still stands at its last close
        of.advance(state, Batch(4 * HOUR, {n: t[t.clock == 4 * HOUR] for n, t in tables.items() if n != "intents"}))
        assert (of.view(state).positions == ()) is broke


def test_the_legs_of_two_instruments_share_one_wallet_and_one_curve() -> None:
    terms = [Terms(replace(instrument(), symbol=s), tiers=flat_tier(0.004), slippage=Slippage(bps=0.0)) for s in ("A", "B")]
    of = Account(terms, Rules(deposit=1_000.0))
    rows = of.run({
        "A/bars": bars([flat(10.0), flat(10.0), flat(11.0)]), "B/bars": bars([flat(20.0), flat(20.0), flat(18.0)]),
        "intents": intents([wish(1, BUY, 10.0), wish(1, SELL, 5.0, instrument=1)]),
    })  # fmt: skip
    assert len(rows.equity) == 3
    # 10 x 1 + 5 x 2, less 0.05% of 100 and of 100
    assert rows.equity["equity"][-1] == pytest.approx(1_000.0 + 20.0 - 0.1)


def test_one_order_takes_a_tenth_of_the_volume_and_the_rest_waits() -> None:
    of = account(participation=0.1)
    tables = {"bars": bars([flat(100.0)] * 5, volume=10.0), "intents": intents([wish(1, BUY, 2.5)])}
    rows = of.run(tables)
    assert [(row["ref_ts"] // HOUR, row["quantity"]) for row in rows.fills.rows()] == [(1, 1.0), (2, 1.0), (3, 0.5)]


def test_nothing_fills_in_a_bar_without_volume() -> None:
    rows = account().run({"bars": bars([flat(100.0)] * 4, volume=0.0), "intents": intents([wish(1, BUY, 1.0)])})
    assert len(rows.fills) == 0


def ends(rows: object) -> list[str]:
    return [row["reason"] for row in rows.order_ends.rows()]


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (wish(1, BUY, 1.0, kind=OrderKind.LIMIT, price=101.0, time_in_force=TimeInForce.GTX), "post_only_cross"),
        (wish(1, BUY, 1.0, kind=OrderKind.LIMIT, price=99.0, time_in_force=TimeInForce.IOC), "ioc_unfilled"),
        (wish(1, BUY, 1.0, kind=OrderKind.LIMIT, price=99.0, good_till_ts=2 * HOUR, time_in_force=TimeInForce.GTD), "expired"),
        (wish(1, BUY, 1.0, kind=OrderKind.LIMIT, price=99.05), "tick"),
        (wish(1, BUY, 0.0004), "lot"),
        (wish(1, BUY, float("nan")), "bad_value"),
        (wish(1, BUY, 1.0, stop=101.0), "stop_side"),
        (wish(1, SELL, 1.0, reduce_only=True), "reduce_only"),
        (wish(1, BUY, 1_000.0), "margin"),
        (wish(1, BUY, 1.0, leverage=126.0), "leverage_tier_cap"),
        (wish(1, BUY, 0.01), "min_notional"),
        (wish(1, BUY, 1.0, kind=OrderKind.LIMIT, price=40.0), "price_band"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)  # fmt: skip
def test_an_order_that_cannot_be_is_a_row_with_its_reason(order: OrderIntent, reason: str) -> None:
    rows = run(account(tiers=TIERED, min_notional=5.0, price_band=0.5), [flat(100.0)] * 4, [order])
    assert ends(rows) == [reason]
    assert len(rows.fills) == 0


def test_a_fill_or_kill_that_the_volume_cannot_fill_is_killed() -> None:
    order = wish(1, BUY, 2.0, time_in_force=TimeInForce.FOK)
    rows = account().run({"bars": bars([flat(100.0)] * 3, volume=10.0), "intents": intents([order])})
    assert ends(rows) == ["fok_unfilled"]


def test_the_sixty_fifth_order_is_refused() -> None:
    many = [wish(1, BUY, 0.01, kind=OrderKind.LIMIT, price=50.0, bracket_id=i) for i in range(65)]
    assert ends(run(account(), [flat(100.0)] * 3, many)) == ["max_orders"]


def test_a_cancel_removes_the_resting_orders_of_its_bracket_only() -> None:
    rest = [wish(1, BUY, 1.0, kind=OrderKind.LIMIT, price=99.0, bracket_id=b) for b in (1, 2)]
    off = wish(2, SELL, 1.0, kind=OrderKind.CANCEL, bracket_id=1)
    rows = run(account(), [flat(100.0)] * 3 + [(100.0, 100.0, 98.0, 99.0)], [*rest, off])
    assert ends(rows) == ["cancelled"]
    assert rows.fills["bracket_id"].tolist() == [2]


def test_a_signal_from_the_future_is_refused() -> None:
    of = account()
    state = of.start()
    of.advance(state, Batch(2 * HOUR, {"bars": bars([flat(100.0)] * 2)}))
    refused = of.accept(state, intents([wish(3, BUY, 1.0), wish(2, BUY, 1.0), wish(2, BUY, 1.0, instrument=4)]))
    assert sorted(refused.order_ends["reason"].tolist()) == [OrderEnd.FUTURE, OrderEnd.UNKNOWN_INSTRUMENT]
    rows = of.advance(state, Batch(3 * HOUR, {"bars": bars([flat(100.0)], 2 * HOUR)}))
    assert len(rows.fills) == 1


def test_without_mark_bars_the_last_price_stands_for_the_mark() -> None:
    rows = run(account(), [flat(100.0)] * 2 + [(100.0, 100.0, 80.0, 99.0)], [wish(1, BUY, 1.0, leverage=10.0)])
    assert [row["exit_reason"] for row in rows.round_trips.rows()] == ["liquidation"]


def test_a_round_trip_tells_its_excursions_and_its_least_distance_from_liquidation() -> None:
    of = account(taker=0.0005, maker=0.0002)
    prices = [flat(100.0), flat(100.0), (100.0, 103.0, 99.0, 102.0), (102.0, 106.5, 101.0, 106.0)]
    rows = run(of, prices, [wish(1, BUY, 2.0, leverage=10.0, stop=98.0, target=106.0)])
    trip = next(iter(rows.round_trips.rows()))
    # fees 0.1 + 0.02% of 212; net 12 - 0.1424 over a risk of 4
    assert trip["risk_multiple"] == pytest.approx((12.0 - 0.1424) / 4.0)
    assert (trip["adverse_excursion"], trip["favorable_excursion"]) == (0.5, pytest.approx(3.05))
    # P* = 90 / 0.996 = 90.3614
    assert trip["liquidation_distance"] == pytest.approx(1.0 - (90.0 / 0.996) / 99.0)
    assert (trip["lowest"], trip["exit_reason"], trip["leg"]) == (99.0, "target", "long")


def test_a_rebate_and_a_deposit_beyond_exact_money_must_be_declared() -> None:
    with pytest.raises(UserError, match="rebate"):
        Terms(instrument(), maker_fee=-0.0001)
    with pytest.raises(UserError, match="deposit"):
        Rules(deposit=1e9)


def test_a_short_position_side_is_named_short() -> None:
    of = account()
    state = of.start()
    of.run({"bars": bars([flat(100.0)] * 2), "intents": intents([wish(1, SELL, 1.0)])}, state)
    assert of.view(state).positions[0].side is PositionSide.SHORT
    assert fills(run(account(), [flat(100.0)] * 2, [])) == []
