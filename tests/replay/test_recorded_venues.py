"""Answers: VENUES section 11 and the data catalogue (2.2 to 2.4); OKX' own checksums, computed here. The client is aiohttp."""

from __future__ import annotations

import asyncio
import json
import math
import zlib
from collections import Counter
from itertools import zip_longest
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from perpscope.core.errors import DataError
from perpscope.replay import ReplayServer, Settings, load
from perpscope.replay.frames import Tape
from perpscope.replay.scenario import scenario
from replay.client import ask, collect

Levels = dict[str, dict[str, str]]


def played(venue: str, tape: Tape, path: str, *say: Any, faults: Any = ()) -> list[Any]:
    settings = Settings(venue, speed=math.inf, faults=scenario({"faults": list(faults)}, tape.start))

    async def run() -> list[Any]:
        async with ReplayServer(settings, tape) as server:
            return await collect(server, path, say=say)

    return asyncio.run(run())


def apply(book: Levels, sides: dict[str, Any]) -> None:
    for side, levels in book.items():
        for price, quantity, *_ in sides[side]:
            if float(quantity):
                levels[price] = quantity
            else:
                levels.pop(price, None)


@pytest.fixture(scope="module")
def bybit(shared_data: Path) -> Tape:
    return load("bybit", [shared_data / "wire/bybit_v5/XRPUSDT-ob500-2024-12-01.zip"])


BOOK = {"op": "subscribe", "args": ["orderbook.200.XRPUSDT"], "req_id": "a"}


def test_bybits_book_is_the_recorded_one_under_the_name_it_was_asked_for(bybit: Tape) -> None:
    acknowledged, *got = played("bybit", bybit, "/v5/public/linear", BOOK)
    assert (acknowledged["success"], acknowledged["op"], acknowledged["req_id"]) == (True, "subscribe", "a")
    assert {m["topic"] for m in got} == {"orderbook.200.XRPUSDT"}
    assert [m["type"] for m in got] == ["snapshot"] + ["delta"] * 49
    assert [m["data"]["u"] for m in got] == list(range(20254869, 20254919))
    book: Levels = {"b": {}, "a": {}}
    for m in got:
        apply(book, m["data"])
    best = max(book["b"], key=float), min(book["a"], key=float)
    assert [(p, book[s][p]) for s, p in zip("ba", best, strict=True)] == [("1.9537", "10605"), ("1.9538", "6702")]
    assert (len(book["b"]), len(book["a"])) == (500, 500)


def test_a_late_subscriber_of_bybit_is_told_the_whole_book_first(bybit: Tape) -> None:
    async def run() -> tuple[list[Any], Any]:
        async with ReplayServer(Settings("bybit", speed=math.inf), bybit) as server:
            await collect(server, "/v5/public/linear", say=[BOOK])
            late = await collect(server, "/v5/public/linear", say=[BOOK])
            return late, (await ask(server, "/v5/market/orderbook", category="linear", symbol="XRPUSDT", limit=1))[1]

    (_, snapshot), rest = asyncio.run(run())
    assert (snapshot["type"], snapshot["data"]["u"], len(snapshot["data"]["b"])) == ("snapshot", 20254918, 500)
    assert rest["result"]["b"] == [["1.9537", "10605"]]
    assert snapshot["data"]["a"][0] == rest["result"]["a"][0] == ["1.9538", "6702"]


def test_bybits_restart_is_a_snapshot_of_number_one_that_goes_on(bybit: Tape) -> None:
    _, *clean = played("bybit", bybit, "/v5/public/linear", BOOK)
    _, *got = played("bybit", bybit, "/v5/public/linear", BOOK, faults=[{"kind": "sequence_reset", "at": 2}])
    restart = next(k for k, m in enumerate(got) if m["data"]["u"] == 1)
    assert got[restart]["type"] == "snapshot"
    assert [m["data"]["u"] for m in got[restart:]] == list(range(1, 51 - restart))
    one: Levels = {"b": {}, "a": {}}
    two: Levels = {"b": {}, "a": {}}
    for m in clean:
        apply(one, m["data"])
    for m in got[restart:]:
        apply(two, m["data"])
    assert one == two


def test_bybit_answers_pings_and_refuses_what_it_does_not_know(bybit: Tape) -> None:
    pong, refused = played(
        "bybit", bybit, "/v5/public/linear", {"op": "ping", "req_id": "7"}, {"op": "subscribe", "args": ["liquidation.X"]}, BOOK
    )[:2]
    assert (pong["op"], pong["ret_msg"], pong["req_id"]) == ("ping", "pong", "7")
    assert (refused["success"], refused["ret_msg"]) == (False, "error:handler not found,topic:liquidation.X")


