"""Answers: STRUCTURE.md ST3 and section 1 (by hand)."""

from __future__ import annotations

import pytest

from perpscope.core.errors import UserError

# two bars that make ATR(1) = 2 before the bar in question
BEFORE = ([100, 100], [101, 101], [99, 99], [100, 100])


def rows_of(run, bars, o, h, l, c, **settings):
    open_, high, low, close = ([*b, x] for b, x in zip(BEFORE, (o, h, l, c), strict=True))
    return run("displacements", bars(high, low, close, open_), {"displacements": {"atr_span": 1, **settings}})


def test_the_worked_displacement(bars, run):
    (row,) = rows_of(run, bars, 100, 104, 99.8, 103.7).rows()
    assert (row["direction"], round(row["body_atr"], 2), round(row["body_fraction"], 3)) == ("up", 1.85, 0.881)


def test_its_mirror_image_is_a_displacement_down(bars, run):
    (row,) = rows_of(run, bars, 100, 100.2, 96, 96.3).rows()
    assert (row["direction"], round(row["body_atr"], 2), round(row["body_fraction"], 3)) == ("down", 1.85, 0.881)


def test_a_small_body_with_long_wicks_is_none(bars, run):
    assert len(rows_of(run, bars, 100, 104, 98, 102.5)) == 0


@pytest.mark.parametrize(
    ("settings", "found"), [({"min_body_atr": 1.0, "min_body_fraction": 0.4}, 1), ({"min_body_atr": 1.0}, 0)]
)
def test_the_thresholds_are_settings(bars, run, settings, found):
    assert len(rows_of(run, bars, 100, 104, 98, 102.5, **settings)) == found


def test_a_bar_does_not_lift_its_own_threshold(bars, run):
    # body 3 against 1.5 * ATR(1) of the bar before (2): enough, although the bar's own range is 4
    assert len(rows_of(run, bars, 100, 103.5, 99.5, 103)) == 1


def test_no_bar_is_one_before_there_is_an_atr(bars, run):
    assert len(run("displacements", bars([101, 110], [99, 100], [100, 110], [100, 100]))) == 0


def test_a_flat_market_has_none_even_with_an_atr_of_zero(bars, run):
    assert len(run("displacements", bars([5] * 40, [5] * 40, [5] * 40))) == 0


def test_the_first_move_out_of_a_flat_market_has_no_size_in_atr(bars, run):
    (row,) = run("displacements", bars([5] * 20 + [9], [5] * 21, [5] * 20 + [9])).rows()
    assert row["body_atr"] is None


def test_a_setting_out_of_range_is_refused(run, bars):
    with pytest.raises(UserError):
        run("displacements", bars([1], [1], [1]), {"displacements": {"atr_span": 0}})
