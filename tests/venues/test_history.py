"""Answers by the arithmetic of rest_venues.py; ccxt itself asks, over real sockets."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lake.fetch.vision import kline_file, serving
from perpscope.core.errors import UserError
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR, MINUTE, NULL_TS, Timeframe
from perpscope.core.units import ContractKind
from perpscope.lake import Lake
from perpscope.lake.fetch import fetch
from perpscope.lake.fetch.download import Site
from perpscope.venues.history import VenueHistory
from perpscope.venues.history.client import VENUES, ask
from venues.rest_venues import MS, ZERO, Venues, answering, open_at

H1 = Timeframe.parse("1h")
SYMBOLS = {
    "binance": "BTCUSDT", "binance_coinm": "BTCUSD_PERP", "binance_spot": "BTCUSDT", "bybit": "BTCUSDT", "okx": "BTC-USDT-SWAP",
    "hyperliquid": "BTC",
}  # fmt: skip


@pytest.fixture(scope="module")
def site() -> Iterator[Venues]:
    with answering() as found:
        yield found


@pytest.fixture(scope="module")
def histories(site: Venues) -> dict[str, VenueHistory]:
    return {venue: VenueHistory(venue, site.url, timeout_s=10.0) for venue in SYMBOLS}


def pages(history: VenueHistory, kind: str, start: int, end: int) -> list[Table]:
    return list(history.pages(kind, SYMBOLS[history.venue], H1, start, end))


@pytest.mark.parametrize("venue", sorted(SYMBOLS))
def test_bars_are_whole_in_base_units_and_closed(venue: str, histories: dict[str, VenueHistory]) -> None:
    end = ZERO + 55 * DAY + HOUR // 2  # more than one page everywhere, and half a bar at the end
    bars = Table.concat(pages(histories[venue], "bars", ZERO, end))
    opens = list(range(ZERO, ZERO + 55 * DAY, HOUR))
    assert bars["ref_ts"].tolist() == opens
    assert bars["known_ts"].tolist() == [t + HOUR for t in opens]
    assert bars["open"].tolist() == [open_at(t // MS) for t in opens]
    assert set(bars["volume"].tolist()) == {12.5}
    if venue.startswith("binance"):
        assert (set(bars["buy_volume"].tolist()), set(bars["sell_volume"].tolist())) == ({5.25}, {7.25})
    else:
        assert np.isnan(bars["buy_volume"]).all()


@pytest.mark.parametrize("venue", ["binance", "binance_coinm", "bybit", "okx"])
def test_mark_bars(venue: str, histories: dict[str, VenueHistory]) -> None:
    marks = Table.concat(pages(histories[venue], "mark", ZERO, ZERO + 6 * DAY))
    assert marks.schema.name == "mark_bars"
    assert marks["ref_ts"].tolist() == list(range(ZERO, ZERO + 6 * DAY, HOUR))
    assert marks["high"].tolist() == [open_at(t // MS) + 9.5 for t in marks["ref_ts"].tolist()]


@pytest.mark.parametrize("venue", ["binance", "binance_coinm", "bybit", "okx", "hyperliquid"])
def test_funding_has_its_interval_from_the_stamps(venue: str, histories: dict[str, VenueHistory]) -> None:
    hours, rate, jitter = (1, 0.0000125, 31 * MS) if venue == "hyperliquid" else (8, 0.0001, 0)
    start = ZERO + DAY
    funding = Table.concat(pages(histories[venue], "funding", start, start + 30 * DAY))
    assert funding["exchange_ts"].tolist() == list(range(start + jitter, start + 30 * DAY, hours * HOUR))
    assert set(funding["funding_interval"].tolist()) == {hours * HOUR}
    assert set(funding["funding_rate"].tolist()) == {rate}
    assert set(funding["receive_ts"].tolist()) == {NULL_TS}


@pytest.mark.parametrize("venue", ["binance", "binance_coinm", "bybit", "okx"])
def test_open_interest_is_in_coins(venue: str, histories: dict[str, VenueHistory]) -> None:
    found = pages(histories[venue], "oi", ZERO, ZERO + 10 * HOUR)
    interest = Table.concat(found)
    assert interest["exchange_ts"].tolist() == list(range(ZERO, ZERO + 10 * HOUR, 5 * MINUTE))
    first = interest["open_interest"].tolist()[:2]
    notional = interest["open_interest_notional"].tolist()[0]
    if venue == "binance_coinm":
        assert (first, notional) == ([16.0, 16.0], 1000 * 100.0)  # contracts of 100 USD
    else:
        assert first == [1000.0, 1001.0]
        assert notional == {"binance": 16.0, "okx": 60_000_000.0}.get(venue, pytest.approx(math.nan, nan_ok=True))


@pytest.mark.parametrize("venue", ["binance", "binance_coinm", "binance_spot"])
def test_trades_go_on_by_id(venue: str, histories: dict[str, VenueHistory]) -> None:
    start, end = ZERO + 100 * 10 * 10**9, ZERO + 2_400 * 10 * 10**9
    trades = Table.concat(pages(histories[venue], "trades", start, end))
    assert trades["trade_id"].tolist() == list(range(100, 2_400))
    assert trades["price"][0] == 60_000.1
    expected = 0.5 * 100 / 60_000.1 if venue == "binance_coinm" else 0.5
    assert trades["quantity"][0] == expected


def test_a_margin_table_is_continuous_and_dated(histories: dict[str, VenueHistory]) -> None:
    table = histories["bybit"].tiers("BTCUSDT", ZERO)
    assert (table.valid_from, table.valid_to) == (ZERO, None)
    # 2,000,000 x (0.0056 - 0.005) is deducted in the second step
    assert [(t.floor, t.cap, t.maintenance_rate, round(t.maintenance_amount, 6), t.max_leverage) for t in table.tiers] == [
        (0.0, 2_000_000.0, 0.005, 0.0, 100.0), (2_000_000.0, 2_600_000.0, 0.0056, 1_200.0, 90.0),
    ]  # fmt: skip
    for venue, word in {
        "binance": "accounts only",
        "okx": "contracts",
        "hyperliquid": "margin table",
        "binance_spot": "Spot",
    }.items():
        with pytest.raises(UserError, match=word):
            histories[venue].tiers(SYMBOLS[venue], ZERO)


@pytest.mark.parametrize(
    ("venue", "tick", "lot", "size"),
    [("bybit", 0.1, 0.001, 1.0), ("okx", 0.1, 0.0001, 0.01), ("hyperliquid", None, 0.00001, 1.0)],
)
def test_instruments_state_their_steps_in_base_units(
    venue: str, tick: float | None, lot: float, size: float, histories: dict[str, VenueHistory]
) -> None:
    (one,) = histories[venue].instruments()
    assert (one.symbol, one.kind, one.contract_size) == (SYMBOLS[venue], ContractKind.LINEAR, size)
    assert one.lot_size == pytest.approx(lot)
    assert tick is None or one.tick_size == tick


def test_nothing_is_repeated_and_every_refusal_is_a_sentence(site: Venues, histories: dict[str, VenueHistory]) -> None:
    for history in histories.values():
        assert history.client.options["maxRetriesOnFailure"] == 0
        assert not history.client.apiKey
    one = VenueHistory("binance", site.url)
    site.refuse, before = 429, len(site.asked)
    with pytest.raises(UserError, match="fewer requests"):
        pages(one, "bars", ZERO, ZERO + DAY)
    assert len(site.asked) == before + 1
    site.refuse = 503
    with pytest.raises(UserError, match="did not answer"):
        pages(one, "bars", ZERO, ZERO + DAY)
    assert len(site.asked) == before + 2
    site.refuse = 0
    with pytest.raises(UserError, match="offers no history of oi"):
        pages(histories["hyperliquid"], "oi", ZERO, ZERO + DAY)
    with pytest.raises(UserError, match="Did you mean 'bybit'"):
        VenueHistory("bybitt")
    with pytest.raises(UserError, match="no contract 'NOUSDT'"):
        list(histories["bybit"].pages("bars", "NOUSDT", H1, ZERO, ZERO + DAY))
    with pytest.raises(UserError, match="is no address"):
        ask("bybit", VenueHistory("bybit", "localhost").pages, "bars", "X", H1, ZERO, ZERO + DAY)


def test_no_request_leaves_the_given_address(histories: dict[str, VenueHistory], site: Venues) -> None:
    for history in histories.values():
        stack = [history.client.urls["api"]]
        while stack:
            at = stack.pop()
            stack += list(at.values()) if isinstance(at, dict) else []
            assert isinstance(at, dict) or at.startswith(site.url)
    assert set(histories) == set(VENUES)


def test_a_fetch_by_rest_fills_a_lake_and_goes_on_where_it_was(site: Venues, tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    now = ZERO + 20 * DAY
    history = VenueHistory("bybit", site.url)
    wanted = ["bars", "funding", "oi"]
    half = fetch(lake, "bybit", "BTCUSDT", wanted, ZERO + DAY, ZERO + 4 * DAY, frame="1h", history=history, now=now)
    assert half.rest == {"bars@1h": 72, "funding": 9, "open_interest": 864}
    whole = fetch(lake, "bybit", "BTCUSDT", wanted, ZERO + DAY, ZERO + 8 * DAY, frame="1h", history=history, now=now)
    assert whole.rest["bars@1h"] == 4 * 24
    bars = Lake(tmp_path).read("bybit", "BTCUSDT", "bars@1h")
    assert bars["ref_ts"].tolist() == list(range(ZERO + DAY, ZERO + 8 * DAY, HOUR))
    assert (whole.holes, whole.absent) == ([], [])
    late = fetch(
        lake, "binance", "BTCUSDT", ["oi"], ZERO, ZERO + 2 * DAY, history=VenueHistory("binance", site.url), now=ZERO + 31 * DAY
    )
    assert [(k, s, e) for k, s, e, _ in late.absent] == [("oi", ZERO, ZERO + DAY + HOUR)]
    assert late.rest == {"open_interest": 23 * 12}


def test_what_the_archive_lacks_comes_by_rest_and_tells_the_same_bars(site: Venues, tmp_path: Path) -> None:
    """The two servers tell the same market: January by archive, three days of February by REST, without a seam."""
    february, end = ZERO + 31 * DAY, ZERO + 34 * DAY
    history = VenueHistory("binance", site.url)
    both, alone = Lake(tmp_path / "both"), Lake(tmp_path / "alone")
    with serving(dict([kline_file("klines", ZERO, february, "2026-01")])) as archive:
        server = Site(archive.url, lambda seconds: None)
        told = fetch(both, "binance", "BTCUSDT", ["bars"], ZERO, end, frame="1h", site=server, history=history, now=end)
    assert (told.added, told.rest, told.holes, told.absent) == ({"bars@1h": 31 * 24}, {"bars@1h": 3 * 24}, [], [])
    fetch(alone, "binance", "BTCUSDT", ["bars"], ZERO, end, frame="1h", history=history, now=end)
    assert both.read("binance", "BTCUSDT", "bars@1h").same_as(alone.read("binance", "BTCUSDT", "bars@1h"))
