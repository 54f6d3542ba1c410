"""Answers: STRUCTURE.md ST4 (by hand)."""

from __future__ import annotations

import pytest

from perpscope.core.errors import UserError
from perpscope.core.table import Table
from perpscope.core.time import MINUTE

HIGH = [10, 13, 15, 15, 14, 12, 11, 10.9, 12.6]
LOW = [9, 10, 12, 11.5, 10.8, 9.8, 9.2, 9.3, 9.6]
CLOSE = [9.5, 12.8, 14.5, 14, 11.5, 10.4, 9.5, 9.6, 12.4]


def life(rows):
    return [(r["event"], r["known_ts"] // MINUTE - 1) for r in rows.rows()]


def test_the_worked_life_of_an_inverse_gap(bars, run):
    table = bars(HIGH, LOW, CLOSE)
    rows = run("inverse_fair_value_gaps", table)
    mine = rows[rows["direction"] == 2]
    assert life(mine) == [("opened", 6), ("touched", 7), ("halved", 8), ("filled", 8), ("broken", 8)]
    assert set(zip(mine["bottom"].tolist(), mine["top"].tolist(), strict=True)) == {(10.0, 12.0)}
    parent = run("fair_value_gaps", table)
    assert mine["parent_id"][0] in parent["id"][parent["event"] == 5]
    assert mine["id"][0] not in parent["id"]


def test_a_mirrored_market_gives_the_mirrored_inverse(bars, run):
    high, low, close = ([20 - x for x in v] for v in (LOW, HIGH, CLOSE))
    rows = run("inverse_fair_value_gaps", bars(high, low, close))
    mine = rows[rows["direction"] == 1]
    assert life(mine) == [("opened", 6), ("touched", 7), ("halved", 8), ("filled", 8), ("broken", 8)]
    assert (mine["bottom"][0], mine["top"][0]) == (8.0, 10.0)


def test_a_hole_expires_an_inverse_gap(bars, run):
    after = bars([9, 9], [8, 8], [8.5, 8.5], start=20 * MINUTE)
    rows = run("inverse_fair_value_gaps", Table.concat([bars(HIGH[:7], LOW[:7], CLOSE[:7]), after]))
    mine = rows[rows["bottom"] == 10.0]
    assert life(mine) == [("opened", 6), ("expired", 20)]


def test_a_setting_out_of_range_is_refused(run, bars):
    with pytest.raises(UserError):
        run("inverse_fair_value_gaps", bars([1], [1], [1]), {"inverse_fair_value_gaps": {"max_live": 0}})
