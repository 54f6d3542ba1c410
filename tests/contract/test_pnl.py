"""Profit and margin return: identities from the contract specification, and examples worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpscope.contract import equity, notional, return_on_margin, unrealized_pnl
from perpscope.core.errors import UserError
from perpscope.core.units import ContractKind, PositionSide

LONG, SHORT = PositionSide.LONG, PositionSide.SHORT
LINEAR, INVERSE = ContractKind.LINEAR, ContractKind.INVERSE
PRICE = st.floats(1e-6, 1e6)


@given(st.sampled_from([LINEAR, INVERSE]), PRICE, PRICE, st.floats(1e-3, 1e6))
def test_what_the_long_gains_the_short_loses_exactly(kind, entry, price, quantity):
    long, short = (unrealized_pnl(side, quantity, entry, price, kind=kind) for side in (LONG, SHORT))
    assert long == -short
    assert (long > 0) == (price > entry) or abs(price / entry - 1) < 1e-12


@given(PRICE, st.floats(0.5, 2.0), st.floats(1e-3, 1e6))
def test_an_inverse_profit_is_the_dollar_profit_paid_in_coin_at_the_new_price(entry, factor, face):
    price = entry * factor
    coin = unrealized_pnl(LONG, face, entry, price, kind=INVERSE)
    dollars = face / entry * (price - entry)
    assert coin * price == pytest.approx(dollars, rel=1e-9, abs=1e-9 * face)


@given(st.sampled_from([LINEAR, INVERSE]), PRICE, st.floats(0.5, 2.0), st.floats(1.0, 125.0), st.sampled_from([LONG, SHORT]))
def test_the_return_is_the_profit_over_the_initial_margin(kind, entry, factor, leverage, side):
    price = entry * factor
    profit = unrealized_pnl(side, 3.0, entry, price, kind=kind)
    margin = notional(3.0, entry, kind=kind) / leverage
    assert return_on_margin(side, entry, price, leverage, kind=kind) == pytest.approx(profit / margin, rel=1e-9, abs=1e-12)


def test_leverage_multiplies_the_move():
    assert return_on_margin(LONG, 100.0, 101.0, np.array([1.0, 10.0, 100.0])) == pytest.approx([0.01, 0.1, 1.0])
    assert return_on_margin(SHORT, 100.0, 101.0, 10.0) == pytest.approx(-0.1)
    assert return_on_margin(LONG, 100.0, 125.0, 10.0, kind=INVERSE) == pytest.approx(2.0)


def test_equity_is_margin_plus_profit():
    assert equity(1_000.0, LONG, 2.0, 100.0, np.array([90.0, 100.0, 120.0])).tolist() == [980.0, 1_000.0, 1_040.0]
    assert equity(0.1, SHORT, 100.0, 50_000.0, 40_000.0, kind=INVERSE) == pytest.approx(0.1 + 100 / 40_000 - 100 / 50_000)


def test_sides_broadcast_as_codes():
    side = np.array([1, 2], dtype=np.int8)
    assert unrealized_pnl(side, 1.0, 100.0, 103.0).tolist() == [3.0, -3.0]


def test_absent_prices_give_absent_profits():
    assert np.isnan(unrealized_pnl(LONG, 1.0, 100.0, np.array([101.0, np.nan]))).tolist() == [False, True]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: unrealized_pnl(LONG, 0.0, 100.0, 101.0), "Quantity must be a number above zero; got 0."),
        (lambda: unrealized_pnl(LONG, 1.0, -100.0, 101.0), "Entry price must be a number above zero; got -100."),
        (lambda: unrealized_pnl(LONG, 1.0, 100.0, np.inf), "Price must be a number above zero; got inf."),
        (
            lambda: unrealized_pnl(LONG, 1.0, 100.0, np.array([1.0, -2.0, -3.0])),
            "Price must be a number above zero; 2 of 3 values break this, the first is -2.",
        ),
        (lambda: return_on_margin(LONG, 100.0, 101.0, 0.0), "Leverage must be a number above zero; got 0."),
        (lambda: notional(1.0, 100.0, kind=ContractKind.SPOT), "Only linear and inverse contracts have margin"),
        (lambda: unrealized_pnl(np.array([1, 0]), 1.0, 100.0, 101.0), "A side must be PositionSide.LONG"),
        (lambda: unrealized_pnl(np.array([1.0, -1.0]), 1.0, 100.0, 101.0), "A side must be PositionSide.LONG"),
        (lambda: equity(np.inf, LONG, 1.0, 100.0, 101.0), "Margin must be a finite number; got inf."),
    ],
)
def test_impossible_input_is_refused_with_a_sentence(call, sentence):
    with pytest.raises(UserError) as refusal:
        call()
    assert sentence in str(refusal.value)
