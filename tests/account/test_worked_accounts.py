"""Whole accounts worked out by hand: every figure is from section 14.2 of the backtest's specification, which computed
them in decimal arithmetic outside this code and confirmed them by a second method."""

from __future__ import annotations

import numpy as np
import pytest

from account.made import (
    BTC_2024,
    BUY,
    SELL,
    account,
    bars,
    fills,
    flat,
    funding,
    instrument,
    last_equity,
    lines,
    marks,
    run,
    wish,
)
from perpscope.account import Account, LiquidationProfile
from perpscope.contract import flat_tier, tier_arrays
from perpscope.core.batch import Batch, cut
from perpscope.core.orders import OrderKind, intents
from perpscope.core.table import Table
from perpscope.core.time import HOUR
from perpscope.core.units import ContractKind, PositionSide

W1_LAST = [
    flat(60_000.0), (60_000.0, 60_300.0, 59_990.0, 60_200.0), (60_200.0, 60_900.0, 60_150.0, 60_800.0),
    (60_800.0, 61_100.0, 60_700.0, 61_050.0), (61_050.0, 61_060.0, 60_500.0, 60_600.0),
    (60_600.0, 60_650.0, 60_110.0, 60_150.0), (59_900.0, 60_000.0, 59_800.0, 59_850.0),
]  # fmt: skip


def w1() -> tuple[Account, dict[str, Table]]:
    of = account(tiers=tier_arrays(BTC_2024), bps=1.0, maker=0.0002, taker=0.0005)
    wishes = [
        wish(1, BUY, 0.5, leverage=10.0),
        wish(2, SELL, 0.2, kind=OrderKind.LIMIT, price=61_000.0, reduce_only=True),
        wish(4, SELL, 0.3, kind=OrderKind.STOP_MARKET, trigger=60_100.0, reduce_only=True),
    ]
    tables = {
        "bars": bars(W1_LAST),
        "mark_bars": marks(W1_LAST),
        "funding": funding([2 * HOUR + 47_000_000, 4 * HOUR], [1e-4, -5e-5]),
        "intents": intents(wishes),
    }
    return of, tables


def test_w1_every_line_of_an_isolated_account() -> None:
    of, tables = w1()
    rows = of.run(tables)
    assert lines(rows) == [
        ("fee", -15.0015),
        ("funding", -3.01),
        ("realized", 198.8),
        ("fee", -2.44),
        ("funding", 0.91575),
        ("realized", -33.597),
        ("fee", -8.9841015),
    ]
    assert fills(rows) == [
        ("entry", 60_006.0, 0.5),
        ("entry", 61_000.0, 0.2),
        ("entry", pytest.approx(59_894.01, abs=1e-9), 0.3),
    ]
    assert rows.equity["wallet_balance"][-1] == 10_136.6831485
    stop = list(rows.fills.rows())[-1]
    assert stop["note"] == "gap"
    assert 0.3 * (60_100.0 * 0.9999 - stop["price"]) == pytest.approx(59.994, abs=1e-9)
    trip = next(iter(rows.round_trips.rows()))
    assert trip["net"] == pytest.approx(136.6831485, abs=1e-9)
    assert trip["gap"]


def test_w1_margin_and_liquidation_price_after_every_line() -> None:
    of, tables = w1()
    state = of.start()
    whole = Batch(7 * HOUR, tables)
    seen = []
    for batch in cut(whole, [h * HOUR for h in range(1, 7)]):
        of.advance(state, batch)
        seen += [(round(p.margin, 8), round(p.liquidation_price, 6)) for p in of.view(state).positions]
    assert seen == [
        (3_000.3, 54_222.289157),
        (2_997.29, 54_228.333333),
        (1_798.374, 54_228.333333),
        (1_799.28975, 54_225.268574),
        (1_799.28975, 54_225.268574),
    ]


@pytest.mark.parametrize(
    ("profile", "fee", "left"),
    [
        (LiquidationProfile.FORFEIT, 0.012, 795.0),
        (LiquidationProfile.BINANCE, 0.012, 795.0),
        (LiquidationProfile.BINANCE, 0.002, 814.68),
    ],
)  # fmt: skip
def test_w2_a_short_liquidated_at_mark_101_600(profile: LiquidationProfile, fee: float, left: float) -> None:
    of = account(1_000.0, tiers=tier_arrays(BTC_2024), taker=0.0005, liquidation_fee=fee, rules={"liquidation": profile})
    state = of.start()
    wishes = intents([wish(1, SELL, 0.1, leverage=50.0)])
    of.run({"bars": bars([flat(100_000.0)] * 2), "intents": wishes}, state)
    (position,) = of.view(state).positions
    assert round(position.liquidation_price, 6) == 101_593.625498
    rows = of.advance(state, Batch(3 * HOUR, {"bars": bars([flat(101_600.0)], 2 * HOUR)}))
    assert rows.equity["wallet_balance"].tolist() == [left]
    assert of.view(state).positions == ()
    assert next(iter(rows.round_trips.rows()))["exit_reason"] == "liquidation"


