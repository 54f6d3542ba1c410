"""Faults F1 to F4 and F13 of connections and clocks. The answer is the exchange's own ledger and its book at every update
(`live.exchange`, written from the venue's documentation): sent, minus taken, minus declared, must be nothing."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise

import pytest

from live.exchange import Exchange, Socket
from live.oracle import Heard, twice, undeclared, wrong_books
from live.rig import Session, play
from perpscope.core.events import GapKind
from perpscope.live.sink import ChannelState
from perpscope.venues.transport.clock import SystemClock

BTC = "BTCUSDT"


def nothing_is_lost(s: Session) -> None:
    for symbol in s.exchange.symbols:
        assert undeclared(s.exchange, s.heard, symbol) == []
        assert twice(s.heard, symbol) == []
        compared, wrong = wrong_books(s.exchange, s.heard, symbol)
        assert compared > 100
        assert wrong == 0


def silent_updates(s: Session) -> list[int]:
    """Depth updates whose effect is neither in the lake's book nor declared: those missing between two that passed."""
    ours = {m.last_id: m for m in s.heard.books[BTC]}
    begun, ended = min(ours), max(ours)
    times = {u: t for u, t in s.exchange.updated_at[BTC].items() if begun < u < ended}
    return [u for u, ts in times.items() if u not in ours and not s.heard.declared(BTC, GapKind.BOOK_DELTA, ts)]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_f1_a_broken_connection_comes_back_and_loses_nothing_undeclared(seed: int) -> None:
    rng, took = random.Random(seed), []

    async def script(s: Session) -> None:
        for _ in range(8):
            await asyncio.sleep(rng.uniform(0.5, 12.0))
            for socket in list(s.exchange.sockets):
                if rng.random() < 0.7:
                    socket.kill(rng.choice(["closed with code 1006", "reset by peer"]))
            await asyncio.sleep(0.3)
            took.append(await s.live())

    s = play(Exchange(seed=seed), script, seed=seed)
    nothing_is_lost(s)
    assert silent_updates(s) == []
    assert sorted(took)[len(took) // 2] < 2.0
    assert max(took) < 10.0


def test_f1_an_exchange_that_is_down_is_asked_ever_more_rarely() -> None:
    async def script(s: Session) -> None:
        await asyncio.sleep(20.0)
        s.exchange.down = True
        for socket in list(s.exchange.sockets):
            socket.kill()
        await asyncio.sleep(300.0)
        s.exchange.down = False
        await s.live()

    s = play(Exchange(), script)
    nothing_is_lost(s)
    assert 10 < s.feed.links[0].failures < 40, "300 s of waits that double to 15..30 s"


def test_f2_a_half_open_connection_is_noticed_within_ten_seconds() -> None:
    frozen_at = []

    async def script(s: Session) -> None:
        await asyncio.sleep(40.0)
        for socket in s.exchange.sockets:
            socket.frozen = True
        frozen_at.append(s.clock.monotonic())
        await asyncio.sleep(12.0)
        await s.live()

    s = play(Exchange(), script)
    nothing_is_lost(s)
    assert silent_updates(s) == []
    for channel in ("btcusdt@aggTrade", "btcusdt@depth@100ms"):
        assert s.when(channel, ChannelState.STALE, frozen_at[0]) - frozen_at[0] <= 10.0
        assert s.when(channel, ChannelState.LOST, frozen_at[0]) - frozen_at[0] <= 10.0


def test_f3_a_channel_acknowledged_and_then_silent_is_stale_while_its_sisters_live() -> None:
    exchange = Exchange()
    exchange.distort = lambda stream, payload, socket: [] if "markPrice" in stream else [payload]

    async def whole(s: Session) -> None:
        await asyncio.sleep(60.0)

    s = play_without_marks(exchange, whole)
    assert s.when("btcusdt@markPrice@1s", ChannelState.STALE) <= 30.5
    assert not [t for t, c, state in s.heard.states if "markPrice" not in c and state is ChannelState.STALE and t > 5.0]
    assert s.feed.health["btcusdt@markPrice@1s"].renewals >= 1
    nothing_is_lost(s)


def play_without_marks(exchange: Exchange, script: object) -> Session:
    """`Session.live` would wait for ever for the muted channel."""
    from live.rig import session
    from live.virtual import run

    async def whole() -> Session:
        async with session(exchange) as s:
            market = asyncio.create_task(exchange.trade_on(60.0))
            await market
        return s

    return run(whole())


def test_f4_the_cut_for_age_is_overlapped_so_that_nothing_is_lost_twice_or_declared() -> None:
    async def script(s: Session) -> None:
        for _ in range(240):
            await asyncio.sleep(1.0)
            for socket in list(s.exchange.sockets):
                if s.clock.monotonic() - socket.born >= 60.0:
                    socket.kill("closed for its age")

    s = play(Exchange(), script, lifetime_s=60.0)
    nothing_is_lost(s)
    assert s.feed.counts["sockets renewed"] >= 6
    assert s.heard.gaps == []
    assert s.feed.counts["snapshots"] == 1, "the book went over to the second socket without a new snapshot"
    assert not [c for _, c, state in s.heard.states if state is ChannelState.LOST]
    taken = [values[2] for values in s.heard.rows[BTC, "trade"]]
    assert taken == sorted(taken)
    marks = [values[0] for values in s.heard.rows[BTC, "mark_price"]]
    assert len(marks) == len(set(marks))


def test_f4_a_second_socket_that_falls_silent_does_not_take_over() -> None:
    async def script(s: Session) -> None:
        while len(s.exchange.opened) < 4:
            await asyncio.sleep(0.5)
        await asyncio.sleep(2.0)
        for socket in s.exchange.opened[2:4]:
            socket.frozen = True
        await asyncio.sleep(60.0)

    s = play(Exchange(), script, lifetime_s=60.0)
    nothing_is_lost(s)
    assert s.feed.counts["sockets renewed"] >= 1
    for channel in ("btcusdt@aggTrade", "btcusdt@markPrice@1s"):
        assert not [c for _, c, state in s.heard.states if c == channel and state is ChannelState.STALE]
    assert not [g for g in s.heard.gaps if g[1] is not GapKind.BOOK_DELTA], "the market's socket waited for half a minute"


@pytest.mark.parametrize("skew_s", [-5.0, 5.0])
def test_f13_a_wrong_clock_changes_neither_rows_nor_waits_and_is_told(skew_s: float) -> None:
    async def script(s: Session) -> None:
        await asyncio.sleep(20.0)
        s.clock.skew_s += 3.0  # our clock jumps
        await asyncio.sleep(70.0)
        assert s.feed.counts["sockets dropped for lag"] == 0

    s = play(Exchange(), script, skew_s=skew_s)
    right = play(Exchange(), script)
    assert s.feed.offset.alarming
    nothing_is_lost(s)
    without_receipt = [v[:1] + v[2:] for v in s.heard.rows[BTC, "trade"]]
    assert without_receipt == [v[:1] + v[2:] for v in right.heard.rows[BTC, "trade"]]
    lags = [v[1] - v[0] for v in s.heard.rows[BTC, "trade"]]
    assert {round(lag / 1e9) for lag in lags[10:200]} == {skew_s}, "latency is not clamped"


def test_f13_the_stamp_survives_steps_of_the_machines_clock() -> None:
    wall, ticks = [1_000_000_000_000], [0]
    clock = SystemClock(lambda: wall[0], lambda: ticks[0])
    told = []
    for second in range(100):
        wall[0] += 1_000_000_000
        ticks[0] += 1_000_000_000
        if second == 20:
            wall[0] -= 5_000_000_000
        if second == 80:
            wall[0] += 2_000_000_000
        told.append(clock.now())
    steps = [b - a for a, b in pairwise(told)]
    assert min(steps) >= 900_000_000, "it leans, it does not jump or run back"
    assert max(steps) <= 1_100_000_000
    assert told[75] == wall[0] - 2_000_000_000 - 24_000_000_000, "50 s after a step back of 5 s it is right again"


def test_f1_lag_beyond_the_limit_drops_the_socket() -> None:
    late: dict[Socket, list[bytes]] = {}

    def slow(stream: str, payload: bytes, socket: Socket) -> list[bytes]:
        if "aggTrade" not in stream or len(socket.exchange.opened) > 2:
            return [payload]
        waiting = late.setdefault(socket, [])
        waiting.append(payload)
        return [waiting.pop(0)] if len(waiting) > 160 else []  # eight seconds behind, for good

    exchange = Exchange()

    async def script(s: Session) -> None:
        await asyncio.sleep(20.0)
        exchange.distort = slow
        await asyncio.sleep(40.0)

    s = play(exchange, script)
    assert s.feed.counts["sockets dropped for lag"] == 1
    nothing_is_lost(s)
    assert isinstance(s.heard, Heard)
