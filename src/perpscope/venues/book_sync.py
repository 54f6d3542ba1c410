"""The sequence machine of every venue's book: which updates count, which are dropped, and where the chain broke.

    BUFFERING --snapshot--> BRIDGING --first update that bridges it--> LIVE --update that does not follow--> gap, BUFFERING

Nothing here fetches anything: a caller that finds the machine BUFFERING asks the venue for a snapshot. A venue supplies a
`SequenceRule` of pure predicates. While it is not LIVE or BRIDGING no update passes, so a book fed with what passes is
either right or absent.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple, Protocol

import numpy as np

from perpscope.core.events import BOOK_DELTA, GAP, BookSide, GapCause, GapKind
from perpscope.core.table import Table

NO_ID = -1
Level = tuple[float, float]


class BookMessage(NamedTuple):
    """A snapshot or an update as the venue sent it: times in ns, ids NO_ID where the venue gives none, quantities in the
    venue's unit (contracts, coins), 0 for a level that is gone."""

    exchange_ts: int
    receive_ts: int
    first_id: int
    last_id: int
    previous_id: int
    bids: list[Level]
    asks: list[Level]
    snapshot: bool = False


class SequenceRule(Protocol):
    """What the sequence numbers of a venue mean."""

    def contains(self, snapshot: BookMessage, update: BookMessage) -> bool:
        """The snapshot already holds the update."""
        ...

    def bridges(self, snapshot: BookMessage, update: BookMessage) -> bool:
        """The update is the first that may be applied to the snapshot."""
        ...

    def follows(self, last: BookMessage, update: BookMessage) -> bool | None:
        """Nothing was lost between the two; None where the venue's numbers cannot tell."""
        ...

    def repeats(self, last: BookMessage, update: BookMessage) -> bool:
        """The update is an old one, sent again."""
        ...

    def restarts(self, update: BookMessage) -> bool:
        """The update is to be taken as a snapshot, whatever it calls itself."""
        ...


class SyncState(IntEnum):
    """BUFFERING: a snapshot is needed. BRIDGING: one is there, the first update is awaited. LIVE: the chain is whole."""

    BUFFERING = 1
    BRIDGING = 2
    LIVE = 3


