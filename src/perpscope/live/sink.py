"""What a feed tells, and to whom: the five sentences of a venue, whatever the venue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

from perpscope.core.events import GapCause, GapKind
from perpscope.core.table import Table
from perpscope.venues.book_sync import BookMessage
from perpscope.venues.door import Values


class ChannelState(IntEnum):
    """CONNECTING: subscribed, nothing heard yet. LIVE: heard within its silence. STALE: silent for longer, or a book whose
    chain broke. LOST: no connection. A factor that rests on a channel that is not LIVE must not speak."""

    CONNECTING = 1
    LIVE = 2
    STALE = 3
    LOST = 4


class Sink(Protocol):
    """What takes the events of feeds. Calls come from one thread, must not wait and must not fail."""

    def take(self, venue: str, symbol: str, stream: str, values: Values) -> None:
        """One event, its values in the order of the stream's schema."""
        ...

    def book(self, venue: str, symbol: str, message: BookMessage) -> None:
        """A book message that passed the sequence machine, quantities in the venue's unit."""
        ...

    def gap(self, venue: str, symbol: str, kind: GapKind, start_ts: int, end_ts: int, cause: GapCause, note: str) -> None:
        """Events of a kind are, or may be, absent in [start_ts, end_ts), by the venue's clock."""
        ...

    def raw(self, venue: str, payload: bytes, receive_ts: int, why: str) -> None:
        """A payload that was unknown or rejected, kept as it came."""
        ...

    def state(self, venue: str, channel: str, state: ChannelState) -> None: ...


@dataclass(frozen=True)
class Committed:
    """What has just become durable: tables by (symbol, stream), ordered by their clock, and the gaps by symbol.

    `durable_ts` is when the commit returned, ns. Only what came in a `Committed` may be published as durable.
    """

    venue: str
    tables: Mapping[tuple[str, str], Table]
    gaps: Mapping[str, Table]
    durable_ts: int
    notes: Mapping[str, int] = field(default_factory=dict)
