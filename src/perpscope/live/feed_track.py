"""What a feed remembers of each channel, and of each symbol on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from perpscope.core.events import GapKind, stream_kind
from perpscope.core.time import NULL_TS, SECOND
from perpscope.live.feed_book import BookKeeper
from perpscope.live.feed_chain import IdChain, Rows
from perpscope.live.feed_seen import Seen, Twice
from perpscope.live.sink import ChannelState
from perpscope.venues.door import Channel, Message, Values
from perpscope.venues.transport.link import Line, Link, stale_after

_ONCE = frozenset({"mark_price", "funding", "open_interest", "bars"})
"""Kinds of which two equal rows are one: a state at an instant."""
_NEVER_HEARD_S = 30.0
QUIET_S = 60.0
"""A channel that may rightly be silent for longer is a quiet one."""
_LEAST_S = 5.0
_MEANS = 50.0
_SETTLED = 200
_TAU_S = 30.0


def gap_kind(stream: str) -> GapKind | None:
    """The kind of gap that a hole in a stream is; None where holes show by themselves (bars) or cannot be (funding)."""
    name = stream_kind(stream).upper()
    return GapKind[name] if name in GapKind.__members__ else None


@dataclass(eq=False, slots=True)
class Track:
    """One symbol on one channel. `streams` are the ones wanted. `lost_from`: since when its events are absent, undeclared."""

    symbol: str
    streams: set[str]
    chain: IdChain | None = None
    book: BookKeeper | None = None
    last_ts: int = NULL_TS
    last_receive: int = NULL_TS
    lost_from: int | None = None
    seen: Seen = field(default_factory=Seen)
    twice: Twice = field(default_factory=Twice)
    filling: bool = False

    def unseen(self, line: Line, rows: Rows, overlapping: bool) -> Rows:
        """Rows of a message without contiguous ids, without those that came already and those nobody wanted."""
        return [row for row in rows if row[0] in self.streams and self._fresh(line, row, overlapping)]

    def _fresh(self, line: Line, row: tuple[str, Values], overlapping: bool) -> bool:
        stream, values = row
        if stream == "trade" and values[2] >= 0:
            return self.seen.first(values[2])
        key = (stream, values[0], *values[2:])
        if stream_kind(stream) in _ONCE:
            return self.seen.first(key)
        return not overlapping or self.twice.fresh(line.number, key)


@dataclass(eq=False, slots=True)
class Health:
    """Whether a channel speaks. `count` of its messages; `rate` a second, a mean over half a minute."""

    channel: Channel
    link: Link
    tracks: dict[str, Track]
    count: int = 0
    counted: int = 0
    heard_at: float = 0.0
    opened_at: float = 0.0
    rate: float = 0.0
    heard: bool = False
    renewed_at: float = -1e9
    renewals: int = 0
    state: ChannelState = ChannelState.CONNECTING

    def opened(self, now: float) -> None:
        self.opened_at = self.heard_at = now
        self.heard = False  # its rate is a fact of the market and outlives the connection

    def tick(self, now: float, passed: float) -> ChannelState:
        """The state at `now`, `passed` seconds after the last tick. A channel that never spoke since it was subscribed is
        stale after 30 s (if it is no quiet one); one that did, after fifty times its mean interval, between 5 s and what
        the venue's door promises."""
        fresh = self.count - self.counted
        self.counted = self.count
        share = min(1.0, passed / _TAU_S)
        self.rate += share * (fresh / passed - self.rate) if passed > 0 else 0.0
        if fresh:
            self.heard_at, self.heard = now, True
        return self._judge(now)

    def _judge(self, now: float) -> ChannelState:
        limit = stale_after(self.channel)
        if not self.heard:
            limit = min(limit, _NEVER_HEARD_S) if self.channel.max_silence_s <= QUIET_S else limit
            return ChannelState.STALE if now - self.opened_at > limit else ChannelState.CONNECTING
        if self.count >= _SETTLED and self.rate > 0:
            limit = min(limit, max(_LEAST_S, _MEANS / self.rate))
        return ChannelState.STALE if now - self.heard_at > limit else ChannelState.LIVE


def fell_silent(channels: Sequence[Health], now: float) -> bool:
    """A whole connection that spoke says nothing for fifty times its mean interval, 5 s at least: half open, most likely."""
    rate = sum(h.rate for h in channels)
    settled = sum(h.count for h in channels) >= _SETTLED
    return settled and now - max(h.heard_at for h in channels) > max(_LEAST_S, _MEANS / max(rate, 1e-9))


def loss_begins(track: Track, tracks: Sequence[Track]) -> int | None:
    """Since when events of a track on a lost connection may be absent, by the venue's clock: after its own last one, or a
    second before the last event of the whole connection. None if nothing was ever heard."""
    newest = max((t.last_ts for t in tracks), default=NULL_TS)
    if newest == NULL_TS:
        return None
    return max(track.last_ts + 1, newest - SECOND) if track.last_ts != NULL_TS else newest - SECOND


def newest_of(message: Message) -> int:
    """The time of the last row of a message, NULL_TS without rows."""
    return int(message.rows[-1][1][0]) if message.rows else NULL_TS
