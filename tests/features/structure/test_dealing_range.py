"""Answers: STRUCTURE.md ST8 (by hand)."""

from __future__ import annotations

import numpy as np
import pytest

from perpscope.core.errors import UserError
from perpscope.core.table import Table
from perpscope.core.time import MINUTE

# swing low 100 (bar 1), swing high 110 (bar 3), both confirmed one bar later; bar 4 closes at 107
HIGH = [105, 104, 106, 110, 109]
LOW = [101, 100, 101, 104, 105]
CLOSE = [103, 103, 105, 108, 107]
ONE = {"swings": {"left": 1, "right": 1}}


def test_the_worked_range(bars, run):
    (row,) = run("dealing_range", bars(HIGH, LOW, CLOSE), ONE).rows()
    assert (row["low"], row["high"], row["leg"], row["zone"], row["position"]) == (100, 110, "up", "premium", 0.7)
    assert (round(row["ote_low"], 9), round(row["ote_high"], 9)) == (102.1, 103.8)
    assert round((row["ote_low"] + row["ote_high"]) / 2, 9) == 102.95
    assert row["known_ts"] == 5 * MINUTE


def test_a_down_leg_has_the_mirrored_entry(bars, run):
    high, low, close = ([210 - x for x in v] for v in (LOW, HIGH, CLOSE))
    (row,) = run("dealing_range", bars(high, low, close), ONE).rows()
    assert (row["leg"], row["zone"], round(row["position"], 9)) == ("down", "discount", 0.3)
    assert (round(row["ote_low"], 9), round(row["ote_high"], 9)) == (106.2, 107.9)


def test_the_other_ratios(bars, run):
    (row,) = run("dealing_range", bars(HIGH, LOW, CLOSE), {**ONE, "dealing_range": {"ote": "0.618-0.786"}}).rows()
    assert (round(row["ote_low"], 9), round(row["ote_high"], 9)) == (102.14, 103.82)


@pytest.mark.parametrize(("close", "zone", "position"), [(105, "equilibrium", 0.5), (104, "discount", 0.4)])
def test_zones(bars, run, close, zone, position):
    (row,) = run("dealing_range", bars(HIGH, [*LOW[:4], 104], [*CLOSE[:4], close]), ONE).rows()
    assert (row["zone"], row["position"]) == (zone, position)


def test_price_outside_the_range_has_a_position_outside_zero_to_one(bars, run):
    rows = run("dealing_range", bars([*HIGH, 113], [*LOW, 106], [*CLOSE, 112]), ONE)
    assert rows["position"].tolist() == [0.7, 1.2]


def test_upside_down_the_position_is_counted_from_the_other_end(run, bars):
    rng = np.random.default_rng(3)
    close = 1000.0 + np.cumsum(rng.integers(-4, 5, 400))
    high, low = close + rng.integers(0, 4, 400), close - rng.integers(0, 4, 400)
    up = run("dealing_range", bars(high, low, close), ONE)
    down = run("dealing_range", bars(2000 - low, 2000 - high, 2000 - close), ONE)
    assert len(up) > 300
    assert up["known_ts"].tolist() == down["known_ts"].tolist()
    np.testing.assert_allclose(down["position"], 1 - up["position"], atol=1e-12)
    for a, b in (("low", "high"), ("ote_low", "ote_high")):
        np.testing.assert_allclose(2000 - up[a], down[b], atol=1e-9)
        np.testing.assert_allclose(2000 - up[b], down[a], atol=1e-9)
    for name in ("leg", "zone"):
        turned = np.where(up[name] == 1, 2, np.where(up[name] == 2, 1, up[name]))
        assert turned.tolist() == down[name].tolist()
    assert up["low_ts"].tolist() == down["high_ts"].tolist()


def test_a_hole_forgets_the_swings(bars, run):
    later = bars([109] * 2, [105] * 2, [107] * 2, start=30 * MINUTE)
    assert len(run("dealing_range", Table.concat([bars(HIGH, LOW, CLOSE), later]), ONE)) == 1


def test_a_setting_out_of_range_is_refused(run, bars):
    with pytest.raises(UserError):
        run("dealing_range", bars([1], [1], [1]), {"dealing_range": {"ote": "0.7"}})
