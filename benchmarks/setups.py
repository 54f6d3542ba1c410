"""A year of one-minute bars through setups: seconds with all that feeds them, and the setups' own share.

Run: python benchmarks/setups.py. Goals on one core, compilation excluded: five setups with their inputs over 525,600 bars
in half of the 10 s that graph and account have together; each setup alone under 1 s for 105,120 bars, inputs excluded;
one bar at a time under 1 ms a setup. The yardstick in the same run is numpy's copy of the input.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict

import numpy as np
from graph import year

from perpscope.core.batch import Batch, cut
from perpscope.core.events import LIQUIDATION_TOTALS
from perpscope.core.fold import State
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import MINUTE
from perpscope.engine.catalogue import all_folds
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect
from perpscope.setups.base import Setup

FIVE = ("zone_retest", "session_open", "trend_pullback", "funding_extreme", "trend_ensemble")
MAPS = ("cluster_sweep", "cluster_breakout", "cascade")
A_YEAR_OF_5M = 105_120


def with_liquidations(batch: Batch, seed: int = 2) -> Batch:
    """The same year with totals of forced closes in every bar."""
    bars = batch["bars@1m"]
    forced = np.round(np.random.default_rng(seed).lognormal(-1.0, 1.5, (2, len(bars))), 3)
    rows = Table.of(
        LIQUIDATION_TOTALS, ref_ts=bars["ref_ts"], known_ts=bars["known_ts"], long_quantity=forced[0], short_quantity=forced[1],
        feed=np.full(len(bars), 1),
    )  # fmt: skip
    return Batch(batch.watermark_ts, {**batch.tables, "liquidation_totals@1m": rows})


def until(batch: Batch, bars: int) -> Batch:
    end = int(batch["bars@1m"].clock[bars - 1])
    return Batch(end, {name: table[table.clock <= end] for name, table in batch.tables.items()})


def run(names: tuple[str, ...], batch: Batch, pieces: int = 1) -> tuple[float, dict[str, float], dict[str, int]]:
    """Seconds of the whole graph, of each setup alone, and how often each proposed."""
    graph = Graph(Instrument("binance", "BTCUSDT", tick_size=0.1), names, set(batch.tables), "1m")
    own: dict[str, float] = defaultdict(float)
    for node in graph.nodes.values():
        if isinstance(node.fold, Setup):
            node.fold.fold = _timed(node.fold, own)
    first = int(batch["bars@1m"].clock[0])
    edges = [first + k * MINUTE for k in range(pieces)] if pieces > 1 else []
    began = time.process_time()
    rows = collect(graph, cut(batch, edges))
    total = time.process_time() - began
    return total, own, {name: int((rows[f"{name}@1m"]["event"] == 1).sum()) for name in names}


def _timed(fold: Setup, own: dict[str, float]):
    plain = fold.fold

    def timed(state: State, batch: Batch) -> Table:
        began = time.process_time()
        rows = plain(state, batch)
        own[fold.spec.name] += time.process_time() - began
        return rows

    return timed


def said(name: str, value: str, met: bool, goal: str) -> None:
    print(f"{name:44s} {value:>24s}   goal {goal}: {'MET' if met else 'MISSED'}")


def main() -> None:
    whole = with_liquidations(year())
    every = tuple(name for name, fold in all_folds().items() if issubclass(fold, Setup))
    bars_only = tuple(name for name in every if name not in MAPS)
    run(every, until(whole, 6_000))
    arrays = [a for t in whole.tables.values() for a in t.columns().values()]
    began = time.process_time()
    copies = [a.copy() for a in arrays]
    copied = time.process_time() - began
    print(
        f"{len(whole['bars@1m'])} bars, {sum(a.nbytes for a in copies) / 1e6:.0f} MB, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}; copy {copied * 1e3:.0f} ms"
    )
    total, own, _ = run(FIVE, whole)
    said("five setups with inputs", f"{total:.2f} s = {total / copied:.0f} x copy", total < 5.0, "5 s")
    said("  of that the setups", f"{sum(own.values()):.2f} s", sum(own.values()) < 1.0, "1 s")
    _, own, opened = run(bars_only, until(whole, A_YEAR_OF_5M))
    _, mapped, more = run(MAPS, until(whole, A_YEAR_OF_5M // 4))
    for name, seconds in (own | {k: 4.0 * v for k, v in mapped.items()}).items():
        told = f"{seconds:.3f} s, {(opened | more)[name]} opened"
        said(f"  {name}, {A_YEAR_OF_5M} bars" + (" (4 x a quarter)" if name in MAPS else ""), told, seconds < 1.0, "1 s")
    bars = 2_000
    _, own, _ = run(FIVE, until(whole, bars), pieces=bars)
    each = max(own.values()) / bars * 1e6
    said("one bar at a time, the slowest of five", f"{each:.0f} us", each < 1_000.0, "1000 us")


if __name__ == "__main__":
    main()
