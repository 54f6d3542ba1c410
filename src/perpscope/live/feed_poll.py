"""Kinds that no stream brings, asked for again and again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from perpscope.core.errors import DataError
from perpscope.core.events import GapCause, stream_schema
from perpscope.core.time import NULL_TS, SECOND
from perpscope.live.feed_plan import Poll
from perpscope.live.feed_seen import Seen
from perpscope.live.feed_track import gap_kind
from perpscope.live.sink import ChannelState
from perpscope.venues.transport.rest import RestError

if TYPE_CHECKING:
    from perpscope.live.feed import Feed

_MISSED = 3


class Poller:
    """One kind of one symbol. After three missed turns it is stale, and when it answers again the time between is a gap."""

    def __init__(self, feed: Feed, poll: Poll, delay_s: float, last_ts: int = NULL_TS) -> None:
        self.poll, self.missed, self.state = poll, 0, ChannelState.CONNECTING
        self.key = f"poll:{poll.kind}:{poll.symbol}"
        self.last_ts = last_ts
        self._resumed = last_ts != NULL_TS
        self._feed, self._delay_s, self._seen = feed, delay_s, Seen(5_000)
        self._names = stream_schema(poll.kind).names

    async def run(self) -> None:
        await asyncio.sleep(self._delay_s)
        while True:
            await self._once()
            await asyncio.sleep(self.poll.every_s)

    async def _once(self) -> None:
        feed, poll = self._feed, self.poll
        ask = feed.door.ask_polled(poll.symbol, poll.kind)
        try:
            if ask is None:
                return
            body = await feed.rest.ask(ask, priority=7, attempts=2)
            table = feed.door.read_polled(poll.symbol, poll.kind, body, feed.clock.now())
        except (RestError, DataError, ValueError) as fault:
            self.missed += 1
            feed.counts["polls failed"] += 1
            feed.sink.raw(feed.venue, str(fault).encode(), feed.clock.now(), f"poll of {poll.kind} failed")
            if self.missed >= _MISSED:
                self._tell(ChannelState.STALE)
            return
        fresh = [
            values
            for values in zip(*(table[n].tolist() for n in self._names), strict=True)
            if values[0] > self.last_ts and self._seen.first((values[0], *map(repr, values[2:])))
        ]
        kind = gap_kind(poll.kind)
        if fresh and kind is not None and self._was_away():
            feed.tell_gap(poll.symbol, kind, self.last_ts + 1, fresh[0][0], GapCause.DISCONNECT, "not asked in between")
        for values in fresh:
            feed.sink.take(feed.venue, poll.symbol, poll.kind, values)
            self.last_ts = max(self.last_ts, values[0])
        self.missed, self._resumed = 0, False
        self._tell(ChannelState.LIVE)

    def _was_away(self) -> bool:
        if self.last_ts == NULL_TS:
            return False
        away = self._feed.venue_now() - self.last_ts > 3 * int(self.poll.every_s * SECOND)
        return away if self._resumed else self.missed >= _MISSED

    def _tell(self, state: ChannelState) -> None:
        if state is not self.state:
            self.state = state
            self._feed.sink.state(self._feed.venue, self.key, state)
