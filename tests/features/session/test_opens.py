"""Answers: STRUCTURE.md ST20, ST21 and ST23 (by hand)."""

from __future__ import annotations

import numpy as np
import pytest

from perpscope.core.errors import UserError
from perpscope.core.time import HOUR, format_ts, parse_ts


def clock(ts):
    return format_ts(int(ts))[:16]


def opens(run, table, name, session="", **more):
    rows = run("opens", table, {"opens": {"names": name, "sessions": session}}, **more)
    return [clock(t) for t in rows["ref_ts"]], rows


@pytest.mark.parametrize(("name", "expected"), [
    ("day", ["2026-03-09 00:00", "2026-03-10 00:00"]),
    ("week", ["2026-03-09 00:00"]),
    ("new_york_0000", ["2026-03-09 04:00", "2026-03-10 04:00"]),
    ("new_york_0830", ["2026-03-09 12:30", "2026-03-10 12:30"]),
    ("new_york_0930", ["2026-03-09 13:30", "2026-03-10 13:30"]),
    ("new_york_1700", ["2026-03-09 21:00", "2026-03-10 21:00"]),
    ("new_york_1800", ["2026-03-09 22:00", "2026-03-10 22:00"]),
])  # fmt: skip
def test_an_open_after_the_us_clock_change(bars, run, name, expected):
    assert opens(run, bars("2026-03-09", "2026-03-11"), name)[0] == expected


def test_midnight_in_winter_is_five_utc(bars, run):
    assert opens(run, bars("2026-01-15", "2026-01-16"), "new_york_0000")[0] == ["2026-01-15 05:00"]


def test_a_month_opens_on_the_first(bars, run):
    found, rows = opens(run, bars("2026-02-26", "2026-03-03"), "month")
    assert found == ["2026-03-01 00:00"]
    assert clock(rows["valid_to"][0]) == "2026-04-01 00:00"


def test_the_price_is_the_open_of_the_bar_and_known_at_its_close(bars, run):
    table = bars("2026-03-09", "2026-03-10", special={"2026-03-09T04:00Z": {"open": 97.0}})
    _, rows = opens(run, table, "new_york_0000")
    assert (rows["price"][0], clock(rows["known_ts"][0]), rows["synthetic"][0]) == (97, "2026-03-09 04:05", False)
    assert clock(rows["valid_to"][0]) == "2026-03-10 04:00"


def test_without_a_trade_the_open_is_synthetic(bars, run):
    _, rows = opens(run, bars("2026-03-09", "2026-03-10", special={"2026-03-09T04:00Z": {"volume": 0.0}}), "new_york_0000")
    assert rows["synthetic"].tolist() == [True]


def test_a_missing_bar_leaves_no_open(bars, run):
    table = bars("2026-03-09", "2026-03-10")
    found, _ = opens(run, table[table["ref_ts"] != parse_ts("2026-03-09T04:00Z")], "new_york_0000")
    assert found == []


def test_session_opens_follow_their_own_clock_changes(bars, run):
    table = bars("2026-03-27T12:00Z", "2026-03-31")
    found, rows = opens(run, table, "", "london")
    assert found == ["2026-03-28 08:00", "2026-03-29 07:00", "2026-03-30 07:00"]
    assert [r["session"] for r in rows.rows()] == ["london"] * 3


def test_an_instant_inside_a_bar_is_left_out(bars, run):
    table = bars("2026-03-09", "2026-03-11", "1h")
    assert opens(run, table, "new_york_0830", frame="1h")[0] == []
    assert len(opens(run, table, "new_york_0000", frame="1h")[0]) == 2


def test_rows_do_not_depend_on_how_the_days_are_cut(bars, run):
    table = bars("2026-02-20", "2026-04-10", "1h")
    cuts = [parse_ts("2026-02-20") + k * 29 * HOUR for k in range(1, 40)]
    whole = run("opens", table, frame="1h")
    assert whole.same_as(run("opens", table, frame="1h", watermarks=cuts))
    assert np.all(whole["known_ts"] - whole["ref_ts"] == HOUR)


@pytest.mark.parametrize("wrong", [{"names": "noon"}, {"sessions": "mars"}, {"names": "", "sessions": ""}])
def test_a_setting_out_of_range_is_refused(bars, run, wrong):
    with pytest.raises(UserError):
        run("opens", bars("2026-03-09", "2026-03-10"), {"opens": wrong})
