"""Two readings of each protocol must agree: what the simulated venue writes, the door of the venue reads.

Answer: the tables of the synthetic market, whose every event is known. Nothing is shared between writer and reader but the
venue's documents (an import contract forbids it), so a wrong field, unit or side in either shows here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from perpscope.core.events import BOOK_DELTA, LIQUIDATION, TRADE, AggressorSide, stream_schema
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import NULL_TS
from perpscope.core.units import ContractKind, PositionSide
from perpscope.replay.dialect import Dialect, Request, Session
from perpscope.replay.dialects import dialect_of
from perpscope.replay.frames import Tape
from perpscope.replay.market import market_of
from perpscope.replay.sources import TOLD
from perpscope.synthetic import Config, simulate
from perpscope.synthetic.config import Publication
from perpscope.venues.book_sync import BookSync, book_table
from perpscope.venues.door import Ask, Message
from perpscope.venues.registry import door

MS = 1_000_000
VENUES = {
    "binance": ("BTCUSDT", ContractKind.LINEAR, 1.0),
    "binance_coinm": ("BTCUSD_PERP", ContractKind.INVERSE, 100.0),
    "binance_spot": ("BTCUSDT", ContractKind.LINEAR, 1.0),
    "bybit": ("BTCUSDT", ContractKind.LINEAR, 1.0),
    "okx": ("BTC-USDT-SWAP", ContractKind.LINEAR, 0.01),
    "hyperliquid": ("BTC", ContractKind.LINEAR, 1.0),
}


@pytest.fixture(scope="module")
def tables() -> dict[str, Table]:
    """Six minutes of a market whose every event is known; one forced order of each side is put in by hand."""
    market = simulate(Config(seed=3, days=0.1 / 24, publication=Publication(depth_levels=20, depth_hours=0.1)))
    made = {name: market.tables[name] for name in TOLD if name in market.tables}
    at = int(made["trade"]["exchange_ts"][50]) // MS * MS
    made["liquidation"] = Table.of(
        LIQUIDATION, exchange_ts=[at, at + 5000 * MS], receive_ts=[NULL_TS] * 2, bankruptcy_price=[59900.5, 60100.0],
        position_side=[int(PositionSide.LONG), int(PositionSide.SHORT)], price=[59950.0, 60050.5], quantity=[0.25, 1.5],
    )  # fmt: skip
    return made


def told(venue: str, tables: dict[str, Table]) -> tuple[Dialect, Tape, dict[str, list[Message]]]:
    """The market in the venue's words, and every frame as the venue's door reads it, by topic."""
    symbol, kind, size = VENUES[venue]
    dialect = dialect_of(venue)
    tape = dialect.encode([market_of(replace(Instrument(venue, symbol), kind=kind, contract_size=size), tables)])
    reader = door(venue)
    listed = reader.read_instruments(asked(dialect, tape, reader.ask_instruments()))
    assert [i.symbol for i in listed] == [symbol]
    reader = reader.with_instruments(listed)
    session = Session(1, combined=True)
    read: dict[str, list[Message]] = {}
    for topic, track in sorted(tape.tracks.items()):
        session.heard[topic] = topic.replace("orderbook.", "orderbook.200.")
        payloads = [dialect.wrap(session, topic, track, frame.data) for frame in track.frames]
        read[topic] = [reader.parse(p, NULL_TS) for p in payloads]
    return dialect, tape, read


def asked(dialect: Dialect, tape: Tape, ask: Ask | None, now: int = 2**62) -> bytes:
    assert ask is not None
    body = b"" if ask.body is None else msgspec.json.encode(ask.body)
    path = ask.path if ask.path.startswith("/") else f"/{ask.path}"
    answer = dialect.answer(Request(ask.method, path, {k: str(v) for k, v in ask.query.items()}, body, now), tape)
    assert answer.status == 200, answer.body[:200]
    return answer.body


def rows(messages: list[Message], stream: str) -> Table:
    flat = [m for message in messages for m in (message, *message.others)]
    values = [row for m in flat for name, row in m.rows if name == stream]
    schema = stream_schema(stream)
    columns: dict[str, Any] = dict(zip(schema.names, zip(*values, strict=True), strict=True)) if values else {}
    return Table.of(schema, **columns) if values else schema.empty()


def assert_same(got: Table, want: Table, *columns: str) -> None:
    assert len(got) == len(want)
    assert np.array_equal(got.clock, want.clock // MS * MS)
    for name in columns:
        assert np.allclose(got[name], want[name], rtol=1e-7, atol=0.0), name


@pytest.mark.parametrize("venue", VENUES)
def test_trades_arrive_with_their_price_quantity_and_side(venue: str, tables: dict[str, Table]) -> None:
    _, _, read = told(venue, tables)
    topics = [t for t in read if "rade" in t]
    assert topics
    for topic in topics:
        got = rows(read[topic], TRADE.name)
        assert_same(got, tables["trade"], "price", "quantity", "aggressor_side")
        if venue != "bybit":  # its contracts' trades have no numbers
            assert np.array_equal(got["trade_id"], tables["trade"]["trade_id"])
    assert set(tables["trade"]["aggressor_side"].tolist()) == {int(s) for s in AggressorSide}


@pytest.mark.parametrize("venue", [v for v in VENUES if v not in ("binance_spot", "hyperliquid")])
def test_forced_orders_say_whose_position_died(venue: str, tables: dict[str, Table]) -> None:
    """SELL = long dead on Binance and OKX, Buy = long dead on Bybit; a bankruptcy price on all three."""
    _, _, read = told(venue, tables)
    (topic,) = [t for t in read if "iquidation" in t or "forceOrder" in t]
    got = rows(read[topic], LIQUIDATION.name)
    assert_same(got, tables["liquidation"], "position_side", "bankruptcy_price", "quantity")
    if venue.startswith("binance"):
        assert got["price"].tolist() == [59950.0, 60050.5]


@pytest.mark.parametrize("venue", [v for v in VENUES if v != "binance_spot"])
def test_marks_indices_and_open_interest_arrive(venue: str, tables: dict[str, Table]) -> None:
    dialect, tape, read = told(venue, tables)
    messages = [m for topic, group in read.items() if "ark" in topic or "ticker" in topic or "Ctx" in topic for m in group]
    got = rows(messages, "mark_price")
    want = tables["mark_price"]
    # Hyperliquid's context has no time of its own
    if venue != "hyperliquid":
        seconds = np.isin(want.clock // MS * MS, got.clock)
        assert seconds.mean() > 0.95
        assert np.allclose(got["mark_price"][-1], want["mark_price"][-1])
    assert set(got["mark_price"].tolist()) == set(want["mark_price"].tolist())
    if venue in ("binance", "bybit", "hyperliquid"):
        assert got["index_price"][-1] == want["index_price"][-1]
    interest = rows([m for group in read.values() for m in group], "open_interest")
    if venue == "binance":
        ask = door(venue).ask_polled("BTCUSDT", "open_interest")
        interest = door(venue).read_polled("BTCUSDT", "open_interest", asked(dialect, tape, ask), NULL_TS)
    if venue != "binance_coinm":
        sides = 0.5 if venue == "hyperliquid" else 1.0
        assert interest["open_interest"][-1] == pytest.approx(tables["open_interest"]["open_interest"][-1] * sides)


@pytest.mark.parametrize("venue", [v for v in VENUES if v != "hyperliquid"])
def test_the_book_rebuilt_by_the_machine_is_the_markets_book(venue: str, tables: dict[str, Table]) -> None:
    dialect, tape, read = told(venue, tables)
    reader = door(venue)
    reader = reader.with_instruments(reader.read_instruments(asked(dialect, tape, reader.ask_instruments())))
    symbol = VENUES[venue][0]
    sync = BookSync(reader.rule())
    (topic,) = [t for t in read if "depth" in t or "book" in t]
    shot = reader.ask_snapshot(symbol)
    passed = []
    for k, message in enumerate(read[topic]):
        assert message.book is not None
        passed += sync.feed(message.book)
        if k == 0 and venue.startswith("binance"):
            body = asked(dialect, tape, shot, tape.tracks[topic].frames[0].at - 1)
            passed += sync.feed(reader.read_snapshot(symbol, body, NULL_TS))
    assert (sync.gaps, sync.state.name) == ([], "LIVE")
    got, want = final_book(book_table(passed)), final_book(tables["book_delta"])
    assert got.keys() == want.keys()
    assert all(got[level] == pytest.approx(want[level], rel=1e-6) for level in want)


def final_book(table: Table) -> dict[tuple[int, float], float]:
    book: dict[tuple[int, float], float] = {}
    columns = [table[c].tolist() for c in ("side", "price", "quantity", "snapshot")]
    for side, price, quantity, snapshot in zip(*columns, strict=True):
        if snapshot:
            book.clear()
        if quantity:
            book[side, price] = quantity
        else:
            book.pop((side, price), None)
    return book


def test_hyperliquid_tells_the_twenty_best_levels(tables: dict[str, Table]) -> None:
    _, tape, read = told("hyperliquid", tables)
    last = read["l2Book:BTC"][-1].book
    assert last is not None
    assert last.snapshot
    until = tape.tracks["l2Book:BTC"].frames[-1].at
    delta = tables["book_delta"]
    want = final_book(delta[delta["exchange_ts"] <= until])
    bids = sorted(((p, q) for (side, p), q in want.items() if side == 1), reverse=True)[:20]
    assert [tuple(level) for level in last.bids] == bids
    assert BOOK_DELTA.clock == "exchange_ts"
