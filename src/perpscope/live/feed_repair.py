"""A book that needs a snapshot: by REST, or by subscribing its channel anew where the stream sends its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from perpscope.core.errors import DataError
from perpscope.live.feed_book import BookKeeper
from perpscope.live.feed_track import Track
from perpscope.venues.door import Channel
from perpscope.venues.transport.backoff import backoff
from perpscope.venues.transport.rest import RestError

if TYPE_CHECKING:
    from perpscope.live.feed import Feed

_OWN_SNAPSHOT_S = 5.0
_LONGEST_S = 8.0


async def repair(feed: Feed, channel: Channel, track: Track, book: BookKeeper) -> None:
    """Until the book is whole."""
    try:
        asks = feed.door.ask_snapshot(track.symbol) is not None
        own = feed.door.limits.snapshot_after_s or (0.0 if asks else _OWN_SNAPSHOT_S)
        await _whole_within(book, own)
        attempt = 0
        while not book.is_whole:
            if asks:
                await _ask(feed, track, book)
            else:
                await feed.health[channel.key].link.renew([channel])
                await _whole_within(book, _OWN_SNAPSHOT_S)
            if not book.is_whole:
                await asyncio.sleep(backoff(attempt, feed.rng, longest=_LONGEST_S))
                attempt += 1
    finally:
        track.filling = False


async def _ask(feed: Feed, track: Track, book: BookKeeper) -> None:
    ask = feed.door.ask_snapshot(track.symbol)
    if ask is None or not book.buffered:
        return  # without an update in the buffer nothing could bridge the snapshot
    try:
        body = await feed.rest.ask(ask, priority=10 + feed.symbols.index(track.symbol), attempts=1)
        shot = feed.door.read_snapshot(track.symbol, body, feed.clock.now())
    except (RestError, DataError, ValueError) as fault:
        feed.counts["snapshots failed"] += 1
        feed.sink.raw(feed.venue, str(fault).encode(), feed.clock.now(), "snapshot failed")
        return
    if not book.is_whole:
        book.apply(shot)
        feed.counts["snapshots"] += 1


async def _whole_within(book: BookKeeper, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not book.is_whole:
                book.changed.clear()
                await book.changed.wait()
    except TimeoutError:
        return
