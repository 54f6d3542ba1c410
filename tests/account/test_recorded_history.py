"""Liquidations and funding over recorded history: the answers are those of section 14.4 of the backtest's
specification, computed there from the same files by a decimal script and confirmed by a second implementation.

Tiers of 2024-10 are used for all dates, as there; marks liquidate, funding is debited from isolated margin.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from account.made import BTC_2024, BUY, SELL, account, bars, flat, funding, instrument, wish
from perpscope.account import AccountRows
from perpscope.contract import tier_arrays
from perpscope.core.events import BARS, MARK_BARS
from perpscope.core.orders import intents
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR, parse_ts

TIERS = tier_arrays(BTC_2024)
MS = 1_000_000


def recorded(folder: Path, name: str, schema: object, start: int, end: int) -> Table:
    frame = pl.read_parquet(folder / name).filter(pl.col("ts").is_between(start // MS, end // MS, closed="left"))
    ref = frame["ts"].to_numpy() * MS
    columns = {c: frame[c].to_numpy().astype(float) for c in ("open", "high", "low", "close")}
    if schema is MARK_BARS:
        return Table.of(MARK_BARS, ref_ts=ref, known_ts=ref + HOUR, **columns)
    return Table.filled(BARS, ref_ts=ref, known_ts=ref + HOUR, complete=np.ones(len(ref), bool), **columns)


def stamps(folder: Path, symbol: str, start: int, end: int) -> Table:
    """Stamps with start < ts <= end, jitter and all."""
    frame = pl.read_parquet(folder / "binance_funding" / f"{symbol}.parquet")
    frame = frame.filter((pl.col("ts") > start // MS) & (pl.col("ts") <= end // MS + 1_000))
    return funding((frame["ts"].to_numpy() * MS).tolist(), frame["funding_rate"].to_list())


def held(folder: Path, start: int, end: int, side: object, leverage: float, quantity: float = 0.1) -> AccountRows:
    """One position taken at the open of the hour `start` and held until it breaks or the hours end."""
    of = account(1e6, tiers=TIERS, of=instrument(tick=0.0))
    tables = {
        "bars": recorded(folder / "binance_perp" / "1h", "BTCUSDT.parquet", BARS, start, end),
        "mark_bars": recorded(folder / "binance_mark" / "1h", "BTCUSDT.parquet", MARK_BARS, start, end),
        "funding": stamps(folder, "BTCUSDT", start, end),
        "intents": intents([wish(start / HOUR, side, quantity, leverage=leverage)]),
    }
    return of.run(tables)


CASES = [
    ("2025-10-10T12:00Z", BUY, ("2025-11-21T07", "2025-11-14T04", "2025-10-10T21", "2025-10-10T20", "2025-10-10T15")),
    ("2024-08-04T00:00Z", BUY, (None, None, "2024-08-05T01", "2024-08-04T17", "2024-08-04T14")),
    ("2020-03-12T00:00Z", BUY, ("2020-03-12T23", "2020-03-12T10", "2020-03-12T10", "2020-03-12T04", "2020-03-12T01")),
    ("2024-02-26T00:00Z", SELL, ("2024-03-08T15", "2024-02-28T16", "2024-02-27T02", "2024-02-26T19", "2024-02-26T15")),
]


@pytest.mark.parametrize(("entry", "side", "hours"), CASES, ids=lambda v: v if isinstance(v, str) else "")
def test_the_hour_in_which_recorded_marks_liquidate(shared_data: Path, entry: str, side: object, hours: tuple) -> None:
    start = parse_ts(entry)
    for leverage, hour in zip((3.0, 5.0, 10.0, 20.0, 50.0), hours, strict=True):
        rows = held(shared_data / "bars", start, start + 60 * DAY, side, leverage)
        if hour is None:
            assert len(rows.round_trips) == 0
        else:
            assert rows.round_trips["exit_reason"].tolist() == [6]
            assert int(rows.round_trips["known_ts"][0]) - HOUR == parse_ts(f"{hour}:00Z")


def test_the_last_liquidation_prices_of_the_october_crash(shared_data: Path) -> None:
    start = parse_ts("2025-10-10T12:00Z")
    prices = (81_823.60, 97_935.33, 109_784.22, 115_883.28, 119_541.50)
    for leverage, price in zip((3.0, 5.0, 10.0, 20.0, 50.0), prices, strict=True):
        rows = held(shared_data / "bars", start, start + 60 * DAY, BUY, leverage)
        paid = float(rows.ledger["amount"][rows.ledger["kind"] == 5].sum())
        margin = 0.1 * 121_493.20 / leverage + paid
        # (qE - M) / (q (1 - m)): the price at which margin after all funding breaks, tier 1
        assert (0.1 * 121_493.20 - margin) / (0.1 * 0.996) == pytest.approx(price, abs=0.006)
        assert float(-rows.ledger["amount"][rows.ledger["kind"] == 6].sum()) == pytest.approx(margin, abs=1e-6)


def test_the_funding_of_one_bitcoin_held_through_2024(shared_data: Path) -> None:
    start, end = parse_ts("2024-01-01"), parse_ts("2025-01-01")
    folder = shared_data / "bars"
    of = account(1e6, tiers=TIERS, of=instrument(tick=0.0))
    tables = {
        "bars": recorded(folder / "binance_perp" / "1h", "BTCUSDT.parquet", BARS, start, end + HOUR),
        "mark_bars": recorded(folder / "binance_mark" / "1h", "BTCUSDT.parquet", MARK_BARS, start, end + HOUR),
        "funding": stamps(folder, "BTCUSDT", start, end),
        "intents": intents([wish(start / HOUR, BUY, 1.0)]),
    }
    rows = of.run(tables)
    paid = rows.ledger[rows.ledger["kind"] == 5]
    assert len(paid) == 1_098
    assert float(paid["rate"].sum()) == pytest.approx(0.11929474, abs=5e-9)
    # each line is rounded to 1e-8
    assert float(-paid["amount"].sum()) == pytest.approx(8_169.8875991047, abs=1_098 * 5e-9)


def test_two_hourly_settlements_of_solana_are_all_charged(shared_data: Path) -> None:
    # the stamps are recorded, the price is not: 1 SOL at a made-up flat 100
    start, end = parse_ts("2022-11-10T04:00Z"), parse_ts("2022-11-18T08:00Z")
    paid = stamps(shared_data / "bars", "SOLUSDT", start + HOUR, end)
    hours = bars([flat(100.0)] * ((end - start) // HOUR + 1), start)
    of = account(1e6, of=instrument(tick=0.0))
    rows = of.run({"bars": hours, "funding": paid, "intents": intents([wish(start / HOUR, BUY, 1.0)])})
    lines = rows.ledger[rows.ledger["kind"] == 5]
    assert len(lines) == 98
    assert float(lines["amount"].sum()) == pytest.approx(23.123411, abs=98 * 5e-9)
    every_8h = lines["ref_ts"] % (8 * HOUR) == 0
    assert (int(every_8h.sum()), float(lines["rate"][every_8h].sum())) == (25, pytest.approx(-0.05622782, abs=5e-9))