@dataclass
class BookSync:
    """One book's machine. `counts` says what became of the messages: applied, contained, repeated, refused snapshots,
    before_snapshot (pushed out of a full buffer), untestable (applied although the venue's numbers cannot tell a loss)."""

    rule: SequenceRule
    buffer_size: int = 10_000
    state: SyncState = SyncState.BUFFERING
    counts: Counter[str] = field(default_factory=Counter)
    gaps: list[tuple[int, int, GapCause]] = field(default_factory=list)
    _buffer: deque[BookMessage] = field(default_factory=deque)
    _last: BookMessage | None = None
    _latest_ts: int = -(2**63)

    @property
    def buffered(self) -> int:
        """Updates that wait for a snapshot."""
        return len(self._buffer)

    def feed(self, message: BookMessage) -> list[BookMessage]:
        """What may be applied now, in order; times never run back. A snapshot comes out before the updates it bridges.

        Example:
            >>> from perpscope.venues.binance.book import FuturesRule
            >>> sync = BookSync(FuturesRule())
            >>> sync.feed(BookMessage(5, 5, 99, 103, 98, [(99.0, 2.0)], []))
            []
            >>> told = sync.feed(BookMessage(6, 6, 100, 100, -1, [(99.0, 5.0)], [(100.0, 3.0)], snapshot=True))
            >>> [m.last_id for m in told], sync.state.name
            ([100, 103], 'LIVE')
        """
        restarts = self.rule.restarts(message)
        if restarts:
            self._buffer.clear()  # what waited there belongs to the book before
        if message.snapshot or restarts:
            return self._snapshot(message._replace(snapshot=True))
        if self.state is SyncState.BUFFERING:
            self._buffer.append(message)
            if len(self._buffer) > self.buffer_size:
                self._buffer.popleft()
                self.counts["before_snapshot"] += 1
            return []
        return self._update(message)

    def lost(self, since: int, until: int, cause: GapCause = GapCause.DISCONNECT) -> None:
        """The connection broke, or the caller found the book wrong (a checksum): back to BUFFERING."""
        self.gaps.append((since, until, cause))
        self.state, self._last = SyncState.BUFFERING, None
        self._buffer.clear()

    def _snapshot(self, shot: BookMessage) -> list[BookMessage]:
        waiting = [m for m in self._buffer if not self.rule.contains(shot, m)]
        if waiting and not self.rule.bridges(shot, waiting[0]):
            self.counts["refused snapshots"] += 1  # older than the buffer: mixing the two would hide a loss
            return []
        self.counts["contained"] += len(self._buffer) - len(waiting)
        self._buffer.clear()
        last = self._last
        if self.state is not SyncState.BUFFERING and last is not None and not self._continues(last, shot):
            self.gaps.append((last.exchange_ts + 1, max(shot.exchange_ts, last.exchange_ts + 1), GapCause.SEQUENCE))
        if waiting:
            # one without a time of its own carries our receive time, and our clock may run behind the venue's
            own = shot.exchange_ts != shot.receive_ts
            bridge = waiting[0].exchange_ts
            shot = shot._replace(exchange_ts=min(shot.exchange_ts, bridge) if own else bridge)
        self.state, self._last = SyncState.BRIDGING, shot
        self.counts["snapshots"] += 1
        return [self._emit(shot), *(out for m in waiting for out in self._update(m))]

    def _continues(self, last: BookMessage, shot: BookMessage) -> bool:
        return shot.last_id == last.last_id or self.rule.follows(last, shot) is not False

    def _update(self, message: BookMessage) -> list[BookMessage]:
        last = self._last
        if last is None:
            self._buffer.append(message)
            return []
        if self.state is SyncState.BRIDGING:
            if self.rule.contains(last, message):
                self.counts["contained"] += 1
                return []
            if not self.rule.bridges(last, message):
                return self._broken(last, message)
        else:
            if self.rule.repeats(last, message):
                self.counts["repeated"] += 1
                return []
            follows = self.rule.follows(last, message)
            if follows is False:
                return self._broken(last, message)
            self.counts["untestable"] += follows is None
        self.state, self._last = SyncState.LIVE, message
        self.counts["applied"] += 1
        return [self._emit(message)]

    def _broken(self, last: BookMessage, message: BookMessage) -> list[BookMessage]:
        since = last.exchange_ts + 1
        self.lost(since, max(since, message.exchange_ts), GapCause.SEQUENCE)
        self._buffer.append(message)
        return []

    def _emit(self, message: BookMessage) -> BookMessage:
        """An update cannot take effect before the one it follows."""
        self._latest_ts = max(self._latest_ts, message.exchange_ts)
        return message if message.exchange_ts == self._latest_ts else message._replace(exchange_ts=self._latest_ts)

    def gap_table(self) -> Table:
        """The gaps as events."""
        if not self.gaps:
            return GAP.empty()
        since, until, cause = (list(column) for column in zip(*self.gaps, strict=True))
        kind = [int(GapKind.BOOK_DELTA)] * len(since)
        return Table.of(GAP, ref_ts=since, known_ts=until, end_ts=until, kind=kind, cause=[int(c) for c in cause])


def book_table(messages: Iterable[BookMessage], face: float | None = None) -> Table:
    """Messages as rows of `book_delta`: bids before asks, the first row of a snapshot flagged.

    Inputs: `face` is the contract's value in USD where quantities are contracts of an inverse instrument; they become
    base units, contracts x face / price. A message without levels leaves no row.
    """
    kept = [m for m in messages if m.bids or m.asks]
    counts = np.array([len(m.bids) + len(m.asks) for m in kept], np.int64)
    levels = np.array([level for m in kept for side in (m.bids, m.asks) for level in side], np.float64).reshape(-1, 2)
    per_side = np.array([n for m in kept for n in (len(m.bids), len(m.asks))], np.int64)
    side = np.repeat(np.tile(np.array([BookSide.BID, BookSide.ASK], np.int8), len(kept)), per_side)
    flags = np.zeros(len(levels), np.bool_)
    starts = np.cumsum(counts) - counts
    flags[starts[[k for k, m in enumerate(kept) if m.snapshot]]] = True
    columns = {
        name: np.repeat(np.array([m[k] for m in kept], np.int64), counts)
        for name, k in (("exchange_ts", 0), ("receive_ts", 1), ("sequence", 3))
    }
    price, quantity = levels[:, 0], levels[:, 1]
    base = quantity if face is None else quantity * face / price
    return Table.of(BOOK_DELTA, side=side, price=price, quantity=base, snapshot=flags, **columns)
