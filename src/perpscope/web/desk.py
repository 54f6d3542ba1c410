"""What all clients of a server share: history, what is live, the painter, and lanes that wait for their client's return."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from perpscope import __version__
from perpscope.core.errors import PerpscopeError
from perpscope.research.evidence.verdicts import read_verdict_file
from perpscope.web.history import Ask, History
from perpscope.web.picture.catalogue import layer_cards
from perpscope.web.picture.frame import layer_names
from perpscope.web.picture.known import Picture
from perpscope.web.stream.lane import Lane
from perpscope.web.stream.painter import Painter, View, Wanted
from perpscope.web.stream.publisher import Publisher
from perpscope.web.stream.scene import Recorded, Scene
from perpscope.web.stream.session import Session, SessionLimits
from perpscope.web.wire import PROTOCOL, InstrumentCard, Mode, StatusMessage, Welcome

PARKED = 256
PARKED_S = 120.0
"""So long a lane waits for its client to come back and resume."""

LOOK_S = 2.0
STATUS_S = 1.0


class Desk:
    """The server's one desk. `mode` is "live" with a publisher, else "history" or "replay"."""

    def __init__(
        self,
        history: History,
        publisher: Publisher | None = None,
        mode: Mode = "history",
        evidence: Path | None = None,
        backtests: Path | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.history, self.publisher, self.mode = history, publisher, mode
        self.evidence, self.backtests = evidence, backtests
        self.monotonic, self.wall = monotonic, wall
        self.painter = Painter()
        self.limits = SessionLimits()
        self.executor = ThreadPoolExecutor(2, "perpscope-draw")
        self.sessions: set[Session] = set()
        self._alerts_told = 0 if publisher is None else publisher.alert_number
        self._parked: OrderedDict[str, tuple[float, Lane]] = OrderedDict()

    @property
    def can_replay(self) -> bool:
        return self.mode != "live"

    def instruments(self) -> list[InstrumentCard]:
        """What is live first, then what is recorded."""
        live = [] if self.publisher is None else self.publisher.instruments()
        seen = {(card.venue, card.symbol) for card in live}
        return [*live, *(card for card in self.history.instruments() if (card.venue, card.symbol) not in seen)]

    def welcome(self) -> Welcome:
        return Welcome(
            protocol=PROTOCOL, mode=self.mode, version=__version__, instruments=self.instruments(), layers=list(layer_cards())
        )

    def scene(self, venue: str, symbol: str, frame: str, names: Collection[str] = ()) -> Scene:
        """What is live under these names, else what is recorded; `names` are the layers wanted of it.

        Raises:
            UserError: if there is neither.
        """
        if self.publisher is not None:
            live = self.publisher.scenes.get((venue, symbol, frame))
            if live is not None:
                return live
        self.history.span(venue, symbol)
        return Recorded(self.history, venue, symbol, frame, names)

    def picture(self, ask: Ask) -> Picture:
        """As a session would draw it, for HTTP.

        Raises:
            UserError: as `History.picture`.
        """
        scene = self.scene(ask.venue, ask.symbol, ask.frame)
        return scene.picture(scene.now() if ask.at is None else ask.at, max(ask.bars, 2))

    def status(self) -> StatusMessage:
        """The state of the feeds (none in history) and the date of the evidence."""
        dated = None if self.evidence is None else read_verdict_file(self.evidence).date
        now_ms = self.wall() * 1e3
        if self.publisher is None:
            return StatusMessage(now_ms=now_ms, feeds=[], gaps=0, verdicts=dated)
        return self.publisher.status_message(now_ms, dated)

    def park(self, lanes: list[Lane]) -> None:
        """Keep the lanes of a client that went, for a while."""
        now = self.monotonic()
        for lane in lanes:
            self._parked[lane.epoch] = (now, lane)
        while self._parked and (len(self._parked) > PARKED or next(iter(self._parked.values()))[0] < now - PARKED_S):
            self._parked.popitem(last=False)

    def claim(self, epoch: str) -> Lane | None:
        """The lane of an epoch, if it still waits; it is handed out once."""
        parked = self._parked.pop(epoch, None)
        return parked[1] if parked is not None and parked[0] >= self.monotonic() - PARKED_S else None

    def enter(self, session: Session) -> Callable[[], None]:
        """A session begins; the answer ends it."""
        self.sessions.add(session)
        leave = None if self.publisher is None else self.publisher.subscribe(session.wake_soon)

        def left() -> None:
            self.sessions.discard(session)
            if leave is not None:
                leave()

        return left

    def warm(self) -> None:
        """Make the picture that a page opens with, so that the first one who looks does not wait for it."""
        for card in self.history.instruments()[:1]:
            frame = "1h" if "1h" in card.frames else card.frames[0]
            with contextlib.suppress(PerpscopeError):  # whoever asks for it is told why it cannot be
                view = View(self.scene(card.venue, card.symbol, frame), 1000, layer_names(None))
                self.painter.draw(Wanted(view, view.scene.now()))

    async def watch(self) -> None:
        """For as long as the server runs: tell alerts and status, and look whether the lake has grown."""
        loop, looked, told = asyncio.get_running_loop(), self.monotonic(), self.monotonic()
        news = asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(news.set)

        leave = None if self.publisher is None else self.publisher.subscribe(wake)
        try:
            while True:
                try:
                    async with asyncio.timeout(STATUS_S):
                        await news.wait()
                except TimeoutError:
                    pass
                news.clear()
                self._tell_alerts()
                now = self.monotonic()
                if self.publisher is not None and now - told >= STATUS_S:
                    told = now
                    self._tell_status()
                if now - looked >= LOOK_S:
                    looked = now
                    await self._look()
        finally:
            if leave is not None:
                leave()

    def _tell_alerts(self) -> None:
        if self.publisher is None:
            return
        for alert in list(self.publisher.alerts):
            if alert.number > self._alerts_told:
                self._alerts_told = alert.number
                for session in self.sessions:
                    session.tell(alert)

    def _tell_status(self) -> None:
        try:
            status = self.status()
        except PerpscopeError:
            return  # the folder of evidence is being written anew
        for session in self.sessions:
            session.tell(status)

    async def _look(self) -> None:
        before = self.history.generation
        try:
            after = await asyncio.get_running_loop().run_in_executor(self.executor, self.history.refresh)
        except PerpscopeError:
            return  # the catalogue is being replaced; the next look finds it whole
        if after != before:
            for session in self.sessions:
                session.wake.set()
