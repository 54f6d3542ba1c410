"""How fast the synthetic market runs, and how much it looks like recorded BTC.

Run: python benchmarks/synthetic.py [--days 21] [--seeds 1,2,3,7] [--data ../shared/data]

Prints the time of one simulation (warm, processor time), then one row per figure: the synthetic seeds beside the
smallest, middle and largest value among recorded windows of the same length, where recorded bars are found.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import polars as pl

from perpscope.synthetic import Config, simulate
from perpscope.synthetic.realism import interest_statistics, liquidation_statistics, price_statistics, realism

_ROOT = Path(__file__).resolve().parents[1]


def recorded(data: Path, days: int) -> dict[str, list[float]]:
    """The figures of every whole window of recorded BTC bars, by name."""
    out: dict[str, list[float]] = {}

    def add(figures: dict[str, float]) -> None:
        for name, value in figures.items():
            out.setdefault(name, []).append(value)

    bars = pl.read_parquet(data / "bars/binance_perp/5m/BTCUSDT.parquet")
    interest = pl.read_parquet(data / "bars/binance_oi/5m/BTCUSDT.parquet")
    both = bars.join(interest.with_columns(pl.col("ts") // 300_000 * 300_000), on="ts").sort("ts")
    window = 288 * days
    for frame, measure in ((bars, _prices), (both, _interest)):
        ts = frame["ts"].to_numpy()
        for first in range(0, len(ts) - window + 1, window):
            part = frame[first : first + window]
            if ts[first + window - 1] - ts[first] == (window - 1) * 300_000 and part["volume"].min() > 0.0:
                add(measure(part))
    folder = data / "bars/coinalyze/1h"
    for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT"):
        forced = pl.read_parquet(folder / f"{symbol}_liquidation-history.parquet")
        mean = float(pl.read_parquet(folder / f"{symbol}_open-interest-history.parquet")["oi_close"].to_numpy().mean())
        hourly = (forced["liq_long"] + forced["liq_short"]).to_numpy().astype(float)
        for first in range(0, len(hourly) - 24 * days + 1, 24 * days):
            add(liquidation_statistics(hourly[first : first + 24 * days], mean))
    return out


def _prices(part: pl.DataFrame) -> dict[str, float]:
    return price_statistics(*(part[name].to_numpy() for name in ("high", "low", "close", "volume")))


def _interest(part: pl.DataFrame) -> dict[str, float]:
    return interest_statistics(part["volume"].to_numpy(), part["oi"].to_numpy())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=21)
    parser.add_argument("--seeds", default="1,2,3,7")
    parser.add_argument("--data", type=Path, default=_ROOT.parent / "shared" / "data")
    chosen = parser.parse_args()
    began = time.process_time()
    simulate(Config(days=0.01))
    print(f"first call, compiling or loading kernels: {time.process_time() - began:.1f} s")
    columns: list[dict[str, float]] = []
    for seed in map(int, chosen.seeds.split(",")):
        began = time.process_time()
        market = simulate(Config(seed=seed, days=float(chosen.days)))
        spent = time.process_time() - began
        trades = len(market.tables["trade"])
        print(f"seed {seed}: {chosen.days} days, {trades:,} trades in {spent:.2f} s of processor time")
        columns.append(realism(market))
    known = recorded(chosen.data, chosen.days) if (chosen.data / "CATALOG.md").is_file() else {}
    print(f"\n{'figure':28s}{'recorded: low':>14s}{'middle':>10s}{'high':>10s}   synthetic, seeds {chosen.seeds}")
    for name in columns[0]:
        seen = known.get(name, [])
        shown = "".join(f"{x:10.4f}" for x in (min(seen), float(np.median(seen)), max(seen))) if seen else " " * 30
        print(f"{name:28s}    {shown}   " + "".join(f"{column[name]:10.4f}" for column in columns))


if __name__ == "__main__":
    main()
