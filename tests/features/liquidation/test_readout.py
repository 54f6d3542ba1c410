"""Ledger, heatmap, sweeps, and everything read from them. Answers: the exposure's own rows; pictures and books by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from features.liquidation.worlds import START, instrument, random_tables, run
from perpscope.core.errors import ProgrammerError, UserError
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR
from perpscope.core.units import PositionSide
from perpscope.features.liquidation.bands import bands, by_tier, prior_fraction, units_of
from perpscope.features.liquidation.cascade import cascade_ratio
from perpscope.features.liquidation.export import heatmap_export, map_export
from perpscope.features.liquidation.exposure import ExposureEntry, ExposureParams, LiquidationExposure
from perpscope.features.liquidation.heatmap import HEATMAP
from perpscope.features.liquidation.levels import live_clusters, nearest_levels
from perpscope.features.liquidation.map import map_at, newest_cells
from perpscope.features.liquidation.mix import PRIOR, TIERS
from perpscope.features.liquidation.tracking import OVER
from perpscope.features.liquidation.window import heat_window

FOLDS = ("liquidation_exposure", "liquidation_ledger", "liquidation_heatmap", "liquidation_sweeps", "liquidation_clusters")


@pytest.fixture(scope="module")
def market():
    tables = random_tables(6, 240, volatility=0.012)
    return tables, run(instrument(), tables, "position_flows", *FOLDS)


def heat_rows(*rows: tuple) -> Table:
    """(known, side, bin, notional, full); bins of 1% from 100 up."""
    known, side, bins, notional, full = zip(*rows)
    low = 100.0 * 1.01 ** np.array(bins, float)
    return Table.filled(
        HEATMAP, ref_ts=[k - 1 for k in known], known_ts=known, side=side, bin=bins, price_low=low, price_high=low * 1.01,
        quantity=np.array(notional) / low, notional=notional, full=full, flags=[0] * len(rows),
    )  # fmt: skip


# --- ledger, heatmap, sweeps -------------------------------------------------------------------------------------------


def test_the_ledger_balances_in_every_bar_and_moves_by_opens_less_closes(market):
    ledger = market[1]["liquidation_ledger"]
    for side in ("long", "short"):
        held = ledger[f"placed_{side}"] + ledger[f"unplaced_{side}"]
        assert np.abs(held - ledger["open_interest"]).max() < 1e-9 * ledger["open_interest"].max()
        moved = ledger[f"opened_{side}"] - ledger[f"closed_{side}"]
        assert np.allclose(np.diff(ledger["open_interest"]), moved[1:], atol=1e-6)
    swept = ledger["swept_long"] + ledger["swept_short"]
    assert ledger["swept_total"][-1] == pytest.approx(swept[1:].sum())
    assert ledger["realised_total"][-1] == pytest.approx((ledger["liquidated_long"] + ledger["liquidated_short"]).sum())


def test_the_heatmap_is_the_cells_of_the_exposure_in_dollars(market):
    cells = market[1]["liquidation_exposure"]
    cells = cells[cells["entry"] == ExposureEntry.CELL]
    heat = market[1]["liquidation_heatmap"]
    assert len(heat) == len(cells)
    centre = np.sqrt(heat["price_low"] * heat["price_high"])
    assert np.allclose(heat["notional"], cells["liquidation"] * centre)
    held = heat["quantity"] > 0
    ages = heat["young_fraction"][held] + heat["day_fraction"][held]
    assert ((ages >= 0) & (ages <= 1 + 1e-9)).all()
    assert np.isnan(heat["young_fraction"][~held]).all()


def test_the_heatmap_never_changes_what_it_has_said(market):
    tables, out = market
    early = {name: table[table.clock <= START + 150 * HOUR] for name, table in tables.items()}
    heat = out["liquidation_heatmap"]
    assert heat[heat["known_ts"] <= START + 150 * HOUR].same_as(
        run(instrument(), early, "liquidation_heatmap")["liquidation_heatmap"]
    )


def test_sweeps_carry_the_outcome_of_their_bar_and_side(market):
    _, out = market
    sweeps, flows = out["liquidation_sweeps"], out["position_flows"]
    assert len(sweeps) > 100
    for i in range(0, len(sweeps), 97):
        bar = int(np.searchsorted(flows["ref_ts"], sweeps["ref_ts"][i]))
        name = "liquidated_long" if sweeps["side"][i] == PositionSide.LONG else "liquidated_short"
        assert sweeps["realised"][i] == flows[name][bar]
        centre = np.sqrt(sweeps["price_low"][i] * sweeps["price_high"][i])
        assert sweeps["notional"][i] == pytest.approx(sweeps["quantity"][i] * centre)
        if sweeps["side"][i] == PositionSide.LONG:
            assert centre >= flows["sweep_low"][bar]
        else:
            assert centre <= flows["sweep_high"][bar]
    units = units_of(sweeps) @ np.array(PRIOR[1:])
    assert np.allclose(units, sweeps["quantity"], rtol=1e-5)


# --- map ---------------------------------------------------------------------------------------------------------------


def test_a_map_reads_the_newest_row_of_each_cell_and_hides_what_the_mark_has_passed():
    rows = heat_rows(
        (10, 1, -5, 50.0, True), (10, 1, -2, 20.0, True), (10, 2, 3, 40.0, True), (20, 1, -2, 30.0, False),
        (30, 1, -5, 0.0, False),
    )  # fmt: skip
    assert map_at(rows, 9, 100.0).longs["notional"].tolist() == []
    assert map_at(rows, 10, 100.0).longs["notional"].tolist() == [20.0, 50.0]
    assert map_at(rows, 25, 100.0).longs["notional"].tolist() == [30.0, 50.0]
    assert map_at(rows, 35, 100.0).longs["notional"].tolist() == [30.0]
    assert map_at(rows, 35, 97.0).longs["notional"].tolist() == []
    assert map_at(rows, 35, 100.0).shorts["notional"].tolist() == [40.0]


def test_sums_by_distance_imbalance_and_max_pain_by_hand():
    rows = heat_rows((10, 1, -1, 10.0, True), (10, 1, -8, 90.0, True), (10, 2, 0, 30.0, True), (10, 2, 20, 5.0, True))
    now = map_at(rows, 10, 100.0)
    assert now.within(0.02) == (10.0, 30.0)
    assert [r.long_notional for r in now.reach((0.01, 0.05, 0.10))] == [10.0, 10.0, 100.0]
    assert [r.short_notional for r in now.reach((0.01, 0.05, 0.30))] == [30.0, 30.0, 35.0]
    assert now.imbalance(0.02) == pytest.approx(0.5)
    assert now.heaviest(PositionSide.LONG) == pytest.approx(100.0 * 1.01**-7.5)
    assert now.cumulative(PositionSide.SHORT).tolist() == [30.0, 35.0]
    assert np.isnan(map_at(rows[:0], 10, 100.0).imbalance(0.1))


def test_reading_from_the_last_full_statement_gives_the_same_map(market):
    heat = market[1]["liquidation_heatmap"]
    at = int(heat["known_ts"][-1])
    whole = {(s, b): n for s, b, n in zip(heat["side"].tolist(), heat["bin"].tolist(), heat["notional"].tolist())}
    cells = newest_cells(heat, at)
    got = {(s, b): n for s, b, n in zip(cells["side"].tolist(), cells["bin"].tolist(), cells["notional"].tolist())}
    assert got == {key: n for key, n in whole.items() if n > 0}


# --- window --------------------------------------------------------------------------------------------------------------


def test_a_window_shows_nothing_before_it_was_known_and_pools_as_it_says():
    rows = heat_rows((10, 1, -5, 50.0, True), (10, 1, -4, 20.0, True), (14, 1, -5, 80.0, False), (15, 1, -5, 10.0, False))
    last = heat_window(rows, 0, 40, 4, 90.0, 110.0, 1, "last")
    assert last.longs[:, 0].tolist() == [0.0, 30.0, 30.0, 30.0]
    largest = heat_window(rows, 0, 40, 4, 90.0, 110.0, 1, "max")
    assert largest.longs[:, 0].tolist() == [0.0, 80.0, 20.0, 20.0]
    assert not largest.shorts.any()


def test_a_window_that_begins_late_knows_what_was_stated_before():
    rows = heat_rows((10, 1, -5, 50.0, True), (20, 1, -4, 20.0, False))
    assert heat_window(rows, 30, 50, 2, 90.0, 110.0, 1, "last").longs[:, 0].tolist() == [70.0, 70.0]


def test_columns_of_the_last_pool_add_up_to_the_map(market):
    heat = market[1]["liquidation_heatmap"]
    end = int(heat["known_ts"][-1])
    window = heat_window(heat, START, end + 1, 50, 300.0, 3000.0, 400, "last")
    cells = newest_cells(heat, end)
    longs = cells[cells["side"] == PositionSide.LONG]
    assert window.longs[-1].sum() == pytest.approx(longs["notional"].sum(), rel=1e-5)
    assert len(window.edges_ts) == 51
    assert len(window.edges_price) == 401


def test_an_empty_window_is_refused_and_one_without_rows_is_dark():
    with pytest.raises(UserError, match="end after its start"):
        heat_window(HEATMAP.empty(), 5, 5, 4, 90.0, 110.0, 1)
    assert not heat_window(HEATMAP.empty(), 0, 5, 4, 90.0, 110.0, 2).longs.any()


# --- levels, cascade, bands, export ------------------------------------------------------------------------------------------


def test_the_nearest_levels_are_live_on_their_side_and_in_order(market):
    _, out = market
    rows, flows = out["liquidation_clusters"], out["position_flows"]
    at, mark = int(flows["known_ts"][-1]), float(flows["close"][-1])
    below, above = nearest_levels(rows, at, mark, 0.8, count=5)
    assert below
    assert above
    for level in below:
        assert level.side is PositionSide.LONG
        assert level.far < level.near <= mark * (1 + 1e-9)
    for level in above:
        assert mark * (1 - 1e-9) <= level.near < level.far
    for levels in (below, above):
        assert [x.distance for x in levels] == sorted(x.distance for x in levels)
        for level in levels:
            assert level.distance_sigma == pytest.approx(level.distance / (0.8 * (1 / 365) ** 0.5))
    assert not set(live_clusters(rows, at)["event"].tolist()) & set(OVER)
    early = at - 100 * HOUR
    assert all(level.known_ts <= early for level in nearest_levels(rows, early, mark)[0])


def test_a_cascade_ratio_compares_forced_sales_with_the_bids_between_the_edges():
    bids, size = np.array([99.0, 98.0, 97.0, 96.0]), np.array([1.0, 2.0, 3.0, 4.0])
    ratio = cascade_ratio(PositionSide.LONG, 970.0, 98.0, 97.0, 96.0, bids, size, 0)
    assert ratio.through == pytest.approx(970.0 / (196.0 + 291.0))
    assert ratio.to_next == pytest.approx(970.0 / (196.0 + 291.0 + 384.0))
    assert ratio.through_stressed == pytest.approx(10.0 * ratio.through)
    asks = cascade_ratio(PositionSide.SHORT, 300.0, 101.0, 102.0, np.nan, np.array([101.0, 102.0]), np.array([1.0, 1.0]), 0)
    assert asks.through == pytest.approx(300.0 / 203.0)
    assert np.isnan(asks.to_next)


def test_without_a_fresh_book_or_beyond_its_end_there_is_no_ratio():
    bids, size = np.array([99.0, 98.0]), np.array([1.0, 2.0])
    assert np.isnan(cascade_ratio(PositionSide.LONG, 1e3, 98.5, 97.0, np.nan, bids, size, 0).through)
    assert np.isnan(cascade_ratio(PositionSide.LONG, 1e3, 99.0, 98.0, np.nan, bids, size, 3600 * 10**9).through)
    assert np.isnan(cascade_ratio(PositionSide.LONG, 1e3, 99.0, 98.0, np.nan, bids[:0], size[:0], 0).through)
    with pytest.raises(UserError, match="upper edge"):
        cascade_ratio(PositionSide.LONG, 1e3, 97.0, 98.0, np.nan, bids, size, 0)


def test_bands_of_equal_draws_are_the_figure_itself_and_spread_with_the_draws(market):
    cells = market[1]["liquidation_exposure"]
    held = cells[(cells["entry"] == ExposureEntry.CELL) & (cells["exposure"] > 1.0)][-50:]
    units, mix = units_of(held), np.array(PRIOR[1:])
    same = bands(units, np.tile(mix, (5, 1)))
    assert np.allclose(same, held["exposure"][:, None], rtol=1e-5)
    rng = np.random.default_rng(0)
    wide = bands(units, mix * rng.uniform(0.5, 1.5, (400, TIERS)))
    assert (wide[:, 0] < wide[:, 1]).all()
    assert (wide[:, 1] < wide[:, 2]).all()
    assert np.allclose(sum(by_tier(units, mix).values()), held["exposure"], rtol=1e-5)
    assert np.allclose(prior_fraction(units, mix, [False] * TIERS), 1.0)
    assert (prior_fraction(units, mix, [True] * TIERS) == 0.0).all()
    with pytest.raises(UserError, match="draws"):
        bands(units, np.ones(3))


def test_the_export_has_the_common_shape_and_keeps_our_sides_apart(market):
    tables, out = market
    table = tables["bars"][-48:]
    closes = np.append(table["known_ts"], table["known_ts"][-1] + HOUR)
    window = heat_window(out["liquidation_heatmap"], int(closes[0]), int(closes[-1]), 48, 500.0, 2000.0, 200, "last")
    assert np.array_equal(window.edges_ts, closes)
    told = json.loads(json.dumps(heatmap_export(window, table)))
    x, y, value = np.array(told["liquidation_leverage_data"]).T
    assert x.max() < 48
    assert y.max() < len(told["y_axis"]) == 200
    assert value.sum() == pytest.approx(float(window.longs.sum() + window.shorts.sum()), rel=1e-5)
    assert told["price_candlesticks"][0][0] == int(table["ref_ts"][0]) // 10**9
    assert told["price_candlesticks"][0][1] == str(float(table["open"][0]))
    assert set(told["perpscope"]["sides"]) == {"long", "short"}
    with pytest.raises(ProgrammerError, match="48 columns"):
        heatmap_export(window, table[:3])


def test_the_exported_map_names_the_heaviest_price_of_each_side(market):
    heat = market[1]["liquidation_heatmap"]
    now = map_at(heat, int(heat["known_ts"][-1]), float(market[0]["bars"]["close"][-1]))
    told = json.loads(json.dumps(map_export(now)))
    assert len(told["data"]) == len(now.longs) + len(now.shorts)
    assert told["perpscope"]["max_pain"]["long"] == pytest.approx(now.heaviest(PositionSide.LONG))


def test_a_finer_grid_tells_the_same_totals():
    tables = random_tables(7, 80)
    totals = []
    for bps in (5.0, 20.0):
        rows = run(
            instrument(), tables, "position_flows", LiquidationExposure(ExposureParams(bin_bps=bps), "1h"), "liquidation_ledger"
        )
        totals.append(float(rows["liquidation_ledger"]["placed_long"][-1]))
    assert totals[0] == pytest.approx(totals[1], rel=0.02)
    assert DAY == 24 * HOUR
