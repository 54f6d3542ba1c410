"""The report's level map beside the recorded bars: yesterday's low, distances, and what coincides."""

from __future__ import annotations

import math
from pathlib import Path

import polars as pl
import pytest

from perpscope.core.time import parse_ts
from perpscope.report import Report
from perpscope.report.sheets import sheets


def test_the_map_of_the_crash_stands_on_recorded_bars(crash: Report, shared_data: Path) -> None:
    document = crash.document
    assert document.level_map is not None
    levels = document.level_map.levels
    bars = pl.read_parquet(shared_data / "bars/coinalyze/1h/BTCUSDT_ohlcv-history.parquet")
    start, end = parse_ts("2024-08-04") // 10**6, parse_ts("2024-08-05") // 10**6
    sunday = bars.filter((pl.col("ts") >= start) & (pl.col("ts") < end))
    low = next(x for x in levels if x.name == "previous day low")
    assert low.low == low.high == sunday["low"].min()
    away = math.log(low.low / document.price.last)
    assert low.distance_fraction == pytest.approx(math.expm1(away))
    assert low.distance_sigma == pytest.approx(away / (document.price.daily_sigma_fraction or math.nan))
    assert [x.rank for x in levels] == list(range(1, len(levels) + 1))
    assert all(len(x.coincides) + 1 >= sum(y.group == x.group for y in levels) for x in levels)
    assert {x.family for x in levels} >= {"structure", "session", "vwap"}


def test_the_map_is_a_sheet_of_the_report(crash: Report) -> None:
    (sheet,) = [s for s in sheets(crash.document) if s.title == "Level map"]
    found = crash.document.level_map
    assert found is not None
    assert len(sheet.grids[0].rows) == len(found.levels)
