"""How fast market structure is: throughput, latency of one bar, and smartmoneyconcepts on the same bars in the same run.

    python benchmarks/structure.py              100,000 and 500,000 bars, the peer on 100,000; about a minute
    python benchmarks/structure.py --peer-bars 500000    the peer on all of them, some minutes more
    python benchmarks/structure.py --no-peer

Seconds are of the processor, on one core, so that a busy machine disturbs them less; each is the best of three after a
round that is not counted. The bars are a random walk with a fixed seed, rich in gaps (about 0.4 a bar).
smartmoneyconcepts 0.0.27 gets an environment of its own in a temporary folder; when it cannot be installed, the script
says so and goes on. The gap zones of both must be equal before a ratio is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.events import BARS, GAP
from perpscope.core.instrument import Instrument
from perpscope.core.sessions import SESSIONS, windows
from perpscope.core.table import Table
from perpscope.core.time import MINUTE, parse_ts
from perpscope.engine.graph import Graph

PEER = "smartmoneyconcepts==0.0.27"
CORE = ("swings", "breaks", "fair_value_gaps")
COMPARED = (*CORE, "order_blocks", "pools")
STRUCTURE = (*CORE, "displacements", "inverse_fair_value_gaps", "order_blocks", "breaker_blocks", "pools", "sweeps",
             "dealing_range")  # fmt: skip
SESSION = ("session_ranges", "levels", "opens", "opening_gaps", "opening_ranges", "power_of_three")

PEER_PROGRAM = """
import json, sys, time
import numpy as np, pandas as pd
from smartmoneyconcepts import smc
bars = pd.DataFrame(np.load(sys.argv[1]), columns=["open", "high", "low", "close", "volume"])
def run(bars):
    begin = time.process_time()
    gaps = smc.fvg(bars)
    swings = smc.swing_highs_lows(bars, swing_length=5)
    smc.bos_choch(bars, swings)
    smc.ob(bars, swings)
    smc.liquidity(bars, swings)
    return time.process_time() - begin, gaps
