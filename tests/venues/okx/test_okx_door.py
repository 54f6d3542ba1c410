"""Answers: the messages of OKX's documentation by hand; the recording's counts, contract sizes and checksums (the venue's own
arithmetic) in VENUES section 11."""

from __future__ import annotations

import gzip
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest

from perpscope.core.errors import DataError, UserError
from perpscope.core.events import LiquidationFeed
from perpscope.core.instrument import Instrument
from perpscope.core.time import HOUR, SECOND
from perpscope.core.units import AggressorSide, ContractKind, PositionSide
from perpscope.venues.book_sync import BookMessage, BookSync, SyncState
from perpscope.venues.door import Door, Message, Told
from perpscope.venues.registry import door
from venues.recordings import capture_lines

MS = 1_000_000
NOW = 1_785_000_000_000 * MS
PAYLOADS = Path(__file__).parents[2] / "payloads/okx"
Sides = tuple[dict[float, float], dict[float, float]]


def lines(name: str) -> list[bytes]:
    return (PAYLOADS / f"{name}.synthetic.json").read_bytes().splitlines()


def knowing() -> Door:
    one = door("okx")
    return one.with_instruments(one.read_instruments(lines("rest_instruments")[0]))


def told(name: str) -> list[Message]:
    one = knowing()
    return [one.parse(line, NOW) for line in lines(name)]


def recorded(shared_data: Path) -> Door:
    """The door with the contract sizes of the recorded instrument lists."""
    one, found = door("okx"), []
    for line in gzip.decompress((shared_data / "wire/captures/OKX.0.gz").read_bytes()).splitlines():
        head, _, body = line.partition(b": ")
        if b"/public/instruments?instType=" in head and b"OPTION" not in head:
            found += one.read_instruments(body)
    return one.with_instruments(found)


def frames(shared_data: Path) -> list[bytes]:
    captured = capture_lines(shared_data / "wire/captures/OKX.ws.1.0.gz")
    return [body for _, _, body in captured if b'"books"' in body[:60] and b'"action"' in body]


def apply(levels: Sides, message: BookMessage) -> None:
    for side, changes in zip(levels, (message.bids, message.asks), strict=True):
        if message.snapshot:
            side.clear()
        side.update(changes)
        for price in [p for p, q in changes if q == 0]:
            side.pop(price, None)


def test_contracts_become_coins_linear_and_inverse() -> None:
    linear, inverse = told("trades")
    ts = 1630048897897 * MS
    assert linear.rows == [("trade", (ts, NOW, 130639474, 42219.9, 0.12, AggressorSide.BUY))]
    assert inverse.rows == [("trade", (ts, NOW, 77, 40000.0, 0.02, AggressorSide.SELL))]
    assert (linear.first_id, linear.last_id) == (130639472, 130639474)


def test_the_recorded_instruments_have_the_sizes_of_the_specification(shared_data: Path) -> None:
    sizes = {name: contract.size for name, contract in recorded(shared_data).contracts.items()}
    assert [sizes[n] for n in ("BTC-USDT-SWAP", "ETH-USDT-SWAP", "BTC-USD-SWAP", "BTC-USDT")] == [0.01, 0.1, 100.0, 1.0]


def test_what_counts_in_contracts_of_an_unknown_size_is_refused() -> None:
    with pytest.raises(DataError, match="read the instruments"):
        door("okx").parse(lines("trades")[0], NOW)
    with pytest.raises(DataError, match="read the instruments"):
        door("okx").parse(lines("books")[0], NOW)


def test_sell_in_a_liquidation_means_that_a_long_died() -> None:
    short, several = told("liquidation_orders")
    assert short.rows == [("liquidation", (1723891410030 * MS, NOW, PositionSide.SHORT, 95000.0, 95000.0, 0.13))]
    assert several.symbol == "BTC-USD-SWAP"
    assert several.rows[0][1][2:] == (PositionSide.LONG, 50000.0, 50000.0, 0.04)
    (other,) = several.others
    assert (other.symbol, other.rows[0][1][2], other.rows[0][1][5]) == ("ETH-USDT-SWAP", PositionSide.LONG, pytest.approx(0.3))
    assert several.left_out == {"of an unknown instrument": 1}
    assert door("okx").liquidation_feed is LiquidationFeed.ONE_PER_SECOND


def test_an_order_that_contradicts_its_position_is_refused() -> None:
    payload = lines("liquidation_orders")[0].replace(b'"posSide":"short"', b'"posSide":"long"')
    with pytest.raises(DataError, match="direction"):
        knowing().parse(payload, NOW)


def test_mark_and_index_come_on_two_channels_and_leave_as_one() -> None:
    alone, index, both = told("mark_price")
    assert alone.rows[0][1][2] == 42310.6
    assert np.isnan(alone.rows[0][1][3])
    assert (index.told, list(index.rows)) == (Told.EVENTS, [])
    assert both.rows == [("mark_price", (1630049139946 * MS, NOW, 42311.0, 42300.1))]


