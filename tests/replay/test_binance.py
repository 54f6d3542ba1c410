"""Answers: the data catalogue (sections 2.1 and 8) and VENUES section 11, counted by two independent replays of the files.

The client is aiohttp alone. The book is put together here, by the rules of Binance's own page, in plain dictionaries.
"""

from __future__ import annotations

import asyncio
import json
import math
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from perpscope.replay import ReplayServer, Settings, load
from perpscope.replay.frames import Tape
from replay.client import ask, collect

DAY = "wire/binance_usdm/BTCUSDT-2024-08-08.jsonl.gz"
FIVE_MINUTES = (1723161300000, 1723161600000)


@pytest.fixture(scope="module")
def day(shared_data: Path) -> Tape:
    return load("binance", [shared_data / DAY])


def played(tape: Tape, path: str, venue: str = "binance", shot: str = "", say: Any = (), **query: Any) -> tuple[list[Any], Any]:
    """All messages of a connection at full speed, and the REST book asked for before the tape moved."""

    async def run() -> tuple[list[Any], Any]:
        async with ReplayServer(Settings(venue, speed=math.inf), tape) as server:
            body = (await ask(server, shot, **query))[1] if shot else None
            return await collect(server, path, say=say), body

    return asyncio.run(run())


def test_prints_of_the_recorded_day_arrive_whole_and_give_the_catalogues_bar(day: Tape) -> None:
    got, _ = played(day, "/public/stream?streams=btcusdt@trade")
    assert {m["stream"] for m in got} == {"btcusdt@trade"}
    prints = [m["data"] for m in got]
    assert [p["t"] for p in prints] == list(range(5266583935, 5266605248))
    bought, sold = (sum(Decimal(p["q"]) for p in prints if p["m"] is m) for m in (False, True))
    assert (str(bought), str(sold), str(bought - sold)) == ("1251.576", "1177.790", "73.786")
    assert_bar([p for p in prints if FIVE_MINUTES[0] <= p["T"] < FIVE_MINUTES[1]])


def assert_bar(rows: list[dict[str, Any]]) -> None:
    """Section 8.1 of the catalogue: the venue's own five-minute bar of 23:55."""
    prices = [Decimal(r["p"]) for r in rows]
    assert [float(x) for x in (prices[0], max(prices), min(prices), prices[-1])] == [61807.7, 61839.9, 61590.3, 61659.8]
    assert sum(Decimal(r["q"]) for r in rows) == Decimal("2303.399")
    assert sum(Decimal(r["q"]) for r in rows if not r["m"]) == Decimal("1200.702")


def test_merged_trades_leave_no_hole_in_a_and_make_the_same_bar(day: Tape) -> None:
    got, _ = played(day, "/market/ws/btcusdt@aggTrade")
    assert [m["a"] for m in got] == list(range(got[0]["a"], got[0]["a"] + len(got)))
    assert [m["f"] for m in got[1:]] == [m["l"] + 1 for m in got[:-1]]
    assert (got[0]["f"], got[-1]["l"]) == (5266583935, 5266605247)
    assert_bar([m for m in got if FIVE_MINUTES[0] <= m["T"] < FIVE_MINUTES[1]])


def test_the_book_put_together_from_the_socket_is_the_recorded_one(day: Tape) -> None:
    got, shot = played(day, "/public/stream?streams=btcusdt@depth@100ms", shot="/fapi/v1/depth", symbol="BTCUSDT", limit=1000)
    diffs = [m["data"] for m in got]
    assert len(diffs) == 6551
    assert shot["lastUpdateId"] == 5123107852948
    book = {side: dict(shot[name]) for side, name in (("b", "bids"), ("a", "asks"))}
    kept = [d for d in diffs if d["u"] >= shot["lastUpdateId"]]
    assert len(diffs) - len(kept) == 4
    assert (kept[0]["U"], kept[0]["u"]) == (5123107850310, 5123107853551)
    assert all(b["pu"] == a["u"] for a, b in pairwise(kept))
    for diff in kept:
        for side, levels in book.items():
            for price, quantity in diff[side]:
                if quantity == "0.000":
                    levels.pop(price, None)
                else:
                    levels[price] = quantity
    best_bid, best_ask = max(book["b"], key=float), min(book["a"], key=float)
    assert (best_bid, book["b"][best_bid]) == ("61659.70", "1.486")
    assert (best_ask, book["a"][best_ask]) == ("61659.80", "0.981")
    assert (len(book["b"]), len(book["a"])) == (5018, 4578)


