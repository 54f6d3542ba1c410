"""A client's socket: what it says is checked and done, what it should see is sent as fast as it draws, and no faster."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Coroutine
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from perpscope.core.errors import DataError, PerpscopeError, UserError
from perpscope.core.time import Timeframe
from perpscope.web.errors import error_message
from perpscope.web.frames import decode_client, encode_text
from perpscope.web.picture.frame import layer_names
from perpscope.web.stream.clock import ReplayClock
from perpscope.web.stream.lane import Lane
from perpscope.web.stream.painter import Painter, View, Wanted
from perpscope.web.stream.scene import Scene
from perpscope.web.wire import (
    MAX_BARS,
    MAX_SUBSCRIPTIONS,
    PROTOCOL,
    Ack,
    Alert,
    ClientMessage,
    Clock,
    Hello,
    Mode,
    Resume,
    ServerMessage,
    Subscribe,
    Unsubscribe,
    Welcome,
)


@dataclass(frozen=True)
class SessionLimits:
    """What one client may ask and be owed. One that takes nothing for `stalled_s` is dropped; what it was owed is bounded by
    two frames and `texts`."""

    messages_a_second: int = 50
    stalled_s: float = 5.0
    texts: int = 100
    subscriptions: int = MAX_SUBSCRIPTIONS


TICK_S, CLOCK_S = 0.05, 0.5
PARTS_OF_A_BAR = 600
"""While a replay plays a picture goes on in steps of no less than this part of a bar: finer ones nobody can see."""

REPLAY_BARS = 500
"""A desk that replays begins in the middle of the recording, or so many bars before its end where that is later."""

HELLO_S = 10.0

CLOSE_PROTOCOL, CLOSE_POLICY, CLOSE_SLOW = 1002, 1008, 1013


class Desk(Protocol):
    """What a session needs of the server."""

    painter: Painter
    limits: SessionLimits
    mode: Mode

    @property
    def executor(self) -> Executor: ...

    def welcome(self) -> Welcome: ...
    def scene(self, venue: str, symbol: str, frame: str, names: Collection[str] = ()) -> Scene: ...
    def park(self, lanes: list[Lane]) -> None: ...
    def claim(self, epoch: str) -> Lane | None: ...
    @property
    def can_replay(self) -> bool: ...


class Socket(Protocol):
    """What a session needs of a WebSocket; `receive` returns None when the client is gone."""

    async def receive(self) -> str | bytes | None: ...
    async def send_text(self, text: str) -> None: ...
    async def send_bytes(self, data: bytes) -> None: ...
    async def close(self, code: int, reason: str) -> None: ...


class Session:
    """One client. `run` returns when it is gone or was dropped; `reason` says why."""

    def __init__(self, socket: Socket, desk: Desk, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.socket, self.desk, self.monotonic = socket, desk, monotonic
        self.lanes: dict[int, Lane] = {}
        self.clock: ReplayClock | None = None
        self.reason = ""
        self.wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._texts: deque[ServerMessage] = deque()
        self._skipped_alerts = 0
        self._heard: deque[float] = deque()
        self._clock_told = 0.0
        self._was_playing = False

    def tell(self, message: ServerMessage) -> None:
        """Queue a text. When too many wait the oldest alert goes, and the next alert says how many went."""
        if len(self._texts) >= self.desk.limits.texts:
            oldest = next((m for m in self._texts if isinstance(m, Alert)), self._texts[0])
            self._texts.remove(oldest)
            self._skipped_alerts += isinstance(oldest, Alert)
        self._texts.append(message)
        self.wake.set()

    def wake_soon(self) -> None:
        """Look for something new; may be called from any thread."""
        self._loop.call_soon_threadsafe(self.wake.set)

    async def run(self) -> None:
        """Speak with the client until it leaves."""
        try:
            async with asyncio.timeout(HELLO_S):
                first = await self.socket.receive()
        except TimeoutError:
            return await self._drop(CLOSE_PROTOCOL, "no hello came")
        if first is None:
            return None
        try:
            hello = decode_client(first)
        except DataError:
            hello = None
        if not isinstance(hello, Hello) or hello.protocol != PROTOCOL:
            sentence = f"This server speaks protocol {PROTOCOL}, and the page does not. Reload the page."
            await self.socket.send_text(encode_text(error_message("protocol", sentence)))
            return await self._drop(CLOSE_PROTOCOL, "another protocol")
        self.tell(self.desk.welcome())
        try:
            await _first_of(self._listen(), self._speak())
        except TimeoutError:
            await self._drop(CLOSE_SLOW, f"nothing was taken for {self.desk.limits.stalled_s:g} s")
        except ConnectionError:
            self.reason = "gone"
        finally:
            self.desk.park([lane for lane in self.lanes.values() if lane.sent])
        return None

    async def _listen(self) -> None:
        while (said := await self.socket.receive()) is not None:
            now = self.monotonic()
            self._heard.append(now)
            while self._heard[0] < now - 1.0:
                self._heard.popleft()
            most = self.desk.limits.messages_a_second
            if len(self._heard) > most:
                return await self._drop(CLOSE_POLICY, f"more than {most} messages a second")
            id = None
            try:
                message = decode_client(said)
                id = getattr(message, "id", None)
                await self._do(message)
            except UserError as fault:
                self.tell(error_message("refused", fault, id))
            except PerpscopeError as fault:
                self.tell(error_message("malformed" if isinstance(fault, DataError) else "internal", fault, id))
        return None

    async def _do(self, message: ClientMessage) -> None:
        match message:
            case Ack():
                if message.id in self.lanes:
                    self.lanes[message.id].acknowledge(message.seq)
            case Subscribe():
                await self._subscribe(message)
            case Resume():
                self._resume(message)
            case Unsubscribe():
                self.lanes.pop(message.id, None)
            case Clock():
                await self._turn(message)
            case Hello():
                raise UserError("Hello was said already. Subscribe to an instrument.")
        self.wake.set()

    async def _subscribe(self, asked: Subscribe) -> None:
        if asked.id not in self.lanes and len(self.lanes) >= self.desk.limits.subscriptions:
            raise UserError(f"A page may follow {self.desk.limits.subscriptions} pictures at once. Unsubscribe from one first.")
        if asked.at is not None and not abs(asked.at) < 9e12:
            raise UserError("The moment asked for is no time in ms. Leave `at` out for the newest.")
        if asked.layers is not None and len(asked.layers) > 200:
            raise UserError("More layers were asked for than there are. Name each once.")
        frame = Timeframe.parse(asked.frame).name
        names = layer_names(asked.layers)
        scene = await self._aside(self.desk.scene, asked.venue, asked.symbol, frame, names)
        view = View(scene, min(max(asked.bars, 2), MAX_BARS), names)
        if self.desk.mode == "replay" and self.clock is None and asked.at is None:
            await self._begin(scene)
        self.lanes[asked.id] = Lane(asked.id, view, None if asked.at is None else int(asked.at * 1e6))

    async def _begin(self, scene: Scene) -> None:
        """Play, a bar a second: who opens a replay sees it go on, and may pause it."""
        first, last = await self._aside(scene.span)
        begin = max((first + last) // 2, last - REPLAY_BARS * scene.frame_ns)
        now = self.monotonic()
        self.clock = ReplayClock(first + 1, last, begin, speed=scene.frame_ns / 1e9, playing=True, since=now)
        self.tell(self.clock.state(now))

    def _resume(self, asked: Resume) -> None:
        lane = self.lanes.get(asked.id)
        if lane is None:
            raise UserError("Only a picture that was subscribed to can be resumed. Subscribe first.")
        if lane.sent:
            return  # a snapshot went out before: the page has everything already
        parked = self.desk.claim(asked.epoch)
        if parked is None or parked.view.scene.key != lane.view.scene.key or parked.view.names != lane.view.names:
            return
        parked.id, parked.view = asked.id, lane.view
        parked.resume(asked.epoch, asked.seq)
        self.lanes[asked.id] = parked
        if self.desk.mode == "replay" and self.clock is not None and parked.shown_at is not None:
            self.clock.at, self.clock.since = parked.shown_at, self.monotonic()  # go on where the page was, not from the middle

    async def _turn(self, asked: Clock) -> None:
        lane = next((one for one in self.lanes.values() if one.fixed is None), None)
        if not self.desk.can_replay:
            raise UserError("What is live cannot be turned back here. Open the lake with perpscope serve to replay it.")
        if lane is None:
            raise UserError("There is nothing to replay. Subscribe to an instrument first.")
        if self.clock is None:
            first, last = await self._aside(lane.view.scene.span)
            self.clock = ReplayClock(first + 1, last, last)
        self.clock.turn(asked, lane.view.scene.frame_ns, self.monotonic())
        self.tell(self.clock.state(self.monotonic()))

    async def _speak(self) -> None:
        while True:
            self.wake.clear()
            while self._texts:
                await self._send(self.socket.send_text, encode_text(self._next_text()))
            for lane in list(self.lanes.values()):
                if self.lanes.get(lane.id) is lane:
                    await self._show(lane)
            playing = self.clock is not None and self.clock.playing
            if playing or self._was_playing:
                self._tell_clock(stopped=not playing)
            self._was_playing = playing
            if not self._texts:
                try:
                    async with asyncio.timeout(TICK_S if playing else None):
                        await self.wake.wait()
                except TimeoutError:
                    continue

    def _next_text(self) -> ServerMessage:
        message = self._texts.popleft()
        if isinstance(message, Alert) and self._skipped_alerts:
            message = msgspec.structs.replace(message, skipped=self._skipped_alerts)  # other pages hold the same alert
            self._skipped_alerts = 0
        return message

    def _tell_clock(self, stopped: bool) -> None:
        """While it plays now and then, and once when it has come to the end."""
        now = self.monotonic()
        if self.clock is not None and (stopped or now - self._clock_told >= CLOCK_S):
            self._clock_told = now
            self.tell(self.clock.state(now))

    async def _show(self, lane: Lane) -> None:
        at = lane.view.scene.now() if self.clock is None else self.clock.read(self.monotonic())
        part = lane.view.scene.frame_ns // PARTS_OF_A_BAR if self.clock is not None and self.clock.playing else 0
        if not lane.wants(at) or (lane.shown_at is not None and 0 <= at - lane.shown_at < part):
            return
        try:
            request = lane.plan(at)
            drawn = await self.desk.painter.drawn(request, self.desk.executor)
            if drawn.outgrown:
                request = Wanted(lane.view, request.at)
                drawn = await self.desk.painter.drawn(request, self.desk.executor)
        except PerpscopeError as fault:
            lane.tried = (at, lane.view.scene.key)
            self.tell(error_message("cannot-show", fault, lane.id))
            return
        if self.lanes.get(lane.id) is lane:
            lane.sent += 1
            await self._send(self.socket.send_bytes, lane.take(request, drawn))

    async def _send(self, send: Callable[[Any], Awaitable[None]], what: str | bytes) -> None:
        async with asyncio.timeout(self.desk.limits.stalled_s):
            await send(what)

    async def _aside(self, work: Callable[..., Any], *given: Any) -> Any:
        return await self._loop.run_in_executor(self.desk.executor, work, *given)

    async def _drop(self, code: int, reason: str) -> None:
        self.reason = reason
        await self.socket.close(code, reason)


async def _first_of(*work: Coroutine[Any, Any, None]) -> None:
    """Run until one ends; the others are cancelled. A client that took nothing for too long ends it too."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
