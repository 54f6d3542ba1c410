"""What the live loop hands to the page: the rows of every step, kept as far back as a picture reaches."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping

import msgspec

from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.events import GAP
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import DAY, Timeframe, TimeRange, format_ts
from perpscope.engine.graph import Graph, Step
from perpscope.report.holes import holes_of
from perpscope.report.mix import SHIPPED, MixInUse
from perpscope.report.results import Results
from perpscope.web.frames import milliseconds
from perpscope.web.picture.known import Picture, Verdicts, no_verdicts
from perpscope.web.stream.growing import GrowingTable
from perpscope.web.wire import Alert, FeedState, InstrumentCard, StatusMessage

MOST_ALERTS = 200
KEEP_BARS = 25_000
KEEP_TAPE = 2 * DAY
"""Trades and book updates are kept this long in memory; the lake has the rest."""

_TAPES = ("trade", "book_delta")
_FORGET_EVERY = 4_096

Wake = Callable[[], None]


class LiveScene:
    """One instrument at one frame as it is being recorded: all rows so far, and the moment up to which they reach."""

    def __init__(self, graph: Graph, streams: Mapping[str, Table], rows: Mapping[str, Table], mix: MixInUse) -> None:
        self.instrument: Instrument = graph.instrument
        self.frame = Timeframe.parse(graph.frame)
        self.mix = mix
        self.params = {key: node.fold.params for key, node in graph.nodes.items()}
        self.verdicts: Verdicts = no_verdicts
        self._rows = {key: GrowingTable(node.fold.spec.output) for key, node in graph.nodes.items()}
        self._streams: dict[str, GrowingTable] = {}
        self._lock = threading.Lock()
        self._at = graph.watermark_ts
        self._steps = 0
        self._add(streams, rows)

    @property
    def key(self) -> tuple[object, ...]:
        return ("live", id(self), self.instrument.venue, self.instrument.symbol, self.frame.name)

    @property
    def frame_ns(self) -> int:
        return self.frame.ns

    def now(self) -> int:
        return self._at

    def span(self) -> tuple[int, int]:
        clocks = [int(g.table.clock[0]) for g in (*self._rows.values(), *self._streams.values()) if g.length]
        return min(clocks, default=self._at), self._at

    def picture(self, at: int, bars: int) -> Picture:
        """The picture as it was known at `at`.

        Raises:
            UserError: while no bar has closed yet.
        """
        with self._lock:
            rows = {key: grown.table for key, grown in self._rows.items()}
            streams = {name: grown.table for name, grown in self._streams.items() if grown.length}
            newest = self._at
        key = f"bars@{self.frame.name}"
        closed = rows.get(key, streams.get(key))
        if closed is None or not len(closed):
            raise UserError(
                f"Not one {self.frame.name} bar of {self.instrument.symbol} has closed since the start "
                f"({format_ts(newest)}). Wait for the first one, or choose a shorter time frame."
            )
        gaps = streams.pop("gap", GAP.empty())
        shown = closed[max(0, len(closed) - bars - 1) :]
        window = TimeRange(self.frame.floor(newest - 1) - (bars - 1) * self.frame.ns, newest)
        results = Results(
            instrument=self.instrument,
            frame=self.frame,
            at=newest,
            window=window,
            history=TimeRange(int(closed["ref_ts"][0]), newest),
            recorded=streams,
            streams={**streams, key: closed},
            rows=rows,
            params=self.params,
            refused={},
            mix=self.mix,
            holes=holes_of(shown, gaps, TimeRange(max(window.start, int(closed["ref_ts"][0])), newest), self.frame),
        )
        return Picture(results, self.verdicts).until(at, bars)

    def take(self, step: Step, streams: Mapping[str, Table]) -> None:
        """The rows of one step and the events that caused it."""
        self._add(streams, step.rows)
        self._at = step.watermark_ts
        self._steps += 1
        if self._steps % _FORGET_EVERY == 0:
            self._forget()

    def _add(self, streams: Mapping[str, Table], rows: Mapping[str, Table]) -> None:
        with self._lock:
            for key, table in rows.items():
                if len(table) and key in self._rows:
                    self._rows[key].append(table)
            for name, table in streams.items():
                if len(table):
                    self._streams.setdefault(name, GrowingTable(table.schema)).append(table)

    def _forget(self) -> None:
        with self._lock:
            for name, grown in (*self._streams.items(), *self._rows.items()):
                grown.forget(self._at - (KEEP_TAPE if name in _TAPES else KEEP_BARS * self.frame.ns))


class Publisher:
    """The side of the page that the live loop sees. Every method may be called from any thread and returns at once.

    The loop calls `open` once per graph, after its history, then `publish` after every step; `alert` and `status` when
    there is something to tell. A page that reads slowly, or not at all, costs the loop nothing: clients draw from here.
    """

    def __init__(self, verdicts: Verdicts = no_verdicts) -> None:
        self.scenes: dict[tuple[str, str, str], LiveScene] = {}
        self.alerts: deque[Alert] = deque(maxlen=MOST_ALERTS)
        self.alert_number = 0
        self.feeds: list[FeedState] = []
        self.gaps = 0
        self._verdicts = verdicts
        self._wakes: list[Wake] = []
        self._lock = threading.Lock()

    def open(
        self,
        graph: Graph,
        rows: Mapping[str, Table] | None = None,
        streams: Mapping[str, Table] | None = None,
        mix: MixInUse = SHIPPED,
    ) -> LiveScene:
        """Show what this graph says from now on; `rows` and `streams` are its history so far, by node and by stream."""
        scene = LiveScene(graph, streams or {}, rows or {}, mix)
        scene.verdicts = self._verdicts
        self.scenes[(scene.instrument.venue, scene.instrument.symbol, scene.frame.name)] = scene
        self._wake()
        return scene

    def publish(self, graph: Graph, step: Step, batch: Batch) -> None:
        """The step that `graph` made of `batch`. A graph that was not opened is opened."""
        key = (graph.instrument.venue, graph.instrument.symbol, graph.frame)
        scene = self.scenes.get(key)
        if scene is None:
            scene = self.open(graph)
        scene.take(step, batch.tables)
        self._wake()

    def alert(self, alert: Alert) -> None:
        """Tell all pages; numbered here, so that a page can see what it missed."""
        with self._lock:
            self.alert_number += 1
            self.alerts.append(msgspec.structs.replace(alert, number=self.alert_number))
        self._wake()

    def status(self, feeds: list[FeedState], gaps: int = 0) -> None:
        """The state of the feeds, and how many holes were declared in the last day."""
        self.feeds, self.gaps = list(feeds), gaps
        self._wake()

    def status_message(self, now_ms: float, verdicts: str | None) -> StatusMessage:
        return StatusMessage(now_ms=now_ms, feeds=self.feeds, gaps=self.gaps, verdicts=verdicts)

    def instruments(self) -> list[InstrumentCard]:
        """What is being recorded, with the frames that run."""
        cards: dict[tuple[str, str], InstrumentCard] = {}
        for (venue, symbol, frame), scene in self.scenes.items():
            first, last = scene.span()
            found = scene.instrument
            card = InstrumentCard(
                venue=venue, symbol=symbol, base=found.base, quote=found.quote, tick_size=found.tick_size, frames=[frame],
                streams=[], first_ms=float(milliseconds(first)), last_ms=float(milliseconds(last)),
            )  # fmt: skip
            held = cards.setdefault((venue, symbol), card)
            if held is not card:
                cards[(venue, symbol)] = msgspec.structs.replace(held, frames=[*held.frames, frame])
        return list(cards.values())

    def subscribe(self, wake: Wake) -> Callable[[], None]:
        """Call `wake` (from any thread) whenever something is new; the answer unsubscribes."""
        with self._lock:
            self._wakes.append(wake)

        def leave() -> None:
            with self._lock:
                self._wakes.remove(wake)

        return leave

    def _wake(self) -> None:
        with self._lock:
            wakes = list(self._wakes)
        for wake in wakes:
            wake()
