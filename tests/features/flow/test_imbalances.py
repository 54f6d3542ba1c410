"""Answers: ORDERFLOW OF8 and OF9 by hand, section 11 (an independent slow program), and a slow rule in this file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from market.made import assert_same_rows, make_trades, random_tape, recorded_tape, run, upside_down
from perpscope.core.events import GAP
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import MINUTE
from perpscope.core.units import AggressorSide, Direction
from perpscope.market.levels import LevelEvent
from perpscope.market.zones import ZoneEvent

F = {1006: (0, 9), 1005: (2, 12), 1004: (3, 15), 1003: (4, 14), 1002: (10, 9), 1001: (6, 2), 1000: (5, 0)}
"""The spec's footprint: bin to (sold, bought)."""


def tape_of(cells: dict[int, tuple[float, float]], at: int = 0) -> list[tuple[int, str, float, float]]:
    prints = [(at, "S", float(b), float(s)) for b, (s, _) in cells.items() if s]
    return prints + [(at, "B", float(b), float(q)) for b, (_, q) in cells.items() if q]


def imbalances(tape: Table, step: int = 1, name: str = "imbalances", end: int = MINUTE, more=None, **rule) -> Table:
    settings = {"footprint": {"step_ticks": step}, "imbalances": rule, **(more or {})}
    return run(name, {"trade": tape}, settings=settings, end=end)


def found(rows: Table) -> dict[int, str]:
    return {int(t): AggressorSide(s).name for t, s in zip(rows["low_tick"], rows["side"], strict=True)}


def test_the_spec_s_footprint_under_each_rule() -> None:
    tape = make_trades(*tape_of(F))
    assert found(imbalances(tape, least=8.0)) == {1004: "BUY", 1005: "BUY", 1006: "BUY"}
    assert found(imbalances(tape, rule="atas_ratio")) == {1005: "BUY", 1006: "BUY"}
    assert found(imbalances(tape, rule="atas_stacked")) == {}
    assert found(imbalances(tape, rule="atas_pr110")) == {}
    rows = imbalances(tape, least=8.0)
    assert rows["dominating"].tolist() == [15, 12, 9]
    assert rows["other"].tolist() == [4, 3, 2]


def test_the_mirror_of_the_spec_s_footprint() -> None:
    tape = upside_down(make_trades(*tape_of(F)), 2006)
    assert found(imbalances(tape, least=8.0)) == {1002: "SELL", 1001: "SELL", 1000: "SELL"}


def test_counting_trades_can_call_a_flood_of_buying_a_sell_imbalance() -> None:
    tape = make_trades(*[(0, "S", 10, 0.001)] * 4, (1, "B", 11, 50))
    assert found(imbalances(tape, rule="freqtrade")) == {10: "SELL"}
    assert found(imbalances(tape, least=1.0)) == {11: "BUY"}


def test_neighbours_are_by_price_and_an_empty_bin_is_a_zero() -> None:
    tape = make_trades((0, "S", 10, 4), (1, "B", 12, 30))
    assert found(imbalances(tape, least=1.0)) == {}  # bin 11 is empty: a zero does not count
    assert found(imbalances(tape, rule="freqtrade")) == {}
    assert found(imbalances(tape, rule="atas_stacked")) == {}
    assert found(imbalances(make_trades((0, "S", 10, 4), (1, "B", 12, 31)), rule="atas_stacked")) == {12: "BUY"}


