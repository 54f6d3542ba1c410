"""A recorder on a disk that is full: `python -m faults.storage.full FOLDER MEGABYTES`.

Meant to run in a mount namespace of its own: mounts a small memory disk over FOLDER and writes until nothing fits. Prints one
line of JSON. Exits with 3 where mounting is not allowed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from lake.hot.market import START, trades
from perpscope.core.errors import UserError
from perpscope.core.table import Table
from perpscope.core.time import SECOND
from perpscope.lake import Lake
from perpscope.lake.hot import DiskFullError, DiskState, HotLog, RawFrame, read_hot
from perpscope.lake.hot.read import BEYOND
from perpscope.lake.hot.seal import seal

KEY = ("BTCUSDT", "trade")


def main() -> None:
    root, megabytes = Path(sys.argv[1]), int(sys.argv[2])
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(root)], check=False).returncode:
        sys.exit(3)
    rng = np.random.default_rng(1)
    ballast = root / "ballast"
    ballast.write_bytes(bytes(megabytes * 350_000))
    reserve = 2 << 20
    log = HotLog(root, "binance", now=time.time_ns, reserve_bytes=reserve)
    held = (log.folder / "reserve").stat().st_size
    kept: list[Table] = []
    states: list[int] = []
    waiting: Table | None = None
    alarm = 0.0
    for number in range(100_000):
        table = trades(1 + 500 * number, 500, START + number * 10 * SECOND).with_columns(price=60_000 * rng.random(500))
        began = time.perf_counter()
        try:
            log.append({KEY: table}, {}, [RawFrame(START, "unknown", rng.bytes(2000))])
        except DiskFullError:
            alarm = time.perf_counter() - began
            waiting = table
            break
        kept.append(table)
        if not states or states[-1] != int(log.disk):
            states.append(int(log.disk))
    full = log.disk is DiskState.FULL
    whole = Table.concat(kept)
    safe = read_hot(root, *("binance", *KEY)).same_as(whole)
    try:
        seal(root, "binance", BEYOND, time.time_ns())
        refused = ""
    except UserError as error:
        refused = str(error)
    unchanged = Lake(root).read("binance", *KEY).same_as(whole)
    ballast.unlink()
    assert waiting is not None
    log.append({KEY: waiting})
    resumed = log.disk is DiskState.OK and (log.folder / "reserve").exists()
    log.close()
    seal(root, "binance", BEYOND, time.time_ns())
    lake = Lake(root)
    print(
        json.dumps(
            {
                "commits": len(kept), "held": held, "states": states, "full": full, "safe": safe, "refused": refused,
                "unchanged": unchanged, "resumed": resumed, "alarm_ms": alarm * 1e3, "faults": lake.check(),
                "sealed": lake.read("binance", *KEY).same_as(Table.concat([whole, waiting])),
                "left_out": log.counts["raw left out"], "temporary": len(list(root.rglob(".tmp-*"))),
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
