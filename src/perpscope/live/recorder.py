"""The recorder: feeds of any number of venues into one lake, durable first, told to others afterwards.

    recorder = Recorder("lake", [Target("binance", ("BTCUSDT",))], ["trade"], network, clock, rng, subscribers=[...])
    await recorder.run()          # until `stop`

Each venue has its feed, its hot log and its thread for commits; venues that share a weight allowance share a budget. A start
goes on from what the hot log acknowledged: trades by id are asked for, everything else is declared. Sealing runs in a thread
of its own and may fail without harm to the recording.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perpscope.core.errors import PerpscopeError
from perpscope.core.time import NULL_TS, SECOND
from perpscope.lake.hot import HotLog
from perpscope.lake.hot.reserve import RESERVE_BYTES
from perpscope.lake.hot.seal import seal
from perpscope.live.feed import Feed, FeedOptions, Mark
from perpscope.live.feed_plan import plan
from perpscope.live.feed_selftest import SelfTest
from perpscope.live.recorder_store import Store, StoreOptions
from perpscope.live.sink import Committed
from perpscope.venues.registry import door
from perpscope.venues.transport.budget import Budget
from perpscope.venues.transport.clock import Clock
from perpscope.venues.transport.network import Network

_SEAL_BEHIND = 60 * SECOND
_LAST_COMMIT_S = 30.0
"""How long a disk may take for what was received last."""


@dataclass(frozen=True)
class Target:
    """Symbols of one venue, the most important first. `kinds` None: those of the recorder. `addresses` None: the venue's."""

    venue: str
    symbols: tuple[str, ...]
    kinds: tuple[str, ...] | None = None
    addresses: Mapping[str, str] | None = None


@dataclass
class Station:
    """One venue at work."""

    feed: Feed
    store: Store
    log: HotLog
    thread: ThreadPoolExecutor
    selftest: SelfTest
    sealed: Counter[str] = field(default_factory=Counter)


class Recorder:
    """Everything of a recording. `stations` by venue once it runs.

    Raises:
        UserError: for a venue, kind or symbol that cannot be, before anything is opened.
    """

    def __init__(
        self,
        root: str | Path,
        targets: Sequence[Target],
        kinds: Sequence[str],
        network: Network,
        clock: Clock,
        rng: random.Random,
        subscribers: Sequence[Callable[[Committed], None]] = (),
        options: FeedOptions | None = None,
        storing: StoreOptions | None = None,
        seal_every_s: float = 600.0,
        reserve_bytes: int = RESERVE_BYTES,
    ) -> None:
        self.root, self.targets, self.kinds = Path(root), list(targets), list(kinds)
        self.stations: dict[str, Station] = {}
        self._network, self._clock, self._rng = network, clock, rng
        self._subscribers, self._options, self._storing = tuple(subscribers), options, storing
        self._seal_every_s, self._reserve = seal_every_s, reserve_bytes
        self._stopping = asyncio.Event()
        for target in self.targets:
            plan(door(target.venue), target.symbols, target.kinds or self.kinds)

    def stop(self) -> None:
        """Ask for the end: sockets are closed, what is open is declared, what waits is committed."""
        self._stopping.set()

    async def run(self) -> None:
        """Record until `stop`.

        Raises:
            UserError: if another recorder has a venue, or the lake cannot be written.
        """
        budgets: dict[str, Budget] = {}
        try:
            for target in self.targets:
                self.stations[target.venue] = self._open(target, budgets)
            await self._work()
        finally:
            await self._close()

    def _open(self, target: Target, budgets: dict[str, Budget]) -> Station:
        found, clock = door(target.venue), self._clock
        log = HotLog(self.root, target.venue, now=clock.now, reserve_bytes=self._reserve)
        try:
            thread = ThreadPoolExecutor(1, thread_name_prefix=f"commit-{target.venue}")
            store = Store(target.venue, log, clock, self._subscribers, self._storing, thread)
            shared = found.limits.budget or target.venue
            budget = budgets.setdefault(shared, Budget(found.limits.weight_per_minute, clock.monotonic))
            marks = {key: Mark(ts, last_id) for key, (ts, last_id) in log.acknowledged.items() if ts != NULL_TS}
            feed = Feed(
                found, target.symbols, target.kinds or self.kinds, store, self._network, clock, self._rng,
                target.addresses, marks, budget, self._options,
            )  # fmt: skip
            store.offset_ns = lambda: feed.offset.ns
        except BaseException:
            log.close()
            raise
        return Station(feed, store, log, thread, SelfTest())

    async def _work(self) -> None:
        """All tasks until one fails or `stop` is called; feeds end first, so that what they declare is still committed."""
        stations = list(self.stations.values())
        feeds = [asyncio.create_task(s.feed.run()) for s in stations]
        stores = [asyncio.create_task(s.store.run()) for s in stations]
        others = [asyncio.create_task(s.selftest.run(s.feed)) for s in stations]
        others.append(asyncio.create_task(self._seal()))
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait([stopping, *feeds, *stores], return_when=asyncio.FIRST_COMPLETED)
        for some in (others, feeds):
            for task in some:
                task.cancel()
            await asyncio.gather(*some, return_exceptions=True)
        stopping.cancel()
        for station in stations:
            station.store.end()
        _, unfinished = await asyncio.wait(stores, timeout=_LAST_COMMIT_S)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*stores, return_exceptions=True)
        failed = [t.exception() for t in (*feeds, *stores) if t.done() and not t.cancelled()]
        for fault in failed:
            if fault is not None:
                raise fault

    async def _close(self) -> None:
        for station in self.stations.values():
            await asyncio.to_thread(station.thread.shutdown)
            station.log.close()

    async def _seal(self) -> None:
        while True:
            await asyncio.sleep(self._seal_every_s)
            for venue, station in self.stations.items():
                now = self._clock.now()
                try:
                    report = await asyncio.to_thread(seal, self.root, venue, now - _SEAL_BEHIND, now)
                    station.sealed["rows"] += report.rows
                    station.sealed["times"] += 1
                except PerpscopeError as fault:
                    station.sealed["failed"] += 1
                    station.store.fault = str(fault)

    def status(self) -> list[dict[str, Any]]:
        """One entry a venue: channels with their state and age, rows, gaps, lag, what went wrong."""
        told = []
        now = self._clock.monotonic()
        for venue, station in self.stations.items():
            feed, store = station.feed, station.store
            channels = [
                {
                    "channel": key,
                    "state": health.state.name.lower(),
                    "age_ms": round(1e3 * (now - health.heard_at)) if health.heard else None,
                    "messages": health.count,
                }
                for key, health in feed.health.items()
            ]
            channels += [{"channel": p.key, "state": p.state.name.lower(), "age_ms": None, "messages": 0} for p in feed.pollers]
            told.append(
                {
                    "venue": venue,
                    "channels": channels,
                    "streams": {f"{symbol} {stream}": q.plain() for (symbol, stream), q in store.quality.items()},
                    "offset_ms": feed.offset.ns / 1e6 if feed.offset.known else None,
                    "counts": {**feed.counts, **store.counts, **{f"sealed {k}": n for k, n in station.sealed.items()}},
                    "rest": dict(feed.rest.counts),
                    "weight_peak": feed.rest.budget.peak,
                    "selftest": station.selftest.plain(),
                    "fault": store.fault,
                }
            )
        return told
