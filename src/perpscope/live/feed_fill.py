"""A hole in the trades of a symbol, filled by REST from its first missing id; declared when that fails."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from perpscope.core.errors import DataError
from perpscope.live.feed_chain import IdChain
from perpscope.live.feed_track import Track
from perpscope.venues.door import Ask
from perpscope.venues.transport.backoff import backoff
from perpscope.venues.transport.rest import RestError

if TYPE_CHECKING:
    from perpscope.live.feed import Feed

GRACE_S = 0.3
"""A message overtaken by the next one needs no REST."""
_FRUITLESS = 3


async def fill(feed: Feed, track: Track, chain: IdChain) -> None:
    """Until the chain of the track has no hole: each hole is filled or declared."""
    try:
        await asyncio.sleep(GRACE_S)
        fruitless, progress_at, next_id = 0, feed.clock.monotonic(), chain.next_id
        while chain.hole is not None:
            now = feed.clock.monotonic()
            if chain.next_id != next_id:
                fruitless, progress_at, next_id = 0, now, chain.next_id
            ask = feed.door.ask_trades(track.symbol, next_id)
            if ask is None:
                feed.give_up(track, chain, "the venue sells no trades by id")
            elif chain.hole.last_id - chain.hole.first_id >= feed.options.fill_most:
                feed.give_up(track, chain, "too many to ask for")
            elif fruitless >= _FRUITLESS:
                feed.give_up(track, chain, "the venue gave none of them")
            elif now - progress_at > feed.options.patience_s:
                feed.give_up(track, chain, "the venue could not be asked in time")
            elif len(chain.held) > feed.options.held_most:
                feed.give_up(track, chain, "too many trades waited behind it")
            elif not await _ask_once(feed, track, chain, ask):
                fruitless += 1
                await asyncio.sleep(backoff(fruitless, feed.rng))
    finally:
        track.filling = False


async def _ask_once(feed: Feed, track: Track, chain: IdChain, ask: Ask) -> bool:
    """One page of missing trades; whether it brought the chain on."""
    from_id = chain.next_id
    try:
        async with asyncio.timeout(feed.options.patience_s):
            body = await feed.rest.ask(ask, priority=2, attempts=2)
        table = feed.door.read_trades(track.symbol, body, feed.clock.now())
    except (RestError, DataError, TimeoutError, ValueError) as fault:
        feed.counts["backfills failed"] += 1
        feed.sink.raw(feed.venue, str(fault).encode(), feed.clock.now(), "backfill failed")
        return False
    rows = sorted(zip(*(table[n].tolist() for n in table.schema.names), strict=True), key=lambda values: values[2])
    for values in rows:
        hole = chain.hole
        if hole is not None and chain.next_id <= values[2] <= hole.last_id:
            feed.counts["trades filled"] += 1
            feed.release(track, chain.offer(values[2], values[2], values[0], [("trade", values)]))
    return chain.next_id != from_id
