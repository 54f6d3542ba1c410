"""OKX v5 public messages to events: each function reads one kind and remembers nothing.

Trades and forced orders count contracts: coins are contracts x size for linear contracts (BTC-USDT-SWAP: 0.01 BTC), and
contracts x size / price for inverse ones (BTC-USD-SWAP: 100 USD). Open interest and bars come in coins as well.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from perpscope.core.errors import DataError
from perpscope.core.instrument import Instrument
from perpscope.core.time import NULL_TS, Timeframe
from perpscope.core.units import AggressorSide, ContractKind, PositionSide
from perpscope.venues.book_sync import BookMessage
from perpscope.venues.door import Values
from perpscope.venues.numbers import Ident, Millis, Price, Quantity, Rate, decoder, read, to_ns

NAN = float("nan")
_AGGRESSOR = {"buy": AggressorSide.BUY.value, "sell": AggressorSide.SELL.value}
_DEAD = {"buy": PositionSide.SHORT.value, "sell": PositionSide.LONG.value}
"""`side` of a forced order is the order's: a long is closed by selling."""

_POSITION = {"long": PositionSide.LONG.value, "short": PositionSide.SHORT.value}
Side = Literal["buy", "sell"]


class Argument(msgspec.Struct):
    """What a message answers to: a channel and an instrument, or a channel and a type of instruments."""

    channel: str
    inst_id: str = msgspec.field(name="instId", default="")
    inst_type: str = msgspec.field(name="instType", default="")

    @property
    def key(self) -> str:
        return f"{self.channel}:{self.inst_id or self.inst_type}"


class Envelope(msgspec.Struct):
    arg: Argument | None = None
    event: str = ""
    code: str = ""
    msg: str = ""
    data: msgspec.Raw = msgspec.Raw()


class Contract(NamedTuple):
    """How many coins (linear, spot) or USD (inverse) one unit of quantity is."""

    size: float
    inverse: bool

    @classmethod
    def of(cls, instrument: Instrument) -> Contract:
        return cls(instrument.contract_size, instrument.kind is ContractKind.INVERSE)

    def coins(self, quantity: float, price: float) -> float:
        return quantity * self.size / price if self.inverse else quantity * self.size


class _Trade(msgspec.Struct):
    trade_id: Ident = msgspec.field(name="tradeId")
    px: Price
    sz: Quantity
    side: Side
    ts: Millis
    count: Ident = 1


class _Mark(msgspec.Struct):
    mark: Price = msgspec.field(name="markPx")
    ts: Millis


class _Index(msgspec.Struct):
    index: Price = msgspec.field(name="idxPx")
    ts: Millis


class _Interest(msgspec.Struct):
    coins: Quantity = msgspec.field(name="oiCcy")
    ts: Millis
    usd: Quantity | Literal[""] = msgspec.field(name="oiUsd", default="")


class _Funding(msgspec.Struct):
    """`funding_time` is when the running interval is paid; `sett_rate` was paid at `previous_time` once `state` is settled."""

    funding_time: Millis = msgspec.field(name="fundingTime")
    next_time: Millis | Literal[""] = msgspec.field(name="nextFundingTime", default="")
    previous_time: Millis | Literal[""] = msgspec.field(name="prevFundingTime", default="")
    sett_rate: Rate | Literal[""] = msgspec.field(name="settFundingRate", default="")
    state: str = msgspec.field(name="settState", default="")


class _Order(msgspec.Struct):
    side: Side
    price: Price = msgspec.field(name="bkPx")
    sz: Quantity
    ts: Millis
    position: str = msgspec.field(name="posSide", default="")


class _Dead(msgspec.Struct):
    inst_id: str = msgspec.field(name="instId")
    details: list[_Order]


class Prints(NamedTuple):
    """Trades of one message. OKX merges the fills of one taker at one price: `tradeId` is the last of `count` ids, so that
    ids `first_id` to `last_id` are all told."""

    rows: list[Values]
    first_id: int
    last_id: int


_envelope, _trades, _marks, _indices = decoder(Envelope), decoder(list[_Trade]), decoder(list[_Mark]), decoder(list[_Index])
_interests, _fundings, _dead = decoder(list[_Interest]), decoder(list[_Funding]), decoder(list[_Dead])
_candle = decoder(list[tuple[Millis, Price, Price, Price, Price, Quantity, Quantity, Quantity, Literal["0", "1"]]])


