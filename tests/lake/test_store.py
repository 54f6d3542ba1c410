"""Answers by hand: what is stored is read back, bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest

from laws.market import made_market
from perpscope.core.errors import DataError
from perpscope.lake import Lake, store


def test_a_stored_market_is_read_back_and_storing_it_again_adds_nothing(tmp_path: Path) -> None:
    market = made_market(0, 100)
    lake = Lake(tmp_path / "lake")
    first = store(lake, market.instrument, market.tables, "made")
    for stream, table in market.tables.items():
        if len(table):
            assert first[stream] == len(table)
            assert lake.read("demo", "LAWUSDT", stream).same_as(table)
    assert set(store(lake, market.instrument, market.tables, "made").values()) == {0}
    again = Lake(tmp_path / "lake").source("demo", "LAWUSDT")
    assert again.instrument.tick_size == market.instrument.tick_size
    assert [t.tiers for t in again.instrument.tier_tables] == [t.tiers for t in market.instrument.tier_tables]
    assert Lake(tmp_path / "lake").check() == []


def test_one_bad_table_leaves_the_lake_as_it_was(tmp_path: Path) -> None:
    market = made_market(0, 100)
    lake = Lake(tmp_path / "lake")
    store(lake, market.instrument, {"trade": market.tables["trade"]}, "made")
    before = lake.catalogue
    bars = market.tables["bars@1h"]
    with pytest.raises(DataError):
        store(
            lake,
            market.instrument,
            {"bars@1h": bars.with_columns(low=-bars["low"]), "funding": market.tables["funding"]},
            "made",
        )
    assert Lake(tmp_path / "lake").catalogue == before
