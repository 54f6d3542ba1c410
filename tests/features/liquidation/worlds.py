"""Small markets for the liquidation tests: made ones with a seed, and the recorded hour bars."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from perpscope.contract import seed_tables
from perpscope.core.batch import Batch, cut
from perpscope.core.events import BARS, LIQUIDATION_TOTALS, OPEN_INTEREST
from perpscope.core.fold import Fold
from perpscope.core.instrument import Instrument, RiskTier, TierTable
from perpscope.core.table import Table
from perpscope.core.time import HOUR, parse_ts
from perpscope.core.units import ContractKind
from perpscope.engine.graph import Graph
from perpscope.engine.loop import collect

START = parse_ts("2024-03-04T00:00Z")


def instrument(kind: ContractKind = ContractKind.LINEAR, rates: tuple[float, ...] = (0.004, 0.005, 0.0065)) -> Instrument:
    """A contract of no real venue, with zero cumulative amounts because only the rates matter to the map."""
    tiers, floor, amount = [], 0.0, 0.0
    for i, rate in enumerate(rates):
        amount += floor * (rate - rates[i - 1]) if i else 0.0
        tiers.append(RiskTier(floor, floor + 1e6, rate, amount, (125.0, 100.0, 75.0)[i]))
        floor += 1e6
    return Instrument("demo", "X", kind, tier_tables=(TierTable("demo", "X", tuple(tiers), None, None, "made"),))


def bars(low: list, high: list, close: list, volume: list, buy: list | None = None, step: int = HOUR) -> Table:
    """Bars from START on; open is the middle of the range, which nothing uses."""
    ref = START + step * np.arange(len(low))
    bought = np.full(len(low), np.nan) if buy is None else np.asarray(buy, float)
    return Table.filled(
        BARS,
        ref_ts=ref,
        known_ts=ref + step,
        open=(np.asarray(low) + np.asarray(high)) / 2,
        high=high,
        low=low,
        close=close,
        volume=volume,
        buy_volume=bought,
        sell_volume=np.asarray(volume) - bought,
        complete=np.ones(len(low), bool),
    )


def interest(values: list, step: int = HOUR, first: int = START + HOUR) -> Table:
    return Table.filled(OPEN_INTEREST, exchange_ts=first + step * np.arange(len(values)), open_interest=values)


def random_tables(seed: int, n: int, step: int = HOUR, volatility: float = 0.01) -> dict[str, Table]:
    """A random walk with volume, taker share, open interest that obeys the identity, and liquidations inside it."""
    rng = np.random.default_rng(seed)
    close = 1000.0 * np.exp(np.cumsum(rng.standard_t(4, n) * volatility))
    before = np.concatenate([[1000.0], close[:-1]])
    high = np.maximum(close, before) * np.exp(rng.exponential(volatility / 3, n))
    low = np.minimum(close, before) * np.exp(-rng.exponential(volatility / 3, n))
    volume = rng.gamma(2.0, 50.0, n)
    open_interest = 5000.0 + np.cumsum(rng.uniform(-0.2, 0.2, n) * volume)
    table = bars(low, high, close, volume, rng.uniform(0.3, 0.7, n) * volume, step)
    forced = rng.uniform(0.0, 0.02, (2, n)) * volume
    totals = Table.of(
        LIQUIDATION_TOTALS,
        ref_ts=table["ref_ts"],
        known_ts=table["known_ts"],
        long_quantity=forced[0],
        short_quantity=forced[1],
        feed=np.ones(n),
    )
    return {"bars": table, "open_interest": interest(open_interest, step, START + step), "liquidation_totals": totals}


def recorded_tables(shared_data: Path, symbol: str = "BTCUSDT") -> tuple[Instrument, dict[str, Table]]:
    """Hourly bars, open interest and censored liquidations, 2024-06-19 to 08-19.

    The brackets are those of 2024-10, assumed to hold in the summer before: they did not change until mid 2025.
    """
    folder = shared_data / "bars" / "coinalyze" / "1h"
    ohlcv = pl.read_parquet(folder / f"{symbol}_ohlcv-history.parquet")
    held = pl.read_parquet(folder / f"{symbol}_open-interest-history.parquet")
    forced = pl.read_parquet(folder / f"{symbol}_liquidation-history.parquet")
    ref, since = ohlcv["ts"].to_numpy() * 10**6, forced["ts"].to_numpy() * 10**6
    tables = {
        "bars": Table.filled(
            BARS,
            ref_ts=ref,
            known_ts=ref + HOUR,
            **{name: ohlcv[name] for name in ("open", "high", "low", "close", "volume", "buy_volume")},
            sell_volume=ohlcv["volume"] - ohlcv["buy_volume"],
            complete=np.ones(len(ref), bool),
        ),
        "open_interest": Table.filled(
            OPEN_INTEREST, exchange_ts=held["ts"].to_numpy() * 10**6 + HOUR, open_interest=held["oi_close"].cast(pl.Float64)
        ),
        "liquidation_totals": Table.of(
            LIQUIDATION_TOTALS,
            ref_ts=since,
            known_ts=since + HOUR,
            long_quantity=forced["liq_long"],
            short_quantity=forced["liq_short"],
            feed=np.full(len(since), 3),
        ),
    }
    tiers = tuple(replace(t, valid_from=None) for t in seed_tables() if (t.venue, t.symbol) == ("binance", symbol))
    return Instrument("binance", symbol, tier_tables=tiers), tables


def run(
    contract: Instrument, tables: dict[str, Table], *folds: Fold | str, frame: str = "1h", watermarks: tuple[int, ...] = ()
) -> dict[str, Table]:
    """Rows by name of all nodes that the folds need, over the tables as one batch or cut at the watermarks."""
    framed = {f"{name}@{frame}" if name not in ("open_interest", "gap", "position") else name: t for name, t in tables.items()}
    graph = Graph(contract, list(folds), set(framed), frame)
    end = max(int(t.clock[-1]) for t in tables.values() if len(t))
    rows = collect(graph, cut(Batch(end, framed), watermarks))
    return {key.partition("@")[0]: table for key, table in rows.items()}
