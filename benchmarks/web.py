"""How long from a step of the live loop to a page, and what fifty pages cost the loop: `python benchmarks/web.py`.

A process of its own steps a graph twenty times a second over an invented tape of trades (1 s of market time a step, 1 m bars)
and publishes; pages in this process acknowledge what they get, as the front end does. Goals are those of the dashboard's
specification: tick to page p99 under 100 ms, the loop's own p99 changed by under 10 % by fifty pages of which one is stalled
(its socket is never read), a stalled page at most 200 ms behind after it resumes, a snapshot of 1000 x 400 under 500 KB and
read in under 5 ms, a change of instrument from memory under 500 ms. The peer for latency is a bare message of the same size
through the same library, measured in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import struct
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

from perpscope.core.batch import Batch
from perpscope.core.events import GAP, OPEN_INTEREST, TRADE
from perpscope.core.instrument import Instrument, RiskTier, TierTable
from perpscope.core.table import Table
from perpscope.core.time import NULL_TS, SECOND, parse_ts
from perpscope.engine.graph import Graph
from perpscope.web.frames import decode_frame, read_heat
from perpscope.web.picture.frame import layer_names, snapshot
from perpscope.web.serve import serving
from perpscope.web.stream.publisher import Publisher

START = parse_ts("2024-01-01")
HISTORY = 1_050 * 60
TRADES_A_SECOND = 30
RATE = 20.0
FOLDS = (
    "cvd", "delta", "open_interest_delta", "average_stack", "swings", "breaks", "fair_value_gaps", "order_blocks", "opens",
    "levels", "session_ranges", "liquidation_heatmap", "liquidation_clusters", "footprint", "volume_profile",
)  # fmt: skip


class Tape:
    """Trades and polled open interest, second by second."""

    def __init__(self, seed: int = 1) -> None:
        self.rng = np.random.default_rng(seed)
        self.price, self.interest, self.number = 50_000.0, 80_000.0, 0

    def batch(self, start: int, seconds: int) -> Batch:
        n = seconds * TRADES_A_SECOND
        ts = start + 1 + np.sort(self.rng.integers(0, seconds * SECOND - 1, n))
        path = self.price * np.exp(np.cumsum(self.rng.normal(0.0, 4e-5, n)))
        self.price = float(path[-1])
        ids = np.arange(self.number, self.number + n)
        self.number += n
        sizes = self.rng.exponential(0.05, n) + 0.001
        sides = self.rng.integers(1, 3, n)
        prices = np.round(path, 1)
        trades = Table.of(
            TRADE, exchange_ts=ts, receive_ts=ts, trade_id=ids, price=prices, quantity=sizes, aggressor_side=sides
        )
        polls = np.arange(start // (10 * SECOND) * 10 * SECOND + 10 * SECOND, start + seconds * SECOND + 1, 10 * SECOND)
        moved = self.interest * np.exp(np.cumsum(self.rng.normal(0.0, 2e-4, len(polls))))
        self.interest = float(moved[-1]) if len(moved) else self.interest
        held = Table.filled(OPEN_INTEREST, exchange_ts=polls, receive_ts=np.full(len(polls), NULL_TS), open_interest=moved)
        return Batch(start + seconds * SECOND, {"trade": trades, "open_interest": held, "gap": GAP.empty()})


def loop(lake: str, told: Connection) -> None:
    """The live loop: prepares, says its address, then does phases as it is told and reports the cost of each step."""
    tiers = TierTable("bench", "BTCUSDT", (RiskTier(0.0, 1e10, 0.004, 0.0, 125.0),), None, None, "own")
    coin = Instrument("bench", "BTCUSDT", base="BTC", quote="USDT", tick_size=0.1, tier_tables=(tiers,))
    tape, publisher = Tape(), Publisher()
    graph = Graph(coin, ["bars", *FOLDS], {"trade", "open_interest"}, "1m")
    first = tape.batch(START, HISTORY)
    publisher.open(graph, graph.step(first).rows, first.tables)
    ready = serving(Path(lake), port=0, mode="live", publisher=publisher)
    threading.Thread(target=ready.run, daemon=True).start()
    while not ready.uvicorn.started:
        time.sleep(0.01)
    told.send(ready.url)
    now = START + HISTORY * SECOND
    while (seconds := told.recv()) is not None:
        costs, stamps = [], {}
        due = time.monotonic()
        for _ in range(int(seconds * RATE)):
            due += 1.0 / RATE
            time.sleep(max(0.0, due - time.monotonic()))
            batch = tape.batch(now, 1)
            begun = time.monotonic()
            publisher.publish(graph, graph.step(batch), batch)
            costs.append(time.monotonic() - begun)
            now = batch.watermark_ts
            stamps[now / 1e6] = begun
        told.send((costs, stamps))
    ready.uvicorn.should_exit = True


class Page:
    """A page that acknowledges every frame at once; `seen` pairs a frame's watermark with when it came."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.seen: list[tuple[float, float]] = []
        self.sizes: list[int] = []

    async def begin(self, bars: int = 300) -> None:
        await self.socket.send('{"type":"hello","protocol":1}')
        await self.socket.recv()
        asked = {"type": "subscribe", "id": 1, "venue": "bench", "symbol": "BTCUSDT", "frame": "1m", "bars": bars}
        await self.socket.send(json.dumps(asked))
        await self.frame()

    async def frame(self, acknowledge: bool = True) -> float:
        while isinstance(got := await self.socket.recv(), str):
            pass
        came = time.monotonic()
        head = json.loads(got[4 : 4 + struct.unpack("<I", got[:4])[0]])
        self.seen.append((head["watermark_ms"], came))
        self.sizes.append(len(got))
        if acknowledge:
            await self.socket.send(json.dumps({"type": "ack", "id": 1, "seq": head["seq"]}))
        return float(head["watermark_ms"])

    async def listen(self) -> None:
        while True:
            await self.frame()


