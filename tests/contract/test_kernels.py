"""The kernels inside a compiled loop say what the public functions say, and the functions as written agree with both."""

from __future__ import annotations

import numpy as np
import pytest

from perpscope.contract import (
    bankruptcy_price,
    funding_payment,
    kernels,
    liquidation_price,
    liquidation_shift,
    maintenance_margin,
    tier_arrays,
    tiers_for,
    unrealized_pnl,
)
from perpscope.core.time import parse_ts
from perpscope.core.units import ContractKind, PositionSide
from perpscope.numeric.jit import njit

BTC = tiers_for("binance", "BTCUSDT", parse_ts("2025-01-01"))


@njit
def walk(kind, sign, quantity, entry, margin, cap, rate, amount, marks, out):
    """What an account fold does at every mark."""
    for k in range(len(marks)):
        value = kernels.notional(kind, quantity, marks[k])
        out[k, 0] = kernels.pnl(kind, sign, quantity, entry, marks[k])
        out[k, 1] = kernels.maintenance_margin(value, cap, rate, amount)
        out[k, 2] = kernels.liquidation_price(kind, kernels.MARK_VALUED, sign, quantity, entry, margin, cap, rate, amount)
        out[k, 3] = kernels.funding_payment(kind, sign, quantity, marks[k], 0.0001)
        out[k, 4] = kernels.bankruptcy_price(kind, sign, quantity, entry, margin)
        out[k, 5] = kernels.shift(kind, kernels.MARK_VALUED, sign, 10.0, 0.004, 0.0)


@pytest.mark.parametrize("kind", [ContractKind.LINEAR, ContractKind.INVERSE])
@pytest.mark.parametrize("side", [PositionSide.LONG, PositionSide.SHORT])
def test_a_compiled_loop_gets_the_same_answers(kind, side):
    tiers = tier_arrays(BTC)
    marks = np.exp(np.linspace(np.log(2e4), np.log(3e5), 50))
    quantity, entry = (12.0, 1e5) if kind == ContractKind.LINEAR else (12e10, 1e5)
    margin = 1.2e5
    out = np.empty((50, 6))
    columns = (tiers.cap, tiers.rate, tiers.amount)
    walk(int(kind), float(side.sign), quantity, entry, margin, *columns, marks, out)
    assert out[:, 0].tolist() == unrealized_pnl(side, quantity, entry, marks, kind=kind).tolist()
    assert out[:, 1].tolist() == maintenance_margin(quantity, marks, BTC, kind=kind).tolist()
    assert set(out[:, 2]) == {liquidation_price(side, quantity, entry, margin, BTC, kind=kind)}
    assert out[:, 3].tolist() == funding_payment(side, quantity, marks, 0.0001, kind=kind).tolist()
    assert set(out[:, 4]) == {bankruptcy_price(side, quantity, entry, margin, kind=kind)}
    assert set(out[:, 5]) == {liquidation_shift(side, 10.0, 0.004, kind=kind)}
    # the liquidation price is where this account's equity meets maintenance
    alive = margin + out[:, 0] > out[:, 1]
    assert (alive == (marks > out[0, 2] if side == PositionSide.LONG else marks < out[0, 2])).all()


def test_the_functions_as_written_agree_with_the_compiled_ones():
    tiers = tier_arrays(BTC)
    rng = np.random.default_rng(3)
    for _ in range(200):
        value, sign = float(np.exp(rng.uniform(5, 21))), float(rng.choice([-1.0, 1.0]))
        kind = int(rng.integers(1, 3))
        compiled = kernels.broken_notional(1, sign, value, value / 7, 0.01, 3.0)
        assert compiled == pytest.approx(kernels.broken_notional.python(1, sign, value, value / 7, 0.01, 3.0), rel=1e-14)
        assert kernels.tier_index(value, tiers.cap) == kernels.tier_index.python(value, tiers.cap)
        pair = (kernels.pnl, kernels.pnl.python)
        compiled, written = (function(kind, sign, value, 3.0, 4.0) for function in pair)
        assert compiled == pytest.approx(written, rel=1e-14)
