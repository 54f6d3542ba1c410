"""What every setup proposed on a stretch of history, and what became of it, told by bars: no fill, no cost, no profit.

Run: python examples/setups.py LAKE SYMBOL [--venue binance] [--timeframe 1h] [--start 2024-06-19] [--end 2024-08-19]
"""

from __future__ import annotations

import argparse

import polars as pl

import perpscope
from perpscope.core.errors import UserError
from perpscope.engine.catalogue import all_folds
from perpscope.setups.base import Setup


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("lake")
    asked.add_argument("symbol")
    for option, default in (("--venue", "binance"), ("--timeframe", "1h"), ("--start", None), ("--end", None)):
        asked.add_argument(option, default=default)
    given = vars(asked.parse_args())
    lake, symbol = given.pop("lake"), given.pop("symbol")
    for name in (n for n, fold in all_folds().items() if issubclass(fold, Setup)):
        try:
            (rows,) = perpscope.run_features(lake, symbol, [name], **given).values()
        except UserError as reason:
            print(f"{name:17s} {reason}")
            continue
        opened = rows.filter(pl.col("event") == "opened")
        risk = ((opened["entry"] - opened["stop"]).abs() / opened["entry"] * 1e4).median()
        ends = dict(
            rows.filter(~pl.col("event").is_in(["opened", "triggered", "adjusted"]))["event"].value_counts().iter_rows()
        )
        print(f"{name:17s} {len(opened):5d} proposed, {_bps(risk)} to the stop; {dict(sorted(ends.items()))}")


def _bps(median: object) -> str:
    return f"median {median:4.0f} bps" if isinstance(median, float) else "nothing"


if __name__ == "__main__":
    main()
