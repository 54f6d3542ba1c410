"""Sizes and leverages worked out by hand: W6 and W7 of section 14.2 of the backtest's specification, and small cases."""

from __future__ import annotations

import math

import pytest

from account.made import BTC_2024
from perpscope.account import Account, AccountView, Rules, Slippage, Terms
from perpscope.contract import liquidation_price, tier_arrays
from perpscope.core.instrument import Instrument
from perpscope.core.time import HOUR
from perpscope.core.units import PositionSide
from perpscope.risk import (
    Approved,
    Bound,
    Cluster,
    Costs,
    Gate,
    OpenRisk,
    Reason,
    Refused,
    RiskLimits,
    Wish,
    choose_leverage,
    quantity_at_risk,
    stop_outside_clusters,
    target_at_cluster,
    unit_loss,
)

LONG, SHORT = PositionSide.LONG, PositionSide.SHORT
TIERS = tier_arrays(BTC_2024)
TERMS = Terms(Instrument("binance", "BTCUSDT", tick_size=0.1, lot_size=0.001), tiers=TIERS, slippage=Slippage(bps=1.0))


def view(deposit: float = 10_000.0) -> AccountView:
    of = Account(TERMS, Rules(deposit=deposit))
    return of.view(of.start())


@pytest.mark.parametrize(
    ("side", "stop", "loss", "quantity"), [(LONG, 98.0, 2.1386002, 46.75955796), (SHORT, 102.0, 2.1414002, 46.69841723)]
)
def test_w6_size_by_the_loss_at_the_stop(side: PositionSide, stop: float, loss: float, quantity: float) -> None:
    costs = Costs(taker_fee=0.0005, slippage=0.0002)
    assert unit_loss(side, 100.0, stop, costs) == pytest.approx(loss, abs=5e-9)
    assert quantity_at_risk(side, 100.0, stop, 10_000.0, 0.01, costs) == pytest.approx(quantity, abs=5e-9)


@pytest.mark.parametrize(
    ("side", "quantity", "stop", "b", "safe", "bound", "leverage"),
    [
        (LONG, 0.5, 98_000.0, 0.01, 97_020.0, 29.690506, 29),
        (SHORT, 0.5, 102_000.0, 0.01, 103_020.0, 29.111234, 29),
        (LONG, 50.0, 97_000.0, 0.015, 95_545.0, 19.299617, 19),
    ],
)
def test_w7_the_largest_leverage_whose_liquidation_lies_beyond_the_stop(
    side: PositionSide, quantity: float, stop: float, b: float, safe: float, bound: float, leverage: int
) -> None:
    chosen = choose_leverage(side, quantity, 100_000.0, stop, TIERS, margin=b)
    assert chosen.safe_price == pytest.approx(safe)
    assert chosen.bound == pytest.approx(bound, abs=1e-6)
    assert chosen.leverage == leverage


def test_w7_one_more_would_break_before_the_safe_price() -> None:
    at_29 = choose_leverage(LONG, 0.5, 100_000.0, 98_000.0, TIERS)
    assert at_29.liquidation_price == pytest.approx(96_939.4821, abs=1e-4)
    at_30 = liquidation_price(LONG, 0.5, 100_000.0, 50_000.0 / 30.0, TIERS)
    assert at_30 == pytest.approx(97_054.8862, abs=1e-4)
    short = choose_leverage(SHORT, 0.5, 100_000.0, 102_000.0, TIERS)
    assert short.liquidation_price == pytest.approx(103_033.1103, abs=1e-4)


def test_a_higher_leverage_cap_never_makes_the_position_larger() -> None:
    wish = Wish(LONG, 60_000.0, 59_400.0)
    sizes = [Gate((TERMS,), RiskLimits(max_leverage=cap)).judge(wish, view()) for cap in (5.0, 20.0, 100.0)]
    assert {answer.quantity for answer in sizes if isinstance(answer, Approved)} == {sizes[1].quantity}


