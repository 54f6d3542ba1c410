"""The footprint of ten million trades against polars and against copying the same bytes; order flow of a million against
freqtrade's; a day-long stream in slices, with the size of the state along the way.

    python benchmarks/flow.py [--freqtrade PYTHON]

One core, CPU time, the best of several runs, after compilation. PYTHON is an interpreter of an environment that has freqtrade
(GPL, so it is run there and nothing of it is copied); without it that part is left out and said so. freqtrade gets the same
trades and bars of one minute with bins of 5 USD, and makes from them what our graph makes: cells, imbalances, stacks and delta.

Goals: footprint at least 3.5 times polars and 0.35 of numpy's copy; at least 100 times freqtrade; a day-long stream through all
order-flow folds keeps a flat state (largest / after one hour at most 1.1), and a slice of 100 ms takes less than 2 ms (p99).
"""

from __future__ import annotations

import os

os.environ["POLARS_MAX_THREADS"] = "1"

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from perpscope.core.batch import Batch
from perpscope.core.events import GAP, TRADE
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR, MINUTE, NULL_TS, parse_ts
from perpscope.engine.graph import Graph
from perpscope.features.profile.footprint import Footprint
from perpscope.market.bars import BarsFromTrades

START = parse_ts("2025-01-06")
INSTRUMENT = Instrument("demo", "BTCUSDT", tick_size=0.1)
STEP = 50
SLICE = 100_000_000
FOLDS = (
    "delta", "footprint", "imbalances", "stacked_imbalance", "unfinished_auction", "trapped", "exhaustion", "volume_profile",
    "anchored_vwap", "orders", "large_trades", "tape_sweeps", "flow_windows", "kyle_lambda", "absorption", "vpin", "cvd",
    "level_absorption",
)  # fmt: skip

FREQTRADE = """
import sys, time
import numpy as np, pandas as pd
from freqtrade.data.converter.orderflow import populate_dataframe_with_trades
tape = np.load(sys.argv[1])
trades = pd.DataFrame({"date": tape["ts"] // 1_000_000, "price": tape["price"], "amount": tape["quantity"],
                       "side": np.where(tape["side"] == 1, "buy", "sell")})
minutes = np.unique(tape["ts"] // 60_000_000_000)
bars = pd.DataFrame({"date": pd.to_datetime(minutes * 60_000, unit="ms")})
rules = {"scale": 5.0, "max_candles": len(bars), "imbalance_ratio": 3, "imbalance_volume": 0, "stacked_imbalance_range": 3,
         "cache_size": 1}
before = time.process_time()
out, _ = populate_dataframe_with_trades(None, {"timeframe": "1m", "orderflow": rules}, bars, trades)
print(time.process_time() - before, int(out["total_trades"].sum()), float(out["delta"].sum()))
"""


def tape(n: int, span: int) -> Table:
    """A seeded random walk on ticks."""
    rng = np.random.default_rng(7)
    return Table.of(
        TRADE,
        exchange_ts=START + np.sort(rng.integers(0, span, n)),
        receive_ts=np.full(n, NULL_TS),
        trade_id=np.arange(n),
        price=(600_000 + np.cumsum(rng.integers(-1, 2, n))) * 0.1,
        quantity=rng.integers(1, 2000, n) * 0.001,
        aggressor_side=rng.integers(1, 3, n).astype(np.int8),
    )


def best(work: Callable[[], object], runs: int = 5) -> float:
    """CPU seconds of the fastest run."""
    spent = []
    for _ in range(runs):
        before = time.process_time()
        work()
        spent.append(time.process_time() - before)
    return min(spent)


