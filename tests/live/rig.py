"""A feed on an exchange in memory, for so many virtual seconds."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from live.exchange import Exchange
from live.oracle import Heard
from live.virtual import VirtualClock, run
from perpscope.live.feed import Feed, FeedOptions
from perpscope.live.sink import ChannelState
from perpscope.venues.door import Door
from perpscope.venues.registry import door

KINDS = ("trade", "book_delta", "mark_price", "liquidation")


@dataclass
class Session:
    exchange: Exchange
    feed: Feed
    heard: Heard
    clock: VirtualClock

    async def live(self, within: float = 60.0, quiet: bool = False) -> float:
        """Wait until every channel (but those that may be quiet) is live; returns the seconds it took."""
        began = self.clock.monotonic()
        while True:
            states = [h.state for h in self.feed.health.values() if quiet or h.channel.max_silence_s <= 60]
            if states and all(s is ChannelState.LIVE for s in states):
                return self.clock.monotonic() - began
            assert self.clock.monotonic() - began < within, {k: h.state.name for k, h in self.feed.health.items()}
            await asyncio.sleep(0.05)

    def when(self, channel: str, state: ChannelState, after: float = 0.0) -> float:
        """When a channel was first told to be in a state after an instant."""
        return min(t for t, c, s in self.heard.states if c == channel and s is state and t >= after)


@asynccontextmanager
async def session(
    exchange: Exchange,
    kinds: tuple[str, ...] = KINDS,
    venue: Door | None = None,
    skew_s: float = 0.0,
    lifetime_s: float | None = None,
    seed: int = 1,
    **given: Any,
) -> AsyncIterator[Session]:
    found: Any = venue or door("binance")
    if lifetime_s is not None:
        found = replace(found, limits=replace(found.limits, lifetime_s=lifetime_s))
    clock = VirtualClock(skew_s)
    heard = Heard(clock=clock)
    options = given.pop("options", FeedOptions())
    symbols = list(exchange.symbols)
    feed = Feed(found, symbols, list(kinds), heard, exchange, clock, random.Random(seed), options=options, **given)
    task = asyncio.create_task(feed.run())
    try:
        yield Session(exchange, feed, heard, clock)
    finally:
        if task.done():
            task.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def play(exchange: Exchange, script: Callable[[Session], Awaitable[None]], **given: Any) -> Session:
    """The market runs, the script misbehaves; when the script is done the feed is stopped and what it heard returned."""

    async def whole() -> Session:
        async with session(exchange, **given) as s:
            market = asyncio.create_task(exchange.trade_on(1e9))
            try:
                await s.live()
                await script(s)
            finally:
                market.cancel()
                await asyncio.gather(market, return_exceptions=True)
                await asyncio.sleep(1.0)
        return s

    return run(whole())
