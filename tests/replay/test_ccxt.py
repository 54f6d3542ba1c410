"""Proof by a peer: ccxt.pro, written by others against the real venue, watches the simulated one.

Answers: the recording (VENUES section 11: 91 merged trades in the four symbols) and its last book, put together here.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from perpscope.replay import ReplayServer, Settings, load

COINS = ("SUSHI", "AKRO", "KEEP", "CTK")
CLIENT = Path(__file__).with_name("ccxt_client.py")


@pytest.mark.slow
def test_ccxt_pro_hears_every_trade_and_ends_with_the_recorded_books(shared_data: Path) -> None:
    tape = load("binance", [shared_data / "wire/captures/BINANCE_FUTURES.ws.1.0.gz"])

    async def run() -> dict[str, Any]:
        async with ReplayServer(Settings(speed=10.0, wait=2, token="t"), tape) as server:
            child = await asyncio.create_subprocess_exec(
                sys.executable, str(CLIENT), str(server.port), "t", *(f"{coin}/USDT:USDT" for coin in COINS),
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            out, problems = await asyncio.wait_for(child.communicate(), 60.0)
            assert child.returncode == 0, problems.decode()[-2000:]
            return json.loads(out)

    told = asyncio.run(run())
    assert sum(h["trades"] for h in told["heard"].values()) == 91
    for symbol, heard in told["heard"].items():
        rows = tape.facts[symbol].merged
        assert heard["trades"] == len(rows)
        assert heard["bought"] == pytest.approx(sum(float(r.q) for r in rows if not r.m))
        book = last_book(tape, symbol)
        assert heard["nonce"] == tape.tracks[f"{symbol.lower()}@depth"].frames[-1].last
        for side, levels in (("bids", sorted(book["b"].items(), reverse=True)), ("asks", sorted(book["a"].items()))):
            assert [tuple(level) for level in heard[side]] == levels[:20]


def last_book(tape: Any, symbol: str) -> dict[str, dict[float, float]]:
    shot = tape.facts[symbol].snapshot
    book = {"b": {float(p): float(q) for p, q in shot.bids}, "a": {float(p): float(q) for p, q in shot.asks}}
    for frame in tape.tracks[f"{symbol.lower()}@depth"].frames:
        diff = json.loads(frame.data)
        if diff["u"] >= shot.last_update_id:
            for side, levels in book.items():
                levels |= {float(p): float(q) for p, q in diff[side]}
    return {side: {p: q for p, q in levels.items() if q} for side, levels in book.items()}
