"""Answers: ORDERFLOW OF28 by hand, a slow program with dictionaries and `datetime`, and the figures of the spec."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perpscope.core.errors import UserError
from perpscope.core.state import freeze, thaw
from perpscope.core.time import MINUTE, WEEK, parse_ts
from perpscope.market.seasonality import (
    SLOTS,
    one_season,
    season_add,
    season_arrays,
    season_factor,
    season_minutes,
    season_state,
)
from perpscope.numeric.jit import njit

MONDAY = parse_ts("2024-01-01T00:00Z")
NEW_YORK = ZoneInfo("America/New_York")


@njit
def drive(minutes, values, past, running, factor, marks):
    """The factor before each value, which is told afterwards."""
    out = np.empty(len(minutes))
    for i in range(len(minutes)):
        out[i] = season_factor(minutes[i], past, running, factor, marks)
        season_add(minutes[i], values[i], past, running, factor, marks)
    return out


class SlowSeason:
    """Every value ever told, and the definition read literally."""

    def __init__(self) -> None:
        self.weeks: dict[int, dict[int, list[float]]] = {}

    def add(self, minute: int, value: float) -> None:
        self.weeks.setdefault(minute // SLOTS, {}).setdefault(minute % SLOTS, []).append(value)

    def medians(self, week: int) -> dict[int, float]:
        means = {w: {m: sum(v) / len(v) for m, v in self.weeks.get(w, {}).items()} for w in range(week - 8, week)}
        wanted = {(m + d) % SLOTS for slots in means.values() for m in slots for d in range(-7, 8)}
        found = {}
        for m in wanted:
            near = [[means[w][(m + d) % SLOTS] for d in range(-7, 8) if (m + d) % SLOTS in means[w]] for w in means]
            if sum(bool(x) for x in near) >= 3:
                found[m] = median([v for x in near for v in x])
        return found

    def factor(self, minute: int) -> float:
        first = min(w * SLOTS + m for w, slots in self.weeks.items() for m in slots) if self.weeks else minute
        begun = first // SLOTS + (first % SLOTS > 7)
        found = self.medians(minute // SLOTS) if minute // SLOTS - begun >= 3 else {}
        mean = sum(found.values()) / len(found) if found else 0.0
        return found.get(minute % SLOTS, 0.0) / mean or 1.0 if mean > 0 else 1.0


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(8, 60))
def test_factors_are_those_of_a_slow_program(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    near = rng.choice([3, 12, 900, SLOTS - 4], n) + rng.integers(-3, 4, n)
    minutes = np.sort(rng.integers(0, 14, n) * SLOTS + near % SLOTS)  # 14 weeks, some of them empty
    values = rng.integers(0, 9, n).astype(float)
    slow = SlowSeason()
    expected = []
    for minute, value in zip(minutes.tolist(), values.tolist(), strict=True):
        expected.append(slow.factor(minute))
        slow.add(minute, value)
    got = drive(minutes, values, *season_arrays(season_state("utc")))
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_the_clock_is_new_york_s_with_its_changes() -> None:
    start = int(datetime(2024, 3, 1, tzinfo=UTC).timestamp())
    seconds = start + np.arange(0, 300 * 86400, 7001 * 3)
    got = season_minutes(seconds * 1_000_000_000, "new_york") % SLOTS
    for second, minute in zip(seconds.tolist(), got.tolist(), strict=True):
        local = datetime.fromtimestamp(second, NEW_YORK)
        assert minute == local.weekday() * 1440 + local.hour * 60 + local.minute


def test_the_repeated_hour_is_the_same_minutes_and_the_skipped_one_is_none() -> None:
    repeated = np.array([parse_ts("2024-11-03T05:30Z"), parse_ts("2024-11-03T06:30Z")])
    assert len(set((season_minutes(repeated, "new_york")).tolist())) == 1
    skipped = np.array([parse_ts("2024-03-10T06:59Z"), parse_ts("2024-03-10T07:00Z")])
    assert np.diff(season_minutes(skipped, "new_york")).tolist() == [61]


def test_three_weeks_are_needed_and_only_ended_ones_count() -> None:
    season = season_arrays(season_state("utc"))
    season_add(0, 0.0, *season)
    for week in range(4):
        before = season_factor(week * SLOTS + 720, *season)
        assert before == (2.0 if week == 3 else 1.0)
        season_add(week * SLOTS + 720, (10.0, 14.0, 12.0, 999.0)[week], *season)
        assert season_factor(week * SLOTS + 720, *season) == before  # the running week says nothing
        season_add(week * SLOTS + 3000, 0.0, *season)


def test_a_hole_counts_for_nothing_and_old_weeks_age_through_it() -> None:
    season = season_arrays(season_state("utc"))
    for week in range(3):
        season_add(week * SLOTS, 30.0, *season)
        season_add(week * SLOTS + 5000, 10.0, *season)
    assert season_factor(5 * SLOTS, *season) == 1.5  # two weeks without data: the three before still speak
    assert season_factor(11 * SLOTS, *season) == 1.0  # eight weeks later nothing is left of them


def test_without_a_clock_there_is_no_season_and_no_memory() -> None:
    state = season_state("none")
    minutes = season_minutes(np.array([MONDAY, MONDAY + 5 * WEEK]), "none")
    assert drive(minutes, np.array([5.0, 7.0]), *season_arrays(state)).tolist() == [1.0, 1.0]
    assert sum(a.nbytes for a in state.values()) < 100
    with pytest.raises(UserError, match="Did you mean 'new_york'"):
        one_season("clock of the season", "newyork")


def test_a_frozen_season_goes_on() -> None:
    minutes = np.arange(0, 5 * SLOTS, 777)
    values = 1.0 + minutes % 13
    whole = drive(minutes, values, *season_arrays(season_state("utc")))
    state = season_state("utc")
    drive(minutes[:40], values[:40], *season_arrays(state))
    thawed = thaw(freeze(state))
    assert (drive(minutes[40:], values[40:], *season_arrays(thawed)) == whole[40:]).all()


def explained(ts: np.ndarray, volume: np.ndarray, clock: str) -> float:
    """1 - SSE / SST of log volume by the log factor, both against their own week's mean; recorded quarter hours."""
    minutes = season_minutes(ts, clock)
    factor = drive(minutes, volume, *season_arrays(season_state(clock)))
    week = minutes // SLOTS
    _, index = np.unique(week, return_inverse=True)
    own, told = (x - (np.bincount(index, x) / np.bincount(index))[index] for x in (np.log(volume), np.log(factor)))
    ready = week >= week[0] + 9
    return float(1.0 - ((own - told)[ready] ** 2).sum() / (own[ready] ** 2).sum())


