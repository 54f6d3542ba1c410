"""Answers: the recording itself (what a clean run sends), and the definition of each fault (the comment beside its kind)."""

from __future__ import annotations

import asyncio
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from perpscope.core.errors import UserError
from perpscope.replay import ReplayServer, Settings, load
from perpscope.replay.frames import Tape
from perpscope.replay.scenario import FaultKind, read_scenario, scenario
from replay.client import ask, collect

PATH = "/public/ws/sushiusdt@depth"


@pytest.fixture(scope="module")
def capture(shared_data: Path) -> Tape:
    """255 book updates in 30 s."""
    return load("binance", [shared_data / "wire/captures/BINANCE_FUTURES.ws.1.0.gz"])


def played(tape: Tape, *faults: dict[str, Any], path: str = PATH, seed: int = 1) -> tuple[list[Any], Counter[str]]:
    """What a client hears, and what the ledger says was withheld and why."""
    settings = Settings(speed=math.inf, seed=seed, keep_ledger=True, faults=scenario({"faults": list(faults)}, tape.start))

    async def run() -> tuple[list[Any], Counter[str]]:
        async with ReplayServer(settings, tape) as server:
            got = await collect(server, path)
        book = [json.loads(line) for line in server.ledger.lines]
        return got, Counter(line["why"] for line in book if line["k"] == "withheld")

    return asyncio.run(run())


@pytest.fixture(scope="module")
def clean(capture: Tape) -> list[Any]:
    got, withheld = played(capture)
    assert (len(got), withheld) == (255, Counter())
    return got


def test_dropped_frames_are_missing_and_in_the_ledger(capture: Tape, clean: list[Any]) -> None:
    got, withheld = played(capture, {"kind": "drop", "rate": 0.2})
    assert 20 < withheld["drop"] < 90
    assert len(got) + withheld["drop"] == 255
    assert [m for m in clean if m in got] == got


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(capture: Tape) -> None:
    faults = [{"kind": k, "rate": 0.1} for k in ("drop", "duplicate", "shuffle", "truncate", "garbage", "delay")]
    first, again, other = (played(capture, *faults, seed=s) for s in (5, 5, 6))
    assert first == again
    assert first != other


def test_duplicates_shuffles_and_delays_lose_nothing(capture: Tape, clean: list[Any]) -> None:
    twice, _ = played(capture, {"kind": "duplicate", "rate": 0.3})
    assert len(twice) > 300
    assert [m for k, m in enumerate(twice) if not k or m != twice[k - 1]] == clean
    for fault in ({"kind": "shuffle", "rate": 0.3}, {"kind": "delay", "rate": 0.3, "value": 0.5}):
        got, withheld = played(capture, fault)
        assert got != clean
        assert sorted(m["u"] for m in got) == [m["u"] for m in clean][: len(got)]
        assert len(got) + withheld["shuffle"] == 255


def test_silence_begins_and_ends_when_the_scenario_says(capture: Tape, clean: list[Any]) -> None:
    got, withheld = played(capture, {"kind": "silence", "at": 10, "for": 5, "channel": "depth"})
    low = capture.start // 1_000_000 + 10_000
    quiet = [m for m in clean if low <= m["E"] < low + 5000]
    assert got == [m for m in clean if m not in quiet]
    assert withheld == {"silence": len(quiet)}
    assert quiet


def test_broken_frames_are_junk_and_the_rest_is_whole(capture: Tape, clean: list[Any]) -> None:
    got, withheld = played(capture, {"kind": "truncate", "rate": 0.2}, {"kind": "garbage", "rate": 0.2})
    whole = [m for m in got if isinstance(m, dict)]
    assert len(whole) + withheld["truncate"] == 255
    assert [m for m in clean if m in whole] == whole
    assert len(got) > len(whole)
    huge, _ = played(capture, {"kind": "huge", "at": 29, "value": 2})
    assert max(len(m.get("filler", "")) for m in huge) == 2_000_000


def test_numbers_that_jump_back_keep_their_chain(capture: Tape, clean: list[Any]) -> None:
    got, _ = played(capture, {"kind": "sequence_reset", "at": 15})
    jump = [k for k in range(1, 255) if got[k]["u"] < got[k - 1]["u"]]
    assert len(jump) == 1
    assert [m["b"] for m in got] == [m["b"] for m in clean]
    assert got[-1]["pu"] == got[-2]["u"]


def test_a_skewed_clock_moves_every_time_and_no_number(capture: Tape, clean: list[Any]) -> None:
    got, _ = played(capture, {"kind": "clock_skew", "value": -2})
    assert [(m["E"] + 2000, m["T"] + 2000, m["u"], m["b"]) for m in got] == [(m["E"], m["T"], m["u"], m["b"]) for m in clean]


def test_a_hole_in_merged_trades_is_filled_by_rest(capture: Tape) -> None:
    """F9: the venue has the trades; only the socket did not tell them."""

    async def run() -> tuple[list[int], list[int]]:
        faults = scenario({"faults": [{"kind": "hole", "at": 3, "value": 5, "channel": "aggTrade"}]}, capture.start)
        async with ReplayServer(Settings(speed=math.inf, faults=faults), capture) as server:
            got = await collect(server, "/market/ws/akrousdt@aggTrade")
            rows = (await ask(server, "/fapi/v1/aggTrades", symbol="AKROUSDT", fromId=got[0]["a"]))[1]
            return [m["a"] for m in got], [r["a"] for r in rows]

    heard, told = asyncio.run(run())
    assert told == list(range(told[0], told[0] + len(told)))
    assert len(set(told) - set(heard)) == 5