def test_open_interest_in_coins_with_its_value_where_told() -> None:
    valued, bare = [message.rows[0][1] for message in told("open_interest")]
    assert valued == (1630049139746 * MS, NOW, 21254.19, 899258026.9)
    assert abs(valued[3] / valued[2] / 42310.6 - 1) < 50e-4  # the unit law, against the mark of the same moment
    assert np.isnan(bare[3])


def test_a_settlement_is_told_once_and_not_while_it_is_worked_out() -> None:
    first, repeated, processing, next_one = [message.rows for message in told("funding_rate")]
    assert first == [("funding", (1700697600000 * MS, NOW, 0.0001418433662153, 8 * HOUR))]
    assert repeated == processing == []
    # without prevFundingTime: one interval (four hours here) before the coming settlement
    assert next_one == [("funding", (1700726400000 * MS, NOW, 0.00019, 4 * HOUR))]


def test_only_closed_bars_are_bars_and_their_volume_is_in_coins() -> None:
    forming, closed = told("candle")
    assert forming.rows == []
    start = 1629993600000 * MS
    assert closed.rows[0][1][:7] == (start, start + 60 * SECOND, 42500.0, 48199.9, 41006.1, 41006.1, 3587.23)


def test_control_messages() -> None:
    subscribed, refused, counted, notice = told("control")
    assert (subscribed.told, subscribed.channel) == (Told.ACKNOWLEDGED, "trades:BTC-USDT-SWAP")
    assert refused.told is Told.REFUSED
    assert refused.note.startswith("60018 ")
    assert (counted.told, notice.told) == (Told.ACKNOWLEDGED, Told.ACKNOWLEDGED)
    assert "service upgrade" in notice.note
    assert knowing().parse(b"pong", NOW).told is Told.PONG
    books = b'{"arg":{"channel":"books","instId":"BTC-USDT-SWAP"},"event":"subscribe"}'
    assert knowing().parse(books, NOW) == Message(Told.ACKNOWLEDGED, "books:BTC-USDT-SWAP", note="subscribe")
    other = b'{"arg":{"channel":"price-limit","instId":"BTC-USDT-SWAP"},"data":[{"buyLmt":"300"}]}'
    assert knowing().parse(other, NOW).told is Told.UNKNOWN


def test_the_recording_through_the_door(shared_data: Path) -> None:
    """74 trades without a hole in their ids, 290 book frames with matching checksums; tickers are not read."""
    one = recorded(shared_data)
    counts: dict[str, int] = {}
    ids: dict[str, list[int]] = {}
    for _, stamp, body in capture_lines(shared_data / "wire/captures/OKX.ws.1.0.gz"):
        message = one.parse(body, stamp)
        assert message.told in (Told.EVENTS, Told.UNKNOWN, Told.ACKNOWLEDGED)
        if message.book is not None:
            counts["book"] = counts.get("book", 0) + 1
            assert message.book.previous_id == -1  # no seqId in 2022; -2 would say that a checksum failed
        for _, row in message.rows:
            ids.setdefault(message.symbol, []).append(row[2])
    assert counts == {"book": 290}
    assert sum(map(len, ids.values())) == 74
    assert all(b - a == 1 for run in ids.values() for a, b in pairwise(run))


def test_a_book_whose_checksum_fails_breaks_the_chain(shared_data: Path) -> None:
    one = recorded(shared_data)
    mine = [body for body in frames(shared_data) if b'"BTC-USDT"' in body[:80]]
    sync = BookSync(one.rule())
    for k, body in enumerate(mine[:60]):
        wrong = msgspec.json.decode(body)
        if k == 40:
            wrong["data"][0]["checksum"] += 1
        message = one.parse(msgspec.json.encode(wrong), NOW).book
        assert message is not None
        sync.feed(message)
    assert len(sync.gaps) == 1
    assert sync.counts["applied"] == 39
    assert sync.state is SyncState.BUFFERING


def chained(shared_data: Path) -> list[bytes]:
    """Recorded frames of one instrument in the form of 2026: numbered, checksum 0."""
    out = []
    for k, body in enumerate(b for b in frames(shared_data) if b'"BTC-USDT"' in b[:80]):
        frame = msgspec.json.decode(body)
        frame["data"][0] |= {"checksum": 0, "seqId": 1000 + 7 * k, "prevSeqId": 1000 + 7 * (k - 1) if k else -1}
        out.append(msgspec.json.encode(frame))
    return out


def replay(one: Door, bodies: list[bytes], answers: dict[int, bytes]) -> tuple[BookSync, Sides]:
    """Frames through the machine; `answers` are REST books that arrive after the frame of that number."""
    sync, levels = BookSync(one.rule()), ({}, {})
    for k, body in enumerate(bodies):
        message = one.parse(body, NOW).book
        assert message is not None
        fed = [message] + ([one.read_snapshot("BTC-USDT", answers[k], NOW)] if k in answers else [])
        for passed in (p for m in fed for p in sync.feed(m)):
            apply(levels, passed)
    return sync, levels


