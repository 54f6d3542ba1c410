"""What the simulated venue has to say: frames on tracks, and the tape that holds the tracks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

MS = 1_000_000
NO_ID = -1


class Frame(NamedTuple):
    """One message of one channel, without the envelope of a connection.

    `at` is when it is sent, ns UTC of market time; it never runs back along a track. `order` breaks ties between tracks.
    `first` and `last` are the ids it carries (NO_ID: it has none), `ids` all of them where they are not contiguous.
    `exchange_ts` is the event's own time in ns, `events` how many events it holds (-1: a message of no
    tape). `whole`: it holds a whole book.
    """

    at: int
    order: int
    data: bytes
    exchange_ts: int
    first: int = NO_ID
    last: int = NO_ID
    events: int = 1
    ids: tuple[int, ...] = ()
    whole: bool = False


@dataclass
class Track:
    """The frames of one channel in the order of sending. `topic` is the dialect's one spelling of the channel, `kind` the
    house's word for what it brings ("trade", "book_delta", ...), `channel` the channel's name without the symbol."""

    topic: str
    channel: str
    kind: str
    symbol: str
    frames: list[Frame] = field(default_factory=list)

    def position(self, at: int) -> int:
        """Index of the first frame at or after a time."""
        return bisect_left(self.frames, at, key=lambda frame: frame.at)


@dataclass
class Tape:
    """Everything a venue will say. `make` builds a track that is asked for the first time (a bar channel, an array of all
    symbols) and returns None for a channel that the source cannot fill. `facts` is what the dialect's REST answers stand
    on, by symbol."""

    symbols: Sequence[str]
    tracks: dict[str, Track]
    facts: dict[str, Any]
    start: int
    end: int
    make: Callable[[str], Track | None] = lambda topic: None

    def track(self, topic: str) -> Track | None:
        if topic not in self.tracks:
            made = self.make(topic)
            if made is None:
                return None
            self.tracks[topic] = made
        return self.tracks[topic]


def span(tracks: Sequence[Track]) -> tuple[int, int]:
    """Times of the first and the last frame of all tracks."""
    filled = [track.frames for track in tracks if track.frames]
    return min(f[0].at for f in filled), max(f[-1].at for f in filled)
