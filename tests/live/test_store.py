"""The store of a recorder. The answers are worked by hand, or are the events that were given to it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.virtual import VirtualClock, run
from perpscope.core.events import GapCause, GapKind
from perpscope.core.table import Table
from perpscope.lake.hot import DiskFullError, HotLog, RawFrame, read_hot
from perpscope.live.recorder_conflate import conflate
from perpscope.live.recorder_store import Store
from perpscope.live.sink import Committed
from perpscope.venues.book_sync import BookMessage

NOW = 1_700_000_000_000_000_000


class Disk:
    """A hot log in memory that is slow, full, or both."""

    def __init__(self, full_until: float = 0.0) -> None:
        self.full_until, self.appended = full_until, []
        self.refused = 0

    def append(self, tables: Mapping[tuple[str, str], Table], gaps: Mapping[str, Table], raw: Sequence[RawFrame]) -> int:
        if asyncio.get_running_loop().time() < self.full_until:
            self.refused += 1
            raise DiskFullError("no room")
        self.appended.append((dict(tables), dict(gaps), list(raw)))
        return len(self.appended)

    def seams(self, tables: Mapping[tuple[str, str], Table], gaps: Mapping[str, Table]) -> dict[str, Table]:
        return {}


def trade(n: int) -> tuple[Any, ...]:
    return (NOW + n, NOW + n + 5, n, 100.0 + n, 1.0, 1)


def recorded(disk: Disk, script: Any, **given: Any) -> tuple[Store, list[Committed]]:
    told: list[Committed] = []

    async def whole() -> Store:
        store = Store("v", disk, VirtualClock(), [told.append], **given)
        task = asyncio.create_task(store.run())
        await script(store)
        store.end()
        await task
        return store

    return run(whole()), told


def test_what_is_told_is_durable_and_everything_is_told_once_in_order() -> None:
    disk = Disk()

    async def script(store: Store) -> None:
        for n in range(1_000):
            store.take("v", "X", "trade", trade(n))
            if n % 7 == 0:
                await asyncio.sleep(0.01)

    _, told = recorded(disk, script)
    ids = [i for c in told for i in c.tables["X", "trade"]["trade_id"].tolist()]
    assert ids == list(range(1_000))
    assert [c.tables["X", "trade"]["trade_id"].tolist() for c in told] == [
        tables["X", "trade"]["trade_id"].tolist() for tables, _, _ in disk.appended
    ]
    assert len(told) > 10, "every 100 ms, not at the end"


def test_a_megabyte_is_committed_before_its_time() -> None:
    disk = Disk()

    async def script(store: Store) -> None:
        for n in range(20_000):
            store.take("v", "X", "trade", trade(n))
        await asyncio.sleep(0.001)
        assert len(disk.appended) == 1

    recorded(disk, script)


def test_a_full_disk_delays_and_loses_no_trade_while_books_become_fewer() -> None:
    disk = Disk(full_until=60.0)

    async def script(store: Store) -> None:
        for n in range(600):
            store.take("v", "X", "trade", trade(n))
            store.book("v", "X", BookMessage(NOW + n, NOW + n, n, n, n - 1, [(100.0, float(n + 1))], []))
            store.raw("v", b"x" * 100_000, NOW, "unknown")
            await asyncio.sleep(0.1)
        await asyncio.sleep(5.0)

    store, told = recorded(disk, script)
    assert disk.refused > 10
    assert [i for c in told for i in c.tables["X", "trade"]["trade_id"].tolist()] == list(range(600))
    books = [c.tables["X", "book_delta"] for c in told if ("X", "book_delta") in c.tables]
    assert books[-1]["quantity"].tolist()[-1] == 600.0, "the newest quantity of the level is there"
    assert sum(map(len, books)) < 300
    declared = [raw for _, _, raws in disk.appended for raw in raws if raw.why.startswith("conflated")]
    assert declared
    assert store.counts["books conflated"] > 300
    assert store.counts["raw frames left out"] > 400, "raw frames are the first to go"


def test_whoever_listens_cannot_stop_the_recording() -> None:
    disk = Disk()

    def broken(told: Committed) -> None:
        raise RuntimeError("a page died")

    async def whole() -> Store:
        store = Store("v", disk, VirtualClock(), [broken])
        for n in range(3):
            store.take("v", "X", "trade", trade(n))
            await store.flush()
        return store

    store = run(whole())
    assert len(disk.appended) == 3
    assert store.counts["subscribers failed"] == 3
    assert "a page died" in store.fault


def test_gaps_and_raw_frames_come_with_the_rows_of_their_commit() -> None:
    disk = Disk()

    async def script(store: Store) -> None:
        store.take("v", "X", "trade", trade(1))
        store.gap("v", "X", GapKind.TRADE, NOW - 5, NOW, GapCause.DISCONNECT, "why")
        store.raw("v", b"?", NOW, "unknown")

    _, told = recorded(disk, script)
    ((_, gaps, raws),) = disk.appended
    gap = gaps["X"]
    assert (gap["ref_ts"][0], gap["known_ts"][0], gap["end_ts"][0], gap["kind"][0], gap["cause"][0]) == (
        NOW - 5,
        NOW,
        NOW,
        1,
        2,
    )
    assert raws == [RawFrame(NOW, "unknown", b"?")]
    assert told[0].gaps["X"].same_as(gap)


def test_a_second_start_tells_the_seam_that_the_log_stores(tmp_path: Path) -> None:
    """Worked by hand: trade 7 was the last, trade 9 is the first: trade 8 is absent and declared to listeners too."""
    told: list[Committed] = []

    async def once(number: int) -> None:
        with HotLog(tmp_path, "v", now=lambda: NOW, reserve_bytes=0) as log:
            store = Store("v", log, VirtualClock(), [told.append])
            store.take("v", "X", "trade", trade(number))
            await store.flush()

    run(once(7))
    run(once(9))
    assert told[0].gaps == {}
    seam = told[1].gaps["X"]
    assert (seam["ref_ts"][0], seam["end_ts"][0]) == (NOW + 8, NOW + 9)
    assert read_hot(tmp_path, "v", "X", "gap").same_as(seam)


@pytest.mark.parametrize("with_snapshot", [False, True])
@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 8), st.sampled_from([0.0, 1.0, 2.0])), min_size=1, max_size=30),
    st.integers(1, 29),
)
def test_conflated_updates_make_the_same_book(with_snapshot: bool, changes: list[tuple[bool, int, float]], cut: int) -> None:
    messages = [
        BookMessage(
            n, n, n, n, n - 1, [(float(p), q)] if bid else [], [] if bid else [(float(p + 10), q)], with_snapshot and n == cut
        )
        for n, (bid, p, q) in enumerate(changes)
    ]
    assert book_of([conflate(messages)]) == book_of(messages)


def book_of(messages: list[BookMessage]) -> dict[float, float]:
    book: dict[float, float] = {}
    for message in messages:
        if message.snapshot:
            book = {}
        for price, quantity in (*message.bids, *message.asks):
            book[price] = quantity
    return {p: q for p, q in book.items() if q}
