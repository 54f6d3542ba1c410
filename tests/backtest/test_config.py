"""Answers by hand: what a person who wrote the file would expect to be told, and that nothing is lost on the way."""

from __future__ import annotations

from typing import Any

import pytest

from perpscope.backtest.config import BacktestConfig, config_of, with_setting
from perpscope.core.errors import UserError

DATA = {"venue": "binance", "symbols": ["BTCUSDT"], "start": "2024-01-01", "end": "2024-02-01"}
GIVEN: dict[str, Any] = {"data": DATA, "setup": [{"name": "a", "params": {"x": 1}}, {"name": "b"}]}


def made(**more: Any) -> BacktestConfig:
    return config_of({**GIVEN, **more})


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"acount": {}}, "no setting in the config 'acount'. Did you mean 'account'"),
        ({"account": {"deposit": -1.0}}, "A deposit lies above 0"),
        ({"account": {"path": "pesimistic"}}, "Did you mean 'pessimistic'"),
        ({"trading": {"maker_fee": -0.0001}}, "rebate"),
        ({"data": {**DATA, "symbols": []}}, "names no instrument"),
        ({"data": {**DATA, "end": "2023-01-01"}}, "does not lie before"),
        ({"data": {**DATA, "fill_timeframe": "7m"}}, "does not divide|7m"),
        ({"setup": []}, "at least one"),
        ({"setup": [{"name": "a"}, {"name": "a"}]}, "listed twice"),
    ],
)
def test_a_mistake_in_the_file_is_told_in_a_sentence(more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        made(**more)


def test_the_printed_settings_make_the_same_config_again() -> None:
    config = made(account={"path": "high_first"}, trading={"margin": "cross", "slippage": {"bps": 2}})
    assert config_of(config.plain()) == config


def test_every_setting_is_part_of_the_digest_and_nothing_else() -> None:
    assert made().digest == made().digest
    changed = [made(seed=1), made(name="other"), made(account={"deposit": 5.0}), with_setting(made(), "setup.a.x", 2)]
    assert len({made().digest, *(config.digest for config in changed)}) == 5


def test_one_setting_is_replaced_by_its_path() -> None:
    assert with_setting(made(), "setup.a.y", 3).setup[0].params == {"x": 1, "y": 3}
    assert with_setting(made(), "trading.slippage.stress", 3).trading.slippage.stress == 3.0
    assert with_setting(made(), "seed", 4).seed == 4
    for path in ("setup.c.x", "nothing.at", "trading.taker_fees", "setup.a"):
        with pytest.raises(UserError):
            with_setting(made(), path, 1)
