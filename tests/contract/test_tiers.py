"""Tier tables: shapes of the recorded files rebuilt by hand, broken files, and look-ups by date."""

from __future__ import annotations

import gzip
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpscope.contract import (
    read_tier_tables,
    seed_tables,
    tier_arrays,
    tiers_for,
    tiers_from_leverage,
    tiers_from_rates,
    venue_symbol,
)
from perpscope.core.errors import DataError, UserError
from perpscope.core.instrument import RiskTier, TierTable
from perpscope.core.time import DAY, parse_ts

NOW = parse_ts("2026-01-01")


def row(floor, cap, rate, leverage, cum=None):
    info = {} if cum is None else {"cum": str(cum)}
    return {
        "minNotional": floor,
        "maxNotional": cap,
        "maintenanceMarginRate": rate,
        "maxLeverage": leverage,
        "info": info,
    }


GOOD = {"BTC/USDT:USDT": [row(0, 50e3, 0.004, 125, 0), row(50e3, 600e3, 0.005, 100, 50)]}


def write(folder, content, name="tiers.json"):
    path = folder / name
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return path


def read(path, venue="binance"):
    return read_tier_tables(path, venue, valid_from=None, valid_to=None)


@pytest.mark.parametrize("name", ["tiers.json", "tiers.json.gz"])
def test_a_file_is_read_plain_or_compressed(tmp_path, name):
    tables = read_tier_tables(write(tmp_path, GOOD, name), "binance", valid_from=5, valid_to=NOW, source="me")
    assert list(tables) == ["BTCUSDT"]
    assert tables["BTCUSDT"] == TierTable(
        *("binance", "BTCUSDT", (RiskTier(0, 50e3, 0.004, 0, 125), RiskTier(50e3, 600e3, 0.005, 50, 100))),
        *(5, NOW, "me"),
    )


