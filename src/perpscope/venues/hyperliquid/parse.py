"""Hyperliquid public messages to events: each function reads one kind and remembers nothing.

Everything counts in coins. Open interest counts longs plus shorts (measured on our recording, LIQUIDATION 3.2; the vendors
disagree): it is halved here, so that it is one side as everywhere.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from perpscope.core.time import Timeframe
from perpscope.core.units import AggressorSide
from perpscope.venues.door import Values
from perpscope.venues.numbers import Ident, Millis, Price, Quantity, decoder, read, to_ns

NAN = float("nan")
SIDES = 2
"""How often an open contract is counted in the venue's open interest."""

_AGGRESSOR = {"B": AggressorSide.BUY.value, "A": AggressorSide.SELL.value}


class Envelope(msgspec.Struct):
    channel: str = ""
    data: msgspec.Raw = msgspec.Raw()


class _Trade(msgspec.Struct):
    coin: Annotated[str, Meta(min_length=1)]
    side: Literal["A", "B"]
    px: Price
    sz: Quantity
    time: Millis
    tid: Ident


class _Context(msgspec.Struct):
    mark: Price = msgspec.field(name="markPx")
    oracle: Price = msgspec.field(name="oraclePx")
    open_interest: Quantity = msgspec.field(name="openInterest")


class _AssetContext(msgspec.Struct):
    coin: str
    ctx: _Context


class _Subscription(msgspec.Struct):
    type: str = ""
    coin: str = ""
    interval: str = ""


class _Response(msgspec.Struct):
    method: str = ""
    subscription: _Subscription = msgspec.field(default_factory=_Subscription)


class Candle(msgspec.Struct):
    """A forming or a closed bar; the message does not say which."""

    t: Millis
    s: str
    i: str
    o: Price
    h: Price
    l: Price
    c: Price
    v: Quantity
    n: Ident

    def values(self, frame: Timeframe) -> Values:
        start = to_ns(self.t, self.t)
        return (start, start + frame.ns, self.o, self.h, self.l, self.c, self.v, NAN, NAN, float(self.n), NAN, NAN, True)


_envelope, _trades, _context = decoder(Envelope), decoder(list[_Trade]), decoder(_AssetContext)
_response, _candle = decoder(_Response), decoder(Candle)


def read_envelope(payload: bytes) -> Envelope:
    """The outside of a message; `data` is left unread.

    Raises:
        DataError: if it is no JSON object of this shape.
    """
    return read(_envelope, payload, "Hyperliquid message")


def read_trades(data: msgspec.Raw, receive_ts: int) -> list[tuple[str, Values]]:
    """`trades`: (coin, values). `side` is the aggressor's, B a buyer. After subscribing, older trades are sent once more.

    Example:
        >>> data = b'[{"coin":"X","side":"A","px":"10.5","sz":"2","time":1700000000000,"tid":7,"hash":"0x0"}]'
        >>> read_trades(msgspec.Raw(data), 5)
        [('X', (1700000000000000000, 5, 7, 10.5, 2.0, 2))]
    """
    return [
        (t.coin, (to_ns(t.time, t.time), receive_ts, t.tid, t.px, t.sz, _AGGRESSOR[t.side]))
        for t in read(_trades, data, "Hyperliquid trade message")
    ]


def read_context(data: msgspec.Raw, receive_ts: int) -> tuple[str, list[tuple[str, Values]]]:
    """`activeAssetCtx`: (coin, rows). It carries no time, so its events happen when they are received."""
    told = read(_context, data, "Hyperliquid asset context")
    mark, interest = told.ctx.mark, told.ctx.open_interest / SIDES
    return told.coin, [
        ("mark_price", (receive_ts, receive_ts, mark, told.ctx.oracle)),
        ("open_interest", (receive_ts, receive_ts, interest, interest * mark)),
    ]


def read_candle(data: msgspec.Raw) -> Candle:
    return read(_candle, data, "Hyperliquid candle")


def read_response(data: msgspec.Raw) -> str:
    """The key of the channel that was subscribed or left."""
    told = read(_response, data, "Hyperliquid subscription response").subscription
    return ":".join(part for part in (told.type, told.coin, told.interval) if part)
