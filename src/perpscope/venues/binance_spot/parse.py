"""Binance spot: what a payload of the combined stream means. Pure: a payload goes in, a `Message` comes out.

Aggregate ids `a` are contiguous and quantities are coins. m = true means that the buyer was the maker: the aggressor SOLD.
A bar is taken when it is closed (x = true). Depth messages have one time, `E`. There is no mark price, funding, open
interest or liquidation here: spot is the companion of the perpetuals, for the basis and for its own flow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from perpscope.core.errors import DataError
from perpscope.core.time import Timeframe
from perpscope.core.units import AggressorSide
from perpscope.venues.binance_spot.book import Depth, book_message
from perpscope.venues.closed_bar import Candle, values
from perpscope.venues.door import Message, Told
from perpscope.venues.numbers import LARGEST, Ident, Price, Quantity

_MS = 1_000_000
_BUY, _SELL = int(AggressorSide.BUY), int(AggressorSide.SELL)

Stamp = Annotated[int, Meta(ge=1_230_768_000_000, le=4_102_444_800_000)]
Amount = Annotated[float, Meta(gt=0, le=1e18)]

FRAMES = {
    name: Timeframe.parse(name).ns
    for name in ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "1w")
}  # fmt: skip


class _AggTrade(msgspec.Struct, tag_field="e", tag="aggTrade"):
    s: str
    a: Ident
    p: Price
    q: Amount
    T: Stamp
    m: bool


class _Trade(msgspec.Struct, tag_field="e", tag="trade"):
    s: str
    t: Ident
    p: Price
    q: Amount
    T: Stamp
    m: bool


class _Depth(Depth, kw_only=True, tag_field="e", tag="depthUpdate"):
    s: str
    E: Stamp


class _Kline(msgspec.Struct):
    t: Stamp
    i: str
    o: Price
    h: Price
    l: Price
    c: Price
    v: Quantity
    V: Quantity
    n: Ident
    x: bool


class _Bar(msgspec.Struct, tag_field="e", tag="kline"):
    s: str
    k: _Kline


class _Frame(msgspec.Struct):
    stream: str
    data: _AggTrade | _Trade | _Depth | _Bar


_frame = msgspec.json.Decoder(_Frame, strict=False)
_KNOWN = frozenset({"aggTrade", "trade", "depthUpdate", "kline"})


def parse(payload: bytes, receive_ts: int) -> Message:
    """One payload of the combined stream.

    Raises:
        DataError: if it is no JSON, too large, or of a known kind with a value that cannot be.

    Example:
        >>> told = parse(b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1723161256322,"s":"BTCUSDT","a":7,'
        ...              b'"p":"61800.3","q":"0.5","f":9,"l":11,"T":1723161256321,"m":false,"M":true}}', 5)
        >>> told.rows
        (('trade', (1723161256321000000, 5, 7, 61800.3, 0.5, 1)),)
    """
    if len(payload) > LARGEST:
        raise DataError(f"This message has more than {LARGEST} bytes.", payload[:200])
    try:
        frame = _frame.decode(payload)
    except msgspec.ValidationError as fault:
        return _other(payload, fault)
    except (msgspec.DecodeError, ValueError, RecursionError) as fault:
        raise DataError(f"This is no JSON ({str(fault)[:200]}).", payload[:200]) from None
    return _READERS[type(frame.data)](frame.data, frame.stream, receive_ts)


def _agg_trade(d: _AggTrade, key: str, receive_ts: int) -> Message:
    row = (d.T * _MS, receive_ts, d.a, d.p, d.q, _SELL if d.m else _BUY)
    return Message(Told.EVENTS, key, d.s, (("trade", row),), None, d.a, d.a)


def _trade(d: _Trade, key: str, receive_ts: int) -> Message:
    row = (d.T * _MS, receive_ts, d.t, d.p, d.q, _SELL if d.m else _BUY)
    return Message(Told.EVENTS, key, d.s, (("trade", row),), None, d.t, d.t)


def _depth(d: _Depth, key: str, receive_ts: int) -> Message:
    return Message(Told.EVENTS, key, d.s, (), book_message(d, receive_ts))


def _bar(d: _Bar, key: str, receive_ts: int) -> Message:
    k = d.k
    frame = FRAMES.get(k.i)
    if frame is None:
        return Message(Told.UNKNOWN, key, d.s, note=f"bars of {k.i[:10]}")
    if not k.x:
        return Message(Told.EVENTS, key, d.s)
    row = values(k.t * _MS, frame, Candle(k.o, k.h, k.l, k.c, k.v, k.V, float(k.n)))
    return Message(Told.EVENTS, key, d.s, ((f"bars@{k.i}", row),))


_READERS: dict[type, Callable[[Any, str, int], Message]] = {
    _AggTrade: _agg_trade, _Trade: _trade, _Depth: _depth, _Bar: _bar,
}  # fmt: skip


def _other(payload: bytes, fault: Exception) -> Message:
    """A payload that is no event we know: an answer to a control message, an unknown kind, or a broken event."""
    try:
        found = msgspec.json.decode(payload)
    except (msgspec.DecodeError, ValueError, RecursionError) as broken:
        raise DataError(f"This is no JSON ({str(broken)[:200]}).", payload[:200]) from None
    if not isinstance(found, dict):
        return Message(Told.UNKNOWN)
    data = found.get("data")
    if "stream" in found and isinstance(data, dict):
        kind = data.get("e")
        if isinstance(kind, str) and kind in _KNOWN:
            raise DataError(f"This is no {kind} message ({str(fault)[:200]}).", payload[:200])
        return Message(Told.UNKNOWN, channel=str(found["stream"])[:100])
    refusal = found.get("error", found if "code" in found and "msg" in found else None)
    if refusal is not None:
        return Message(Told.REFUSED, note=str(refusal)[:300])
    if "id" in found and found.get("result", 0) is None:
        return Message(Told.ACKNOWLEDGED)
    return Message(Told.UNKNOWN)
