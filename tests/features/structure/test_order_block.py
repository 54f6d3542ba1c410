"""Answers: STRUCTURE.md ST5 (by hand)."""

from __future__ import annotations

import pytest

from perpscope.core.errors import UserError
from perpscope.core.table import Table
from perpscope.core.time import MINUTE

OPEN = [100, 100.5, 102, 101, 99, 99.5, 101.8, 104.6, 104, 100.2]
HIGH = [101, 103, 102.5, 101.2, 100, 102, 105, 105.5, 104.2, 100.4]
LOW = [99, 100, 100.5, 98.5, 98, 99.2, 101.5, 103.5, 99.5, 97]
CLOSE = [100.5, 102, 101, 99, 99.5, 101.8, 104.6, 104, 100.2, 97.5]
ONE = {"swings": {"left": 1, "right": 1}}


def life(rows):
    return [(r["event"], r["known_ts"] // MINUTE - 1) for r in rows.rows()]


def up(rows):
    return rows[rows["direction"] == 1]


def test_the_worked_block_is_the_last_down_bar_before_the_leg(bars, run):
    rows = up(run("order_blocks", bars(HIGH, LOW, CLOSE, OPEN), ONE))
    assert life(rows) == [("opened", 6), ("touched", 8), ("halved", 8), ("filled", 9), ("broken", 9)]
    assert (rows["bottom"][0], rows["top"][0]) == (98.5, 101.2)
    assert set((rows["ref_ts"] // MINUTE).tolist()) == {3}


def test_the_body_of_the_block(bars, run):
    rows = up(run("order_blocks", bars(HIGH, LOW, CLOSE, OPEN), {**ONE, "order_blocks": {"zone": "body"}}))
    assert (rows["bottom"][0], rows["top"][0]) == (99, 101)


def test_a_block_names_the_break_that_made_it(bars, run):
    table = bars(HIGH, LOW, CLOSE, OPEN)
    breaks = run("breaks", table, ONE)
    rows = up(run("order_blocks", table, ONE))
    assert rows["break_id"][0] == breaks["id"][breaks["level"] == 103][0]


def test_the_search_goes_back_no_farther_than_it_is_told(bars, run):
    # bar 4, the origin, closed up; without a bar before it there is no block
    settings = {**ONE, "order_blocks": {"back": 0, "require": "break"}}
    assert len(up(run("order_blocks", bars(HIGH, LOW, CLOSE, OPEN), settings))) == 0


def test_a_leg_without_a_gap_or_a_displacement_makes_no_block(bars, run):
    # the breaking bar reaches down to 99.9, so that bars 4 and 6 overlap and the gap is gone
    low = [*LOW[:6], 99.9, *LOW[7:]]
    table = bars(HIGH[:8], low[:8], CLOSE[:8], OPEN[:8])
    assert len(up(run("order_blocks", table, ONE))) == 0
    assert len(up(run("order_blocks", table, {**ONE, "order_blocks": {"require": "break"}}))) == 1
    large = {"displacements": {"atr_span": 1, "min_body_atr": 0.9, "min_body_fraction": 0.5}}
    assert len(up(run("order_blocks", table, {**ONE, **large}))) == 1  # bar 6: body 2.8 of a range 5.1, against an ATR of 2.8


def test_the_mirror_image_has_the_mirrored_block(bars, run):
    open_, high, low, close = ([200 - x for x in v] for v in (OPEN, LOW, HIGH, CLOSE))
    rows = run("order_blocks", bars(high, low, close, open_), ONE)
    down = rows[rows["direction"] == 2]
    assert life(down) == [("opened", 6), ("touched", 8), ("halved", 8), ("filled", 9), ("broken", 9)]
    assert (round(down["bottom"][0], 9), down["top"][0]) == (98.8, 101.5)


def test_without_a_break_every_swing_has_its_block(bars, run):
    rows = up(run("order_blocks", bars(HIGH, LOW, CLOSE, OPEN), {**ONE, "order_blocks": {"require": "none"}}))
    # swing low 98 of bar 4 is confirmed by bar 5; the last down bar at or before it is bar 3; price is at 101.8 then
    assert life(rows)[0] == ("opened", 5)
    assert (rows["bottom"][0], rows["top"][0], rows["prior_swing"][0]) == (98.5, 101.2, 103)


def test_the_earliest_low_of_a_tie_is_not_the_origin(bars, run):
    # bars 2 and 4 share the lowest low; the down bar before the later one is bar 4 itself
    open_ = [9, 10, 11, 10, 10, 9.5]
    high = [10, 12, 11, 10.5, 10, 13.5]
    low = [8, 9, 7, 9, 7, 9]
    close = [10, 11, 10, 10, 9.5, 13]
    rows = up(run("order_blocks", bars(high, low, close, open_), {**ONE, "order_blocks": {"require": "break"}}))
    assert (rows["ref_ts"] // MINUTE).tolist() == [4]


def test_one_bar_makes_one_block_for_two_breaks(bars, run):
    # bar 7 breaks 103 (bar 2); bar 8 breaks 106 (bar 5, confirmed by bar 7); both legs spring from bar 6
    open_ = [100, 100.5, 101.5, 102, 101, 101.5, 102, 99, 104]
    high = [101, 102, 103, 102.5, 102, 106, 102.5, 105, 107.5]
    low = [99, 100, 101, 100.5, 100, 100.5, 98, 98.5, 103.5]
    close = [100.5, 101.5, 102, 101, 101.5, 102, 99, 104, 107]
    table = bars(high, low, close, open_)
    settings = {"swings": {"left": 2, "right": 2}, "order_blocks": {"require": "break"}}
    assert (run("breaks", table, settings)["known_ts"] // MINUTE - 1).tolist() == [7, 8]
    rows = up(run("order_blocks", table, settings))
    assert [(e, r) for e, r in zip(rows["event"].tolist(), (rows["ref_ts"] // MINUTE).tolist(), strict=True)] == [(1, 6)]


def test_a_hole_expires_live_blocks(bars, run):
    after = bars([106, 106], [105, 105], [105.5, 105.5], start=20 * MINUTE)
    rows = up(run("order_blocks", Table.concat([bars(HIGH[:8], LOW[:8], CLOSE[:8], OPEN[:8]), after]), ONE))
    assert life(rows) == [("opened", 6), ("expired", 20)]


@pytest.mark.parametrize("wrong", [{"zone": "wick"}, {"require": "luck"}, {"back": -1}])
def test_a_setting_out_of_range_is_refused(run, bars, wrong):
    with pytest.raises(UserError):
        run("order_blocks", bars([1], [1], [1]), {"order_blocks": wrong})
