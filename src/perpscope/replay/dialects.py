"""Which venues the server speaks for, by the names the doors have."""

from __future__ import annotations

from collections.abc import Callable

from perpscope.core.errors import unknown_name
from perpscope.replay.dialect import Dialect


def _binance(name: str, product: str) -> Dialect:
    from perpscope.replay.binance.dialect import Binance

    return Binance(name, product)


def _bybit() -> Dialect:
    from perpscope.replay.bybit.dialect import Bybit

    return Bybit()


def _hyperliquid() -> Dialect:
    from perpscope.replay.hyperliquid.dialect import Hyperliquid

    return Hyperliquid()


def _okx() -> Dialect:
    from perpscope.replay.okx.dialect import Okx

    return Okx()


VENUES: dict[str, Callable[[], Dialect]] = {
    "binance": lambda: _binance("binance", "um"),
    "binance_coinm": lambda: _binance("binance_coinm", "cm"),
    "binance_spot": lambda: _binance("binance_spot", "spot"),
    "bybit": _bybit,
    "hyperliquid": _hyperliquid,
    "okx": _okx,
}


def dialect_of(venue: str) -> Dialect:
    """The protocol of a venue.

    Raises:
        UserError: for a venue the server does not speak for.
    """
    if venue not in VENUES:
        raise unknown_name("venue to replay", venue, VENUES)
    return VENUES[venue]()
