"""F16 to F19: disks that fill up, lose power, flip bits, stall. Answers: the rows that were acknowledged, the lake before and
after a change that nobody disturbed, and for flips the question whether anything differs that nobody reported."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faults.numbers import record
from faults.storage.powers import lay_out, noting, snapshot, states
from faults.storage.run import program
from lake.hot.market import START, Clock, trades
from lake.hot.test_seal import SYMBOL, recorded, same, seen
from perpscope.core.errors import DataError, UserError
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR, SECOND
from perpscope.core.units import ContractKind
from perpscope.lake import Lake, store
from perpscope.lake.hot import HotLog, read_hot
from perpscope.lake.hot.day import days
from perpscope.lake.hot.faults import faults
from perpscope.lake.hot.seal import seal
from perpscope.lake.repair import repair

KEY = (SYMBOL, "trade")
NOW = START + 3 * DAY
INSTRUMENT = Instrument("binance", SYMBOL, ContractKind.LINEAR, "BTC", "USDT", 0.1, 0.001)


# F17 --------------------------------------------------------------------------------------------------------------------


class _Full:
    """Lets a call through until its turn, then the disk is full for good."""

    def __init__(self, call: Any, at: int) -> None:
        self.call, self.left = call, at

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.call(*args, **kwargs)


def full_at(lake: Path, work: Path, call: str) -> Iterator[Path]:
    """A seal for every n whose n-th `call` finds the disk full."""
    for number in range(0, 200, 2):
        root = work / str(number)
        shutil.copytree(lake, root)
        with pytest.MonkeyPatch.context() as patch:
            full = _Full(getattr(os, call), number)
            patch.setattr(os, call, full)
            told = ""
            try:
                seal(root, "binance", NOW, START)
            except UserError as error:
                told = str(error)
        if full.left >= 0:
            return
        assert "full" in told
        yield root


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_fills_up_while_sealing_leaves_the_lake_as_it_was(tmp_path: Path, call: str) -> None:
    lake = tmp_path / "lake"
    recorded(lake, 1)
    before = seen(lake)
    tried = 0
    for root in full_at(lake, tmp_path, call):
        tried += 1
        assert not list(root.rglob(".tmp-*"))
        assert same(seen(root), before)
        seal(root, "binance", NOW, START)
        assert same(seen(root), before)
        assert Lake(root).check() == []
    assert tried >= 4


@pytest.mark.slow
def test_a_recorder_on_a_full_disk_keeps_what_it_acknowledged_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    told = json.loads(program("full", disk, 24, within=["unshare", "--mount", "--map-root-user"]))
    assert told["held"] == 2 << 20
    assert told["safe"]
    assert told["full"]
    assert told["unchanged"]
    assert "full" in told["refused"]
    assert told["resumed"]
    assert told["sealed"]
    assert told["faults"] == []
    assert told["temporary"] == 0
    assert told["left_out"] > 0
    shown = f"0 of {told['commits']} commits"
    record("F17", "commits lost or damaged on a memory disk of 24 MB that filled up", shown, "0", True)
    record("F17", "from the failed write to the alarm", f"{told['alarm_ms']:.1f} ms", "1 s", told["alarm_ms"] < 1000)


# F18 --------------------------------------------------------------------------------------------------------------------


def bits(lake: Path, rng: random.Random, count: int) -> Iterator[tuple[str, Path, int]]:
    """Random bits, `count` in each class of file; in bytes that are not zero, because pages are mostly empty here."""
    classes = {
        "day file": sorted(lake.rglob("*.db")),
        "write-ahead log": sorted(lake.rglob("*.db-wal")),
        "sealed file": sorted(lake.rglob("*.parquet")),
        "catalogue": [lake / "catalogue.json"],
        "token": sorted(lake.rglob("token")),
        "witness": sorted(lake.rglob("acknowledged")),
    }
    for name, paths in classes.items():
        for _ in range(count):
            path = rng.choice(paths)
            used = np.flatnonzero(np.frombuffer(path.read_bytes(), np.uint8))
            yield name, path, 8 * int(used[rng.randrange(len(used))]) + rng.randrange(8)


def unclean(lake: Path, work: Path) -> Path:
    """A lake as a killed recorder leaves it: sealed files, a day file, and a write-ahead log with the newest commits."""
    clock = recorded(lake, 1)
    seal(lake, "binance", START + 700 * SECOND, START)
    with HotLog(lake, "binance", now=clock, reserve_bytes=0) as log:
        for number in range(6):
            clock.ts = START + HOUR + (number + 1) * SECOND
            log.append({KEY: trades(5000 + 10 * number, 10, START + HOUR + number * SECOND)})
        shutil.copytree(lake, work)
    return work


def noticed(root: Path, before: dict[str, Table]) -> tuple[bool, bool]:
    """Whether the damage is reported, and whether anything that readers see differs."""
    try:
        reported = bool(Lake(root).check() or faults(root, "binance", 0, True))
    except DataError:
        return True, True
    try:
        return reported, not same(seen(root), before)
    except (DataError, UserError):
        return True, True


def covered(root: Path, before: dict[str, Table]) -> bool:
    """After a repair: every row is there, or lies in a declared gap (trades and book updates)."""
    after = seen(root)
    lake = Lake(root)
    for stream in ("trade", "book_delta"):
        holes = [(h.start, h.end) for h in lake.holes("binance", SYMBOL, stream)]
        clock = before[stream].clock
        inside = np.zeros(len(clock), bool)
        for a, b in holes:
            inside |= (clock >= a) & (clock < b)
        left = after[stream]
        if not np.isin(clock[~inside], left.clock).all() or len(left) + int(inside.sum()) < len(clock):
            return False
    return True


def flipped(tmp_path: Path, count: int, seed: int) -> dict[str, dict[str, int]]:
    base = unclean(tmp_path / "lake", tmp_path / "base")
    before = seen(base)
    result: dict[str, dict[str, int]] = {}
    for number, (name, path, bit) in enumerate(bits(base, random.Random(seed), count)):
        root = tmp_path / str(number)
        shutil.copytree(base, root)
        target = root / path.relative_to(base)
        content = bytearray(target.read_bytes())
        content[bit // 8] ^= 1 << bit % 8
        target.write_bytes(bytes(content))
        reported, differs = noticed(root, before)
        told = result.setdefault(name, {"flips": 0, "reported": 0, "without effect": 0, "unnoticed": 0, "not mended": 0})
        told["flips"] += 1
        told["reported"] += reported
        told["without effect"] += not reported and not differs
        told["unnoticed"] += differs and not reported
        repair(root, lambda: NOW)
        told["not mended"] += not covered(root, before) or bool(Lake(root).check())
        shutil.rmtree(root)
    return result


def test_a_flipped_bit_changes_nothing_unnoticed(tmp_path: Path) -> None:
    for name, told in flipped(tmp_path, 1, 11).items():
        assert told["unnoticed"] == told["not mended"] == 0, (name, told)


@pytest.mark.slow
def test_flipped_bits_change_nothing_unnoticed(tmp_path: Path) -> None:
    result = flipped(tmp_path, 40, 12)
    for name, told in result.items():
        shown = f"{told['unnoticed']} ({told['reported']} reported, {told['without effect']} without effect)"
        record("F18", f"{told['flips']} flipped bits in a {name}: changes unnoticed", shown, "0", told["unnoticed"] == 0)
        record("F18", f"{told['flips']} flipped bits in a {name}: rows neither there nor in a gap after repair",
               told["not mended"], "0", told["not mended"] == 0)  # fmt: skip
    assert all(told["unnoticed"] == told["not mended"] == 0 for told in result.values()), result


# F16 --------------------------------------------------------------------------------------------------------------------


def powerless(tmp_path: Path, hours: int) -> tuple[int, int, int]:
    """Power lost during a seal. Returns: states, states with a wrong answer, states a repair could not mend."""
    lake = tmp_path / "lake"
    recorded(lake, hours)
    seal(lake, "binance", START + 700 * SECOND, START)
    start = snapshot(lake)
    before = seen(lake)
    with pytest.MonkeyPatch.context() as patch:
        tape = noting(patch, lake)
        patch.setattr("perpscope.lake.hot.seal.mark", lambda root, venue: None)  # SQLite's part comes after
        seal(lake, "binance", NOW, START)
    count = wrong = unmended = 0
    for state in states(tape, start):
        count += 1
        root = tmp_path / "state"
        lay_out(state, root)
        with suppress(DataError):  # refused is not accepted: the repair must mend it
            wrong += not same(seen(root), before)
        repair(root, lambda: NOW)
        unmended += not same(seen(root), before) or bool(Lake(root).check())
    return count, wrong, unmended


def test_power_lost_while_sealing_leaves_the_old_lake_or_the_new_one(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    old = trades(1, 50, START)
    store(Lake(lake), INSTRUMENT, {"trade": old}, "archive")
    start = snapshot(lake)
    with pytest.MonkeyPatch.context() as patch:
        tape = noting(patch, lake)
        store(Lake(lake), INSTRUMENT, {"trade": trades(1, 90, START)}, "archive")
    answers = set()
    for state in states(tape, start):
        lay_out(state, tmp_path / "state")
        answers.add(len(Lake(tmp_path / "state").read("binance", *KEY)))
    assert answers == {50, 90}


@pytest.mark.slow
def test_every_legal_state_after_a_power_loss_is_the_old_lake_or_the_new_one(tmp_path: Path) -> None:
    count, wrong, unmended = powerless(tmp_path, 1)
    assert count >= 50
    record("F16", f"wrong answers in {count} legal states of the disk after a power loss in sealing", wrong, "0", wrong == 0)
    record("F16", "states a repair could not mend", unmended, "0", unmended == 0)
    assert wrong == unmended == 0


# F19 --------------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_disk_that_stalls_for_two_seconds_delays_a_commit_and_loses_nothing(tmp_path: Path) -> None:
    with HotLog(tmp_path, "binance", now=Clock(START), reserve_bytes=0) as log:
        log.append({KEY: trades(1, 10, START)})
        stall = sqlite3.connect(days(tmp_path, "binance")[0], isolation_level=None, check_same_thread=False)
        stall.execute("BEGIN IMMEDIATE")
        release = threading.Timer(2.0, stall.rollback)
        release.start()
        began = time.perf_counter()
        log.append({KEY: trades(11, 10, START + SECOND)})
        took = time.perf_counter() - began
        release.join()
        stall.close()
    lost = 20 - len(read_hot(tmp_path, "binance", *KEY))
    record("F19", "rows lost while the log could not be written for 2 s", lost, "0", lost == 0)
    record("F19", "the commit in the stall took", f"{took:.2f} s", "-", True)
    assert lost == 0
