"""Faults F9 to F12, F20 and F37: holes in ids, limits of REST, garbage, bursts, merged products. The answer is the exchange's
own ledger; limits are checked against a list of what was sent when."""

from __future__ import annotations

import asyncio
import json
import math
import random
import re
from collections.abc import Mapping
from typing import Any

import pytest

from live.exchange import Exchange, Socket
from live.oracle import twice, undeclared, wrong_books
from live.rig import Session, play
from live.virtual import run
from perpscope.core.events import GapKind
from perpscope.live.feed import FeedOptions
from perpscope.venues.door import Ask
from perpscope.venues.transport.budget import Budget, TokenBucket
from perpscope.venues.transport.network import NetworkError, Reply
from perpscope.venues.transport.rest import Rest, RestError

BTC = "BTCUSDT"


def losing(exchange: Exchange, ids: int) -> list[int]:
    """From 5 s on so many trades never arrive."""
    lost: list[int] = []

    def distort(stream: str, payload: bytes, socket: Socket) -> list[bytes]:
        if "aggTrade" in stream and asyncio.get_running_loop().time() > 5.0 and len(lost) < ids:
            lost.append(json.loads(payload)["data"]["a"])
            return []
        return [payload]

    exchange.distort = distort
    return lost


def test_f9_a_hole_of_1645_ids_is_filled_in_order() -> None:
    exchange = Exchange(trades_per_s=200.0)
    lost = losing(exchange, 1_645)

    async def script(s: Session) -> None:
        await asyncio.sleep(20.0)

    s = play(exchange, script)
    assert len(lost) == 1_645
    taken = [v[2] for v in s.heard.rows[BTC, "trade"]]
    assert taken == list(range(taken[0], taken[-1] + 1))
    assert taken[0] < lost[0] < lost[-1] < taken[-1]
    assert s.feed.counts["trades filled"] == 1_645
    by_id = {r[0]: r for r in exchange.ledger[BTC]}
    assert all((v[0] // 1_000_000, v[3], v[4], v[5] == 2) == by_id[v[2]][1:] for v in s.heard.rows[BTC, "trade"])
    assert not [g for g in s.heard.gaps if g[1] is GapKind.TRADE]


def test_f9_a_false_id_far_ahead_leads_nobody_astray_for_long() -> None:
    exchange = Exchange(trades_per_s=50.0)
    told = []

    def lying(stream: str, payload: bytes, socket: Socket) -> list[bytes]:
        if "aggTrade" in stream and asyncio.get_running_loop().time() > 10.0 and not told:
            told.append(json.loads(payload))
            told[0]["data"]["a"] += 1_000_000
            return [json.dumps(told[0]).encode(), payload]
        return [payload]

    exchange.distort = lying

    async def script(s: Session) -> None:
        await asyncio.sleep(40.0)

    s = play(exchange, script)
    assert undeclared(exchange, s.heard, BTC) == []
    absent = [r for r in exchange.ledger[BTC] if s.heard.declared(BTC, GapKind.TRADE, r[1] * 1_000_000)]
    assert len(absent) < 50 * 8, "eight seconds at most"
    assert s.heard.rows[BTC, "trade"][-1][2] >= exchange.ledger[BTC][-1][0] - 100


@pytest.mark.parametrize("status", [400, 500, 404])
def test_f9_a_hole_that_cannot_be_filled_is_declared_to_the_last_id(status: int) -> None:
    exchange = Exchange(trades_per_s=50.0)
    lost = losing(exchange, 300)
    exchange.answer = lambda path, query: Reply(status, {}, b"{}") if path.endswith("/aggTrades") else None

    async def script(s: Session) -> None:
        await asyncio.sleep(40.0)

    s = play(exchange, script)
    times = {r[0]: r[1] * 1_000_000 for r in exchange.ledger[BTC]}
    assert all(s.heard.declared(BTC, GapKind.TRADE, times[a]) for a in lost)
    assert undeclared(exchange, s.heard, BTC) == []
    assert s.feed.counts["trades declared absent"] == 300
    taken = [v[2] for v in s.heard.rows[BTC, "trade"]]
    assert taken == sorted(set(taken)), "what waited behind the hole came afterwards, in order"


def test_f9_what_waits_behind_a_hole_is_bounded() -> None:
    exchange = Exchange(trades_per_s=100.0)
    losing(exchange, 10)
    exchange.answer = lambda path, query: Reply(500, {}, b"") if path.endswith("/aggTrades") else None
    most = []

    async def script(s: Session) -> None:
        for _ in range(100):
            await asyncio.sleep(0.1)
            chain = s.feed.health["btcusdt@aggTrade"].tracks[BTC].chain
            most.append(len(chain.held) if chain else 0)

    play(exchange, script, options=FeedOptions(held_most=150))
    assert 100 < max(most) < 500


def test_f10_six_hundred_snapshots_keep_to_the_weight_and_to_the_order_of_priority() -> None:
    sent: list[tuple[float, int]] = []

    async def storm() -> float:
        loop = asyncio.get_running_loop()
        budget = Budget(1_920, loop.time)

        async def one(priority: int) -> None:
            await budget.take(20, priority)
            sent.append((loop.time(), priority))

        priorities = list(range(600))
        random.Random(1).shuffle(priorities)
        async with asyncio.TaskGroup() as group:
            for priority in priorities:
                group.create_task(one(priority))
        return loop.time()

    took = run(storm())
    for at, _ in sent:
        assert 20 * sum(at - 60.0 < other <= at for other, _ in sent) <= 1_920
    assert [p for _, p in sent[96:]] == sorted(p for _, p in sent[96:])
    assert took == pytest.approx(math.floor(600 / 96) * 60.0, abs=1.0), "6 minutes for 600 books of weight 20"


class Refusing:
    """A host that answers `status` until `until`."""

    def __init__(self, status: int, headers: Mapping[str, str], until: float) -> None:
        self.status, self.headers, self.until = status, headers, until
        self.asked: list[float] = []

    async def connect(self, url: str) -> Any:
        raise NetworkError("no sockets here")

    async def request(self, method: str, url: str, query: Mapping[str, Any], body: Mapping[str, Any] | None) -> Reply:
        now = asyncio.get_running_loop().time()
        self.asked.append(now)
        await asyncio.sleep(0.05)
        return Reply(200, {}, b"{}") if now >= self.until else Reply(self.status, self.headers, b"too many")


@pytest.mark.parametrize(
    ("status", "headers", "pause"), [(429, {"Retry-After": "30"}, 30), (418, {"retry-after": "90"}, 90), (418, {}, 120)]
)
def test_f11_a_host_that_said_no_hears_nothing_until_it_may_be_asked(status: int, headers: dict[str, str], pause: int) -> None:
    host = Refusing(status, headers, until=1.0)

    async def ask_much() -> None:
        budget = Budget(1_920, asyncio.get_running_loop().time)
        rest = Rest(host, "http://x", budget, random.Random(1))

        async def one(delay: float) -> None:
            await asyncio.sleep(delay)
            assert await rest.ask(Ask("/a"), attempts=3) == b"{}"

        async with asyncio.TaskGroup() as group:
            group.create_task(one(0.0))
            for k in range(50):
                group.create_task(one(0.1 + k * 0.5))

    run(ask_much())
    assert [t for t in host.asked if 0.06 < t < pause] == []
    assert len(host.asked) == 52


def test_f11_a_request_that_is_refused_for_itself_stops_nobody() -> None:
    async def ask() -> None:
        host = Refusing(400, {}, until=5.0)
        rest = Rest(host, "http://x", Budget(100, asyncio.get_running_loop().time), random.Random(1))
        with pytest.raises(RestError, match="400"):
            await rest.ask(Ask("/a"))
        assert not rest.budget.stopped_for
        assert len(host.asked) == 1

    run(ask())


def test_control_messages_keep_their_pace() -> None:
    async def pace() -> None:
        loop = asyncio.get_running_loop()
        bucket, times = TokenBucket(8.0, 4.0, loop.time), []
        for _ in range(100):
            await bucket.take()
            times.append(loop.time())
        assert all(sum(t - 1.0 < other <= t for other in times) <= 12 for t in times)
        assert times[-1] == pytest.approx(96 / 8)

    run(pace())


def mutated(payload: bytes, rng: random.Random) -> bytes:
    """Truncated, huge, NaN, 1e400, nested, with a new field, with a byte turned, or anything."""
    text = payload.decode()
    number = rng.choice(['"NaN"', "1e400", '"1e400"', '"-1"', "null", '""', "[[[[]]]]", '"' + "9" * 400 + '"', "-1", '"x"'])
    match rng.randrange(8):
        case 0:
            return payload[: rng.randrange(len(payload))]
        case 1:
            parts = text.split(":")
            at = rng.randrange(1, len(parts))
            tail = parts[at].lstrip()
            parts[at] = number + tail[max(tail.find(","), tail.find("}")) :]
            return ":".join(parts).encode()
        case 2:
            return b'{"stream":"btcusdt@aggTrade","data":' + b"[" * 5_000
        case 3:
            return text.replace("{", '{"zz":1,', 1).encode()
        case 4:
            at = rng.randrange(len(payload))
            return payload[:at] + bytes([rng.randrange(256)]) + payload[at + 1 :]
        case 5:
            return bytes(rng.randrange(256) for _ in range(rng.randrange(60)))
        case 6:
            return b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","s":"' + b"B" * 100_000 + b'"}}'
        case _:
            return re.sub(
                r'"([TE])": \d+', rf'"\1": {rng.choice([0, -1, 1_500_000_000_000, 3_900_000_000_000])}', text
            ).encode()


@pytest.mark.parametrize("rounds", [1, pytest.param(60, marks=pytest.mark.slow)])
def test_f12_garbage_is_counted_and_kept_and_nothing_of_it_is_believed(rounds: int) -> None:
    """Every tenth message is followed by garbage made of it. A mutation may be a valid message still (a new field): so rows
    are held to what a market can print, and the true trades must all be there."""
    exchange, rng, fuzzed = Exchange(trades_per_s=100.0), random.Random(12), [0]

    def noisy(stream: str, payload: bytes, socket: Socket) -> list[bytes]:
        if rng.random() < 0.5:
            fuzzed[0] += 20
            noise = [mutated(payload, rng) for _ in range(20)]
            return [*noise[:10], payload, *noise[10:]]
        return [payload]

    async def script(s: Session) -> None:
        await asyncio.sleep(1.0)
        exchange.distort = noisy
        await asyncio.sleep(3.0 * rounds)
        exchange.distort = lambda stream, payload, socket: [payload]
        await asyncio.sleep(10.0)

    s = play(exchange, script)
    assert fuzzed[0] > 1_500 * rounds
    assert s.feed.counts["unreadable"] + s.feed.counts["unknown"] + s.feed.counts["unknown channel"] > 0.3 * fuzzed[0]
    assert len(s.heard.raws) > 0.3 * fuzzed[0]
    for values in s.heard.rows[BTC, "trade"]:
        assert 0 < values[3] < math.inf
        assert 0 < values[4] < math.inf
        assert abs(values[0] - values[1]) < 86_400 * 10**9
    assert undeclared(exchange, s.heard, BTC) == []
    assert all(abs(v[0] - v[1]) < 86_400 * 10**9 for v in s.heard.rows[BTC, "mark_price"])
    assert all(abs(m.exchange_ts - m.receive_ts) < 86_400 * 10**9 for m in s.heard.books[BTC])
    for message in s.heard.books[BTC]:
        assert all(math.isfinite(p) and math.isfinite(q) and q >= 0 for p, q in (*message.bids, *message.asks))


def test_f20_a_burst_loses_no_trade_and_no_forced_order() -> None:
    exchange = Exchange(trades_per_s=50.0)

    async def script(s: Session) -> None:
        await asyncio.sleep(5.0)
        exchange.trades_per_s = 1_500.0
        for _ in range(500):
            exchange.liquidate(BTC)
        await asyncio.sleep(5.0)
        exchange.trades_per_s = 50.0
        await asyncio.sleep(5.0)

    s = play(exchange, script)
    assert undeclared(exchange, s.heard, BTC) == []
    assert twice(s.heard, BTC) == []
    assert [(v[0] // 1_000_000, v[5]) for v in s.heard.rows[BTC, "liquidation"]] == exchange.liquidations
    assert wrong_books(exchange, s.heard, BTC)[1] == 0
    assert s.heard.gaps == []


def test_f37_rows_of_the_other_product_are_left_out_and_counted() -> None:
    exchange = Exchange()

    async def script(s: Session) -> None:
        for st in (1, 2, 1, 7, None, 2):
            exchange.liquidate(BTC, st)
            await asyncio.sleep(0.1)
        await asyncio.sleep(1.0)

    s = play(exchange, script)
    assert [(v[0] // 1_000_000, v[5]) for v in s.heard.rows[BTC, "liquidation"]] == exchange.liquidations
    assert len(exchange.liquidations) == 3
    assert sum(n for why, n in s.feed.counts.items() if "product" in why) == 3
