"""Funding answers: recorded settlements summed by a separate program, and the account oracle worked by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from perpscope.contract import funding_interval, funding_intervals, funding_payment, settlement_hours
from perpscope.core.time import HOUR, parse_ts
from perpscope.core.units import ContractKind, PositionSide

LONG, SHORT = PositionSide.LONG, PositionSide.SHORT


def read_funding(shared_data, symbol):
    frame = pl.read_parquet(shared_data / "bars" / "binance_funding" / f"{symbol}.parquet")
    return frame["ts"].to_numpy() * 1_000_000, frame["funding_rate"].to_numpy()


def test_payments_of_the_account_oracle():
    paid = [funding_payment(LONG, 0.5, 60_200.0, 0.0001), funding_payment(LONG, 0.3, 61_050.0, -0.00005)]
    assert paid == pytest.approx([-3.01, 0.91575], rel=1e-12)
    assert funding_payment(LONG, 0.02, 50_000.0, 0.0003) == pytest.approx(-0.30, rel=1e-12)
    assert funding_payment(LONG, 2.0, 3_000.5, 0.0000125) == pytest.approx(-0.0750125, rel=1e-12)
    assert funding_payment(SHORT, 2.0, 3_000.5, 0.0000125) == pytest.approx(0.0750125, rel=1e-12)
    inverse = funding_payment(LONG, 10_000.0, 51_000.0, 0.0001, kind=ContractKind.INVERSE)
    assert inverse == pytest.approx(-0.00001961, abs=5e-9)


def test_a_bitcoin_long_through_2024_paid_8169_dollars(shared_data):
    ts, rate = read_funding(shared_data, "BTCUSDT")
    year = (ts > parse_ts("2024-01-01")) & (ts <= parse_ts("2025-01-01"))
    hours, rates = settlement_hours(ts[year]), rate[year]
    assert len(rates) == 1_098
    assert rates.sum() == pytest.approx(0.11929474, abs=5e-9)
    mark = pl.read_parquet(shared_data / "bars" / "binance_mark" / "1h" / "BTCUSDT.parquet")
    opens = dict(zip((mark["ts"].to_numpy() * 1_000_000).tolist(), mark["open"].to_numpy().tolist(), strict=True))
    marks = np.array([opens[stamp] for stamp in hours.tolist()])
    assert funding_payment(LONG, 1.0, marks, rates).sum() == pytest.approx(-8_169.8875991047, abs=1e-6)


def test_solana_settled_every_two_hours_in_november_2022(shared_data):
    ts, rate = read_funding(shared_data, "SOLUSDT")
    hours = funding_intervals(ts)
    counts = {length: int((hours == length).sum()) for length in (8.0, 4.0, 2.0, 1.0)}
    assert counts == {8.0: 5_944, 4.0: 3, 2.0: 98, 1.0: 0}
    crash = (settlement_hours(ts) >= parse_ts("2022-11-10T06:00Z")) & (settlement_hours(ts) <= parse_ts("2022-11-18T08:00Z"))
    assert crash.sum() == 98
    assert set(hours[crash]) == {2.0}
    assert rate[crash].sum() == pytest.approx(-0.23123411, abs=5e-9)
    every_8h = crash & (settlement_hours(ts) // HOUR % 8 == 0)
    assert (every_8h.sum(), rate[every_8h].sum()) == (25, pytest.approx(-0.05622782, abs=5e-9))


@pytest.mark.parametrize(("symbol", "hours"), [("BTCUSDT", 8.0), ("SOLUSDT", 8.0), ("POLUSDT", 4.0)])
def test_the_usual_interval_is_read_from_jittered_stamps(shared_data, symbol, hours):
    ts, _ = read_funding(shared_data, symbol)
    assert funding_interval(ts) == hours
