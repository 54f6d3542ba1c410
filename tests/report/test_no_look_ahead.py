"""Nothing after the moment may matter: the same bytes from the whole record and from one that ends there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR
from perpscope.lake import Lake, store
from perpscope.report import Report, build_report, history_start, to_json, write_report
from report.conftest import AT
from report.recordings import MemorySource

LOOKBACK = 3 * DAY


def files(report: Report, folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in write_report(report, folder)}


def test_a_lake_cut_at_the_moment_gives_the_same_bytes(crash_source: MemorySource, tmp_path: Path) -> None:
    made = {}
    for name, source in (("whole", crash_source), ("cut", crash_source.until(AT))):
        lake = Lake(tmp_path / name)
        store(lake, source.instrument, source.tables, "recorded")
        read = lake.source("binance", "BTCUSDT", start=history_start(AT, "1h", LOOKBACK), end=AT)
        made[name] = files(build_report(read, AT, "1h", LOOKBACK), tmp_path / f"{name}-out")
    assert sorted(made["cut"]) == ["report.html", "report.json", "report.png"]
    assert made["whole"] == made["cut"]
    assert b'"recorded": 1.0' in made["cut"]["report.json"]


def test_another_future_gives_the_same_document(crash_source: MemorySource) -> None:
    """A source that reaches on is cut, whatever comes: here every later price is halved and later liquidations are huge."""

    def changed(table: Table) -> Table:
        later = table.clock > AT
        return table.with_columns(
            **{c.name: np.where(later, 0.5 * table[c.name], table[c.name]) for c in table.schema.columns if c.unit == "price"},
            **{c.name: np.where(later, 9e9, table[c.name]) for c in table.schema.columns if c.unit == "quantity"},
        )

    other = replace(crash_source, tables={name: changed(table) for name, table in crash_source.tables.items()})
    documents = [to_json(build_report(s, AT, "1h", LOOKBACK).document) for s in (crash_source, other)]
    assert documents[0] == documents[1]


def test_a_stream_that_begins_after_the_moment_counts_as_not_there(crash_source: MemorySource) -> None:
    interest = crash_source.tables["open_interest"]
    later = replace(crash_source, tables={**crash_source.tables, "open_interest": interest[interest.clock > AT]})
    report = build_report(later, AT, "1h", LOOKBACK).document
    assert to_json(report) == to_json(build_report(crash_source.without("open_interest"), AT, "1h", LOOKBACK).document)
    assert report.leverage is None
    assert report.absent["leverage"] == "The data has no open interest."


def test_it_does_not_matter_how_the_source_cuts_its_batches(crash_source: MemorySource) -> None:
    class OneBatch(MemorySource):
        def __iter__(self) -> Iterator[Batch]:
            yield Batch(self.end, {**self.tables, "gap": self.gaps})

    whole = OneBatch(crash_source.instrument, crash_source.tables, crash_source.end)
    documents = [to_json(build_report(s, AT, "1h", LOOKBACK).document) for s in (crash_source, whole)]
    assert documents[0] == documents[1]


def test_a_moment_inside_a_bar_uses_no_part_of_it(crash_source: MemorySource) -> None:
    half_past = build_report(crash_source, AT + HOUR // 2, "1h", LOOKBACK).document
    assert half_past.price.last_bar.timestamp() * 1e9 == AT
    assert half_past.price.last == 51927.7


def test_progress_is_told_forward_through_every_stage(crash_source: MemorySource) -> None:
    told: list[tuple[str, float, float]] = []
    build_report(crash_source, AT, "1h", LOOKBACK, lambda *step: told.append(step))
    stages = list(dict.fromkeys(stage for stage, _, _ in told))
    assert stages == ["reading", "analysing", "describing"]
    for stage in stages:
        done = [d / total for s, d, total in told if s == stage]
        assert done == sorted(done)
        assert done[-1] == 1.0