async def phase(
    url: str, told: Connection, pages: int, stalled: bool, seconds: float
) -> tuple[list[float], list[float], float]:
    """Ages of ticks when a page had them (all pages), the loop's cost of each step, bytes of a delta."""
    options: dict[str, Any] = {"origin": url.rstrip("/"), "max_size": 2**25, "compression": None}
    sockets = [await connect(url.replace("http", "ws") + "ws", **options) for _ in range(pages)]
    made = [Page(socket) for socket in sockets]
    for page in made:
        await page.begin()
    if stalled:
        made[-1].socket.transport.pause_reading()
    listening = [asyncio.create_task(page.listen()) for page in made]
    told.send(seconds)
    costs, stamps = await asyncio.to_thread(told.recv)
    await asyncio.sleep(0.5)
    for task in listening:
        task.cancel()
    await asyncio.gather(*listening, return_exceptions=True)
    ages: list[float] = []
    for page in made[: len(made) - stalled]:
        ages += [came - stamps[at] for at, came in page.seen if at in stamps]
    for socket in sockets:
        socket.transport.abort()
    sizes = [size for page in made for size in page.sizes[1:]]
    return ages, costs, float(np.median(sizes)) if sizes else 0.0


async def resumed(url: str, told: Connection) -> float:
    """A page that draws nothing for three seconds and then goes on: how old the newest it shows is, 200 ms later at most."""
    options: dict[str, Any] = {"origin": url.rstrip("/"), "max_size": 2**25, "compression": None}
    async with connect(url.replace("http", "ws") + "ws", **options) as socket:
        page = Page(socket)
        await page.begin()
        told.send(4.0)
        running = asyncio.create_task(asyncio.to_thread(told.recv))
        await page.frame(acknowledge=False)
        await page.frame(acknowledge=False)
        await asyncio.sleep(3.0)
        woke = time.monotonic()
        await socket.send(json.dumps({"type": "ack", "id": 1, "seq": 3}))
        at = await page.frame()
        _, stamps = await running
        newest = max(stamp for stamp in stamps.values() if stamp <= page.seen[-1][1])
        return max(page.seen[-1][1] - woke, page.seen[-1][1] - newest if at in stamps else float("inf"))


async def bare(size: int, messages: int = 300) -> list[float]:
    """The peer: a message of this size through the same library, one way, acknowledged."""
    body = os.urandom(size)

    async def answer(socket: ServerConnection) -> None:
        async for _ in socket:
            await socket.send(struct.pack("<d", time.monotonic()) + body)

    async with serve(answer, "127.0.0.1", 0, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}", compression=None, max_size=2**25) as socket:
            ages = []
            for _ in range(messages):
                await socket.send("next")
                got = await socket.recv(decode=False)
                ages.append(time.monotonic() - struct.unpack("<d", got[:8])[0])
    return ages