def polars_cells(frame: pl.DataFrame) -> pl.DataFrame:
    """Cells with volume, bought volume and both counts, as the fold has them."""
    buys = pl.col("aggressor_side") == 1
    bought = pl.when(buys).then(pl.col("quantity")).otherwise(0.0)
    cell = (pl.col("price") / 0.1).round().cast(pl.Int64) // STEP
    return (
        frame.lazy()
        .with_columns(bar=pl.col("exchange_ts") // MINUTE, cell=cell, bought=bought)
        .group_by("bar", "cell")
        .agg(
            volume=pl.col("quantity").sum(), buy_volume=pl.col("bought").sum(), trades=pl.len(),
            buys=(pl.col("aggressor_side") == 1).sum(),
        )
        .sort("bar", "cell")
        .collect()
    )  # fmt: skip


def said(goal: str, met: bool) -> str:
    return f"goal {goal}: {'MET' if met else 'MISSED'}"


def footprint_of_ten_million() -> None:
    trades = tape(10_000_000, 7 * DAY)
    end = START + 7 * DAY
    gaps = GAP.empty()
    maker = BarsFromTrades(frame="1m")
    bars = maker.fold(maker.start(INSTRUMENT), Batch(end, {"trade": trades, "gap": gaps}))
    fold = Footprint(Footprint.Params(step_ticks=STEP), "1m")

    def ours() -> Table:
        return fold.fold(fold.start(INSTRUMENT), Batch(end, {"bars": bars, "trade": trades, "gap": gaps}))

    used = [trades[c] for c in ("exchange_ts", "price", "quantity", "aggressor_side")]
    room = [np.empty_like(a) for a in used]

    def copy() -> None:
        for target, source in zip(room, used, strict=True):
            np.copyto(target, source)

    frame = pl.DataFrame({c: trades[c] for c in ("exchange_ts", "price", "quantity", "aggressor_side")})
    cells = ours()
    peers = polars_cells(frame)
    same = np.isclose(cells["buy_volume"].sum(), peers["buy_volume"].sum()) and len(cells) >= 0.99 * len(peers)
    mine, theirs, floor = best(ours), best(lambda: polars_cells(frame), 3), best(copy)
    size = sum(a.nbytes for a in used) / 1e6
    print(f"footprint, 10,000,000 trades, {len(cells):,} cells: {mine:.3f} s = {10 / mine:.0f} M trades/s; same sums {same}")
    print(f"  polars {theirs:.3f} s: {theirs / mine:.1f} times; {said('3.5', theirs / mine >= 3.5)}")
    print(f"  numpy copy of {size:.0f} MB {floor:.3f} s: {floor / mine:.2f} of it; {said('0.35', floor / mine >= 0.35)}")


def against_freqtrade(python: str | None) -> None:
    trades = tape(1_000_000, DAY)
    settings: dict[str, dict[str, Any]] = {"footprint": {"step_ticks": STEP}, "imbalances": {"rule": "freqtrade"}}

    def ours() -> Table:
        graph = Graph(INSTRUMENT, ["delta", "stacked_imbalance"], {"trade"}, "1m", settings)
        return graph.step(Batch(START + DAY, {"trade": trades})).rows["delta@1m"]

    ours()
    mine = best(ours)
    print(f"bars, delta, cells, imbalances and stacks of 1,000,000 trades: {mine:.4f} s = {1 / mine:.1f} M trades/s")
    if python is None:
        print("  freqtrade: not run; give --freqtrade PYTHON of an environment that has it")
        return
    with tempfile.TemporaryDirectory() as folder:
        path, script = Path(folder) / "tape.npz", Path(folder) / "run.py"
        np.savez(
            path, ts=trades["exchange_ts"], price=trades["price"], quantity=trades["quantity"], side=trades["aggressor_side"]
        )
        script.write_text(FREQTRADE)
        done = subprocess.run([python, str(script), str(path)], capture_output=True, text=True, check=True)
    seconds, seen, _ = (float(x) for x in done.stdout.split())
    print(
        f"  freqtrade {seconds:.1f} s ({int(seen):,} trades): {seconds / mine:.0f} times; {said('100', seconds / mine >= 100)}"
    )


def day_long_stream() -> None:
    trades = tape(1_500_000, DAY)
    graph = Graph(INSTRUMENT, FOLDS, {"trade"}, "1m")
    edges = START + np.arange(SLICE, DAY + 1, SLICE)
    cuts = np.searchsorted(trades["exchange_ts"], edges, side="right")
    sizes, spent, at = [], [], 0
    # a real day in slices of 100 ms is 864,000 calls: six minutes at its beginning, middle and end are sliced so, the
    # rest goes in pieces of ten seconds; rows do not depend on it
    fine = np.zeros(len(edges), bool)
    for begin in (0, 12 * HOUR, DAY - 6 * MINUTE):
        fine[begin // SLICE : (begin + 6 * MINUTE) // SLICE] = True
    fine |= np.arange(len(edges)) % 100 == 99
    for k in np.flatnonzero(fine).tolist():
        piece = trades[at : cuts[k]]
        before = time.process_time()
        graph.step(Batch(int(edges[k]), {"trade": piece}))
        took = time.process_time() - before
        if k and fine[k - 1]:
            spent.append(took)
        at = cuts[k]
        if (k + 1) % (HOUR // SLICE) == 0:
            sizes.append(len(graph.freeze()))
    early, largest = sizes[0], max(sizes)
    late = np.array(spent[2000:]) * 1e3  # after every kernel has been compiled and every branch met
    print(f"day-long stream, 1,500,000 trades, {len(FOLDS)} folds")
    print(f"  state {early / 1e6:.2f} MB after 1 h, at most {largest / 1e6:.2f} MB")
    print(f"  {largest / early:.3f} times; {said('1.1', largest / early <= 1.1)}")
    p50, p99 = np.quantile(late, [0.5, 0.99])
    verdict = said("p99 2 ms", p99 < 2.0)
    print(f"  slices of 100 ms, CPU time: p50 {p50:.3f} ms, p99 {p99:.3f} ms, largest {late.max():.2f} ms; {verdict}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--freqtrade", help="Python of an environment with freqtrade.")
    arguments = parser.parse_args()
    load = ", ".join(f"{x:.1f}" for x in os.getloadavg())
    print(
        f"{os.cpu_count()} cores, load {load}, python {sys.version.split()[0]}, numpy {np.__version__}, polars {pl.__version__}"
    )
    footprint_of_ten_million()
    against_freqtrade(arguments.freqtrade)
    day_long_stream()


if __name__ == "__main__":
    main()
