"""Answers: STRUCTURE.md ST22 (by hand)."""

from __future__ import annotations

import pytest

from perpscope.core.errors import UserError
from perpscope.core.time import HOUR, format_ts, parse_ts

DAY = "2026-03-30"  # London: 07:00-15:30 UTC
FIRST = {f"{DAY}T07:05Z": {"high": 102.0}, f"{DAY}T07:20Z": {"low": 98.0}}


def ranges(bars, run, special=None, minutes="30", end="2026-03-31", **more):
    table = bars(DAY, end, special={**FIRST, **(special or {})})
    return run("opening_ranges", table, {"opening_ranges": {"sessions": "london", "minutes": minutes}}, **more)


def told(rows):
    return [(r["event"], r["side"], r["extension"], format_ts(r["known_ts"])[11:16]) for r in rows.rows()]


def test_the_opening_range_is_known_after_thirty_minutes_and_the_initial_balance_after_sixty(bars, run):
    rows = ranges(bars, run, minutes="30,60")
    opened = rows[rows["event"] == 1]
    assert [(m, format_ts(int(t))[11:16]) for m, t in zip(opened["minutes"], opened["known_ts"], strict=True)] == [
        (30, "07:30"), (60, "08:00"),
    ]  # fmt: skip
    assert (opened["high"].tolist(), opened["low"].tolist()) == ([102, 102], [98, 98])


def test_without_an_event_it_expires_with_the_session(bars, run):
    assert told(ranges(bars, run)) == [("opened", None, None, "07:30"), ("expired", None, None, "15:30")]


def test_a_bar_beyond_that_closes_back_sweeps(bars, run):
    rows = ranges(bars, run, {f"{DAY}T09:00Z": {"high": 102.5}, f"{DAY}T10:00Z": {"high": 103.0}})
    assert told(rows)[1:-1] == [("swept", "high", None, "09:05")]


def test_a_close_beyond_breaks_and_the_extensions_are_half_one_and_one_and_a_half_heights(bars, run):
    special = {
        f"{DAY}T09:00Z": {"low": 96.5, "close": 97.0},
        f"{DAY}T09:30Z": {"low": 96.0},
        f"{DAY}T10:00Z": {"low": 92.0},
        f"{DAY}T11:00Z": {"low": 90.0},
    }
    assert told(ranges(bars, run, special))[1:-1] == [
        ("broken", "low", None, "09:05"),
        ("swept", "low", None, "09:35"),
        ("extended", "low", 0.5, "09:35"),
        ("extended", "low", 1.0, "10:05"),
        ("extended", "low", 1.5, "10:05"),
    ]


def test_touching_the_edge_is_nothing(bars, run):
    assert len(ranges(bars, run, {f"{DAY}T09:00Z": {"high": 102.0}})) == 2


def test_an_opening_with_a_hole_gives_no_range(bars, run):
    table = bars(DAY, "2026-03-31", special=FIRST)
    settings = {"opening_ranges": {"sessions": "london"}}
    assert len(run("opening_ranges", table[table["ref_ts"] != parse_ts(f"{DAY}T07:15Z")], settings)) == 0
    rows = run("opening_ranges", table[table["ref_ts"] != parse_ts(f"{DAY}T07:45Z")], settings)
    assert [(r["event"], r["minutes"], r["cause"]) for r in rows.rows()] == [("opened", 30, None), ("expired", 30, "gap")]


def test_a_length_that_the_bars_cannot_measure_is_left_out(bars, run):
    table = bars(DAY, "2026-03-31", "1h")
    rows = run("opening_ranges", table, {"opening_ranges": {"sessions": "london"}}, frame="1h")
    assert set(rows["minutes"].tolist()) == {60}
    with pytest.raises(UserError, match="shorter bars"):
        run("opening_ranges", table, {"opening_ranges": {"minutes": "30"}}, frame="1h")


def test_a_session_that_opens_inside_a_bar_has_no_opening_range(bars, run):
    table = bars("2026-03-30", "2026-04-01", "1h")  # 09:30 New York is half past the hour
    assert len(run("opening_ranges", table, {"opening_ranges": {"sessions": "us_equities"}}, frame="1h")) == 0


def test_ranges_do_not_depend_on_how_the_days_are_cut(bars, run):
    import numpy as np

    table = bars("2026-03-01", "2026-04-05", "15m")
    rng = np.random.default_rng(2)
    close = 1000 + np.cumsum(rng.integers(-3, 4, len(table)))
    table = table.with_columns(
        close=close, high=close + rng.integers(0, 5, len(table)), low=close - rng.integers(0, 5, len(table))
    )
    whole = run("opening_ranges", table, frame="15m")
    assert set(whole["event"].tolist()) == {1, 2, 3, 4, 5}
    cuts = [parse_ts("2026-03-01") + k * 13 * HOUR for k in range(1, 60)]
    assert whole.same_as(run("opening_ranges", table, frame="15m", watermarks=cuts))


@pytest.mark.parametrize("wrong", [{"minutes": "half"}, {"minutes": "0"}, {"sessions": "mars"}])
def test_a_setting_out_of_range_is_refused(bars, run, wrong):
    with pytest.raises(UserError):
        run("opening_ranges", bars(DAY, "2026-03-31"), {"opening_ranges": wrong})
