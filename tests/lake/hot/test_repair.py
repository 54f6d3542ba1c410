"""Each case of the start-up repair, made by hand with a plain SQLite connection or a plain file; answers on paper:
what is sound stays bit for bit, what is lost is a declared gap, and a second repair finds nothing to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from lake.hot.market import START, Clock, book, trades
from lake.hot.test_seal import SYMBOL, recorded, same, seen
from perpscope.core.errors import DataError
from perpscope.core.events import GapCause, GapKind
from perpscope.core.table import Table
from perpscope.core.time import HOUR, SECOND
from perpscope.lake import Lake
from perpscope.lake.hot import HotLog, read_hot
from perpscope.lake.hot.day import days
from perpscope.lake.hot.seal import seal
from perpscope.lake.repair import repair

KEY = (SYMBOL, "trade")
BOOK = (SYMBOL, "book_delta")


def five_commits(root: Path) -> list[Table]:
    """Trades in commits 1, 2, 4 and 5, book updates in all but 2."""
    clock = Clock(START)
    rows = []
    with HotLog(root, "binance", now=clock, reserve_bytes=0) as log:
        for number in range(1, 6):
            since = START + number * SECOND
            clock.ts = since + SECOND
            tables = {}
            if number != 3:
                tables[KEY] = trades(10 * number, 10, since)
                rows.append(tables[KEY])
            if number != 2:
                tables[BOOK] = book(10 * number, 10, since)
            log.append(tables)
    return rows


def change(root: Path, sql: str, *given: object) -> None:
    db = sqlite3.connect(days(root, "binance")[0])
    db.execute(sql, given)
    db.commit()
    db.close()


def reopened(root: Path) -> list[str]:
    """Repair, and again: the second finds nothing."""
    clock = Clock(START + HOUR)
    told = repair(root, clock)
    assert repair(root, clock) == []
    return told


def gaps_of(root: Path, kind: GapKind) -> list[tuple[int, int]]:
    gaps = read_hot(root, "binance", SYMBOL, "gap")
    assert set(gaps["cause"].tolist()) <= {GapCause.CORRUPT}
    mine = gaps[gaps["kind"] == kind]
    return list(zip(mine["ref_ts"].tolist(), mine["end_ts"].tolist(), strict=True))


def test_an_intact_log_needs_nothing(tmp_path: Path) -> None:
    rows = five_commits(tmp_path)
    assert reopened(tmp_path) == []
    assert read_hot(tmp_path, "binance", *KEY).same_as(Table.concat(rows))


def test_a_torn_body_is_dropped_and_its_own_time_is_declared(tmp_path: Path) -> None:
    rows = five_commits(tmp_path)
    change(tmp_path, "UPDATE batch SET body = substr(body, 1, length(body) - 3) WHERE seq = 4 AND stream = 1")
    with pytest.raises(DataError, match="damaged"):
        read_hot(tmp_path, "binance", *KEY)
    assert any("a batch of the commit 4 is damaged" in line for line in reopened(tmp_path))
    assert read_hot(tmp_path, "binance", *KEY).same_as(Table.concat([rows[0], rows[1], rows[3]]))
    first, last = int(rows[2].clock[0]), int(rows[2].clock[-1])
    assert gaps_of(tmp_path, GapKind.TRADE) == [(first, last + 1)]
    assert gaps_of(tmp_path, GapKind.BOOK_DELTA) == []


def test_a_batch_whose_head_is_torn_costs_every_stream_that_was_not_sound_in_that_commit(tmp_path: Path) -> None:
    rows = five_commits(tmp_path)
    change(tmp_path, "UPDATE batch SET stream = 2 WHERE seq = 2")
    reopened(tmp_path)
    late = 15 * 60 * SECOND  # lost rows may have been late by a quarter of an hour
    assert gaps_of(tmp_path, GapKind.TRADE) == [(int(rows[0].clock[-1]) + 1 - late, int(rows[2].clock[0]))]
    assert gaps_of(tmp_path, GapKind.BOOK_DELTA) == [(START + SECOND + 400_000_000 + 1 - late, START + 3 * SECOND)]


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM batch WHERE seq = 4",
        "DELETE FROM entry WHERE seq = 4",
        "UPDATE entry SET batches = 7 WHERE seq = 4",
        "UPDATE entry SET seq = 44 WHERE seq = 4",
        "DELETE FROM batch WHERE seq = 4 AND stream = 1",
    ],
)
def test_rows_or_commits_that_vanished_are_declared(tmp_path: Path, sql: str) -> None:
    rows = five_commits(tmp_path)
    change(tmp_path, sql)
    assert reopened(tmp_path)
    left = read_hot(tmp_path, "binance", *KEY)
    gone = np.setdiff1d(Table.concat(rows)["trade_id"], left["trade_id"])
    holes = gaps_of(tmp_path, GapKind.TRADE)
    for at in Table.concat(rows).clock[np.isin(Table.concat(rows)["trade_id"], gone)].tolist():
        assert any(a <= at < b for a, b in holes)


def test_a_damaged_name_of_a_stream_is_taken_from_its_copy(tmp_path: Path) -> None:
    rows = five_commits(tmp_path)
    change(tmp_path, "UPDATE stream SET symbol = 'BTCUSDU' WHERE id = 1")
    assert reopened(tmp_path)
    assert read_hot(tmp_path, "binance", *KEY).same_as(Table.concat(rows))
    assert len(read_hot(tmp_path, "binance", SYMBOL, "gap")) == 0


@pytest.mark.parametrize("damage", ["empty", "text", "half"])
def test_a_day_file_that_is_none_is_kept_aside_and_everything_in_it_declared(tmp_path: Path, damage: str) -> None:
    rows = five_commits(tmp_path)
    seal(tmp_path, "binance", START + 3 * SECOND, START)  # commits 1 and 2 are safe
    path = days(tmp_path, "binance")[0]
    content = path.read_bytes()
    path.write_bytes({"empty": b"", "text": b"no database" * 99, "half": content[: len(content) // 2]}[damage])
    assert reopened(tmp_path)
    assert "2024-08-05.db.bad" in [p.name for p in (path.parent / "quarantine").iterdir()]
    lake = Lake(tmp_path)
    left = lake.read("binance", *KEY)
    assert left[:20].same_as(Table.concat(rows[:2]))
    holes = [(h.start, h.end) for h in lake.holes("binance", *KEY)]
    for row in Table.concat(rows[2:]).rows():
        assert row["trade_id"] in left["trade_id"] or any(a <= row["exchange_ts"] < b for a, b in holes)
    with HotLog(tmp_path, "binance", now=Clock(START + HOUR), reserve_bytes=0) as log:
        assert log.seq >= 6
        assert log.repaired == []


def test_a_write_ahead_log_that_lost_its_end_is_noticed_by_the_witness(tmp_path: Path) -> None:
    rows = five_commits(tmp_path)
    change(tmp_path, "DELETE FROM entry WHERE seq >= 4")
    change(tmp_path, "DELETE FROM batch WHERE seq >= 4")
    assert any("the commits 4 to 5 were acknowledged and are gone" in line for line in reopened(tmp_path))
    assert gaps_of(tmp_path, GapKind.TRADE) == [(int(rows[1].clock[-1]) + 1 - 15 * 60 * SECOND, START + 6 * SECOND)]
    with HotLog(tmp_path, "binance", now=Clock(START + HOUR), reserve_bytes=0) as log:
        assert log.seq == 6  # 5 was the last, the gaps are the sixth


def test_unfinished_new_files_are_deleted(tmp_path: Path) -> None:
    five_commits(tmp_path)
    for name in (".tmp-token", ".tmp-2024-08-05.db"):
        (tmp_path / "hot" / "binance" / name).write_bytes(b"x")
    (tmp_path / ".tmp-catalogue.json").write_bytes(b"x")
    assert len(reopened(tmp_path)) == 2
    assert not list(tmp_path.rglob(".tmp-*"))


def sealed(root: Path) -> tuple[Clock, dict[str, Table], list[Path]]:
    clock = recorded(root)
    before = seen(root)
    seal(root, "binance", clock.ts, clock.ts)
    return clock, before, sorted((root / "binance").rglob("live-*.parquet"))


@pytest.mark.parametrize("damage", ["gone", "empty", "half", "flipped"])
def test_a_sealed_file_that_is_lost_is_made_again_from_the_hot_log_the_same_bytes(tmp_path: Path, damage: str) -> None:
    clock, before, files = sealed(tmp_path)
    for path in files:
        content = path.read_bytes()
        flipped = bytearray(content)
        flipped[len(content) // 3] ^= 4
        if damage == "gone":
            path.unlink()
        else:
            path.write_bytes({"empty": b"", "half": content[: len(content) // 2], "flipped": bytes(flipped)}[damage])
        assert Lake(tmp_path).check()
        assert any("the same bytes" in line for line in repair(tmp_path, clock))
        assert path.read_bytes() == content
    assert Lake(tmp_path).check() == []
    assert same(seen(tmp_path), before)
    assert repair(tmp_path, clock) == []


def test_a_sealed_file_that_nothing_can_bring_back_becomes_a_gap(tmp_path: Path) -> None:
    clock, before, _ = sealed(tmp_path)
    for path in (tmp_path / "hot" / "binance").glob("2024*"):
        path.unlink()
    trade_file = min((tmp_path / "binance" / "trade").rglob("*.parquet"))
    entry = next(f for f in Lake(tmp_path).catalogue.files if tmp_path / f.path == trade_file)
    trade_file.write_bytes(b"")
    assert any("a gap is declared" in line for line in repair(tmp_path, clock))
    lake = Lake(tmp_path)
    assert lake.check() == []
    kept = before["trade"].clock > entry.last_clock
    assert lake.read("binance", *KEY).same_as(before["trade"][kept])
    assert (entry.first_clock, entry.last_clock + 1, GapCause.CORRUPT) in [
        (h.start, h.end, h.cause) for h in lake.holes("binance", *KEY)
    ]


def test_a_sound_file_without_a_row_in_the_catalogue_is_adopted_and_a_damaged_one_set_aside(tmp_path: Path) -> None:
    clock, before, _ = sealed(tmp_path / "a")
    other = tmp_path / "b"
    five_commits(other)
    seal(other, "binance", START + HOUR, START)
    for path in [p for p in (tmp_path / "a" / "binance").rglob("*.parquet") if "open_interest" in p.parts]:
        target = other / path.relative_to(tmp_path / "a")
        target.parent.mkdir(parents=True)
        target.write_bytes(path.read_bytes())
        (target.parent / "zoo-1.parquet").write_bytes(b"no parquet")
    told = repair(other, clock)
    assert any("is taken in" in line for line in told)
    assert any("quarantine" in line for line in told)
    assert Lake(other).read("binance", SYMBOL, "open_interest").same_as(before["open_interest"])
    assert Lake(other).check() == []
    assert repair(other, clock) == []


def test_a_damaged_catalogue_is_made_again(tmp_path: Path) -> None:
    clock, before, _ = sealed(tmp_path)
    catalogue = tmp_path / "catalogue.json"
    content = bytearray(catalogue.read_bytes())
    content[len(content) // 2] ^= 1
    catalogue.write_bytes(bytes(content))
    with pytest.raises(DataError):
        Lake(tmp_path)
    assert len(repair(tmp_path, clock)) == 2
    assert same(seen(tmp_path), before)
