"""The feed of one venue: door and transport in front, a `Sink` behind.

    sockets -> parse -> (books: sequence machine | ids: chain | the rest: seen before?) -> sink

Nothing of the world stops it: what cannot be read is counted and kept raw, what is missing is filled by REST where the venue
sells trades by id, and what cannot be filled is declared as a gap. Time is the venue's where it is said, and our own only for
waiting. All of it runs in one thread of asyncio; clocks, chance and the network are given.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from perpscope.core.errors import DataError
from perpscope.core.events import GapCause, GapKind
from perpscope.core.instrument import Instrument
from perpscope.core.time import DAY, NULL_TS, SECOND
from perpscope.live.feed_book import BookKeeper
from perpscope.live.feed_chain import IdChain, Rows
from perpscope.live.feed_fill import fill
from perpscope.live.feed_plan import Plan, plan
from perpscope.live.feed_poll import Poller
from perpscope.live.feed_repair import repair
from perpscope.live.feed_track import Health, Track, fell_silent, gap_kind, loss_begins
from perpscope.live.sink import ChannelState, Sink
from perpscope.venues.book_sync import BookMessage
from perpscope.venues.door import Channel, Door, Message, Told
from perpscope.venues.transport.backoff import backoff
from perpscope.venues.transport.budget import Budget, TokenBucket
from perpscope.venues.transport.clock import Clock, ClockOffset, RoundTrip
from perpscope.venues.transport.link import TICK_S, Line, Link
from perpscope.venues.transport.network import Network
from perpscope.venues.transport.rest import Rest, RestError

_UNREADABLE = (DataError, ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError, RecursionError)
"""What a payload can make a parser raise. Anything else is our own fault and must be heard."""

_SETTLE_S = 2.0
_FORGET_S = 30.0


class Mark(NamedTuple):
    """How far an earlier run came in a stream: the venue's time and the id of its last row (-1 without ids)."""

    ts: int
    last_id: int


@dataclass(frozen=True)
class FeedOptions:
    """`lag_limit_s`: a trade or book channel that stays further behind for `lag_patience_s` has its socket dropped; None
    where the venue's clock runs at another pace (a replay). `time_every_s`: how often the venue is asked for its time.
    `patience_s`: how long trades are held for missing ones without progress; `held_most`: how many are held. A hole of more
    than `fill_most` ids is declared, not filled."""

    lag_limit_s: float | None = 5.0
    lag_patience_s: float = 10.0
    time_every_s: float = 60.0
    patience_s: float = 20.0
    held_most: int = 200_000
    fill_most: int = 500_000


