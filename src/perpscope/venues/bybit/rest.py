"""Bybit v5 REST: what is asked and how the answers read (documentation read 2026-11)."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from perpscope.core.errors import DataError
from perpscope.core.events import FUNDING
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import NULL_TS
from perpscope.core.units import ContractKind
from perpscope.venues.bybit.stream import route_of
from perpscope.venues.door import Ask
from perpscope.venues.numbers import Millis, Price, Rate, decoder, read, to_ns

VENUE = "bybit"


class _Answer(msgspec.Struct):
    ret_code: int = msgspec.field(name="retCode")
    ret_msg: str = msgspec.field(name="retMsg", default="")
    result: msgspec.Raw = msgspec.Raw()


class _Paid(msgspec.Struct):
    symbol: str
    rate: Rate = msgspec.field(name="fundingRate")
    stamp: Millis = msgspec.field(name="fundingRateTimestamp")


class _PaidList(msgspec.Struct):
    rows: list[_Paid] = msgspec.field(name="list")


class _Time(msgspec.Struct):
    nano: Annotated[int, Meta(ge=0, le=2**63 - 1)] = msgspec.field(name="timeNano")


class _PriceFilter(msgspec.Struct):
    tick_size: Price = msgspec.field(name="tickSize")


class _LotFilter(msgspec.Struct):
    step: Price = msgspec.field(name="qtyStep")


class _Contract(msgspec.Struct):
    symbol: str
    base: str = msgspec.field(name="baseCoin")
    quote: str = msgspec.field(name="quoteCoin")
    price: _PriceFilter = msgspec.field(name="priceFilter")
    lot: _LotFilter = msgspec.field(name="lotSizeFilter")
    kind: str = msgspec.field(name="contractType", default="LinearPerpetual")


class _ContractList(msgspec.Struct):
    rows: list[_Contract] = msgspec.field(name="list")


_answer, _time, _paid, _contracts = decoder(_Answer), decoder(_Time), decoder(_PaidList), decoder(_ContractList)

ASK_TIME = Ask("/v5/market/time")


def ask_funding(symbol: str) -> Ask:
    """The last 200 settlements."""
    return Ask("/v5/market/funding/history", {"category": route_of(symbol), "symbol": symbol, "limit": 200})


def ask_instruments(category: str = "linear") -> Ask:
    return Ask("/v5/market/instruments-info", {"category": category, "limit": 1000})


def read_funding(symbol: str, payload: bytes, receive_ts: int) -> Table:
    """Settlements by time. The interval of each is the distance to the one before: since 2025-10-30 it changes without
    notice when a rate hits its cap. That of the oldest is not told (NULL_TS)."""
    told = read(_paid, _result(payload), "Bybit funding history").rows
    strange = next((row for row in told if row.symbol != symbol), None)
    if strange is not None:
        raise DataError(f"The funding history of {symbol} holds a row of another symbol.", strange)
    paid = sorted({to_ns(row.stamp, row.stamp): row.rate for row in told}.items())
    stamps = [stamp for stamp, _ in paid]
    intervals = [NULL_TS, *(b - a for a, b in pairwise(stamps))][: len(stamps)]
    return Table.of(
        FUNDING, exchange_ts=stamps, receive_ts=[receive_ts] * len(stamps), funding_rate=[rate for _, rate in paid],
        funding_interval=intervals,
    )  # fmt: skip


def read_time(payload: bytes) -> int:
    return read(_time, _result(payload), "Bybit time").nano


def read_instruments(payload: bytes) -> list[Instrument]:
    """Contracts. An inverse one is one USD; its smallest order is in USD too, so it has no lot in coins (NaN)."""
    return [
        Instrument(
            VENUE, c.symbol, ContractKind.INVERSE if inverse else ContractKind.LINEAR, c.base, c.quote,
            c.price.tick_size, float("nan") if inverse else c.lot.step,
        )
        for c in read(_contracts, _result(payload), "Bybit instrument list").rows
        for inverse in [c.kind.startswith("Inverse")]
    ]  # fmt: skip


def _result(payload: bytes) -> Any:
    answer = read(_answer, payload, "Bybit answer")
    if answer.ret_code:
        raise DataError(f"Bybit refused the request: {answer.ret_code} {answer.ret_msg[:200]!r}.")
    return answer.result
