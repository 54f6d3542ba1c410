"""Binance futures: what a payload of the combined stream means. Pure: a payload goes in, a `Message` comes out.

- A trade with m = true had a buyer as maker: the aggressor SOLD. `q` of aggTrade includes fills against RPI orders, which no
  depth message shows. Aggregate ids `a` are contiguous; `f..l` are not, because insurance-fund and ADL prints are not
  aggregated. Of single trades (`@trade`) only X = MARKET are prints of the market; the others are left out, but their ids
  count as seen.
- A forced order that SELLs closed a LONG. `p` is its limit (about the bankruptcy price), `ap` the average fill, `z` what was
  filled. At most one a second and symbol is sent, the latest: the feed is a sample.
- Since 2026-06-30 arrays of the whole market carry USD-M (st = 1) and COIN-M (st = 2) rows alike: rows of the other product
  are left out and counted, and so is an `st` that nobody knows. Before, `st` was absent.
- A bar is taken when it is closed (x = true). COIN-M counts contracts in `v` and coins in `q`: coins are taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from perpscope.core.errors import DataError
from perpscope.core.time import Timeframe
from perpscope.core.units import AggressorSide, PositionSide
from perpscope.venues.binance.book import Depth, book_message
from perpscope.venues.binance.product import Product
from perpscope.venues.closed_bar import Candle, values
from perpscope.venues.door import Message, Told
from perpscope.venues.numbers import LARGEST, Ident, Price, Quantity

_MS = 1_000_000
_BUY, _SELL = int(AggressorSide.BUY), int(AggressorSide.SELL)
_LONG, _SHORT = int(PositionSide.LONG), int(PositionSide.SHORT)

Stamp = Annotated[int, Meta(ge=1_230_768_000_000, le=4_102_444_800_000)]
Amount = Annotated[float, Meta(gt=0, le=1e18)]

_LEAST = 1e-15
"""The smallest price that is one, where 0 stands for none."""

FRAMES = {
    name: Timeframe.parse(name).ns
    for name in ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "1w")
}  # fmt: skip


class _AggTrade(msgspec.Struct, tag_field="e", tag="aggTrade"):
    s: str
    a: Ident
    p: Price
    q: Amount
    T: Stamp
    m: bool
    st: int | None = None


class _Trade(msgspec.Struct, tag_field="e", tag="trade"):
    s: str
    t: Ident
    p: Quantity
    q: Quantity
    T: Stamp
    m: bool
    X: str = "MARKET"
    st: int | None = None


class _Depth(Depth, kw_only=True, tag_field="e", tag="depthUpdate"):
    s: str
    E: Stamp
    T: Stamp | None = None
    st: int | None = None


class _Mark(msgspec.Struct, tag_field="e", tag="markPriceUpdate"):
    s: str
    E: Stamp
    p: Price
    i: Quantity | None = None
    st: int | None = None


class _Kline(msgspec.Struct):
    t: Stamp
    i: str
    o: Price
    h: Price
    l: Price
    c: Price
    v: Quantity
    q: Quantity
    V: Quantity
    Q: Quantity
    n: Ident
    x: bool


class _Bar(msgspec.Struct, tag_field="e", tag="kline"):
    s: str
    k: _Kline
    st: int | None = None


class _Order(msgspec.Struct):
    s: str
    S: str
    p: Quantity
    ap: Quantity
    z: Quantity
    T: Stamp
    st: int | None = None


class _Force(msgspec.Struct, tag_field="e", tag="forceOrder"):
    o: _Order
    st: int | None = None


_Event = _AggTrade | _Trade | _Depth | _Mark | _Bar | _Force


class _Frame(msgspec.Struct):
    stream: str
    data: _Event | list[_Event]


_frame = msgspec.json.Decoder(_Frame, strict=False)
_KNOWN = frozenset({"aggTrade", "trade", "depthUpdate", "markPriceUpdate", "kline", "forceOrder"})


def parse(payload: bytes, receive_ts: int, product: Product) -> Message:
    """One payload of the combined stream.

    Raises:
        DataError: if it is no JSON, too large, or of a known kind with a value that cannot be.

    Example:
        >>> from perpscope.venues.binance.product import USD_M
        >>> told = parse(b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1723161256322,"s":"BTCUSDT","a":7,'
        ...              b'"p":"61800.3","q":"0.5","f":9,"l":11,"T":1723161256321,"m":true}}', 5, USD_M)
        >>> told.rows, (told.first_id, told.last_id)
        ((('trade', (1723161256321000000, 5, 7, 61800.3, 0.5, 2)),), (7, 7))
    """
    if len(payload) > LARGEST:
        raise DataError(f"This message has more than {LARGEST} bytes.", payload[:200])
    try:
        frame = _frame.decode(payload)
    except msgspec.ValidationError as fault:
        return _other(payload, fault)
    except (msgspec.DecodeError, ValueError, RecursionError) as fault:
        raise DataError(f"This is no JSON ({str(fault)[:200]}).", payload[:200]) from None
    data = frame.data
    if type(data) is list:
        told = [_read(event, frame.stream, receive_ts, product) for event in data]
        return told[0]._replace(others=tuple(told[1:])) if told else Message(Told.EVENTS, frame.stream)
    return _read(data, frame.stream, receive_ts, product)


def _read(event: Any, key: str, receive_ts: int, product: Product) -> Message:
    if event.st is not None and event.st != product.st:
        return _other_product(event.st, key)
    return _READERS[type(event)](event, key, receive_ts, product)


def _other_product(st: int, key: str) -> Message:
    what = "another product" if st in (1, 2) else "an unknown product"
    return Message(Told.EVENTS, key, left_out={f"rows of {what} (st={st})": 1})


def _agg_trade(d: _AggTrade, key: str, receive_ts: int, product: Product) -> Message:
    quantity = product.base(d.s, d.q, d.p) if product.inverse else d.q
    row = (d.T * _MS, receive_ts, d.a, d.p, quantity, _SELL if d.m else _BUY)
    return Message(Told.EVENTS, key, d.s, (("trade", row),), None, d.a, d.a)


def _trade(d: _Trade, key: str, receive_ts: int, product: Product) -> Message:
    if d.X != "MARKET":
        why = {f"prints with X={d.X[:20]}": 1}
        return Message(Told.EVENTS, key, d.s, first_id=d.t, last_id=d.t, left_out=why)
    if d.p < _LEAST or not d.q:
        raise DataError("A print of the market has no price or no quantity.", (d.p, d.q))
    row = (d.T * _MS, receive_ts, d.t, d.p, product.base(d.s, d.q, d.p), _SELL if d.m else _BUY)
    return Message(Told.EVENTS, key, d.s, (("trade", row),), None, d.t, d.t)


def _depth(d: _Depth, key: str, receive_ts: int, product: Product) -> Message:
    if product.inverse:
        face = product.face(d.s)
        d.b = [(p, q * face / p) for p, q in d.b]
        d.a = [(p, q * face / p) for p, q in d.a]
    return Message(Told.EVENTS, key, d.s, (), book_message(d, receive_ts))


def _mark(d: _Mark, key: str, receive_ts: int, product: Product) -> Message:
    row = (d.E * _MS, receive_ts, d.p, d.i or math.nan)
    return Message(Told.EVENTS, key, d.s, (("mark_price", row),))


def _bar(d: _Bar, key: str, receive_ts: int, product: Product) -> Message:
    k = d.k
    frame = FRAMES.get(k.i)
    if frame is None:
        return Message(Told.UNKNOWN, key, d.s, note=f"bars of {k.i[:10]}")
    if not k.x:
        return Message(Told.EVENTS, key, d.s)
    volume, buys = (k.q, k.Q) if product.inverse else (k.v, k.V)
    row = values(k.t * _MS, frame, Candle(k.o, k.h, k.l, k.c, volume, buys, float(k.n)))
    return Message(Told.EVENTS, key, d.s, ((f"bars@{k.i}", row),))


def _force(d: _Force, key: str, receive_ts: int, product: Product) -> Message:
    o = d.o
    if o.st is not None and o.st != product.st:
        return _other_product(o.st, key)
    if o.S not in ("SELL", "BUY"):
        raise DataError("The side of a forced order is neither SELL nor BUY.", o.S)
    if not o.z or o.ap < _LEAST:
        return Message(Told.EVENTS, key, o.s, left_out={"forced orders without a fill": 1})
    side = _LONG if o.S == "SELL" else _SHORT
    row = (o.T * _MS, receive_ts, side, o.p or math.nan, o.ap, product.base(o.s, o.z, o.ap))
    return Message(Told.EVENTS, key, o.s, (("liquidation", row),))


_READERS: dict[type, Callable[[Any, str, int, Product], Message]] = {
    _AggTrade: _agg_trade, _Trade: _trade, _Depth: _depth, _Mark: _mark, _Bar: _bar, _Force: _force,
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
    if "stream" in found and data is not None:
        events = data if isinstance(data, list) else [data]
        kinds = {str(e.get("e")) for e in events if isinstance(e, dict)} & _KNOWN
        if kinds:
            raise DataError(f"This is no {'/'.join(sorted(kinds))} message ({str(fault)[:200]}).", payload[:200])
        return Message(Told.UNKNOWN, channel=str(found["stream"])[:100])
    refusal = found.get("error", found if "code" in found and "msg" in found else None)
    if refusal is not None:
        return Message(Told.REFUSED, note=str(refusal)[:300])
    if "id" in found and found.get("result", 0) is None:
        return Message(Told.ACKNOWLEDGED)
    return Message(Told.UNKNOWN)