class Feed:
    """Channels of one venue into a sink. `counts`: unreadable, unknown, refused, left out by reason, reconnects, holes filled
    and declared. `health` by channel key, `offset` the venue's clock minus ours, `instruments` by symbol once known."""

    def __init__(
        self,
        door: Door,
        symbols: Sequence[str],
        kinds: Sequence[str],
        sink: Sink,
        network: Network,
        clock: Clock,
        rng: random.Random,
        addresses: Mapping[str, str] | None = None,
        resume: Mapping[tuple[str, str], Mark] | None = None,
        budget: Budget | None = None,
        options: FeedOptions | None = None,
    ) -> None:
        self.venue, self.symbols, self.kinds = door.name, list(symbols), list(kinds)
        self.plan: Plan = plan(door, symbols, kinds)
        self.door, self.sink, self.clock, self.options = door, sink, clock, options or FeedOptions()
        self.counts: Counter[str] = Counter()
        self.offset = ClockOffset()
        self.latest_ts = NULL_TS
        self.instruments: dict[str, Instrument] = {}
        self.links: list[Link] = []
        self.health: dict[str, Health] = {}
        self.pollers: list[Poller] = []
        self._tracks: dict[tuple[str, str], tuple[Health, Track]] = {}
        self._chains: dict[tuple[str, str], IdChain] = {}
        self.ready = asyncio.Event()
        self.book_tap: Callable[[str, BookMessage], None] | None = None
        self._addresses = dict(addresses or door.addresses)
        self._network, self.rng = network, rng
        self._resume = dict(resume or {})
        self._budget = budget or Budget(door.limits.weight_per_minute, clock.monotonic)
        self.rest = Rest(network, self._addresses["rest"], self._budget, rng)
        self._parse, self._now, self._take = door.parse, clock.now, sink.take
        self._offset_ns = 0
        self._overlapping_until = -1.0
        self._group: asyncio.TaskGroup | None = None
        self._lagging: dict[str, float] = {}

    # ------------------------------------------------------------------ life

    async def run(self) -> None:
        """Until cancelled; on the way out what is still open is declared."""
        try:
            await self._prepare()
            self._build()
            async with asyncio.TaskGroup() as group:
                self._group = group
                for link in self.links:
                    self.spawn(link.run())
                for poller in self.pollers:
                    self.spawn(poller.run())
                self.spawn(self._watch())
                self.spawn(self._tell_time())
                self.ready.set()
        finally:
            self._group = None
            self._finish()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run beside the feed, ending with it."""
        if self._group is not None:
            self._group.create_task(work)
        else:
            work.close()

    async def _prepare(self) -> None:
        """The venue's time and contracts; without the contracts sizes cannot be read, so they are asked for until told."""
        await self._ask_time(attempts=2)
        attempt = 0
        while not self.instruments:
            try:
                told = self.door.read_instruments(await self.rest.ask(self.door.ask_instruments(), priority=0))
                self.door = self.door.with_instruments(told)
                self._parse = self.door.parse
                self.instruments = {i.symbol: i for i in told}
                return
            except (RestError, *_UNREADABLE) as fault:
                self.counts["instruments not told"] += 1
                for channel in {key for key, _ in self.plan.streams}:
                    self.sink.state(self.venue, channel, ChannelState.LOST)
                self.sink.raw(self.venue, str(fault).encode(), self._now(), "instruments not told")
                await asyncio.sleep(backoff(attempt, self.rng, first=1.0))
                attempt += 1

    def _build(self) -> None:
        connects = TokenBucket(self.door.limits.connections_per_minute / 60.0, 5.0, self.clock.monotonic)
        for channels in self.plan.links:
            address = self._addresses[channels[0].route]
            link = Link(self.door, address, channels, self._network, self.clock, self.rng, connects, self)
            self.links.append(link)
            for channel in channels:
                tracks = {s: self._track(channel, s) for key, s in self.plan.streams if key == channel.key}
                self.health[channel.key] = health = Health(channel, link, tracks)
                for symbol, track in tracks.items():
                    self._tracks[channel.key, symbol] = health, track
                    if track.chain is not None:
                        self._chains[channel.key, symbol] = track.chain
        for number, poll in enumerate(self.plan.polls):
            mark = self._resume.get((poll.symbol, poll.kind))
            self.pollers.append(Poller(self, poll, number * 0.2, mark.ts if mark else NULL_TS))

    def _track(self, channel: Channel, symbol: str) -> Track:
        streams = self.plan.streams[channel.key, symbol]
        track = Track(symbol, set(streams))
        marks = [self._resume[symbol, s] for s in streams if (symbol, s) in self._resume]
        if "trade" in streams and "trade" in self.door.contiguous:
            track.chain = IdChain()
            if marks and marks[0].last_id >= 0:
                track.chain = IdChain(marks[0].last_id + 1, marks[0].ts)
        elif "book_delta" in streams:
            teller = _Told(self, channel.key, symbol)
            book = BookKeeper(self.door.rule(), teller, lambda: self._needs_snapshot(channel, track, book))
            if marks:
                book.resume(marks[0].ts + 1)
            track.book = book
        elif marks:
            track.lost_from = min(m.ts for m in marks) + 1
        return track

    def _finish(self) -> None:
        """Declare what is still open: the recording ends here, and nobody may take silence for quiet."""
        until = self.venue_now()
        for health in self.health.values():
            for track in health.tracks.values():
                chain = track.chain
                while chain is not None and chain.hole is not None:
                    self.give_up(track, chain, "stopped before it was filled")
                if track.book is not None:
                    track.book.end(until)
                elif chain is None and track.lost_from is not None and track.last_ts != NULL_TS:
                    self._close_loss(track, until, "stopped before it came back")

    # ------------------------------------------------------------------ what arrives

    def deliver(self, line: Line, payload: bytes) -> None:
        """One payload of a socket: the hot path. What follows in its chain of ids goes straight to the sink."""
        line.count += 1
        receive_ts = self._now()
        try:
            message = self._parse(payload, receive_ts)
        except _UNREADABLE as fault:
            self.counts["unreadable"] += 1
            self.sink.raw(self.venue, payload, receive_ts, str(fault)[:300])
            return
        told, key, symbol, rows, _, first_id, last_id, left_out, _, _, others = message
        if told is not Told.EVENTS:
            self._control(line, message, payload, receive_ts)
            return
        chain = self._chains.get((key, symbol))
        if chain is None or first_id != chain.next_id or chain.held or not rows or left_out or others or not line.primary:
            self._event(line, message, payload, receive_ts)
            for other in others:
                self._event(line, other, payload, receive_ts)
            return
        ts = rows[-1][1][0]
        if not -DAY < ts - receive_ts - self._offset_ns < DAY and not self._dated(ts, payload, receive_ts):
            return
        health, track = self._tracks[key, symbol]
        health.count += 1
        chain.next_id, chain.last_ts, track.last_receive = last_id + 1, ts, receive_ts
        if ts > track.last_ts:
            track.last_ts = ts
            if ts > self.latest_ts:
                self.latest_ts = ts
        venue, take = self.venue, self._take
        for stream, values in rows:
            take(venue, symbol, stream, values)

    def _event(self, line: Line, message: Message, payload: bytes, receive_ts: int) -> None:
        health = self.health.get(message.channel)
        if health is None:
            self.counts["unknown channel"] += 1
            self.sink.raw(self.venue, payload, receive_ts, f"no such channel: {message.channel[:100]}")
            return
        health.count += 1
        if not line.primary:
            line.heard.add(message.channel)
        if message.left_out:
            self.counts.update(message.left_out)
        track = health.tracks.get(message.symbol)
        if track is None:
            self.counts["other symbols"] += bool(message.symbol)
            return
        if message.book is not None:
            if track.book is not None and self._dated(message.book.exchange_ts, payload, receive_ts):
                track.last_receive = receive_ts
                track.book.take(line, message.book)
            return
        rows = message.rows
        if rows:
            ts = rows[-1][1][0]
            if not self._dated(ts, payload, receive_ts):
                return
            track.last_ts = max(ts, track.last_ts)
            self.latest_ts = max(ts, self.latest_ts)
            track.last_receive = receive_ts
        if track.chain is not None and message.first_id >= 0:
            rows = self._chained(track, track.chain, message, rows)
        else:
            rows = track.unseen(line, rows, not line.primary or self._overlapping_until > 0)
            if track.lost_from is not None and rows:
                self._close_loss(track, rows[0][1][0], "connection lost")
        for stream, values in rows:
            self._take(self.venue, track.symbol, stream, values)

    def _dated(self, ts: int, payload: bytes, receive_ts: int) -> bool:
        """A stamp a day away from the venue's own clock is no stamp, and would poison what is judged by it."""
        if -DAY < ts - receive_ts - self._offset_ns < DAY or not self.offset.known:
            return True
        self.counts["impossible time"] += 1
        self.sink.raw(self.venue, payload, receive_ts, f"its time is {ts}, more than a day away from the venue's clock")
        return False

    def _control(self, line: Line, message: Message, payload: bytes, receive_ts: int) -> None:
        if message.answer is not None and line.link is not None:
            self.spawn(line.link.answer(line, message.answer))
        if message.told is Told.REFUSED:
            self.counts["refused"] += 1
            self.sink.raw(self.venue, payload, receive_ts, f"refused: {message.note}")
        elif message.told is Told.UNKNOWN:
            self.counts["unknown"] += 1
            self.sink.raw(self.venue, payload, receive_ts, f"unknown: {message.note}")

    def _chained(self, track: Track, chain: IdChain, message: Message, rows: Rows) -> Rows:
        ts = rows[-1][1][0] if rows else max(self.latest_ts, chain.last_ts)
        if chain.restarts(message.last_id, ts):
            self.tell_gap(track.symbol, GapKind.TRADE, chain.last_ts, ts, GapCause.SEQUENCE, "ids began anew")
        out = chain.offer(message.first_id, message.last_id, ts, rows)
        if chain.held and not track.filling:
            track.filling = True
            self.spawn(fill(self, track, chain))
        return out

    def release(self, track: Track, rows: Rows) -> None:
        """Trades that a filled hole has set free."""
        for stream, values in rows:
            self._take(self.venue, track.symbol, stream, values)

    def give_up(self, track: Track, chain: IdChain, why: str) -> None:
        """Declare the present hole of a chain and let through what waits behind it."""
        hole = chain.hole
        if hole is None:
            return
        note = f"ids {hole.first_id} to {hole.last_id}: {why}"
        self.counts["trades declared absent"] += hole.last_id - hole.first_id + 1
        self.tell_gap(track.symbol, GapKind.TRADE, hole.start_ts, hole.end_ts + 1, GapCause.SEQUENCE, note)
        self.release(track, chain.give_up())

    def tell_gap(self, symbol: str, kind: GapKind, start_ts: int, end_ts: int, cause: GapCause, note: str) -> None:
        self.counts["gaps"] += 1
        self.sink.gap(self.venue, symbol, kind, start_ts, max(start_ts, end_ts), cause, note)

    # ------------------------------------------------------------------ what links say

    def opened(self, line: Line) -> None:
        now = self.clock.monotonic()
        if not line.primary:
            self._overlapping_until = float("inf")
            return
        for health in self._of(line.link):
            health.opened(now)
            self._tell_state(health, ChannelState.CONNECTING)

    def lost(self, link: Link, why: str) -> None:
        self.counts["connections lost"] += 1
        healths = self._of(link)
        tracks = [t for h in healths for t in h.tracks.values()]
        for health in healths:
            for track in health.tracks.values():
                if track.book is not None:
                    track.book.lost(self.venue_now())
                elif track.chain is None and track.lost_from is None:
                    track.lost_from = loss_begins(track, tracks)
            self._tell_state(health, ChannelState.LOST)

    def switched(self, old: Line, new: Line, why: str) -> None:
        self.counts["sockets renewed"] += 1
        self._overlapping_until = self.clock.monotonic() + _FORGET_S
        for health in self._of(new.link):
            for track in health.tracks.values():
                if track.book is not None:
                    track.book.switched()
                elif track.chain is None and why != "old age" and health.channel.key not in new.heard:
                    track.lost_from = loss_begins(track, [track])

    def _of(self, link: Link) -> list[Health]:
        return [self.health[c.key] for c in link.channels]

    # ------------------------------------------------------------------ time

    def venue_now(self) -> int:
        """The venue's time: by its own clock where it told us, else the newest stamp seen."""
        return max(self.latest_ts, self._now() + self._offset_ns) if self.offset.known else self.latest_ts

    async def _ask_time(self, attempts: int = 1) -> None:
        sent = self._now()
        try:
            told = self.door.read_time(await self.rest.ask(self.door.ask_time(), priority=0, attempts=attempts))
        except (RestError, *_UNREADABLE):
            self.counts["time not told"] += 1
            return
        self.offset.add(RoundTrip(sent, self._now(), told))
        self._offset_ns = self.offset.ns

    async def _tell_time(self) -> None:
        while True:
            await asyncio.sleep(self.options.time_every_s)
            await self._ask_time()

    # ------------------------------------------------------------------ the watch

    async def _watch(self) -> None:
        then = self.clock.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            now = self.clock.monotonic()
            for health in self.health.values():
                self._look_at(health, now, now - then)
            for link in self.links:
                if link.line is not None and fell_silent(self._of(link), now):
                    link.drop("every channel on it fell silent")
            if 0 < self._overlapping_until < now:
                self._overlapping_until = -1.0
                for health in self.health.values():
                    for track in health.tracks.values():
                        track.twice.forget()
            then = now

    def _look_at(self, health: Health, now: float, passed: float) -> None:
        line = health.link.line
        if line is None:
            return
        state = health.tick(now, passed)
        books = [t.book for t in health.tracks.values() if t.book is not None]
        if state is ChannelState.LIVE and books and not all(b.is_whole for b in books):
            state = ChannelState.STALE
        elif state is ChannelState.STALE and now - health.renewed_at > 30.0 * 2 ** min(health.renewals, 5):
            health.renewed_at, health.renewals = now, health.renewals + 1
            self.spawn(health.link.renew([health.channel]))
        elif state is ChannelState.LIVE:
            health.renewals = 0
        self._tell_state(health, state)
        settled = line.subscribed_at >= 0 and line.count > line.subscribed_at and now - line.born > _SETTLE_S
        for track in health.tracks.values():
            if settled and track.lost_from is not None and track.chain is None and health.channel.max_silence_s > 10.0:
                self._close_loss(track, self.venue_now(), "connection lost")
        self._judge_lag(health, now)

    def lag_s(self, track: Track) -> float:
        """How far behind the venue's clock the last event of a track came in, seconds; may be negative, NaN before any."""
        if track.last_receive == NULL_TS or not self.offset.known:
            return float("nan")
        stamp = track.book.last.exchange_ts if track.book is not None and track.book.last is not None else track.last_ts
        return (track.last_receive + self._offset_ns - stamp) / SECOND if stamp != NULL_TS else float("nan")

    def _judge_lag(self, health: Health, now: float) -> None:
        limit = self.options.lag_limit_s
        if limit is None or health.channel.kind not in ("trade", "book_delta"):
            return
        key = health.channel.key
        if not any(self.lag_s(t) > limit for t in health.tracks.values()) or health.state is not ChannelState.LIVE:
            self._lagging.pop(key, None)
        elif now - self._lagging.setdefault(key, now) > self.options.lag_patience_s:
            self._lagging.clear()
            self.counts["sockets dropped for lag"] += 1
            health.link.drop(f"{key} lags by more than {limit:g} s")

    def _tell_state(self, health: Health, state: ChannelState) -> None:
        if health.state is not state:
            health.state = state
            self.sink.state(self.venue, health.channel.key, state)

    def _close_loss(self, track: Track, until: int, note: str) -> None:
        since, track.lost_from = track.lost_from, None
        if since is not None:
            for kind in {k for k in map(gap_kind, track.streams) if k is not None}:
                self.tell_gap(track.symbol, kind, since, until, GapCause.DISCONNECT, note)

    # ------------------------------------------------------------------ books

    def _needs_snapshot(self, channel: Channel, track: Track, book: BookKeeper) -> None:
        if not track.filling and self._group is not None:
            track.filling = True
            self.spawn(repair(self, channel, track, book))


class _Told:
    """A book keeper's news, passed on with its names."""

    def __init__(self, feed: Feed, channel: str, symbol: str) -> None:
        self._feed, self._channel, self._symbol = feed, channel, symbol
        self._book = feed.sink.book

    def passed(self, message: BookMessage) -> None:
        self._book(self._feed.venue, self._symbol, message)
        if self._feed.book_tap is not None:
            self._feed.book_tap(self._symbol, message)
        if message.exchange_ts > self._feed.latest_ts:
            self._feed.latest_ts = message.exchange_ts

    def absent(self, start_ts: int, end_ts: int, cause: GapCause, note: str) -> None:
        self._feed.tell_gap(self._symbol, GapKind.BOOK_DELTA, start_ts, end_ts, cause, note)

    def whole(self, is_whole: bool) -> None:
        if not is_whole:
            self._feed.sink.state(self._feed.venue, self._channel, ChannelState.STALE)
            self._feed.health[self._channel].state = ChannelState.STALE
