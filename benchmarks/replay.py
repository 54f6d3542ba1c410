"""How fast the simulated exchange can tell the recorded day, beside a bare aiohttp server that sends the same payloads.

    python benchmarks/replay.py [RECORDING]

Server and client share one process and one loop in both, so the figures are a floor of what two processes reach. CPU time, the
best of three. Goal of the specification: a recorded day at 20 times real time or more.
"""

from __future__ import annotations

import asyncio
import math
import os
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
from aiohttp import web

from perpscope.replay import ReplayServer, Settings, load
from perpscope.replay.frames import Tape

DAY = Path(__file__).parents[2] / "shared/data/wire/binance_usdm/BTCUSDT-2024-08-08.jsonl.gz"
STREAMS = "btcusdt@trade/btcusdt@depth@100ms/btcusdt@bookTicker"
GOAL = 20.0


async def heard(url: str, count: int) -> None:
    async with aiohttp.ClientSession() as client, client.ws_connect(url, max_msg_size=0) as socket:
        for _ in range(count):
            await socket.receive()


async def replayed(tape: Tape, count: int, ledger: Path) -> float:
    async with ReplayServer(Settings(speed=math.inf, ledger=ledger), tape) as server:
        begin = time.process_time()
        await heard(f"http://127.0.0.1:{server.port}/public/stream?streams={STREAMS}", count)
        return time.process_time() - begin


async def bare(payloads: list[bytes]) -> float:
    async def tell(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        for k, payload in enumerate(payloads):
            await socket.send_frame(payload, aiohttp.WSMsgType.TEXT)
            if k % 128 == 0:
                await asyncio.sleep(0)
        return socket

    app = web.Application()
    app.router.add_get("/", tell)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    begin = time.process_time()
    await heard(f"http://127.0.0.1:{runner.addresses[0][1]}/", len(payloads))
    spent = time.process_time() - begin
    await runner.cleanup()
    return spent


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else DAY
    if not path.is_file():
        print(f"no recording {path}: give one as argument")
        return
    tape = load("binance", [path])
    tracks = [tape.tracks[f"btcusdt@{c}"] for c in ("trade", "depth", "bookTicker")]
    frames = sorted((f for t in tracks for f in t.frames), key=lambda f: (f.at, f.order))
    span_s = (frames[-1].at - frames[0].at) / 1e9
    with tempfile.TemporaryDirectory() as folder:
        mine = min(asyncio.run(replayed(tape, len(frames), Path(folder) / "ledger")) for _ in range(3))
    peer = min(
        asyncio.run(bare([b'{"stream":"btcusdt@depth@100ms","data":' + f.data + b"}" for f in frames])) for _ in range(3)
    )
    print(
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}; {len(frames):,} messages of {span_s:.0f} s of market, CPU time"
    )
    print(f"replay, ledger and client {mine:6.2f} s  {len(frames) / mine:9,.0f} messages/s  {span_s / mine:6.0f} x real time")
    print(f"bare aiohttp and client   {peer:6.2f} s  {len(frames) / peer:9,.0f} messages/s  ratio {peer / mine:.2f}")
    print(f"goal {GOAL:g} x real time: {'MET' if span_s / mine >= GOAL else 'MISSED'}")


if __name__ == "__main__":
    main()
