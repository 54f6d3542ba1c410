"""Answers: by hand; a market with one loud minute a week, in which the same size is ordinary there and large elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from market.made import make_trades, run
from perpscope.core.errors import UserError
from perpscope.core.table import Table
from perpscope.core.time import HOUR, MINUTE, WEEK, parse_ts
from perpscope.engine.catalogue import fold_class

MONDAY = parse_ts("2024-01-01T05:00Z")  # midnight in New York
LOUD = 30 * HOUR


def loud_weeks(weeks: int) -> Table:
    """An order of 1 unit each quarter of an hour; of 20 in the loud one of each week, and at last once elsewhere."""
    step = 15 * MINUTE
    at = np.arange(0, weeks * WEEK, step)
    size = np.where((at % WEEK) == LOUD, 20.0, 1.0)
    size[-40] = 20.0
    tape = make_trades(*((int(MONDAY + t), "BS"[k % 2], 10.0, float(q)) for k, (t, q) in enumerate(zip(at, size, strict=True))))
    return tape


def large(season: str) -> list[float]:
    tape = loud_weeks(6)
    settings = {"large_trades": {"season": season, "quantile": 0.9995, "window": 5000, "n_min": 1000}}
    rows = run("large_trades", {"trade": tape}, settings=settings, end=int(tape.clock[-1]) + HOUR)
    return [float(t - MONDAY) / WEEK for t in rows["ref_ts"][rows["quantity"] > 1.0]]


def test_an_order_usual_for_its_minute_is_no_longer_large_and_one_elsewhere_still_is() -> None:
    last = [6 - 40 * 15 / 10080]
    loud = [w + LOUD / WEEK for w in range(6)]
    assert large("none") == pytest.approx([*loud[2:], *last])
    # three weeks teach the season; by then 20 in the loud quarter counts as the mean does
    assert large("new_york") == pytest.approx([loud[2], *last])


@pytest.mark.parametrize(
    "name", ["large_trades", "imbalances", "unfinished_auction", "absorption", "tape_sweeps", "level_absorption"]
)
def test_every_threshold_takes_the_same_switch_and_refuses_an_unknown_clock(name: str) -> None:
    cls = fold_class(name)
    assert cls().params.season == "new_york"
    with pytest.raises(UserError, match=f"season of {name}"):
        cls.with_settings({"season": "tokyo"})
