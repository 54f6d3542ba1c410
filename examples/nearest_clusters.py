"""Where would leverage break next? Print the heaviest estimated levels on both sides of the price.

Run: python examples/nearest_clusters.py LAKE SYMBOL [--venue binance] [--at 2024-08-05T14:00Z]
"""

from __future__ import annotations

import argparse

import polars as pl

import perpscope


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("lake")
    asked.add_argument("symbol")
    asked.add_argument("--venue", default="binance")
    asked.add_argument("--at")
    given = asked.parse_args()
    rows = perpscope.run_features(
        given.lake, given.symbol, ["liquidation_heatmap", "average_stack"], venue=given.venue, timeframe="1h", end=given.at
    )
    heat = rows["liquidation_heatmap@1h"]
    # a cell holds until the next row of its side and bin
    now = heat.group_by("side", "bin").last().filter(pl.col("notional") > 0)
    print(f"estimated liquidations of {given.symbol}, heaviest bins, USD:")
    for side in ("short", "long"):
        heaviest = now.filter(pl.col("side") == side).sort("notional", descending=True).head(5)
        for row in heaviest.sort("price_low", descending=True).iter_rows(named=True):
            print(f"  {side:5s} {row['price_low']:>12,.1f} .. {row['price_high']:>12,.1f}  {row['notional']:>14,.0f}")


if __name__ == "__main__":
    main()
