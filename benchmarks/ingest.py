"""How fast the feed and the recorder are, beside ccxt.pro and a bare aiohttp + msgspec loop, on loopback.

    python benchmarks/ingest.py              # throughput side by side, then load L1 for 20 s
    python benchmarks/ingest.py --seconds 3600   # L1 as long as the specification asks
    python benchmarks/ingest.py --burst      # L2 and L3 too

One server process sends the same prepared trace to each client process in turn, in the protocol of Binance USD-M. A client's
CPU time is its own, so that the sender does not count. "Lost" is what the server sent and the client's caller never saw.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

T0 = 1_723_161_256_000
TRADES, UPDATES, LEVELS = 200_000, 40_000, 10
L1, L2, L3 = 10_000, 30_000, 60_000
SYMBOLS = tuple(f"S{n:03d}USDT" for n in range(100))


# ---------------------------------------------------------------------------------------------------------------- the server


def frame(payload: bytes) -> bytes:
    """An unmasked text frame."""
    if len(payload) < 126:
        return bytes([0x81, len(payload)]) + payload
    return bytes([0x81, 126]) + len(payload).to_bytes(2, "big") + payload


def trade(symbol: str, n: int, ms: int) -> str:
    return (
        f'{{"e":"aggTrade","E":{ms},"s":"{symbol}","a":{n},"p":"{61800 + n % 97}.10","q":"0.{1 + n % 899:03d}",'
        f'"f":{n},"l":{n},"T":{ms},"m":{"true" if n % 2 else "false"}}}'
    )


def update(symbol: str, n: int, ms: int, levels: int = LEVELS) -> str:
    """Update n has ids 10 n + 1 .. 10 n + 10."""
    bids = ",".join(f'["{61799 - (n * 7 + k) % 400}.10","{(n + k) % 9}.{k:03d}"]' for k in range(levels))
    asks = ",".join(f'["{61901 + (n * 5 + k) % 400}.10","{(n + k) % 8}.{k:03d}"]' for k in range(levels))
    return (
        f'{{"e":"depthUpdate","E":{ms},"T":{ms},"s":"{symbol}","U":{10 * n + 1},"u":{10 * n + 10},"pu":{10 * n},'
        f'"b":[{bids}],"a":[{asks}]}}'
    )


def mark(symbol: str, ms: int) -> str:
    return f'{{"e":"markPriceUpdate","E":{ms},"s":"{symbol}","p":"61800.10","i":"61799.90","P":"0","r":"0","T":0}}'


class Server:
    """Binance's protocol as far as it is needed here. `plan` says what a subscriber gets: all at once, or at a rate."""

    def __init__(self, rates: list[tuple[float, float]], start_path: Path | None) -> None:
        self.rates, self.start_path = rates, start_path
        self.subscribed: dict[str, list[tuple[asyncio.StreamWriter, bool]]] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                path = head.split(" ", 2)[1]
                fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
                if fields.get("upgrade") == "websocket":
                    key = next(v for k, v in (x.split(": ") for x in head.split("\r\n")[1:] if x) if k.lower().endswith("-key"))
                    accept = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
                    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
                    lines += [f"Sec-WebSocket-Accept: {base64.b64encode(accept).decode()}", "", ""]
                    writer.write("\r\n".join(lines).encode())
                    await self.talk(reader, writer, "/stream" in path)
                    return
                body = json.dumps(self.answer(path)).encode()
                lines = ["HTTP/1.1 200 OK", "Content-Type: application/json", f"Content-Length: {len(body)}", "", ""]
                writer.write("\r\n".join(lines).encode() + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    def answer(self, path: str) -> Any:
        if "/depth" in path:
            return {"lastUpdateId": 10, "E": T0, "T": T0, "bids": [["61000.10", "1"]], "asks": [["62500.10", "1"]]}
        if "/exchangeInfo" in path:
            steps = [{"filterType": "PRICE_FILTER", "tickSize": "0.1"}, {"filterType": "LOT_SIZE", "stepSize": "0.001"}]
            names = ["BTCUSDT", *SYMBOLS]
            return {
                "symbols": [
                    {"symbol": s, "baseAsset": s[:-4], "quoteAsset": "USDT", "contractType": "PERPETUAL", "filters": steps}
                    for s in names
                ]
            }
        if "/time" in path:
            return {"serverTime": T0 if not self.rates else time.time_ns() // 1_000_000}
        if "/aggTrades" in path:
            return []
        return {}

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wrapped: bool) -> None:
        while True:
            first, second = await reader.readexactly(2)
            size = second & 127
            if size == 126:
                size = int.from_bytes(await reader.readexactly(2), "big")
            mask = await reader.readexactly(4)
            data = bytes(b ^ mask[k % 4] for k, b in enumerate(await reader.readexactly(size)))
            if first & 15 == 9:
                writer.write(bytes([0x8A, len(data)]) + data)
            if first & 15 == 8:
                return
            if first & 15 != 1:
                continue
            said = json.loads(data)
            writer.write(frame(json.dumps({"result": None, "id": said["id"]}).encode()))
            for stream in said["params"]:
                self.subscribed.setdefault(stream, []).append((writer, wrapped))
                if not self.rates:
                    asyncio.get_running_loop().create_task(self.everything(stream, writer, wrapped))

    async def everything(self, stream: str, writer: asyncio.StreamWriter, wrapped: bool) -> None:
        """The whole trace of a stream, as fast as it is taken."""
        head, tail = (f'{{"stream":"{stream}","data":'.encode(), b"}") if wrapped else (b"", b"")
        count, make = (TRADES, trade) if "aggTrade" in stream else (UPDATES, update)
        await asyncio.sleep(0.5)
        for start in range(1, count + 1, 500):
            some = (make("BTCUSDT", n, T0 + n // 100).encode() for n in range(start, min(start + 500, count + 1)))
            writer.write(b"".join(frame(head + one + tail) for one in some))
            await writer.drain()

    async def paced(self) -> None:
        """60 % updates, 35 % trades, 5 % marks over all symbols, at the rates asked for, in steps of 10 ms."""
        wanted = {f"{s.lower()}@{name}" for s in SYMBOLS for name in ("aggTrade", "depth@100ms", "markPrice@1s")}
        while not wanted <= self.subscribed.keys():
            await asyncio.sleep(0.1)
        await asyncio.sleep(3.0)
        counters = {(s, kind): 0 for s in SYMBOLS for kind in "tdm"}
        order = [(s, kind) for s in SYMBOLS for kind in "d" * 12 + "t" * 7 + "m"]
        random.Random(1).shuffle(order)
        at, sent, started = 0, 0, time.monotonic()
        due = 0.0
        for rate, seconds in self.rates:
            begun = time.monotonic()
            while (passed := time.monotonic() - begun) < seconds:
                target = int(rate * passed)
                out: dict[asyncio.StreamWriter, list[bytes]] = {}
                ms = time.time_ns() // 1_000_000
                while sent - due < target:
                    symbol, kind = order[at % len(order)]
                    at += 1
                    sent += 1
                    counters[symbol, kind] = n = counters[symbol, kind] + 1
                    name = {"t": "aggTrade", "d": "depth@100ms", "m": "markPrice@1s"}[kind]
                    data = trade(symbol, n, ms) if kind == "t" else update(symbol, n, ms) if kind == "d" else mark(symbol, ms)
                    stream = f"{symbol.lower()}@{name}"
                    writer, _ = self.subscribed[stream][0]
                    out.setdefault(writer, []).append(frame(f'{{"stream":"{stream}","data":{data}}}'.encode()))
                for writer, frames in out.items():
                    writer.write(b"".join(frames))
                    await writer.drain()
                await asyncio.sleep(0.01)
            due = sent
        if self.start_path is not None:
            took = time.monotonic() - started
            totals = {kind: sum(n for (_, k), n in counters.items() if k == kind) for kind in "tdm"}
            self.start_path.write_text(json.dumps({"sent": sent, "seconds": took, **totals}))


async def serve(rates: list[tuple[float, float]], told: Path | None) -> None:
    server = Server(rates, told)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, limit=1 << 22)
    print(listening.sockets[0].getsockname()[1], flush=True)
    if rates:
        await server.paced()
    await asyncio.sleep(3_600)


# ---------------------------------------------------------------------------------------------------------------- the clients


class Data(msgspec.Struct):
    s: str
    T: int
    p: str = ""
    q: str = ""
    a: Any = None
    b: Any = None


class Wrapped(msgspec.Struct):
    stream: str
    data: Data


class Count:
    """A sink that only counts, as a caller of ccxt would."""

    def __init__(self) -> None:
        self.rows = self.books = 0

    def take(self, *_: Any) -> None:
        self.rows += 1

    def book(self, *_: Any) -> None:
        self.books += 1

    def gap(self, *_: Any) -> None:
        return

    raw = state = gap


async def ours(kind: str, port: int) -> dict[str, float]:
    """Everything the feed does: parse, gap checks, order, staleness; into a sink that counts."""
    from perpscope.live.feed import Feed, FeedOptions
    from perpscope.live.feed_plan import rehosted
    from perpscope.venues.registry import door
    from perpscope.venues.transport.clock import SystemClock
    from perpscope.venues.transport.network import AiohttpNetwork

    sink, found, options = Count(), door("binance"), FeedOptions(lag_limit_s=None)
    async with AiohttpNetwork() as network:
        addresses = rehosted(found.addresses, f"http://127.0.0.1:{port}")
        kinds = ["trade" if kind == "trades" else "book_delta"]
        feed = Feed(found, ["BTCUSDT"], kinds, sink, network, SystemClock(), random.Random(1), addresses, options=options)
        task = asyncio.create_task(feed.run())
        wanted = TRADES if kind == "trades" else UPDATES
        done = await measured(lambda: sink.rows if kind == "trades" else sink.books, wanted)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return done


async def bare(kind: str, port: int) -> dict[str, float]:
    """aiohttp and msgspec: a decoded struct a message, nothing else. The ceiling."""
    import aiohttp

    seen = [0]
    decode = msgspec.json.Decoder(Wrapped).decode
    async with aiohttp.ClientSession() as session:
        route = "market" if kind == "trades" else "public"
        ws = await session.ws_connect(f"ws://127.0.0.1:{port}/{route}/stream", decode_text=False)
        name = "aggTrade" if kind == "trades" else "depth@100ms"
        await ws.send_str(json.dumps({"method": "SUBSCRIBE", "params": [f"btcusdt@{name}"], "id": 1}))
        await ws.receive()

        async def read() -> None:
            async for message in ws:
                decode(message.data)
                seen[0] += 1

        task = asyncio.create_task(read())
        done = await measured(lambda: seen[0], TRADES if kind == "trades" else UPDATES)
        task.cancel()
    return done


async def peer(kind: str, port: int) -> dict[str, float]:
    """ccxt.pro: watch_trades (aggTrade) or watch_order_book of one contract."""
    import ccxt.pro

    exchange = ccxt.pro.binanceusdm({"newUpdates": True, "enableRateLimit": False})
    host = f"127.0.0.1:{port}"
    for name, address in list(exchange.urls["api"].items()):
        if isinstance(address, str):
            exchange.urls["api"][name] = f"http://{host}/" + address.split("/", 3)[3]
    exchange.urls["api"]["ws"]["linear"] = f"ws://{host}/ws"
    names = {"base": "BTC", "quote": "USDT", "settle": "USDT", "baseId": "BTC", "quoteId": "USDT", "settleId": "USDT"}
    flags = {"swap": True, "contract": True, "linear": True, "inverse": False, "spot": False, "option": False, "future": False}
    facts = {"type": "swap", "contractSize": 1.0, "active": True, "precision": {"price": 0.1, "amount": 0.001}}
    named = {"id": "BTCUSDT", "lowercaseId": "btcusdt", "symbol": "BTC/USDT:USDT"}
    market = exchange.safe_market_structure({**named, **names, **flags, **facts})
    exchange.set_markets([market])
    seen, reached = [0], [0]

    async def read() -> None:
        while True:
            if kind == "trades":
                told = await exchange.watch_trades("BTC/USDT:USDT", params={"name": "aggTrade"})
                seen[0], reached[0] = int(told[-1]["id"]), reached[0] + len(told)
            else:
                book = await exchange.watch_order_book("BTC/USDT:USDT")
                seen[0] = (int(book["nonce"] or 10) - 10) // 10

    task = asyncio.create_task(read())
    done = await measured(lambda: seen[0], TRADES if kind == "trades" else UPDATES - 1)
    if task.done():
        task.result()
    task.cancel()
    await exchange.close()
    if kind == "trades":
        done["lost"] = TRADES - reached[0]  # it handled them all, but its caller, woken once, saw the newest 1,000 only
    return done


async def measured(count: Callable[[], int], wanted: int) -> dict[str, float]:
    """CPU and wall time from the first message to the last, or until nothing came for 5 s (what is missing then was lost)."""
    while not count():
        await asyncio.sleep(0.005)
    cpu, wall, first = time.process_time(), time.perf_counter(), count()
    last, last_at, last_cpu = first, wall, cpu
    while (now := count()) < wanted and time.perf_counter() - last_at < 5.0:
        await asyncio.sleep(0.02)
        if now != last:
            last, last_at, last_cpu = now, time.perf_counter(), time.process_time()
    seen = count()
    if seen >= wanted:
        last_at, last_cpu = time.perf_counter(), time.process_time()
    return {"messages": seen - first, "cpu_s": last_cpu - cpu, "wall_s": last_at - wall, "lost": max(0, wanted - seen)}


async def record(seconds: float, port: int, lake: str) -> dict[str, Any]:
    """The whole recorder, into a lake on this disk."""
    from perpscope.live.feed import FeedOptions
    from perpscope.live.feed_plan import rehosted
    from perpscope.live.recorder import Recorder, Target
    from perpscope.venues.registry import door
    from perpscope.venues.transport.clock import SystemClock
    from perpscope.venues.transport.network import AiohttpNetwork

    sizes = []
    async with AiohttpNetwork() as network:
        addresses = rehosted(door("binance").addresses, f"http://127.0.0.1:{port}")
        target = Target("binance", SYMBOLS, ("trade", "book_delta", "mark_price"), addresses)
        clock, rng = SystemClock(), random.Random(1)
        options = FeedOptions(lag_limit_s=None)
        recorder = Recorder(lake, [target], target.kinds or (), network, clock, rng, options=options, reserve_bytes=0)
        task = asyncio.create_task(recorder.run())
        loop = asyncio.get_running_loop()
        ends, cpu, started = loop.time() + 600.0, 0.0, 0.0
        total = last = 0
        while loop.time() < ends and not task.done():
            await asyncio.sleep(0.25)
            station = recorder.stations["binance"]
            total = sum(h.count for h in station.feed.health.values())
            if total and not started:
                started, cpu, ends = loop.time(), time.process_time(), loop.time() + seconds + 60.0
            if started and total == last and loop.time() - started > seconds:
                break
            if total != last:
                moved, moved_cpu = loop.time(), time.process_time()
            last = total
            sizes.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
        recorder.stop()
        await task
    station = recorder.stations["binance"]
    return {
        "messages": total,
        "wall_s": moved - started,
        "cpu_s": moved_cpu - cpu,
        "trades": sum(q.rows for (_, stream), q in station.store.quality.items() if stream == "trade"),
        "durable_p50_ms": max(q.durable.quantile_ms(0.5) for q in station.store.quality.values()),
        "durable_p99_ms": max(q.durable.quantile_ms(0.99) for q in station.store.quality.values()),
        "lag_p99_ms": max(q.lag.quantile_ms(0.99) for q in station.store.quality.values()),
        "gaps": station.feed.counts["gaps"],
        "conflated": station.store.counts["books conflated"],
        "rss_mb_middle": sizes[len(sizes) // 2] if sizes else 0,
        "rss_mb_end": sizes[-1] if sizes else 0,
    }


CLIENTS = {"ours": ours, "bare": bare, "ccxt": peer}


# ---------------------------------------------------------------------------------------------------------------- the report


def child(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, __file__, *arguments], stdout=subprocess.PIPE, text=True)


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def side_by_side(kind: str, repeats: int) -> dict[str, float]:
    best: dict[str, float] = {}
    server = child("--serve", "")
    port = line(server).strip()
    try:
        for _ in range(repeats):
            for name in CLIENTS:
                client = child("--client", name, "--kind", kind, "--port", port)
                told = json.loads(line(client))
                client.wait()
                rate = told["messages"] / told["cpu_s"]
                best[name] = max(best.get(name, 0.0), rate)
                print(
                    f"  {kind:7s} {name:5s} {rate:10,.0f} per CPU-second {told['messages'] / told['wall_s']:10,.0f} per second"
                    f"  lost {told['lost']:.0f}",
                    flush=True,
                )
    finally:
        server.kill()
    return best


def load(name: str, rates: list[tuple[float, float]], p99_ms: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "sent.json"
        server = child("--serve", json.dumps(rates), "--told", str(told))
        port = line(server).strip()
        try:
            client = child("--record", str(sum(s for _, s in rates)), "--port", port, "--lake", str(Path(folder) / "lake"))
            found = json.loads(line(client))
            client.wait()
            sent = json.loads(told.read_text())
        finally:
            server.kill()
    lost = sent["sent"] - found["messages"]
    lost_trades = sent["t"] - found["trades"]
    said = [
        f"sent {sent['sent']:,} in {sent['seconds']:.1f} s",
        f"{found['cpu_s'] / found['wall_s']:.2f} cores",
        f"receive -> durable p50 {found['durable_p50_ms']:.0f} ms p99 {found['durable_p99_ms']:.0f} ms",
        f"lag p99 {found['lag_p99_ms']:.0f} ms",
        f"not received {lost}, trades lost {lost_trades}, gaps {found['gaps']}, updates conflated {found['conflated']}",
        f"memory {found['rss_mb_middle']} -> {found['rss_mb_end']} MB",
    ]
    print(f"  {name}: {', '.join(said)}")
    verdict(f"{name} nothing lost", float(lost + lost_trades), 0.0, at_most=True)
    verdict(f"{name} receive -> durable p99, ms", found["durable_p99_ms"], p99_ms, at_most=True)


def verdict(what: str, value: float, goal: float, at_most: bool = False) -> None:
    met = value <= goal if at_most else value >= goal
    print(f"  {what}: {value:.2f}, goal {'<=' if at_most else '>='} {goal:g}: {'MET' if met else 'MISSED'}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--burst", action="store_true")
    for name in ("--serve", "--told", "--client", "--kind", "--port", "--record", "--lake"):
        parser.add_argument(name)
    given = parser.parse_args()
    if given.serve is not None:
        asyncio.run(serve(json.loads(given.serve) if given.serve else [], Path(given.told) if given.told else None))
    elif given.client:
        print(json.dumps(asyncio.run(CLIENTS[given.client](given.kind, int(given.port)))), flush=True)
    elif given.record:
        print(json.dumps(asyncio.run(record(float(given.record), int(given.port), given.lake))), flush=True)
    else:
        print(f"{os.cpu_count()} cores, load {os.getloadavg()}, {TRADES:,} trades, {UPDATES:,} updates of {2 * LEVELS} levels")
        for kind, goal in (("trades", 4.0), ("depth", 2.0)):
            best = side_by_side(kind, given.repeats)
            verdict(f"{kind}: ours / ccxt.pro per CPU-second", best["ours"] / best["ccxt"], goal)
            verdict(f"{kind}: ours / bare aiohttp + msgspec", best["ours"] / best["bare"], 0.8)
        load("L1", [(L1, given.seconds)], 500.0)
        if given.burst:
            load("L2", [(2_000, 5.0), (L2, 30.0), (2_000, 30.0)], 2_000.0)
            load("L3", [(L3, 5.0), (1_000, 30.0)], 30_000.0)
        print(f"load at the end {os.getloadavg()}")


if __name__ == "__main__":
    main()
