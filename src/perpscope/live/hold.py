"""Until when an instrument may be folded: what its feed knows to be absent, and may still come."""

from __future__ import annotations

from perpscope.core.time import NULL_TS
from perpscope.live.arrivals import END_OF_TIME
from perpscope.live.feed import Feed
from perpscope.live.sink import ChannelState

PRICED = frozenset({"trade", "bars@1m"})
"""Streams without which nothing of an instrument is folded: every bar rests on them."""


def hold_of(feed: Feed, symbol: str) -> int:
    """The last instant, ns, up to which nothing that bars rest on can still come; END_OF_TIME where nothing is awaited.

    Definition: a hole in contiguous ids holds until it is filled or declared; a channel of prints or bars that is connecting,
    silent for too long or lost holds at the last thing it said. So a stale instrument makes no steps, and no factor of it
    speaks; when the channel is back, the gap it declares lets the loop go on.
    """
    hold = END_OF_TIME
    for health in feed.health.values():
        track = health.tracks.get(symbol)
        if track is None or not PRICED & track.streams:
            continue
        hole = track.chain.hole if track.chain is not None else None
        if hole is not None:
            hold = min(hold, hole.start_ts - 1)
        if health.state is not ChannelState.LIVE and track.last_ts != NULL_TS:
            hold = min(hold, track.last_ts)
    return hold
