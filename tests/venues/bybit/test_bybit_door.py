"""Answers: the messages of Bybit's documentation and their meaning there, by hand; the recordings' counts and final book in
VENUES section 11."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from perpscope.core.errors import DataError, UserError
from perpscope.core.events import GapCause, LiquidationFeed
from perpscope.core.time import HOUR, NULL_TS, Timeframe
from perpscope.core.units import AggressorSide, ContractKind, PositionSide
from perpscope.venues.book_sync import BookSync, SyncState
from perpscope.venues.door import Message, Told
from perpscope.venues.registry import door
from venues.recordings import capture_lines, zipped_lines

MS = 1_000_000
NOW = 1_785_000_000_000 * MS
PAYLOADS = Path(__file__).parents[2] / "payloads/bybit"


def lines(name: str) -> list[bytes]:
    return (PAYLOADS / f"{name}.synthetic.json").read_bytes().splitlines()


def told(name: str) -> list[Message]:
    one = door("bybit")
    return [one.parse(line, NOW) for line in lines(name)]


def test_buy_in_a_liquidation_means_that_a_long_died_at_its_bankruptcy_price() -> None:
    """The position's side; Binance and OKX give the order's, which is the opposite."""
    rose, bitcoin, inverse = told("all_liquidation")
    assert rose.rows == [("liquidation", (1739502302929 * MS, NOW, PositionSide.SHORT, 0.04499, 0.04499, 20000.0))]
    assert [(row[2], row[3], row[5]) for _, row in bitcoin.rows] == [
        (PositionSide.LONG, 96000.5, 0.25),
        (PositionSide.LONG, 95990.0, 1.5),
    ]
    assert (inverse.symbol, inverse.rows[0][1][5]) == ("BTCUSD", 0.5)
    assert door("bybit").liquidation_feed is LiquidationFeed.COMPLETE


def test_a_liquidation_of_another_symbol_than_its_topic_is_refused() -> None:
    payload = lines("all_liquidation")[0].replace(b'"s":"ROSEUSDT"', b'"s":"DOGEUSDT"')
    with pytest.raises(DataError, match="another symbol"):
        door("bybit").parse(payload, NOW)


def test_what_a_ticker_leaves_out_is_unchanged() -> None:
    first, silent, index, mark, inverse = [message.rows for message in told("tickers")]
    ts = 1673272861686 * MS
    assert first == [
        ("mark_price", (ts, NOW, 17217.33, 17227.36)),
        ("open_interest", (ts, NOW, 68744.761, 1183601235.91)),
    ]
    assert silent == []
    assert index == [("mark_price", (ts + 200 * MS, NOW, 17217.33, 17228.0))]
    assert mark == [
        ("mark_price", (ts + 300 * MS, NOW, 17218.0, 17228.0)),
        ("open_interest", (ts + 300 * MS, NOW, 68745.0, 1183601235.91)),
    ]
    assert inverse[1] == ("open_interest", (1673272862000 * MS, NOW, 50000.0, 861000000.0))


def test_notional_over_coins_of_open_interest_is_the_mark_price() -> None:
    """The unit law: within 50 bps, linear and inverse alike."""
    for message in told("tickers"):
        rows = dict(message.rows)
        if "open_interest" in rows and "mark_price" in rows:
            (_, _, coins, usd), mark = rows["open_interest"], rows["mark_price"][2]
            assert abs(usd / coins / mark - 1) < 50e-4


def test_a_ticker_delta_before_any_snapshot_tells_only_what_it_says() -> None:
    index_alone = lines("tickers")[2]
    assert door("bybit").parse(index_alone, NOW).rows == []
    mark = door("bybit").parse(lines("tickers")[3], NOW).rows
    assert mark[0][1][2] == 17218.0
    assert np.isnan(mark[0][1][3])


def test_two_callers_share_no_memory() -> None:
    door("bybit").parse(lines("tickers")[0], NOW)
    assert door("bybit").parse(lines("tickers")[2], NOW).rows == []


def test_trades_take_the_takers_side_and_leave_out_blocks() -> None:
    linear, inverse = told("public_trade")
    assert linear.rows == [("trade", (1672304486865 * MS, NOW, -1, 16578.5, 0.001, AggressorSide.BUY))]
    assert linear.left_out == {"block trades": 1}
    assert inverse.rows == [("trade", (1672304486865 * MS, NOW, -1, 16500.0, 2.0, AggressorSide.SELL))]


def test_books_come_in_coins_with_the_engines_time() -> None:
    shot, update, inverse = [message.book for message in told("orderbook")]
    assert shot is not None
    assert update is not None
    assert inverse is not None
    assert (shot.snapshot, shot.exchange_ts, shot.bids[0]) == (True, 1672304484976 * MS, (16493.5, 0.006))
    assert (update.snapshot, update.last_id, update.bids) == (False, 18521289, [(16493.5, 0.0)])
    assert (inverse.bids, inverse.asks) == ([(16000.0, 2.0)], [(16500.0, 0.0)])


def test_only_closed_bars_are_bars() -> None:
    forming, closed, inverse = told("kline")
    assert forming.rows == []
    name, row = closed.rows[0]
    start = 1672324800000 * MS
    assert name == "bars@1m"
    assert row[:7] == (start, start + Timeframe.parse("1m").ns, 16649.5, 16681.0, 16608.0, 16680.0, 3.5)
    assert inverse.rows[0][1][6] == 2.0


def test_control_messages() -> None:
    subscribed, pong, refused = told("control")
    assert (subscribed.told, pong.told, refused.told) == (Told.ACKNOWLEDGED, Told.PONG, Told.REFUSED)
    assert "handler not found" in refused.note
    other = b'{"topic":"adl.BTCUSDT","type":"snapshot","ts":1672304486868,"data":{}}'
    assert door("bybit").parse(other, NOW).told is Told.UNKNOWN


def book(u: int, kind: str, ts: int, bids: list[list[str]]) -> bytes:
    data = {"s": "BTCUSDT", "b": bids, "a": [["101", "1"]], "u": u, "seq": u}
    return msgspec.json.encode({"topic": "orderbook.200.BTCUSDT", "type": kind, "ts": ts, "data": data, "cts": ts})


@pytest.mark.parametrize(
    ("case", "messages", "passed", "gaps"),
    [
        (
            "restart told as a snapshot",
            [(9, "snapshot"), (10, "delta"), (1, "snapshot"), (2, "delta")],
            [9, 10, 1, 2],
            1,
        ),
        ("restart told as a delta", [(9, "snapshot"), (10, "delta"), (1, "delta"), (2, "delta")], [9, 10, 1, 2], 1),
        ("pre-market opens: the first message has u = 1", [(1, "snapshot"), (2, "delta")], [1, 2], 0),
        ("auction ends, then a new tick: twice in a row", [(9, "snapshot"), (1, "snapshot"), (1, "delta")], [9, 1, 1], 1),
        ("delisting while waiting for a snapshot", [(9, "delta"), (10, "delta"), (1, "delta"), (2, "delta")], [1, 2], 0),
    ],
)
def test_u_1_replaces_the_book_whatever_it_calls_itself(
    case: str, messages: list[tuple[int, str]], passed: list[int], gaps: int
) -> None:
    one, start = door("bybit"), 1_700_000_000_000
    sync = BookSync(one.rule())
    out = []
    for k, (u, kind) in enumerate(messages):
        told_book = one.parse(book(u, kind, start + k, [["100", str(k + 1)]]), NOW).book
        assert told_book is not None
        out += sync.feed(told_book)
    assert [m.last_id for m in out] == passed, case
    assert all(m.snapshot for m in out if m.last_id == 1)
    assert len(sync.gaps) == gaps
    assert all(cause is GapCause.SEQUENCE for *_, cause in sync.gaps)
    assert sync.state is not SyncState.BUFFERING


def test_the_recorded_book_comes_through_the_door_whole(shared_data: Path) -> None:
    one = door("bybit")
    sync = BookSync(one.rule())
    levels: tuple[dict[float, float], dict[float, float]] = ({}, {})
    for line in zipped_lines(shared_data / "wire/bybit_v5/XRPUSDT-ob500-2024-12-01.zip"):
        message = one.parse(line, NOW)
        assert (message.told, message.symbol) == (Told.EVENTS, "XRPUSDT")
        assert message.book is not None
        for told_book in sync.feed(message.book):
            for side, changes in zip(levels, (told_book.bids, told_book.asks), strict=True):
                if told_book.snapshot:
                    side.clear()
                side.update(changes)
                for price in [p for p, q in changes if q == 0]:
                    side.pop(price, None)
    assert sync.gaps == []
    best_bid, best_ask = max(levels[0]), min(levels[1])
    assert (best_bid, levels[0][best_bid], best_ask, levels[1][best_ask]) == (1.9537, 10605.0, 1.9538, 6702.0)
    assert [len(side) for side in levels] == [500, 500]


def test_every_message_of_the_api_before_v5_is_unknown(shared_data: Path) -> None:
    one = door("bybit")
    counted = {"orderBookL2": 0, "trade": 0}
    for _, stamp, body in capture_lines(shared_data / "wire/captures/BYBIT.ws.25.0.gz"):
        message = one.parse(body, stamp)
        assert message.told is Told.UNKNOWN
        for name in counted:
            counted[name] += body.startswith(f'{{"topic":"{name}'.encode())
    assert counted == {"orderBookL2": 3260, "trade": 66}


def test_funding_intervals_are_the_distances_of_the_stamps() -> None:
    table = door("bybit").read_polled("ETHPERP", "funding", lines("rest_funding")[0], NOW)
    assert table["funding_rate"].tolist() == [-0.0004, 0.0001, 0.0002, 0.0003]
    assert table["funding_interval"].tolist() == [NULL_TS, 8 * HOUR, 7 * HOUR, HOUR]
    ask = door("bybit").ask_polled("BTCUSD", "funding")
    assert ask is not None
    assert ask.query["category"] == "inverse"
    assert door("bybit").ask_polled("BTCUSDT", "open_interest") is None


def test_answers_of_requests() -> None:
    one = door("bybit")
    assert one.read_time(lines("rest_time")[0]) == 1688639403423213947
    linear, inverse = one.read_instruments(lines("rest_instruments")[0])
    assert (linear.symbol, linear.kind, linear.tick_size, linear.lot_size) == ("BTCUSDT", ContractKind.LINEAR, 0.1, 0.001)
    assert (inverse.kind, np.isnan(inverse.lot_size)) == (ContractKind.INVERSE, True)
    with pytest.raises(DataError, match="10001"):
        one.read_time(b'{"retCode":10001,"retMsg":"params error: symbol invalid","result":{},"time":1672051897447}')


def test_subscriptions_and_their_limits() -> None:
    one = door("bybit")
    channels = one.channels("BTCUSDT", ["trade", "mark_price", "open_interest", "bars@4h"])
    assert [c.topic for c in channels] == ["publicTrade.BTCUSDT", "tickers.BTCUSDT", "kline.240.BTCUSDT"]
    assert msgspec.json.decode(one.subscribe(channels, 7)[0]) == {
        "req_id": "7.0", "op": "subscribe", "args": ["publicTrade.BTCUSDT", "tickers.BTCUSDT", "kline.240.BTCUSDT"],
    }  # fmt: skip
    assert len(one.unsubscribe(channels * 40, 8)) == 3
    with pytest.raises(UserError, match="split"):
        one.url("wss://x", [*channels, *one.channels("BTCUSD", ["trade"])])
    for symbol, kind in (("BTCUSDT", "funding"), ("BTCUSDT", "bars@7m"), ("BTC-USDT-SWAP", "trade")):
        with pytest.raises(UserError):
            one.channels(symbol, [kind])
