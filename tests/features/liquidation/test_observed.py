"""Observed positions. Answers: sums by hand; the recorded wallets, whose figures stand in the specification (section 5)."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from features.liquidation.worlds import interest
from perpscope.contract import flat_tier, tiers_for
from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.events import POSITION
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import HOUR, parse_ts
from perpscope.core.units import PositionSide
from perpscope.features.liquidation.exposure import ExposureEntry
from perpscope.features.liquidation.implied import implied_leverage, implied_mix
from perpscope.features.liquidation.mix import PRIOR
from perpscope.features.liquidation.observed import ObservedLiquidations, crossed_since


def positions(*rows: tuple) -> Table:
    """(ts, wallet, side, quantity, mark, liquidation price)"""
    at, wallet, side, quantity, mark, price = zip(*rows)
    return Table.filled(
        POSITION, exchange_ts=at, wallet=wallet, position_side=side, quantity=quantity, mark_price=mark, liquidation_price=price
    )


def observed(seen: Table, held: Table | None = None) -> Table:
    fold = ObservedLiquidations()
    tables = {"position": seen} if held is None else {"position": seen, "open_interest": held}
    return fold.fold(fold.start(Instrument("hyperliquid", "BTC")), Batch(10**19 // 2, tables))


@pytest.fixture(scope="module")
def wallets(shared_data) -> Table:
    rows = pl.read_parquet(shared_data / "positions" / "hyperliquid-wallets-2026-02.parquet")
    rows = rows.filter(pl.col("coin") == "BTC").sort("snap")
    _, wallet = np.unique(rows["address"].to_numpy(), return_inverse=True)
    return Table.filled(
        POSITION,
        exchange_ts=rows["snap"].dt.timestamp("ns").to_numpy(),
        wallet=wallet,
        position_side=np.where(rows["dir"].to_numpy() == "Long", 1, 2),
        quantity=rows["size"],
        mark_price=rows["value"] / rows["size"],
        liquidation_price=rows["liqPx"].fill_null(np.nan),
    )


def test_quantities_are_summed_by_bin_and_side_and_what_nothing_liquidates_is_told_apart():
    seen = positions(
        (1, 7, 1, 2.0, 100.0, 90.0), (1, 8, 1, 3.0, 100.0, 90.001), (1, 9, 1, 5.0, 100.0, np.nan), (1, 7, 2, 1.0, 100.0, 120.0)
    )  # fmt: skip
    rows = observed(seen)
    sides = rows[rows["entry"] == ExposureEntry.SIDE]
    assert sides["quantity"].tolist() == [10.0, 1.0]
    assert sides["without_price"].tolist() == [5.0, 0.0]
    assert sides["wallets"].tolist() == [3.0, 1.0]
    assert np.isnan(sides["coverage"]).all()
    cells = rows[rows["entry"] == ExposureEntry.CELL]
    assert cells["quantity"].tolist() == [5.0, 1.0]
    assert cells["wallets"].tolist() == [2.0, 1.0]
    assert cells["price_low"][0] <= 90.0 < cells["price_high"][0]


def test_coverage_is_the_share_of_one_side_of_a_fresh_open_interest():
    seen = positions((10 * HOUR, 7, 1, 2.0, 100.0, 90.0), (10 * HOUR, 8, 2, 1.0, 100.0, 120.0))
    fresh = observed(seen, interest([50.0], first=9 * HOUR))
    assert fresh["coverage"][:2].tolist() == [0.04, 0.02]
    stale = observed(seen, interest([50.0], first=1 * HOUR))
    assert np.isnan(stale["coverage"]).all()
    later = observed(seen, interest([50.0], first=11 * HOUR))
    assert np.isnan(later["coverage"]).all()


def test_each_snapshot_is_a_map_of_its_own():
    seen = positions((1, 7, 1, 2.0, 100.0, 90.0), (2, 7, 1, 4.0, 100.0, 95.0))
    rows = observed(seen)
    assert rows[rows["ref_ts"] == 2]["quantity"].tolist() == [4.0, 0.0, 4.0]


def test_cells_that_the_mark_went_through_since_are_marked_not_removed():
    rows = observed(positions((1, 7, 1, 2.0, 100.0, 90.0), (1, 8, 1, 2.0, 100.0, 80.0), (1, 9, 2, 1.0, 100.0, 120.0)))
    cells = rows[rows["entry"] == ExposureEntry.CELL]
    assert crossed_since(cells, 85.0, 110.0).tolist() == [False, True, False]


def test_the_implied_leverage_of_a_fresh_isolated_position_is_its_leverage():
    # 10x, m = .4%: a long breaks at 90361.45, a short at 109561.75 (example 6 of the specification, unrounded)
    seen = positions((1, 1, 1, 0.1, 1e5, 90_361.4457831), (1, 2, 2, 0.1, 1e5, 109_561.752988), (1, 3, 1, 0.1, 1e5, np.nan))
    assert implied_leverage(seen, flat_tier(0.004)).tolist() == pytest.approx([10.0, 10.0, np.nan], nan_ok=True)
    assert implied_mix(seen, flat_tier(0.004)) == pytest.approx((1 / 3, 0, 0, 0, 0, 0, 2 / 3, 0, 0, 0, 0, 0, 0, 0))
    with pytest.raises(UserError, match="quantity"):
        implied_mix(seen[:0], flat_tier(0.004))


def test_the_default_mix_is_what_the_recorded_wallets_imply(wallets):
    """The prior's figures are rounded; above 20x, where there are a handful of positions, it is smoothed as well."""
    mix = implied_mix(wallets, tiers_for("hyperliquid", "BTC", parse_ts("2026-02-10")))
    assert sum(mix) == pytest.approx(1.0)
    for found, prior in zip(mix[:8], PRIOR[:8], strict=True):
        assert found == pytest.approx(prior, abs=0.008)
    assert sum(mix[8:]) == pytest.approx(sum(PRIOR[8:]), abs=0.015)


def test_the_recorded_snapshots_have_the_documented_size_and_nearness(wallets):
    rows = observed(wallets)
    snapshots = np.unique(rows["ref_ts"])
    assert len(snapshots) == 49
    near = []
    for at in snapshots:
        now = rows[rows["ref_ts"] == at]
        cells = now[now["entry"] == ExposureEntry.CELL]
        centre = np.sqrt(cells["price_low"] * cells["price_high"])
        near.append(cells["wallets"][np.abs(centre / cells["mark_price"] - 1.0) < 0.10].sum())
        assert (
            np.where(
                cells["side"] == PositionSide.LONG, centre < cells["mark_price"] * 1.001, centre > cells["mark_price"] * 0.999
            )
        ).all()
    assert np.mean(near) == pytest.approx(4.6, abs=0.5)
    held = rows[rows["entry"] == ExposureEntry.SIDE]
    total = [held["notional"][held["ref_ts"] == at].sum() for at in snapshots]
    assert 0.35e9 < min(total) < max(total) < 0.75e9
