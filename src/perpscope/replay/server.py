"""The server: one venue, one tape, one clock, on loopback."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aiohttp import WSMsgType, web

from perpscope.replay import control
from perpscope.replay.budget import WeightBudget
from perpscope.replay.clock import MarketClock
from perpscope.replay.connection import Connection
from perpscope.replay.dialect import Answer, Dialect, Reply, Request
from perpscope.replay.dialects import dialect_of
from perpscope.replay.frames import Frame, Tape, Track
from perpscope.replay.injector import Injector, later
from perpscope.replay.ledger import Ledger
from perpscope.replay.pump import Pump
from perpscope.replay.scenario import AT_ONCE, Fault, FaultKind
from perpscope.replay.times import moved, moved_query, ms

HOST = "127.0.0.1"
PING_S = 180.0


@dataclass(frozen=True)
class Settings:
    """How a tape is played.

    `speed` is market seconds per second (math.inf: as fast as the sockets take). The clock starts once `wait` connections
    have subscribed to something; 0 leaves it to the control route. `token` opens the control route; None closes it.
    The ledger goes to a file, or with `keep_ledger` stays in memory. `shift` is added to every time, ns (a tape that pretends
    to be now). `faults` is the scenario. `spy` is told every message sent (connection, payload).
    """

    venue: str = "binance"
    port: int = 0
    speed: float = 1.0
    wait: int = 1
    seed: int = 0
    token: str | None = None
    ledger: Path | None = None
    keep_ledger: bool = False
    command: str = ""
    faults: tuple[Fault, ...] = ()
    shift: int = 0
    spy: Callable[[int, bytes], None] | None = None


class ReplayServer:
    """`async with ReplayServer(settings, tape) as server`: `server.port` is where it listens."""

    def __init__(self, settings: Settings, tape: Tape) -> None:
        self.settings, self.tape = settings, tape
        self.dialect: Dialect = dialect_of(settings.venue)
        self.ledger = Ledger(settings.ledger, settings.keep_ledger)
        self.connections: list[Connection] = []
        self.port = 0
        self._count = 0
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> ReplayServer:
        loop = asyncio.get_running_loop()
        self.clock = MarketClock(self.tape.start, self.settings.speed, loop.time)
        self.budget = WeightBudget(self.dialect.weight_limit, loop.time)
        self.pump = Pump(self.tape, self.clock, self.dialect, self.ledger, self._deliver)
        app = web.Application(client_max_size=1 << 20)
        app.router.add_route("*", "/_control", self._control)
        for path in self.dialect.sockets:
            app.router.add_get(path, self._socket)
        app.router.add_route("*", "/{rest:.*}", self._rest)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, self.settings.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.injector = Injector(self.settings.faults, self.settings.seed, self.dialect)
        for fault in self.settings.faults:
            if fault.start <= self.tape.end:
                self._plan(fault)
        self.ledger.note("run", venue=self.settings.venue, seed=self.settings.seed, command=self.settings.command)
        self.pumping = asyncio.create_task(self.pump.run())
        self.pumping.add_done_callback(self._stopped)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.pumping.cancel()
        for connection in list(self.connections):
            connection.stalled = False
            with contextlib.suppress(ConnectionError, asyncio.TimeoutError):
                await asyncio.wait_for(connection.socket.close(code=1001), 1.0)
        if self._runner is not None:
            await self._runner.cleanup()
        self.ledger.close()
        with contextlib.suppress(asyncio.CancelledError):
            await self.pumping  # a fault of the tape is told here, not swallowed

    async def drained(self) -> None:
        """Until the tape has run out and everything queued has left."""
        await self.pump.ended.wait()
        while any(c.waiting and not c.stalled and not c.closed for c in self.connections):
            await asyncio.sleep(0.01)

    def _stopped(self, pump: asyncio.Task[None]) -> None:
        """A pump that died must not look like a silent venue: everyone is cut off."""
        if not pump.cancelled():
            for connection in list(self.connections):
                connection.reset()

    def _deliver(self, connection: Connection, topic: str, track: Track, frame: Frame, snapshot: bool = False) -> None:
        if topic in connection.session.deaf:
            self.ledger.frame(connection.session.number, track, frame, "wrong route")
            return
        if self.settings.shift:
            frame = later(frame, self.settings.shift)
        for outcome in self.injector.frame(connection.session, topic, track, frame, snapshot):
            if outcome.why and outcome.frame is not None:
                self.ledger.frame(connection.session.number, track, outcome.frame, outcome.why)
            elif outcome.delay:
                told = partial(connection.say, outcome.payload, track, outcome.frame)
                self.pump.plan(frame.at + outcome.delay, told, frame.order)
            else:
                connection.say(outcome.payload, track, outcome.frame)

    def _plan(self, fault: Fault) -> None:
        """Faults that happen at an instant, or to the clock."""
        if fault.kind in AT_ONCE:
            self.pump.plan(fault.start, lambda: self._strike(fault))
        elif fault.kind is FaultKind.BURST:
            pace = self.settings.speed
            self.pump.plan(fault.start, lambda: self.clock.run_at(pace * fault.value))
            if fault.end <= self.tape.end:
                self.pump.plan(fault.end, lambda: self.clock.run_at(pace))

    def _strike(self, fault: Fault) -> None:
        for connection in list(self.connections):
            heard = [self.tape.track(topic) for topic in connection.session.heard]
            if not any(t is not None and fault.concerns(t.channel, t.symbol) for t in heard):
                continue
            self.ledger.note("fault", what=str(fault.kind), c=connection.session.number)
            if fault.kind is FaultKind.RST:
                connection.reset()
            elif fault.kind is FaultKind.CLOSE:
                connection.hang_up(int(fault.value))
            else:
                connection.stalled = True
                if fault.end <= self.tape.end:
                    self.pump.plan(fault.end, connection.reset)

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(autoping=False, autoclose=False, compress=False, max_msg_size=1 << 20)
        await ws.prepare(request)
        self._count += 1
        session, reply = self.dialect.open(self._count, request.path, request.query)
        session.opened = self.clock.position()
        connection = Connection(session, ws, request, self.ledger, spy=self.settings.spy)
        self.connections.append(connection)
        self.ledger.note("open", c=session.number, path=request.path_qs)
        writer, heart = asyncio.create_task(connection.write()), asyncio.create_task(self._beat(connection))
        try:
            await self._apply(connection, reply)
            await self._listen(connection)
        finally:
            for topic in session.heard:
                self.pump.leave(connection, topic)
            for topic, outcome in self.injector.left_over(session):
                connection.waiting.append((b"", self.tape.tracks[topic], outcome.frame))
            heart.cancel()
            connection.finish()
            self.connections.remove(connection)
            self.ledger.note("close", c=session.number, sent=connection.sent, code=ws.close_code)
            await writer
        return ws

    async def _beat(self, connection: Connection) -> None:
        """The protocol's own ping, as venues send it every three minutes; whether it is answered is not held against anyone."""
        while not connection.closed:
            await asyncio.sleep(PING_S)
            if not connection.stalled and not connection.closed:
                with contextlib.suppress(ConnectionError):
                    await connection.socket.ping()

    async def _listen(self, connection: Connection) -> None:
        recent: deque[float] = deque(maxlen=self.dialect.messages_per_s)
        now = asyncio.get_running_loop().time
        while not connection.closed:
            message = await connection.socket.receive()
            if connection.stalled:
                await connection.gone()
                return
            if message.type is WSMsgType.PING:
                await connection.socket.pong(message.data)
                continue
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PONG):
                await connection.socket.close()
                return
            recent.append(now())
            if len(recent) == recent.maxlen and recent[-1] - recent[0] < 1.0:
                await connection.socket.close(code=1008, message=b"Too many requests")
                return
            if message.type is not WSMsgType.PONG:
                text = message.data.encode() if message.type is WSMsgType.TEXT else message.data
                await self._apply(connection, self.dialect.hear(connection.session, text))

    async def _apply(self, connection: Connection, reply: Reply) -> None:
        for answer in reply.answers:
            connection.say(answer)
        for topic in reply.ended:
            self.pump.leave(connection, topic)
        for topic in reply.begun:
            self.ledger.note("subscribe", c=connection.session.number, topic=topic)
            self.pump.listen(connection, topic)
            if topic not in connection.session.deaf:
                for track, frame in self.dialect.greet(connection.session, topic, self.tape, self.pump.told(topic)):
                    self._deliver(connection, topic, track, frame, snapshot=True)
        if reply.hang_up is not None:
            code, reason = reply.hang_up
            await connection.socket.close(code=code, message=reason.encode())
        if not self.clock.playing and 0 < self.settings.wait <= sum(bool(c.session.heard) for c in self.connections):
            if not self.pump.frames:
                self.clock.play()
            self.pump.changed.set()

    async def _control(self, request: web.Request) -> web.Response:
        return await control.handle(self, request)

    async def _rest(self, request: web.Request) -> web.Response:
        now, shift = self.clock.position(), self.settings.shift + self.injector.skew(self.clock.position())
        query = moved_query(request.query, -ms(shift), ms(now + shift))
        asked = Request(request.method, request.path, query, await request.read(), now)
        asked, refused, delay = self.injector.request(asked)
        if delay:
            await asyncio.sleep(delay)
        answer = refused or self.dialect.answer(asked, self.tape)
        over = self.budget.charge(answer.weight)
        if over is not None:
            answer = self.dialect.refusal(*over)
        self.ledger.note("rest", path=request.path_qs, status=answer.status, weight=answer.weight, used=self.budget.used)
        return self._response(answer._replace(body=moved(answer.body, ms(shift), ms(now))))

    def _response(self, answer: Answer) -> web.Response:
        headers = {"Content-Type": "application/json", **self.dialect.used_weight(self.budget.used), **answer.headers}
        return web.Response(body=answer.body, status=answer.status, headers=headers)