def drawing() -> tuple[int, float, float, float, str]:
    """Size of a snapshot of 1000 x 400 (candles and heat), to draw it, to read it, to switch to it from memory."""
    tape = Tape(2)
    tiers = TierTable("bench", "BTCUSDT", (RiskTier(0.0, 1e10, 0.004, 0.0, 125.0),), None, None, "own")
    coin = Instrument("bench", "BTCUSDT", tick_size=0.1, tier_tables=(tiers,))
    graph = Graph(coin, ["bars", *FOLDS], {"trade", "open_interest"}, "1m")
    first, publisher = tape.batch(START, HISTORY), Publisher()
    scene = publisher.open(graph, graph.step(first).rows, first.tables)
    picture = scene.picture(scene.now(), 1_000)
    frame = snapshot(picture, ["candles", "liquidation_heatmap"]).frame()
    reads, draws, switches = [], [], []
    for _ in range(20):
        begun = time.perf_counter()
        header, body = decode_frame(frame)
        cells = read_heat(body, header.heats[0])[1]
        reads.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        snapshot(picture, ["candles", "liquidation_heatmap"]).frame()
        draws.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        snapshot(scene.picture(scene.now(), 1_000), layer_names(None)).frame()
        switches.append(time.perf_counter() - begun)
    shape = f"{cells.shape[0]} x {cells.shape[1]}"
    whole = len(frame) - cells.size + 400_000
    return whole, float(np.median(draws)), float(np.median(reads)), float(np.median(switches)), shape


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="length of a phase")
    parser.add_argument("--pages", type=int, default=50)
    told = parser.parse_args()
    one_minute, five = os.getloadavg()[:2]
    print(f"cores {os.cpu_count()}, load {one_minute:.2f} {five:.2f}; {RATE:g} steps a second, {told.seconds:g} s a phase")
    size, draw, read, switch, shape = drawing()
    goal("snapshot of 1000 x 400 with its candles", f"{size / 1e3:.0f} KB (drawn {shape})", size < 500_000, "under 500 KB")
    goal("reading it", f"{read * 1e3:.2f} ms (drawing it {draw * 1e3:.1f} ms)", read < 5e-3, "under 5 ms")
    goal("change of instrument from memory, all layers shown", f"{switch * 1e3:.0f} ms", switch < 0.5, "under 500 ms")
    here, there = multiprocessing.Pipe()
    with TemporaryDirectory() as lake:
        process = multiprocessing.get_context("spawn").Process(target=loop, args=(lake, there), daemon=True)
        process.start()
        url = here.recv()
        asyncio.run(phase(url, here, 1, False, 5.0))  # kernels are compiled now
        _, alone, _ = asyncio.run(phase(url, here, 0, False, told.seconds))
        one, one_costs, bytes_ = asyncio.run(phase(url, here, 1, False, told.seconds))
        many, many_costs, _ = asyncio.run(phase(url, here, told.pages, True, told.seconds))
        behind = asyncio.run(resumed(url, here))
        here.send(None)
        process.join(10)
    peer = asyncio.run(bare(int(bytes_)))
    a, b, p = (float(np.quantile(v, 0.99)) for v in (one, many, peer))
    print(
        f"a delta is {bytes_ / 1e3:.1f} KB; a bare message of that size: p50 {np.median(peer) * 1e3:.2f}, p99 {p * 1e3:.2f} ms"
    )
    goal(
        "tick to one page, p99",
        f"{a * 1e3:.1f} ms (p50 {np.median(one) * 1e3:.1f}; {a / p:.0f} x the bare message)",
        a < 0.1,
        "under 100 ms",
    )
    goal(
        f"tick to {told.pages - 1} pages beside a stalled one, p99",
        f"{b * 1e3:.1f} ms (p50 {np.median(many) * 1e3:.1f})",
        b < 0.3,
        "under 300 ms",
    )
    x, y, z = (float(np.quantile(v, 0.99)) for v in (alone, one_costs, many_costs))
    halves = [float(np.median(costs)) * 1e3 for costs in (alone, one_costs, many_costs)]
    print(f"the loop's own step, p50: alone {halves[0]:.2f}, one page {halves[1]:.2f}, {told.pages} pages {halves[2]:.2f} ms")
    print(f"the loop's own step, p99: alone {x * 1e3:.2f}, one page {y * 1e3:.2f}, {told.pages} pages {z * 1e3:.2f} ms")
    goal(f"the loop's step with {told.pages} pages, p99", f"{z / x - 1:+.0%}", z / x < 1.1, "changed by under 10 %")
    goal("a stalled page after it goes on", f"{behind * 1e3:.0f} ms behind", behind < 0.2, "at most 200 ms")
    print(f"load at the end {os.getloadavg()[0]:.2f}")


def goal(what: str, figure: str, met: bool, wanted: str) -> None:
    print(f"{'MET   ' if met else 'MISSED'} {what}: {figure}; goal {wanted}")


if __name__ == "__main__":
    main()
