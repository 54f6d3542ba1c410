"""Answers: ORDERFLOW OF4 by hand, and a slow program with calendar dates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from market.made import make_bars, run
from perpscope.core.errors import UserError
from perpscope.core.events import TRADE
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR, MINUTE, parse_ts

DAY_1 = DAY
REFS = [DAY_1 - 2 * MINUTE, DAY_1 - MINUTE, DAY_1, DAY_1 + 3 * MINUTE, DAY_1 + 4 * MINUTE]


def cvd(bars: Table, frame: str = "1m", **params) -> Table:
    return run("cvd", {f"bars@{frame}": bars}, frame=frame, settings={"cvd": params})


def by_hand() -> Table:
    delta = np.array([3.0, -1, 2, 5, -2])
    return make_bars([10.0] * 5, buy=10 + delta, sell=[10.0] * 5, ref=REFS)


def test_the_spec_s_five_bars_with_a_gap() -> None:
    rows = cvd(by_hand())
    assert rows["close"].tolist() == [3, 2, 2, 5, 3]
    assert rows["segment"].tolist() == [0, 0, 1, 2, 2]
    assert rows["anchored"].tolist() == [False, False, True, False, False]


def test_held_back_after_a_gap_it_is_silent_until_the_next_reset() -> None:
    held = cvd(by_hand(), on_gap="hold")
    assert np.isnan(held["close"]).tolist() == [True, True, False, True, True]
    free = cvd(by_hand(), reset="none")
    assert free["close"].tolist() == [3, 2, 4, 5, 3]
    assert free["anchored"].tolist() == [True, True, True, False, False]


def test_an_anchor_begins_once_and_nothing_is_known_before_it() -> None:
    rows = cvd(by_hand(), reset="anchor", anchor="1970-01-01T23:59Z")
    assert np.isnan(rows["close"][0])
    assert rows["close"].tolist()[1:] == [-1, 1, 5, 3]
    assert rows["anchored"].tolist() == [False, True, True, False, False]


def test_candles_hold_what_the_tape_ran_through() -> None:
    tape = Table.filled(
        TRADE, exchange_ts=[0, 1, 2, MINUTE, MINUTE + 1], trade_id=range(5), price=[10.0] * 5, quantity=[5.0, 7, 3, 4, 6],
        aggressor_side=[1, 2, 1, 2, 1],
    )  # fmt: skip
    rows = run("cvd", {"trade": tape}, end=2 * MINUTE)
    high, low = rows["open"] + rows["reach_up"], rows["open"] - rows["reach_down"]
    assert (rows["open"].tolist(), rows["close"].tolist()) == ([0, 1], [1, 3])
    assert (high.tolist(), low.tolist()) == ([5, 3], [-2, -3])


@pytest.mark.parametrize("reset", ["utc_day", "week", "session"])
def test_sums_begin_at_each_reset_of_a_slow_calendar(reset: str) -> None:
    start = parse_ts("2024-03-06T00:00Z")  # over the US clock change of the 10th
    n = 24 * 12
    delta = np.random.default_rng(3).integers(-9, 10, n).astype(float)
    rows = cvd(make_bars([10.0] * n, buy=20 + delta, sell=np.full(n, 20.0), start=start, step=HOUR), "1h", reset=reset)
    total, expected = 0.0, []
    for k in range(n):
        at = datetime(2024, 3, 6, tzinfo=UTC) + timedelta(hours=k)
        local = at.astimezone(ZoneInfo("America/New_York"))
        fresh = {"utc_day": at.hour == 0, "week": at.weekday() == 0 and at.hour == 0, "session": local.hour == 8}[reset]
        total = delta[k] if fresh else total + delta[k]
        expected.append(total)
    assert rows["close"].tolist() == expected


def test_names_that_do_not_exist_are_refused() -> None:
    for wrong in ({"reset": "daily"}, {"on_gap": "bridge"}, {"reset": "session", "session": "tokio"}):
        with pytest.raises(UserError):
            cvd(by_hand(), **wrong)
