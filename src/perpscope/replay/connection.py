"""One WebSocket connection of a client: what waits to be sent, and the task that sends it."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import ClientConnectionResetError, WSMsgType, web

from perpscope.replay.dialect import Session
from perpscope.replay.frames import Frame, Track
from perpscope.replay.ledger import Ledger

MOST_WAITING = 200_000
"""A client that lets more messages wait than this is cut off, as a venue does."""


@dataclass(eq=False)
class Connection:
    """`stalled` is half open: the socket stands, nothing is read or sent, not even a pong."""

    session: Session
    socket: web.WebSocketResponse
    request: web.Request
    ledger: Ledger
    stalled: bool = False
    waiting: deque[tuple[bytes, Track | None, Frame | None]] = field(default_factory=deque)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    room: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False
    farewell: int = 0
    sent: int = 0
    spy: Callable[[int, bytes], None] | None = None

    def say(self, payload: bytes, track: Track | None = None, frame: Frame | None = None) -> None:
        """Queue a message; with a frame it is booked as sent once it has left."""
        if self.closed or self.farewell:
            if track is not None and frame is not None:
                self.ledger.frame(self.session.number, track, frame, "connection ended")
            return
        self.waiting.append((payload, track, frame))
        self.wake.set()

    async def write(self) -> None:
        """Send what waits until the connection ends; what is left then is booked as withheld."""
        try:
            while not self.closed:
                while self.waiting and not self.stalled:
                    if len(self.waiting) > MOST_WAITING:
                        self.reset()
                        return
                    payload, track, frame = self.waiting.popleft()
                    await self.socket.send_frame(payload, WSMsgType.TEXT)
                    self.sent += 1
                    if self.spy is not None:
                        self.spy(self.session.number, payload)
                    if track is not None and frame is not None:
                        self.ledger.frame(self.session.number, track, frame)
                self.room.set()
                if self.farewell:
                    self.closed = True
                    await self.socket.close(code=self.farewell)
                    return
                self.wake.clear()
                await self.wake.wait()
        except (ClientConnectionResetError, ConnectionError, RuntimeError):
            self.closed = True
        finally:
            self.room.set()

    def finish(self) -> None:
        """Book what was never sent, and let nobody wait for this connection."""
        self.closed = True
        self.wake.set()
        self.room.set()
        for _, track, frame in self.waiting:
            if track is not None and frame is not None:
                self.ledger.frame(self.session.number, track, frame, "connection ended")
        self.waiting.clear()

    def hang_up(self, code: int) -> None:
        """Close as the venue does, after what waits; nothing more is accepted."""
        self.farewell = code
        self.wake.set()

    async def gone(self) -> None:
        """Until the transport of a half-open connection is gone."""
        while self.request.transport is not None and not self.request.transport.is_closing():
            await asyncio.sleep(0.02)

    def reset(self) -> None:
        """Cut the connection with a RST: no close frame, no FIN."""
        self.closed = True
        transport = self.request.transport
        if transport is not None:
            raw = transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        self.wake.set()
        self.room.set()