# files, REST book, updates, dropped by the book's rule, trades, their delta (VENUES section 11)
OTHERS = {
    "usdm_eth": ("binance", ["binance_usdm/ETHUSDT-2024-08-08"], "/fapi/v1/depth", 6586, 5, 14076, "756.180"),
    "coinm_btc": ("binance_coinm", ["binance_coinm/BTCUSD_PERP-2024-08-08", "binance_coinm/BTCUSD_PERP-2024-08-09"],
                  "/dapi/v1/depth", 44795, 23, 5235, "23783"),
    "coinm_eth": ("binance_coinm", ["binance_coinm/ETHUSD_PERP-2024-08-08", "binance_coinm/ETHUSD_PERP-2024-08-09"],
                  "/dapi/v1/depth", 39155, 22, 3595, "-77995"),
    "spot_btc": ("binance_spot", ["binance_spot/BTCUSDT-2024-08-08", "binance_spot/BTCUSDT-2024-08-09"],
                 "/api/v3/depth", 6495, 2, 19904, "-28.93328000"),
    "spot_eth": ("binance_spot", ["binance_spot/ETHUSDT-2024-08-08", "binance_spot/ETHUSDT-2024-08-09"],
                 "/api/v3/depth", 6470, 2, 14515, "-225.63590000"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_the_other_recordings_arrive_whole(name: str, shared_data: Path) -> None:
    venue, files, prefix, updates, dropped, trades, delta = OTHERS[name]
    tape = load(venue, [shared_data / f"wire/{file}.jsonl.gz" for file in files])
    lower = tape.symbols[0].lower()
    route = "/public" if venue == "binance" else ""
    path = f"{route}/stream?streams={lower}@trade/{lower}@depth@100ms"
    got, shot = played(tape, path, venue, prefix, symbol=tape.symbols[0], limit=1000)
    prints = [m["data"] for m in got if m["data"]["e"] == "trade"]
    diffs = [m["data"] for m in got if m["data"]["e"] == "depthUpdate"]
    assert (len(diffs), len(prints)) == (updates, trades)
    assert str(sum((-1 if p["m"] else 1) * Decimal(p["q"]) for p in prints)) == delta
    number, spot = shot["lastUpdateId"], venue == "binance_spot"
    assert sum(d["u"] <= number if spot else d["u"] < number for d in diffs) == dropped
    first = next(d for d in diffs if (d["u"] > number if spot else d["u"] >= number))
    assert first["U"] <= number + spot <= first["u"]
    if name == "spot_btc":
        assert (number, first["U"], first["u"]) == (50093239218, 50093239208, 50093239224)


def test_the_coin_margined_capture_brings_ten_books_and_their_trades(shared_data: Path) -> None:
    tape = load("binance_coinm", [shared_data / "wire/captures/BINANCE_DELIVERY.ws.1.0.gz"])
    names = [s.lower() for s in tape.symbols]
    got, _ = played(
        tape, "/stream?streams=" + "/".join(f"{n}@{c}" for n in names for c in ("depth", "aggTrade")), "binance_coinm"
    )
    assert sum(m["data"]["e"] == "aggTrade" for m in got) == 51
    for symbol in tape.symbols:
        shot = tape.facts[symbol].snapshot
        mine = [m["data"] for m in got if m["data"]["e"] == "depthUpdate" and m["data"]["s"] == symbol]
        assert all(b["pu"] == a["u"] for a, b in pairwise(mine))
        if shot is not None:
            assert 7 <= sum(d["u"] < shot.last_update_id for d in mine) <= 42
    assert sum(tape.facts[s].snapshot is not None for s in tape.symbols) == 10


def test_a_channel_on_the_wrong_route_is_acknowledged_and_silent(day: Tape) -> None:
    """VENUES section 2, trap R1."""

    ask_for = {"method": "SUBSCRIBE", "params": ["btcusdt@aggTrade"], "id": 7}
    unrouted, public, market = (played(day, path, say=[ask_for])[0] for path in ("/ws", "/public/ws", "/market/ws"))
    assert unrouted == public == [{"result": None, "id": 7}]
    assert market[0] == {"result": None, "id": 7}
    assert len(market) == 8326


def test_rest_answers_with_the_venues_words_and_weights(day: Tape) -> None:
    async def run() -> None:
        async with ReplayServer(Settings(speed=math.inf), day) as server:
            status, body, headers = await ask(server, "/fapi/v1/time")
            assert (status, body) == (200, {"serverTime": day.start // 1_000_000})
            assert headers["X-MBX-USED-WEIGHT-1M"] == "1"
            _, info, _ = await ask(server, "/fapi/v1/exchangeInfo")
            steps = {f["filterType"]: f for f in info["symbols"][0]["filters"]}
            assert (steps["PRICE_FILTER"]["tickSize"], steps["LOT_SIZE"]["stepSize"]) == ("0.1", "0.001")
            assert (await ask(server, "/fapi/v1/depth", symbol="XUSDT"))[1]["code"] == -1121
            rows = (await ask(server, "/fapi/v1/aggTrades", symbol="BTCUSDT", fromId=0))[1]
            assert rows == []  # nothing has been traded yet: the future is not told
            got = await collect(server, "/market/ws/btcusdt@aggTrade")
            ids = [m["a"] for m in got]
            _, rows, _ = await ask(server, "/fapi/v1/aggTrades", symbol="BTCUSDT", fromId=ids[100], limit=1000)
            assert [r["a"] for r in rows] == ids[100:1100]
            assert rows[0] == {k: got[100][k] for k in ("a", "p", "q", "f", "l", "T", "m")}
            refused = await ask(server, "/fapi/v1/aggTrades", symbol="BTCUSDT", fromId=1, startTime=2)
            assert (refused[0], refused[1]["code"]) == (400, -1128)
            _, bars, _ = await ask(server, "/fapi/v1/klines", symbol="BTCUSDT", interval="5m")
            assert bars[1][:6] == [FIVE_MINUTES[0], "61807.70", "61839.90", "61590.30", "61659.80", "2303.399"]
            assert (bars[1][8], bars[1][9]) == (19562, "1200.702")
            server.budget.used = 2390
            status, body, headers = await ask(server, "/fapi/v1/depth", symbol="BTCUSDT", limit=1000)
            assert (status, body["code"]) == (429, -1003)
            assert 1 <= int(headers["Retry-After"]) <= 60

    asyncio.run(run())


def test_the_ledger_holds_every_frame_once_and_a_second_run_sends_the_same_bytes(day: Tape, tmp_path: Path) -> None:
    def run(name: str) -> tuple[list[bytes], list[dict[str, Any]]]:
        told: list[bytes] = []

        async def play() -> None:
            settings = Settings(
                speed=math.inf, wait=1, ledger=tmp_path / name, spy=lambda number, payload: told.append(payload)
            )
            async with ReplayServer(settings, day) as server:
                await collect(server, "/public/ws/btcusdt@trade")

        asyncio.run(play())
        return told, [json.loads(line) for line in (tmp_path / name).read_bytes().splitlines()]

    (one, book), (two, _) = run("one"), run("two")
    assert one == two
    sent = [line for line in book if line["k"] == "sent"]
    assert [line["l"] for line in sent] == list(range(5266583935, 5266605248))
    assert all(line["c"] == 1 and line["kind"] == "trade" and line["s"] == "BTCUSDT" for line in sent)


def test_recorded_captures_of_four_symbols_bring_their_snapshots_and_instruments(shared_data: Path) -> None:
    tape = load("binance", [shared_data / "wire/captures/BINANCE_FUTURES.ws.1.0.gz"])
    names = [s.lower() for s in tape.symbols]
    got, _ = played(tape, "/public/stream?streams=" + "/".join(f"{n}@depth@100ms" for n in names))
    counts = {s: sum(m["data"]["s"] == s for m in got) for s in tape.symbols}
    assert counts == {"SUSHIUSDT": 255, "AKROUSDT": 189, "KEEPUSDT": 135, "CTKUSDT": 185}
    dropped = {
        s: sum(m["data"]["s"] == s and m["data"]["u"] < tape.facts[s].snapshot.last_update_id for m in got) for s in counts
    }
    assert dropped == {"SUSHIUSDT": 3, "AKROUSDT": 1, "KEEPUSDT": 3, "CTKUSDT": 5}
    trades, _ = played(tape, "/market/stream?streams=" + "/".join(f"{n}@aggTrade" for n in names))
    assert len(trades) == 91
