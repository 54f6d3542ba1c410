"""How fast time frames and sessions are: five frames aligned over a year of minutes, a year of minutes through sessions.

    python benchmarks/frames.py

Seconds are of the processor, on one core, best of three after a round that is not counted; the made bars are those of
benchmarks/structure.py. Peers in the same run: polars' join_asof for the alignment alone, and, for one session, the
conversion of every row's time zone by polars (what a table library offers for "London hours").
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).parent))
from structure import SESSION, made_bars, run_graph

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.sessions import windows
from perpscope.core.table import Table
from perpscope.core.time import Timeframe
from perpscope.engine.graph import Graph
from perpscope.mtf.align import align

MINUTES = 525_600
FRAMES = ("1d", "4h", "1h", "15m", "5m")
GOAL = 1.0


def best(what: Callable[[], Any], rounds: int = 3) -> tuple[float, Any]:
    """Processor seconds of the best round, and what it returned."""
    what()
    took = []
    for _ in range(rounds):
        begin = time.process_time()
        made = what()
        took.append(time.process_time() - begin)
    return min(took), made


def show(what: str, seconds: float, goal: float | None = None) -> None:
    verdict = "" if goal is None else f"   goal {goal:.1f} s: {'MET' if seconds <= goal else 'MISSED'}"
    print(f"{what:<74}{seconds:9.3f} s{verdict}", flush=True)


def frames(bars: Table) -> None:
    """Bars, averages and state of five frames from minutes, and each frame's last row at every minute."""
    names = [f"{fold}@{frame}" for frame in FRAMES for fold in ("bars", "average_stack", "frame_state")]
    batch = Batch(int(bars["known_ts"][-1]), {"bars@1m": bars})

    def run() -> list[Any]:
        graph = Graph(Instrument("demo", "X", tick_size=0.1), names, {"bars@1m"}, "1m")
        rows = graph.step(batch).rows
        return [align(rows[f"average_stack@{f}"], Timeframe.parse(f), bars["known_ts"]) for f in FRAMES]

    seconds, found = best(run)
    print(f"\n{MINUTES:,} one-minute bars, frames {', '.join(FRAMES)}")
    show("  bars, averages, momentum, volatility of each, aligned at every minute", seconds, GOAL)
    graph = Graph(Instrument("demo", "X", tick_size=0.1), [f"average_stack@{f}" for f in FRAMES], {"bars@1m"}, "1m")
    rows = graph.step(batch).rows
    stacks = {f: rows[f"average_stack@{f}"] for f in FRAMES}

    def ours() -> list[Any]:
        return [align(stacks[f], Timeframe.parse(f), bars["known_ts"]) for f in FRAMES]

    at = pl.DataFrame({"at": bars["known_ts"]})
    tables = {f: pl.DataFrame({"known": t.clock, "row": np.arange(len(t))}) for f, t in stacks.items()}

    def theirs() -> list[Any]:
        return [at.join_asof(tables[f], left_on="at", right_on="known") for f in FRAMES]

    mine, indices = best(ours)
    peer, joined = best(theirs)
    for frame, index, table in zip(FRAMES, indices, joined, strict=True):
        fresh = index >= 0  # ours drops what is older than two bars; where both speak they must agree
        assert np.array_equal(table["row"].to_numpy()[fresh], index[fresh]), frame
    show("  the alignment alone", mine)
    show("  polars join_asof of the same five tables", peer)
    print(f"  ratio {peer / mine:.1f} (same rows where both speak; ours also drops stale ones)")
    assert all(len(x) == MINUTES for x in found)


def sessions(bars: Table) -> None:
    """Every session feature over a year of minutes."""
    wanted = (*SESSION, "session_profiles")
    seconds: dict[str, float] = {}
    run_graph(wanted, bars)
    for _ in range(3):
        found, _ = run_graph(wanted, bars)
        seconds = {k: min(v, seconds.get(k, v)) for k, v in found.items()}
    print(f"\n{MINUTES:,} one-minute bars through sessions")
    for name, value in seconds.items():
        show(f"  {name}", value)
    show("  all session features", sum(seconds.values()), GOAL)

    def ours() -> Any:
        starts, ends = windows("london", int(bars["ref_ts"][0]), int(bars["known_ts"][-1]))
        at = np.searchsorted(starts, bars["ref_ts"], side="right") - 1
        return (at >= 0) & (bars["ref_ts"] < ends[np.maximum(at, 0)])

    frame = pl.DataFrame({"t": bars["ref_ts"]}).with_columns(pl.col("t").cast(pl.Datetime("ns", "UTC")))

    def theirs() -> Any:
        local = pl.col("t").dt.convert_time_zone("Europe/London")
        minute = local.dt.hour().cast(pl.Int32) * 60 + local.dt.minute().cast(pl.Int32)
        return frame.select((minute >= 480) & (minute < 990)).to_series().to_numpy()

    mine, a = best(ours)
    peer, b = best(theirs)
    assert np.array_equal(a, b)
    show("  which minutes are London's, by windows", mine)
    show("  the same by converting every row's time zone in polars", peer)
    print(f"  ratio {peer / mine:.1f}, equal minute by minute")


def main() -> None:
    load = ", ".join(f"{x:.2f}" for x in os.getloadavg())
    print(f"{os.cpu_count()} cores, load {load}; one process")
    bars = made_bars(MINUTES)
    frames(bars)
    sessions(bars)


if __name__ == "__main__":
    main()
