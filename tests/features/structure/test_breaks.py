"""Answers: STRUCTURE.md ST2 (by hand) and section 8 (an independent slow program)."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from perpscope.core.errors import UserError
from perpscope.core.table import Table
from perpscope.core.time import HOUR, MINUTE, parse_ts

HIGH = [10, 12, 11, 10, 11, 14, 13, 12, 13, 12, 9, 10, 9]
LOW = [8, 9, 9, 7, 8, 10, 11, 10, 11, 8, 6, 7, 5]
CLOSE = [9, 11, 10, 8, 10, 13, 12, 11, 12, 9, 7, 9, 5.5]
SWINGS_1 = {"swings": {"left": 1, "right": 1}}


def told(rows):
    """(breaking bar, direction, kind, level, bar of the level)."""
    return [(r["known_ts"] // MINUTE - 1, r["direction"], r["kind"], r["level"], r["ref_ts"] // MINUTE) for r in rows.rows()]


def test_the_worked_breaks(bars, run):
    assert told(run("breaks", bars(HIGH, LOW, CLOSE), SWINGS_1)) == [
        (5, "up", "initial", 12, 1),
        (9, "down", "change_of_character", 10, 7),
        (12, "down", "break_of_structure", 6, 10),
    ]


def test_a_protected_low_is_the_origin_of_the_last_break(bars, run):
    rows = run("breaks", bars(HIGH, LOW, CLOSE), {**SWINGS_1, "breaks": {"reference": "protected"}})
    assert told(rows) == [(5, "up", "initial", 12, 1), (12, "down", "change_of_character", 7, 3)]
    assert rows["swing_id"].tolist()[1] == -1


@pytest.mark.parametrize("reference", ["latest", "protected"])
def test_the_mirror_image_breaks_at_the_same_bars(bars, run, reference):
    high, low, close = (20.0 - np.array(x, float) for x in (LOW, HIGH, CLOSE))
    settings = {**SWINGS_1, "breaks": {"reference": reference}}
    up = told(run("breaks", bars(HIGH, LOW, CLOSE), settings))
    turned = {"up": "down", "down": "up"}
    expected = [(bar, turned[direction], kind, 20 - level, ref) for bar, direction, kind, level, ref in up]
    assert told(run("breaks", bars(high, low, close), settings)) == expected


def test_the_broken_swing_is_named(bars, run):
    table = bars(HIGH, LOW, CLOSE)
    swings = run("swings", table, SWINGS_1)
    rows = run("breaks", table, SWINGS_1)
    by_id = {r["id"]: r["price"] for r in swings.rows()}
    assert [by_id[i] for i in rows["swing_id"].tolist()] == rows["level"].tolist()


def test_a_swing_is_not_broken_by_the_bar_that_confirms_it(bars, run):
    # by hand: swing low 7 at bar 1, confirmed by bar 2; with no swing known before, bar 2 can break nothing
    rows = run("breaks", bars([10, 9, 12], [8, 7, 9], [9, 8, 12]), SWINGS_1)
    assert len(rows) == 0


def test_a_wick_breaks_only_when_asked_to(bars, run):
    high, low, close = [10, 12, 11, 12.5, 11], [8, 9, 9, 9, 9], [9, 11, 10, 11, 10]
    assert len(run("breaks", bars(high, low, close), SWINGS_1)) == 0
    rows = run("breaks", bars(high, low, close), {**SWINGS_1, "breaks": {"break_on": "wick"}})
    assert told(rows) == [(3, "up", "initial", 12, 1)]


@pytest.mark.parametrize(("close", "expected"), [
    (10.4, ["down", "up"]),  # nearer the high: the low went first
    (9.5, ["up", "down"]),
    (10.0, []),  # as far from both, and no trend to decide
])  # fmt: skip
def test_a_bar_that_wicks_through_both_sides_breaks_the_farther_one_first(bars, run, close, expected):
    # swing high 12 (bar 1, known 2) and swing low 8 (bar 3, known 4); bar 5 spans both, middle 10
    high, low = [10, 12, 11, 10, 11, 13], [9, 9, 9, 8, 9, 7]
    rows = run("breaks", bars(high, low, [9.5, 10, 10, 9, 10, close]), {**SWINGS_1, "breaks": {"break_on": "wick"}})
    assert [r["direction"] for r in rows.rows()] == expected


def test_a_buffer_asks_for_a_close_farther_beyond(bars, run):
    # ATR(1) of bar 4, by hand: max(11, 8) - min(8, 8) = 3; the close 13 lies 1 beyond 12
    for buffer, found in ((0.3, 1), (0.34, 0)):
        settings = {**SWINGS_1, "breaks": {"buffer_atr": buffer, "atr_span": 1}}
        assert len(run("breaks", bars(HIGH[:6], LOW[:6], CLOSE[:6]), settings)) == found


def test_a_break_is_displaced_when_a_large_body_lies_between(bars, run):
    # bar 5 opens at 10 and closes at 13: body 3 of a range 4 = 0.75, against ATR(1) 3 of the bar before
    for least, displaced in ((0.9, True), (1.1, False)):
        settings = {**SWINGS_1, "displacements": {"atr_span": 1, "min_body_atr": least}}
        rows = run("breaks", bars(HIGH[:6], LOW[:6], CLOSE[:6]), settings)
        assert rows["displaced"].tolist() == [displaced]


def test_a_displacement_before_the_opposite_swing_does_not_count(bars, run):
    # the same break, but the only large up-body is bar 1 (open 9, close 11.9), before the swing low of bar 3
    close = [9, 11.9, 10, 8, 11.9, 12.1]
    settings = {**SWINGS_1, "displacements": {"atr_span": 1, "min_body_atr": 0.0, "min_body_fraction": 0.9}}
    rows = run("breaks", bars([10, 12, 12, 10, 12, 14], [8, 9, 9, 7, 7.5, 10], close), settings)
    assert told(rows)[0][:2] == (5, "up")
    assert not rows["displaced"][0]


# by hand, swings 1/1: low 8 (bar 1), high 12 (bar 3), low 9 (bar 4), high 13 (bar 6), low 11 (bar 7)
SWEPT_HIGH = [10, 10, 11, 12, 11, 12.5, 13, 12.4, 12.9, 13.4, 12.0]
SWEPT_LOW = [9, 8, 9, 10, 9, 10, 11.5, 11, 11.5, 12, 9.9]
SWEPT_CLOSE = [9.5, 9, 10, 11, 10, 12.2, 12, 11.5, 12.5, 12.6, 10.4]


def test_a_shift_is_a_displaced_change_of_character_after_a_sweep(bars, run):
    table = bars(SWEPT_HIGH, SWEPT_LOW, SWEPT_CLOSE)
    settings = {**SWINGS_1, "displacements": {"atr_span": 1, "min_body_atr": 1.0}, "pools": {"sources": "swing"}}
    rows = run("breaks", table, settings)
    # bar 5 closes above 12 (bar 3): initial; bar 9 trades above 13 (bar 6) and closes at 12.6: a sweep of highs;
    # bar 10 closes below the low 11 (bar 7) with a body of 2.2 in a range of 2.1 + 0.6: down
    assert told(rows) == [(5, "up", "initial", 12, 3), (10, "down", "change_of_character", 11, 7)]
    assert [(r["displaced"], r["after_sweep"], r["shift"]) for r in rows.rows()][1] == (True, True, True)
    none = run("breaks", table, {**settings, "displacements": {"atr_span": 1, "min_body_atr": 9.0}})
    assert (none["displaced"][1], none["shift"][1]) == (False, False)
    late = run("breaks", table, {**settings, "breaks": {"sweep_bars": 0}})
    assert (late["after_sweep"][1], late["shift"][1]) == (False, False)


def test_a_sweep_on_the_side_of_the_break_does_not_count(bars, run):
    high, low, close = (20.0 - np.array(x, float) for x in (SWEPT_LOW, SWEPT_HIGH, SWEPT_CLOSE))
    settings = {**SWINGS_1, "pools": {"sources": "swing"}}
    rows = run("breaks", bars(high, low, close), settings)  # the mirror image: a sweep of lows before a change upward
    assert (rows["direction"][1], rows["after_sweep"][1]) == (1, True)
    # bar 9 now breaks upward itself, after the highs it raids: no sweep of lows is near
    taken = run("breaks", bars([*SWEPT_HIGH[:9], 13.4], [*SWEPT_LOW[:9], 12], [*SWEPT_CLOSE[:9], 13.2]), settings)
    assert (taken["direction"][1], taken["after_sweep"][1]) == (1, False)


def test_a_hole_forgets_the_trend_and_the_swings(bars, run):
    after = bars(HIGH[6:], LOW[6:], CLOSE[6:], start=20 * MINUTE)
    rows = run("breaks", Table.concat([bars(HIGH[:6], LOW[:6], CLOSE[:6]), after]), SWINGS_1)
    assert [(r["direction"], r["kind"]) for r in rows.rows()] == [
        ("up", "initial"),
        ("down", "initial"),
        ("down", "break_of_structure"),
    ]


COUNTS = {  # initial, change up, change down, BOS up, BOS down
    1: ("up", 306, 306, 374, 275),
    5: ("down", 106, 105, 109, 77),
    10: ("down", 54, 53, 60, 48),
}


@pytest.mark.parametrize("n", COUNTS)
def test_counts_on_a_year_of_bitcoin_hours(shared_data, bars, run, n):
    frame = pl.read_parquet(shared_data / "bars/binance_perp/1h/BTCUSDT.parquet")
    first, last = (parse_ts(d) // 1_000_000 for d in ("2024-01-01", "2025-01-01"))
    frame = frame.filter((pl.col("ts") >= first) & (pl.col("ts") < last))
    table = bars(*(frame[c].to_numpy() for c in ("high", "low", "close", "open")), start=first * 1_000_000, step=HOUR)
    rows = run("breaks", table, {"swings": {"left": n, "right": n}}, frame="1h", tick=0.1)
    count = {(k, d): int(((rows["kind"] == k) & (rows["direction"] == d)).sum()) for k in (1, 2, 3) for d in (1, 2)}
    initial, change_up, change_down, bos_up, bos_down = COUNTS[n]
    assert count == {
        (1, 1): int(initial == "up"), (1, 2): int(initial == "down"),
        (2, 1): bos_up, (2, 2): bos_down, (3, 1): change_up, (3, 2): change_down,
    }  # fmt: skip


@pytest.mark.parametrize("wrong", [{"break_on": "open"}, {"reference": "first"}, {"buffer_atr": -1.0}])
def test_a_setting_out_of_range_is_refused(run, bars, wrong):
    with pytest.raises(UserError):
        run("breaks", bars([1], [1], [1]), {"breaks": wrong})
