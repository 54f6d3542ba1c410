"""Risk tiers that ship with the package: facts of the venues, each with its source and the dates we can vouch for.

`RATE_SEEDS` hold (cap, maintenance rate, max leverage); `LEVERAGE_SEEDS` hold (lower bound, max leverage), as
Hyperliquid prints them. Floors and cumulative amounts follow. `UNKNOWN`: the figure was not in the source. Dates are
[valid_from, valid_to); None is an end we know nothing about. Replace these by recorded tables as soon as there are
any: a venue changes its tiers without asking.
"""

from __future__ import annotations

from typing import NamedTuple


class RateSeed(NamedTuple):
    venue: str
    symbol: str
    valid_from: str | None
    valid_to: str | None
    source: str
    rows: tuple[tuple[float, float, float], ...]


class LeverageSeed(NamedTuple):
    venue: str
    symbols: tuple[str, ...]
    valid_from: str | None
    valid_to: str | None
    source: str
    steps: tuple[tuple[float, float], ...]


UNKNOWN = float("nan")

_BINANCE = "Binance brackets as collected by freqtrade on 2024-10-24, unchanged in a copy of mid 2025; not checked since"
_BYBIT = (
    "Bybit risk limits, undated snapshot that ends at 50M; its first two steps stand in the help centre page "
    "'Maintenance Margin (USDT Contract)' of 2025-09-05"
)
_HYPERLIQUID = "Hyperliquid docs, Margin tiers (page without a date)"
_HYPERLIQUID_TIERED = (
    f"{_HYPERLIQUID}; valid_from is the day the 50x limit was announced to end (2025-03-12), the roll-out of the "
    "second tier came later on a day we could not confirm; BTC and ETH seen unchanged on 2026-09-27"
)
_HYPERLIQUID_2024 = "Hyperliquid accounts of autumn 2024 (freqtrade tests/exchange/test_hyperliquid.py); one tier"
_ANNOUNCED = "2025-03-12"

RATE_SEEDS: tuple[RateSeed, ...] = (
    RateSeed(
        "binance",
        "BTCUSDT",
        "2024-10-24",
        None,
        _BINANCE,
        (
            (50e3, 0.004, 125),
            (600e3, 0.005, 100),
            (3e6, 0.0065, 75),
            (12e6, 0.01, 50),
            (70e6, 0.02, 25),
            (100e6, 0.025, 20),
            (230e6, 0.05, 10),
            (480e6, 0.1, 5),
            (600e6, 0.125, 4),
            (800e6, 0.15, 3),
            (1.2e9, 0.25, 2),
            (1.8e9, 0.5, 1),
        ),
    ),
    RateSeed(
        "binance",
        "ETHUSDT",
        "2024-10-24",
        None,
        _BINANCE,
        (
            (50e3, 0.004, 125),
            (600e3, 0.005, 100),
            (3e6, 0.0065, 75),
            (12e6, 0.01, 50),
            (50e6, 0.02, 25),
            (65e6, 0.025, 20),
            (150e6, 0.05, 10),
            (320e6, 0.1, 5),
            (400e6, 0.125, 4),
            (530e6, 0.15, 3),
            (800e6, 0.25, 2),
            (1.2e9, 0.5, 1),
        ),
    ),
    RateSeed(
        "binance",
        "SOLUSDT",
        "2024-10-24",
        None,
        _BINANCE,
        (
            (20e3, 0.005, 100),
            (100e3, 0.0065, 75),
            (800e3, 0.01, 50),
            (4e6, 0.02, 25),
            (8e6, 0.025, 20),
            (40e6, 0.05, 10),
            (80e6, 0.1, 5),
            (100e6, 0.125, 4),
            (200e6, 0.25, 2),
            (400e6, 0.5, 1),
        ),
    ),
    RateSeed(
        "bybit",
        "BTCUSDT",
        None,
        None,
        _BYBIT,
        (
            (2e6, 0.005, 100),
            (2.6e6, 0.0056, 90),
            (3.2e6, 0.0063, 80),
            (3.8e6, 0.0067, UNKNOWN),
            (4.4e6, 0.0071, UNKNOWN),
            (5e6, 0.0077, UNKNOWN),
            (5.6e6, 0.0091, UNKNOWN),
            (8.5e6, 0.01, 50),
            (10e6, 0.013, UNKNOWN),
            (14e6, 0.015, UNKNOWN),
            (20e6, 0.016, UNKNOWN),
            (28e6, 0.02, UNKNOWN),
            (38e6, 0.025, 25),
            (50e6, 0.029, UNKNOWN),
        ),
    ),
)

LEVERAGE_SEEDS: tuple[LeverageSeed, ...] = (
    LeverageSeed("hyperliquid", ("BTC", "ETH"), None, _ANNOUNCED, _HYPERLIQUID_2024, ((0, 50),)),
    LeverageSeed("hyperliquid", ("SOL", "DOGE"), None, _ANNOUNCED, _HYPERLIQUID_2024, ((0, 20),)),
    LeverageSeed("hyperliquid", ("BTC",), _ANNOUNCED, None, _HYPERLIQUID_TIERED, ((0, 40), (150e6, 20))),
    LeverageSeed("hyperliquid", ("ETH",), _ANNOUNCED, None, _HYPERLIQUID_TIERED, ((0, 25), (100e6, 15))),
    LeverageSeed("hyperliquid", ("SOL",), _ANNOUNCED, None, _HYPERLIQUID_TIERED, ((0, 20), (70e6, 10))),
    LeverageSeed("hyperliquid", ("XRP",), _ANNOUNCED, None, _HYPERLIQUID_TIERED, ((0, 20), (40e6, 10))),
    LeverageSeed(
        "hyperliquid",
        (
            *("DOGE", "kPEPE", "SUI", "WLD", "TRUMP", "LTC", "ENA", "POPCAT", "WIF", "AAVE", "kBONK"),
            *("LINK", "CRV", "AVAX", "ADA", "UNI", "NEAR", "TIA", "APT", "BCH", "HYPE", "FARTCOIN"),
        ),
        _ANNOUNCED,
        None,
        _HYPERLIQUID_TIERED,
        ((0, 10), (20e6, 5)),
    ),
    LeverageSeed(
        "hyperliquid",
        ("OP", "ARB", "LDO", "TON", "MKR", "ONDO", "JUP", "INJ", "kSHIB", "SEI", "TRX", "BNB", "DOT"),
        _ANNOUNCED,
        None,
        _HYPERLIQUID_TIERED,
        ((0, 10), (3e6, 5)),
    ),
)
