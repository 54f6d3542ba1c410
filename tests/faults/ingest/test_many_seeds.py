"""Faults F1, F2, F4, F5, F7 and F9 together, many seeds, two virtual minutes each; the numbers of the matrix. The answer is the
exchange's own ledger and its book at every update."""

from __future__ import annotations

import asyncio
import random

import pytest

from faults.numbers import record as record_number
from live.exchange import Exchange, Socket
from live.oracle import twice, undeclared, wrong_books
from live.rig import Session, play
from perpscope.core.events import GapKind

BTC = "BTCUSDT"
SEEDS = 200


def storm(seed: int) -> Session:
    """Lost and doubled messages, messages that change places, holes, broken and half-open sockets, refusing REST."""
    rng, exchange, waiting = random.Random(seed), Exchange(seed=seed, trades_per_s=30.0), []
    holes = {"until": 0.0}

    def distort(stream: str, payload: bytes, socket: Socket) -> list[bytes]:
        now = asyncio.get_running_loop().time()
        if "aggTrade" in stream and now < holes["until"]:
            return []
        draw = rng.random()
        if draw < 0.01 and "forceOrder" not in stream and "markPrice" not in stream:
            return []
        if draw < 0.04:
            return [payload, payload]
        if draw < 0.06:
            waiting.append((socket, payload))
            return []
        if waiting and waiting[0][0] is socket and rng.random() < 0.3:
            return [payload, waiting.pop(0)[1]]
        return [payload]

    async def script(s: Session) -> None:
        await asyncio.sleep(5.0)
        exchange.distort = distort
        for _ in range(rng.randrange(3, 9)):
            await asyncio.sleep(rng.uniform(2.0, 20.0))
            match rng.randrange(4):
                case 0:
                    for socket in list(exchange.sockets):
                        socket.kill()
                case 1:
                    for socket in sorted(exchange.sockets, key=lambda k: k.born)[: rng.randrange(1, 3)]:
                        socket.frozen = True
                case 2:
                    holes["until"] = s.clock.monotonic() + rng.uniform(0.1, 3.0)
                case _:
                    exchange.rest_delay_s = rng.choice([0.02, 0.5, 3.0])
        exchange.distort = lambda stream, payload, socket: [payload]
        exchange.rest_delay_s = 0.02
        await s.live(within=90.0)
        await asyncio.sleep(25.0)

    return play(exchange, script, seed=seed, lifetime_s=rng.choice([None, 50.0]))


@pytest.mark.parametrize("seeds", [range(3), pytest.param(range(SEEDS), marks=pytest.mark.slow)], ids=["short", "long"])
def test_no_seed_loses_anything_undeclared(seeds: range) -> None:
    lost = again = wrong = compared = silent = 0
    for seed in seeds:
        s = storm(seed)
        missing = undeclared(s.exchange, s.heard, BTC)
        ours = {m.last_id for m in s.heard.books[BTC]}
        begun, ended = min(ours), max(ours)
        unheard = [
            u
            for u, ts in s.exchange.updated_at[BTC].items()
            if begun < u < ended and u not in ours and not s.heard.declared(BTC, GapKind.BOOK_DELTA, ts)
        ]
        checked, differing = wrong_books(s.exchange, s.heard, BTC)
        assert (missing[:3], unheard[:3], differing) == ([], [], 0), f"seed {seed}"
        lost, again, silent = lost + len(missing), again + len(twice(s.heard, BTC)), silent + len(unheard)
        compared, wrong = compared + checked, wrong + differing
    assert again == 0
    if len(seeds) == SEEDS:
        what = f"over {SEEDS} seeds of faults together"
        record_number("F1-F9", f"trades neither taken nor declared, {what}", lost, "0", met=lost == 0)
        record_number("F1-F9", f"book updates neither applied nor declared, {what}", silent, "0", met=silent == 0)
        record_number("F5-F7", f"books that differ from the exchange's, of {compared:,} compared", wrong, "0", met=wrong == 0)
        record_number("F7", f"trades taken twice, {what}", again, "0", met=again == 0)
