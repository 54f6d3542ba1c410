"""The two recorded Binance tier files against figures counted by hand in the files themselves and the venue's recursion."""

from __future__ import annotations

import numpy as np
import pytest

from perpscope.contract import read_tier_tables, tier_arrays, tiers_for
from perpscope.core.time import parse_ts

AUTUMN_2024, MID_2025 = parse_ts("2024-10-24"), parse_ts("2025-05-01")


@pytest.fixture(scope="module")
def autumn(shared_data):
    path = shared_data / "risk_tiers" / "binance_usdm-2024-10.json.gz"
    return read_tier_tables(path, "binance", valid_from=AUTUMN_2024, valid_to=MID_2025)


@pytest.fixture(scope="module")
def midyear(shared_data):
    path = shared_data / "risk_tiers" / "binance_usdm-2025-mid.json.gz"
    return read_tier_tables(path, "binance", valid_from=MID_2025, valid_to=None)


def test_both_files_hold_every_contract(autumn, midyear):
    assert (len(autumn), len(midyear)) == (349, 500)
    assert {"BTCUSDT", "1000PEPEUSDC", "ETHBTC", "BTCUSDT_241227"} <= set(autumn)


def test_the_recursion_of_the_amounts_holds_in_all_6485_steps(autumn, midyear):
    steps = 0
    for table in (*autumn.values(), *midyear.values()):
        tiers = tier_arrays(table)
        due = tiers.amount[:-1] + tiers.floor[1:] * np.diff(tiers.rate)
        assert due == pytest.approx(tiers.amount[1:], rel=1e-6, abs=1e-6), table.symbol
        steps += len(due)
    assert steps == 6_485


def test_258_of_344_common_contracts_changed_but_not_the_three_largest(autumn, midyear):
    common = set(autumn) & set(midyear)
    changed = {symbol for symbol in common if autumn[symbol].tiers != midyear[symbol].tiers}
    assert (len(common), len(changed)) == (344, 258)
    assert not changed & {"BTCUSDT", "ETHUSDT", "SOLUSDT"}


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT", "SOLUSDT"])
def test_the_shipped_binance_tiers_are_those_of_the_files(symbol, autumn, midyear):
    shipped = tier_arrays(tiers_for("binance", symbol, parse_ts("2025-01-01")))
    for table in (autumn[symbol], midyear[symbol]):
        for ours, theirs in zip(shipped, tier_arrays(table), strict=True):
            assert ours.tolist() == theirs.tolist()


def test_a_date_chooses_between_the_two_files(autumn, midyear):
    tables = (*autumn.values(), *midyear.values())
    before = tiers_for("binance", "FILUSDT", MID_2025 - 1, tables)
    after = tiers_for("binance", "FILUSDT", MID_2025, tables)
    assert (before.source, after.source) == ("binance_usdm-2024-10.json.gz", "binance_usdm-2025-mid.json.gz")
    assert before.tiers != after.tiers
