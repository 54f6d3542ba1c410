"""One book of a feed: the sequence machine, what is declared when its chain breaks, and two sockets at once.

    broken at t1, noticed at t2, whole again with a snapshot of t3:  gap [t1, t2) at t2, so that nobody trusts the book from
    then on, and gap [t2, t3) at t3, because what lies between was never applied.

While a second socket stands beside the first one its messages wait; when it takes over, those that the first one brought are
dropped, and the first that follows the last applied goes on, so that no snapshot is needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from perpscope.core.events import GapCause
from perpscope.venues.book_sync import BookMessage, BookSync, SequenceRule, SyncState
from perpscope.venues.transport.link import Line

_WAITING = 20_000
_RESTARTED_NS = 1_000_000_000


class BookTeller(Protocol):
    """Where a keeper's news goes."""

    def passed(self, message: BookMessage) -> None: ...

    def absent(self, start_ts: int, end_ts: int, cause: GapCause, note: str) -> None: ...

    def whole(self, is_whole: bool) -> None: ...


class BookKeeper:
    """`ask` is called when a snapshot is needed. `resyncs` counts the times the chain broke; `refused` the snapshots that
    were older than what is buffered."""

    def __init__(self, rule: SequenceRule, teller: BookTeller, ask: Callable[[], None]) -> None:
        self.sync = BookSync(rule)
        self.last: BookMessage | None = None
        self.resyncs = 0
        self.broken_from: int | None = None
        self.changed = asyncio.Event()
        self._cause = GapCause.SEQUENCE
        self._teller, self._ask = teller, ask
        self._waiting: list[BookMessage] = []
        self._whole = False

    @property
    def is_whole(self) -> bool:
        return self.sync.state is not SyncState.BUFFERING

    @property
    def buffered(self) -> bool:
        """An update waits for its snapshot, so that one asked for now can be bridged."""
        return self.sync.buffered > 0

    def take(self, line: Line, message: BookMessage) -> None:
        if line.primary:
            self.apply(message)
        elif len(self._waiting) < _WAITING:
            self._waiting.append(message)

    def apply(self, message: BookMessage) -> None:
        """A message of the stream, or a snapshot by REST."""
        sync = self.sync
        told = sync.feed(message)
        if told:
            # first what was broken until now: the updates that waited for this snapshot may break the chain again
            if self.broken_from is not None:
                if told[0].exchange_ts > self.broken_from:
                    self._teller.absent(self.broken_from, told[0].exchange_ts, self._cause, "until the new snapshot")
                self.broken_from = None
            for one in told:
                self._teller.passed(one)
            self.last = told[-1]
        elif self._counts_anew(message):
            self.lost(message.exchange_ts, GapCause.SEQUENCE)
            sync.feed(message)
        if sync.gaps:
            self._declare()
        if sync.state is SyncState.BUFFERING:
            self._tell_whole(False)
            self._ask()
        else:
            self._tell_whole(True)

    def _counts_anew(self, message: BookMessage) -> bool:
        """An update dropped for its old number, but younger than the last one by far: the venue has begun anew."""
        last = self.last
        return last is not None and self.is_whole and message.exchange_ts > last.exchange_ts + _RESTARTED_NS

    def lost(self, until: int, cause: GapCause = GapCause.DISCONNECT) -> None:
        """The connection is gone, or the book was found wrong, at `until` by the venue's clock."""
        self._waiting.clear()
        if self.last is not None and self.is_whole:
            since = self.last.exchange_ts + 1
            self.sync.lost(since, max(since, until), cause)
            self._declare()
        else:
            self.sync.lost(until, until, cause)
            self.sync.gaps.clear()  # what is absent is told already, and goes on being absent
        self._tell_whole(False)

    def resume(self, from_ts: int) -> None:
        """An earlier run had the book up to `from_ts`; what follows until the first snapshot is absent."""
        self.broken_from, self._cause = from_ts, GapCause.DISCONNECT

    def switched(self) -> None:
        """The second socket is the only one now."""
        waiting, self._waiting = self._waiting, []
        last = self.last
        if last is not None and self.is_whole:
            rule = self.sync.rule
            for at, message in enumerate(waiting):
                if not message.snapshot and rule.follows(last, message):
                    waiting = waiting[at:]
                    break
            else:
                waiting = [m for m in waiting if m.exchange_ts > last.exchange_ts]
        for message in waiting:
            self.apply(message)

    def end(self, until: int) -> None:
        """The feed stops: what was still broken is declared up to here."""
        if self.broken_from is not None and until > self.broken_from:
            self._teller.absent(self.broken_from, until, self._cause, "stopped before a new snapshot")

    def _declare(self) -> None:
        for since, until, cause in self.sync.gaps:
            self.resyncs += 1
            self._teller.absent(since, until, cause, "the chain of updates broke")
            if self.sync.state is SyncState.BUFFERING:
                self.broken_from, self._cause = until, cause
        self.sync.gaps.clear()

    def _tell_whole(self, is_whole: bool) -> None:
        if is_whole is not self._whole:
            self._whole = is_whole
            self._teller.whole(is_whole)
            self.changed.set()
