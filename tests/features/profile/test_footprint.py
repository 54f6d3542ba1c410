"""Answers: a slow dictionary in this file, the bars themselves, and the mirror on the grid of the bins."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.made import assert_same_rows, make_bars, make_trades, random_tape, recorded_tape, run, upside_down
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import DAY, MINUTE
from perpscope.features.profile.footprint import Footprint
from perpscope.market.footprint import CellKind, cell_values


def footprint(tape: Table, step: int = 4, end: int = 20 * MINUTE, **more) -> Table:
    return run(Footprint(Footprint.Params(step_ticks=step), frame="1m"), {"trade": tape}, end=end, **more)


@given(st.integers(0, 1000), st.sampled_from([1, 3, 4, 50]), st.lists(st.integers(0, 20 * MINUTE), max_size=5))
def test_cells_are_those_of_a_dictionary_however_the_tape_is_cut(seed: int, step: int, cuts: list[int]) -> None:
    tape = random_tape(seed, 300, 20 * MINUTE)
    cells: dict[tuple[int, int], list[float]] = defaultdict(lambda: [0.0] * 4)
    for t, p, q, s in zip(*(tape[c].tolist() for c in ("exchange_ts", "price", "quantity", "aggressor_side")), strict=True):
        cell = cells[t // MINUTE, int(p) // step]
        cell[s - 1] += q
        cell[s + 1] += 1
    rows = footprint(tape, step, watermarks=cuts)
    keys = list(zip((rows["ref_ts"] // MINUTE).tolist(), (rows["low_tick"] // step).tolist(), strict=True))
    assert keys == sorted(cells)
    for k, name in enumerate(("buy_volume", "sell_volume", "buy_count", "sell_count")):
        assert rows[name].tolist() == [cells[key][k] for key in keys]
    assert (rows["known_ts"] == rows["ref_ts"] + MINUTE).all()


def test_bins_are_floors_anchored_at_tick_zero() -> None:
    # ORDERFLOW section 2: tick 0.1, step 50: 60000.0 -> 12000; 60004.9 -> 12000; 60005.0 -> 12001
    tape = make_trades((0, "B", 60000.0, 1), (1, "B", 60004.9, 1), (2, "B", 60005.0, 1))
    rows = footprint(tape, 50, MINUTE, instrument=Instrument("demo", "X", tick_size=0.1))
    assert (rows["low_tick"] // 50).tolist() == [12000, 12001]
    assert rows["buy_count"].tolist() == [2, 1]


def test_a_recorded_bar_is_the_sum_of_its_cells(shared_data: Path) -> None:
    tape = recorded_tape(shared_data)
    btc = Instrument("binance", "BTCUSDT", tick_size=0.1)
    until = int(tape.clock[-1]) // MINUTE * MINUTE + MINUTE
    rows = run("footprint", {"trade": tape}, instrument=btc, end=until)
    bars = run("delta", {"trade": tape}, instrument=btc, end=until)
    assert not bars["valid"][0]  # the recording begins inside its first minute
    for ref, delta in zip(bars["ref_ts"][1:], bars["delta"][1:], strict=True):
        mine = rows[rows["ref_ts"] == ref]
        assert (mine["buy_volume"] - mine["sell_volume"]).sum() == pytest.approx(delta)
        assert 10 < len(mine) < 200  # 16 ticks of 0.1 a bin at this price


def test_the_automatic_step_grows_with_price_and_frame_and_holds_for_the_day() -> None:
    tape = make_trades((0, "B", 60000.0, 1), (DAY - 1, "B", 90000.0, 1), (DAY, "B", 120000.0, 1))
    tenth = Instrument("demo", "X", tick_size=0.1)
    rows = run("footprint", {"trade": tape}, instrument=tenth, end=DAY + MINUTE)
    assert rows["step"].tolist() == [16, 16, 32]
    assert run("footprint", {"trade": tape}, instrument=tenth, frame="4h", end=2 * DAY)["step"].tolist() == [256, 256, 512]


def test_trades_of_a_bar_the_venue_left_out_do_not_leak_into_the_next() -> None:
    tape = make_trades((5, "B", 10, 1), (MINUTE + 5, "B", 10, 7), (2 * MINUTE + 5, "S", 10, 2))
    bars = make_bars([10.0, 10.0], ref=[0, 2 * MINUTE])
    rows = run(Footprint(Footprint.Params(step_ticks=1), frame="1m"), {"trade": tape, "bars@1m": bars})
    assert rows["buy_volume"].tolist() == [1, 0]
    assert rows["sell_volume"].tolist() == [0, 2]


@given(st.integers(0, 300))
def test_upside_down_on_the_grid_of_the_bins_it_is_upside_down(seed: int) -> None:
    tape = random_tape(seed, 300, 20 * MINUTE)
    about = 300 * 4 - 1
    up, down = footprint(tape), footprint(upside_down(tape, about))
    assert_same_rows(upside_down(up, about), down, ignore=("low_tick",))


def test_a_cell_can_show_four_things() -> None:
    rows = footprint(make_trades((0, "B", 10, 5), (1, "S", 10, 2), (2, "S", 10, 1)), 1)
    assert cell_values(rows, CellKind.SELL_BUY).tolist() == [[3, 5]]
    assert cell_values(rows, CellKind.DELTA).tolist() == [[2]]
    assert cell_values(rows, CellKind.VOLUME).tolist() == [[8]]
    assert cell_values(rows, CellKind.TRADES).tolist() == [[3]]
