"""Answers: STRUCTURE ST28 by hand, section 8 on recorded stamps, and scipy's own percentile of score."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import percentileofscore

from laws.market import made_market, mirrored
from market.made import run
from perpscope.core.events import FUNDING
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR, NULL_TS, parse_ts


def payments(*paid: tuple[float, float], told: float | None = None) -> Table:
    """(hour, rate) pairs; `told` is the interval the source gives, in hours."""
    stamps = np.rint(np.array([t for t, _ in paid]) * HOUR).astype(np.int64)
    interval = np.full(len(paid), NULL_TS if told is None else int(told * HOUR))
    return Table.filled(FUNDING, exchange_ts=stamps, funding_rate=[r for _, r in paid], funding_interval=interval)


def rows_of(table: Table, **settings) -> Table:
    return run("funding_state", {"funding": table}, settings={"funding_state": settings})


def test_rates_of_unlike_intervals_are_made_comparable() -> None:
    assert rows_of(payments((0, 1e-4), (8, 1e-4)))["funding_rate_annual"][-1].round(6) == 0.1095
    assert rows_of(payments((0, 1e-4), (8, 1e-4)))["funding_rate_annual_compounded"][-1].round(6) == 0.115714
    assert rows_of(payments((0, 1e-4), (4, 1e-4)))["funding_rate_annual"][-1].round(6) == 0.2190
    assert rows_of(payments((0, 1.25e-5), (1, 1.25e-5)))["funding_rate_annual"][-1].round(6) == 0.1095
    assert rows_of(payments((0, 1.25e-5), (1, 1.25e-5)))["funding_rate_8h"][-1] == 1e-4


def test_a_change_of_interval_in_mid_history_is_read_from_the_stamps() -> None:
    rows = rows_of(payments((0, 1e-4), (8, 1e-4), (12, 1e-4), (14, 1e-4), (22, 1e-4)))
    assert (rows["funding_interval"][1:] / HOUR).tolist() == [8, 4, 2, 8]
    assert (rows["ref_ts"][1:] / HOUR).tolist() == [0, 8, 12, 14]


def test_a_lost_payment_leaves_the_interval_unknown_unless_the_source_tells() -> None:
    lost = rows_of(payments((0, 1e-4), (8, 1e-4), (24, 1e-4), (32, 1e-4)))
    assert lost["funding_interval"].tolist() == [NULL_TS, 8 * HOUR, NULL_TS, 8 * HOUR]
    assert np.isnan(lost["funding_rate_annual"][[0, 2]]).all()
    told = rows_of(payments((0, 1e-4), (8, 1e-4), (24, 1e-4), told=8))
    assert told["funding_interval"].tolist() == [8 * HOUR] * 3


def test_a_settlement_told_twice_is_one_payment() -> None:
    assert len(rows_of(payments((0, 1e-4), (8, 1e-4), (8.000001, 1e-4), (16, 1e-4)))) == 3


def test_the_percentile_leaves_itself_out_and_counts_equals_half() -> None:
    history = [1e-4] * 6 + [5e-5, 2e-4, -1e-4, 3e-4]
    rows = rows_of(payments(*((8 * k, r) for k, r in enumerate([0.5, *history, 1e-4]))), n_min=10)
    assert rows["percentile"][-1] == 0.5  # the first payment has no interval, so it is not among the ten
    assert np.isnan(rows["percentile"][:-1]).all()
    assert rows["history"][-1] == 10


def test_solana_s_november_2022(shared_data: Path) -> None:
    raw = pl.read_parquet(shared_data / "bars" / "binance_funding" / "SOLUSDT.parquet")
    rows = rows_of(Table.filled(FUNDING, exchange_ts=raw["ts"].to_numpy() * 1_000_000, funding_rate=raw["funding_rate"]))
    hours = rows["funding_interval"] / HOUR
    assert [(hours == h).sum() for h in (2, 4, 8)] == [98, 3, 5944]
    at = np.searchsorted(rows["known_ts"], parse_ts("2022-11-09T20:00Z") - HOUR)
    assert rows["funding_rate"][at] == -0.02
    assert np.isclose(rows["funding_rate_8h"][at], -0.04)
    assert np.isclose(rows["funding_rate_annual"][at], -43.8)
    eight = rows["funding_rate_8h"]
    for i in range(200, len(rows), 487):
        now = rows["known_ts"][i]
        past = eight[(rows["known_ts"] < now - HOUR) & (rows["known_ts"] > now - 90 * DAY - HOUR // 2) & (eight == eight)]
        assert rows["history"][i] == len(past)
        assert np.isclose(rows["percentile"][i], percentileofscore(past, eight[i], kind="mean") / 100)


def test_upside_down_the_rate_turns_over_and_the_rank_is_counted_from_the_other_end() -> None:
    market = made_market(1)
    up = run("funding_state", {"funding": market.tables["funding"]})
    down = run("funding_state", {"funding": mirrored(market).tables["funding"]})
    for name in ("funding_rate", "funding_rate_8h", "funding_rate_annual"):
        assert np.array_equal(-up[name], down[name], equal_nan=True)
    assert np.allclose(1 - up["percentile"], down["percentile"], equal_nan=True)
