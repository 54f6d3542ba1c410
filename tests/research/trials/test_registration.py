"""Pre-registration. Answers by hand: a plan written out below, changed in one place at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from perpscope.core.errors import UserError
from perpscope.research.trials import Ledger, read_registration, register, registration_hash

PLAN = """
# flush size
[study]
hypothesis = "Notional predicted inside the swept bins explains hourly liquidated notional"
family = "liquidation_map"
test = "5.4a"
sign = "+"
horizon = "while swept"
universe = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
venue = "binance"
window = ["2024-06-19", "2024-08-19"]
metric = "deviance_skill"
minimum_effect = 0.05
cost_bps = 0.0
variants_planned = 6
stop_rule = "all variants or 2 days"
data = ["coinalyze/1h", "binance_perp/5m"]
censoring = "none (hourly totals)"
"""


def written(folder: Path, text: str = PLAN) -> Path:
    path = folder / "flush-01.toml"
    path.write_text(text)
    return path


def test_a_plan_is_named_by_its_file_and_read_whole(tmp_path: Path) -> None:
    plan = read_registration(written(tmp_path))
    assert (plan.study, plan.sign, plan.variants_planned, plan.universe[2]) == ("flush-01", "+", 6, "SOLUSDT")


def test_layout_and_comments_do_not_change_a_plan_but_every_field_does(tmp_path: Path) -> None:
    hash_ = registration_hash(read_registration(written(tmp_path)))
    assert registration_hash(read_registration(written(tmp_path, PLAN + "\n# a remark\n"))) == hash_
    for old, new in (("0.05", "0.04"), ('"+"', '"-"'), ("= 6", "= 7"), ("2024-08-19", "2024-08-18"), ("binance", "bybit")):
        assert registration_hash(read_registration(written(tmp_path, PLAN.replace(old, new, 1)))) != hash_


def test_a_plan_changed_after_it_was_registered_is_refused_and_the_first_entry_stays(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "trials.jsonl")
    first = register(ledger, read_registration(written(tmp_path)), date=1_700_000_000_000_000_000)
    again = register(ledger, read_registration(written(tmp_path)), date=1_800_000_000_000_000_000)
    assert again == first
    assert len(ledger.read().registrations) == 1
    with pytest.raises(UserError, match=r"changed after it was registered on 2023-11-14 .* new name"):
        register(ledger, read_registration(written(tmp_path, PLAN.replace("0.05", "0.01"))), date=1_800_000_000_000_000_000)
    assert len(ledger.read().registrations) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not toml at all [",
        PLAN.replace("sign", "signs"),
        PLAN.replace('"+"', '"up"'),
        PLAN.replace("stop_rule", "# stop_rule"),
    ],
)
def test_a_plan_that_cannot_be_read_is_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match=r"flush-01.toml cannot be read"):
        read_registration(written(tmp_path, text))


def test_a_missing_plan_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="before it is run"):
        read_registration(tmp_path / "none.toml")
