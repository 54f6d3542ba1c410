"""Bybit v5 public streams: topics, subscriptions, limits (documentation read 2026-11)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from perpscope.core.errors import UserError, unknown_name
from perpscope.core.events import stream_frame, stream_kind
from perpscope.venues.door import Channel, Limits

ADDRESSES = {
    "linear": "wss://stream.bybit.com/v5/public/linear",
    "inverse": "wss://stream.bybit.com/v5/public/inverse",
    "rest": "https://api.bybit.com",
}
LIMITS = Limits(
    weight_per_minute=5_760,  # 600 requests in 5 s, at 80 %
    channels_per_socket=200,  # 21,000 characters of topics
    control_per_s=5.0,
    lifetime_s=82_800.0,  # no cut is documented; a fresh socket a day costs nothing
    ping_every_s=20.0,
    connections_per_minute=80,  # 500 in 5 minutes, at 80 %
)
DEPTH = 200
INTERVALS = {
    "1m": "1", "3m": "3", "5m": "5", "15m": "15", "30m": "30", "1h": "60", "2h": "120", "4h": "240", "6h": "360",
    "12h": "720", "1d": "D", "1w": "W",
}  # fmt: skip
FRAMES = {interval: frame for frame, interval in INTERVALS.items()}

# kind: topic, seconds of silence that are unusual. Forced orders of one symbol may stay away for hours.
_TOPICS = {
    "trade": ("publicTrade.{}", 120.0),
    "book_delta": (f"orderbook.{DEPTH}.{{}}", 10.0),
    "mark_price": ("tickers.{}", 10.0),
    "open_interest": ("tickers.{}", 10.0),
    "liquidation": ("allLiquidation.{}", 3_600.0),
}
_INVERSE = re.compile(r"[A-Z0-9]+USD([FGHJKMNQUVXZ]\d{2})?")
_SYMBOL = re.compile(r"[A-Z0-9]+(-\d{1,2}[A-Z]{3}\d{2})?")


def route_of(symbol: str) -> str:
    """Which product a symbol belongs to.

    Raises:
        UserError: if it is no symbol of Bybit's spelling.

    Example:
        >>> [route_of(s) for s in ("BTCUSDT", "BTCPERP", "BTC-27MAR26", "BTCUSD", "BTCUSDZ26", "1000PEPEUSDT")]
        ['linear', 'linear', 'linear', 'inverse', 'inverse', 'linear']
    """
    if not _SYMBOL.fullmatch(symbol):
        raise UserError(f"'{symbol}' is no contract in Bybit's spelling; write it like BTCUSDT, BTCPERP or BTCUSD.")
    return "inverse" if _INVERSE.fullmatch(symbol) else "linear"


def channels(symbol: str, kinds: Sequence[str]) -> list[Channel]:
    """One channel a topic; the ticker brings two kinds."""
    route = route_of(symbol)
    found: dict[str, Channel] = {}
    for kind in kinds:
        if stream_kind(kind) == "bars":
            frame = stream_frame(kind) or "1m"
            if frame not in INTERVALS:
                raise unknown_name("time frame of Bybit", frame, INTERVALS)
            topic, silence = f"kline.{INTERVALS[frame]}.{symbol}", 120.0
        elif kind in _TOPICS:
            pattern, silence = _TOPICS[kind]
            topic = pattern.format(symbol)
        else:
            raise unknown_name("stream of Bybit", kind, [*_TOPICS, "bars@1m"])
        found.setdefault(topic, Channel(topic, topic, kind, symbol, route, silence))
    return list(found.values())


def control(what: str, topics: Sequence[str], request_id: int) -> list[bytes]:
    """Subscribe or unsubscribe messages, fifty topics each."""
    parts = [topics[k : k + 50] for k in range(0, len(topics), 50)]
    return [msgspec.json.encode({"req_id": f"{request_id}.{k}", "op": what, "args": part}) for k, part in enumerate(parts)]
