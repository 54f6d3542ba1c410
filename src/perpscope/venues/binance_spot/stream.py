"""Binance spot: which stream brings which kind, and the control messages. There is one address, and no routes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from perpscope.core.errors import UserError, unknown_name
from perpscope.venues.binance_spot.parse import FRAMES
from perpscope.venues.door import Channel, Limits

LIMITS = Limits(
    weight_per_minute=4_800,  # 6,000 an IP, at 80 %
    channels_per_socket=200,  # of 1,024
    control_per_s=4.0,  # of 5
    lifetime_s=24 * 3_600.0,
    ping_every_s=20.0,  # the server's own ping; it wants a pong within a minute
    connections_per_minute=48,  # of 300 in 5 minutes
)

_TOPICS = {"trade": ("@aggTrade", 60.0), "book_delta": ("@depth@100ms", 30.0)}
_BAR_SILENCE = 90.0
_PARAMS = 100
"""Streams named in one control message."""


def channels(symbol: str, kinds: Sequence[str]) -> list[Channel]:
    """The streams of a symbol that bring the kinds.

    Raises:
        UserError: for a kind that spot does not have.

    Example:
        >>> [c.topic for c in channels("BTCUSDT", ["trade", "bars@1m"])]
        ['btcusdt@aggTrade', 'btcusdt@kline_1m']
    """
    return [_channel(symbol, kind) for kind in kinds]


def _channel(symbol: str, kind: str) -> Channel:
    name, _, frame = kind.partition("@")
    if name == "bars" and frame in FRAMES:
        suffix, silence = f"@kline_{frame}", _BAR_SILENCE
    elif kind in _TOPICS:
        suffix, silence = _TOPICS[kind]
    else:
        raise unknown_name("kind streamed by binance_spot", kind, [*_TOPICS, *(f"bars@{f}" for f in FRAMES)])
    topic = symbol.lower() + suffix
    return Channel(topic, topic, kind, symbol, "stream", silence)


def url(address: str, wanted: Sequence[Channel]) -> str:
    """The combined stream; streams are subscribed by message.

    Raises:
        UserError: if a channel is none of spot.
    """
    if any(channel.route != "stream" for channel in wanted):
        raise UserError("This plan mixes Binance spot with another venue. Open one connection for each.")
    return f"{address.rstrip('/')}/stream"


def control(method: str, wanted: Iterable[Channel], request_id: int) -> list[bytes]:
    """SUBSCRIBE or UNSUBSCRIBE messages."""
    topics = list(dict.fromkeys(channel.topic for channel in wanted))
    return [
        msgspec.json.encode({"method": method, "params": topics[at : at + _PARAMS], "id": request_id + k})
        for k, at in enumerate(range(0, len(topics), _PARAMS))
    ]
