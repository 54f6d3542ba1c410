"""The live loop: what has become durable is folded, in one thread, and told to whoever listens.

venues -> feed -> hot log (durable) -> here -> graphs -> steps -> page, alerts. Nothing is folded that is not in the lake, so a
run of the same graph over the lake gives the same rows. The recorder knows nothing of this loop and does not wait for it.
"""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar

from perpscope.core.errors import ProgrammerError, UserError, unknown_name
from perpscope.core.instrument import Instrument
from perpscope.core.time import DAY
from perpscope.engine.graph import Graph
from perpscope.lake import Lake, Source
from perpscope.live.arrivals import END_OF_TIME, LATENESS, Arrivals
from perpscope.live.market import BEGINNING, Listener, LiveMarket, last_ids
from perpscope.live.sink import Committed

T = TypeVar("T")


class MakeGraph(Protocol):
    """The graph of an instrument at a time frame. `source` is its history, None where there is none yet; `streams` are those
    that will come, whether or not they have spoken."""

    def __call__(self, instrument: Instrument, streams: frozenset[str], frame: str, source: Source | None) -> Graph: ...


@dataclass(frozen=True)
class Watched:
    """An instrument to follow: its streams, and the frames whose graphs run from the start. `contiguous`: kinds whose ids leave
    no hole."""

    venue: str
    symbol: str
    streams: frozenset[str]
    frames: tuple[str, ...] = ()
    contiguous: frozenset[str] = frozenset()


@dataclass(frozen=True)
class LoopOptions:
    """`lateness`: see `Arrivals`; `warmup`: the history that a graph is started with. Both in ns."""

    lateness: int = LATENESS
    warmup: int = 400 * DAY


