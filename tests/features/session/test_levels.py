"""Answers: STRUCTURE.md ST9 (by hand), and daily extremes of recorded bars made by polars in local time."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from perpscope.core.errors import UserError
from perpscope.core.events import BARS
from perpscope.core.table import Table
from perpscope.core.time import HOUR, format_ts, parse_ts


def clock(ts):
    return format_ts(int(ts))[:16]


def days_of(rows, definition):
    return rows[(rows["day_definition"] == definition) & (rows["period"] == 1) & (rows["kind"] == 1)]


def test_a_bar_that_opens_at_the_boundary_already_sees_the_day_that_ended(bars, run):
    special = {"2026-03-09T13:00Z": {"high": 105.0}, "2026-03-09T14:00Z": {"low": 90.0}}
    rows = run("levels", bars("2026-03-09", "2026-03-11", special=special), {"levels": {"days": "utc", "periods": "day"}})
    seen = rows[rows["known_ts"] <= parse_ts("2026-03-10")]
    assert [(r["kind"], r["price"]) for r in seen.rows()] == [("high", 105), ("low", 90), ("open", 100), ("close", 100)]
    assert (clock(seen["ref_ts"][0]), clock(seen["valid_from"][0])) == ("2026-03-09 00:00", "2026-03-10 00:00")
    assert clock(seen["valid_to"][0]) == "2026-03-11 00:00"


@pytest.mark.parametrize(("begin", "end", "expected"), [
    ("2026-03-08T21:00Z", "2026-03-10T22:00Z", "2026-03-10 21:00"),
    ("2026-01-13T22:00Z", "2026-01-15T23:00Z", "2026-01-15 22:00"),
])  # fmt: skip
def test_the_new_york_day_ends_at_five_in_the_afternoon(bars, run, begin, end, expected):
    rows = run("levels", bars(begin, end), {"levels": {"days": "new_york_17", "periods": "day"}})
    assert clock(rows["known_ts"][-1]) == expected


@pytest.mark.parametrize(("day", "hours"), [("2026-03-08", 23), ("2026-11-01", 25)])
def test_the_day_of_a_clock_change_has_23_or_25_hours(bars, run, day, hours):
    begin, end = (format_ts(parse_ts(day) + k * HOUR)[:10] for k in (-48, 72))
    rows = days_of(run("levels", bars(begin, end, "1h"), {"levels": {"days": "new_york_00"}}, frame="1h"), 3)
    of_the_day = rows[(rows["ref_ts"] >= parse_ts(day)) & (rows["ref_ts"] < parse_ts(day) + 12 * HOUR)]
    assert (of_the_day["valid_from"] - of_the_day["ref_ts"]).tolist() == [hours * HOUR]


def test_a_week_is_named_by_its_monday(bars, run):
    rows = run("levels", bars("2026-07-01", "2026-07-28", "1h"), {"levels": {"periods": "week"}}, frame="1h")
    starts = {r["day_definition"]: clock(r["ref_ts"]) for r in rows[::-1].rows()}
    assert starts == {"utc": "2026-07-06 00:00", "new_york_17": "2026-07-05 21:00", "new_york_00": "2026-07-06 04:00"}


def test_the_first_period_of_the_data_gives_no_level_unless_it_is_whole(bars, run):
    settings = {"levels": {"days": "utc", "periods": "day"}}
    assert clock(run("levels", bars("2026-03-09T00:05Z", "2026-03-12"), settings)["ref_ts"][0]) == "2026-03-10 00:00"
    assert clock(run("levels", bars("2026-03-09", "2026-03-12"), settings)["ref_ts"][0]) == "2026-03-09 00:00"


@pytest.mark.parametrize("position", [300, 287, 288, 575])
def test_a_day_with_a_hole_gives_no_level(bars, run, position):
    table = bars("2026-03-09", "2026-03-12")
    rows = run("levels", table[np.arange(len(table)) != position], {"levels": {"days": "utc", "periods": "day"}})
    lost = "2026-03-09" if position < 288 else "2026-03-10"
    assert {clock(t)[:10] for t in rows["ref_ts"]} == {"2026-03-09", "2026-03-10", "2026-03-11"} - {lost}


def test_an_incomplete_bar_spoils_its_day(bars, run):
    table = bars("2026-03-09", "2026-03-11", special={"2026-03-09T13:00Z": {"complete": False}})
    rows = run("levels", table, {"levels": {"days": "utc", "periods": "day"}})
    assert {clock(t)[:10] for t in rows["ref_ts"]} == {"2026-03-10"}


def test_levels_do_not_depend_on_how_the_days_are_cut(bars, run):
    table = bars("2026-02-20", "2026-04-10", "1h")
    cuts = [parse_ts("2026-02-20") + k * 31 * HOUR for k in range(1, 38)]
    assert run("levels", table, frame="1h").same_as(run("levels", table, frame="1h", watermarks=cuts))


@pytest.mark.parametrize(("definition", "zone", "shift"), [
    (1, "UTC", 0), (2, "America/New_York", 7), (3, "America/New_York", 0),
])  # fmt: skip
def test_levels_of_recorded_bars_equal_extremes_in_local_time(shared_data, run, definition, zone, shift):
    frame = pl.read_parquet(shared_data / "bars/binance_perp/1h/XRPUSDT.parquet")
    lo, hi = (parse_ts(d) // 1_000_000 for d in ("2023-02-20", "2023-12-10"))
    frame = frame.filter((pl.col("ts") >= lo) & (pl.col("ts") < hi))
    ref = frame["ts"].to_numpy() * 1_000_000
    columns = {c: frame[c].to_numpy() for c in ("open", "high", "low", "close")}
    table = Table.filled(BARS, ref_ts=ref, known_ts=ref + HOUR, complete=np.ones(len(ref), bool), **columns)
    local = pl.col("ts").cast(pl.Datetime("ms", "UTC")).dt.convert_time_zone(zone).dt.replace_time_zone(None)
    named = (local + pl.duration(hours=shift)).dt.date()
    rows = run("levels", table, frame="1h", tick=0.0001)
    for period, group in ((1, named), (2, named.dt.truncate("1w")), (3, named.dt.truncate("1mo"))):
        columns = [
            pl.col("ts").min(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("open").first(),
            pl.col("close").last(),
        ]
        expected = {row[1] * 1_000_000: row[2:] for row in frame.group_by(group.alias("day")).agg(columns).iter_rows()}
        mine = rows[(rows["day_definition"] == definition) & (rows["period"] == period)]
        assert len(mine) >= 4 * (len(expected) - 2)  # the first and the last stretch may not be whole
        for at in range(0, len(mine), 4):
            four = mine[at : at + 4]
            assert four["kind"].tolist() == [1, 2, 3, 4]
            assert tuple(four["price"].tolist()) == expected[int(four["ref_ts"][0])]


def test_hourly_clocks_cannot_be_told_in_longer_bars(bars, run):
    with pytest.raises(UserError, match="one hour or less"):
        run("levels", bars("2026-03-09", "2026-03-12", "4h"), frame="4h")
    rows = run("levels", bars("2026-03-09", "2026-03-12", "4h"), {"levels": {"days": "utc", "periods": "day"}}, frame="4h")
    assert len(rows) == 12


@pytest.mark.parametrize("wrong", [{"days": "london"}, {"periods": "year"}, {"days": ""}])
def test_a_setting_out_of_range_is_refused(bars, run, wrong):
    with pytest.raises(UserError):
        run("levels", bars("2026-03-09", "2026-03-10"), {"levels": wrong})
