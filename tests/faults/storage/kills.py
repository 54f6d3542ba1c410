"""A recorder that is killed with SIGKILL under load, again and again: `python -m faults.storage.kills LAKE KILLS SEED`.

Every child writes as fast as it can and acknowledges each commit over a pipe once `append` has returned. The parent reads a
random number of acknowledgements, kills the child a random instant later, drains the pipe, opens the log as the next recorder
would, and compares what was acknowledged with what is there. Rows are a function of their number, so nobody has to be believed.
Prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import random
import signal
import struct
import sys
import time
from pathlib import Path

import numpy as np

from lake.hot.market import START, book, trades
from perpscope.core.time import SECOND
from perpscope.lake import Lake
from perpscope.lake.hot import HotLog
from perpscope.lake.hot.read import BEYOND, rows_of
from perpscope.lake.hot.seal import seal

_ACK = struct.Struct("<qqq")
ROWS = 40


def made(first: int) -> dict[tuple[str, str], object]:
    since = START + first * 20_000_000
    return {("BTCUSDT", "trade"): trades(first, ROWS, since), ("BTCUSDT", "book_delta"): book(first * 2, ROWS, since)}


def child(root: Path, pipe: int) -> None:
    clock = time.time_ns
    with HotLog(root, "binance", now=clock, reserve_bytes=0) as log:
        known = log.acknowledged.get(("BTCUSDT", "trade"), (0, -1))[1]
        first = known + 1 + ROWS  # a hole, so that the seam must be declared
        while True:
            seq = log.append(made(first))
            os.write(pipe, _ACK.pack(seq, first, time.monotonic_ns()))
            first += ROWS


def main() -> None:
    root, kills, rng = Path(sys.argv[1]), int(sys.argv[2]), random.Random(int(sys.argv[3]))
    lost = wrong = acknowledged = unacknowledged = undeclared = 0
    reopen, windows = [], []
    for number in range(kills):
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reader)
            child(root, writer)
        os.close(writer)
        data = b""
        wanted = rng.randrange(1, 25) * _ACK.size
        while len(data) < wanted and (more := os.read(reader, _ACK.size)):
            data += more
        until = time.perf_counter_ns() + rng.randrange(0, 3_000_000)
        while time.perf_counter_ns() < until:
            pass
        killed = time.monotonic_ns()
        os.kill(pid, signal.SIGKILL)
        while more := os.read(reader, 1 << 16):
            data += more
        os.close(reader)
        os.waitpid(pid, 0)
        acks = [_ACK.unpack_from(data, at) for at in range(0, len(data) - _ACK.size + 1, _ACK.size)]
        windows.append((killed - acks[-1][2]) / 1e6)
        before = time.perf_counter()
        with HotLog(root, "binance", now=time.time_ns, reserve_bytes=0) as log:
            reopen.append((time.perf_counter() - before) * 1e3)
            lost += len(log.repaired)
        after = acks[0][0] - 1
        there = rows_of(root, "binance", "BTCUSDT", "trade", after, BEYOND)
        books = rows_of(root, "binance", "BTCUSDT", "book_delta", after, BEYOND)
        for i, (_, first, _) in enumerate(acks):
            expected = made(first)
            mine, levels = there[i * ROWS : (i + 1) * ROWS], books[i * ROWS : (i + 1) * ROWS]
            acknowledged += 2 * ROWS
            lost += 2 * ROWS - len(mine) - len(levels)
            wrong += not mine.same_as(expected["BTCUSDT", "trade"]) or not levels.same_as(expected["BTCUSDT", "book_delta"])
        unacknowledged += len(there) - ROWS * len(acks)
        undeclared += len(there) % ROWS
        if number % 20 == 19:
            seal(root, "binance", BEYOND, time.time_ns())
    lake = Lake(root)
    ids = np.unique(lake.read("binance", "BTCUSDT", "trade")["trade_id"])
    jumps = np.flatnonzero(np.diff(ids) > 1)
    holes = {hole.end for hole in lake.holes("binance", "BTCUSDT", "trade")}
    undeclared += sum(1 for first in ids[jumps + 1].tolist() if START + first * 20_000_000 not in holes)
    print(
        json.dumps(
            {
                "kills": kills, "acknowledged": acknowledged, "lost": lost, "wrong": wrong, "undeclared": undeclared,
                "seams": len(jumps), "unacknowledged": unacknowledged, "faults": lake.check(),
                "reopen_ms": sorted(reopen), "window_ms": sorted(windows), "seconds": SECOND,
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
