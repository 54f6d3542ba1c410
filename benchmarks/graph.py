"""A year of one-minute bars through the graph of the first features: seconds, and seconds per feature.

Run: python benchmarks/graph.py. Goal: the first features together under 5 s on one core, compilation excluded. The
yardstick in the same run is numpy's copy of the input, so that a slow machine shows.
"""

from __future__ import annotations

import os
import time

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.events import BARS, FUNDING, OPEN_INTEREST
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import HOUR, MINUTE, parse_ts
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect

FIRST = (
    "delta", "volume_profile", "anchored_vwap", "average_stack", "swings", "fair_value_gaps", "session_ranges",
    "open_interest_delta", "positioning", "funding_state", "liquidation_heatmap", "confluence",
)  # fmt: skip
BARS_IN_A_YEAR = 525_600


def year(n: int = BARS_IN_A_YEAR, seed: int = 1) -> Batch:
    """Random bars with taker volume, open interest every 5 minutes and funding every 8 hours."""
    rng = np.random.default_rng(seed)
    start = parse_ts("2025-01-01")
    ref = start + MINUTE * np.arange(n)
    close = np.round(60_000 * np.exp(np.cumsum(rng.standard_t(4, n) * 4e-4)), 1)
    open_ = np.concatenate([[60_000.0], close[:-1]])
    wick = np.round(np.abs(rng.normal(0, 12, (2, n))), 1)
    volume = np.round(rng.lognormal(2.5, 0.8, n), 3)
    buy = np.round(volume * rng.beta(20, 20, n), 3)
    bars = Table.filled(
        BARS, ref_ts=ref, known_ts=ref + MINUTE, open=open_, high=np.maximum(open_, close) + wick[0],
        low=np.minimum(open_, close) - wick[1], close=close, volume=volume, buy_volume=buy, sell_volume=volume - buy,
        complete=np.ones(n, bool),
    )  # fmt: skip
    stamps = np.arange(start + 5 * MINUTE, int(ref[-1]) + MINUTE, 5 * MINUTE)
    interest = 80_000 + np.cumsum(rng.normal(0, 15, len(stamps)))
    paid = np.arange(start + 8 * HOUR, int(ref[-1]) + MINUTE, 8 * HOUR)
    tables = {
        "bars@1m": bars,
        "open_interest": Table.filled(OPEN_INTEREST, exchange_ts=stamps, open_interest=interest),
        "funding": Table.filled(FUNDING, exchange_ts=paid, funding_rate=rng.normal(1e-4, 5e-5, len(paid))),
    }
    return Batch(int(ref[-1]) + MINUTE, tables)


def run(names: tuple[str, ...], batch: Batch) -> float:
    graph = Graph(Instrument("binance", "BTCUSDT", tick_size=0.1), names, set(batch.tables), "1m")
    began = time.process_time()
    collect(graph, [batch])
    return time.process_time() - began


def main() -> None:
    whole = year()
    warm = Batch(
        int(whole["bars@1m"].clock[4_000]), {k: t[t.clock <= whole["bars@1m"].clock[4_000]] for k, t in whole.tables.items()}
    )
    run(FIRST, warm)
    arrays = [a for t in whole.tables.values() for a in t.columns().values()]
    began = time.process_time()
    copies = [a.copy() for a in arrays]
    copied = time.process_time() - began
    megabytes = sum(a.nbytes for a in copies) / 1e6
    print(f"{BARS_IN_A_YEAR} bars, {megabytes:.0f} MB; load {os.getloadavg()[0]:.1f}; copy {copied * 1e3:.0f} ms")
    for name in FIRST:
        print(f"  {name:24s} with what feeds it {run((name,), whole):6.2f} s")
    total = run(FIRST, whole)
    print(f"  together {total:.2f} s = {total / copied:.0f} x copy; goal 5 s: {'met' if total < 5 else 'MISSED'}")


if __name__ == "__main__":
    main()
