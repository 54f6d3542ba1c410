"""Answers: ORDERFLOW OF6 by hand, and one profile made at once from the same tape."""

from __future__ import annotations

import numpy as np
import pytest

from market.made import make_trades, random_tape, run
from perpscope.core.errors import UserError
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR
from perpscope.market.composite import composite, visible_profile


def bins_of(tape: Table, step: int = 1, period: str = "1d", end: int = 2 * DAY) -> Table:
    settings = {"profile_bins": {"step_ticks": step, "period": period}}
    return run("profile_bins", {"trade": tape}, frame="1h", settings=settings, end=end)


def test_two_profiles_add_up_by_bin() -> None:
    tape = make_trades((0, "B", 1000, 5), (1, "S", 1001, 8), (DAY, "B", 1001, 7), (DAY + 1, "S", 1002, 4))
    both = composite(bins_of(tape), 1.0, 0, 2 * DAY)
    assert both is not None
    assert both.price_low.tolist() == [1000, 1001, 1002]
    assert both.volume.tolist() == [5, 15, 4]
    assert both.buy_volume.tolist() == [5, 7, 0]
    assert (both.poc, both.known_ts, both.complete) == (1001, 2 * DAY, True)


def test_hours_added_up_are_the_day() -> None:
    tape = random_tape(3, 5000, DAY)
    day, hours = bins_of(tape, 4, "1d", DAY), bins_of(tape, 4, "1h", DAY)
    a, b = composite(day, 1.0, 0, DAY), composite(hours, 1.0, 0, DAY)
    assert a is not None
    assert b is not None
    assert a.volume.tolist() == b.volume.tolist()
    assert (a.poc, a.vah, a.val, a.fraction) == (b.poc, b.vah, b.val, b.fraction)
    assert a.poc - 1.5 == day["price_low"][day["point_of_control"]][0]
    part = composite(hours, 1.0, 3 * HOUR, 5 * HOUR)
    assert part is not None
    assert part.volume.sum() == tape.between(3 * HOUR - 1, 5 * HOUR - 1)["quantity"].sum()


def test_narrow_bins_join_wider_ones_and_only_if_they_nest() -> None:
    tape = make_trades((0, "B", 1000, 5), (1, "S", 1003, 8))
    later = make_trades((DAY, "B", 1002, 7))
    fine, coarse = bins_of(tape, 2, end=DAY), bins_of(Table.concat([tape, later]), 4)[-1:]
    mixed = composite(Table.concat([fine, coarse]), 1.0, 0, 2 * DAY)
    assert mixed is not None
    assert mixed.volume.tolist() == [20]
    assert mixed.bin_size == 4
    odd = bins_of(tape, 3, end=DAY)
    with pytest.raises(UserError, match="cannot be added"):
        composite(Table.concat([odd, coarse]), 1.0, 0, 2 * DAY)
    assert composite(fine, 1.0, 5 * DAY, 6 * DAY) is None
    assert np.isfinite(mixed.poc)


def cells_of(tape: Table, step: int = 1, end: int = DAY) -> Table:
    return run("footprint", {"trade": tape}, frame="1h", settings={"footprint": {"step_ticks": step}}, end=end)


def test_what_is_visible_is_the_sum_of_the_bars_in_sight() -> None:
    tape = make_trades((0, "B", 1000, 5), (1, "S", 1001, 8), (HOUR, "B", 1001, 7), (HOUR + 1, "S", 1002, 4))
    cells = cells_of(tape)
    both = visible_profile(cells, 1.0, 0, 2 * HOUR)
    assert both is not None
    assert (both.volume.tolist(), both.poc, both.known_ts) == ([5, 15, 4], 1001, 2 * HOUR)
    second = visible_profile(cells, 1.0, HOUR, 2 * HOUR)
    assert second is not None
    assert (second.price_low.tolist(), second.volume.tolist()) == ([1001, 1002], [7, 4])
    assert visible_profile(cells, 1.0, 5 * HOUR, 9 * HOUR) is None


def test_old_volume_fades_by_half_every_half_life() -> None:
    tape = make_trades((0, "B", 1000, 8), (HOUR, "B", 1001, 8), (2 * HOUR, "S", 1002, 8))
    faded = visible_profile(cells_of(tape), 1.0, 0, 3 * HOUR, half_life_bars=1.0)
    assert faded is not None
    assert faded.volume.tolist() == [2, 4, 8]


def test_a_coarser_visible_profile_is_the_fine_one_added_up() -> None:
    cells = cells_of(random_tape(4, 3000, DAY))
    fine, coarse = visible_profile(cells, 1.0, 0, DAY), visible_profile(cells, 1.0, 0, DAY, most_bins=20)
    assert fine is not None
    assert coarse is not None
    assert len(coarse.volume) <= 20 < len(fine.volume)
    for low, volume in zip(coarse.price_low, coarse.volume, strict=True):
        inside = (fine.price_low >= low) & (fine.price_low < low + coarse.bin_size)
        assert volume == fine.volume[inside].sum()


def test_the_three_value_areas_of_the_spec_s_footprint() -> None:
    volumes = {1006: 9, 1005: 14, 1004: 18, 1003: 18, 1002: 19, 1001: 8, 1000: 5}
    cells = cells_of(make_trades(*((k, "B", float(p), float(v)) for k, (p, v) in enumerate(volumes.items()))))
    areas = {}
    for name, rows, fraction in (("two", 2, 0.7), ("one", 1, 0.7), ("sigma", 2, 0.682)):
        profile = visible_profile(cells, 1.0, 0, DAY, fraction=fraction, rows=rows)
        assert profile is not None
        areas[name] = (profile.val, profile.vah, round(profile.fraction, 4))
    assert areas == {"two": (1002, 1006, 0.8571), "one": (1002, 1005, 0.7582), "sigma": (1002, 1006, 0.8571)}
