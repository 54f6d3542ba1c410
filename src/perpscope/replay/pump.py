"""The task that walks the tape: every frame at its time, to everyone who asked for its channel."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from typing import Any, NamedTuple

from perpscope.replay.clock import FASTEST, MarketClock
from perpscope.replay.connection import Connection
from perpscope.replay.dialect import Dialect
from perpscope.replay.frames import Frame, Tape, Track
from perpscope.replay.ledger import Ledger

BREATH = 128
"""Frames sent before the other tasks of the loop get their turn."""
MOST_AHEAD = 1_000
"""At full speed the tape waits while a client has more messages than this before it."""

Through = Callable[[Connection, str, Track, Frame], None]


class Later(NamedTuple):
    """Something to do at a market time. Ordered by time, then by the order of the tape, then by the order of planning."""

    at: int
    order: int
    number: int
    do: Callable[[], None] | None
    topic: str


class Pump:
    """Tracks in use are merged by time. `deliver` takes each frame for each listener (faults live there)."""

    def __init__(self, tape: Tape, clock: MarketClock, dialect: Dialect, ledger: Ledger, deliver: Through) -> None:
        self.tape, self.clock, self.dialect, self.ledger, self.deliver = tape, clock, dialect, ledger, deliver
        self.listeners: dict[str, list[Connection]] = {}
        self.changed = asyncio.Event()
        self.ended = asyncio.Event()
        self.steps = 0
        self.frames = 0
        self._cursor: dict[str, int] = {}
        self._heap: list[Later] = []
        self._number = 0
        self._speed_now: Callable[[int], float] | None = None

    def listen(self, connection: Connection, topic: str) -> None:
        """A client wants a channel from now on."""
        listeners = self.listeners.setdefault(topic, [])
        if connection not in listeners:
            listeners.append(connection)
        if topic not in self._cursor:
            track = self.tape.track(topic)
            if track is not None:
                self._cursor[topic] = track.position(self.clock.position())
                self._next(topic, track)
        self.changed.set()

    def told(self, topic: str) -> int:
        """How many frames of a channel lie behind."""
        return self._cursor.get(topic, 0)

    def leave(self, connection: Connection, topic: str) -> None:
        if connection in self.listeners.get(topic, ()):
            self.listeners[topic].remove(connection)

    def plan(self, at: int, do: Callable[[], None], order: int = -1) -> None:
        """Do something at a market time, before the frames of that time (or after the frame of the order given)."""
        self._push(at, order, do, "")
        self.changed.set()

    def jump(self, at: int) -> None:
        """Go on from another time; what lies between is told to nobody."""
        self.clock.jump(at)
        self._heap = [later for later in self._heap if later.do is not None]
        heapq.heapify(self._heap)
        for topic in self._cursor:
            track = self.tape.tracks[topic]
            self._cursor[topic] = track.position(at)
            self._next(topic, track)
        self.changed.set()

    async def run(self) -> None:
        """Until cancelled."""
        since = 0
        while True:
            if not self.clock.playing and not self.steps:
                await self._change(None)
                continue
            if not self._heap:
                if self._cursor:
                    self.ended.set()
                    self.ledger.flush()
                await self._change(None)
                continue
            self.ended.clear()
            head = self._heap[0]
            if not self.steps:
                pause = self.clock.wait(head.at)
                if pause > 0.0005:
                    since = 0
                    await self._change(pause)
                    continue
            heapq.heappop(self._heap)
            self.clock.reached(head.at)
            if head.do is not None:
                head.do()
                continue
            self._tell(head.topic)
            self.steps = max(0, self.steps - 1)
            since += 1
            if since >= BREATH:
                since = 0
                await self._breathe()

    def _tell(self, topic: str) -> None:
        track = self.tape.tracks[topic]
        frame = track.frames[self._cursor[topic]]
        self._cursor[topic] += 1
        self.frames += 1
        listeners = self.listeners.get(topic)
        if not listeners:
            self.ledger.frame(0, track, frame, "nobody")
        else:
            for connection in listeners:
                self.deliver(connection, topic, track, frame)
        self._next(topic, track)

    async def _breathe(self) -> None:
        await asyncio.sleep(0)
        if self.clock.speed == FASTEST:
            for connection in {c for group in self.listeners.values() for c in group}:
                while len(connection.waiting) > MOST_AHEAD and not connection.closed and not connection.stalled:
                    connection.room.clear()
                    await connection.room.wait()

    async def _change(self, seconds: float | None) -> None:
        self.changed.clear()
        if seconds is None:
            await self.changed.wait()
            return
        try:
            await asyncio.wait_for(self.changed.wait(), seconds)
        except TimeoutError:
            return

    def _next(self, topic: str, track: Track) -> None:
        k = self._cursor[topic]
        if k < len(track.frames):
            frame = track.frames[k]
            self._push(frame.at, frame.order, None, topic)

    def _push(self, at: int, order: int, do: Any, topic: str) -> None:
        self._number += 1
        heapq.heappush(self._heap, Later(at, order, self._number, do, topic))
