"""`perpscope live` over `perpscope replay`, on the recorded Binance day. The answer is a run of the same graph over the lake
that the recording left; that the lake holds what was sent is judged by the replay's ledger."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from faults.ingest.test_recorded_day import COMMAND, Programs, losses, undeclared
from live.keeper import Keeper
from perpscope.core.instrument import Instrument
from perpscope.core.time import DAY, MINUTE
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect
from perpscope.lake import Lake, Source
from perpscope.live.feed import FeedOptions
from perpscope.live.feed_plan import rehosted
from perpscope.live.hold import hold_of
from perpscope.live.recorder import Recorder, Target
from perpscope.live.session import LiveLoop, LoopOptions, Watched
from perpscope.venues.registry import door
from perpscope.venues.transport.clock import SystemClock
from perpscope.venues.transport.network import AiohttpNetwork

KINDS = ("trade", "book_delta")
WANTED = ("bars", "delta", "footprint", "large_trades", "book_state", "swings")


@pytest.fixture
def recording(shared_data: Path) -> Path:
    return shared_data / "wire" / "binance_usdm" / "BTCUSDT-2024-08-08.jsonl.gz"


def make(instrument: Instrument, streams: frozenset[str], frame: str, source: Source | None) -> Graph:
    return Graph(instrument, WANTED, streams, frame)


def follow(programs: Programs, kept: Keeper, messages: int) -> LiveLoop:
    """Record and fold in this process until so many messages were sent; as the command does, without page and signals."""

    async def run() -> LiveLoop:
        watched = Watched("binance", "BTCUSDT", frozenset(KINDS), ("10s",), frozenset({"trade"}))
        loop = LiveLoop(Lake(programs.lake), [watched], make, [kept], options=LoopOptions(lateness=MINUTE, warmup=30 * DAY))
        addresses = rehosted(door("binance").addresses, programs.rest)
        async with AiohttpNetwork() as network:
            targets = [Target("binance", ("BTCUSDT",), KINDS, addresses)]
            recorder = Recorder(
                programs.lake, targets, KINDS, network, SystemClock(), random.Random(1), [loop.committed],
                FeedOptions(lag_limit_s=None), reserve_bytes=0,
            )  # fmt: skip
            loop.hold = lambda venue, symbol: hold_of(recorder.stations[venue].feed, symbol)
            loop.listing = lambda venue, symbol: recorder.stations[venue].feed.instruments.get(symbol)
            loop.prepare()
            worker = threading.Thread(target=loop.run, daemon=True)
            worker.start()
            running = asyncio.create_task(recorder.run())
            ends = time.monotonic() + 60.0
            while programs.sent() < messages and time.monotonic() < ends and not running.done():
                await asyncio.sleep(0.05)
            recorder.stop()
            await running
            loop.stop()
            await asyncio.to_thread(worker.join, 60.0)
        return loop

    return asyncio.run(run())


def test_live_over_replay_is_the_historical_run_bit_for_bit(tmp_path: Path, recording: Path) -> None:
    programs, kept = Programs(tmp_path, recording, "60"), Keeper()
    try:
        loop = follow(programs, kept, 6_000)
    finally:
        programs.end()
    live = loop.markets["binance", "BTCUSDT"]
    assert not loop.faults
    assert not live.arrivals.counts, "nothing came too late"
    lake = Lake(programs.lake)
    source = lake.source("binance", "BTCUSDT", list(KINDS), end=live.watermark_ts)
    history = collect(Graph(source.instrument, WANTED, frozenset(KINDS), "10s"), source)
    assert len(history["bars@10s"]) >= 4  # a loaded machine is stopped before it has caught up
    assert loop.counts["steps"] > 3
    for key, table in history.items():
        assert kept.rows("10s", key).same_as(table), key


def test_the_command_records_folds_and_shows_and_stops_in_order(tmp_path: Path, recording: Path) -> None:
    programs = Programs(tmp_path, recording, "30")
    live = subprocess.Popen(
        [*COMMAND, "live", "binance:BTCUSDT", "--lake", str(programs.lake), "--endpoint", f"binance={programs.rest}",
         "--kinds", "trade,book_delta", "--any-pace", "--timeframe", "10s", "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert live.stdout is not None
        lines = iter(live.stdout.readline, "")
        page = next(line for line in lines if line.startswith("page: ")).split()[1]
        programs.until_sent(3_000)
        ends, shown = time.monotonic() + 30.0, {}
        while time.monotonic() < ends and not shown.get("instruments"):
            shown = json.loads(urllib.request.urlopen(f"{page}api/instruments", timeout=10).read())
            time.sleep(0.1)
        status = json.loads(urllib.request.urlopen(f"{page}api/status", timeout=10).read())
        live.send_signal(signal.SIGTERM)
        out, err = live.communicate(timeout=60)
    finally:
        live.kill()
        programs.end()
    assert live.returncode == 0, err
    assert shown["mode"] == "live"
    assert shown["instruments"][0]["frames"] == ["10s"]
    assert {feed["venue"] for feed in status["feeds"]} == {"binance"}
    assert "Stopped in order" in out
    assert "binance BTCUSDT: frames 10s" in out
    assert "stopped:" not in out
    assert undeclared(programs, losses(programs)["aggTrade"]) == []
