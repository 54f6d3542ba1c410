"""Labels: checked as properties, and the pooling against a slow relaxation by hand-made cases."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from perpscope.core.time import DAY, HOUR, TimeRange, parse_ts
from perpscope.report.panes.canvas import TimeAxis, compact, money, price_text, spread
from perpscope.report.panes.prices import price_ticks


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=30), st.floats(1, 40))
def test_labels_keep_their_order_their_gap_and_the_edges(wanted: list[float], gap: float) -> None:
    placed = spread(np.array(wanted), gap, 0.0, 1000.0)
    order = np.argsort(wanted, kind="stable")
    fair = min(gap, 1000.0 / max(len(wanted) - 1, 1))
    assert (np.diff(placed[order]) >= fair - 1e-6).all()
    assert placed.min() >= -1e-6
    assert placed.max() <= 1000 + 1e-6


def test_labels_that_have_room_stay_where_they_want_to_be() -> None:
    assert spread(np.array([500.0, 10.0, 90.0]), 20.0, 0.0, 1000.0).tolist() == [500.0, 10.0, 90.0]


def test_two_labels_at_one_place_part_evenly() -> None:
    assert spread(np.array([50.0, 50.0]), 10.0, 0.0, 100.0).tolist() == [45.0, 55.0]


@given(st.floats(1e-6, 1e6), st.floats(1.001, 3.0))
def test_price_ticks_are_round_inside_and_neither_few_nor_many(low: float, ratio: float) -> None:
    high = low * ratio
    ticks = price_ticks(low, high)
    assert 4 <= len(ticks) <= 14
    assert low * (1 - 1e-6) <= ticks[0]
    assert ticks[-1] <= high * (1 + 1e-6)


def test_the_time_axis_is_real_time_so_a_hole_takes_the_room_it_took() -> None:
    axis = TimeAxis(TimeRange(parse_ts("2024-08-01"), parse_ts("2024-08-03")))
    assert axis.x(parse_ts("2024-08-02T12:00Z")) == 36.0
    assert axis.now == 48.0
    assert axis.limits[1] > axis.now


def test_ticks_are_midnights_with_dates_and_clock_times_between() -> None:
    axis = TimeAxis(TimeRange(parse_ts("2024-08-01T05:30Z"), parse_ts("2024-08-03T05:30Z")))
    at, names = axis.ticks()
    stamps = [round(x * HOUR) + axis.window.start for x in at.tolist()]
    for stamp, name in zip(stamps, names, strict=True):
        assert (stamp % DAY == 0) == (":" not in name)
    assert "02 Aug" in names


def test_numbers_are_written_in_three_figures() -> None:
    assert [money(x) for x in (0.0, 999.6, 1000.0, 84_123_456.0, 999_600_000.0, 2.5e12)] == [
        "$0", "$1k", "$1k", "$84.1M", "$1B", "$2500B",
    ]  # fmt: skip
    assert [compact(x) for x in (-1234.0, 0.012345, 99.95)] == ["-1.23k", "0.0123", "100"]
    assert price_text(1234.5, 0.01) == "1,234.50"
