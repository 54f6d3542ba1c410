"""Binance futures: requests and what their answers mean.

Open interest of USD-M is asked as it is now, in coins. COIN-M answers that request in contracts, which are no coins without
a price: there the 5-minute statistics are asked, which state both (contracts in `sumOpenInterest`, coins in
`sumOpenInterestValue`). Weights as documented by Binance, read 2026-11.
"""

from __future__ import annotations

import msgspec
import numpy as np

from perpscope.core.errors import DataError, UserError
from perpscope.core.events import FUNDING, OPEN_INTEREST, TRADE
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import HOUR, NULL_TS
from perpscope.core.units import AggressorSide, ContractKind
from perpscope.venues.binance import book
from perpscope.venues.binance.parse import Amount, Stamp
from perpscope.venues.binance.product import Product
from perpscope.venues.book_sync import BookMessage
from perpscope.venues.door import Ask
from perpscope.venues.numbers import Ident, Price, Quantity, Rate, decoder, read

_MS = 1_000_000
_HOURS = np.array([1, 2, 4, 8], np.int64)


class _AggTrade(msgspec.Struct):
    a: Ident
    p: Price
    q: Amount
    T: Stamp
    m: bool


class _Funding(msgspec.Struct):
    funding_time: Stamp = msgspec.field(name="fundingTime")
    funding_rate: Rate = msgspec.field(name="fundingRate")


class _Interest(msgspec.Struct):
    open_interest: Quantity = msgspec.field(name="openInterest")
    time: Stamp


class _InterestStatistics(msgspec.Struct):
    contracts: Quantity = msgspec.field(name="sumOpenInterest")
    coins: Quantity = msgspec.field(name="sumOpenInterestValue")
    timestamp: Stamp


class _Time(msgspec.Struct):
    server_time: Stamp = msgspec.field(name="serverTime")


class _Filter(msgspec.Struct):
    filter_type: str = msgspec.field(name="filterType")
    tick_size: Price | None = msgspec.field(name="tickSize", default=None)
    step_size: Price | None = msgspec.field(name="stepSize", default=None)


class _Symbol(msgspec.Struct):
    symbol: str
    base: str = msgspec.field(name="baseAsset")
    quote: str = msgspec.field(name="quoteAsset")
    filters: msgspec.Raw
    status: str = ""
    contract_status: str = msgspec.field(name="contractStatus", default="")
    contract_type: str = msgspec.field(name="contractType", default="")
    contract_size: Price | None = msgspec.field(name="contractSize", default=None)


class _Info(msgspec.Struct):
    symbols: list[_Symbol]


_trades, _fundings, _interest = decoder(list[_AggTrade]), decoder(list[_Funding]), decoder(_Interest)
_statistics, _time, _info = decoder(list[_InterestStatistics]), decoder(_Time), decoder(_Info)
_filters = decoder(list[_Filter])


def ask_snapshot(product: Product, symbol: str) -> Ask:
    return Ask(f"{product.prefix}/depth", {"symbol": symbol, "limit": 1_000}, weight=20)


def read_snapshot(product: Product, symbol: str, payload: bytes, receive_ts: int) -> BookMessage:
    shot = book.parse_snapshot(payload, receive_ts)
    if not product.inverse:
        return shot
    face = product.face(symbol)
    return shot._replace(bids=[(p, q * face / p) for p, q in shot.bids], asks=[(p, q * face / p) for p, q in shot.asks])


def ask_trades(product: Product, symbol: str, from_id: int) -> Ask:
    """Aggregate trades from an id on; Binance keeps one year."""
    return Ask(f"{product.prefix}/aggTrades", {"symbol": symbol, "fromId": from_id, "limit": 1_000}, weight=20)


def read_trades(product: Product, symbol: str, payload: bytes, receive_ts: int) -> Table:
    rows = read(_trades, payload, "list of Binance aggregate trades")
    price = np.array([r.p for r in rows], np.float64)
    quantity = np.array([r.q for r in rows], np.float64)
    return Table.of(
        TRADE,
        exchange_ts=np.array([r.T for r in rows], np.int64) * _MS,
        receive_ts=np.full(len(rows), receive_ts, np.int64),
        trade_id=np.array([r.a for r in rows], np.int64),
        price=price,
        quantity=quantity * product.face(symbol) / price if product.inverse else quantity,
        aggressor_side=np.array([AggressorSide.SELL if r.m else AggressorSide.BUY for r in rows], np.int8),
    ).sorted()


