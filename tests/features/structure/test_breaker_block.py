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
    return [(r["event"], r["kind"], r["known_ts"] // MINUTE - 1) for r in rows.rows()]


def test_a_bearish_breaker_opens_where_the_worked_block_breaks(bars, run):
    table = bars(HIGH, LOW, CLOSE, OPEN)
    rows = run("breaker_blocks", table, ONE)
    assert life(rows) == [("opened", "breaker", 9)]
    assert (rows["direction"][0], rows["bottom"][0], rows["top"][0]) == (2, 98.5, 101.2)
    blocks = run("order_blocks", table, ONE)
    assert rows["parent_id"][0] in blocks["id"][blocks["event"] == 5]


def test_a_reclaimed_breaker_is_broken_and_not_erased(bars, run):
    more = ([97.5, 100], [100.5, 103], [97.2, 99.5], [100, 102])
    columns = (list(a) + b for a, b in zip((OPEN, HIGH, LOW, CLOSE), more, strict=True))
    open_, high, low, close = columns
    rows = run("breaker_blocks", bars(high, low, close, open_), ONE)
    mine = rows[rows["bottom"] == 98.5]
    assert life(mine) == [
        ("opened", "breaker", 9), ("touched", "breaker", 10), ("halved", "breaker", 10), ("filled", "breaker", 11),
        ("broken", "breaker", 11),
    ]  # fmt: skip


def test_a_block_whose_prior_swing_stood_becomes_a_mitigation_block(bars, run):
    # by hand: swing high 110 (bar 1), swing low 95 (bar 4) whose last down bar is bar 4 itself, [95, 99]; confirmed by
    # bar 5; price reaches 105 only, then closes below 95 at bar 8
    open_ = [100, 105, 108, 103, 98, 97, 101, 103, 98]
    high = [106, 110, 109, 104, 99, 102, 105, 104, 98]
    low = [99, 104, 102, 97, 95, 96, 100, 97, 93]
    close = [105, 108, 103, 98, 97, 101, 103, 98, 94]
    table, settings = bars(high, low, close, open_), {**ONE, "order_blocks": {"require": "none"}}
    rows = run("breaker_blocks", table, settings)
    mine = rows[rows["direction"] == 2]
    assert life(mine) == [("opened", "mitigation", 8)]
    taken = bars([*high[:6], 110.5, *high[7:]], low, close, open_)  # now bar 6 trades above 110
    rows = run("breaker_blocks", taken, settings)
    assert life(rows[rows["direction"] == 2]) == [("opened", "breaker", 8)]


def test_a_hole_expires_breakers(bars, run):
    after = bars([90, 90], [89, 89], [89.5, 89.5], start=20 * MINUTE)
    rows = run("breaker_blocks", Table.concat([bars(HIGH, LOW, CLOSE, OPEN), after]), ONE)
    assert [e for e, _, _ in life(rows)] == ["opened", "expired"]


def test_a_setting_out_of_range_is_refused(run, bars):
    with pytest.raises(UserError):
        run("breaker_blocks", bars([1], [1], [1]), {"breaker_blocks": {"breaker_rule": "hope"}})
