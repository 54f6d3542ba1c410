"""Answers: STRUCTURE.md ST20, ST21, ST22 (tables written from the published clock changes), and the IANA rules by hand."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpscope.core.errors import UserError
from perpscope.core.sessions import (
    SESSIONS,
    DayDefinition,
    Period,
    Session,
    SessionName,
    instants,
    local_to_utc,
    period_edges,
    session,
    windows,
)
from perpscope.core.time import DAY, HOUR, format_ts, parse_ts

DATES = ("2026-01-15", "2026-03-10", "2026-03-30", "2026-07-15", "2026-10-27", "2026-11-03")

ST21 = {
    ("Europe/London", "08:00"): ("08:00", "08:00", "07:00", "07:00", "08:00", "08:00"),
    ("America/New_York", "09:30"): ("14:30", "13:30", "13:30", "13:30", "13:30", "14:30"),
    ("America/New_York", "17:00"): ("22:00", "21:00", "21:00", "21:00", "21:00", "22:00"),
    ("America/New_York", "20:00"): ("+01:00", "+00:00", "+00:00", "+00:00", "+00:00", "+01:00"),
    ("Australia/Sydney", "10:00"): ("-23:00", "-23:00", "-23:00", "00:00", "-23:00", "-23:00"),
}


def utc(day: str, clock: str) -> int:
    shift = {"+": DAY, "-": -DAY}.get(clock[0], 0)
    return parse_ts(f"{day}T{clock.lstrip('+-')}Z") + shift


@pytest.mark.parametrize(("zone", "clock", "day", "expected"), [
    (zone, clock, day, answer) for (zone, clock), answers in ST21.items() for day, answer in zip(DATES, answers, strict=True)
])  # fmt: skip
def test_a_local_clock_time_in_utc(zone, clock, day, expected):
    hours, minutes = map(int, clock.split(":"))
    assert format_ts(local_to_utc(zone, date.fromisoformat(day), hours * 60 + minutes)) == format_ts(utc(day, expected))


@pytest.mark.parametrize(("day", "hours"), list(zip(DATES, (5, 4, 5, 5, 4, 5), strict=True)))
def test_london_opens_four_or_five_hours_before_new_york(day, hours):
    at = parse_ts(day)
    london, new_york = (windows(name, at + 6 * HOUR, at + 14 * HOUR)[0][0] for name in ("london", "new_york"))
    assert new_york - london == hours * HOUR


@pytest.mark.parametrize(("name", "day", "expected"), [
    ("kill_zone_london_open", "2026-03-08", ("07:00", "09:00")),
    ("kill_zone_london_open", "2026-11-01", ("07:00", "10:00")),
    ("london", "2026-03-30", ("07:00", "15:30")),
    ("silver_bullet_1", "2026-01-15", ("08:00", "09:00")),
    ("silver_bullet_2", "2026-01-15", ("15:00", "16:00")),
    ("silver_bullet_3", "2026-01-15", ("19:00", "20:00")),
    ("silver_bullet_1", "2026-03-10", ("07:00", "08:00")),
    ("silver_bullet_2", "2026-03-10", ("14:00", "15:00")),
    ("silver_bullet_3", "2026-03-10", ("18:00", "19:00")),
    ("asian_range", "2026-01-15", ("01:00", "05:00")),
    ("asia", "2026-07-15", ("00:00", "09:00")),
    ("hong_kong", "2026-07-15", ("01:30", "08:00")),
])  # fmt: skip
def test_a_window_in_utc(name, day, expected):
    starts, ends = windows(name, parse_ts(day), parse_ts(day) + DAY)
    assert (utc(day, expected[0]), utc(day, expected[1])) in list(zip(starts.tolist(), ends.tolist(), strict=True))


@pytest.mark.parametrize(("day", "length"), [("2026-03-08", 4), ("2026-11-01", 6), ("2026-07-15", 5)])
def test_midnight_to_five_new_york_lasts_four_to_six_hours(day, length):
    night = Session.between("manipulation", "America/New_York", "00:00", "05:00")
    starts, ends = windows(night, parse_ts(day) + 3 * HOUR, parse_ts(day) + 8 * HOUR)
    assert (ends - starts).tolist() == [length * HOUR]


@pytest.mark.parametrize("day", ["2026-03-08", "2026-11-01", "2026-03-09", "2026-11-02"])
def test_the_asian_range_lasts_four_hours_even_on_the_nights_of_clock_changes(day):
    starts, ends = windows("asian_range", parse_ts(day) - DAY, parse_ts(day) + 2 * DAY)
    assert set((ends - starts).tolist()) == {4 * HOUR}


@pytest.mark.parametrize(("day", "hours"), [("2026-03-08", 23), ("2026-11-01", 25), ("2026-07-15", 24)])
def test_a_new_york_day_lasts_23_or_25_hours_at_a_clock_change(day, hours):
    edges = period_edges(DayDefinition.NEW_YORK_00, Period.DAY, parse_ts(day) + 12 * HOUR, parse_ts(day) + 13 * HOUR)
    assert np.diff(edges).tolist() == [hours * HOUR]


@pytest.mark.parametrize(("zone", "day", "minute", "expected"), [
    ("America/New_York", "2026-03-08", 120, "2026-03-08T07:00Z"),  # skipped: the first instant that exists
    ("America/New_York", "2026-03-08", 179, "2026-03-08T07:00Z"),
    ("America/New_York", "2026-11-01", 90, "2026-11-01T05:30Z"),  # repeated: its first occurrence
    ("America/New_York", "2025-03-09", 150, "2025-03-09T07:00Z"),
    ("America/New_York", "2027-03-14", 150, "2027-03-14T07:00Z"),
    ("Europe/London", "2026-03-29", 90, "2026-03-29T01:00Z"),
    ("Europe/London", "2026-10-25", 90, "2026-10-25T00:30Z"),
    ("Australia/Sydney", "2026-10-04", 150, "2026-10-03T16:00Z"),
    ("Australia/Sydney", "2026-04-05", 150, "2026-04-04T15:30Z"),
])  # fmt: skip
def test_clock_times_that_do_not_exist_or_exist_twice(zone, day, minute, expected):
    assert format_ts(local_to_utc(zone, date.fromisoformat(day), minute)) == format_ts(parse_ts(expected))


@pytest.mark.parametrize(("before", "change"), [
    ("2025-03-08", "2025-03-09"), ("2026-03-07", "2026-03-08"), ("2027-03-13", "2027-03-14"),
    ("2025-11-01", "2025-11-02"), ("2026-10-31", "2026-11-01"), ("2027-11-06", "2027-11-07"),
])  # fmt: skip
def test_the_us_clock_changes_on_the_published_dates(before, change):
    noon = [local_to_utc("America/New_York", date.fromisoformat(d), 720) - parse_ts(d) for d in (before, change)]
    assert abs(noon[1] - noon[0]) == HOUR


@pytest.mark.parametrize("change", ["2025-03-30", "2025-10-26", "2026-03-29", "2026-10-25", "2027-03-28", "2027-10-31"])
def test_the_eu_clock_changes_on_the_published_dates(change):
    day = date.fromisoformat(change)
    noon = [
        local_to_utc("Europe/Berlin", d, 720) - parse_ts(d.isoformat()) for d in (date.fromordinal(day.toordinal() - 1), day)
    ]
    assert abs(noon[1] - noon[0]) == HOUR


def test_a_window_that_the_skipped_hour_swallows_is_left_out():
    hour = Session.between("lost", "America/New_York", "02:15", "02:45")
    starts, _ = windows(hour, parse_ts("2026-03-07"), parse_ts("2026-03-10"))
    assert [format_ts(int(t))[:10] for t in starts] == ["2026-03-07", "2026-03-09"]


def test_only_windows_that_overlap_the_range_are_given():
    inside = windows("london", parse_ts("2026-07-15T15:29Z"), parse_ts("2026-07-15T15:31Z"))
    assert len(inside[0]) == 1
    assert len(windows("london", parse_ts("2026-07-15T15:30Z"), parse_ts("2026-07-16T07:00Z"))[0]) == 0  # half-open
    assert len(windows("london", parse_ts("2026-07-15"), parse_ts("2026-07-15"))[0]) == 0


def test_the_weekend_is_one_window_of_two_days():
    starts, ends = windows("weekend", parse_ts("2026-03-04"), parse_ts("2026-03-11"))
    assert (format_ts(int(starts[0])), format_ts(int(ends[0]))) == ("2026-03-07 00:00 UTC", "2026-03-09 00:00 UTC")


def test_an_exchange_sleeps_at_the_weekend_and_a_convention_does_not():
    saturday = parse_ts("2026-07-18"), parse_ts("2026-07-19")
    assert len(windows("us_equities", *saturday)[0]) == 0
    assert len(windows("new_york", *saturday)[0]) == 1


def test_valid_dates_bound_a_session():
    desk = Session("desk", "UTC", 60, 120, valid_from=date(2026, 1, 2), valid_to=date(2026, 1, 4))
    starts, _ = windows(desk, parse_ts("2025-12-30"), parse_ts("2026-01-10"))
    assert [format_ts(int(t)) for t in starts] == ["2026-01-02 01:00 UTC", "2026-01-03 01:00 UTC"]


@pytest.mark.parametrize(("definition", "at", "expected"), [
    (DayDefinition.UTC, "2026-03-10T00:00Z", "2026-03-10T00:00Z"),
    (DayDefinition.NEW_YORK_17, "2026-03-10T20:59Z", "2026-03-09T21:00Z"),
    (DayDefinition.NEW_YORK_17, "2026-03-10T21:00Z", "2026-03-10T21:00Z"),
    (DayDefinition.NEW_YORK_17, "2026-01-15T21:59Z", "2026-01-14T22:00Z"),
    (DayDefinition.NEW_YORK_00, "2026-01-15T05:00Z", "2026-01-15T05:00Z"),
])  # fmt: skip
def test_the_day_that_holds_an_instant_begins(definition, at, expected):
    edges = period_edges(definition, Period.DAY, parse_ts(at), parse_ts(at) + 1)
    assert format_ts(int(edges[0])) == format_ts(parse_ts(expected))


@pytest.mark.parametrize(("definition", "expected"), [
    (DayDefinition.UTC, "2026-07-13T00:00Z"),  # a Monday
    (DayDefinition.NEW_YORK_17, "2026-07-12T21:00Z"),  # Sunday 17:00 New York
    (DayDefinition.NEW_YORK_00, "2026-07-13T04:00Z"),
])  # fmt: skip
def test_a_week_begins_with_its_monday(definition, expected):
    at = parse_ts("2026-07-15")
    assert period_edges(definition, Period.WEEK, at, at + 1)[0] == parse_ts(expected)


def test_a_month_of_new_york_evenings_begins_on_the_last_day_of_the_month_before():
    at = parse_ts("2026-07-15")
    edges = period_edges(DayDefinition.NEW_YORK_17, Period.MONTH, at, at + 1)
    assert [format_ts(int(t)) for t in edges] == ["2026-06-30 21:00 UTC", "2026-07-31 21:00 UTC"]


@given(st.integers(parse_ts("2019-01-01"), parse_ts("2030-01-01")), st.integers(1, 60 * DAY))
def test_windows_of_a_part_are_the_windows_of_the_whole(start, length):
    whole = windows("new_york", parse_ts("2018-12-01"), parse_ts("2030-06-01"))
    part = windows("new_york", start, start + length)
    keep = (whole[1] > start) & (whole[0] < start + length)
    assert part[0].tolist() == whole[0][keep].tolist()
    assert part[1].tolist() == whole[1][keep].tolist()


@given(st.sampled_from(sorted(SESSIONS)), st.integers(parse_ts("2019-01-01"), parse_ts("2030-01-01")))
def test_windows_are_ascending_and_do_not_overlap(name, start):
    starts, ends = windows(name, start, start + 400 * DAY)
    assert (starts < ends).all()
    assert (ends[:-1] <= starts[1:]).all()


@given(
    st.sampled_from(list(DayDefinition)),
    st.sampled_from(list(Period)),
    st.integers(parse_ts("2019-01-01"), parse_ts("2030-01-01")),
)
def test_periods_tile_time(day, period, start):
    edges = period_edges(day, period, start, start + 100 * DAY)
    assert edges[0] <= start < edges[1]
    assert edges[-2] < start + 100 * DAY <= edges[-1]
    again = period_edges(day, period, int(edges[0]), int(edges[0]) + 1)
    assert again.tolist() == edges[:2].tolist()


@given(
    st.sampled_from(
        ["America/New_York", "Europe/London", "Australia/Sydney", "Asia/Tokyo", "America/Sao_Paulo", "Asia/Tehran"]
    ),
    st.integers(2008, 2030),
    st.integers(0, 1439),
)
def test_a_year_of_instants_equals_the_conversion_date_by_date(zone, year, minute):
    first = date(year, 1, 1)
    start, end = parse_ts(f"{year}-01-04"), parse_ts(f"{year}-12-28")
    found = instants(zone, f"{minute // 60:02d}:{minute % 60:02d}", start, end).tolist()
    slow = [local_to_utc(zone, first + timedelta(days=n), minute) for n in range(365)]
    assert found == [t for t in slow if start <= t < end]


def test_an_instant_comes_once_a_local_day():
    found = instants("America/New_York", "18:00", parse_ts("2026-03-06"), parse_ts("2026-03-12"))
    assert [format_ts(int(t))[8:16] for t in found] == ["06 23:00", "07 23:00", "08 22:00", "09 22:00", "10 22:00", "11 22:00"]


def test_every_code_has_a_session_and_every_session_a_code():
    assert {n.name.lower() for n in SessionName} == set(SESSIONS)


def test_an_unknown_session_is_refused_with_the_nearest_name():
    with pytest.raises(UserError, match="Did you mean 'london'"):
        session("londn")


@pytest.mark.parametrize(
    "wrong", [("x", "Mars/Olympus", "08:00", "09:00"), ("x", "UTC", "8", "09:00"), ("x", "UTC", "25:00", "09:00")]
)
def test_a_session_that_cannot_be_is_refused(wrong):
    with pytest.raises(UserError):
        Session.between(*wrong)


def test_a_session_that_ends_before_it_starts_is_refused():
    with pytest.raises(UserError):
        Session("x", "UTC", 600, 600)


def test_writing_into_an_answer_does_not_change_the_next_one():
    span = parse_ts("2026-07-01"), parse_ts("2026-07-02")
    starts, _ = windows("london", *span)
    right = int(starts[0])
    starts[0] = 0
    assert windows("london", *span)[0][0] == right
