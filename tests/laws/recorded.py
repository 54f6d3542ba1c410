"""A recorded market for the laws: BTCUSDT, hourly, 2024-06-19 to 08-19, read from the shared data as it lies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from laws.market import FRAME, Market
from perpscope.contract import seed_tables
from perpscope.core.events import BARS, FUNDING, LIQUIDATION_TOTALS, OPEN_INTEREST
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR

MS = 1_000_000


def recorded_market(shared_data: Path) -> Market:
    """Bars with taker volume, open interest, censored liquidation totals and funding."""
    folder = shared_data / "bars" / "coinalyze" / "1h"
    bars = pl.read_parquet(folder / "BTCUSDT_ohlcv-history.parquet")
    interest = pl.read_parquet(folder / "BTCUSDT_open-interest-history.parquet")
    forced = pl.read_parquet(folder / "BTCUSDT_liquidation-history.parquet")
    ref = bars["ts"].to_numpy() * MS
    paid = pl.read_parquet(shared_data / "bars" / "binance_funding" / "BTCUSDT.parquet")
    paid = paid.filter(pl.col("ts").is_between(int(ref[0] - 100 * DAY) // MS, int(ref[-1] + HOUR) // MS))
    since = forced["ts"].to_numpy() * MS
    tables = {
        f"bars@{FRAME}": Table.filled(
            BARS,
            ref_ts=ref,
            known_ts=ref + HOUR,
            **{name: bars[name] for name in ("open", "high", "low", "close", "volume", "buy_volume")},
            sell_volume=bars["volume"] - bars["buy_volume"],
            trade_count=bars["trades"],
            complete=np.ones(len(ref), bool),
        ),
        "open_interest": Table.filled(
            OPEN_INTEREST, exchange_ts=interest["ts"].to_numpy() * MS + HOUR, open_interest=interest["oi_close"]
        ),
        "funding": Table.filled(FUNDING, exchange_ts=paid["ts"].to_numpy() * MS, funding_rate=paid["funding_rate"]),
        f"liquidation_totals@{FRAME}": Table.of(
            LIQUIDATION_TOTALS,
            ref_ts=since,
            known_ts=since + HOUR,
            long_quantity=forced["liq_long"],
            short_quantity=forced["liq_short"],
            feed=np.full(len(since), 3),
        ),
    }
    # the brackets of 2024-10, assumed to hold in the summer before: BTCUSDT's did not change until mid 2025
    tiers = tuple(replace(t, valid_from=None) for t in seed_tables() if (t.venue, t.symbol) == ("binance", "BTCUSDT"))
    return Market(Instrument("binance", "BTCUSDT", tier_tables=tiers), tables, int(ref[-1]) + HOUR)