def test_a_recording_of_bybits_first_api_is_refused_with_the_line(shared_data: Path) -> None:
    with pytest.raises(DataError, match="no message of Bybit v5"):
        load("bybit", [shared_data / "wire/captures/BYBIT.ws.25.0.gz"])


def test_hyperliquids_books_and_replayed_trades_arrive(shared_data: Path) -> None:
    tape = load("hyperliquid", [shared_data / "wire/hyperliquid/BTC-2025-01-26.jsonl.gz"])
    named = [{"type": kind, "coin": "BTC"} for kind in ("l2Book", "trades")]
    say = [{"method": "ping"}, *({"method": "subscribe", "subscription": n} for n in named)]
    got = played("hyperliquid", tape, "/ws", *say)
    kinds = Counter(m["channel"] for m in got)
    assert kinds == {"pong": 1, "subscriptionResponse": 2, "l2Book": 46, "trades": 9}
    assert all([len(side) for side in m["data"]["levels"]] == [20, 20] for m in got if m["channel"] == "l2Book")
    trades = [t for m in got if m["channel"] == "trades" for t in m["data"]]
    assert Counter(t["side"] for t in trades) == {"A": 41, "B": 23}
    assert len({t["tid"] for t in trades}) == 64


def test_hyperliquids_info_answers_by_post(shared_data: Path) -> None:
    tape = load("hyperliquid", [shared_data / "wire/hyperliquid/BTC-2025-01-26.jsonl.gz"])

    async def run() -> list[Any]:
        async with ReplayServer(Settings("hyperliquid"), tape) as server, aiohttp.ClientSession() as client:
            url = f"http://127.0.0.1:{server.port}/info"
            bodies = [{"type": "meta"}, {"type": "l2Book", "coin": "BTC"}, {"type": "nothing"}]
            answers = [await client.post(url, json=body) for body in bodies]
            return [(a.status, json.loads(await a.read())) for a in answers]

    (_, meta), (_, book), (refused, _) = asyncio.run(run())
    assert meta["universe"][0]["name"] == "BTC"
    assert (len(book["levels"][0]), book["coin"]) == (20, "BTC")
    assert refused == 422


def checksum(book: Levels) -> int:
    """OKX: CRC32, signed, over the best 25 levels of both sides as printed, alternating."""
    bids = sorted(book["bids"], key=float, reverse=True)[:25]
    asks = sorted(book["asks"], key=float)[:25]
    pieces = []
    for bid, offer in zip_longest(bids, asks):
        pieces += [f"{bid}:{book['bids'][bid]}"] if bid else []
        pieces += [f"{offer}:{book['asks'][offer]}"] if offer else []
    value = zlib.crc32(":".join(pieces).encode())
    return value - (1 << 32) if value >= 1 << 31 else value


@pytest.fixture(scope="module")
def okx(shared_data: Path) -> Tape:
    return load("okx", [shared_data / "wire/captures/OKX.ws.1.0.gz"])


def test_every_checksum_of_okx_matches_the_book_told(okx: Tape) -> None:
    names = ("UNI-USD-SWAP", "BTC-USD-220527", "BTC-USDT")
    args = [{"channel": channel, "instId": name} for channel in ("books", "trades") for name in names]
    got = played("okx", okx, "/ws/v5/public", "ping", {"op": "subscribe", "args": args})
    assert got[0] == "pong"
    assert [m["event"] for m in got[1:7]] == ["subscribe"] * 6
    books: dict[str, Levels] = {}
    matched = 0
    for m in got[7:]:
        if m["arg"]["channel"] != "books":
            continue
        book = books.setdefault(m["arg"]["instId"], {"bids": {}, "asks": {}})
        apply(book, m["data"][0])
        matched += checksum(book) == m["data"][0]["checksum"]
    assert matched == sum(m["arg"]["channel"] == "books" for m in got[7:]) == 290
    assert sum(len(m["data"]) for m in got[7:] if m["arg"]["channel"] == "trades") == 74


def test_okx_without_checksums_and_without_a_snapshot(okx: Tape) -> None:
    """F38: both regimes of 2026."""
    say = {"op": "subscribe", "args": [{"channel": "books", "instId": "BTC-USDT"}]}
    faults = [{"kind": "checksum_zero"}, {"kind": "snapshot_never"}]
    _, *got = played("okx", okx, "/ws/v5/public", say, faults=faults)
    assert {m["data"][0]["checksum"] for m in got} == {0}
    assert {m["action"] for m in got} == {"update"}


def test_okx_candles_are_refused_on_the_public_address(okx: Tape) -> None:
    say = {"op": "subscribe", "args": [{"channel": "candle1m", "instId": "BTC-USDT"}]}
    books = {"op": "subscribe", "args": [{"channel": "books", "instId": "BTC-USDT"}]}
    (refused,) = played("okx", okx, "/ws/v5/public", say, books)[:1]
    assert (refused["event"], refused["code"]) == ("error", "60018")
