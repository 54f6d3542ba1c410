"""The start-up self-test: does every channel speak, is one book right, is the clock in order?

It taps the book messages of the feed. One symbol's book is built level by level; when a second REST snapshot with the number L
arrives, the book as it was at the last update not beyond L is compared with it, level by level, leaving out
the levels that an update straddling L touches.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from perpscope.core.errors import DataError, unknown_name
from perpscope.venues.book_sync import BookMessage
from perpscope.venues.transport.link import stale_after
from perpscope.venues.transport.rest import RestError

if TYPE_CHECKING:
    from perpscope.live.feed import Feed

SETTLE_S = 5.0
_COMPARED_S = 10.0
_DEPTH = 100
Side = dict[float, float]


@dataclass
class Finding:
    """`passed` is None until it is known."""

    passed: bool | None = None
    note: str = "not finished"


@dataclass
class SelfTest:
    """`findings` by what was tested: "symbols", "clock", "book SYMBOL", "channels"."""

    findings: dict[str, Finding] = field(default_factory=dict)
    watched: str = ""
    bids: Side = field(default_factory=dict)
    asks: Side = field(default_factory=dict)
    last_id: int = -1
    since: list[BookMessage] | None = None

    def heard(self, symbol: str, message: BookMessage) -> None:
        """A book message that passed the sequence machine."""
        if symbol == self.watched:
            if self.since is not None:
                self.since.append(message)
            else:
                self._apply(message)

    def _apply(self, message: BookMessage) -> None:
        if message.snapshot:
            self.bids, self.asks = {}, {}
        for side, levels in ((self.bids, message.bids), (self.asks, message.asks)):
            for price, quantity in levels:
                if quantity:
                    side[price] = quantity
                else:
                    side.pop(price, None)
        self.last_id = message.last_id

    async def run(self, feed: Feed) -> None:
        """Once, from the start of the feed."""
        await feed.ready.wait()
        books = [t.symbol for h in feed.health.values() for t in h.tracks.values() if t.book is not None]
        self.watched = next((s for s in books if feed.door.ask_snapshot(s) is not None), "")
        feed.book_tap = self.heard if self.watched else None
        self._judge_symbols(feed)
        self._judge_clock(feed)
        await asyncio.sleep(SETTLE_S)
        if self.watched:
            await self._judge_book(feed)
            feed.book_tap = None
        await self._judge_channels(feed)

    def _judge_symbols(self, feed: Feed) -> None:
        """Doors may list only one of their products, so that an unlisted symbol is told, not refused."""
        unlisted = [str(unknown_name(f"contract listed by {feed.venue}", s, feed.instruments)) for s in feed.symbols]
        wrong = [told for told, s in zip(unlisted, feed.symbols, strict=True) if s not in feed.instruments]
        self.findings["symbols"] = Finding(not wrong, " ".join(wrong) or "all are listed")

    def _judge_clock(self, feed: Feed) -> None:
        if not feed.offset.known:
            self.findings["clock"] = Finding(False, "the venue did not tell its time")
            return
        told = f"the venue's clock is {feed.offset.ns / 1e6:+.0f} ms from ours, known to {feed.offset.error_ns / 1e6:.0f} ms"
        self.findings["clock"] = Finding(not feed.offset.alarming, told)

    async def _judge_channels(self, feed: Feed) -> None:
        """Every channel within its own silence; one that is rightly quiet for long is waited for, the others are told."""
        started = feed.clock.monotonic()
        while True:
            silent = [h.channel for h in feed.health.values() if not h.count]
            passed = feed.clock.monotonic() - started
            overdue = [c.key for c in silent if passed > stale_after(c)]
            if not silent:
                self.findings["channels"] = Finding(True, f"all {len(feed.health)} channels have spoken")
                return
            note = f"silent: {', '.join(c.key for c in silent)}"
            self.findings["channels"] = Finding(False if overdue else None, note)
            if len(overdue) == len(silent):
                return
            await asyncio.sleep(1.0)

    async def _judge_book(self, feed: Feed) -> None:
        name = f"book {self.watched}"
        self.findings[name] = finding = Finding()
        ask = feed.door.ask_snapshot(self.watched)
        if ask is None or self.last_id < 0:
            finding.note = "the book is not whole yet"
            self.watched = ""
            return
        self.since = []
        try:
            shot = feed.door.read_snapshot(self.watched, await feed.rest.ask(ask, priority=6), feed.clock.now())
            async with asyncio.timeout(_COMPARED_S):
                while self.last_id < shot.last_id and not any(m.last_id >= shot.last_id for m in self.since):
                    await asyncio.sleep(0.05)
            finding.passed, finding.note = self._compare(shot)
        except (RestError, DataError, ValueError) as fault:
            finding.note = f"no snapshot to compare with: {fault}"
        except TimeoutError:
            finding.passed, finding.note = False, "the stream fell behind the snapshot"
        finally:
            self.since, self.watched = None, ""
            self.bids, self.asks = {}, {}

    def _compare(self, shot: BookMessage) -> tuple[bool | None, str]:
        if self.last_id > shot.last_id:
            return None, "the snapshot was older than the stream"
        touched: set[float] = set()
        for message in self.since or []:
            if message.last_id <= shot.last_id:
                self._apply(message)
            else:
                touched = {price for price, _ in (*message.bids, *message.asks)}
                break
        wrong = compared = 0
        for ours, theirs in ((self.bids, shot.bids), (self.asks, shot.asks)):
            for price, quantity in theirs[:_DEPTH]:
                if price not in touched:
                    compared += 1
                    wrong += ours.get(price) != quantity
        return wrong == 0, f"{compared} levels compared with a snapshot, {wrong} differ"

    def plain(self) -> dict[str, Any]:
        return {name: {"passed": f.passed, "note": f.note} for name, f in self.findings.items()}
