"""Binance spot: what the answers of requests mean. Weights as documented by Binance, read 2026-11."""

from __future__ import annotations

import msgspec
import numpy as np

from perpscope.core.errors import DataError
from perpscope.core.events import TRADE
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.units import AggressorSide, ContractKind
from perpscope.venues.binance_spot.parse import Amount, Stamp
from perpscope.venues.door import Ask
from perpscope.venues.numbers import Ident, Price, decoder, read

_MS = 1_000_000


class _AggTrade(msgspec.Struct):
    a: Ident
    p: Price
    q: Amount
    T: Stamp
    m: bool


class _Time(msgspec.Struct):
    server_time: Stamp = msgspec.field(name="serverTime")


class _Filter(msgspec.Struct):
    filter_type: str = msgspec.field(name="filterType")
    tick_size: Price | None = msgspec.field(name="tickSize", default=None)
    step_size: Price | None = msgspec.field(name="stepSize", default=None)


class _Symbol(msgspec.Struct):
    """Filters are read only of symbols that trade: the others state steps of zero, which are none."""

    symbol: str
    status: str
    base: str = msgspec.field(name="baseAsset")
    quote: str = msgspec.field(name="quoteAsset")
    filters: msgspec.Raw


class _Info(msgspec.Struct):
    symbols: list[_Symbol]


_trades, _time, _info, _filters = decoder(list[_AggTrade]), decoder(_Time), decoder(_Info), decoder(list[_Filter])


def ask_snapshot(symbol: str) -> Ask:
    return Ask("/api/v3/depth", {"symbol": symbol, "limit": 1_000}, weight=50)


def ask_trades(symbol: str, from_id: int) -> Ask:
    return Ask("/api/v3/aggTrades", {"symbol": symbol, "fromId": from_id, "limit": 1_000}, weight=4)


def read_trades(payload: bytes, receive_ts: int) -> Table:
    rows = read(_trades, payload, "list of Binance aggregate trades")
    return Table.of(
        TRADE,
        exchange_ts=np.array([r.T for r in rows], np.int64) * _MS,
        receive_ts=np.full(len(rows), receive_ts, np.int64),
        trade_id=np.array([r.a for r in rows], np.int64),
        price=np.array([r.p for r in rows], np.float64),
        quantity=np.array([r.q for r in rows], np.float64),
        aggressor_side=np.array([AggressorSide.SELL if r.m else AggressorSide.BUY for r in rows], np.int8),
    ).sorted()


def read_time(payload: bytes) -> int:
    return read(_time, payload, "Binance server time").server_time * _MS


def read_instruments(payload: bytes) -> list[Instrument]:
    """The symbols that trade."""
    found = []
    for s in read(_info, payload, "Binance exchange information").symbols:
        if s.status != "TRADING":
            continue
        steps = {f.filter_type: f for f in read(_filters, s.filters, f"list of filters of {s.symbol}")}
        price, lot = steps.get("PRICE_FILTER"), steps.get("LOT_SIZE")
        if price is None or lot is None or price.tick_size is None or lot.step_size is None:
            raise DataError(f"Binance states no tick or lot of {s.symbol}.", bytes(s.filters)[:200])
        found.append(Instrument("binance_spot", s.symbol, ContractKind.SPOT, s.base, s.quote, price.tick_size, lot.step_size))
    return found
