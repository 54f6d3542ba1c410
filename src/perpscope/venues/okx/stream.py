"""OKX v5 public streams: channels, subscriptions, limits (documentation read 2026-11)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from perpscope.core.errors import UserError, unknown_name
from perpscope.core.events import stream_frame, stream_kind
from perpscope.venues.door import Channel, Limits

ADDRESSES = {
    "public": "wss://ws.okx.com:8443/ws/v5/public",
    "business": "wss://ws.okx.com:8443/ws/v5/business",
    "rest": "https://www.okx.com",
}
LIMITS = Limits(
    weight_per_minute=480,  # 20 requests in 2 s for the slowest endpoint, at 80 %
    channels_per_socket=100,
    control_per_s=1.0,  # 480 an hour and connection; a message may carry 64 KB of channels
    lifetime_s=82_800.0,  # no cut is documented; a fresh socket a day costs nothing
    ping_every_s=25.0,  # silence of 30 s ends the connection
    connections_per_minute=60,  # 3 a second
    snapshot_after_s=2.0,  # the initial snapshot of `books` was announced to go in August 2026
)
INTERVALS = {
    "1m": "1m", "3m": "3m", "5m": "5m", "15m": "15m", "30m": "30m", "1h": "1H", "2h": "2H", "4h": "4H", "6h": "6Hutc",
    "12h": "12Hutc", "1d": "1Dutc",
}  # fmt: skip
FRAMES = {interval: frame for frame, interval in INTERVALS.items()}

# kind: channels, seconds of silence that are unusual. Funding is told every 30 to 90 s.
_CHANNELS = {
    "trade": (("trades",), 120.0),
    "book_delta": (("books",), 10.0),
    "mark_price": (("mark-price", "index-tickers"), 15.0),
    "open_interest": (("open-interest",), 30.0),
    "funding": (("funding-rate",), 180.0),
    "liquidation": (("liquidation-orders",), 3_600.0),
}
_SYMBOL = re.compile(r"[A-Z0-9]+(-[A-Z0-9_]+){1,4}")


def index_of(symbol: str) -> str:
    """The index that a contract follows.

    Example:
        >>> index_of("BTC-USDT-SWAP")
        'BTC-USDT'
    """
    return "-".join(symbol.split("-")[:2])


def channels(symbol: str, kinds: Sequence[str]) -> list[Channel]:
    """The channels of the kinds: the mark price needs two, forced orders come for all swaps in one."""
    if not _SYMBOL.fullmatch(symbol):
        raise UserError(f"'{symbol}' is no instrument in OKX's spelling; write it like BTC-USDT-SWAP.")
    found: dict[str, Channel] = {}
    for kind in kinds:
        route, silence = "public", 120.0
        names: tuple[str, ...]
        if stream_kind(kind) == "bars":
            frame = stream_frame(kind) or "1m"
            if frame not in INTERVALS:
                raise unknown_name("time frame of OKX", frame, INTERVALS)
            route, names = "business", (f"candle{INTERVALS[frame]}",)
        elif kind in _CHANNELS:
            names, silence = _CHANNELS[kind]
        else:
            raise unknown_name("stream of OKX", kind, [*_CHANNELS, "bars@1m"])
        for name in names:
            about = {"index-tickers": index_of(symbol), "liquidation-orders": "SWAP"}.get(name, symbol)
            key = f"{name}:{about}"
            found.setdefault(key, Channel(key, key, kind, symbol, route, silence))
    return list(found.values())


def control(what: str, topics: Sequence[str], request_id: int) -> list[bytes]:
    """Subscribe or unsubscribe messages, a hundred channels each (64 KB at most)."""
    arguments = [
        {"channel": name, ("instType" if name == "liquidation-orders" else "instId"): about}
        for name, _, about in (topic.partition(":") for topic in topics)
    ]
    parts = [arguments[k : k + 100] for k in range(0, len(arguments), 100)]
    return [msgspec.json.encode({"id": str(request_id + k), "op": what, "args": part}) for k, part in enumerate(parts)]
