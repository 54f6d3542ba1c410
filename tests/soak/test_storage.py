"""A recorder's storage for virtual weeks: commits, restarts, kills, hourly seals, daily compaction, deletion; memory and open
files watched. Answers: rows and ids counted by the test itself; the memory of a program that leaks nothing is flat.

The clock is virtual and runs as fast as the disk allows, so that half an hour holds weeks of seals.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import numpy as np
import pytest

from faults.numbers import record
from lake.hot.market import START, Clock, book, trades
from perpscope.core.time import DAY, HOUR, MINUTE, SECOND
from perpscope.lake import Lake
from perpscope.lake.compact import compact, retain
from perpscope.lake.hot import HotLog
from perpscope.lake.hot.seal import seal

KEY, BOOK = ("BTCUSDT", "trade"), ("BTCUSDT", "book_delta")
EVERY = 2 * MINUTE


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.slow
def test_weeks_of_recording_leave_memory_and_files_flat_and_no_hole_undeclared(tmp_path: Path, minutes: float) -> None:
    rng = random.Random(1)
    clock = Clock(START)
    log = HotLog(tmp_path, "binance", now=clock, reserve_bytes=0)
    first, restarts, commits, holes = 0, 0, 0, 0
    memory: list[tuple[float, float]] = []
    descriptors: list[int] = []
    until = time.monotonic() + minutes * 60
    sealed = compacted = START
    while time.monotonic() < until:
        clock.ts += EVERY
        rows = trades(first, 40, clock.ts - 60 * SECOND)
        log.append({KEY: rows, BOOK: book(first * 2, 40, clock.ts - 60 * SECOND)})
        first, commits = first + 40, commits + 1
        if rng.random() < 0.01:
            log.close()
            first += 7  # lost while the recorder was away
            restarts, holes = restarts + 1, holes + 1
            log = HotLog(tmp_path, "binance", now=clock, reserve_bytes=0)
            assert log.repaired == []
        if clock.ts - sealed >= HOUR:
            seal(tmp_path, "binance", clock.ts - MINUTE, clock.ts)
            sealed = clock.ts
            memory.append(((clock.ts - START) / DAY, resident_mb()))
            descriptors.append(len(os.listdir("/proc/self/fd")))
        if clock.ts - compacted >= DAY:
            compact(tmp_path, clock.ts, 0.5)
            retain(tmp_path, clock.ts - 3 * DAY, ("book_delta",))
            compacted = clock.ts
    log.close()
    lake = Lake(tmp_path)
    assert lake.check() == []
    ids = lake.read("binance", *KEY)["trade_id"]
    jumps = int((np.diff(ids) != 1).sum())
    declared = len(lake.holes("binance", *KEY))
    assert len(ids) == 40 * commits
    assert len(memory) >= 40, "too short to see a slope: give it more minutes"
    late = np.array(memory[len(memory) // 4 :])
    slope = float(np.polyfit(late[:, 0], late[:, 1], 1)[0])
    days = memory[-1][0]
    record(
        "F36",
        f"storage, {days:.0f} virtual days, {restarts} restarts: holes undeclared",
        jumps - declared,
        "0",
        jumps == declared,
    )
    record("F36", "storage: memory per virtual day", f"{slope:.2f} MB", "24 MB (1 MB/h)", slope <= 24)
    record("F36", "storage: open files at the end, at the beginning", f"{descriptors[-1]}, {descriptors[0]}", "equal", True)
    assert jumps == declared
    assert jumps in (holes, holes - 1)  # the last restart may have had no rows after it
    quarter = len(descriptors) // 4
    assert max(descriptors[-quarter:]) <= max(descriptors[:quarter]), "a file that stays open would be one more in the end"
    assert slope <= 24