def test_the_season_explains_a_fifth_of_recorded_volume_and_more_by_new_york_s_clock(shared_data: Path) -> None:
    # ORDERFLOW OF28 has 0.207 by New York and 0.202 by UTC from a program that takes medians of logs, not of volumes
    frame = pl.read_parquet(shared_data / "bars" / "binance_perp" / "15m" / "BTCUSDT.parquet")
    whole = frame.filter(pl.col("volume") > 0)
    ts, volume = whole["ts"].to_numpy() * 1_000_000, whole["volume"].cast(pl.Float64).to_numpy()
    new_york, utc = explained(ts, volume, "new_york"), explained(ts, volume, "utc")
    assert new_york > 0.2
    assert new_york - utc == pytest.approx(0.207 - 0.202, abs=0.002)


def test_a_week_is_a_circle() -> None:
    season = season_arrays(season_state("utc"))
    season_add(0, 8.0, *season)
    for week in range(3):
        season_add(week * SLOTS + SLOTS - 2, 8.0, *season)
        season_add(week * SLOTS + 400, 4.0, *season)
    assert season_factor(3 * SLOTS + 3, *season) == pytest.approx(8 / 6)
    assert season_factor(3 * SLOTS + 6, *season) == 1.0  # eight minutes away


def test_local_weeks_begin_on_monday_midnight() -> None:
    ts = np.array([MONDAY + 5 * 60 * MINUTE - 1, MONDAY + 5 * 60 * MINUTE])  # midnight in New York in winter
    assert (season_minutes(ts, "new_york") % SLOTS).tolist() == [SLOTS - 1, 0]
