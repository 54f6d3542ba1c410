"""Answers: the rows before sealing, bit for bit; coverage and gaps on paper."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lake.hot.market import START, Clock, book, gap, interest, trades
from perpscope.core.errors import UserError
from perpscope.core.events import GapCause, GapKind
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR, SECOND
from perpscope.core.units import ContractKind
from perpscope.lake import Lake, rebuild, store
from perpscope.lake.hot import HotLog, RawFrame, read_hot
from perpscope.lake.hot.day import days
from perpscope.lake.hot.seal import seal

SYMBOL = "BTCUSDT"
STREAMS = ["trade", "book_delta", "open_interest"]


def recorded(root: Path, hours: int = 3, clock: Clock | None = None) -> Clock:
    """Hours of a recording: duplicates, late rows, equal clocks, a declared gap an hour."""
    clock = clock or Clock(START)
    with HotLog(root, "binance", now=clock, reserve_bytes=0) as log:
        for hour in range(hours):
            since = START + hour * HOUR
            for part in range(4):
                at = since + part * 600 * SECOND
                clock.ts = at + SECOND
                number = 1000 * hour + 100 * part
                rows = trades(number, 60, at, 10 * SECOND)
                if part == 2:
                    rows = Table.concat([rows, trades(number - 40, 5, at - 400 * SECOND)])  # late, and not told before
                if part == 3:
                    rows = Table.concat([trades(number - 100, 3, at - 600 * SECOND, 10 * SECOND), rows])  # told twice
                updates = book(number, 50, at, SECOND)
                if part == 1:
                    updates = Table.concat([updates, book(900_000 + number, 6, at - 30 * SECOND)])
                tables = {(SYMBOL, "trade"): rows, (SYMBOL, "book_delta"): updates}
                tables[SYMBOL, "open_interest"] = interest(at, 5.0 + part)
                log.append(tables, {SYMBOL: gap(at + 300 * SECOND, at + 310 * SECOND)} if part == 1 else {})
    return clock


def seen(root: Path) -> dict[str, Table]:
    source = Lake(root).source("binance", SYMBOL, STREAMS)
    return {**source.tables, "gap": source.gaps}


def same(one: dict[str, Table], other: dict[str, Table]) -> bool:
    return one.keys() == other.keys() and all(one[k].same_as(other[k]) for k in one)


def test_readers_see_the_same_bytes_before_between_and_after_sealing(tmp_path: Path) -> None:
    clock = recorded(tmp_path)
    before = seen(tmp_path)
    assert {k: len(t) for k, t in before.items()} == {"trade": 3 * 245, "book_delta": 3 * 206, "open_interest": 12, "gap": 3}
    for until in (START - 1, START + 700 * SECOND, START + HOUR, START + HOUR, clock.ts):
        report = seal(tmp_path, "binance", until, clock.ts)
        assert same(seen(tmp_path), before), report
    assert len(read_hot(tmp_path, "binance", SYMBOL, "trade")) == 0
    assert Lake(tmp_path).check() == []
    assert same({s: t for s, t in before.items()}, seen(tmp_path))


def test_a_key_told_twice_is_kept_once_as_it_came_first_and_nothing_else_is_dropped(tmp_path: Path) -> None:
    clock = recorded(tmp_path, 1)
    arrived = read_hot(tmp_path, "binance", SYMBOL, "trade")
    updates = read_hot(tmp_path, "binance", SYMBOL, "book_delta")
    report = seal(tmp_path, "binance", clock.ts, clock.ts)
    assert (report.duplicates, report.rows - report.kept, report.late) == (3, 3, 5 + 3)
    keys = list(zip(arrived["exchange_ts"].tolist(), arrived["trade_id"].tolist(), strict=True))
    first = sorted({key: i for i, key in reversed(list(enumerate(keys)))}.values(), key=lambda i: (keys[i][0], i))
    assert Lake(tmp_path).read("binance", SYMBOL, "trade").same_as(arrived[np.array(first)])
    assert Lake(tmp_path).read("binance", SYMBOL, "book_delta").same_as(updates.sorted())


def test_declared_gaps_come_back_as_gap_events_and_holes_word_for_word(tmp_path: Path) -> None:
    clock = recorded(tmp_path, 2)
    told = read_hot(tmp_path, "binance", SYMBOL, "gap")
    for _ in range(2):
        source = Lake(tmp_path).source("binance", SYMBOL, ["trade"])
        assert source.gaps.same_as(told)
        assert [(h.start, h.end, h.cause) for h in source.holes["trade"]] == [
            (a, b, GapCause.DISCONNECT) for a, b in zip(told["ref_ts"].tolist(), told["end_ts"].tolist(), strict=True)
        ]
        assert len(Lake(tmp_path).source("binance", SYMBOL, ["book_delta"]).gaps) == 0
        seal(tmp_path, "binance", clock.ts, clock.ts)
    assert Lake(tmp_path).streams("binance", SYMBOL) == sorted(STREAMS)
    early = Lake(tmp_path).source("binance", SYMBOL, ["trade"], end=int(told["known_ts"][0]) - 1)
    assert len(early.gaps) == 0


def test_an_archive_fills_what_the_recorder_missed(tmp_path: Path) -> None:
    clock = Clock(START)
    with HotLog(tmp_path, "binance", now=clock, reserve_bytes=0) as log:
        log.append({(SYMBOL, "trade"): trades(1, 10, START, SECOND)})
        hole = gap(START + 9 * SECOND + 1, START + 20 * SECOND, cause=GapCause.SEQUENCE)
        log.append({(SYMBOL, "trade"): trades(21, 10, START + 20 * SECOND, SECOND)}, {SYMBOL: hole})
    seal(tmp_path, "binance", START + 1, START)
    archive = trades(1, 15, START, SECOND)  # ids 1 to 15: five of the ten missing
    instrument = Instrument("binance", SYMBOL, ContractKind.LINEAR, "BTC", "USDT", 0.1, 0.001)
    store(Lake(tmp_path), instrument, {"trade": archive}, "archive")
    source = Lake(tmp_path).source("binance", SYMBOL, ["trade"])
    assert source.tables["trade"]["trade_id"].tolist() == [*range(1, 16), *range(21, 31)]
    assert source.origins["trade"] == {"live": 20, "archive": 5}
    assert source.gaps["ref_ts"].tolist() == [START + 14 * SECOND + 1]
    assert source.gaps["end_ts"].tolist() == [START + 20 * SECOND]
    assert source.gaps["known_ts"].tolist() == [START + 20 * SECOND]
    store(Lake(tmp_path), instrument, {"trade": trades(1, 30, START, SECOND)}, "archive")
    whole = Lake(tmp_path).source("binance", SYMBOL, ["trade"])
    assert len(whole.gaps) == 0
    assert whole.tables["trade"]["trade_id"].tolist() == list(range(1, 31))


def test_rows_that_come_after_their_hour_was_sealed_join_it(tmp_path: Path) -> None:
    clock = Clock(START)
    with HotLog(tmp_path, "binance", now=clock, reserve_bytes=0) as log:
        log.append({(SYMBOL, "book_delta"): book(0, 20, START)})
        seal(tmp_path, "binance", START, START)
        clock.ts = START + HOUR
        late = book(100, 4, START + 100_000_000)  # inside what is covered
        log.append({(SYMBOL, "book_delta"): late})
        before = Lake(tmp_path).read("binance", SYMBOL, "book_delta")
        seal(tmp_path, "binance", clock.ts, clock.ts)
    after = Lake(tmp_path).read("binance", SYMBOL, "book_delta")
    assert after.same_as(before)
    assert after.same_as(Table.concat([book(0, 20, START), late]).sorted())


def test_sealed_day_files_go_after_a_day_and_raw_frames_after_a_week(tmp_path: Path) -> None:
    clock = Clock(START)
    with HotLog(tmp_path, "binance", now=clock, reserve_bytes=0) as log:
        log.append({(SYMBOL, "trade"): trades(1, 10, START)})
        clock.ts = START + DAY
        log.append({(SYMBOL, "trade"): trades(11, 10, START + DAY)}, {}, [RawFrame(START + DAY, "unknown", b"?")])
        clock.ts = START + 2 * DAY
        log.append({(SYMBOL, "trade"): trades(21, 10, START + 2 * DAY)})
        whole = seen_trades(tmp_path)
        now = START + DAY - SECOND
        assert seal(tmp_path, "binance", START + DAY, now).deleted == 0
        assert seal(tmp_path, "binance", START + DAY, START + DAY).deleted == 1
        assert [p.name for p in days(tmp_path, "binance")] == ["2024-08-06.db", "2024-08-07.db"]
        big = days(tmp_path, "binance")[0]
        assert seal(tmp_path, "binance", clock.ts, START + 2 * DAY).deleted == 0
        assert big.exists()  # the raw frame's week is not over
        assert seal(tmp_path, "binance", clock.ts, START + 8 * DAY).deleted == 1
        log.append({(SYMBOL, "trade"): trades(31, 10, START + 2 * DAY + SECOND)})
        assert log.seq == 4
    assert seen_trades(tmp_path)[:30].same_as(whole)
    with HotLog(tmp_path, "binance", now=clock, reserve_bytes=0) as log:
        assert log.seq == 4


def test_the_numbers_go_on_when_every_day_file_is_gone(tmp_path: Path) -> None:
    recorded(tmp_path, 1)
    seal(tmp_path, "binance", START + DAY, START + DAY)
    for path in (tmp_path / "hot" / "binance").iterdir():
        path.unlink()
    with HotLog(tmp_path, "binance", now=Clock(START + DAY), reserve_bytes=0) as log:
        assert log.seq == 4
        log.append({(SYMBOL, "trade"): trades(9000, 10, START + DAY)})
    assert Lake(tmp_path).read("binance", SYMBOL, "trade")["trade_id"].tolist()[-1] == 9009


def test_a_lost_catalogue_is_rebuilt_with_what_is_sealed(tmp_path: Path) -> None:
    clock = recorded(tmp_path)
    before = seen(tmp_path)
    seal(tmp_path, "binance", START + HOUR, clock.ts)
    known = Lake(tmp_path).catalogue
    (tmp_path / "catalogue.json").unlink()
    assert rebuild(tmp_path).sealed == known.sealed
    assert same(seen(tmp_path), before)


def test_a_lake_object_that_is_older_than_a_seal_still_reads_or_says_to_read_again(tmp_path: Path) -> None:
    clock = recorded(tmp_path)
    before = seen(tmp_path)
    old = Lake(tmp_path)
    seal(tmp_path, "binance", START + HOUR, clock.ts)
    assert old.read("binance", SYMBOL, "trade").same_as(before["trade"])


def test_a_venue_that_was_never_recorded_cannot_be_sealed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Nothing of binance"):
        seal(tmp_path, "binance", START, START)


def test_gaps_of_several_kinds_cut_only_their_own_stream(tmp_path: Path) -> None:
    with HotLog(tmp_path, "binance", now=Clock(START), reserve_bytes=0) as log:
        log.append(
            {(SYMBOL, "trade"): trades(1, 10, START, SECOND), (SYMBOL, "book_delta"): book(0, 20, START, SECOND)},
            {SYMBOL: gap(START + 2 * SECOND + 1, START + 3 * SECOND, GapKind.BOOK_DELTA, GapCause.SEQUENCE)},
        )
    lake = Lake(tmp_path)
    assert lake.holes("binance", SYMBOL, "trade") == []
    assert [(h.start, h.end) for h in lake.holes("binance", SYMBOL, "book_delta")] == [
        (START + 2 * SECOND + 1, START + 3 * SECOND)
    ]


def seen_trades(root: Path) -> Table:
    return Lake(root).read("binance", SYMBOL, "trade")
