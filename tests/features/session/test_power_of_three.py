"""Answers: STRUCTURE.md ST11 (by hand)."""

from __future__ import annotations

import numpy as np
import pytest

from perpscope.core.errors import UserError
from perpscope.core.time import HOUR, format_ts, parse_ts

# New York winter: the range runs from 01:00 to 05:00 UTC, the manipulation to 10:00, the day to 22:00
DAY = "2026-01-15"
RANGE = {f"{DAY}T02:00Z": {"high": 100.0}, f"{DAY}T03:00Z": {"low": 98.0}}
JUDAS = {f"{DAY}T08:10Z": {"high": 100.6, "close": 99.8}}


def told(rows):
    return [(r["event"], r["direction"], format_ts(r["known_ts"])[11:16]) for r in rows.rows()]


def night(bars, run, special, begin=DAY, end="2026-01-16", **settings):
    return run("power_of_three", bars(begin, end, level=99.0, special={**RANGE, **special}), {"power_of_three": settings})


def test_the_worked_night(bars, run):
    rows = night(bars, run, {**JUDAS, f"{DAY}T13:20Z": {"low": 97.9}})
    assert told(rows) == [("opened", None, "05:00"), ("confirmed", "down", "08:15"), ("filled", "down", "13:25")]
    assert (rows["high"][0], rows["low"][0]) == (100, 98)
    assert (rows["judas_price"][1], len(set(rows["id"].tolist()))) == (100.6, 1)


def test_the_mirror_image_points_up(bars, run):
    rows = night(bars, run, {f"{DAY}T08:10Z": {"low": 97.4, "close": 98.2}, f"{DAY}T13:20Z": {"high": 100.1}})
    assert told(rows)[1:] == [("confirmed", "up", "08:15"), ("filled", "up", "13:25")]


def test_a_raid_after_five_is_none(bars, run):
    rows = night(bars, run, {f"{DAY}T10:00Z": {"high": 100.6, "close": 99.8}})
    assert told(rows) == [("opened", None, "05:00"), ("expired", None, "22:00")]


def test_without_a_distribution_it_expires_at_five_in_the_afternoon(bars, run):
    assert told(night(bars, run, JUDAS))[-1] == ("expired", "down", "22:00")


def test_a_breakout_without_return_is_broken(bars, run):
    assert told(night(bars, run, {f"{DAY}T08:10Z": {"high": 100.6, "close": 100.5}}))[1:] == [("broken", None, "08:15")]


def test_patience_lets_the_close_return_later(bars, run):
    late = {f"{DAY}T08:10Z": {"high": 100.6, "close": 100.5}}
    assert told(night(bars, run, late, sweep_bars=2))[1] == ("confirmed", "down", "08:20")


def test_both_sides_swept_by_one_bar_is_ambiguous(bars, run):
    rows = night(bars, run, {f"{DAY}T08:10Z": {"high": 100.6, "low": 97.5}})
    assert told(rows)[1:] == [("ambiguous", None, "08:15")]


def test_both_sides_swept_one_after_the_other_is_ambiguous(bars, run):
    rows = night(bars, run, {**JUDAS, f"{DAY}T09:00Z": {"low": 97.5}})
    assert told(rows)[1:] == [("confirmed", "down", "08:15"), ("ambiguous", None, "09:05")]


def test_a_close_beyond_the_other_side_before_five_is_a_distribution(bars, run):
    rows = night(bars, run, {**JUDAS, f"{DAY}T09:00Z": {"low": 97.5, "close": 97.6}})
    assert told(rows)[-1] == ("filled", "down", "09:05")


def test_touching_an_edge_is_no_raid(bars, run):
    assert told(night(bars, run, {f"{DAY}T08:10Z": {"high": 100.0}}))[-1][0] == "expired"


@pytest.mark.parametrize(("day", "utc", "counts"), [
    ("2026-03-08", "2026-03-08T08:55Z", True), ("2026-03-08", "2026-03-08T09:00Z", False),  # 05:00-09:00 UTC, 4 hours
    ("2026-11-01", "2026-11-01T09:55Z", True), ("2026-11-01", "2026-11-01T10:00Z", False),  # 04:00-10:00 UTC, 6 hours
])  # fmt: skip
def test_the_manipulation_on_the_night_of_a_clock_change(bars, run, day, utc, counts):
    before, after = (format_ts(parse_ts(day) + k * HOUR)[:10] for k in (-24, 24))
    table = bars(before, after, level=99.0, special={utc: {"high": 100.6, "close": 99.0}})
    rows = run("power_of_three", table)
    tonight = rows[rows["known_ts"] >= parse_ts(day) + 2 * HOUR]
    assert ("confirmed" in [e for e, _, _ in told(tonight)]) == counts


def test_a_range_with_a_hole_is_not_opened(bars, run):
    table = bars(DAY, "2026-01-16", level=99.0, special=RANGE)
    rows = run("power_of_three", table[table["ref_ts"] != parse_ts(f"{DAY}T02:30Z")])
    assert len(rows) == 0


def test_a_hole_after_the_range_expires_it(bars, run):
    table = bars(DAY, "2026-01-16", level=99.0, special=RANGE)
    rows = run("power_of_three", table[table["ref_ts"] != parse_ts(f"{DAY}T06:00Z")])
    assert [(r["event"], r["cause"]) for r in rows.rows()] == [("opened", None), ("expired", "gap")]


def test_nights_do_not_depend_on_how_they_are_cut(bars, run):
    table = bars("2026-02-20", "2026-03-20", "15m")
    rng = np.random.default_rng(8)
    close = 1000 + np.cumsum(rng.integers(-3, 4, len(table)))
    table = table.with_columns(
        close=close, high=close + rng.integers(0, 5, len(table)), low=close - rng.integers(0, 5, len(table))
    )
    whole = run("power_of_three", table, frame="15m")
    assert set(whole["event"].tolist()) >= {1, 2, 3, 4, 6}
    assert whole.same_as(run("power_of_three", table, frame="15m", watermarks=[int(t) for t in table["known_ts"][::37]]))


def test_bars_longer_than_an_hour_are_refused(bars, run):
    with pytest.raises(UserError, match="one hour or less"):
        run("power_of_three", bars(DAY, "2026-01-16", "4h"), frame="4h")
