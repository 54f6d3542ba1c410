"""Answers by hand and from the standard library's calendar."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpscope.core.errors import UserError
from perpscope.core.time import DAY, HOUR, NULL_TS, SECOND, Timeframe, TimeRange, format_ts, parse_span, parse_ts, plausible

instants = st.integers(parse_ts("2010-01-01"), parse_ts("2090-01-01"))
frames = st.sampled_from(["1s", "1m", "5m", "15m", "1h", "4h", "1d", "1w"]).map(Timeframe.parse)


@given(instants, frames)
def test_a_bar_holds_the_instant_it_was_found_by(ts: int, frame: Timeframe) -> None:
    assert frame.floor(ts) <= ts < frame.close(ts)
    assert frame.close(ts) - frame.floor(ts) == frame.ns
    assert frame.next(frame.floor(ts)) == frame.floor(ts)


@given(instants)
def test_weeks_open_on_monday_and_days_at_midnight(ts: int) -> None:
    week = datetime.fromtimestamp(Timeframe.parse("1w").floor(ts) // SECOND, UTC)
    assert (week.weekday(), week.hour) == (0, 0)
    assert Timeframe.parse("1d").floor(ts) % DAY == 0


@given(instants.map(lambda t: t // 1000 * 1000))
def test_a_date_survives_being_written_and_read(ts: int) -> None:
    assert parse_ts(format_ts(ts).replace(" UTC", "Z").replace(" ", "T")) == ts


@pytest.mark.parametrize(("text", "name"), [("60m", "1h"), ("24h", "1d"), ("7d", "1w"), ("90s", None), ("1h", "1h")])
def test_a_time_frame_has_one_name(text: str, name: str | None) -> None:
    if name is None:
        with pytest.raises(UserError, match="does not divide"):
            Timeframe.parse("45s" if text == "90s" else text)
    else:
        assert Timeframe.parse(text).name == name


@pytest.mark.parametrize("text", ["1hr", "", "0m", "h", "-5m", "1.5h"])
def test_an_unknown_time_frame_is_refused_with_the_known_ones(text: str) -> None:
    with pytest.raises(UserError, match="Known: 12h"):
        Timeframe.parse(text)


def test_a_clock_time_without_a_zone_is_refused_because_it_is_ambiguous() -> None:
    with pytest.raises(UserError, match="2024-08-05T14:00Z for UTC"):
        parse_ts("2024-08-05T14:00")
    assert parse_ts("2024-08-05") == parse_ts("2024-08-05T00:00Z") == parse_ts("2024-08-05T02:00+02:00")


def test_spans_units_and_implausible_stamps() -> None:
    assert parse_span("14d") == 14 * DAY
    assert parse_span("36h") == 36 * HOUR
    with pytest.raises(UserError, match="not a length of time"):
        parse_span("two weeks")
    now = parse_ts("2024-08-05")
    assert plausible(now)
    assert not plausible(now // 1000)  # microseconds taken for nanoseconds
    assert not plausible(now // 1_000_000)
    assert format_ts(NULL_TS) == "unknown"


def test_a_range_is_half_open_and_runs_forward() -> None:
    assert 0 in TimeRange(0, 10)
    assert 10 not in TimeRange(0, 10)
    with pytest.raises(UserError, match=r"ends .* before it begins"):
        TimeRange(10, 0)