def test_w3_nine_fundings_move_the_liquidation_price_to_the_mark() -> None:
    of = account(1_000.0, tiers=flat_tier(0.004))
    state = of.start()
    wishes = intents([wish(1, BUY, 0.02, leverage=20.0)])
    of.run({"bars": bars([flat(50_000.0)] * 2), "intents": wishes}, state)
    assert round(of.view(state).positions[0].liquidation_price, 6) == 47_690.763052
    stamps = [h * HOUR for h in range(2, 11)]
    rows = of.advance(
        state, Batch(11 * HOUR, {"bars": bars([flat(50_000.0)] * 9, 2 * HOUR), "funding": funding(stamps, [3e-4] * 9)})
    )
    assert lines(rows) == [("funding", -0.3)] * 9
    (position,) = of.view(state).positions
    assert (position.margin, round(position.liquidation_price, 6)) == (47.3, 47_826.305221)


@pytest.mark.parametrize(("side", "amount"), [(BUY, -0.0750125), (SELL, 0.0750125)])
def test_w4_hourly_funding_of_a_long_and_its_mirror(side: object, amount: float) -> None:
    of = account()
    wishes = [wish(1, side, 2.0, leverage=2.0)]
    rows = run(of, [flat(3_000.5)] * 3, wishes, funding=funding([2 * HOUR], [0.0000125]))
    assert lines(rows) == [("funding", amount)]


def test_w5_an_inverse_contract_settles_in_coin() -> None:
    inverse = instrument(ContractKind.INVERSE, lot=100.0)
    of = account(1.0, of=inverse, taker=0.0005)
    prices = [flat(50_000.0), flat(50_000.0), flat(51_000.0), flat(52_000.0)]
    wishes = [wish(1, BUY, 10_000.0, leverage=2.0), wish(3, SELL, 10_000.0, reduce_only=True)]
    rows = run(of, prices, wishes, funding=funding([2 * HOUR], [1e-4]))
    assert lines(rows) == [("fee", -0.0001), ("funding", -0.00001961), ("realized", 0.00769231), ("fee", -0.00009615)]
    without = run(account(1.0, of=inverse, taker=0.0005), prices, wishes)
    assert last_equity(without) == pytest.approx(1.00749616, abs=1e-12)


def test_a_flip_is_a_close_and_an_open_with_two_fees() -> None:
    of = account(taker=0.0005)
    rows = run(of, [flat(100.0), flat(100.0), flat(110.0)], [wish(1, BUY, 2.0), wish(2, SELL, 5.0)])
    assert fills(rows) == [("entry", 100.0, 2.0), ("entry", 110.0, 2.0), ("entry", 110.0, 3.0)]
    assert lines(rows) == [("fee", -0.1), ("realized", 20.0), ("fee", -0.11), ("fee", -0.165)]


def test_in_hedge_mode_a_sell_opens_the_short_leg_beside_the_long() -> None:
    from perpscope.account import PositionMode
    from perpscope.core.orders import PositionLeg

    of = account(rules={"positions": PositionMode.HEDGE})
    state = of.start()
    wishes = [wish(1, BUY, 2.0, leg=PositionLeg.LONG), wish(1, SELL, 3.0, leg=PositionLeg.SHORT, leverage=5.0)]
    of.run({"bars": bars([flat(100.0)] * 2), "intents": intents(wishes)}, state)
    held = [(p.side, p.quantity, p.margin) for p in of.view(state).positions]
    assert held == [(PositionSide.LONG, 2.0, 200.0), (PositionSide.SHORT, 3.0, 60.0)]


def test_the_average_entry_is_quantity_weighted_and_for_inverse_harmonic() -> None:
    prices, wishes = [flat(100.0), flat(100.0), flat(200.0)], [wish(1, BUY, 1.0), wish(2, BUY, 1.0)]
    for kind, entry in ((ContractKind.LINEAR, 150.0), (ContractKind.INVERSE, 400.0 / 3.0)):
        of = account(of=instrument(kind, lot=1.0))
        state = of.start()
        of.run({"bars": bars(prices), "intents": intents(wishes)}, state)
        assert np.isclose(of.view(state).positions[0].entry, entry)
