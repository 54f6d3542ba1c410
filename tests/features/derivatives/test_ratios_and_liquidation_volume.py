"""Answers: STRUCTURE ST30 and ST31 by hand, and recorded totals against polars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws.market import made_market, mirrored
from market.made import make_bars, run
from perpscope.core.events import GAP, LIQUIDATION, LIQUIDATION_TOTALS, LONG_SHORT_RATIO, GapKind, LiquidationFeed
from perpscope.core.table import Table
from perpscope.core.time import HOUR, MINUTE


def ratio_rows(longs: list[float], kinds: list[int] | None = None, ref: list[int] | None = None) -> Table:
    n = len(longs)
    at = np.arange(n) * HOUR if ref is None else np.array(ref) * HOUR
    share = np.array(longs)
    kind = np.ones(n, int) if kinds is None else kinds
    return Table.of(
        LONG_SHORT_RATIO, ref_ts=at, known_ts=at + HOUR, ratio_kind=kind, long_fraction=share, short_fraction=1 - share
    )


def ratios(table: Table, **settings) -> Table:
    return run("ratios", {"long_short_ratio@1h": table}, frame="1h", settings={"ratios": settings})


def test_changes_are_per_kind_and_restart_after_a_hole() -> None:
    rows = ratios(ratio_rows([0.5, 0.6, 0.7, 0.4], [1, 1, 1, 1], [0, 1, 3, 4]))
    assert np.allclose(rows["change"], [np.nan, 0.1, np.nan, -0.3], equal_nan=True)
    mixed = ratios(ratio_rows([0.5, 0.9, 0.6, 0.8], [1, 2, 1, 2], [0, 0, 1, 1]))
    assert np.allclose(mixed["change"], [np.nan, np.nan, 0.1, -0.1], equal_nan=True)


def test_z_looks_only_back() -> None:
    rng = np.random.default_rng(1)
    share = rng.uniform(0.3, 0.7, 50)
    rows = ratios(ratio_rows(share.tolist()), z_min=10)
    for k in (10, 30, 49):
        assert rows["z"][k] == pytest.approx((share[k] - share[:k].mean()) / share[:k].std())
    assert np.isnan(rows["z"][:10]).all()


def forced(*seen: tuple[int, int, float, float]) -> Table:
    """(ns, side, price, quantity)."""
    return Table.filled(
        LIQUIDATION,
        exchange_ts=[s[0] for s in seen],
        position_side=[s[1] for s in seen],
        price=[s[2] for s in seen],
        quantity=[s[3] for s in seen],
    )


def volume(bars: Table, frame: str = "1m", **tables: Table) -> Table:
    return run("liquidation_volume", {f"bars@{frame}": bars, **tables}, frame=frame)


def test_events_belong_to_the_bar_that_holds_their_stamp_and_silence_is_zero() -> None:
    rows = volume(make_bars([9.0] * 3), liquidation=forced((5, 1, 10, 2), (6, 2, 11, 1), (MINUTE, 1, 12, 3)))
    assert rows["long_quantity"].tolist() == [2, 3, 0]
    assert rows["short_quantity"].tolist() == [1, 0, 0]
    assert rows["long_notional"].tolist() == [20, 36, 0]
    assert (rows["feed"] == LiquidationFeed.ONE_PER_SECOND).all()


def test_an_event_that_the_log_repeats_counts_once() -> None:
    rows = volume(make_bars([9.0]), liquidation=forced((5, 1, 10, 2), (5, 1, 10, 2), (5, 1, 10, 3)))
    assert rows["long_quantity"].tolist() == [5]


def test_a_bar_that_a_gap_of_the_feed_touches_is_absent() -> None:
    gap = Table.of(GAP, ref_ts=[MINUTE + 5], known_ts=[MINUTE + 9], end_ts=[MINUTE + 9], kind=[GapKind.LIQUIDATION], cause=[1])
    rows = volume(make_bars([9.0] * 3), liquidation=forced((5, 1, 10, 2), (MINUTE + 20, 1, 10, 2)), gap=gap)
    assert np.array_equal(rows["long_quantity"], [2, np.nan, 0], equal_nan=True)


def totals(*rows: tuple[int, int, float, float]) -> Table:
    """(open minute, minutes, longs, shorts)."""
    return Table.of(
        LIQUIDATION_TOTALS,
        ref_ts=[r[0] * MINUTE for r in rows],
        known_ts=[(r[0] + r[1]) * MINUTE for r in rows],
        long_quantity=[r[2] for r in rows],
        short_quantity=[r[3] for r in rows],
        feed=[LiquidationFeed.TOTALS_CENSORED] * len(rows),
    )


def test_totals_within_a_bar_add_up_and_an_absent_one_is_not_zero() -> None:
    bars = make_bars([9.0] * 3, step=2 * MINUTE)
    rows = volume(bars, "2m", **{"liquidation_totals@1m": totals((0, 1, 2, 1), (1, 1, 3, 0), (4, 1, 1, 1))})
    assert np.array_equal(rows["long_quantity"], [5, np.nan, 1], equal_nan=True)
    assert np.array_equal(rows["long_notional"], [45, np.nan, 9], equal_nan=True)
    assert rows["feed"].tolist() == [3, 0, 3]


def test_a_total_longer_than_the_bars_cannot_be_shared_out() -> None:
    rows = volume(make_bars([9.0] * 4), **{"liquidation_totals@4m": totals((0, 4, 8, 8))})
    assert np.isnan(rows["long_quantity"]).all()


def test_the_percentile_ranks_both_sides_together_among_the_past(shared_data: Path) -> None:
    raw = pl.read_parquet(shared_data / "bars" / "coinalyze" / "1h" / "BTCUSDT_liquidation-history.parquet")
    price = pl.read_parquet(shared_data / "bars" / "coinalyze" / "1h" / "BTCUSDT_ohlcv-history.parquet")
    bars = make_bars(price["close"].to_numpy(), ref=price["ts"].to_numpy() * 1_000_000, step=HOUR)
    ref = raw["ts"].to_numpy() * 1_000_000
    told = Table.of(
        LIQUIDATION_TOTALS,
        ref_ts=ref,
        known_ts=ref + HOUR,
        long_quantity=raw["liq_long"],
        short_quantity=raw["liq_short"],
        feed=np.full(len(ref), 3),
    )
    rows = volume(bars, "1h", **{"liquidation_totals@1h": told})
    joined = price.select("ts").join(raw, on="ts", how="left")
    np.testing.assert_array_equal(rows["long_quantity"], joined["liq_long"].to_numpy())
    both = (joined["liq_long"] + joined["liq_short"]).to_numpy()
    for k in range(200, len(both), 97):
        if np.isfinite(both[k]):
            past = both[k - 168 : k]
            past = past[np.isfinite(past)]
            assert rows["percentile"][k] == pytest.approx(((past < both[k]).sum() + (past <= both[k]).sum()) / 2 / len(past))
    assert np.isfinite(rows["percentile"]).sum() > 1000


@given(st.integers(0, 3), st.sampled_from(["liquidation_totals@1h", "liquidation"]))
def test_upside_down_longs_are_shorts(seed: int, source: str) -> None:
    market = made_market(seed)

    def rows(tables: dict[str, Table]) -> Table:
        return run("liquidation_volume", {k: tables[k] for k in ("bars@1h", source)}, frame="1h", end=market.end)

    up, down = rows(market.tables), rows(mirrored(market).tables)
    assert np.array_equal(up["long_quantity"], down["short_quantity"], equal_nan=True)
    assert np.array_equal(up["percentile"], down["percentile"], equal_nan=True)
