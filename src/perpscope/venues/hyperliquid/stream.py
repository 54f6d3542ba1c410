"""Hyperliquid streams: subscriptions and limits (documentation read 2026-11)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from perpscope.core.errors import UserError, unknown_name
from perpscope.core.events import stream_frame, stream_kind
from perpscope.venues.door import Channel, Limits

ADDRESSES = {"public": "wss://api.hyperliquid.xyz/ws", "rest": "https://api.hyperliquid.xyz"}
LIMITS = Limits(
    weight_per_minute=960,  # 1,200 at 80 %
    channels_per_socket=120,  # 1,000 subscriptions per address over at most 8 sockets
    control_per_s=10.0,  # 2,000 messages a minute
    lifetime_s=82_800.0,  # no cut is documented; a fresh socket a day costs nothing
    ping_every_s=30.0,  # silence of 60 s ends the connection
    connections_per_minute=24,  # 30 a minute, at 80 %
)
FRAMES = frozenset({"1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "8h", "12h", "1d", "3d", "1w"})

# kind: type of subscription, seconds of silence that are unusual
_TYPES = {
    "trade": ("trades", 300.0),
    "book_delta": ("l2Book", 10.0),
    "mark_price": ("activeAssetCtx", 30.0),
    "open_interest": ("activeAssetCtx", 30.0),
}
_COIN = re.compile(r"[A-Za-z0-9:@/]{1,40}")


def channels(symbol: str, kinds: Sequence[str]) -> list[Channel]:
    """One channel a subscription; the asset context brings two kinds. Nothing tells of all liquidations."""
    if not _COIN.fullmatch(symbol):
        raise UserError(f"'{symbol}' is no coin in Hyperliquid's spelling; write it like BTC or kPEPE.")
    found: dict[str, Channel] = {}
    for kind in kinds:
        if stream_kind(kind) == "bars":
            frame = stream_frame(kind) or "1m"
            if frame not in FRAMES:
                raise unknown_name("time frame of Hyperliquid", frame, FRAMES)
            key, silence = f"candle:{symbol}:{frame}", 180.0
        elif kind in _TYPES:
            name, silence = _TYPES[kind]
            key = f"{name}:{symbol}"
        else:
            raise unknown_name("stream of Hyperliquid", kind, [*_TYPES, "bars@1m"])
        found.setdefault(key, Channel(key, key, kind, symbol, "public", silence))
    return list(found.values())


def control(what: str, topics: Sequence[str]) -> list[bytes]:
    """Subscribe or unsubscribe messages, one a channel."""
    return [msgspec.json.encode({"method": what, "subscription": _subscription(topic)}) for topic in topics]


def _subscription(topic: str) -> dict[str, str]:
    name, _, rest = topic.partition(":")
    if name != "candle":
        return {"type": name, "coin": rest}
    coin, _, frame = rest.rpartition(":")
    return {"type": name, "coin": coin, "interval": frame}
