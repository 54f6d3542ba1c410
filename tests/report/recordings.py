"""Recorded stretches of market as in-memory sources: what a lake would return, without a lake."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl

from perpscope.contract.tiers import seed_tables
from perpscope.core.batch import Batch, cut
from perpscope.core.events import (
    BARS,
    FUNDING,
    GAP,
    LIQUIDATION_TOTALS,
    LONG_SHORT_RATIO,
    MARK_BARS,
    OPEN_INTEREST,
    LiquidationFeed,
    RatioKind,
)
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR, MINUTE, parse_ts

MS = 1_000_000
TICKS = {"BTCUSDT": 0.1, "ETHUSDT": 0.01, "SOLUSDT": 0.001}


@dataclass(frozen=True)
class MemorySource:
    """Tables of one instrument; batches of ten days, as history comes from files."""

    instrument: Instrument
    tables: dict[str, Table]
    end: int
    origins: dict[str, object] = field(default_factory=dict)
    gaps: Table = field(default_factory=GAP.empty)

    @property
    def offered(self) -> frozenset[str]:
        return frozenset(self.tables)

    def __iter__(self) -> Iterator[Batch]:
        first = min((int(t.clock[0]) for t in self.tables.values() if len(t)), default=self.end)
        tables = {**self.tables, "gap": self.gaps}
        return cut(Batch(self.end, tables), range(first // DAY * DAY + 10 * DAY, self.end, 10 * DAY))

    def until(self, ts: int) -> MemorySource:
        """What a lake would have held at `ts`."""
        kept = {name: table[table.clock <= ts] for name, table in self.tables.items()}
        return replace(
            self, tables={n: t for n, t in kept.items() if len(t)}, end=min(ts, self.end), gaps=self.gaps[self.gaps.clock <= ts]
        )

    def without(self, *streams: str) -> MemorySource:
        return replace(self, tables={n: t for n, t in self.tables.items() if n not in streams})


def _read(path: Path) -> pl.DataFrame:
    return pl.read_parquet(path)


def _bars(frame: pl.DataFrame, step: int) -> Table:
    ref = frame["ts"].to_numpy() * MS
    columns = {name: frame[name].cast(pl.Float64) for name in ("open", "high", "low", "close", "volume")}
    if "buy_volume" in frame.columns:
        columns["buy_volume"] = frame["buy_volume"].cast(pl.Float64)
        columns["sell_volume"] = columns["volume"] - columns["buy_volume"]
        columns["trade_count"] = frame["trades"].cast(pl.Float64)
    return Table.filled(BARS, ref_ts=ref, known_ts=ref + step, complete=np.ones(len(ref), bool), **columns)


def _mark(frame: pl.DataFrame, step: int) -> Table:
    ref = frame["ts"].to_numpy() * MS
    return Table.of(MARK_BARS, ref_ts=ref, known_ts=ref + step, **{n: frame[n] for n in ("open", "high", "low", "close")})


def _funding(frame: pl.DataFrame) -> Table:
    return Table.filled(FUNDING, exchange_ts=frame["ts"].to_numpy() * MS, funding_rate=frame["funding_rate"])


def _since(table: Table, start: int, end: int) -> Table:
    return table[(table.clock > start) & (table.clock <= end)]


@cache
def crash_2024(data: Path, symbol: str) -> MemorySource:
    """Hourly Binance perps around 2024-08-05: taker volume, interest and forced closing from 2024-06-19, bars before."""
    folder, end = data / "bars" / "coinalyze" / "1h", parse_ts("2024-08-19T21:00Z")
    fine = _bars(_read(folder / f"{symbol}_ohlcv-history.parquet"), HOUR)
    home = "binance_perp/1h" if symbol != "SOLUSDT" else "panel_1h"
    coarse = _bars(_read(data / "bars" / home / f"{symbol}.parquet"), HOUR)
    coarse = coarse[(coarse["ref_ts"] < fine["ref_ts"][0]) & (coarse["ref_ts"] >= parse_ts("2023-06-01"))]
    interest = _read(folder / f"{symbol}_open-interest-history.parquet")
    forced = _read(folder / f"{symbol}_liquidation-history.parquet")
    share = _read(folder / f"{symbol}_long-short-ratio-history.parquet")
    since, ratio_ts = forced["ts"].to_numpy() * MS, share["ts"].to_numpy() * MS
    tables = {
        "bars@1h": Table.concat([coarse, fine]),
        "open_interest": Table.filled(
            OPEN_INTEREST,
            exchange_ts=interest["ts"].to_numpy() * MS + HOUR,
            open_interest=interest["oi_close"].cast(pl.Float64),
        ),
        "funding": _funding(_read(data / "bars" / "binance_funding" / f"{symbol}.parquet")),
        "liquidation_totals@1h": Table.of(
            LIQUIDATION_TOTALS,
            ref_ts=since,
            known_ts=since + HOUR,
            long_quantity=forced["liq_long"].cast(pl.Float64),
            short_quantity=forced["liq_short"].cast(pl.Float64),
            feed=np.full(len(since), LiquidationFeed.TOTALS_CENSORED),
        ),
        "long_short_ratio@1h": Table.of(
            LONG_SHORT_RATIO,
            ref_ts=ratio_ts,
            known_ts=ratio_ts + HOUR,
            ratio_kind=np.full(len(ratio_ts), RatioKind.ALL_ACCOUNTS),
            long_fraction=share["long_pct"].cast(pl.Float64) / 100.0,
            short_fraction=share["short_pct"].cast(pl.Float64) / 100.0,
        ),
    }
    if symbol != "SOLUSDT":
        tables["mark_bars@1h"] = _mark(_read(data / "bars" / "binance_mark" / "1h" / f"{symbol}.parquet"), HOUR)
    return _source("binance", symbol, tables, parse_ts("2023-06-01"), end, {"bars@1h": {"coinalyze": 0.2, "binance": 0.8}})


@cache
def bybit_5m(data: Path, symbol: str) -> MemorySource:
    """Bybit five-minute bars with hourly interest and mark: no taker volume, no forced closing."""
    bars = _bars(_read(data / "bars" / "bybit_perp" / "5m" / f"{symbol}.parquet"), 5 * MINUTE)
    interest = _read(data / "bars" / "bybit_oi" / "1h" / f"{symbol}.parquet")
    tables = {
        "bars@5m": bars,
        "open_interest": Table.filled(
            OPEN_INTEREST,
            exchange_ts=interest["ts"].to_numpy() * MS,
            open_interest=interest["open_interest"].cast(pl.Float64),
        ),
        "funding": _funding(_read(data / "bars" / "bybit_funding" / f"{symbol}.parquet")),
        "mark_bars@1h": _mark(_read(data / "bars" / "bybit_mark" / "1h" / f"{symbol}.parquet"), HOUR),
    }
    return _source("bybit", symbol, tables, parse_ts("2025-01-01"), parse_ts("2026-02-25T20:00Z"), {})


@cache
def holed_5m(data: Path) -> MemorySource:
    """Binance BTCUSDT five-minute bars, which are missing from 2025-03-31 23:55 to 2025-11-30 00:00."""
    tables = {
        "bars@5m": _bars(_read(data / "bars" / "binance_perp" / "5m" / "BTCUSDT.parquet"), 5 * MINUTE),
        "funding": _funding(_read(data / "bars" / "binance_funding" / "BTCUSDT.parquet")),
    }
    return _source("binance", "BTCUSDT", tables, parse_ts("2024-06-01"), parse_ts("2025-12-20"), {})


def _source(
    venue: str, symbol: str, tables: dict[str, Table], start: int, end: int, origins: dict[str, object]
) -> MemorySource:
    # the seeded table stands for the whole stretch: for these symbols it did not change between the two that exist
    seeds = [t for t in seed_tables() if (t.venue, t.symbol) == (venue, symbol)][:1]
    tiers = tuple(replace(table, valid_from=None, valid_to=None) for table in seeds)
    instrument = Instrument(venue, symbol, base=symbol[:3], quote="USDT", tick_size=TICKS[symbol], tier_tables=tiers)
    kept = {name: _since(table, start, end) for name, table in tables.items()}
    return MemorySource(instrument, kept, end, origins)
