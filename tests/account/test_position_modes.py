"""One-way and hedge mode, worked out on paper: which holding an order works on, with a leg named and without."""

from __future__ import annotations

import pytest

from account.made import BUY, SELL, account, bars, fills, flat, run, wish
from perpscope.account import PositionMode
from perpscope.core.orders import OrderIntent, PositionLeg, intents
from perpscope.core.units import PositionSide

HEDGE = {"positions": PositionMode.HEDGE}
FLAT = [flat(100.0)] * 5


def held(of: object, wishes: list[OrderIntent]) -> list[tuple[PositionSide, float]]:
    state = of.start()
    of.run({"bars": bars(FLAT), "intents": intents(wishes)}, state)
    return [(p.side, p.quantity) for p in of.view(state).positions]


def test_one_way_reduces_then_flips_and_hedge_keeps_both_legs() -> None:
    wishes = [wish(1, BUY, 2.0), wish(2, SELL, 5.0)]
    assert held(account(), wishes) == [(PositionSide.SHORT, 3.0)]
    assert held(account(rules=HEDGE), wishes) == [(PositionSide.LONG, 2.0), (PositionSide.SHORT, 5.0)]


def test_in_hedge_mode_a_reducing_sell_that_names_no_leg_works_on_the_long() -> None:
    open_both = [wish(1, BUY, 2.0), wish(1, SELL, 5.0)]
    reduced = [*open_both, wish(2, SELL, 0.5, reduce_only=True), wish(2, BUY, 1.0, close_position=True)]
    assert held(account(rules=HEDGE), reduced) == [(PositionSide.LONG, 1.5)]


@pytest.mark.parametrize("leg", [PositionLeg.LONG, PositionLeg.SHORT])
def test_in_one_way_mode_an_order_that_names_a_leg_is_refused(leg: PositionLeg) -> None:
    rows = run(account(), FLAT, [wish(1, BUY, 1.0, leg=leg)])
    assert fills(rows) == []
    assert [row["reason"] for row in rows.order_ends.rows()] == ["position_mode"]


def test_in_hedge_mode_the_stop_of_one_leg_leaves_the_other_alone() -> None:
    prices = [flat(100.0), flat(100.0), (100.0, 100.0, 97.0, 98.0), flat(98.0)]
    of = account(rules=HEDGE)
    state = of.start()
    wishes = [wish(1, BUY, 2.0, stop=98.0, bracket_id=0), wish(1, SELL, 3.0, stop=105.0, bracket_id=1)]
    rows = of.run({"bars": bars(prices), "intents": intents(wishes)}, state)
    assert fills(rows)[2:] == [("stop", 98.0, 2.0)]
    assert [(p.side, p.quantity) for p in of.view(state).positions] == [(PositionSide.SHORT, 3.0)]
