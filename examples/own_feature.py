"""A feature of your own, run through the same graph and checked for look-ahead by the same laws.

Run: python examples/own_feature.py LAKE SYMBOL [--venue binance] [--end 2024-08-05]
"""

from __future__ import annotations

import argparse

import numpy as np

import perpscope
from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Column, Table, row_schema
from perpscope.core.time import parse_ts
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.research.prefix_replay import check_fold, spread_cuts

CLOSE_POSITION = row_schema("close_position", Column("position", "fraction", "where the close lies between low and high, 0..1"))


class ClosePosition(Feature):
    """Where the close lies inside its bar.

    Definition: (close - low) / (high - low); NaN for a bar without range. Units: a fraction. Source: own.

    Example:
        >>> ClosePosition.spec.inputs
        ('bars',)
    """

    spec = FeatureSpec(name="close_position", title="Close in its range", inputs=("bars",), output=CLOSE_POSITION, source="own")

    def start(self, instrument: Instrument) -> State:
        return {}

    def fold(self, state: State, batch: Batch) -> Table:
        bars = batch["bars"]
        height = bars["high"] - bars["low"]
        position = np.divide(bars["close"] - bars["low"], height, out=np.full(len(bars), np.nan), where=height > 0)
        return Table.of(CLOSE_POSITION, ref_ts=bars["ref_ts"], known_ts=bars["known_ts"], position=position)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("lake")
    asked.add_argument("symbol")
    asked.add_argument("--venue", default="binance")
    asked.add_argument("--end")
    given = asked.parse_args()
    end = parse_ts(given.end) if given.end else None
    source = perpscope.open_lake(given.lake).source(given.venue, given.symbol, end=end)
    batch = next(iter(source))
    graph = Graph(source.instrument, [ClosePosition()], source.offered, "1h")
    rows = collect(graph, [batch])["close_position@1h"]
    print(f"{len(rows)} bars; the average close lies at {np.nanmean(rows['position']):.3f} of its range")
    found = check_fold(lambda: ClosePosition(frame="1h"), source.instrument, batch, "1h", spread_cuts(batch, 5))
    print("look-ahead:", [str(v) for v in found.violations] or "none found")


if __name__ == "__main__":
    main()
