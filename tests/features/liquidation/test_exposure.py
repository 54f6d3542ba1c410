"""The exposure filter. Answers: a slow independent filter (oracle.py), three bars by hand, laws of the contract."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.liquidation.oracle import LEVERAGES, SlowFilter
from features.liquidation.worlds import START, bars, instrument, interest, random_tables, recorded_tables, run
from perpscope.core.errors import UserError
from perpscope.core.events import OPEN_INTEREST
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR, parse_ts
from perpscope.core.units import ContractKind, PositionSide
from perpscope.features.liquidation.exposure import (
    UNIT_COLUMNS,
    AgeClass,
    ExposureEntry,
    ExposureParams,
    LiquidationExposure,
)
from perpscope.features.liquidation.flags import Flag
from perpscope.features.liquidation.flows import FlowParams, PositionFlows
from perpscope.features.liquidation.grid import NULL_BIN
from perpscope.features.liquidation.mix import PRIOR, TIERS

RATES = (0.004, 0.005, 0.0065)
ALL_TEN = tuple(1.0 if k == 1 + LEVERAGES.index(10) else 0.0 for k in range(TIERS + 1))
ONE_TIER = instrument(rates=(0.004,))


def exposure(tables: dict, params: ExposureParams | None = None, flow: FlowParams | None = None, contract=None, **options):
    folds = (PositionFlows(flow, "1h"), LiquidationExposure(params or ExposureParams(), "1h"))
    rows = run(contract or instrument(), tables, *folds, **options)
    return rows["position_flows"], rows["liquidation_exposure"]


def entries(rows: Table, entry: ExposureEntry, side: PositionSide | None = None) -> Table:
    return rows[(rows["entry"] == entry) & ((rows["side"] == side) if side else True)]


def cells_at_the_end(rows: Table, side: PositionSide) -> dict[int, float]:
    """Last statement per bin."""
    mine = entries(rows, ExposureEntry.CELL, side)
    return dict(zip(mine["bin"].tolist(), mine["exposure"].tolist()))


# --- by hand -----------------------------------------------------------------------------------------------------------


def test_three_bars_by_hand():
    """One tier (10x, m = .4%, no spread, phi = 1, theta = .5): longs break at 0.9 / .996 = .903614 of their entry.

    Bar 1 starts the books: 100 unplaced on each side. Bar 2 trades 20 at 1000 with open interest unchanged: opens 10
    and closes 10 a side, closing fraction .1, so 90 unplaced and 10 longs at 903.61, 10 shorts at 1095.62.
    Bar 3 falls to 900 and closes at 950, trades 10: the longs are swept, 10 go back to unplaced because none is reported
    as liquidated; then the closing fraction is .05 and 5 new a side.
    """
    table = bars([1000.0, 1000.0, 900.0], [1000.0, 1000.0, 900.5], [1000.0, 1000.0, 950.0], [20.0, 20.0, 10.0])
    flow = FlowParams(flow_fraction=1.0, taker_weight=0.5)
    params = ExposureParams(mix=ALL_TEN, spread=0.0, floor_fraction=1e-9)
    _, rows = exposure({"bars": table, "open_interest": interest([100.0] * 3)}, params, flow, ONE_TIER)
    longs, shorts = (entries(rows, ExposureEntry.SIDE, side) for side in PositionSide)
    assert longs["exposure"].tolist() == pytest.approx([0.0, 10.0, 5.0])
    assert longs["unplaced"].tolist() == pytest.approx([100.0, 90.0, 95.0])
    assert longs["swept"].tolist() == pytest.approx([0.0, 0.0, 10.0])
    assert shorts["exposure"].tolist() == pytest.approx([0.0, 10.0, 14.5])
    assert shorts["unplaced"].tolist() == pytest.approx([100.0, 90.0, 85.5])
    swept = entries(rows, ExposureEntry.SWEPT)
    assert set(swept["side"].tolist()) == {PositionSide.LONG}
    assert (swept["price_low"] * swept["exposure"]).sum() / 10.0 == pytest.approx(1000.0 * 0.9 / 0.996, rel=1e-3)
    held = {b: v for b, v in cells_at_the_end(rows, PositionSide.LONG).items() if v > 0}
    grid = LiquidationExposure().grid
    assert sum(held.values()) == pytest.approx(5.0)
    assert sum(grid.centre(b) * v for b, v in held.items()) / 5.0 == pytest.approx(900.25 * 0.9 / 0.996, rel=5e-4)


def test_what_was_reported_as_liquidated_leaves_the_open_interest():
    table = bars([1000.0, 1000.0, 900.0], [1000.0, 1000.0, 900.5], [1000.0, 1000.0, 950.0], [20.0, 20.0, 20.0])
    totals = random_tables(0, 3)["liquidation_totals"][2:3].with_columns(long_quantity=[4.0], short_quantity=[0.0])
    flow = FlowParams(flow_fraction=0.2, taker_weight=0.5)
    tables = {"bars": table, "open_interest": interest([100.0, 100.0, 96.0]), "liquidation_totals": totals}
    flows, rows = exposure(tables, ExposureParams(mix=ALL_TEN, spread=0.0), flow, ONE_TIER)
    # bar 3: dO = -4, R_L = 4: n_L = 0, n_S = 4, V' = 4: no opens, 4 closes a side, of which all 4 longs are liquidations
    assert flows["closed_long"][2] == pytest.approx(4.0)
    longs = entries(rows, ExposureEntry.SIDE, PositionSide.LONG)
    # the 2 placed in bar 2 were swept into unplaced, 4 left, nothing else closed
    assert longs["unplaced"].tolist() == pytest.approx([100.0, 98.0, 96.0])
    assert longs["exposure"][2] == 0.0


def test_opens_that_would_break_before_the_close_are_not_placed():
    # entries between 1000 and 1200, close at 1000: longs of 10x entered above 1106.7 would already be liquidated
    table = bars([1000.0, 1000.0], [1000.0, 1200.0], [1000.0, 1000.0], [20.0, 20.0])
    params = ExposureParams(mix=ALL_TEN, spread=0.0)
    _, rows = exposure({"bars": table, "open_interest": interest([100.0] * 2)}, params, FlowParams(flow_fraction=1.0), ONE_TIER)
    longs = entries(rows, ExposureEntry.SIDE, PositionSide.LONG)[1:]
    gone = (math.log(1200) - math.log(1000 / (0.9 / 0.996))) / math.log(1.2)
    assert longs["unresolved"][0] == pytest.approx(10.0 * gone, rel=0.01)
    assert longs["exposure"][0] == pytest.approx(10.0 * (1 - gone), rel=0.01)


# --- against the slow filter ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seed", "n", "spread", "volatility"), [(1, 40, 0.0, 0.01), (2, 14, 0.5, 0.004), (3, 8, 0.5, 0.02)])
def test_the_filter_agrees_with_a_slow_independent_one(seed, n, spread, volatility):
    phi, theta = 0.35, 0.7
    tables = random_tables(seed, n, volatility=volatility)
    params = ExposureParams(spread=spread, floor_fraction=1e-12, tolerance=1e-6, band=5.0)
    _, rows = exposure(tables, params, FlowParams(phi, theta))
    slow = SlowFilter(RATES, 693, spread, phi, theta)
    market, forced = tables["bars"], tables["liquidation_totals"]
    for i in range(n):
        liquidated = {"long": forced["long_quantity"][i], "short": forced["short_quantity"][i]}
        hour = int(market["ref_ts"][i] // HOUR)
        swept = slow.bar(
            hour, market["low"][i], market["high"][i], market["close"][i], market["volume"][i], market["buy_volume"][i],
            tables["open_interest"]["open_interest"][i], liquidated,
        )  # fmt: skip
        now = rows[rows["ref_ts"] == market["ref_ts"][i]]
        mine = entries(now, ExposureEntry.SWEPT)
        got = {
            (PositionSide(s).name.lower(), AgeClass(a).name.lower(), b, k): mine[UNIT_COLUMNS[k]][j]
            for j, (s, a, b) in enumerate(zip(mine["side"].tolist(), mine["age"].tolist(), mine["bin"].tolist()))
            for k in range(TIERS)
            if mine[UNIT_COLUMNS[k]][j] > 0
        }
        assert set(k for k, v in swept.items() if v > 1e-3) <= set(got)
        for key, value in got.items():
            assert value == pytest.approx(swept.get(key, 0.0), rel=2e-3, abs=2e-3)
        for side in PositionSide:
            account = entries(now, ExposureEntry.SIDE, side)
            units = [float(account[name][0]) for name in UNIT_COLUMNS]
            assert units == pytest.approx(slow.units(side.name.lower()), rel=1e-4, abs=1e-4)
    for side in PositionSide:
        want = slow.cells(side.name.lower(), PRIOR)
        got = cells_at_the_end(rows, side)
        assert sum(got.values()) == pytest.approx(sum(want.values()), rel=1e-4)
        told = entries(rows, ExposureEntry.CELL, side)
        last = {b: j for j, b in enumerate(told["bin"].tolist())}
        for b, value in want.items():
            assert got.get(b, 0.0) == pytest.approx(value, rel=2e-3, abs=2e-3)
            if b in last and told["ref_ts"][last[b]] == market["ref_ts"][-1]:
                young, day = slow.since(side.name.lower(), b, hour, PRIOR)
                assert told["young"][last[b]] == pytest.approx(young, rel=2e-3, abs=2e-3)
                assert told["day"][last[b]] == pytest.approx(day, rel=2e-3, abs=2e-3)


# --- laws of the contract --------------------------------------------------------------------------------------------------


@given(seed=st.integers(0, 500), volatility=st.floats(0.001, 0.08))
@settings(max_examples=15)
def test_both_books_sum_to_the_open_interest_after_every_bar(seed, volatility):
    flows, rows = exposure(random_tables(seed, 150, volatility=volatility))
    for side in PositionSide:
        account = entries(rows, ExposureEntry.SIDE, side)
        assert np.abs(account["exposure"] + account["unplaced"] - flows["open_interest"]).max() < 1e-9 * 5000
        assert (account["unplaced"] > -1e-9).all()


def test_the_ledger_moves_by_what_was_opened_closed_and_swept():
    flows, rows = exposure(random_tables(7, 300))
    mix = np.array(PRIOR[1:])
    for side, name in ((PositionSide.LONG, "long"), (PositionSide.SHORT, "short")):
        account = entries(rows, ExposureEntry.SIDE, side)
        forced, closed, opened = (flows[f"{what}_{name}"] for what in ("liquidated", "closed", "opened"))
        left = np.concatenate([[0.0], flows["open_interest"][:-1]]) - forced
        h = np.clip((closed - forced)[1:] / left[1:], 0, 1)
        before = account["exposure"][:-1] - account["swept"][1:]
        expected = before * (1 - h) + opened[1:] * mix.sum() - account["unresolved"][1:]
        assert np.allclose(account["exposure"][1:], expected, rtol=1e-9, atol=1e-7)


def test_swept_rows_sum_to_the_swept_of_the_account():
    _, rows = exposure(random_tables(8, 300, volatility=0.02))
    for side in PositionSide:
        account = entries(rows, ExposureEntry.SIDE, side)
        parts = entries(rows, ExposureEntry.SWEPT, side)
        assert parts["exposure"].sum() == pytest.approx(account["swept"].sum(), rel=1e-9)
        assert (parts["exposure"] > 0).all()


def test_nothing_is_held_where_price_has_been():
    tables = random_tables(9, 200, volatility=0.02)
    _, rows = exposure(tables)
    low, high = float(tables["bars"]["low"][-1]), float(tables["bars"]["high"][-1])
    close = float(tables["bars"]["close"][-1])
    grid = LiquidationExposure().grid
    assert low < close < high
    for b, value in cells_at_the_end(rows, PositionSide.LONG).items():
        assert value == 0.0 or grid.centre(b) < close
    for b, value in cells_at_the_end(rows, PositionSide.SHORT).items():
        assert value == 0.0 or grid.centre(b) > close


def test_columns_before_a_crash_are_byte_equal_with_and_without_it():
    tables = random_tables(10, 120)
    at = 80
    crashed = {**tables, "bars": _with_crash(tables["bars"], at)}
    _, calm = exposure(tables)
    _, crash = exposure(crashed)
    until = START + at * HOUR
    assert calm[calm["known_ts"] <= until].same_as(crash[crash["known_ts"] <= until])
    assert not calm.same_as(crash)


def _with_crash(table: Table, at: int) -> Table:
    factor = np.where(np.arange(len(table)) >= at, 0.3, 1.0)
    low = table["low"] * factor
    return table.with_columns(**{name: table[name] * factor for name in ("open", "high", "close")}, low=low)


def test_a_jump_of_price_beyond_the_grid_grows_the_grid():
    tables = random_tables(11, 60)
    scaled = np.where(np.arange(60) >= 30, 40.0, 1.0)
    far = tables["bars"].with_columns(**{name: tables["bars"][name] * scaled for name in ("open", "high", "low", "close")})
    flows, rows = exposure({**tables, "bars": far})
    account = entries(rows, ExposureEntry.SIDE, PositionSide.SHORT)
    assert account["swept"][30] > 0
    assert np.allclose(account["exposure"] + account["unplaced"], flows["open_interest"])
    assert max(cells_at_the_end(rows, PositionSide.SHORT)) > LiquidationExposure().grid.bin(30_000.0)


def test_scaling_price_by_an_octave_moves_every_bin_by_the_bins_of_an_octave():
    tables = random_tables(12, 120)
    scaled = tables["bars"].with_columns(**{n: tables["bars"][n] * 4.0 for n in ("open", "high", "low", "close")})
    _, rows = exposure(tables)
    _, far = exposure({**tables, "bars": scaled})
    assert len(rows) == len(far)
    of_bins = rows["bin"] != NULL_BIN
    assert (far["bin"][of_bins] - rows["bin"][of_bins] == 2 * 693).all()
    assert np.allclose(far["exposure"], rows["exposure"], rtol=1e-9)
    assert np.allclose(far["price_low"], 4.0 * rows["price_low"], rtol=1e-12, equal_nan=True)


def test_scaling_quantity_scales_the_books():
    tables = random_tables(13, 120)
    eight = {
        "bars": tables["bars"].with_columns(**{n: tables["bars"][n] * 8.0 for n in ("volume", "buy_volume", "sell_volume")}),
        "open_interest": tables["open_interest"].with_columns(open_interest=tables["open_interest"]["open_interest"] * 8.0),
        "liquidation_totals": tables["liquidation_totals"].with_columns(
            **{n: tables["liquidation_totals"][n] * 8.0 for n in ("long_quantity", "short_quantity")}
        ),
    }
    _, rows = exposure(tables)
    _, more = exposure(eight)
    assert np.array_equal(more["exposure"], 8.0 * rows["exposure"])


def test_an_inverse_contract_in_one_over_price_is_the_mirror_image():
    """p -> 1/p turns a linear long into an inverse short (maintenance amounts are zero in this table)."""
    tables = random_tables(14, 150, volatility=0.02)
    table = tables["bars"]
    other = table.with_columns(
        open=1 / table["open"], high=1 / table["low"], low=1 / table["high"], close=1 / table["close"],
        volume=table["volume"] * table["close"], buy_volume=table["sell_volume"] * table["close"],
        sell_volume=table["buy_volume"] * table["close"],
    )  # fmt: skip
    face = tables["open_interest"]["open_interest"]
    totals = tables["liquidation_totals"]
    flipped = totals.with_columns(
        long_quantity=totals["short_quantity"] * table["close"], short_quantity=totals["long_quantity"] * table["close"]
    )
    held = tables["open_interest"].with_columns(open_interest_notional=face)
    flat = instrument(rates=(0.004, 0.004, 0.004))  # one rate: then a table in coin and one in dollars agree
    inverse = replace(flat, kind=ContractKind.INVERSE)
    _, linear = exposure(tables, contract=flat)
    _, mirror = exposure({"bars": other, "open_interest": held, "liquidation_totals": flipped}, contract=inverse)
    for one, two in ((PositionSide.LONG, PositionSide.SHORT), (PositionSide.SHORT, PositionSide.LONG)):
        a, b = entries(linear, ExposureEntry.SIDE, one), entries(mirror, ExposureEntry.SIDE, two)
        for name in ("exposure", "unplaced", "swept", "unresolved"):
            assert np.allclose(a[name], b[name], rtol=1e-7, atol=1e-6)
        here, there = cells_at_the_end(linear, one), cells_at_the_end(mirror, two)
        assert sum(here.values()) > 100.0
        for bin_, value in here.items():
            assert there.get(-bin_ - 1, 0.0) == pytest.approx(value, rel=1e-6, abs=1e-6)


# --- reading the rows ------------------------------------------------------------------------------------------------------


def test_cell_rows_tell_the_books_to_within_the_tolerance():
    tables = random_tables(15, 200, volatility=0.01)
    _, fine = exposure(tables, ExposureParams(tolerance=1e-9, floor_fraction=1e-12, band=5.0))
    _, coarse = exposure(tables, ExposureParams(tolerance=0.2, floor_fraction=1e-12, band=5.0))
    for side in PositionSide:
        exact, told = cells_at_the_end(fine, side), cells_at_the_end(coarse, side)
        for b, value in exact.items():
            assert value == pytest.approx(told.get(b, 0.0), rel=0.2001, abs=1e-6)
    assert len(coarse) < len(fine) / 4


def test_a_full_bar_states_every_cell_so_that_reading_can_begin_there():
    tables = random_tables(16, 300)
    _, rows = exposure(tables, ExposureParams(refresh_hours=12))
    full = rows[rows["full"] & (rows["entry"] == ExposureEntry.SIDE)]
    starts = np.unique(full["ref_ts"])
    assert np.diff(starts).max() == 7 * DAY // 2
    assert len(starts) == 4
    from_last = rows[rows["ref_ts"] >= starts[-1]]
    for side in PositionSide:
        whole = {b: v for b, v in cells_at_the_end(rows, side).items() if v > 0}
        assert whole == {b: v for b, v in cells_at_the_end(from_last, side).items() if v > 0}


def test_age_classes_add_up_and_mass_grows_old():
    tables = random_tables(17, 90, volatility=0.002)
    _, rows = exposure(tables, ExposureParams(tolerance=1e-6))
    cells = entries(rows, ExposureEntry.CELL)
    held = cells[cells["exposure"] > 0]
    assert (held["young"] + held["day"] <= held["exposure"] * (1 + 1e-9)).all()
    early, late = held[held["ref_ts"] == START + 3 * HOUR], held[held["ref_ts"] == held["ref_ts"][-1]]
    assert np.allclose(early["young"] + early["day"], early["exposure"])
    assert (late["young"] + late["day"]).sum() < 0.9 * late["exposure"].sum()


def test_a_tier_that_closes_twice_as_fast_holds_less_and_the_books_still_sum_up():
    tables = random_tables(18, 150)
    hazard = tuple(2.0 if lev >= 50 else 1.0 for lev in LEVERAGES)
    _, even = exposure(tables)
    flows, fast = exposure(tables, ExposureParams(closing_hazard=hazard))
    for side in PositionSide:
        a, b = entries(even, ExposureEntry.SIDE, side), entries(fast, ExposureEntry.SIDE, side)
        assert b["unit_50x"][-1] < a["unit_50x"][-1]
        assert b["unit_10x"][-1] == a["unit_10x"][-1]
        assert np.allclose(b["exposure"] + b["unplaced"], flows["open_interest"])
        mixed = sum(share * b[name].astype(float) for share, name in zip(PRIOR[1:], UNIT_COLUMNS))
        assert np.allclose(mixed, b["exposure"], rtol=1e-5)


def test_rows_are_warm_until_what_the_books_began_with_is_a_tenth():
    _, rows = exposure(random_tables(19, 1000, volatility=0.003))
    account = entries(rows, ExposureEntry.SIDE, PositionSide.LONG)
    warm = account["flags"] & Flag.WARM != 0
    assert warm[0]
    assert not warm[-1]
    assert np.abs(np.diff(warm.astype(int))).sum() == 1


def test_the_expected_forced_part_is_the_exposure_times_kappa():
    tables = random_tables(20, 60)
    _, rows = exposure(tables, ExposureParams(liquidated_fraction_long=0.5, liquidated_fraction_short=0.25))
    longs = rows["side"] == PositionSide.LONG
    assert np.array_equal(rows["liquidation"][longs], 0.5 * rows["exposure"][longs])
    assert np.array_equal(rows["liquidation"][~longs], 0.25 * rows["exposure"][~longs])


# --- doors -------------------------------------------------------------------------------------------------------------


def test_before_the_first_risk_tiers_the_nearest_table_is_taken_and_every_row_says_so():
    table = instrument().tier_tables[0]
    later = replace(instrument(), tier_tables=(replace(table, valid_from=parse_ts("2024-03-05")),))
    assumed, dated = exposure(random_tables(1, 30), contract=later)[1], exposure(random_tables(1, 30))[1]
    early = assumed["ref_ts"] < parse_ts("2024-03-05")
    assert np.array_equal(assumed["flags"] & Flag.TIERS_DATE != 0, early)
    assert early.any()
    assert not early.all()
    assert assumed.with_columns(flags=dated["flags"]).same_as(dated)


def test_an_instrument_without_any_risk_tiers_is_refused_with_a_sentence():
    with pytest.raises(UserError, match=r"No risk tiers of demo X are known, .* 'perpscope import risk-tiers'"):
        exposure(random_tables(1, 10), contract=replace(instrument(), tier_tables=()))


def test_new_opens_use_the_tiers_of_their_date_and_old_mass_stays():
    old, new = instrument(rates=(0.004,)), instrument(rates=(0.02,))
    change = START + 24 * HOUR
    tables = (
        replace(old.tier_tables[0], valid_to=change),
        replace(
            new.tier_tables[0], valid_from=change, tiers=tuple(replace(t, max_leverage=20.0) for t in new.tier_tables[0].tiers)
        ),
    )
    market = random_tables(21, 40, volatility=0.001)
    _, split = exposure(market, contract=replace(old, tier_tables=tables))
    _, before = exposure(market, contract=old)
    assert split[split["ref_ts"] < change].same_as(before[before["ref_ts"] < change])
    _, again = exposure(market, contract=replace(old, tier_tables=tables), watermarks=(change - 1, change + 5 * HOUR))
    assert split.same_as(again)
    nearest = []
    for rows in (split, before):
        longs = entries(rows, ExposureEntry.CELL, PositionSide.LONG)
        nearest.append(longs["bin"][(longs["ref_ts"] >= change + 6 * HOUR) & (longs["young"] > 1e-3)].max())
    assert nearest[0] < nearest[1] - 10  # 20x is now the nearest that can be opened, not 100x


@pytest.mark.parametrize(
    ("params", "words"),
    [
        (ExposureParams(mix=(0.5, 0.5)), "14 shares"),
        (ExposureParams(bin_bps=0.01), "bps"),
        (ExposureParams(closing_hazard=(1.0,)), "closing_hazard"),
        (ExposureParams(spread=2.0), "spread"),
        (ExposureParams(liquidated_fraction_long=0.0), "liquidated fractions"),
    ],
)
def test_wrong_parameters_are_refused_with_a_sentence(params, words):
    with pytest.raises(UserError, match=words):
        LiquidationExposure(params)


# --- recorded ----------------------------------------------------------------------------------------------------------


def test_recorded_hours_conserve_open_interest_and_the_map_ranks_what_was_liquidated(shared_data):
    """Bounds are loose on purpose: LIQUIDATION pilot says .7 to .9 for a map like this, most of it geometry."""
    from scipy.stats import spearmanr

    contract, tables = recorded_tables(shared_data)
    flows, rows = exposure(tables, contract=contract)
    assert len(flows) == 1465
    realised = dict(zip(tables["liquidation_totals"]["ref_ts"].tolist(), range(10**6)))
    for side, name in ((PositionSide.LONG, "long_quantity"), (PositionSide.SHORT, "short_quantity")):
        account = entries(rows, ExposureEntry.SIDE, side)
        error = np.abs(account["exposure"] + account["unplaced"] - flows["open_interest"]).max()
        assert error < 1e-9 * flows["open_interest"].max()
        at = [realised.get(ts, -1) for ts in account["ref_ts"].tolist()]
        known = np.array(at) >= 0
        known[: len(known) * 6 // 10] = False
        outcome = tables["liquidation_totals"][name][np.array(at)[known]]
        assert 0.6 < spearmanr(account["swept"][known], outcome).statistic < 0.95


@pytest.mark.parametrize("first", [START, START - 30 * 60 * 10**9])
def test_books_that_begin_with_a_known_open_interest_hold_all_of_it(first):
    tables = random_tables(3, 40)
    stamps = np.concatenate([[first], tables["open_interest"]["exchange_ts"]])
    values = np.concatenate([[2_000.0], 2_000.0 + np.cumsum(np.where(np.arange(40) % 2, -0.5, 0.5))])
    tables["open_interest"] = Table.filled(OPEN_INTEREST, exchange_ts=stamps, open_interest=values)
    _, rows = exposure(tables)
    for side in PositionSide:
        account = entries(rows, ExposureEntry.SIDE, side)
        assert account["exposure"] + account["unplaced"] == pytest.approx(values[1:], rel=1e-9)
        assert (account["unplaced"] > 0).all()
