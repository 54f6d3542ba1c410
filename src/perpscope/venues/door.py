"""The door of a venue: everything that is particular about it, without a socket.

A door says which channels carry a kind of event, what to send to subscribe, what a payload means, and which REST request
answers a question. It never opens a connection, never waits and never reads a clock: the transport does that, the same for
every venue, so that a door is tested with payloads alone and the same code reads live sockets, recordings and fuzz.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple, Protocol

from perpscope.core.events import LiquidationFeed
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.venues.book_sync import BookMessage, SequenceRule

Values = tuple[Any, ...]
"""One event, its values in the order of the schema of its stream."""


class Told(IntEnum):
    """What a message was."""

    EVENTS = 1
    ACKNOWLEDGED = 2
    REFUSED = 3
    PONG = 4
    PING = 5
    UNKNOWN = 6


class Message(NamedTuple):
    """One payload, read. `channel` is the `Channel.key` it belongs to ("" for control messages). `rows` are
    (stream, values); a book message comes as `book` instead, because it must pass the sequence machine first. `first_id` and
    `last_id` count what must be contiguous on this channel (-1: nothing is). `left_out` counts what was no market event, by
    reason. `answer` is what must be sent back (a pong). `note` is a refusal's reason in the venue's words. A
    payload about several symbols (an array of a whole market) brings the rest in `others`. Quantities, those of a book too,
    leave a door in base units: `book_table` needs no face value."""

    told: Told
    channel: str = ""
    symbol: str = ""
    rows: Sequence[tuple[str, Values]] = ()
    book: BookMessage | None = None
    first_id: int = -1
    last_id: int = -1
    left_out: Mapping[str, int] = {}
    answer: bytes | None = None
    note: str = ""
    others: Sequence[Message] = ()


@dataclass(frozen=True)
class Channel:
    """One kind of one symbol on one route. `key` is what `Message.channel` says, `topic` what is subscribed. After
    `max_silence_s` without a message the channel is suspect; after three times that (30 s at most beyond it) it is stale."""

    key: str
    topic: str
    kind: str
    symbol: str
    route: str
    max_silence_s: float


@dataclass(frozen=True)
class Ask:
    """A REST request: method, path below the venue's REST address, query, JSON body, and its weight in the venue's budget."""

    path: str
    query: Mapping[str, str | int] = field(default_factory=dict)
    method: str = "GET"
    body: Mapping[str, Any] | None = None
    weight: int = 1


@dataclass(frozen=True)
class Limits:
    """What the venue allows, at the share of it that we use. Times in seconds. `snapshot_after_s`: how long the stream's own
    book snapshot is awaited before `ask_snapshot` is asked (0 where the stream never sends one). Doors with the same `budget`
    share one allowance of weight (an IP's, over several hosts); "" means the door has its own."""

    weight_per_minute: int
    channels_per_socket: int
    control_per_s: float
    lifetime_s: float
    ping_every_s: float
    connections_per_minute: int
    snapshot_after_s: float = 0.0
    budget: str = ""


class Door(Protocol):
    """One product of one venue. Doors are found by name in `venues.registry`.

    `addresses` maps a route to its WebSocket address and "rest" to the REST address; a caller may replace any of them (a
    loopback server). `liquidation_feed` says how complete forced orders are, `contiguous` the kinds whose ids leave no hole.
    """

    name: str
    addresses: Mapping[str, str]
    limits: Limits
    liquidation_feed: LiquidationFeed | None
    contiguous: frozenset[str]

    def with_instruments(self, instruments: Iterable[Instrument]) -> Door:
        """The same door that knows these contracts' sizes. Where a venue counts in contracts, what it says of an instrument
        that is not known cannot be read: `parse` refuses it."""
        ...

    def channels(self, symbol: str, kinds: Sequence[str]) -> list[Channel]:
        """The channels that bring the kinds; several kinds may share one. UserError for a kind the venue does not stream."""
        ...

    def url(self, address: str, channels: Sequence[Channel]) -> str:
        """Where to connect for channels of ONE route. UserError if they lie on several."""
        ...

    def subscribe(self, channels: Sequence[Channel], request_id: int) -> list[bytes]:
        """Control messages to send after connecting; empty where the url says it all."""
        ...

    def unsubscribe(self, channels: Sequence[Channel], request_id: int) -> list[bytes]:
        """Control messages that end the channels; with `subscribe` after it, a stream that sends its own book snapshot is made
        to send a new one. Where the url alone says what is subscribed, the messages work all the same."""
        ...

    def ping(self) -> bytes | None:
        """What to send every `limits.ping_every_s`; None where the protocol's own ping is enough."""
        ...

    def parse(self, payload: bytes, receive_ts: int) -> Message:
        """Read one payload. DataError if it is broken; `Told.UNKNOWN` if it is well formed and of no kind known here."""
        ...

    def rule(self) -> SequenceRule:
        """The sequence rule of its books."""
        ...

    def ask_snapshot(self, symbol: str) -> Ask | None:
        """The request for a book snapshot; None where the stream sends its own."""
        ...

    def read_snapshot(self, symbol: str, payload: bytes, receive_ts: int) -> BookMessage: ...

    def ask_trades(self, symbol: str, from_id: int) -> Ask | None:
        """Public trades from an id on, to fill a hole; None where the venue offers none by id."""
        ...

    def read_trades(self, symbol: str, payload: bytes, receive_ts: int) -> Table: ...

    def ask_polled(self, symbol: str, kind: str) -> Ask | None:
        """The request for a kind that no stream brings (open interest, settled funding); None if it is streamed."""
        ...

    def read_polled(self, symbol: str, kind: str, payload: bytes, receive_ts: int) -> Table: ...

    def ask_time(self) -> Ask: ...

    def read_time(self, payload: bytes) -> int:
        """The venue's time, ns."""
        ...

    def ask_instruments(self) -> Ask: ...

    def read_instruments(self, payload: bytes) -> list[Instrument]: ...
