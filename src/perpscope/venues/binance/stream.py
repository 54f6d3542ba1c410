"""Binance futures: which stream brings which kind, on which route, and the control messages.

Since 2026-04-23 USD-M streams live on two routes: `/public` (depth) and `/market` (everything else here). An address without
a route still connects and acknowledges streams of `/market`, and then delivers nothing, for ever: so every stream has its
route, and a plan that mixes them is refused instead of being split silently. COIN-M has one address without routes.

Forced orders come by the array of the whole market, not by symbol: one symbol may rightly be silent for hours, the market
is not, so that a dead stream is found.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from perpscope.core.errors import UserError, unknown_name
from perpscope.venues.binance.parse import FRAMES
from perpscope.venues.binance.product import Product
from perpscope.venues.door import Channel, Limits

LIMITS = Limits(
    weight_per_minute=1_920,  # 2,400 an IP for both products together, at 80 %
    channels_per_socket=200,  # of 1,024 documented
    control_per_s=8.0,  # of 10
    lifetime_s=24 * 3_600.0,
    ping_every_s=180.0,  # the server's own ping; it wants a pong within 10 minutes
    connections_per_minute=48,  # of 300 in 5 minutes
    budget="binance futures",
)

FORCED = "!forceOrder@arr"
_TOPICS = {  # kind: (stream of a symbol, route, the longest silence of a quiet market in seconds)
    "trade": ("@aggTrade", "market", 60.0),
    "book_delta": ("@depth@100ms", "public", 30.0),
    "mark_price": ("@markPrice@1s", "market", 10.0),
    "liquidation": (FORCED, "market", 120.0),
}
_BAR_SILENCE = 90.0
_PARAMS = 100
"""Streams named in one control message."""


def channels(product: Product, symbol: str, kinds: Sequence[str]) -> list[Channel]:
    """The streams of a symbol that bring the kinds.

    Raises:
        UserError: for a kind that no stream brings.

    Example:
        >>> from perpscope.venues.binance.product import USD_M
        >>> [(c.topic, c.route) for c in channels(USD_M, "BTCUSDT", ["trade", "book_delta", "bars@1m"])]
        [('btcusdt@aggTrade', 'market'), ('btcusdt@depth@100ms', 'public'), ('btcusdt@kline_1m', 'market')]
    """
    return [_channel(product, symbol, kind) for kind in kinds]


def _channel(product: Product, symbol: str, kind: str) -> Channel:
    name, _, frame = kind.partition("@")
    if name == "bars" and frame in FRAMES:
        suffix, route, silence = f"@kline_{frame}", "market", _BAR_SILENCE
    elif kind in _TOPICS:
        suffix, route, silence = _TOPICS[kind]
    elif kind in ("open_interest", "funding"):
        raise UserError(f"{product.name} streams no {kind}: it is asked for by REST, again and again.")
    else:
        raise unknown_name(f"kind streamed by {product.name}", kind, [*_TOPICS, *(f"bars@{f}" for f in FRAMES)])
    topic = suffix if suffix == FORCED else symbol.lower() + suffix
    return Channel(topic, topic, kind, symbol, "stream" if product.inverse else route, silence)


def url(address: str, wanted: Sequence[Channel]) -> str:
    """The combined stream of one route; streams are subscribed by message.

    Raises:
        UserError: if the channels lie on several routes.
    """
    routes = sorted({channel.route for channel in wanted})
    if len(routes) > 1:
        raise UserError(
            f"One connection to Binance carries one route, and this plan mixes {' and '.join(routes)}. "
            "Open one connection for each."
        )
    return f"{address.rstrip('/')}/stream"


def control(method: str, wanted: Iterable[Channel], request_id: int) -> list[bytes]:
    """SUBSCRIBE or UNSUBSCRIBE messages; several channels may share a stream, which is named once."""
    topics = list(dict.fromkeys(channel.topic for channel in wanted))
    return [
        msgspec.json.encode({"method": method, "params": topics[at : at + _PARAMS], "id": request_id + k})
        for k, at in enumerate(range(0, len(topics), _PARAMS))
    ]