@pytest.mark.parametrize(
    ("wish", "limits", "reason"),
    [
        (Wish(LONG, 60_000.0, 60_100.0), {}, Reason.STOP_SIDE),
        (Wish(SHORT, 60_000.0, 59_000.0), {}, Reason.STOP_SIDE),
        (Wish(LONG, 60_000.0, 59_000.0, 58_000.0), {}, Reason.TARGET_SIDE),
        (Wish(LONG, math.nan, 59_000.0), {}, Reason.BAD_PRICE),
        (Wish(LONG, 60_000.0, 59_000.0, edge_low=-0.01, edge_sigma=0.1), {}, Reason.NO_EDGE),
        (Wish(LONG, 60_000.0, 59_990.0, 60_020.0), {"min_reward": 1.0}, Reason.REWARD),
        (Wish(LONG, 60_000.0, 59_000.0, 61_000.0, funding_rate=0.003, funding_intervals=9.0), {}, Reason.FUNDING),
        (Wish(LONG, 60_000.0, 20_000.0), {}, Reason.LOT),
    ],
)
def test_each_broken_limit_refuses_with_its_reason(wish: Wish, limits: dict, reason: Reason) -> None:
    answer = Gate((TERMS,), RiskLimits(**limits)).judge(wish, view(100.0 if reason is Reason.LOT else 10_000.0))
    assert isinstance(answer, Refused)
    assert answer.reason is reason
    assert answer.sentence.endswith(".")


def test_open_risks_that_fall_together_leave_less_room() -> None:
    gate = Gate((TERMS,), RiskLimits(risk_fraction=0.01, combined_risk=0.02))
    wish = Wish(LONG, 60_000.0, 58_000.0)
    alone, beside = (gate.judge(wish, view(), risks) for risks in ([], [OpenRisk(0, LONG, 150.0)]))
    assert isinstance(alone, Approved)
    assert isinstance(beside, Approved)
    # a unit loses 2,011.80 of price and 59.00 of fees: 100 / 2,070.80 = 0.0483, and half of it
    assert (alone.quantity, beside.quantity) == (0.048, 0.024)
    assert isinstance(gate.judge(wish, view(), [OpenRisk(0, LONG, 200.0)]), Refused)


def test_the_least_of_risk_kelly_and_volatility_wins_and_is_named() -> None:
    answer = Gate((TERMS,), RiskLimits(risk_fraction=0.02)).judge(
        Wish(LONG, 60_000.0, 59_000.0, edge_low=0.0002, edge_sigma=0.02, forecast_vol=0.6), view()
    )
    assert isinstance(answer, Approved)
    # Kelly 0.25 x 0.0002 / 0.0004 = 0.125 of 10,000 = 1,250 / 60,000 = 0.0208; volatility 0.3 / 0.6 of 10,000 = 0.0833
    assert (answer.size.bound, answer.quantity) == (Bound.KELLY, 0.020)
    assert answer.size.candidates[Bound.VOLATILITY] == pytest.approx(0.5 / 6.0)


def test_a_cluster_of_the_future_is_not_seen() -> None:
    heap = Cluster(97.5, 98.2, 1e6, 2 * HOUR, LONG)
    assert stop_outside_clusters(LONG, 100.0, 98.0, [heap], at=HOUR, tick=0.1, atr=1.0).price == 98.0
    assert stop_outside_clusters(LONG, 100.0, 98.0, [heap], at=2 * HOUR, tick=0.1, atr=1.0).price == pytest.approx(97.3)


def test_the_cluster_rules_are_the_same_upside_down() -> None:
    heaps = [Cluster(97.5, 98.2, 1e6, 0, LONG), Cluster(103.0, 104.0, 1e6, 0, SHORT)]
    turned = [Cluster(200.0 - c.high, 200.0 - c.low, 1e6, 0, SHORT if c.side is LONG else LONG) for c in heaps]
    free = Costs(0.0, 0.0, 0.0)
    up = stop_outside_clusters(LONG, 100.0, 98.0, heaps, at=0, tick=0.1, atr=1.0).price
    down = stop_outside_clusters(SHORT, 100.0, 102.0, turned, at=0, tick=0.1, atr=1.0).price
    assert up + down == pytest.approx(200.0)
    high = target_at_cluster(LONG, 100.0, 98.0, 110.0, heaps, at=0, atr=1.0, costs=free)
    low = target_at_cluster(SHORT, 100.0, 102.0, 90.0, turned, at=0, atr=1.0, costs=free)
    assert high == pytest.approx(102.95)
    assert high + low == pytest.approx(200.0)


def test_a_target_cluster_too_near_to_pay_is_left_aside() -> None:
    heap = Cluster(101.0, 102.0, 1e6, 0, SHORT)
    assert target_at_cluster(LONG, 100.0, 98.0, 110.0, [heap], at=0, atr=1.0, costs=Costs()) == 110.0


def test_nothing_is_opened_beyond_the_drawdown_limit() -> None:
    from dataclasses import replace

    fallen = replace(view(), equity=7_000.0)
    answer = Gate((TERMS,)).judge(Wish(LONG, 60_000.0, 59_000.0), fallen)
    assert isinstance(answer, Refused)
    assert answer.reason is Reason.DRAWDOWN
