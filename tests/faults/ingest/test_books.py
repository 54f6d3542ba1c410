"""Faults F5 to F8 and F38 of books. The answer is the exchange's own book at every update."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Mapping
from typing import Any

import pytest

from live.exchange import Exchange, Socket
from live.okx_exchange import OkxExchange
from live.oracle import Heard, undeclared, wrong_books
from live.rig import Session, play
from perpscope.core.events import GapCause, GapKind
from perpscope.live.feed_book import BookKeeper
from perpscope.live.sink import ChannelState
from perpscope.venues.book_sync import BookMessage
from perpscope.venues.bybit.book import BybitRule
from perpscope.venues.registry import door
from perpscope.venues.transport.network import Reply

BTC, ETH = "BTCUSDT", "ETHUSDT"
DEPTH = "btcusdt@depth@100ms"


def silent_updates(s: Session, symbol: str = BTC) -> list[int]:
    """Updates after the first snapshot that neither passed nor lie in a declared gap."""
    ours = {m.last_id for m in s.heard.books[symbol]}
    begun, ended = min(ours), max(ours)
    times = {u: t for u, t in s.exchange.updated_at[symbol].items() if begun < u < ended}
    return [u for u, ts in times.items() if u not in ours and not s.heard.declared(symbol, GapKind.BOOK_DELTA, ts)]


def test_f5_every_lost_update_is_found_and_repaired_within_two_seconds_alone() -> None:
    exchange, rng, dropped = Exchange((BTC, ETH)), random.Random(5), []

    def lossy(stream: str, payload: bytes, socket: Socket) -> list[bytes]:
        if stream == DEPTH and asyncio.get_running_loop().time() > 5.0 and rng.random() < 0.02:
            dropped.append(json.loads(payload)["data"])
            return []
        return [payload]

    exchange.distort = lossy

    async def script(s: Session) -> None:
        await asyncio.sleep(120.0)

    s = play(exchange, script)
    assert len(dropped) > 15
    for symbol in (BTC, ETH):
        compared, wrong = wrong_books(exchange, s.heard, symbol)
        assert compared > 800
        assert wrong == 0
        assert undeclared(exchange, s.heard, symbol) == []
    assert silent_updates(s) == []
    for lost in dropped[:-1]:
        assert s.heard.declared(BTC, GapKind.BOOK_DELTA, lost["T"] * 1_000_000)
    assert {symbol for symbol, *_ in s.heard.gaps} == {BTC}, "the other symbol is untouched"
    stale = [t for t, c, state in s.heard.states if c == DEPTH and state is ChannelState.STALE and t > 5.0]
    assert len(stale) > 10
    assert max(s.when(DEPTH, ChannelState.LIVE, t) - t for t in stale) < 2.0


@pytest.mark.parametrize("stale_snapshot", [False, True])
def test_f6_a_gap_while_the_snapshot_is_slow_or_old_never_mixes_two_books(stale_snapshot: bool) -> None:
    exchange, rng = Exchange(), random.Random(6)
    exchange.rest_delay_s = 5.0
    old: list[dict[str, Any]] = []

    def answer(path: str, query: Mapping[str, Any]) -> Reply | None:
        if not path.endswith("/depth"):
            return None
        old.append(exchange.snapshot(BTC))
        return Reply(200, {}, json.dumps(old[max(0, len(old) - 2)]).encode())  # the one before

    if stale_snapshot:
        exchange.answer = answer
    exchange.distort = lambda stream, payload, socket: (
        [] if stream == DEPTH and rng.random() < 0.01 and not lucky(exchange) else [payload]
    )

    async def script(s: Session) -> None:
        await asyncio.sleep(200.0)

    s = play(exchange, script)
    compared, wrong = wrong_books(exchange, s.heard, BTC)
    assert compared > 200
    assert wrong == 0
    assert silent_updates(s) == []
    assert s.feed.health[DEPTH].tracks[BTC].book is not None


def lucky(exchange: Exchange) -> bool:
    """Nothing is lost in the first half minute, so that the session begins."""
    return asyncio.get_running_loop().time() < 30.0


def test_f7_duplicates_and_disorder_change_nothing() -> None:
    exchange, rng, waiting = Exchange(trades_per_s=50.0), random.Random(7), []

    def messy(stream: str, payload: bytes, socket: Socket) -> list[bytes]:
        if "forceOrder" in stream:
            return [payload]
        out = [payload, payload] if rng.random() < 0.05 else [payload]
        if rng.random() < 0.05:
            waiting.append((socket, stream, payload))
            return out[1:]
        if waiting and waiting[0][0] is socket and rng.random() < 0.5:
            out.append(waiting.pop(0)[2])
        return out

    exchange.distort = messy

    async def script(s: Session) -> None:
        await asyncio.sleep(90.0)
        exchange.distort = lambda stream, payload, socket: [payload]
        await asyncio.sleep(5.0)

    s = play(exchange, script)
    taken = [(v[2], v[0] // 1_000_000, v[3], v[4], v[5] == 2) for v in s.heard.rows[BTC, "trade"]]
    first = taken[0][0]
    declared = [r for r in exchange.ledger[BTC] if s.heard.declared(BTC, GapKind.TRADE, r[1] * 1_000_000)]
    assert declared == []
    assert taken == [r for r in exchange.ledger[BTC] if first <= r[0] <= taken[-1][0]], "the very ledger, in its order"
    compared, wrong = wrong_books(exchange, s.heard, BTC)
    assert compared > 300
    assert wrong == 0
    assert silent_updates(s) == []
    marks = [v[0] for v in s.heard.rows[BTC, "mark_price"]]
    assert len(marks) == len(set(marks))


def test_f8_a_venue_that_counts_anew_is_noticed() -> None:
    exchange = Exchange()

    async def script(s: Session) -> None:
        await asyncio.sleep(10.0)
        exchange.u[BTC] = 7
        exchange.truth[BTC].clear()
        exchange.books[BTC] = {("b", 900.0): 1.0, ("a", 901.0): 1.0}
        await asyncio.sleep(10.0)

    s = play(exchange, script)
    assert s.heard.books[BTC][-1].last_id < 1_000
    compared, wrong = wrong_books(exchange, s.heard, BTC)
    assert compared > 50
    assert wrong == 0
    stale = s.when(DEPTH, ChannelState.STALE, 9.0)
    assert s.when(DEPTH, ChannelState.LIVE, stale) - stale < 2.0


class Told:
    """What a book keeper says."""

    def __init__(self) -> None:
        self.heard = Heard()

    def passed(self, message: BookMessage) -> None:
        self.heard.book("bybit", "X", message)

    def absent(self, start_ts: int, end_ts: int, cause: GapCause, note: str) -> None:
        self.heard.gap("bybit", "X", GapKind.BOOK_DELTA, start_ts, end_ts, cause, note)

    def whole(self, is_whole: bool) -> None:
        self.heard.state("bybit", "X", ChannelState.LIVE if is_whole else ChannelState.STALE)


def update(u: int, ts: int, bids: list[tuple[float, float]], snapshot: bool = False) -> BookMessage:
    return BookMessage(ts, ts, u, u, u - 1, bids, [], snapshot)


def test_f8_an_update_one_of_bybit_replaces_the_book() -> None:
    told, asked = Told(), []
    keeper = BookKeeper(BybitRule(), told, lambda: asked.append(1))
    keeper.apply(update(10, 100, [(9.0, 1.0)], snapshot=True))
    keeper.apply(update(11, 110, [(8.0, 1.0)]))
    keeper.apply(update(1, 120, [(5.0, 2.0)]))
    keeper.apply(update(2, 130, [(4.0, 2.0)]))
    assert [(m.last_id, m.snapshot) for m in told.heard.books["X"]] == [(10, True), (11, False), (1, True), (2, False)]
    assert [(a, b) for _, _, a, b, _, _ in told.heard.gaps] == [(111, 120)]
    assert not asked


def test_the_chain_goes_on_where_a_second_socket_takes_over() -> None:
    """Worked by hand: updates 11, 12 came on the first socket; the second brought a snapshot of 11, then 12, 13."""
    told = Told()
    keeper = BookKeeper(BybitRule(), told, lambda: None)

    class Line:
        primary = False

    keeper.apply(update(10, 100, [(9.0, 1.0)], snapshot=True))
    keeper.take(Line(), update(11, 110, [(9.0, 1.0), (8.0, 1.0)], snapshot=True))
    keeper.apply(update(11, 110, [(8.0, 1.0)]))
    keeper.take(Line(), update(12, 120, [(7.0, 1.0)]))
    keeper.apply(update(12, 120, [(7.0, 1.0)]))
    keeper.take(Line(), update(13, 130, [(6.0, 1.0)]))
    keeper.switched()
    assert [(m.last_id, m.snapshot) for m in told.heard.books["X"]] == [(10, True), (11, False), (12, False), (13, False)]
    assert told.heard.gaps == []


@pytest.mark.parametrize("own_snapshot", [True, False])
def test_f38_okx_books_are_right_with_and_without_a_snapshot_of_the_stream(own_snapshot: bool) -> None:
    exchange = OkxExchange(own_snapshot)
    symbol = exchange.symbols[0]

    async def script(s: Session) -> None:
        await asyncio.sleep(20.0)
        for socket in list(exchange.sockets):
            socket.kill()
        await asyncio.sleep(20.0)

    s = play(exchange, script, kinds=("book_delta",), venue=door("okx"))
    compared, wrong = wrong_books(exchange, s.heard, symbol)
    assert compared > 300
    assert wrong == 0
    assert silent_updates(s, symbol) == []
    assert exchange.asked_books == (0 if own_snapshot else 2)
    assert s.feed.counts["unreadable"] == 0, "a checksum of 0 is absent, not wrong"
