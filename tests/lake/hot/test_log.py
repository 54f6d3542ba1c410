"""Answers by hand: what was appended is read back; who may write, and what is late, is counted on paper."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lake.hot.market import START, Clock, book, gap, trades
from perpscope.core.errors import UserError
from perpscope.core.events import GapCause, GapKind
from perpscope.core.table import Table
from perpscope.core.time import DAY, SECOND
from perpscope.lake import Lake
from perpscope.lake.hot import DiskFullError, DiskState, FencedOffError, HotLog, RawFrame, read_hot
from perpscope.lake.hot.day import DayReader, days

TRADES = ("BTCUSDT", "trade")


def opened(root: Path, clock: Clock, free: Callable[[Path], float] = lambda _: 0.5) -> HotLog:
    return HotLog(root, "binance", now=clock, reserve_bytes=0, free=free)


def test_what_was_appended_is_read_back_in_the_order_of_arrival(tmp_path: Path) -> None:
    clock = Clock(START)
    first, second, early = trades(1, 50, START), trades(51, 50, START + SECOND), trades(7000, 3, START - SECOND)
    with opened(tmp_path, clock) as log:
        assert log.append({TRADES: first, ("BTCUSDT", "book_delta"): book(0, 10, START)}) == 1
        assert log.append({}) == 1
        assert log.append({TRADES: second}) == 2
        assert log.append({TRADES: early}) == 3
        assert log.counts["late rows"] == 3
    assert read_hot(tmp_path, "binance", *TRADES).same_as(Table.concat([first, second, early]))
    some = read_hot(tmp_path, "binance", *TRADES, START, START + SECOND)
    assert some.same_as(Table.concat([first, second])[1:51])
    assert len(read_hot(tmp_path, "bybit", *TRADES)) == 0


def test_late_rows_are_flagged_in_their_batch(tmp_path: Path) -> None:
    with opened(tmp_path, Clock(START)) as log:
        log.append({TRADES: trades(1, 10, START)})
        log.append({TRADES: Table.concat([trades(11, 1, START + SECOND), trades(12, 2, START - SECOND)])})
    from perpscope.lake.hot import body

    with DayReader(days(tmp_path, "binance")[0]) as reader:
        stored = [(b.late, body.late_rows(b.body)) for b, _ in reader.batches(None, 0, 99)]
    assert stored == [(0, []), (2, [1, 2])]


def test_a_second_recorder_of_a_venue_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with (
        opened(tmp_path, Clock(START)),
        HotLog(tmp_path, "bybit", now=Clock(START), reserve_bytes=0),
        pytest.raises(UserError, match=r"Another recorder .* is writing binance"),
    ):
        opened(tmp_path, Clock(START))
    opened(tmp_path, Clock(START)).close()


def test_a_second_process_is_refused_too(tmp_path: Path) -> None:
    code = (
        "import sys; from perpscope.lake.hot import HotLog\n"
        "try: HotLog(sys.argv[1], 'binance', now=lambda: 1)\n"
        "except Exception as error: print(type(error).__name__)"
    )
    with opened(tmp_path, Clock(START)):
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "UserError"


def test_a_resumed_zombie_fails_its_next_commit_and_writes_nothing(tmp_path: Path) -> None:
    zombie = opened(tmp_path, Clock(START))
    zombie.append({TRADES: trades(1, 10, START)})
    (tmp_path / "hot" / "binance" / "recorder.lock").unlink()  # the lock is lost, as on a network drive
    with opened(tmp_path, Clock(START + SECOND)) as heir:
        heir.append({TRADES: trades(11, 10, START + SECOND)})
        with pytest.raises(FencedOffError, match="taken over"):
            zombie.append({TRADES: trades(11, 10, START + SECOND)})
        heir.append({TRADES: trades(21, 10, START + 2 * SECOND)})
    assert read_hot(tmp_path, "binance", *TRADES)["trade_id"].tolist() == list(range(1, 31))


def test_a_zombie_that_reaches_midnight_is_fenced_off_from_the_new_day(tmp_path: Path) -> None:
    clock = Clock(START)
    zombie = opened(tmp_path, clock)
    zombie.append({TRADES: trades(1, 10, START)})
    (tmp_path / "hot" / "binance" / "recorder.lock").unlink()
    with opened(tmp_path, Clock(START + SECOND)):
        clock.ts = START + DAY
        with pytest.raises(FencedOffError):
            zombie.append({TRADES: trades(11, 10, START + DAY)})


def test_days_have_files_of_their_own_and_a_clock_that_steps_back_stays_in_the_newer(tmp_path: Path) -> None:
    clock = Clock(START)
    with opened(tmp_path, clock) as log:
        for number, at in enumerate((START, START + DAY, START)):
            clock.ts = at
            log.append({TRADES: trades(1 + 10 * number, 10, START + number * SECOND)})
    assert [p.name for p in days(tmp_path, "binance")] == ["2024-08-05.db", "2024-08-06.db"]
    assert read_hot(tmp_path, "binance", *TRADES)["trade_id"].tolist() == list(range(1, 31))
    with opened(tmp_path, clock) as log:
        assert log.seq == 3


def test_a_restart_declares_the_seam_unless_ids_prove_there_is_none(tmp_path: Path) -> None:
    with opened(tmp_path, Clock(START)) as log:
        log.append({TRADES: trades(1, 10, START), ("BTCUSDT", "book_delta"): book(0, 4, START)})
        assert log.counts["seams"] == 0
    last = START + 9 * 20_000_000
    with opened(tmp_path, Clock(START + 60 * SECOND)) as log:
        fresh = {TRADES: trades(11, 10, START + 60 * SECOND), ("BTCUSDT", "book_delta"): book(4, 4, START + 60 * SECOND)}
        seams = log.seams(fresh)
        assert [(r["kind"], r["cause"]) for r in seams["BTCUSDT"].rows()] == [("book_delta", "disconnect")]
        log.append(fresh)
    with opened(tmp_path, Clock(START + 120 * SECOND)) as log:
        log.append({TRADES: trades(31, 10, START + 120 * SECOND)})  # 21 to 30 are absent
        assert log.counts["seams"] == 1
        log.append({TRADES: trades(51, 10, START + 180 * SECOND)})  # not after a start: the feed's own business
        assert log.counts["seams"] == 1
    gaps = read_hot(tmp_path, "binance", "BTCUSDT", "gap")
    assert gaps["kind"].tolist() == [GapKind.BOOK_DELTA, GapKind.TRADE]
    assert gaps["ref_ts"].tolist() == [START + 100_000_000 + 1, START + 60 * SECOND + 9 * 20_000_000 + 1]
    assert gaps["end_ts"].tolist() == [START + 60 * SECOND, START + 120 * SECOND]
    assert last < gaps["ref_ts"][1]


def test_a_seam_that_the_recorder_declares_itself_is_not_declared_twice(tmp_path: Path) -> None:
    with opened(tmp_path, Clock(START)) as log:
        log.append({TRADES: trades(1, 10, START)})
    said = gap(START + SECOND, START + 50 * SECOND, cause=GapCause.STALE)
    with opened(tmp_path, Clock(START)) as log:
        log.append({TRADES: trades(90, 10, START + 60 * SECOND)}, {"BTCUSDT": said})
    assert read_hot(tmp_path, "binance", "BTCUSDT", "gap").same_as(said)


def test_raw_frames_are_kept_and_left_out_when_the_disk_is_low(tmp_path: Path) -> None:
    free = {"share": 0.5}
    clock = Clock(START)
    with opened(tmp_path, clock, free=lambda _: free["share"]) as log:
        log.append({}, {}, [RawFrame(START, "unknown", b'{"e":"new"}')])
        free["share"], clock.ts = 0.08, START + 2 * SECOND
        log.append({TRADES: trades(1, 3, START)}, {}, [RawFrame(START, "unknown", b"2")])
        assert (log.disk, log.counts["raw left out"]) == (DiskState.LOW, 1)
        free["share"], clock.ts = 0.04, START + 4 * SECOND
        log.append({TRADES: trades(4, 3, START + SECOND)})
        assert log.disk is DiskState.CRITICAL
    with DayReader(days(tmp_path, "binance")[0]) as reader:
        assert [(frame.why, frame.payload, sound) for _, frame, sound in reader.raws()] == [("unknown", b'{"e":"new"}', True)]


def test_a_lake_shows_unsealed_rows_of_an_instrument_it_has_never_sealed(tmp_path: Path) -> None:
    with opened(tmp_path, Clock(START)) as log:
        log.append({TRADES: trades(1, 10, START)}, {"BTCUSDT": gap(START + SECOND, START + 2 * SECOND)})
    lake = Lake(tmp_path)
    assert [(i.venue, i.symbol) for i in lake.instruments()] == [("binance", "BTCUSDT")]
    assert lake.streams("binance", "BTCUSDT") == ["trade"]
    assert lake.span("binance", "BTCUSDT", "trade") == (START, START + 9 * 20_000_000)
    assert np.array_equal(lake.read("binance", "BTCUSDT", "trade")["trade_id"], np.arange(1, 11))


@pytest.mark.parametrize("venue", ["../up", "", "Binance"])
def test_a_venue_that_is_no_plain_word_is_refused(tmp_path: Path, venue: str) -> None:
    with pytest.raises(UserError):
        HotLog(tmp_path, venue, now=Clock(START))


def test_a_full_disk_is_an_error_that_can_be_tried_again(tmp_path: Path) -> None:
    with opened(tmp_path, Clock(START)) as log:
        log.append({TRADES: trades(1, 10, START)})
        assert log._day is not None
        pages = log._day._db.execute("PRAGMA page_count").fetchone()[0]
        log._day._db.execute(f"PRAGMA max_page_count={pages}")
        big = trades(11, 20_000, START + SECOND, 1_234_567)
        big = big.with_columns(quantity=np.random.default_rng(1).random(20_000))
        with pytest.raises(DiskFullError, match="full"):
            log.append({TRADES: big})
        assert log.disk is DiskState.FULL
        log._day._db.execute("PRAGMA max_page_count=100000")
        assert log.append({TRADES: big}) == 2
        assert log.disk is DiskState.OK
    assert len(read_hot(tmp_path, "binance", *TRADES)) == 20_010
