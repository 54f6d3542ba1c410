"""Answers: ORDERFLOW OF6 by hand, and one profile made at once from the same tape."""

from __future__ import annotations

import numpy as np
import pytest

from market.made import make_trades, random_tape, run
from perpscope.core.errors import UserError
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR
from perpscope.market.composite import composite


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
