"""Answers by hand: which variants a file asks for."""

from __future__ import annotations

from typing import Any

import pytest

from perpscope.core.errors import UserError
from perpscope.research.sweep.plan import sweep_of

DATA = {"venue": "binance", "symbols": ["BTCUSDT", "ETHUSDT"], "start": "2024-01-01", "end": "2024-03-01"}
SETUP = [{"name": "session_open", "params": {"range_hours": 3}}]


def given(**sweep: Any) -> dict[str, Any]:
    return {"data": DATA, "setup": SETUP, "sweep": {"family": "f", **sweep}}


def test_every_combination_is_a_variant_of_its_own() -> None:
    periods = [{"start": "2024-01-01", "end": "2024-02-01"}, {"start": "2024-02-01", "end": "2024-03-01"}]
    made = sweep_of(given(grid={"account.deposit": [1e3, 1e4], "setup.session_open.x": [1, 2, 3]}, periods=periods))
    assert len(made.variants) == 2 * 2 * 2 * 3
    assert len({v.config.digest for v in made.variants}) == 24
    assert [v.number for v in made.variants] == list(range(24))
    last = made.variants[-1]
    assert (last.config.account.deposit, last.config.setup[0].params) == (1e4, {"range_hours": 3, "x": 3})
    assert (last.config.data.symbols, last.config.data.start) == (("ETHUSDT",), "2024-02-01")


def test_symbols_may_share_a_wallet() -> None:
    made = sweep_of(given(each_symbol=False))
    assert [v.config.data.symbols for v in made.variants] == [("BTCUSDT", "ETHUSDT")]


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"grid": {"acount.deposit": [1.0]}}, "acount"),
        ({"grid": {"account.deposit": 1.0}}, "takes a list of values"),
        ({"grid": {"account.deposit": [-1.0]}}, "deposit lies above 0"),
        ({"famly": "x"}, "Did you mean 'family'"),
        ({"family": ""}, "family is empty"),
    ],
)
def test_a_mistake_is_told_before_anything_runs(table: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        sweep_of(given(**table))


def test_a_backtest_without_the_table_is_no_sweep() -> None:
    with pytest.raises(UserError, match=r"needs a \[sweep\] table"):
        sweep_of({"data": DATA, "setup": SETUP})
