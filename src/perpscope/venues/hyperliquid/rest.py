"""Hyperliquid `POST /info`: what is asked and how the answers read (documentation read 2026-11)."""

from __future__ import annotations

import msgspec

from perpscope.core.errors import DataError
from perpscope.core.events import FUNDING
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR
from perpscope.venues.door import Ask
from perpscope.venues.hyperliquid.parse import SIDES
from perpscope.venues.numbers import Ident, Millis, Rate, decoder, read, to_ns

VENUE = "hyperliquid"
_PATH = "/info"
_DECIMALS = 6


class _Paid(msgspec.Struct):
    coin: str
    rate: Rate = msgspec.field(name="fundingRate")
    time: Millis


class _Book(msgspec.Struct):
    time: Millis


class _Coin(msgspec.Struct):
    name: str
    decimals: Ident = msgspec.field(name="szDecimals")


class _Meta(msgspec.Struct):
    universe: list[_Coin]


_paid, _book, _meta = decoder(list[_Paid]), decoder(_Book), decoder(_Meta)

ASK_TIME = Ask(_PATH, method="POST", body={"type": "l2Book", "coin": "BTC"}, weight=2)
"""There is no clock to ask; a book carries the venue's time."""

ASK_INSTRUMENTS = Ask(_PATH, method="POST", body={"type": "meta"}, weight=20)


def ask_funding(symbol: str, heard_ts: int) -> Ask:
    """The settlements of the day before the last message; without any message the oldest ones there are (500)."""
    start = max(0, heard_ts - DAY) // 1_000_000
    return Ask(_PATH, method="POST", body={"type": "fundingHistory", "coin": symbol, "startTime": start}, weight=20)


def read_funding(symbol: str, payload: bytes, receive_ts: int) -> Table:
    """Settlements by time; each covers an hour."""
    told = read(_paid, payload, "Hyperliquid funding history")
    if any(row.coin != symbol for row in told):
        raise DataError(f"The funding history of {symbol} holds a row of another coin.", payload[:200])
    paid = sorted({to_ns(row.time, row.time): row.rate for row in told}.items())
    return Table.of(
        FUNDING, exchange_ts=[stamp for stamp, _ in paid], receive_ts=[receive_ts] * len(paid),
        funding_rate=[rate for _, rate in paid], funding_interval=[HOUR] * len(paid),
    )  # fmt: skip


def read_time(payload: bytes) -> int:
    return to_ns(read(_book, payload, "Hyperliquid book").time, payload[:200])


def read_instruments(payload: bytes) -> list[Instrument]:
    """Perpetual swaps. A lot is 10^-szDecimals; prices have at most 6 - szDecimals decimals (and five significant figures, so
    that the tick of a high price is coarser than the one given here)."""
    return [
        Instrument(
            VENUE, coin.name, base=coin.name, quote="USDC", tick_size=_step(_DECIMALS - coin.decimals),
            lot_size=_step(coin.decimals), oi_sides=SIDES,
        )
        for coin in read(_meta, payload, "Hyperliquid list of coins").universe
        if coin.decimals <= _DECIMALS
    ]  # fmt: skip


def _step(decimals: int) -> float:
    return float(f"1e-{decimals}")