def test_amounts_a_file_leaves_out_follow_from_the_recursion(tmp_path):
    rows = [row(0, 50e3, 0.004, 125), row(50e3, 600e3, 0.005, 100), row(600e3, 3e6, 0.0065, 75)]
    table = read(write(tmp_path, {"BTC/USDT:USDT": rows}))["BTCUSDT"]
    assert [tier.maintenance_amount for tier in table.tiers] == pytest.approx([0.0, 50.0, 950.0])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{", "is not a JSON file"),
        (b"\x1f\x8b\x08broken", "is not a JSON file"),
        (b"\xff\xfe", "is not a JSON file"),
        ([1, 2], "does not map contract names"),
        ({"BTC/USDT:USDT": []}, "not a list of steps"),
        ({"BTC/USDT:USDT": [{"minNotional": 0}]}, "incomplete"),
        ({"BTC/USDT:USDT": [7]}, "incomplete"),
        ({"BTC/USDT:USDT": [row(0, 50e3, "high", 125, 0)]}, "incomplete or not a number"),
        ({"BTC/USDT:USDT": [row(0, 50e3, 0.004, 125, 0), row(60e3, 600e3, 0.005, 100, 50)]}, "leave a hole"),
        ({"BTC/USDT:USDT": [row(0, 50e3, 0.004, 125, 0), row(50e3, 600e3, 0.005, 100, 51)]}, "jumps at 50000"),
        ({"BTC/USDT:USDT": [row(0, 50e3, 0.004, 125, 0), row(50e3, 600e3, 0.003, 100, -50)]}, "do not rise"),
        ({"BTC/USDT:USDT": [row(1, 50e3, 0.004, 125, 0)]}, "do not begin at zero"),
        ({**GOOD, "BTC/USDT:USDC": GOOD["BTC/USDT:USDT"]}, "two tables of BTCUSDT"),
    ],
)
def test_a_broken_file_is_refused_with_the_piece_that_is_wrong(tmp_path, content, sentence):
    with pytest.raises(DataError, match=sentence) as refusal:
        read(write(tmp_path, content))
    assert refusal.value.payload is not None


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda x: (
            st.lists(x)
            | st.dictionaries(
                st.sampled_from(
                    ["BTC/USDT:USDT", "minNotional", "maxNotional", "maintenanceMarginRate", "maxLeverage", "info"]
                ),
                x,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_either_tables_or_a_refusal(tmp_path_factory, content):
    path = write(tmp_path_factory.getbasetemp(), content, "fuzz.json")
    try:
        tables = read(path)
    except (DataError, UserError):
        return
    assert all(isinstance(table, TierTable) for table in tables.values())


def test_a_missing_file_and_a_strange_name_are_the_callers_to_mend(tmp_path):
    with pytest.raises(UserError, match="no tier file"):
        read(tmp_path / "absent.json")
    with pytest.raises(UserError, match="'BTCUSDT' is not a contract name"):
        read(write(tmp_path, {"BTCUSDT": GOOD["BTC/USDT:USDT"]}))
    with pytest.raises(UserError, match="no venue 'kraken'"):
        read(write(tmp_path, GOOD), venue="kraken")


@pytest.mark.parametrize(
    ("venue", "name", "symbol"),
    [
        ("binance", "BTC/USDT:USDT", "BTCUSDT"),
        ("binance", "1000BONK/USDC:USDC", "1000BONKUSDC"),
        ("binance", "ETH/BTC:BTC", "ETHBTC"),
        ("binance", "BTC/USDT:USDT-241227", "BTCUSDT_241227"),
        ("binance", "BTC/USD:BTC", "BTCUSD_PERP"),
        ("binance", "BTC/USD:BTC-241227", "BTCUSD_241227"),
        ("bybit", "BTC/USDT:USDT", "BTCUSDT"),
        ("bybit", "ETH/USDC:USDC", "ETHPERP"),
        ("bybit", "BTC/USD:BTC", "BTCUSD"),
        ("okx", "BTC/USDT:USDT", "BTC-USDT-SWAP"),
        ("hyperliquid", "HYPE/USDC:USDC", "HYPE"),
    ],
)
def test_unified_names_become_the_venues_spelling(venue, name, symbol):
    assert venue_symbol(venue, name) == symbol


def test_hyperliquid_rates_are_half_the_inverse_of_the_leverage():
    tiers = tiers_from_leverage([(0, 10), (20_000, 5), (100_000, 3)])
    assert [tier.maintenance_rate for tier in tiers] == pytest.approx([0.05, 0.1, 1 / 6])
    assert [tier.maintenance_amount for tier in tiers] == pytest.approx([0.0, 1_000.0, 1_000.0 + 100_000 * (1 / 6 - 0.1)])
    assert [(tier.floor, tier.cap) for tier in tiers] == [(0, 20_000), (20_000, 100_000), (100_000, math.inf)]


@pytest.mark.parametrize("steps", [[], [(5, 10)], [(0, 10), (0, 5)], [(0, 10), (9, 5), (8, 3)], [(0, 0)]])
def test_impossible_leverage_steps_are_refused(steps):
    with pytest.raises(UserError, match="must begin at a notional of 0"):
        tiers_from_leverage(steps)


def test_amounts_of_shipped_tables_are_the_venues_own_figures():
    """Binance and Bybit print these amounts; ours are computed."""
    btc = tiers_for("binance", "BTCUSDT", NOW)
    assert [tier.maintenance_amount for tier in btc.tiers] == pytest.approx(
        [0, 50, 950, 11_450, 131_450, 481_450, 2_981_450, 14_481_450, 26_481_450, 41_481_450, 121_481_450, 421_481_450]
    )
    bybit = tiers_for("bybit", "BTCUSDT", NOW)
    amounts = [0, 1_200, 3_020, 4_300, 5_820, 8_460, 15_460, 20_500, 46_000, 66_000, 80_000, 160_000, 300_000, 452_000]
    assert [tier.maintenance_amount for tier in bybit.tiers] == pytest.approx(amounts)


def test_every_shipped_table_is_sound_dated_where_it_can_be_and_names_its_source():
    tables = seed_tables()
    for table in tables:
        tier_arrays(table)
        assert table.source
    assert {(table.venue, table.symbol) for table in tables} >= {
        *(("binance", "BTCUSDT"), ("binance", "ETHUSDT"), ("binance", "SOLUSDT"), ("bybit", "BTCUSDT")),
        *(("hyperliquid", coin) for coin in ("BTC", "ETH", "SOL", "XRP", "DOGE", "HYPE", "ARB")),
    }


def test_hyperliquid_bitcoin_had_one_tier_of_50x_until_march_2025():
    change = parse_ts("2025-03-12")
    before, after = (tiers_for("hyperliquid", "BTC", ts) for ts in (change - 1, change))
    assert [(tier.cap, tier.max_leverage) for tier in before.tiers] == [(math.inf, 50.0)]
    assert [(tier.cap, tier.max_leverage) for tier in after.tiers] == [(150e6, 40.0), (math.inf, 20.0)]


def test_the_table_that_became_valid_last_wins_where_several_cover_the_time():
    tiers = tiers_from_rates([(1e6, 0.01, 50)])
    old, new = (TierTable("binance", "XUSDT", tiers, start, None, name) for start, name in ((None, "old"), (DAY, "new")))
    assert tiers_for("binance", "XUSDT", 2 * DAY, [old, new]).source == "new"
    assert tiers_for("binance", "XUSDT", 2 * DAY, [new, old]).source == "new"
    assert tiers_for("binance", "XUSDT", DAY - 1, [new, old]).source == "old"


@pytest.mark.parametrize(
    ("venue", "symbol", "day", "sentence"),
    [
        ("binance", "BTCUSDT", "2024-01-01", "binance BTCUSDT are known for 2024-01-01 00:00 UTC, only from 2024-10-24"),
        ("binance", "BTCUSD_PERP", "2026-01-01", "no risk tier table of binance for 'BTCUSD_PERP'"),
        ("binance", "ETHUSTD", "2026-01-01", "Did you mean 'ETHUSDT'"),
        ("okx", "BTC-USDT-SWAP", "2026-01-01", "No risk tiers of okx are known. Import the venue's own table"),
        ("bybit", "ETHUSDT", "2026-01-01", "another venue's is never used"),
        ("hyperliquid", "DOGS", "2026-01-01", "Did you mean 'DOGE'"),
        ("huobi", "BTCUSDT", "2026-01-01", "There is no venue 'huobi'"),
        ("hyperliquid", "XRP", "2024-06-01", "only from 2025-03-12 00:00 UTC to an open end"),
    ],
)
def test_a_missing_table_is_refused_and_never_borrowed(venue, symbol, day, sentence):
    with pytest.raises(UserError) as refusal:
        tiers_for(venue, symbol, parse_ts(day))
    assert sentence in str(refusal.value)


def test_the_nearest_table_in_time_is_given_only_when_asked_for():
    early = parse_ts("2023-01-01")
    assert tiers_for("binance", "BTCUSDT", early, outside="nearest").valid_from == parse_ts("2024-10-24")
    tiers = tiers_from_rates([(1e6, 0.01, 50)])
    tables = [TierTable("binance", "XUSDT", tiers, start * DAY, end * DAY, f"{start}") for start, end in ((10, 20), (30, 40))]
    picked = [tiers_for("binance", "XUSDT", day * DAY, tables, outside="nearest").source for day in (1, 23, 27, 50)]
    assert picked == ["10", "10", "30", "30"]
    with pytest.raises(UserError, match="no risk tier table of binance for 'YUSDT'"):
        tiers_for("binance", "YUSDT", DAY, tables, outside="nearest")
