"""Answers: the rows, holes and gaps before, bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest

from lake.hot.market import START, book
from lake.hot.test_seal import SYMBOL, recorded, same, seen
from perpscope.core.errors import UserError
from perpscope.core.time import DAY, HOUR
from perpscope.lake import Lake
from perpscope.lake.compact import compact, retain
from perpscope.lake.hot import HotLog
from perpscope.lake.hot.seal import seal


def test_hours_become_a_day_and_nothing_else_changes(tmp_path: Path) -> None:
    clock = recorded(tmp_path, 3)
    seal(tmp_path, "binance", clock.ts, clock.ts)
    before, holes = seen(tmp_path), Lake(tmp_path).holes("binance", SYMBOL, "trade")
    assert len(list((tmp_path / "binance" / "trade").rglob("*.parquet"))) == 4  # it begins at half past
    assert compact(tmp_path, START + HOUR, 0.5).days == 0
    done = compact(tmp_path, START + 2 * DAY, 0.5)
    assert (done.days, done.files_before, done.files_after) == (2, 8, 2)
    assert [p.parent.name for p in (tmp_path / "binance" / "trade").rglob("*.parquet")] == ["2024-08-05"]
    assert same(seen(tmp_path), before)
    assert Lake(tmp_path).holes("binance", SYMBOL, "trade") == holes
    assert Lake(tmp_path).check() == []
    assert compact(tmp_path, START + 2 * DAY, 0.5).days == 0


def test_a_late_row_of_a_compacted_day_joins_the_day(tmp_path: Path) -> None:
    clock = recorded(tmp_path, 1)
    seal(tmp_path, "binance", clock.ts, clock.ts)
    compact(tmp_path, START + 2 * DAY, 0.5)
    clock.ts = START + 2 * DAY
    with HotLog(tmp_path, "binance", now=clock, reserve_bytes=0) as log:
        log.append({(SYMBOL, "book_delta"): book(77, 4, START + 1)})
    before = seen(tmp_path)
    seal(tmp_path, "binance", clock.ts, clock.ts)
    assert len(list((tmp_path / "binance" / "book_delta").rglob("*.parquet"))) == 1
    assert same(seen(tmp_path), before)


def test_compaction_stops_before_the_disk_is_full(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="tenth of the disk"):
        compact(tmp_path, START, 0.09)


def test_old_files_of_a_kind_go_and_the_rest_stays(tmp_path: Path) -> None:
    clock = recorded(tmp_path, 3)
    seal(tmp_path, "binance", clock.ts, clock.ts)
    before = seen(tmp_path)
    border = (START // HOUR + 2) * HOUR
    told = retain(tmp_path, border, ("book_delta",), dry=True)
    assert retain(tmp_path, border, ("book_delta",)) == told
    after = seen(tmp_path)
    assert after["trade"].same_as(before["trade"])
    assert after["book_delta"].same_as(before["book_delta"][before["book_delta"].clock >= border])
    assert Lake(tmp_path).check() == []
    with pytest.raises(UserError, match="Did you mean 'trade'"):
        retain(tmp_path, border, ("trades",))
