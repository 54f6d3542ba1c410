"""Answers: the messages of Hyperliquid's documentation by hand; the recording's counts in VENUES section 11."""

from __future__ import annotations

import gzip
from pathlib import Path

import msgspec
import pytest

from perpscope.core.errors import DataError, UserError
from perpscope.core.time import DAY, HOUR, SECOND
from perpscope.core.units import AggressorSide
from perpscope.venues.door import Message, Told
from perpscope.venues.hyperliquid.door import SeenTrades
from perpscope.venues.registry import door

MS = 1_000_000
NOW = 1_785_000_000_000 * MS
PAYLOADS = Path(__file__).parents[2] / "payloads/hyperliquid"


def lines(name: str) -> list[bytes]:
    return (PAYLOADS / f"{name}.synthetic.json").read_bytes().splitlines()


def told(name: str) -> list[Message]:
    one = door("hyperliquid")
    return [one.parse(line, NOW) for line in lines(name)]


def recording(shared_data: Path) -> list[tuple[int, bytes]]:
    raw = gzip.decompress((shared_data / "wire/hyperliquid/BTC-2025-01-26.jsonl.gz").read_bytes())
    return [(int(stamp), body) for stamp, _, body in (line.partition(b" ") for line in raw.splitlines())]


def test_open_interest_is_halved_and_the_context_happens_when_received() -> None:
    (context,) = told("active_asset_ctx")
    assert context.rows == [
        ("mark_price", (NOW, NOW, 105050.0, 105020.0)),
        ("open_interest", (NOW, NOW, 15000.25, 15000.25 * 105050.0)),
    ]
    (_, mark), (_, interest) = context.rows
    assert abs(interest[3] / interest[2] / mark[2] - 1) < 50e-4


def test_trades_that_are_replayed_are_told_once_and_keep_their_times() -> None:
    one = door("hyperliquid")
    (line,) = lines("trades")
    first, again = one.parse(line, NOW), one.parse(line, NOW + SECOND)
    assert first.rows == [
        ("trade", (1737918794873 * MS, NOW, 121451470284048, 105056.0, 0.00219, AggressorSide.BUY)),
        ("trade", (1737918795000 * MS, NOW, 121451470284049, 105055.0, 0.5, AggressorSide.SELL)),
    ]
    assert (again.rows, again.left_out) == ([], {"replayed": 2})


def test_the_memory_of_trades_is_bounded_and_keeps_the_youngest() -> None:
    seen = SeenTrades(kept=100)
    assert all(seen.fresh("BTC", k) for k in range(1_000))
    assert len(seen._ids["BTC"]) <= 100
    assert not any(seen.fresh("BTC", k) for k in range(950, 1_000))
    assert seen.fresh("ETH", 999)


def test_the_recording_holds_its_catalogued_books_and_trades(shared_data: Path) -> None:
    one = door("hyperliquid")
    books, trades = [], []
    for stamp, body in recording(shared_data):
        message = one.parse(body, stamp)
        books += [message.book] if message.book else []
        trades += [row for _, row in message.rows]
    assert (len(books), {(len(b.bids), len(b.asks)) for b in books}) == (46, {(20, 20)})
    sides = [row[5] for row in trades]
    assert (sides.count(AggressorSide.SELL), sides.count(AggressorSide.BUY), len(sides)) == (41, 23, 64)
    assert 48 * SECOND < books[0].exchange_ts - min(row[0] for row in trades) < 50 * SECOND
    repeated = [one.parse(body, stamp) for stamp, body in recording(shared_data)]
    assert [row for message in repeated for row in message.rows] == []


def test_a_bar_is_told_when_a_later_one_begins() -> None:
    forming, later, next_bar = told("candle")
    assert forming.rows == later.rows == []
    name, row = next_bar.rows[0]
    start = 1681923600000 * MS
    assert (name, row[:7], row[9]) == (
        "bars@1m",
        (start, start + 60 * SECOND, 29258.0, 29309.0, 29249.0, 29255.0, 1.5),
        200.0,
    )
    one = door("hyperliquid")
    for line in reversed(lines("candle")):
        assert one.parse(line, NOW).rows == []  # an older bar says nothing new


def test_control_messages() -> None:
    subscribed, pong, refused = told("control")
    assert (subscribed.told, subscribed.channel) == (Told.ACKNOWLEDGED, "trades:BTC")
    assert (pong.told, refused.told) == (Told.PONG, Told.REFUSED)
    assert "Invalid subscription" in refused.note
    one = door("hyperliquid")
    assert one.parse(b"Websocket connection established.", NOW).told is Told.ACKNOWLEDGED
    assert one.parse(b'{"channel":"allMids","data":{"mids":{"BTC":"1"}}}', NOW).told is Told.UNKNOWN


def test_a_message_of_several_coins_is_refused() -> None:
    payload = lines("trades")[0].replace(b'"BTC"', b'"ETH"', 1)
    with pytest.raises(DataError, match="several coins"):
        door("hyperliquid").parse(payload, NOW)


def test_no_public_stream_tells_of_liquidations() -> None:
    assert door("hyperliquid").liquidation_feed is None
    with pytest.raises(UserError, match="liquidation"):
        door("hyperliquid").channels("BTC", ["liquidation"])


def test_funding_is_hourly_and_asked_from_the_day_before_the_last_message() -> None:
    one = door("hyperliquid")
    table = one.read_polled("ETH", "funding", lines("rest_funding")[0], NOW)
    assert table["funding_rate"].tolist() == [-0.00022196, 0.0000125]
    assert table["funding_interval"].tolist() == [HOUR, HOUR]
    assert round(int(table["exchange_ts"][1] - table["exchange_ts"][0]) / HOUR) == 1
    one.parse(lines("control")[1], NOW)
    ask = one.ask_polled("ETH", "funding")
    assert ask is not None
    assert ask.body == {"type": "fundingHistory", "coin": "ETH", "startTime": (NOW - DAY) // MS}
    assert one.ask_polled("ETH", "open_interest") is None


def test_answers_of_requests() -> None:
    one = door("hyperliquid")
    assert one.read_time(lines("rest_time")[0]) == 1754450974231 * MS
    bitcoin, pepe, _ = one.read_instruments(lines("rest_instruments")[0])
    assert (bitcoin.symbol, bitcoin.lot_size, bitcoin.tick_size, bitcoin.oi_sides) == ("BTC", 1e-5, 0.1, 2)
    assert (pepe.symbol, pepe.lot_size, pepe.tick_size) == ("kPEPE", 1.0, 1e-6)


def test_subscriptions_are_one_message_a_channel() -> None:
    one = door("hyperliquid")
    channels = one.channels("BTC", ["trade", "mark_price", "open_interest", "bars@1h"])
    assert [msgspec.json.decode(m)["subscription"] for m in one.subscribe(channels, 1)] == [
        {"type": "trades", "coin": "BTC"},
        {"type": "activeAssetCtx", "coin": "BTC"},
        {"type": "candle", "coin": "BTC", "interval": "1h"},
    ]
    assert one.ping() == b'{"method":"ping"}'
