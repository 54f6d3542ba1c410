"""A link keeps channels of one route alive over as many sockets as it takes.

One socket after another: connect, subscribe within the venue's pace, ping, and when it breaks or falls silent wait (with
jitter) and begin again. Before the venue would cut a socket for its age a second one is opened beside it; only when every
channel has been heard on the second is the first one dropped, so that nothing is lost in between.

A `Line` is one socket's life. What arrives on a line that is not `primary` arrives twice, and the listener must say so.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from perpscope.venues.door import Channel, Door
from perpscope.venues.transport.backoff import backoff
from perpscope.venues.transport.budget import TokenBucket
from perpscope.venues.transport.clock import Clock
from perpscope.venues.transport.network import Connection, Network, NetworkError

TICK_S = 0.25
_STEADY_S = 10.0
_OLD_SHARE = 0.97
_LONGEST_OVERLAP_S = 30.0
_LEAST_SILENCE_S = 3.0
_MUTE_S = 1.0
_numbers = itertools.count(1)


def stale_after(channel: Channel) -> float:
    """Seconds of silence after which a channel is stale: three times what it promises, 30 s beyond it at most."""
    return min(3.0 * channel.max_silence_s, channel.max_silence_s + 30.0)


@dataclass(eq=False)
class Line:
    """One socket of a link. `count` payloads came; `heard` the keys of the channels among them, kept only while it stands
    beside another line."""

    link: Link
    connection: Connection
    control: TokenBucket
    born: float
    primary: bool = True
    count: int = 0
    number: int = field(default_factory=lambda: next(_numbers))
    heard: set[str] = field(default_factory=set)
    subscribed_at: int = -1
    """`count` when all subscriptions had been sent; -1 before."""
    pump: asyncio.Task[None] = field(init=False)
    attendant: asyncio.Task[None] = field(init=False)

    async def send(self, payloads: Sequence[bytes]) -> None:
        for payload in payloads:
            await self.control.take()
            await self.connection.send(payload)

    async def end(self) -> None:
        self.pump.cancel()
        self.attendant.cancel()
        await self.connection.close()


class Listener(Protocol):
    """Who hears what a link brings. `opened`, `lost` and `switched` come from the link's task."""

    def deliver(self, line: Line, payload: bytes) -> None: ...

    def opened(self, line: Line) -> None:
        """A connection stands and is being subscribed; nothing came yet."""
        ...

    def lost(self, link: Link, why: str) -> None:
        """No connection any more."""
        ...

    def switched(self, old: Line, new: Line, why: str) -> None:
        """`new` is primary from now on; `old` brings nothing more."""
        ...


