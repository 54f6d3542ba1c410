"""ln(P*/E) per leverage and side: a table computed by hand (calculator, 5 digits) before the code existed."""

from __future__ import annotations

import numpy as np
import pytest

from perpscope.contract import flat_tier, isolated_liquidation_price, liquidation_shift
from perpscope.core.units import ContractKind, PositionSide

LEVERAGES = np.array([2.0, 3.0, 5.0, 10.0, 20.0, 25.0, 50.0, 75.0, 100.0])
TABLE = {
    (PositionSide.LONG, 0.004): [-0.68914, -0.40146, -0.21914, -0.10135, -0.04729, -0.03681, -0.01619, -0.00941, -0.00604],
    (PositionSide.SHORT, 0.004): [0.40147, 0.28369, 0.17833, 0.09132, 0.04480, 0.03523, 0.01581, 0.00925, 0.00596],
    (PositionSide.LONG, 0.0065): [-0.68663, -0.39894, -0.21662, -0.09884, -0.04477, -0.03430, -0.01368, -0.00690, -0.00353],
}


@pytest.mark.parametrize(("side", "rate"), TABLE)
def test_the_shift_matches_the_oracle_table(side, rate):
    assert np.round(liquidation_shift(side, LEVERAGES, rate), 5).tolist() == TABLE[side, rate]


@pytest.mark.parametrize(("side", "rate"), TABLE)
@pytest.mark.parametrize("entry", [0.07, 3_000.0, 1e5])
def test_the_shift_is_the_same_for_every_entry(side, rate, entry):
    prices = isolated_liquidation_price(side, 10.0 / entry, entry, LEVERAGES, flat_tier(rate))
    assert np.round(np.log(prices / entry), 5).tolist() == TABLE[side, rate]


def test_an_inverse_long_shifts_like_a_linear_short_seen_from_below():
    inverse = liquidation_shift(PositionSide.LONG, LEVERAGES, 0.004, kind=ContractKind.INVERSE)
    assert np.round(-inverse, 5).tolist() == TABLE[PositionSide.SHORT, 0.004]
