"""Ten million trades to one-minute bars with delta and to footprint cells, against polars; and a live batch of fifty.

One core, this process only, CPU time, the best of several runs, after compilation. Each peer does less than ours: it has no
running extremes of delta, no gaps, no quiet bars, and must be sorted into order.

Goals: bars at least 4 times polars, footprint cells at least 3 times; what the fold adds to its input is under twice the
input's own size (so that both stay under three times); fifty trades through a graph of all first-stage features under 1 ms.
"""

from __future__ import annotations

import os

os.environ["POLARS_MAX_THREADS"] = "1"

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from perpscope.core.batch import Batch
from perpscope.core.events import FUNDING, GAP, OPEN_INTEREST, TRADE
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import DAY, MINUTE, NULL_TS, parse_ts
from perpscope.engine.graph import Graph
from perpscope.features.profile.footprint import Footprint
from perpscope.market.bars import BarsFromTrades

TRADES = 10_000_000
START = parse_ts("2025-01-06")
INSTRUMENT = Instrument("demo", "BTCUSDT", tick_size=0.1)
STEP = 50
FEATURES = (
    "delta", "volume_profile", "profile_bins", "anchored_vwap", "average_stack", "open_interest_delta", "positioning",
    "funding_state",
)  # fmt: skip


def tape(n: int, span: int) -> Table:
    """A seeded random walk on ticks."""
    rng = np.random.default_rng(7)
    stamps = START + np.sort(rng.integers(0, span, n))
    return Table.of(
        TRADE,
        exchange_ts=stamps,
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


def peak_bytes(work: Callable[[], object]) -> int:
    """What the process's largest resident size grows by during the work (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    work()
    return _status("VmHWM") - before


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024


def polars_bars(frame: pl.DataFrame) -> pl.DataFrame:
    signed = pl.when(pl.col("aggressor_side") == 1).then(pl.col("quantity")).otherwise(-pl.col("quantity"))
    price, quantity = pl.col("price"), pl.col("quantity")
    return (
        frame.lazy()
        .with_columns(bar=pl.col("exchange_ts") // MINUTE, signed=signed)
        .group_by("bar", maintain_order=True)
        .agg(
            open=price.first(), high=price.max(), low=price.min(), close=price.last(), volume=quantity.sum(),
            delta=pl.col("signed").sum(), trades=pl.len(),
        )
        .collect()
    )  # fmt: skip


def polars_cells(frame: pl.DataFrame) -> pl.DataFrame:
    bought = pl.when(pl.col("aggressor_side") == 1).then(pl.col("quantity")).otherwise(0.0)
    cell = (pl.col("price") / 0.1).round().cast(pl.Int64) // STEP
    return (
        frame.lazy()
        .with_columns(bar=pl.col("exchange_ts") // MINUTE, cell=cell, bought=bought)
        .group_by("bar", "cell")
        .agg(volume=pl.col("quantity").sum(), buy_volume=pl.col("bought").sum(), trades=pl.len())
        .sort("bar", "cell")
        .collect()
    )


def live_batches() -> tuple[list[float], list[float]]:
    """Seconds per batch of fifty trades through the graph of all first-stage features: all, and those that close a bar."""
    trades = tape(60_000, 4 * 60 * MINUTE)
    offered = {"trade", "open_interest", "funding"}
    graph = Graph(INSTRUMENT, FEATURES, offered, "1m")
    stamps = np.arange(START, START + 5 * 60 * MINUTE, 5 * MINUTE)
    interest = Table.filled(OPEN_INTEREST, exchange_ts=stamps, open_interest=9e4 + np.arange(len(stamps)))
    plain, closing = [], []
    before = START - 1
    for k in range(0, len(trades), 50):
        piece = trades[k : k + 50]
        until = int(piece["exchange_ts"][-1])
        batch = Batch(
            until,
            {
                "trade": trades.between(before, until),
                "open_interest": interest.between(before, until),
                "funding": FUNDING.empty(),
                "gap": GAP.empty(),
            },
        )
        begun = time.thread_time()
        step = graph.step(batch)
        spent = time.thread_time() - begun
        if k > 20_000:
            plain.append(spent)
            if len(step.rows["delta@1m"]):
                closing.append(spent)
        before = until
    return plain, closing


def main() -> int:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    trades = tape(TRADES, 7 * DAY)
    frame = pl.DataFrame({c: trades[c] for c in ("exchange_ts", "price", "quantity", "aggressor_side")})
    until = START + 7 * DAY

    def bars() -> Table:
        fold = BarsFromTrades(frame="1m")
        return fold.fold(fold.start(INSTRUMENT), Batch(until, {"trade": trades, "gap": GAP.empty()}))

    made = bars()

    def cells() -> Table:
        fold = Footprint(Footprint.Params(step_ticks=STEP), frame="1m")
        return fold.fold(fold.start(INSTRUMENT), Batch(until, {"trade": trades, "bars": made, "gap": GAP.empty()}))

    wanted = polars_bars(frame)
    if not np.allclose(wanted["delta"], made["buy_volume"] - made["sell_volume"], atol=1e-6) or len(wanted) != len(made):
        print("the bars of polars and ours differ", file=sys.stderr)
        return 1
    if len(cells()) != len(polars_cells(frame)):
        print("the cells of polars and ours differ", file=sys.stderr)
        return 1
    ratios = {}
    for name, ours, theirs in (("bars", bars, polars_bars), ("footprint", cells, polars_cells)):
        mine, peer = best(ours), best(lambda theirs=theirs: theirs(frame), 3)
        ratios[name] = peer / mine
        print(f"{name}: {mine:.3f} s, {TRADES / mine / 1e6:.0f} M trades/s; polars {peer:.3f} s; ratio {peer / mine:.1f}")
    for name, work in (("bars", bars), ("footprint", cells)):
        print(f"{name}: the fold adds {peak_bytes(work) / trades.nbytes:.2f} times the size of its input")
    plain, closing = live_batches()
    for name, spent in (("all", plain), ("closing a bar", closing)):
        p50, p99 = np.quantile(spent, [0.5, 0.99]) * 1e3
        print(f"batch of 50 through {len(FEATURES)} features, {name}: p50 {p50:.3f} ms  p99 {p99:.3f} ms  n {len(spent)}")
    missed = ratios["bars"] < 4 or ratios["footprint"] < 3 or float(np.quantile(plain, 0.99)) > 1e-3
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