@dataclass
class LiveLoop:
    """Graphs of any number of instruments. Everything but `committed`, `do` and `stop` happens in the thread that calls `run`.

    `hold` says until when an instrument may be folded (a channel that is silent or has a hole holds it back); `listing` gives
    what the venue says of an instrument, None while it is not known. `counts`: commits, steps, listeners failed. `faults`: what
    went wrong with an instrument's graphs, by (venue, symbol).
    """

    lake: Lake
    watched: Sequence[Watched]
    make_graph: MakeGraph
    listeners: Sequence[Listener] = ()
    hold: Callable[[str, str], int] = lambda venue, symbol: END_OF_TIME
    listing: Callable[[str, str], Instrument | None] = lambda venue, symbol: None
    options: LoopOptions = field(default_factory=LoopOptions)
    counts: Counter[str] = field(default_factory=Counter)
    markets: dict[tuple[str, str], LiveMarket] = field(default_factory=dict)
    faults: dict[tuple[str, str], str] = field(default_factory=dict)
    _work: queue.SimpleQueue[Any] = field(default_factory=queue.SimpleQueue)
    _held: dict[tuple[str, str], int] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def prepare(self) -> None:
        """Look where the lake ends, before anything new is recorded. Call it once, before the recorder starts."""
        self.lake.refresh()
        for one in self.watched:
            self.markets[one.venue, one.symbol] = self._market(one)

    def committed(self, told: Committed) -> None:
        """What has just become durable; from any thread, never waits. The hold is asked for here, in the recorder's thread."""
        holds = {symbol: self.hold(told.venue, symbol) for symbol in {s for s, _ in told.tables} | told.gaps.keys()}
        self._work.put((told, holds))

    def do(self, work: Callable[[LiveLoop], T]) -> Future[T]:
        """Run something in the loop's thread, between two steps."""
        future: Future[T] = Future()
        self._work.put((work, future))
        return future

    def stop(self) -> None:
        """End after what is queued."""
        self._stopping.set()
        self._work.put(None)

    def run(self) -> None:
        """Fold until `stop`. Frames of the instruments are opened as soon as their contracts are known."""
        if not self.markets:
            raise ProgrammerError("The loop was not prepared.")
        while True:
            item = self._work.get()
            if item is None:
                break
            self._handle(item)
        for key, market in self.markets.items():
            self._open_frames(key)
            self._guarded(key, market.finish)

    def open(self, venue: str, symbol: str, frame: str) -> Graph:
        """The graph of an instrument at a frame, started now if it does not run yet. In the loop's thread (`do`).

        Raises:
            UserError: if the instrument is not followed, its contract is not known yet, or the frame cannot be made.
        """
        key = (venue, symbol)
        if key not in self.markets:
            raise unknown_name("instrument that is followed", f"{venue} {symbol}", {f"{v} {s}" for v, s in self.markets})
        market = self.markets[key]
        if frame in market.graphs:
            return market.graphs[frame]
        instrument = self._instrument(venue, symbol)
        source = self._history(market)
        if source is not None:
            instrument = source.instrument
        graph = self.make_graph(instrument, market.streams, frame, source)
        return market.open(frame, graph, source)

    def _handle(self, item: tuple[Any, Any]) -> None:
        first, second = item
        if not isinstance(first, Committed):
            if second.set_running_or_notify_cancel():
                try:
                    second.set_result(first(self))
                except BaseException as fault:
                    second.set_exception(fault)
            return
        self.counts["commits"] += 1
        for symbol, now in second.items():
            key = (first.venue, symbol)
            market = self.markets.get(key)
            if market is None:
                continue
            tables = {stream: table for (s, stream), table in first.tables.items() if s == symbol}
            market.take(tables, first.gaps.get(symbol))
            self._open_frames(key)
            # a hole that was filled after this commit was made is filled by the next: its hold lasts one commit longer
            hold = min(now, self._held.get(key, END_OF_TIME))
            self._held[key] = now
            self._guarded(key, partial(market.advance, hold))

    def _guarded(self, key: tuple[str, str], work: Callable[[], int]) -> None:
        """One instrument's fault must not stop the others: its graphs are closed and say why."""
        try:
            self.counts["steps"] += work()
        except Exception as fault:
            self.counts["failed"] += 1
            self.faults[key] = f"{type(fault).__name__}: {fault}"
            self.markets[key].graphs.clear()

    def _open_frames(self, key: tuple[str, str]) -> None:
        wanted = next(one for one in self.watched if (one.venue, one.symbol) == key)
        if key in self.faults or all(frame in self.markets[key].graphs for frame in wanted.frames):
            return
        try:
            for frame in wanted.frames:
                self.open(*key, frame)
        except NotListedYetError:
            return
        except Exception as fault:
            self.faults[key] = f"{type(fault).__name__}: {fault}"

    def _market(self, one: Watched) -> LiveMarket:
        arrivals = Arrivals(BEGINNING, one.contiguous, self.options.lateness)
        market = LiveMarket(one.venue, one.symbol, one.streams, arrivals, listeners=list(self.listeners))
        known = self._known(market)
        if not known:
            return market
        ends = {stream: self.lake.span(one.venue, one.symbol, stream)[1] for stream in known}
        chained = [end for stream, end in ends.items() if stream in one.contiguous]
        arrivals.begun = min(chained) if chained else max(ends.values())
        for stream in known:
            rest = self.lake.read(one.venue, one.symbol, stream, arrivals.begun, None)
            arrivals.take(stream, rest)
            if stream in one.contiguous:
                last = self.lake.read(one.venue, one.symbol, stream, arrivals.begun - 1, arrivals.begun)
                arrivals.last_id.update(last_ids([(stream, last)]))
        return market

    def _history(self, market: LiveMarket) -> Source | None:
        """The lake up to the watermark, of the streams that are live."""
        until = market.watermark_ts
        if until == BEGINNING:
            return None
        self.lake.refresh()
        streams = sorted(market.streams & set(self.lake.streams(market.venue, market.symbol, until)))
        if not streams:
            return None
        return self.lake.source(market.venue, market.symbol, streams, start=until - self.options.warmup, end=until)

    def _known(self, market: LiveMarket) -> list[str]:
        if (market.venue, market.symbol) not in {(i.venue, i.symbol) for i in self.lake.instruments()}:
            return []
        return sorted(market.streams & set(self.lake.streams(market.venue, market.symbol)))

    def _instrument(self, venue: str, symbol: str) -> Instrument:
        """What the lake was told of the instrument; told now where the venue has said it and nobody wrote it down."""
        declared = {(i.venue, i.symbol) for i in self.lake.catalogue.instruments}
        if (venue, symbol) not in declared:
            told = self.listing(venue, symbol)
            if told is None:
                raise NotListedYetError(f"The contract of {venue} {symbol} is not known yet. Wait a moment.")
            self.lake.declare(told)
        known = {(i.venue, i.symbol): i for i in self.lake.instruments()}
        found = known.get((venue, symbol)) or self.listing(venue, symbol)
        if found is None:
            raise NotListedYetError(f"Nothing is known of {venue} {symbol} yet. Wait a moment.")
        return found


class NotListedYetError(UserError):
    """The venue has not said yet what the contract is."""


def states(loop: LiveLoop) -> list[Mapping[str, Any]]:
    """One entry an instrument: watermark, frames, steps, what came too late, what went wrong."""
    return [
        {
            "venue": venue,
            "symbol": symbol,
            "watermark_ts": market.watermark_ts,
            "frames": sorted(market.graphs),
            "late": dict(market.arrivals.counts),
            "fault": loop.faults.get((venue, symbol), ""),
        }
        for (venue, symbol), market in loop.markets.items()
    ]