def test_merged_products_say_which_they_are(shared_data: Path) -> None:
    """VENUES section 2: since 2026-06-30 arrays carry COIN-M too, told apart by `st` alone."""
    from perpscope.replay.binance.disturbances import merged_products
    from perpscope.replay.frames import Frame, Track

    track = Track("!forceOrder@arr", "forceOrder", "liquidation", "")
    ours, theirs = merged_products(track, Frame(0, 0, b'{"e":"forceOrder","E":1,"o":{"s":"BTCUSDT","S":"SELL"}}', 0))
    assert json.loads(ours.data)["o"] == {"s": "BTCUSDT", "st": 1, "S": "SELL"}
    assert json.loads(theirs.data)["o"]["st"] == 2
    assert theirs.events == -1


@pytest.mark.parametrize(("kind", "code"), [("close", 1001), ("rst", 1006)])
def test_a_connection_ends_as_the_scenario_says(kind: str, code: int, capture: Tape, clean: list[Any]) -> None:
    faults = scenario({"faults": [{"kind": kind, "at": 10}]}, capture.start)

    async def run() -> tuple[int, int]:
        async with (
            ReplayServer(Settings(speed=math.inf, faults=faults), capture) as server,
            aiohttp.ClientSession() as client,
            client.ws_connect(f"http://127.0.0.1:{server.port}{PATH}") as socket,
        ):
            heard = 0
            while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                heard += 1
            return heard, socket.close_code or 0

    heard, closed = asyncio.run(run())
    assert closed == code
    assert heard < 255
    if kind == "close":
        assert heard == sum(m["E"] < capture.start // 1_000_000 + 10_000 for m in clean)


def test_a_half_open_connection_answers_no_ping_and_sends_nothing(capture: Tape) -> None:
    faults = scenario({"faults": [{"kind": "half_open", "at": 10}]}, capture.start)

    async def run() -> tuple[bool, int]:
        async with (
            ReplayServer(Settings(speed=math.inf, faults=faults), capture) as server,
            aiohttp.ClientSession() as client,
            client.ws_connect(f"http://127.0.0.1:{server.port}{PATH}", autoping=False) as socket,
        ):
            await server.pump.ended.wait()
            await socket.ping()
            heard = []
            try:
                while True:
                    heard.append((await asyncio.wait_for(socket.receive(), 0.3)).type)
            except TimeoutError:
                return aiohttp.WSMsgType.PONG in heard, len(heard)

    ponged, heard = asyncio.run(run())
    assert not ponged
    assert heard < 255


@pytest.mark.parametrize(
    ("kind", "status", "waits"),
    [("refuse_429", 429, "5"), ("refuse_418", 418, "120"), ("refuse_503", 503, None), ("banned", 429, None)],
)
def test_requests_are_refused_in_the_venues_words(kind: str, status: int, waits: str | None, capture: Tape) -> None:
    faults = scenario({"faults": [{"kind": kind}]}, capture.start)

    async def run() -> tuple[int, Any, Any]:
        async with ReplayServer(Settings(faults=faults), capture) as server:
            return await ask(server, "/fapi/v1/time")

    got, body, headers = asyncio.run(run())
    assert (got, headers.get("Retry-After")) == (status, waits)
    assert body["code"] == (-1000 if kind == "refuse_503" else -1003)


def test_a_stale_snapshot_is_the_book_of_before(capture: Tape) -> None:
    async def run(*faults: dict[str, Any]) -> int:
        settings = Settings(speed=math.inf, faults=scenario({"faults": list(faults)}, capture.start))
        async with ReplayServer(settings, capture) as server:
            await collect(server, PATH)
            return (await ask(server, "/fapi/v1/depth", symbol="SUSHIUSDT"))[1]["lastUpdateId"]

    fresh, stale = asyncio.run(run()), asyncio.run(run({"kind": "stale_snapshot", "value": 20}))
    ids = [f.last for f in capture.tracks["sushiusdt@depth"].frames]
    assert fresh == ids[-1]
    assert stale in ids[:120]


def test_connections_made_on_the_wrong_route_hear_only_the_acknowledgment(capture: Tape) -> None:
    got, withheld = played(capture, {"kind": "wrong_route"})
    assert (got, withheld) == ([], Counter({"wrong_route": 255}))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("faults = [{kind = 'dropp'}]", "Did you mean 'drop'"),
        ("faults = [{kind = 'drop', rat = 0.5}]", "Did you mean 'rate'"),
        ("faults = [{kind = 'drop', rate = 1.5}]", "between 0 and 1"),
        ("faults = [{kind = 'drop', at = -1}]", "seconds after the start"),
        ("faults = [{kind = 'drop', for = 0}]", "above zero"),
        ("faults = [{at = 1}]", "needs a value for 'kind'"),
        ("fault = []", "does not know 'fault'"),
        ("faults = [", "is no TOML"),
    ],
)
def test_a_wrong_scenario_is_one_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=sentence):
        read_scenario(tmp_path / "s.toml", 0)


def test_every_kind_of_fault_is_in_the_page() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/definitions/replay.md").read_text(encoding="utf-8")
    assert [k for k in FaultKind if f"`{k}`" not in page] == []
