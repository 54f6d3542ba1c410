"""Answers: STRUCTURE.md ST21 and ST22 (by hand), and sums over recorded bars made by polars in local time."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from perpscope.core.errors import UserError
from perpscope.core.events import BARS
from perpscope.core.table import Table
from perpscope.core.time import DAY, MINUTE, format_ts, parse_ts

LONDON = {"session_ranges": {"sessions": "london"}}


def final(rows):
    return rows[rows["phase"] == 2]


def test_london_in_summer_time_runs_from_seven_to_half_past_three(bars, run):
    rows = run("session_ranges", bars("2026-03-30", "2026-03-31"), LONDON)
    assert format_ts(int(rows["ref_ts"][0])) == "2026-03-30 07:00 UTC"
    assert format_ts(int(rows["known_ts"][0])) == "2026-03-30 07:05 UTC"
    assert [format_ts(int(t)) for t in final(rows)["known_ts"]] == ["2026-03-30 15:30 UTC"]
    assert len(rows) == 8.5 * 12


def test_the_developing_range_knows_only_the_bars_so_far(bars, run):
    special = {"2026-03-30T08:00Z": {"high": 103.0}, "2026-03-30T09:00Z": {"low": 95.0, "close": 96.0}}
    rows = run("session_ranges", bars("2026-03-30", "2026-03-31", special=special), LONDON)
    at = {format_ts(int(t))[11:16]: i for i, t in enumerate(rows["known_ts"])}
    assert [(rows["high"][at[k]], rows["low"][at[k]]) for k in ("08:00", "08:05", "09:05")] == [
        (100, 100),
        (103, 100),
        (103, 95),
    ]
    assert rows["close"][at["09:05"]] == 96
    assert rows["volume"][-1] == 3 * len(rows)
    assert rows["delta"][-1] == len(rows)


@pytest.mark.parametrize(("day", "bars_inside"), [("2026-03-08", 24), ("2026-11-01", 36), ("2026-07-15", 36)])
def test_the_kill_zone_is_short_on_the_night_the_clock_goes_forward(bars, run, day, bars_inside):
    rows = run(
        "session_ranges",
        bars(day, format_ts(parse_ts(day) + DAY)[:10]),
        {"session_ranges": {"sessions": "kill_zone_london_open"}},
    )
    assert len(rows) == bars_inside
    assert rows["complete"].all()


def test_a_session_with_a_hole_is_not_complete(bars, run):
    table = bars("2026-03-30", "2026-03-31")
    rows = run("session_ranges", table[np.arange(len(table)) != 100], LONDON)
    assert rows["complete"].tolist() == [True] * 16 + [False] * (len(rows) - 16)


def test_a_bar_with_a_gap_inside_spoils_its_session(bars, run):
    rows = run("session_ranges", bars("2026-03-30", "2026-03-31", special={"2026-03-30T12:00Z": {"complete": False}}), LONDON)
    assert not final(rows)["complete"][0]


def test_a_session_that_began_before_the_data_is_not_complete(bars, run):
    rows = run("session_ranges", bars("2026-03-30T07:05Z", "2026-03-31"), LONDON)
    assert not rows["complete"].any()


def test_a_missing_last_bar_makes_the_next_one_final(bars, run):
    table = bars("2026-03-30", "2026-03-31")
    keep = (table["ref_ts"] < parse_ts("2026-03-30T15:20Z")) | (table["ref_ts"] >= parse_ts("2026-03-30T18:00Z"))
    end = final(run("session_ranges", table[keep], LONDON))
    assert [format_ts(int(t)) for t in end["known_ts"]] == ["2026-03-30 18:05 UTC"]
    assert not end["complete"][0]


def test_hourly_bars_keep_the_bar_that_straddles_the_end(bars, run):
    rows = run("session_ranges", bars("2026-03-30", "2026-03-31", "1h"), LONDON, frame="1h")
    assert len(rows) == 9
    assert format_ts(int(final(rows)["known_ts"][0])) == "2026-03-30 16:00 UTC"


def test_sessions_that_overlap_are_told_apart(bars, run):
    rows = run("session_ranges", bars("2026-07-15", "2026-07-16"))
    at_two = rows[rows["known_ts"] == parse_ts("2026-07-15T14:00Z")]
    assert [r["session"] for r in at_two.rows()] == ["london", "new_york"]


def test_unknown_aggressors_leave_the_delta_absent(bars, run):
    table = bars("2026-03-30", "2026-03-31")
    rows = run("session_ranges", table.with_columns(buy_volume=np.full(len(table), np.nan)), LONDON)
    assert np.isnan(rows["delta"]).all()
    assert rows["volume"][-1] == 3 * len(rows)


def test_rows_do_not_depend_on_how_the_days_are_cut(bars, run):
    table = bars("2026-02-20", "2026-04-10", "1h")
    cuts = [parse_ts("2026-02-20") + k * 37 * 60 * MINUTE for k in range(1, 30)]
    whole = run("session_ranges", table, frame="1h")
    assert whole.same_as(run("session_ranges", table, frame="1h", watermarks=cuts))


def test_session_ranges_of_recorded_bars_equal_sums_in_local_time(shared_data, run):
    frame = pl.read_parquet(shared_data / "bars/binance_perp/15m/ETHUSDT.parquet")
    lo, hi = (parse_ts(d) // 1_000_000 for d in ("2024-03-01", "2024-04-15"))
    frame = frame.filter((pl.col("ts") >= lo) & (pl.col("ts") < hi))
    ref = frame["ts"].to_numpy() * 1_000_000
    columns = {c: frame[c].to_numpy() for c in ("open", "high", "low", "close", "volume")}
    table = Table.filled(BARS, ref_ts=ref, known_ts=ref + 15 * MINUTE, complete=np.ones(len(ref), bool), **columns)
    rows = final(run("session_ranges", table, {"session_ranges": {"sessions": "new_york"}}, frame="15m"))
    local = pl.col("ts").cast(pl.Datetime("ms", "UTC")).dt.convert_time_zone("America/New_York")
    expected = (
        frame.filter(local.dt.hour().is_between(8, 16))
        .group_by(local.dt.date().alias("day"))
        .agg(pl.col("high").max(), pl.col("low").min(), pl.col("volume").sum())
        .sort("day")
    )
    assert rows["high"].tolist() == expected["high"].to_list()
    assert rows["low"].tolist() == expected["low"].to_list()
    np.testing.assert_allclose(rows["volume"], expected["volume"].to_numpy(), rtol=1e-12)


def test_bars_longer_than_an_hour_are_refused(bars, run):
    with pytest.raises(UserError, match="one hour or less"):
        run("session_ranges", bars("2026-03-30", "2026-03-31", "4h"), frame="4h")


@pytest.mark.parametrize("wrong", ["", "londn", "london,london"])
def test_a_list_of_sessions_that_cannot_be_is_refused(bars, run, wrong):
    with pytest.raises(UserError):
        run("session_ranges", bars("2026-03-30", "2026-03-31"), {"session_ranges": {"sessions": wrong}})


def test_the_average_price_of_a_session_is_weighted_by_volume(bars, run):
    table = bars("2026-03-30", "2026-03-31", special={"2026-03-30T07:05Z": {"high": 106.0, "volume": 6.0}})
    rows = run("session_ranges", table, settings={"session_ranges": {"sessions": "london"}})
    assert rows["vwap"][:2].tolist() == [pytest.approx(100.0), pytest.approx((3 * 100 + 6 * 102) / 9)]
    quiet = table.with_columns(volume=np.zeros(len(table)))
    empty = run("session_ranges", quiet, settings={"session_ranges": {"sessions": "london"}})
    assert np.isnan(empty["vwap"]).all()
