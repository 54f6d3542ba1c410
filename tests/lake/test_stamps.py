"""Answers: Python's datetime, and dates written out by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpscope.core.errors import DataError
from perpscope.core.time import HOUR, NULL_TS
from perpscope.lake.stamps import intervals, to_ns, zoned_text

_WHEN = st.datetimes(datetime(2009, 2, 1), datetime(2099, 1, 1))


@given(_WHEN, st.sampled_from([("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)]))
def test_the_unit_is_told_by_magnitude(when: datetime, unit: tuple[str, int]) -> None:
    seconds = int(when.replace(tzinfo=UTC).timestamp())
    assert to_ns(pl.Series([seconds * unit[1]]), "x").tolist() == [seconds * 10**9]


@given(_WHEN)
def test_text_and_datetimes_mean_the_same_instant(when: datetime) -> None:
    delta = when.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    ns = (delta.days * 86_400 + delta.seconds) * 10**9 + delta.microseconds * 1_000
    assert to_ns(pl.Series([when]), "x").tolist() == [ns]
    assert to_ns(pl.Series([when.isoformat(sep=" ", timespec="microseconds")]), "x").tolist() == [ns]
    assert zoned_text(pl.Series([when.replace(tzinfo=UTC).isoformat(timespec="microseconds")]), "x").tolist() == [ns]


def test_float_seconds_keep_microseconds() -> None:
    assert to_ns(pl.Series([1757015216.673878]), "x").tolist() == [1757015216673878000]


def test_local_text_is_moved_to_utc() -> None:
    # Bangkok is seven hours ahead
    assert to_ns(pl.Series(["2024-08-05 21:00:00"]), "x", "Asia/Bangkok").tolist() == [1722866400 * 10**9]


def test_an_hour_that_the_clocks_skip_is_refused() -> None:
    with pytest.raises(DataError, match="does not exist in America/New_York"):
        to_ns(pl.Series(["2024-03-10 02:30:00"]), "x", "America/New_York")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1_722_866_400_000, 1_722_866_400], "row 2: the time is in s, but the file begins in ms"),
        ([1_722_866_400_000, 1_722_866_400_000_000], "row 2: the time is in us, but the file begins in ms"),
        ([12.5], "row 1: the time is no date"),
        ([1_722_866_400_000, None], "row 2: the time is absent"),
        (["2024-08-05", "yesterday"], "row 2: the time is no date such as"),
        ([1_722_866_400.0, float("nan")], "row 2"),
    ],
)
def test_a_mixed_or_senseless_time_is_refused(values: list[object], said: str) -> None:
    with pytest.raises(DataError, match=said):
        to_ns(pl.Series(values, strict=False), "x.csv")


def test_intervals_come_from_the_stamps_before() -> None:
    stamps = np.array([0, 8, 16, 20, 22, 46]) * HOUR + np.array([3, 0, 41, 2, 0, 9]) * 1_000_000
    got = [None if i == NULL_TS else i // HOUR for i in intervals(stamps).tolist()]
    assert got == [None, 8, 8, 4, 2, None]
