"""Answers: ORDERFLOW OF5, OF6 and section 11 (an independent slow program), and a slow profile in this file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.made import make_bars, make_trades, recorded_tape, run
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR, MINUTE
from perpscope.features.profile.volume_profile import VolumeProfile
from perpscope.market.profile import Tie, auto_step, point_of_control, value_area

F = np.array([5, 8, 19, 18, 18, 14, 9], float)  # bins 1000..1006 of the spec's footprint, both sides together


def test_value_area_by_pairs_and_by_single_bins() -> None:
    poc = point_of_control(F, 0, 6, Tie.LOWER)
    assert poc == 2
    assert value_area(F, 0, 6, poc, 0.7, 2, Tie.HIGHER) == (2, 6, pytest.approx(78 / 91))
    assert value_area(F, 0, 6, poc, 0.7, 1, Tie.HIGHER) == (2, 5, pytest.approx(69 / 91))


def test_equal_bins_the_middle_one_wins_then_the_chosen_side() -> None:
    assert point_of_control(np.array([10.0, 20, 20, 10]), 0, 3, Tie.LOWER) == 1
    assert point_of_control(np.array([10.0, 20, 20, 10]), 0, 3, Tie.HIGHER) == 2
    assert point_of_control(np.array([20.0, 5, 9, 20, 1]), 0, 4, Tie.LOWER) == 3


def test_equal_pairs_go_up_down_or_both_ways() -> None:
    volume = np.array([6.0, 5, 20, 5, 6])
    assert value_area(volume, 0, 4, 2, 0.7, 2, Tie.HIGHER)[:2] == (2, 4)
    assert value_area(volume, 0, 4, 2, 0.7, 2, Tie.LOWER)[:2] == (0, 2)
    assert value_area(volume, 0, 4, 2, 0.7, 2, Tie.BOTH) == (0, 4, 1.0)


def slow_profile(cells: dict[int, float], fraction: float, rows: int) -> tuple[int, int, int]:
    """POC, lowest and highest bin of the value area with plain dictionaries."""
    low, high = min(cells), max(cells)
    top = max(cells.values())
    best = [b for b in cells if cells[b] == top]
    poc = min(best, key=lambda b: (abs(2 * b - low - high), b))
    a = b = poc
    inside, total = cells[poc], sum(cells.values())
    while inside < fraction * total and (a > low or b < high):
        up = [k for k in range(b + 1, b + 1 + rows) if k <= high]
        down = [k for k in range(a - rows, a) if k >= low]
        above, below = sum(cells.get(k, 0.0) for k in up), sum(cells.get(k, 0.0) for k in down)
        take_up = bool(up) and (not down or above >= below)
        take_down = bool(down) and (not up or below >= above)
        if take_up:
            inside, b = inside + above, up[-1]
        if take_down:
            inside, a = inside + below, down[0]
    return poc, a, b


@given(
    st.dictionaries(st.integers(-8, 8), st.integers(1, 30).map(float), min_size=1, max_size=12),
    st.sampled_from([0.5, 0.7, 0.95]),
    st.sampled_from([1, 2]),
)
def test_the_value_area_is_that_of_a_dictionary(cells: dict[int, float], fraction: float, rows: int) -> None:
    low, high = min(cells), max(cells)
    dense = np.array([cells.get(k, 0.0) for k in range(low, high + 1)])
    poc = point_of_control(dense, 0, len(dense) - 1, Tie.LOWER)
    a, b, inside = value_area(dense, 0, len(dense) - 1, poc, fraction, rows, Tie.BOTH)
    assert (poc + low, a + low, b + low) == slow_profile(cells, fraction, rows)
    assert inside == pytest.approx(dense[a : b + 1].sum() / dense.sum())
    assert inside >= fraction - 1e-12


def test_the_automatic_step_is_a_power_of_two_ticks_that_follows_the_price() -> None:
    assert auto_step(60000.0, 0.1, 5.0) == 256
    assert auto_step(30000.0, 0.1, 5.0) == 128
    assert auto_step(0.01, 0.00001, 5.0) == 1


def test_six_recorded_minutes_give_the_independent_program_s_profile(shared_data: Path) -> None:
    # step 50: POC bin 12328, value area by pairs [12324, 12346] 0.7246; the file ends before midnight, so one day
    tape = recorded_tape(shared_data)
    btc = Instrument("binance", "BTCUSDT", tick_size=0.1)
    until = int(tape.clock[-1]) // MINUTE * MINUTE + MINUTE
    fold = VolumeProfile(VolumeProfile.Params(step_ticks=50), frame="1m")
    rows = run(fold, {"trade": tape}, instrument=btc, end=until)
    last = rows[-1:]
    assert last["poc"][0] == pytest.approx((12328 * 50 + 24.5) * 0.1)
    assert last["val"][0] == pytest.approx(12324 * 50 * 0.1)
    assert last["vah"][0] == pytest.approx((12346 * 50 + 49) * 0.1)
    assert last["fraction"][0] == pytest.approx(0.7246, abs=5e-5)
    assert last["bins"][0] == 50
    assert last["volume"][0] == pytest.approx(1251.576 + 1177.790)
    assert not rows["complete"].any()
    assert not rows["estimated"].any()


def test_each_row_holds_the_trades_before_its_close_and_none_of_those_at_it() -> None:
    tape = make_trades((1, "B", 10, 5), (MINUTE - 1, "S", 12, 1), (MINUTE, "B", 14, 9))
    rows = run(VolumeProfile(VolumeProfile.Params(step_ticks=1, min_bins=1), frame="1m"), {"trade": tape}, end=2 * MINUTE)
    assert rows["volume"].tolist() == [6, 15]
    assert rows["poc"].tolist() == [10, 14]


def test_a_bar_is_spread_evenly_over_its_ticks_and_says_so() -> None:
    # ticks 10..13 in bins of two: [10, 11] and [12, 13] get half each; the second bar adds 3 to [12, 13]
    bars = make_bars([12.0, 12.0], [3, 3], [1, 0], high=[13.0, 13.0], low=[10.0, 12.0])
    rows = run(VolumeProfile(VolumeProfile.Params(step_ticks=2, min_bins=1), frame="1m"), {"bars@1m": bars})
    assert rows["poc"].tolist() == [10.5, 12.5]
    assert rows["volume"].tolist() == [4, 7]
    assert rows["estimated"].all()


def test_the_final_values_of_a_complete_day_are_carried_through_the_next() -> None:
    ticks = np.r_[np.arange(10, 22), np.arange(10, 22)].astype(float)
    volume = np.r_[np.ones(11), 7, np.ones(12)]
    hours = np.concatenate([np.arange(24), 24 + np.arange(24)]) * HOUR
    price, traded = np.tile(ticks, 2), np.tile(volume, 2)
    bars = make_bars(price, traded, np.zeros(48), high=price, low=price, ref=hours, step=HOUR)
    rows = run(VolumeProfile(VolumeProfile.Params(step_ticks=1), frame="1h"), {"bars@1h": bars}, frame="1h")
    final = rows[rows["final"]]
    assert final["known_ts"].tolist() == [DAY, 2 * DAY]
    assert rows["complete"].all()
    assert np.isnan(rows["previous_poc"][:24]).all()
    assert (rows["previous_poc"][24:] == final["poc"][0]).all()
    assert final["poc"][0] == 21.0


def test_a_day_with_a_hole_is_not_complete_and_hands_nothing_on() -> None:
    hours = np.r_[np.arange(10), np.arange(11, 48)] * HOUR
    price = 100.0 + np.arange(47) % 12
    bars = make_bars(price, np.ones(47), np.ones(47), ref=hours, step=HOUR)
    rows = run(VolumeProfile(VolumeProfile.Params(step_ticks=1), frame="1h"), {"bars@1h": bars}, frame="1h")
    day = rows["ref_ts"] // DAY
    assert rows["complete"][rows["ref_ts"] < 10 * HOUR].all()
    assert not rows["complete"][(day == 0) & (rows["ref_ts"] > 10 * HOUR)].any()
    assert rows["complete"][day == 1].all()
    assert np.isnan(rows["previous_poc"]).all()


def mirrored(tape: Table, about: int) -> Table:
    return tape.with_columns(price=about - tape["price"], aggressor_side=3 - tape["aggressor_side"])


@given(st.integers(0, 1000))
def test_upside_down_on_the_grid_of_the_bins_it_is_upside_down(seed: int) -> None:
    # ticks t -> K * step - 1 - t maps bins onto bins (ORDERFLOW section 2)
    rng = np.random.default_rng(seed)
    n, step = 300, 4
    at = np.sort(rng.integers(0, 3 * HOUR, n))
    ticks = 500 + np.cumsum(rng.integers(-3, 4, n))
    about = 250 * step - 1
    sides, sizes = rng.integers(0, 2, n), rng.integers(1, 9, n).astype(float)
    tape = make_trades(*((int(t), "BS"[s], float(p), q) for t, s, p, q in zip(at, sides, ticks, sizes.tolist(), strict=True)))
    up = VolumeProfile(VolumeProfile.Params(step_ticks=step, poc_tie=int(Tie.LOWER), min_bins=1), frame="1h")
    down = VolumeProfile(VolumeProfile.Params(step_ticks=step, poc_tie=int(Tie.HIGHER), min_bins=1), frame="1h")
    a = run(up, {"trade": tape}, frame="1h", end=3 * HOUR)
    b = run(down, {"trade": mirrored(tape, about)}, frame="1h", end=3 * HOUR)
    assert (about - a["poc"]).tolist() == b["poc"].tolist()
    assert (about - a["val"]).tolist() == b["vah"].tolist()
    assert (about - a["vah"]).tolist() == b["val"].tolist()


def test_bins_of_a_day_are_the_counter_of_its_trades() -> None:
    rng = np.random.default_rng(7)
    at = np.sort(rng.integers(0, 2 * DAY, 4000))
    ticks = 5000 + np.cumsum(rng.integers(-4, 5, 4000))
    side = rng.integers(0, 2, 4000)
    quantity = rng.integers(1, 9, 4000)
    tape = make_trades(*((int(t), "BS"[s], float(p), float(q)) for t, p, s, q in zip(at, ticks, side, quantity, strict=True)))
    rows = run("profile_bins", {"trade": tape}, frame="1h", settings={"profile_bins": {"step_ticks": 8}}, end=2 * DAY)
    for day in (0, 1):
        mine = rows[rows["ref_ts"] == day * DAY]
        assert (mine["known_ts"] == (day + 1) * DAY).all()
        total: Counter[int] = Counter()
        bought: Counter[int] = Counter()
        for t, p, s, q in zip(at, ticks, side, quantity, strict=True):
            if t // DAY == day:
                total[p // 8] += int(q)
                bought[p // 8] += int(q) if s == 0 else 0
        assert (mine["price_low"] / 8).tolist() == sorted(total)
        assert mine["volume"].tolist() == [total[b] for b in sorted(total)]
        assert mine["buy_volume"].tolist() == [bought[b] for b in sorted(total)]
        poc, a, b = slow_profile({k: float(v) for k, v in total.items()}, 0.7, 2)
        assert mine["price_low"][mine["point_of_control"]].tolist() == [poc * 8]
        assert mine["price_low"][mine["in_value_area"]].min() == a * 8
        assert mine["price_low"][mine["in_value_area"]].max() == b * 8


def test_a_day_that_ends_in_a_hole_is_written_out_when_the_next_trade_shows_it_over() -> None:
    tape = make_trades((HOUR, "B", 10, 5), (DAY + 5 * HOUR + 1, "S", 12, 1))
    gap_free = run("profile_bins", {"trade": tape}, frame="1h", end=DAY + 6 * HOUR)
    assert gap_free["known_ts"].tolist() == [DAY]  # quiet hours are bars, so the day closes on time
    bars = make_bars([10.0, 12.0], [5, 0], [0, 1], ref=[HOUR, DAY + 5 * HOUR], step=HOUR)
    rows = run("profile_bins", {"bars@1h": bars}, frame="1h")
    assert rows["known_ts"].tolist() == [DAY + 6 * HOUR]
    assert not rows["complete"].any()
