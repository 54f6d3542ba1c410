"""The sink that stores: events of one venue are collected, committed every 100 ms or 1 MB, and only then passed on.

A commit runs in a thread of its own, so that a slow disk never stops a socket; meanwhile what comes in waits in memory. What
waits is bounded: trades and forced orders are never dropped; book updates are conflated per symbol beyond `conflate_bytes` or
`conflate_s`, which is counted and kept as a raw frame that says the range; raw frames are the first to go.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from perpscope.core.events import BOOK_DELTA, GAP, GapCause, GapKind, stream_schema
from perpscope.core.table import Table
from perpscope.core.time import format_ts
from perpscope.lake.hot import DiskFullError, RawFrame
from perpscope.live.recorder_conflate import conflate, levels_of
from perpscope.live.recorder_quality import Quality
from perpscope.live.sink import ChannelState, Committed
from perpscope.venues.book_sync import BookMessage, book_table
from perpscope.venues.door import Values
from perpscope.venues.transport.clock import Clock

_ROW_BYTES, _LEVEL_BYTES = 64, 48
_BOOK = BOOK_DELTA.name


class Log(Protocol):
    """What is asked of a hot log (`lake.hot.HotLog`)."""

    def append(
        self,
        tables: Mapping[tuple[str, str], Table],
        gaps: Mapping[str, Table],
        raw: Sequence[RawFrame],
    ) -> int: ...

    def seams(self, tables: Mapping[tuple[str, str], Table], gaps: Mapping[str, Table]) -> dict[str, Table]: ...


@dataclass(frozen=True)
class StoreOptions:
    """`commit_s` and `commit_bytes`: when a commit is due. `conflate_bytes`, `conflate_s`: when waiting book updates are
    merged. `raw_bytes`: how many bytes of raw frames may wait. `retry_s`: the pause after a full disk."""

    commit_s: float = 0.1
    commit_bytes: int = 1 << 20
    conflate_bytes: int = 64 << 20
    conflate_s: float = 5.0
    raw_bytes: int = 8 << 20
    retry_s: float = 1.0


@dataclass
class _Waiting:
    rows: dict[tuple[str, str], list[Values]] = field(default_factory=dict)
    books: dict[str, list[BookMessage]] = field(default_factory=dict)
    gaps: dict[str, list[tuple[int, int, int, int, int]]] = field(default_factory=dict)
    raws: list[RawFrame] = field(default_factory=list)


@dataclass(frozen=True)
class _Built:
    tables: dict[tuple[str, str], Table]
    gaps: dict[str, Table]
    raws: list[RawFrame]


class Store:
    """The `Sink` of one venue. `quality` by (symbol, stream); `states` by channel; `counts`: commits, disk full, raw frames
    left out, books conflated, subscribers failed. `offset_ns` is the venue's clock minus ours, for the lag."""

    def __init__(
        self,
        venue: str,
        log: Log,
        clock: Clock,
        subscribers: Sequence[Callable[[Committed], None]] = (),
        options: StoreOptions | None = None,
        executor: ThreadPoolExecutor | None = None,
    ) -> None:
        self.venue, self.options = venue, options or StoreOptions()
        self.quality: dict[tuple[str, str], Quality] = {}
        self.states: dict[str, ChannelState] = {}
        self.counts: Counter[str] = Counter()
        self.offset_ns: Callable[[], int] = lambda: 0
        self.fault = ""
        self._log, self._clock, self._subscribers, self._executor = log, clock, tuple(subscribers), executor
        self._waiting = _Waiting()
        self._bytes = self._book_bytes = self._raw_bytes = 0
        self._since = 0.0
        self._due = asyncio.Event()
        self._ending = False

    # ------------------------------------------------------------------ the sink

    def take(self, venue: str, symbol: str, stream: str, values: Values) -> None:
        key = (symbol, stream)
        found = self._waiting.rows.get(key)
        if found is None:
            found = self._waiting.rows[key] = []
        found.append(values)
        self._bytes += _ROW_BYTES
        if self._bytes >= self.options.commit_bytes:
            self._due.set()

    def book(self, venue: str, symbol: str, message: BookMessage) -> None:
        self._waiting.books.setdefault(symbol, []).append(message)
        size = _LEVEL_BYTES * (len(message.bids) + len(message.asks) + 1)
        self._bytes += size
        self._book_bytes += size
        if self._bytes >= self.options.commit_bytes:
            self._due.set()
        if self._book_bytes >= self.options.conflate_bytes:
            self._conflate()

    def gap(self, venue: str, symbol: str, kind: GapKind, start_ts: int, end_ts: int, cause: GapCause, note: str) -> None:
        self._waiting.gaps.setdefault(symbol, []).append((start_ts, end_ts, end_ts, int(kind), int(cause)))
        self.counts[f"gaps of {kind.name.lower()}"] += 1

    def raw(self, venue: str, payload: bytes, receive_ts: int, why: str) -> None:
        if self._raw_bytes + len(payload) > self.options.raw_bytes:
            self.counts["raw frames left out"] += 1
            return
        self._raw_bytes += len(payload)
        self._waiting.raws.append(RawFrame(receive_ts, why, payload))

    def state(self, venue: str, channel: str, state: ChannelState) -> None:
        self.states[channel] = state

    # ------------------------------------------------------------------ commits

    async def run(self) -> None:
        """Commit when due, until `end` and all that then waits is committed.

        Raises:
            UserError: if the hot log cannot be written any more, or another recorder has taken over.
        """
        while not self._ending:
            try:
                async with asyncio.timeout(self.options.commit_s):
                    await self._due.wait()
            except TimeoutError:
                pass
            await self.flush()
        await self.flush()

    def end(self) -> None:
        """Nothing more will come."""
        self._ending = True
        self._due.set()

    async def flush(self) -> None:
        """Make durable what waits. While the disk is full it waits, and what comes meanwhile waits behind it."""
        self._due.clear()
        waiting, self._waiting = self._waiting, _Waiting()
        self._bytes = self._book_bytes = self._raw_bytes = 0
        self._since = self._clock.monotonic()
        if not (waiting.rows or waiting.books or waiting.gaps or waiting.raws):
            return
        built: _Built | None = None
        while True:
            try:
                if built is None:
                    built = await self._aside(_build, waiting)
                built = await self._aside(self._write, built)
                break
            except DiskFullError as full:
                self.counts["disk full"] += 1
                self.fault = str(full)
                await asyncio.sleep(self.options.retry_s)
                self._conflate_if_old()
        self.fault = ""
        self._pass_on(built)

    async def _aside(self, work: Callable[[Any], _Built], given: Any) -> _Built:
        """In the store's own thread; at once where it has none (virtual time)."""
        if self._executor is None:
            return work(given)
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, given)

    def _write(self, built: _Built) -> _Built:
        seams = self._log.seams(built.tables, built.gaps)
        gaps = dict(built.gaps)
        for symbol, seam in seams.items():
            gaps[symbol] = Table.concat([seam, gaps[symbol]]).sorted() if symbol in gaps else seam
        self._log.append(built.tables, gaps, built.raws)
        return replace(built, gaps=gaps)

    def _pass_on(self, built: _Built) -> None:
        durable_ts = self._clock.now()
        self.counts["commits"] += 1
        offset = self.offset_ns()
        tables = {}
        for key, table in built.tables.items():
            quality = self.quality.get(key)
            if quality is None:
                quality = self.quality[key] = Quality()
            quality.rows += len(table)
            if "receive_ts" in table.schema.by_name:
                received = table["receive_ts"]
                quality.lag.add(received + offset - table.clock)
                quality.durable.add(durable_ts - received)
            tables[key] = table.sorted()
        told = Committed(self.venue, tables, built.gaps, durable_ts)
        for subscriber in self._subscribers:
            try:
                subscriber(told)
            except Exception as fault:  # whoever listens must not be able to stop the recording
                self.counts["subscribers failed"] += 1
                self.fault = f"a subscriber failed: {fault!r}"

    # ------------------------------------------------------------------ too much

    def _conflate_if_old(self) -> None:
        if self._clock.monotonic() - self._since > self.options.conflate_s:
            self._conflate()

    def _conflate(self) -> None:
        """Merge the waiting updates of every book. Where that gains little the bound is passed: levels are what they are."""
        for symbol, messages in self._waiting.books.items():
            if len(messages) < 2:
                continue
            one = conflate(messages)
            self.counts["books conflated"] += len(messages) - 1
            span = f"{format_ts(messages[0].exchange_ts)} .. {format_ts(one.exchange_ts)}"
            why = f"conflated: {len(messages)} book updates of {symbol}, {span}"
            self._waiting.raws.append(RawFrame(one.receive_ts, why, b""))
            messages[:] = [one]
        self._book_bytes = _LEVEL_BYTES * sum(levels_of(m) for m in self._waiting.books.values())
        self._since = self._clock.monotonic()


def _build(waiting: _Waiting) -> _Built:
    tables = {(symbol, stream): _table(stream, rows) for (symbol, stream), rows in waiting.rows.items()}
    for symbol, messages in waiting.books.items():
        table = book_table(messages)
        if len(table):
            tables[symbol, _BOOK] = table
    gaps = {symbol: _gap_table(rows) for symbol, rows in waiting.gaps.items()}
    return _Built(tables, gaps, waiting.raws)


def _table(stream: str, rows: list[Values]) -> Table:
    schema = stream_schema(stream)
    columns = dict(zip(schema.names, zip(*rows, strict=True), strict=True))
    return Table.of(schema, **columns)


def _gap_table(rows: list[tuple[int, int, int, int, int]]) -> Table:
    """Rows (ref_ts, known_ts, end_ts, kind, cause) by when they were known."""
    columns = np.array(sorted(rows, key=lambda r: r[1]), np.int64).T
    return Table.of(GAP, **dict(zip(GAP.names, columns, strict=True)))
