"""A year of one-minute bars through graph, five setups, gate and account; a sweep on one and two workers; memory.

    python benchmarks/backtest.py

Goals (issue figures): the whole run under 10 s, in CPU time of the process because the machine may be shared; a 400-variant
sweep 1.8x faster on two cores; peak memory under 1 GB.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from perpscope.backtest.config import config_of
from perpscope.backtest.history import read_history
from perpscope.backtest.run import trade
from perpscope.core.events import BARS
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import MINUTE, parse_ts
from perpscope.lake import Lake
from perpscope.lake.store import store
from perpscope.research.sweep.plan import sweep_of
from perpscope.research.sweep.runners import on_processes

BARS_A_YEAR = 525_600
SETUPS = ("trend_pullback", "zone_retest", "session_open", "trend_ensemble", "flow_divergence")
BEGIN = parse_ts("2024-01-01")


def year_of_minutes() -> Table:
    """A random walk with a daily rhythm of volatility and a taker's side that leans with it."""
    rng = np.random.default_rng(0)
    minutes = np.arange(BARS_A_YEAR)
    sigma = 0.0006 * (1.0 + 0.5 * np.sin(2 * np.pi * minutes / 1440))
    steps = sigma * rng.standard_normal(BARS_A_YEAR)
    close = np.round(60_000.0 * np.exp(np.cumsum(steps)), 1)
    open_ = np.concatenate([[60_000.0], close[:-1]])
    wick = np.abs(sigma * rng.standard_normal((2, BARS_A_YEAR))) * close
    volume = np.round(rng.lognormal(2.0, 0.8, BARS_A_YEAR), 3)
    share = np.clip(0.5 + 100.0 * steps + 0.1 * rng.standard_normal(BARS_A_YEAR), 0.0, 1.0)
    buys = np.round(volume * share, 3)
    ref = BEGIN + minutes * MINUTE
    return Table.filled(
        BARS, ref_ts=ref, known_ts=ref + MINUTE, open=open_, close=close, volume=volume, buy_volume=buys,
        high=np.round(np.maximum(open_, close) + wick[0], 1), low=np.round(np.minimum(open_, close) - wick[1], 1),
        sell_volume=volume - buys, trade_count=np.full(BARS_A_YEAR, 50.0), complete=np.ones(BARS_A_YEAR, bool),
    )  # fmt: skip


def judged(name: str, found: float, goal: float, unit: str, at_least: bool = False) -> None:
    met = found >= goal if at_least else found <= goal
    print(f"{name:62s} {found:8.2f} {unit:4s} goal {'>=' if at_least else '<='} {goal:g}: {'MET' if met else 'MISSED'}")


def main() -> None:
    load = os.getloadavg()[0]
    print(f"{BARS_A_YEAR:,} bars, {len(os.sched_getaffinity(0))} cores, load {load:.1f}")
    data = {"venue": "binance", "symbols": ["BTCUSDT"], "start": "2024-01-01", "end": "2024-12-31", "timeframe": "1m"}
    given = {
        "data": {**data, "warmup": "1d"},
        "setup": [{"name": name} for name in SETUPS],
        "risk": {"max_drawdown": 1.0},
        "account": {"sample": 3_600_000_000_000},
    }
    config, short = config_of(given), config_of({**given, "data": {**given["data"], "end": "2024-01-05"}})
    instrument = Instrument("binance", "BTCUSDT", base="BTC", quote="USDT", tick_size=0.1, lot_size=0.001)
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder) / "lake")
        store(lake, instrument, {"bars@1m": year_of_minutes()}, "bench")
        trade(short, (read_history(lake, short, "BTCUSDT"),))  # kernels in place
        begun = time.process_time()
        history = read_history(lake, config, "BTCUSDT")
        graph = time.process_time() - begun
        proposals = sum(int((table["event"] == 1).sum()) for table in history.signals.values())
        begun = time.process_time()
        run = trade(config, (history,))
        account = time.process_time() - begun
        fills = len(run.rows.fills)
        print(f"CPU: graph {graph:.2f} s, {proposals:,} proposals; desk and account {account:.2f} s, {fills:,} fills")
        judged("lake, graph, five setups, gate and account, a year of 1m bars", graph + account, 10.0, "s")
        variants = sweep_of({
            **given, "setup": [{"name": "trend_ensemble"}],
            "sweep": {"family": "bench", "grid": {"risk.risk_fraction": [0.001 + 0.00001 * k for k in range(400)]}},
        }).variants  # fmt: skip
        seconds = {}
        for workers in (1, 2):
            begun = time.perf_counter()
            done = sum(1 for _ in on_processes(lake.path, variants, workers))
            seconds[workers] = time.perf_counter() - begun
            print(f"{done} variants on {workers} process{'es' * (workers > 1)}: {seconds[workers]:.1f} s")
        judged("400 variants: two processes against one", seconds[1] / seconds[2], 1.8, "x", at_least=True)
    peaks = [resource.getrusage(who).ru_maxrss / 1e6 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    judged("peak memory of the largest process", max(peaks), 1.0, "GB")


if __name__ == "__main__":
    sys.exit(main())
