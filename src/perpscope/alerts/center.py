"""Steps in, alerts out: what the live loop holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from perpscope.alerts.alert import Alert
from perpscope.alerts.config import AlertConfig
from perpscope.alerts.rule import Context
from perpscope.alerts.sinks.base import Ending, Outcome, Sink
from perpscope.alerts.store import AlertStore
from perpscope.alerts.watch import Watch
from perpscope.core.errors import UserError
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import parse_span
from perpscope.engine.graph import Step

_STATES = {Ending.DELIVERED: "delivered", Ending.FAILED: "failed", Ending.UNKNOWN: "unknown", Ending.RETRY: "failed"}


class AlertCenter:
    """Runs the rules, keeps every alert in `alerts.db` below `folder`, and delivers each to each of its sinks at most once.

    `step` is called by the loop: synchronous, some microseconds where nothing happens, one small transaction where something
    does. `deliver` runs beside it as a task: one queue a sink, so that a slow one holds up nobody. `now` gives the time in ns.
    `sinks` replaces those of the file; `loopback` lets webhooks call this machine and nothing else, for tests.

    Raises:
        UserError: if a sink's address is not allowed.
    """

    def __init__(
        self, config: AlertConfig, folder: Path, now: Callable[[], int], sinks: Mapping[str, Sink] | None = None,
        loopback: bool = False,
    ) -> None:  # fmt: skip
        self.config, self._now = config, now
        used = {name for watching in config.rules for name in watching.sinks}
        self.sinks = dict(sinks) if sinks is not None else build_sinks(config, used, loopback)
        self.watch = Watch(config)
        self.store = AlertStore(folder, config.settings.queue_bytes)
        self.unknown_at_start = self.store.recover(now())
        self._max_age = parse_span(config.settings.max_age)
        self._wake = {name: asyncio.Event() for name in self.sinks}
        self._loop: asyncio.AbstractEventLoop | None = None

    def step(self, instrument: Instrument, step: Step, context: Context | None = None) -> list[Alert]:
        """The alerts of one step that were not known before; those known for longer than `max_age` are kept and not told."""
        now = self._now()
        return self._take(self.watch.step(instrument, step, context or Context(now)), now)

    def catch_up(self, instrument: Instrument, rows: Mapping[str, Table], watermark_ts: int) -> list[Alert]:
        """The past of a graph that is being opened, so that rules know what lives (clusters, what is armed). What is older than
        `max_age` is no news and leaves no trace; what is younger and was not known, because the process was down, is told."""
        now = self._now()
        found = self.watch.step(instrument, Step(0, watermark_ts, rows), Context(now))
        return self._take([alert for alert in found if now - alert.ts <= self._max_age], now)

    def _take(self, found: list[Alert], now: int) -> list[Alert]:
        """Keep what is new, queue it where it is not late, wake the sinks."""
        fresh: list[Alert] = []
        for alert in found:
            late = now - alert.ts > self._max_age
            if self.store.add(alert, dict.fromkeys(alert.sinks, "late" if late else "queued"), now) and not late:
                fresh.append(alert)
        if fresh:
            self._wake_all({sink for alert in fresh for sink in alert.sinks})
        return fresh

    def tell(self, alert: Alert) -> None:
        """An alert from elsewhere (a latch, a test) through the same queues."""
        if self.store.add(alert, dict.fromkeys(alert.sinks, "queued"), self._now()):
            self._wake_all(set(alert.sinks))

    async def deliver(self) -> None:
        """Deliver until cancelled. What is being sent then is `unknown` at the next start."""
        self._loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            for name in self.sinks:
                group.create_task(self._serve(name))

    async def drain(self) -> None:
        """Deliver what is queued now, with its repetitions, and return."""
        self._loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            for name in self.sinks:
                group.create_task(self._serve(name, until_empty=True))

    async def _serve(self, name: str, until_empty: bool = False) -> None:
        wake, resting = self._wake[name], dict[str, float]()
        loop = asyncio.get_running_loop()
        while True:
            wake.clear()
            resting = {ident: at for ident, at in resting.items() if at > loop.time()}
            alert = self.store.queued(name, tuple(resting))
            if alert is not None:
                pause = await self._attempt(name, alert)
                if pause is not None:
                    resting[alert.id] = loop.time() + pause
                continue
            if not resting and until_empty:
                return
            pause = min(resting.values()) - loop.time() if resting else None
            try:
                await asyncio.wait_for(wake.wait(), pause)
            except TimeoutError:
                continue

    async def _attempt(self, name: str, alert: Alert) -> float | None:
        """One attempt; how many seconds to let it rest if it is to be tried again."""
        attempt = self.store.begin(alert.id, name, self._now())
        try:
            outcome = await self.sinks[name].send(alert)
        except Exception as fault:  # a sink's own mistake must not end the loop; what it says may hold an address
            outcome = Outcome(Ending.UNKNOWN, f"the sink failed with a {type(fault).__name__}")
        settings = self.config.settings
        again = outcome.ending is Ending.RETRY and attempt < settings.attempts
        state = "queued" if again else _STATES[outcome.ending]
        self.store.finish(alert.id, name, state, outcome.note, self._now())
        return settings.backoff_s * 2.0 ** (attempt - 1) if again else None

    def _wake_all(self, names: set[str]) -> None:
        """Also from another thread than the one that delivers."""
        for name in names & self._wake.keys():
            if self._loop is None:
                self._wake[name].set()
            elif not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._wake[name].set)

    def freeze(self) -> bytes:
        """What the rules remember, for a warm start."""
        return self.watch.freeze()

    def thaw(self, data: bytes) -> None:
        """Take it over.

        Raises:
            DataError: if the bytes are damaged.
        """
        self.watch.thaw(data)

    def close(self) -> None:
        self.store.close()


def build_sinks(config: AlertConfig, names: set[str], loopback: bool = False) -> dict[str, Sink]:
    """The sinks of a file by name.

    Raises:
        UserError: if an address is not allowed; the sentence names the sink.
    """
    made: dict[str, Sink] = {}
    for name in sorted(names):
        try:
            made[name] = config.sinks[name].build(loopback)
        except UserError as mistake:
            raise UserError(f"[sink.{name}] {mistake}") from None
    return made
