"""Bybit v5 public messages to events: each function reads one kind and remembers nothing.

Linear contracts count in coins. Inverse contracts count in USD, one contract being one dollar: coins are USD / price, and
the ticker gives their open interest in coins beside the one in USD.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from perpscope.core.time import Timeframe
from perpscope.core.units import AggressorSide, PositionSide
from perpscope.venues.book_sync import BookMessage
from perpscope.venues.door import Values
from perpscope.venues.numbers import Millis, Price, Quantity, decoder, read, to_ns

NAN = float("nan")
_AGGRESSOR = {"Buy": AggressorSide.BUY.value, "Sell": AggressorSide.SELL.value}
_DEAD = {"Buy": PositionSide.LONG.value, "Sell": PositionSide.SHORT.value}
"""The side of a liquidation is that of the position: Buy means that a long died, the opposite of Binance's order side."""


class Envelope(msgspec.Struct):
    """What all messages share; a control message has `op` and no topic."""

    topic: str = ""
    type: str = ""
    ts: Millis = 0
    data: msgspec.Raw = msgspec.Raw()
    op: str = ""
    success: bool | None = None
    ret_msg: str = ""


class _Trade(msgspec.Struct):
    T: Millis
    S: Literal["Buy", "Sell"]
    v: Quantity
    p: Price
    i: str = ""
    BT: bool = False


class _Liquidation(msgspec.Struct):
    T: Millis
    s: str
    S: Literal["Buy", "Sell"]
    v: Quantity
    p: Price


class _Candle(msgspec.Struct):
    start: Millis
    end: Millis
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Quantity
    turnover: Quantity
    confirm: bool


class Ticker(msgspec.Struct):
    """A ticker message: in a delta an absent field (None) is unchanged, not gone."""

    mark_price: Price | None = msgspec.field(name="markPrice", default=None)
    index_price: Price | None = msgspec.field(name="indexPrice", default=None)
    open_interest: Quantity | None = msgspec.field(name="openInterest", default=None)
    open_interest_value: Quantity | None = msgspec.field(name="openInterestValue", default=None)


class Prints(NamedTuple):
    """Trades of one message; `blocks` were agreed off the book and are no market prints."""

    rows: list[Values]
    blocks: int


_envelope, _trades, _liquidations = decoder(Envelope), decoder(list[_Trade]), decoder(list[_Liquidation])
_candles, _ticker = decoder(list[_Candle]), decoder(Ticker)


def read_envelope(payload: bytes) -> Envelope:
    """The outside of a message; `data` is left unread.

    Raises:
        DataError: if it is no JSON object of this shape.
    """
    return read(_envelope, payload, "Bybit message")


def read_trades(data: msgspec.Raw, receive_ts: int, inverse: bool) -> Prints:
    """`publicTrade`: `S` is the side of the taker. The ids of contracts are no numbers and become -1.

    Example:
        >>> data = b'[{"T":1700000000000,"s":"X","S":"Sell","v":"2","p":"10.5","i":"7-a","BT":false}]'
        >>> read_trades(msgspec.Raw(data), 5, inverse=False).rows
        [(1700000000000000000, 5, -1, 10.5, 2.0, 2)]
    """
    trades = read(_trades, data, "Bybit trade message")
    rows = [
        (to_ns(t.T, t.T), receive_ts, trade_id(t.i), t.p, t.v / t.p if inverse else t.v, _AGGRESSOR[t.S])
        for t in trades
        if not t.BT
    ]
    return Prints(rows, len(trades) - len(rows))


def read_liquidations(data: msgspec.Raw, receive_ts: int, inverse: bool) -> list[tuple[str, Values]]:
    """`allLiquidation`: (symbol, values). The price is the bankruptcy price; the average fill is not told,
    and the bankruptcy price stands for that too."""
    return [
        (x.s, (to_ns(x.T, x.T), receive_ts, _DEAD[x.S], x.p, x.p, x.v / x.p if inverse else x.v))
        for x in read(_liquidations, data, "Bybit liquidation message")
    ]


def read_ticker(data: msgspec.Raw) -> Ticker:
    return read(_ticker, data, "Bybit ticker message")


def read_candles(data: msgspec.Raw, frame: Timeframe, inverse: bool) -> list[Values]:
    """The closed bars of a `kline` message; a forming bar is none yet. Inverse bars give their coins as turnover."""
    return [
        (to_ns(c.start, c.start), to_ns(c.start, c.start) + frame.ns, c.open, c.high, c.low, c.close,
         c.turnover if inverse else c.volume, NAN, NAN, NAN, NAN, NAN, True)
        for c in read(_candles, data, "Bybit kline message")
        if c.confirm
    ]  # fmt: skip


def in_coins(message: BookMessage) -> BookMessage:
    """A book of an inverse contract, USD / price at each level."""
    bids, asks = ([(p, q / p) for p, q in side] for side in (message.bids, message.asks))
    return message._replace(bids=bids, asks=asks)


def trade_id(text: str) -> int:
    """The id where it is a number that fits, else -1."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else -1