def test_six_recorded_minutes_have_the_independent_program_s_imbalances(shared_data: Path) -> None:
    # step 50, ratio 3, v_min 1000 lots of 0.001, zero ignored
    tape = recorded_tape(shared_data)
    settings = {"footprint": {"step_ticks": 50}, "imbalances": {"least": 1.0}}
    first, until = (int(t) // MINUTE * MINUTE for t in (tape.clock[0], tape.clock[-1] + MINUTE))
    began = Table.of(GAP, ref_ts=[0], known_ts=[first], end_ts=[first], kind=[1], cause=[1])  # so that the first minute counts
    rows = run(
        "imbalances",
        {"trade": tape, "gap": began},
        instrument=Instrument("b", "X", tick_size=0.1),
        settings=settings,
        end=until,
    )
    assert [(rows["side"] == s).sum() for s in AggressorSide] == [22, 19]


@given(st.integers(0, 200))
def test_the_rolling_threshold_is_the_nearest_rank_of_the_pairs_before(seed: int) -> None:
    tape = random_tape(seed, 400, 20 * MINUTE)
    rows = imbalances(tape, step=2, end=20 * MINUTE, window=60, n_min=20)
    cells = run("footprint", {"trade": tape}, settings={"footprint": {"step_ticks": 2}}, end=20 * MINUTE)
    past: list[float] = []
    expected = []
    for ref in np.arange(20) * MINUTE:
        bar = cells[cells["ref_ts"] == ref]
        if not len(bar):
            continue
        buy = dict(zip((bar["low_tick"] // 2).tolist(), bar["buy_volume"].tolist(), strict=True))
        sell = dict(zip((bar["low_tick"] // 2).tolist(), bar["sell_volume"].tolist(), strict=True))
        window = sorted(past[-60:])
        pairs = [(k, sell.get(k, 0.0), buy.get(k + 1, 0.0)) for k in range(min(buy), max(buy))]
        if len(window) >= 20:
            bound = window[int(np.ceil(0.8 * len(window))) - 1]
            for k, b, a in pairs:
                if b > 0 and a >= 3 * b and a >= bound:
                    expected.append((ref, 2 * k + 2, 1))
                if a > 0 and b >= 3 * a and b >= bound:
                    expected.append((ref, 2 * k, 2))
        past += [max(b, a) for k, b, a in pairs if k in buy or k + 1 in buy]
    got = list(zip(rows["ref_ts"].tolist(), rows["low_tick"].tolist(), rows["side"].tolist(), strict=True))
    assert sorted(got) == sorted(expected)


@given(st.integers(0, 300))
def test_upside_down_on_the_grid_of_the_bins_it_is_upside_down(seed: int) -> None:
    tape = random_tape(seed, 4000, 20 * MINUTE)
    about = 400 * 2 - 1
    for name in ("imbalances", "stacked_imbalance"):
        more = {"stacked_imbalance": {"least_bins": 2}}
        up = imbalances(tape, 2, name, 20 * MINUTE, more, least=10.0)
        down = imbalances(upside_down(tape, about), 2, name, 20 * MINUTE, more, least=10.0)
        assert len(up) > 0
        assert_same_rows(upside_down(up, about), down, ignore=("low_tick",))


def stack_events(*later: tuple[float, float, float]) -> list[str]:
    """Events of the spec's stack over later bars of (high, low, close)."""
    prints = tape_of(F)
    for k, (high, low, close) in enumerate(later, start=1):
        at = k * MINUTE
        prints += [(at, "B", high, 1.0), (at + 1, "S", low, 1.0), (at + 2, "B", close, 1.0)]
    tape = make_trades(*prints)
    rows = imbalances(tape, 1, "stacked_imbalance", (len(later) + 1) * MINUTE, None, least=8.0)
    return [ZoneEvent(e).name for e in rows["event"]]


def test_three_neighbouring_buys_are_one_stack_that_lives() -> None:
    rows = imbalances(make_trades(*tape_of(F)), 1, "stacked_imbalance", least=8.0)
    assert [rows[c].tolist() for c in ("bottom", "top", "count", "direction")] == [[1004], [1006], [3], [Direction.UP]]
    assert stack_events((1009, 1007, 1008)) == ["OPENED"]
    assert stack_events((1009, 1006, 1008)) == ["OPENED", "TOUCHED"]
    assert stack_events((1009, 1004, 1008), (1009, 1003, 1003)) == ["OPENED", "TOUCHED", "HALVED", "FILLED", "BROKEN"]


def auction(*bars: dict[int, tuple[float, float]], least: float = 20.0) -> list[tuple[str, float]]:
    prints = [p for k, cells in enumerate(bars) for p in tape_of(cells, k * MINUTE)]
    settings = {"unfinished_auction": {"least": least}}
    rows = run("unfinished_auction", {"trade": make_trades(*prints)}, settings=settings, end=len(bars) * MINUTE)
    return [(LevelEvent(e).name, float(p)) for e, p in zip(rows["event"], rows["price"], strict=True)]


def test_an_auction_is_finished_where_the_other_side_did_not_trade() -> None:
    assert auction(F, least=1.0) == []
    assert auction({**F, 1006: (2, 25)}) == [("OPENED", 1006)]
    assert auction({**F, 1006: (2, 19)}) == []
    assert auction({**F, 1000: (25, 1)}) == [("OPENED", 1000)]


def test_an_unfinished_extreme_is_filled_by_the_first_later_bar_that_covers_it() -> None:
    below, over = {1005: (0, 1), 1003: (1, 0)}, {1007: (0, 1), 1005: (1, 0)}
    assert auction({**F, 1006: (2, 25)}, below, over) == [("OPENED", 1006), ("FILLED", 1006)]


def test_nothing_is_called_unfinished_before_the_threshold_is_known() -> None:
    tape = random_tape(5, 2000, 60 * MINUTE)
    rows = run(
        "unfinished_auction", {"trade": tape}, settings={"unfinished_auction": {"n_min": 40, "window": 60}}, end=60 * MINUTE
    )
    opened = rows[rows["event"] == LevelEvent.OPENED]
    assert len(opened) > 3
    assert opened["known_ts"].min() > 20 * MINUTE