class Link:
    """Channels of one route on one socket at a time. `failures` counts sockets that could not be opened."""

    def __init__(
        self,
        door: Door,
        address: str,
        channels: Sequence[Channel],
        network: Network,
        clock: Clock,
        rng: random.Random,
        connects: TokenBucket,
        listener: Listener,
    ) -> None:
        self.channels = list(channels)
        self.line: Line | None = None
        self.standby: Line | None = None
        self.failures = 0
        self.drop_why = ""
        self._door, self._network, self._clock, self._rng = door, network, clock, rng
        self._connects, self._listener = connects, listener
        self._url = door.url(address, self.channels)
        self._requests = itertools.count(1)
        self._dead_after = max(_LEAST_SILENCE_S, min(stale_after(c) for c in self.channels))
        if door.ping() is not None:  # the answer to our own ping is a sign of life too
            self._dead_after = max(_LEAST_SILENCE_S, min(self._dead_after, door.limits.ping_every_s + 10.0))
        else:
            quiet = all(c.max_silence_s > 60.0 for c in self.channels)
            self._dead_after = float("inf") if quiet else self._dead_after

    async def run(self) -> None:
        """Until cancelled."""
        attempt = 0
        try:
            while True:
                try:
                    self.line = await self._open(primary=True)
                except NetworkError as fault:
                    self.failures += 1
                    self._listener.lost(self, str(fault))
                    await asyncio.sleep(backoff(attempt, self._rng))
                    attempt += 1
                    continue
                began = self._clock.monotonic()
                why = await self._keep(self.line)
                for line in (self.line, self.standby):
                    if line is not None:
                        await line.end()
                self.line = self.standby = None
                self._listener.lost(self, why)
                attempt = 0 if self._clock.monotonic() - began >= _STEADY_S else attempt + 1
                await asyncio.sleep(backoff(attempt, self._rng))
        finally:
            for line in (self.line, self.standby):
                if line is not None:
                    await line.end()

    def drop(self, why: str) -> None:
        """Give up the present socket (it lags, say); the link begins again."""
        self.drop_why = why

    async def renew(self, channels: Sequence[Channel]) -> None:
        """Subscribe channels anew on the present socket, unsubscribing them first."""
        line = self.line
        if line is not None:
            try:
                await line.send(self._door.unsubscribe(channels, next(self._requests)))
                await line.send(self._door.subscribe(channels, next(self._requests)))
            except NetworkError:
                return  # the pump of the line says the same, and says it to the link

    async def answer(self, line: Line, payload: bytes) -> None:
        """Send what a payload asked for (a pong)."""
        try:
            await line.send([payload])
        except NetworkError:
            return

    async def _open(self, primary: bool) -> Line:
        await self._connects.take()
        connection = await self._network.connect(self._url)
        limits, monotonic = self._door.limits, self._clock.monotonic
        control = TokenBucket(limits.control_per_s, max(1.0, limits.control_per_s / 2), monotonic)
        line = Line(self, connection, control, monotonic(), primary)
        self._listener.opened(line)
        line.pump = asyncio.create_task(connection.pump(partial(self._listener.deliver, line)))
        line.attendant = asyncio.create_task(self._attend(line))
        return line

    async def _attend(self, line: Line) -> None:
        """Subscribe, then ping for ever."""
        try:
            await line.send(self._door.subscribe(self.channels, next(self._requests)))
            line.subscribed_at = line.count
            while (ping := self._door.ping()) is not None:
                await asyncio.sleep(self._door.limits.ping_every_s)
                await line.send([ping])
        except NetworkError:
            return  # the pump of the line says the same, and says it to the link

    async def _keep(self, line: Line) -> str:
        """Live on lines until none is left; returns why."""
        clock = self._clock.monotonic
        count, heard_at = -1, clock()
        beside, beside_at = -1, 0.0
        lifetime = self._door.limits.lifetime_s * _OLD_SHARE * (1.0 - 0.02 * self._rng.random())
        retry_at, attempt, overlap_ends = 0.0, 0, 0.0
        self.drop_why = ""
        while True:
            await asyncio.wait([line.pump], timeout=TICK_S)
            now = clock()
            if line.count != count:
                count, heard_at = line.count, now
            why = _end_of(line.pump) or self.drop_why
            if not why and now - heard_at > self._dead_after:
                why = f"nothing came for {self._dead_after:g} s"
            standby = self.standby
            if standby is not None:
                if standby.count != beside:
                    beside, beside_at = standby.count, now
                ripe = len(standby.heard) >= len({c.key for c in self.channels}) or now >= overlap_ends
                # a second socket that says nothing while the first one speaks would be a bad exchange
                mute = ripe and heard_at > beside_at + _MUTE_S
                if _end_of(standby.pump) or (mute and not why):
                    await standby.end()
                    self.standby, retry_at, attempt = None, now + backoff(attempt, self._rng), attempt + 1
                elif why or ripe:
                    await self._switch(line, standby, why)
                    line, count, heard_at, attempt = standby, -1, now, 0
                    continue
            if why:
                return why
            if self.standby is None and now - line.born > lifetime and now >= retry_at:
                try:
                    self.standby = await self._open(primary=False)
                    overlap_ends = clock() + min(_LONGEST_OVERLAP_S, 1.5 * max(c.max_silence_s for c in self.channels))
                except NetworkError:
                    self.failures += 1
                    retry_at, attempt = clock() + backoff(attempt, self._rng), attempt + 1

    async def _switch(self, old: Line, new: Line, why: str) -> None:
        self.line, self.standby = new, None
        new.primary, old.primary = True, False
        self.drop_why = ""
        old.pump.cancel()
        self._listener.switched(old, new, why or "old age")
        await old.end()


def _end_of(pump: asyncio.Task[None]) -> str:
    """Why a line ended, "" while it lives."""
    if not pump.done():
        return ""
    if pump.cancelled():
        return "cancelled"
    fault = pump.exception()
    if isinstance(fault, NetworkError):
        return str(fault)
    if fault is not None:
        raise fault
    return "closed"
