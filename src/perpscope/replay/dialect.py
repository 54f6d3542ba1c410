"""What the server asks of a venue's protocol: no socket, no clock, only words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import msgspec

from perpscope.replay.frames import Frame, Tape, Track
from perpscope.replay.lines import Line
from perpscope.replay.market import Market
from perpscope.replay.scenario import FaultKind


@dataclass
class Session:
    """One WebSocket connection as the protocol sees it. `heard` maps a topic to the name the client subscribed under;
    `opened` is market time of the connection, `deaf` are topics that were acknowledged on a route that does not carry them."""

    number: int
    route: str = ""
    combined: bool = False
    heard: dict[str, str] = field(default_factory=dict)
    opened: int = 0
    deaf: set[str] = field(default_factory=set)
    memory: dict[str, Any] = field(default_factory=dict)


class Reply(NamedTuple):
    """What a control message does: answers to send, topics that begin and end, and whether the venue hangs up (a close
    code and reason)."""

    answers: Sequence[bytes] = ()
    begun: Sequence[str] = ()
    ended: Sequence[str] = ()
    hang_up: tuple[int, str] | None = None


class Answer(NamedTuple):
    """A REST answer."""

    body: bytes
    status: int = 200
    weight: int = 1
    headers: Mapping[str, str] = {}


class Request(NamedTuple):
    """A REST request. `now` is market time in ns: nothing later is told."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    now: int


class Dialect(Protocol):
    """One product of one venue. `sockets` are the paths that open a WebSocket ("{rest}" matches anything)."""

    name: str
    sockets: Sequence[str]
    weight_limit: int
    messages_per_s: int

    def recorded(self, recording: Iterable[Line], symbols: Sequence[str]) -> Tape:
        """Recorded messages of the venue as a tape."""
        ...

    def encode(self, markets: Sequence[Market]) -> Tape:
        """Markets in the venue's words."""
        ...

    def open(self, number: int, path: str, query: Mapping[str, str]) -> tuple[Session, Reply]:
        """A connection is made; the address itself may subscribe."""
        ...

    def hear(self, session: Session, text: bytes) -> Reply:
        """The client said something."""
        ...

    def greet(self, session: Session, topic: str, tape: Tape, told: int) -> list[tuple[Track, Frame]]:
        """What a subscriber is sent at once (a snapshot of the book) when `told` frames of the topic have gone before."""
        ...

    def wrap(self, session: Session, topic: str, track: Track, data: bytes) -> bytes:
        """The frame in the envelope of the connection."""
        ...

    def answer(self, request: Request, tape: Tape) -> Answer:
        """A REST answer as of market time."""
        ...

    def used_weight(self, used: int) -> Mapping[str, str]:
        """Headers that tell the weight used."""
        ...

    def disturbed(self, kind: FaultKind, value: float, session: Session, track: Track, frame: Frame) -> list[Frame]:
        """The frame as a fault of this protocol leaves it (a reset sequence, a checksum of 0, rows of another product). A
        frame with `events` -1 is no message of the tape."""
        ...

    def refusal(self, status: int, wait_s: int) -> Answer:
        """The venue's words for a limit, a ban or an overload."""
        ...


def plain(data: Any) -> bytes:
    """JSON as bytes."""
    return msgspec.json.encode(data)