run(bars.iloc[:1000].reset_index(drop=True))
seconds, gaps = run(bars)
gaps = gaps[gaps["FVG"].notna()]
np.save(sys.argv[2], np.column_stack([gaps.index, gaps["FVG"], gaps["Bottom"], gaps["Top"]]))
print(json.dumps(seconds))
"""


def made_bars(count: int) -> Table:
    """One-minute bars of a random walk in whole ticks."""
    rng = np.random.default_rng(7)
    steps = rng.normal(0.0, 0.0003, (count, 4))
    path = np.round(60_000.0 * np.exp(np.cumsum(steps)), 1).reshape(count, 4)
    open_ = np.r_[60_000.0, path[:-1, -1]]
    ref = parse_ts("2024-01-01") + MINUTE * np.arange(count, dtype=np.int64)
    volume = rng.exponential(3.0, (2, count))
    return Table.filled(
        BARS,
        ref_ts=ref,
        known_ts=ref + MINUTE,
        open=open_,
        high=np.maximum(path.max(axis=1), open_),
        low=np.minimum(path.min(axis=1), open_),
        close=path[:, -1],
        volume=volume.sum(axis=0),
        buy_volume=volume[0],
        sell_volume=volume[1],
        complete=np.ones(count, bool),
    )


def run_graph(names: tuple[str, ...], bars: Table, settings: dict | None = None) -> tuple[dict[str, float], dict[str, Table]]:
    """Seconds and rows of every node over one batch."""
    graph = Graph(Instrument("demo", "X", tick_size=0.1), list(names), {"bars@1m"}, "1m", settings)
    tables = {"bars@1m": bars, "gap": GAP.empty()}
    seconds = {}
    for key, node in graph.nodes.items():
        given = Batch(int(bars["known_ts"][-1]), {name: tables[source] for name, source in node.feeds})
        begin = time.process_time()
        tables[key] = node.fold.fold(node.state, given)
        seconds[key.partition("@")[0]] = time.process_time() - begin
    return seconds, tables


def best_of(names: tuple[str, ...], bars: Table, rounds: int = 3) -> tuple[dict[str, float], dict[str, Table]]:
    run_graph(names, bars)
    rows: dict[str, Table] = {}
    best: dict[str, float] = {}
    for _ in range(rounds):
        seconds, rows = run_graph(names, bars)
        best = {name: min(value, best.get(name, value)) for name, value in seconds.items()}
    return best, rows


def show(what: str, seconds: float, limit: float | None = None) -> None:
    verdict = "" if limit is None else f"   limit {limit * 1e3:7.1f} ms: {'met' if seconds <= limit else 'MISSED'}"
    print(f"{what:<66}{seconds * 1e3:10.2f} ms{verdict}", flush=True)


def throughput() -> None:
    for count, core, everything in ((100_000, 0.040, 0.250), (500_000, 0.300, 1.0)):
        bars = made_bars(count)
        seconds, rows = best_of((*STRUCTURE, *SESSION), bars)
        print(f"\n{count:,} bars, one batch")
        for name, value in seconds.items():
            show(f"  {name} ({len(rows[name + '@1m']):,} rows)", value)
        show("  swings + breaks + gaps", sum(seconds[n] for n in CORE), core)
        show("  all structure features", sum(seconds[n] for n in STRUCTURE), everything)
        show("  with all session features", sum(seconds.values()))


def latency(bars_after: int = 3000) -> None:
    """One new bar at a time through every structure feature, after a day of history."""
    bars = made_bars(1440 + bars_after)
    graph = Graph(Instrument("demo", "X", tick_size=0.1), list(STRUCTURE), {"bars@1m"}, "1m")
    graph.step(Batch(int(bars["known_ts"][1439]), {"bars@1m": bars[:1440]}))
    taken = []
    for i in range(1440, len(bars)):
        batch = Batch(int(bars["known_ts"][i]), {"bars@1m": bars[i : i + 1]})
        begin = time.thread_time()
        graph.step(batch)
        taken.append(time.thread_time() - begin)
    p50, p99 = np.quantile(taken, [0.5, 0.99])
    print("\none bar at a time through all structure features")
    show("  median", float(p50))
    show("  99th percentile", float(p99), 0.0005)


def session_windows() -> None:
    def ten_years() -> int:
        return sum(len(windows(name, parse_ts("2016-01-01"), parse_ts("2026-01-01"))[0]) for name in SESSIONS)

    begin = time.process_time()
    count = ten_years()
    print()
    show(f"ten years of all {len(SESSIONS)} sessions, {count:,} windows, first call", time.process_time() - begin, 0.200)


def peer_python(folder: Path) -> Path | None:
    """An interpreter that has the peer, or None when it cannot be installed."""
    try:
        venv.EnvBuilder(with_pip=True).create(folder)
        python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        subprocess.run([python, "-m", "pip", "install", "-q", PEER], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as fault:
        reason = getattr(fault, "stderr", "") or str(fault)
        print(f"\n{PEER} could not be installed, so it is not compared: {reason.strip().splitlines()[-1]}")
        return None
    return python


def peer(count: int) -> None:
    """Swings, breaks, gaps, order blocks and pools of both, and the same gap zones."""
    bars = made_bars(count)
    unbounded = {"fair_value_gaps": {"filter": "middle_colour", "max_live": 20_000}}
    with tempfile.TemporaryDirectory() as where:
        folder = Path(where)
        python = peer_python(folder / "environment")
        if python is None:
            return
        np.save(folder / "bars.npy", np.column_stack([bars[n] for n in ("open", "high", "low", "close", "volume")]))
        (folder / "peer.py").write_text(PEER_PROGRAM)
        done = subprocess.run(
            [python, folder / "peer.py", folder / "bars.npy", folder / "gaps.npy"], check=True, capture_output=True, text=True
        )
        theirs = json.loads(done.stdout.strip().splitlines()[-1])
        zones = np.load(folder / "gaps.npy")
    run_graph(COMPARED, bars)
    ours = min(sum(run_graph(COMPARED, bars)[0].values()) for _ in range(3))
    gaps = run_graph(("fair_value_gaps",), bars, unbounded)[1]["fair_value_gaps@1m"]
    opened = gaps[gaps["event"] == 1]
    at = (opened["ref_ts"] - bars["ref_ts"][0]) // MINUTE
    mine = np.column_stack([at, 3 - 2 * opened["direction"], opened["bottom"], opened["top"]])
    mine = mine[np.argsort(mine[:, 0])]
    if not np.array_equal(mine, zones):
        raise SystemExit(f"The gap zones differ: {len(mine)} here, {len(zones)} there.")
    ratio = theirs / ours
    print(f"\n{PEER} on {count:,} bars: swings, breaks, gaps, order blocks, liquidity")
    print("  (ours includes the sweeps and displacements that these need)")
    print(f"  {len(zones):,} gap zones, equal; {theirs:.2f} s against {ours:.4f} s: {ratio:.0f} times", end="")
    print(f"   limit 150: {'met' if ratio >= 150 else 'MISSED'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-bars", type=int, default=100_000)
    parser.add_argument("--no-peer", action="store_true")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {', '.join(f'{x:.2f}' for x in os.getloadavg())}; one process")
    session_windows()
    throughput()
    latency()
    if not options.no_peer:
        peer(options.peer_bars)


if __name__ == "__main__":
    main()