def ask_polled(product: Product, symbol: str, kind: str) -> Ask | None:
    if kind == "funding":
        return Ask(f"{product.prefix}/fundingRate", {"symbol": symbol, "limit": 100}, weight=1)
    if kind != "open_interest":
        return None
    if not product.inverse:
        return Ask(f"{product.prefix}/openInterest", {"symbol": symbol}, weight=1)
    pair, _, contract = symbol.partition("_")
    if contract != "PERP":
        raise UserError(f"{symbol} is a dated future. Open interest is offered for perpetuals, such as {pair}_PERP.")
    query: dict[str, str | int] = {"pair": pair, "contractType": "PERPETUAL", "period": "5m", "limit": 2}
    return Ask("/futures/data/openInterestHist", query, weight=1)


def read_polled(product: Product, symbol: str, kind: str, payload: bytes, receive_ts: int) -> Table:
    """Settled funding or open interest.

    The funding interval is the distance to the settlement before, rounded to whole hours: the oldest row of an answer, whose
    interval is unknown, only serves to tell the next one's, unless it is alone.
    """
    if kind == "funding":
        return _read_funding(payload, receive_ts)
    if product.inverse:
        rows = read(_statistics, payload, "list of Binance open interest statistics")
        ts = np.array([r.timestamp for r in rows], np.int64)
        coins = np.array([r.coins for r in rows], np.float64)
        notional = np.array([r.contracts for r in rows], np.float64) * product.face(symbol)
    else:
        one = read(_interest, payload, "Binance open interest")
        ts, coins, notional = np.array([one.time], np.int64), np.array([one.open_interest]), np.array([np.nan])
    received = np.full(len(ts), receive_ts, np.int64)
    return Table.of(
        OPEN_INTEREST, exchange_ts=ts * _MS, receive_ts=received, open_interest=coins, open_interest_notional=notional
    ).sorted()


def _read_funding(payload: bytes, receive_ts: int) -> Table:
    found = read(_fundings, payload, "list of Binance funding rates")
    rows = sorted(found, key=lambda r: r.funding_time)
    ts = np.array([r.funding_time for r in rows], np.int64) * _MS
    hours = (np.diff(ts) + HOUR // 2) // HOUR
    interval = np.concatenate([[NULL_TS], np.where(np.isin(hours, _HOURS), hours * HOUR, NULL_TS)])[: len(ts)]
    first = 1 if len(rows) > 1 else 0
    return Table.of(
        FUNDING,
        exchange_ts=ts[first:],
        receive_ts=np.full(len(ts) - first, receive_ts, np.int64),
        funding_rate=np.array([r.funding_rate for r in rows], np.float64)[first:],
        funding_interval=interval.astype(np.int64)[first:],
    )


def read_time(payload: bytes) -> int:
    return read(_time, payload, "Binance server time").server_time * _MS


def read_instruments(product: Product, payload: bytes) -> list[Instrument]:
    """The perpetuals that trade; dated futures, which share the streams, are left out. Lots of COIN-M are contracts."""
    found = []
    for s in read(_info, payload, "Binance exchange information").symbols:
        if not s.contract_type.endswith("PERPETUAL") or (s.status or s.contract_status) != "TRADING":
            continue
        steps = {f.filter_type: f for f in read(_filters, s.filters, f"list of filters of {s.symbol}")}
        price, lot = steps.get("PRICE_FILTER"), steps.get("LOT_SIZE")
        if price is None or lot is None or price.tick_size is None or lot.step_size is None:
            raise DataError(f"Binance states no tick or lot of {s.symbol}.", bytes(s.filters)[:200])
        if product.inverse:
            kind, size = ContractKind.INVERSE, s.contract_size or product.face(s.symbol)
        else:
            kind, size = ContractKind.LINEAR, 1.0
        found.append(Instrument(product.name, s.symbol, kind, s.base, s.quote, price.tick_size, lot.step_size, size))
    return found
