"""Answers: smartmoneyconcepts 0.0.27 (MIT), `smc.fvg` run in an environment of its own on the same recorded bars.

STRUCTURE.md section 3 asks for equal sets of gap zones under `middle_colour`. Compared are the number of zones, the
sum of their heights, and the sums of the bar numbers they are stamped at and first touched at; benchmarks/structure.py
compares zone by zone. Its swings, breaks and order blocks look ahead, so they are no answer to anything.
"""

from __future__ import annotations

import polars as pl
import pytest

from perpscope.core.time import HOUR, parse_ts

PEER = {  # direction: zones, first touched, sum of heights, sum of stamps, sum of first touches
    1: (810, 786, 176867.1, 3540341, 3470578),
    2: (702, 698, 148201.3, 3240478, 3228498),
}


@pytest.mark.parametrize("direction", PEER)
def test_gaps_with_the_middle_colour_are_the_peer_s(shared_data, bars, run, direction):
    start = parse_ts("2024-01-01")
    frame = pl.read_parquet(shared_data / "bars/binance_perp/1h/BTCUSDT.parquet")
    frame = frame.filter((pl.col("ts") * 1_000_000 >= start) & (pl.col("ts") * 1_000_000 < parse_ts("2025-01-01")))
    table = bars(*(frame[c].to_numpy() for c in ("high", "low", "close", "open")), start=start, step=HOUR)
    settings = {"fair_value_gaps": {"filter": "middle_colour", "max_live": 20_000, "max_age_bars": 10_000}}
    rows = run("fair_value_gaps", table, settings, frame="1h", tick=0.1)
    mine = rows[rows["direction"] == direction]
    opened, touched = mine[mine["event"] == 1], mine[mine["event"] == 2]
    assert (
        len(opened),
        len(touched),
        round(float((opened["top"] - opened["bottom"]).sum()), 1),
        int(((opened["ref_ts"] - start) // HOUR).sum()),
        int(((touched["known_ts"] - start) // HOUR - 1).sum()),
    ) == PEER[direction]