def read_envelope(payload: bytes) -> Envelope:
    """The outside of a message; `data` is left unread.

    Raises:
        DataError: if it is no JSON object of this shape.
    """
    return read(_envelope, payload, "OKX message")


def read_trades(data: msgspec.Raw, receive_ts: int, contract: Contract) -> Prints:
    """`trades`: `side` is the taker's.

    Example:
        >>> data = b'[{"instId":"X","tradeId":"9","px":"50000","sz":"3","side":"buy","ts":"1700000000000","count":"2"}]'
        >>> read_trades(msgspec.Raw(data), 5, Contract(0.01, inverse=False))
        Prints(rows=[(1700000000000000000, 5, 9, 50000.0, 0.03, 1)], first_id=8, last_id=9)
    """
    told = read(_trades, data, "OKX trade message")
    if not told:
        return Prints([], -1, -1)
    rows = [(to_ns(t.ts, t.ts), receive_ts, t.trade_id, t.px, contract.coins(t.sz, t.px), _AGGRESSOR[t.side]) for t in told]
    first = min(t.trade_id - max(t.count, 1) + 1 for t in told)
    return Prints(rows, first, max(t.trade_id for t in told))


def read_marks(data: msgspec.Raw, receive_ts: int, index: float) -> list[Values]:
    """`mark-price`, beside the index price that the caller knows (NaN: none)."""
    return [(to_ns(m.ts, m.ts), receive_ts, m.mark, index) for m in read(_marks, data, "OKX mark price message")]


def read_index(data: msgspec.Raw) -> float:
    """The last price of an `index-tickers` message; NaN if it is empty."""
    told = read(_indices, data, "OKX index message")
    return told[-1].index if told else NAN


def read_interest(data: msgspec.Raw, receive_ts: int) -> list[Values]:
    """`open-interest`, in coins; the value in USD where it is told."""
    return [
        (to_ns(i.ts, i.ts), receive_ts, i.coins, NAN if i.usd == "" else i.usd)
        for i in read(_interests, data, "OKX open interest message")
    ]


def read_funding(data: msgspec.Raw, receive_ts: int) -> list[Values]:
    """`funding-rate`: the settlement that is behind us, and nothing while it is being worked out (`settState` processing).

    The time of the last settlement is `prevFundingTime`; where it is absent, as before 2025, one interval before the coming
    one. The interval is that from the last settlement to the coming one.
    """
    rows: list[Values] = []
    for f in read(_fundings, data, "OKX funding message"):
        if f.state != "settled" or f.sett_rate == "":
            continue
        if f.previous_time != "":
            paid = f.previous_time
        elif f.next_time != "":
            paid = 2 * f.funding_time - f.next_time
        else:
            continue
        stamp, interval = to_ns(paid, paid), (f.funding_time - paid) * 1_000_000
        rows.append((stamp, receive_ts, f.sett_rate, interval if interval > 0 else NULL_TS))
    return rows


def read_liquidations(data: msgspec.Raw) -> list[tuple[str, list[_Order]]]:
    """`liquidation-orders`, which tells of all swaps at once: (instrument, orders).

    Raises:
        DataError: if an order's side contradicts its position's.
    """
    told = [(d.inst_id, d.details) for d in read(_dead, data, "OKX liquidation message")]
    for _, orders in told:
        for order in orders:
            if _POSITION.get(order.position, _DEAD[order.side]) != _DEAD[order.side]:
                raise DataError("A forced order closes a position by trading in its direction.", order)
    return told


def liquidation_rows(orders: list[_Order], receive_ts: int, contract: Contract) -> list[Values]:
    """Forced orders as events: the price is the bankruptcy price; the average fill is not told, and it stands for that too."""
    return [(to_ns(x.ts, x.ts), receive_ts, _DEAD[x.side], x.price, x.price, contract.coins(x.sz, x.price)) for x in orders]


def read_candles(data: msgspec.Raw, frame: Timeframe) -> list[Values]:
    """The closed bars of a `candle` message: the seventh field is the volume in coins."""
    return [
        (to_ns(c[0], c[0]), to_ns(c[0], c[0]) + frame.ns, *c[1:5], c[6], NAN, NAN, NAN, NAN, NAN, True)
        for c in read(_candle, data, "OKX candle message")
        if c[8] == "1"
    ]


def in_coins(message: BookMessage, contract: Contract) -> BookMessage:
    """A book in base units."""
    bids, asks = ([(p, contract.coins(q, p)) for p, q in side] for side in (message.bids, message.asks))
    return message._replace(bids=bids, asks=asks)
