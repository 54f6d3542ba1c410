"""What reading one message costs, for every venue: its door beside json.loads of the same bytes, which only splits the text.

    python benchmarks/parse.py

Messages are those of tests/payloads; depth messages of Binance are also made with 10, 20 and 68 levels (68 is the mean of a
recorded BTCUSDT evening). CPU time, the best of five. Goal of the specification: under 5 us a message.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from perpscope.venues.door import Door
from perpscope.venues.registry import door, doors

PAYLOADS = Path(__file__).parents[1] / "tests" / "payloads"
GOAL_US = 5.0
ROUNDS = 20_000
RECEIVED = 1_785_000_000_000_000_000


def cost(read: Callable[[bytes], Any], payload: bytes) -> float:
    """Microseconds a call."""
    best = float("inf")
    for _ in range(5):
        begin = time.process_time()
        for _ in range(ROUNDS):
            read(payload)
        best = min(best, time.process_time() - begin)
    return best / ROUNDS * 1e6


def depth(levels: int) -> bytes:
    """A depth message of Binance with that many levels, both sides together."""
    side = [[f"{61_800 + k}.10", f"{k % 9}.{k:03d}"] for k in range(levels // 2)]
    data = {"e": "depthUpdate", "E": 1_785_000_000_100, "T": 1_785_000_000_098, "s": "BTCUSDT", "U": 157, "u": 160, "pu": 149}
    return json.dumps({"stream": "btcusdt@depth@100ms", "data": {**data, "b": side, "a": side}}, separators=(",", ":")).encode()


def knowing(name: str) -> Door:
    """The door, knowing the contracts of its payloads."""
    one = door(name)
    for path in sorted((PAYLOADS / name).glob("rest_instruments*")):
        one = one.with_instruments(one.read_instruments(path.read_bytes().splitlines()[0]))
    return one


def main() -> None:
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}; us a message, CPU time")
    print(f"{'venue':14s} {'message':34s} {'bytes':>6s} {'door':>7s} {'json.loads':>10s} {'ratio':>6s}  goal {GOAL_US:g} us")
    for name in sorted(doors()):
        one = knowing(name)
        cases = [
            (path.name.split(".")[0], path.read_bytes().splitlines()[0]) for path in sorted((PAYLOADS / name).glob("*.json*"))
        ]
        cases = [case for case in cases if not case[0].startswith(("rest_", "control"))]
        cases += [(f"depth, {n} levels", depth(n)) for n in (10, 20, 68)] if name == "binance" else []
        for title, payload in cases:
            mine, plain = cost(lambda p, d=one: d.parse(p, RECEIVED), payload), cost(json.loads, payload)
            verdict = "MET" if mine < GOAL_US else "MISSED"
            print(f"{name:14s} {title:34s} {len(payload):6d} {mine:7.2f} {plain:10.2f} {mine / plain:6.2f}  {verdict}")


if __name__ == "__main__":
    main()