def rest_book(one: Door, bodies: list[bytes], seq: int) -> bytes:
    """What a REST request answers once all the bodies are applied."""
    levels: Sides = ({}, {})
    for body in bodies:
        message = one.parse(body, NOW).book
        assert message is not None
        apply(levels, message)
    bids, asks = ([[str(p), str(q), "0", "1"] for p, q in side.items()] for side in levels)
    data = [{"asks": asks, "bids": bids, "ts": "1652459226000", "seqId": seq}]
    return msgspec.json.encode({"code": "0", "msg": "", "data": data})


def test_books_are_equal_with_and_without_the_streams_own_snapshot(shared_data: Path) -> None:
    """The regime before 2026 (snapshot, checksum) and the one after (none, 0), on the same recorded frames."""
    one = recorded(shared_data)
    old = [b for b in frames(shared_data) if b'"BTC-USDT"' in b[:80]]
    new = chained(shared_data)
    _, expected = replay(one, old, {})
    with_snapshot, same = replay(one, new, {})
    assert (same, with_snapshot.gaps) == (expected, [])
    # no snapshot: the answer was taken after 10 frames and arrives after the 20th; a first one older than the buffer is refused
    bootstrapped, rebuilt = replay(one, new[1:], {4: rest_book(one, new[:1], 993), 19: rest_book(one, new[:11], 1070)})
    assert bootstrapped.counts["refused snapshots"] == 1
    assert (rebuilt, bootstrapped.gaps, bootstrapped.state) == (expected, [], SyncState.LIVE)


def test_a_reset_after_maintenance_goes_on_and_a_jump_does_not() -> None:
    one, sync = knowing(), None
    sync = BookSync(one.rule())
    shot, update = (msgspec.json.decode(line) for line in lines("books"))
    for seq, previous in ((123456, -1), (123470, 123456), (123470, 123470), (3, 123470), (9, 3)):
        frame = shot if previous == -1 else update
        frame["data"][0] |= {"seqId": seq, "prevSeqId": previous}
        message = one.parse(msgspec.json.encode(frame), NOW).book
        assert message is not None
        assert [m.last_id for m in sync.feed(message)] == [seq]
    update["data"][0] |= {"seqId": 30, "prevSeqId": 20}
    jumped = one.parse(msgspec.json.encode(update), NOW).book
    assert jumped is not None
    assert sync.feed(jumped) == []
    assert len(sync.gaps) == 1


def test_answers_of_requests() -> None:
    one = knowing()
    book = one.read_snapshot("BTC-USDT-SWAP", lines("rest_depth")[0], NOW)
    assert (book.snapshot, book.last_id, book.bids) == (True, 3235851742, [(41006.3, 0.3)])
    trades = one.read_trades("BTC-USDT-SWAP", lines("rest_trades")[0], NOW)
    assert trades["trade_id"].tolist() == [242720720, 242720721]
    assert trades["quantity"].tolist() == [0.1, 0.05]
    ask = one.ask_trades("BTC-USDT-SWAP", 242720720)
    assert ask is not None
    assert ask.query["after"] == 242720820
    assert one.read_time(lines("rest_time")[0]) == 1597026383085 * MS
    kinds = {i.symbol: (i.kind, i.lot_size) for i in one.read_instruments(lines("rest_instruments")[0])}
    assert kinds["BTC-USDT-SWAP"] == (ContractKind.LINEAR, 0.0001)
    assert kinds["BTC-USD-SWAP"][0] is ContractKind.INVERSE
    with pytest.raises(DataError, match="51001"):
        one.read_time(b'{"code":"51001","msg":"Instrument ID does not exist","data":[]}')


def test_sizes_that_are_learnt_later_join_those_known() -> None:
    one = knowing().with_instruments([Instrument("okx", "SOL-USDT-SWAP", contract_size=1.0)])
    payload = lines("trades")[0].replace(b"BTC-USDT-SWAP", b"SOL-USDT-SWAP")
    assert one.parse(payload, NOW).rows[0][1][4] == 12.0
    assert one.parse(lines("trades")[0], NOW).rows[0][1][4] == 0.12


def test_subscriptions_and_their_routes() -> None:
    one = door("okx")
    channels = one.channels("BTC-USDT-SWAP", ["trade", "mark_price", "liquidation"])
    (message,) = one.subscribe(channels, 5)
    assert msgspec.json.decode(message)["args"] == [
        {"channel": "trades", "instId": "BTC-USDT-SWAP"},
        {"channel": "mark-price", "instId": "BTC-USDT-SWAP"},
        {"channel": "index-tickers", "instId": "BTC-USDT"},
        {"channel": "liquidation-orders", "instType": "SWAP"},
    ]
    with pytest.raises(UserError, match="split"):
        one.url("wss://x", [*channels, *one.channels("BTC-USDT-SWAP", ["bars@1m"])])
    with pytest.raises(UserError, match="BTC-USDT-SWAP"):
        one.channels("BTCUSDT", ["trade"])
