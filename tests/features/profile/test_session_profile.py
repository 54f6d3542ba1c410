"""Answers: ORDERFLOW OF5's footprint by hand in a session, and one profile made at once from the same bars."""

from __future__ import annotations

import numpy as np
import pytest

from market.made import assert_same_rows, make_trades, random_tape, run, upside_down
from perpscope.core.errors import UserError
from perpscope.core.events import GAP
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR, MINUTE
from perpscope.market.composite import visible_profile

F = {1006: (0, 9), 1005: (2, 12), 1004: (3, 15), 1003: (4, 14), 1002: (10, 9), 1001: (6, 2), 1000: (5, 0)}


def profiles(tape: Table, end: int, watermarks=(), gap: Table | None = None, step: int = 1, **params) -> Table:
    settings = {"session_profile": {"session": "asia", **params}, "footprint": {"step_ticks": step}}
    tables = {"trade": tape} if gap is None else {"trade": tape, "gap": gap}
    return run("session_profile", tables, frame="1h", settings=settings, end=end, watermarks=watermarks)


def asian(day: int) -> tuple[int, int]:
    """09:00 to 18:00 in Tokyo, which keeps no summer time."""
    return day * DAY, day * DAY + 9 * HOUR


def spec_tape() -> Table:
    prints = [(DAY + k * MINUTE, "S", float(b), float(s)) for k, (b, (s, _)) in enumerate(F.items()) if s]
    prints += [(DAY + (30 + k) * MINUTE, "B", float(b), float(a)) for k, (b, (_, a)) in enumerate(F.items()) if a]
    prints += [(DAY - HOUR, "B", 990.0, 99.0), (DAY + 9 * HOUR, "B", 1020.0, 77.0)]  # not of the session
    return make_trades(*sorted(prints))


@pytest.mark.parametrize(("area", "high", "share"), [("two", 1006, 78 / 91), ("one", 1005, 69 / 91), ("sigma", 1006, 78 / 91)])
def test_the_three_value_areas_of_the_spec_s_footprint(area: str, high: float, share: float) -> None:
    (row,) = profiles(spec_tape(), 2 * DAY, area=area).rows()
    assert (row["poc"], row["val"], row["vah"], row["fraction"]) == (1002, 1002, high, pytest.approx(share))
    assert (row["volume"], row["delta"], row["bins"]) == (91, 31, 7)
    assert (row["ref_ts"], row["end_ts"], row["known_ts"]) == (DAY, DAY + 9 * HOUR, DAY + 9 * HOUR)
    assert row["complete"]
    assert row["vwap"] == pytest.approx(sum(k * (a + b) for k, (a, b) in F.items()) / 91)


def test_a_session_is_the_sum_of_its_bars_however_the_tape_is_cut() -> None:
    tape = random_tape(8, 20000, 6 * DAY, start_tick=5000)
    rows = profiles(tape, 6 * DAY, step=4)
    assert rows["ref_ts"].tolist() == [asian(d)[0] for d in range(6)]
    assert rows["complete"].all()
    cells = run("footprint", {"trade": tape}, frame="1h", settings={"footprint": {"step_ticks": 4}}, end=6 * DAY)
    for day, row in enumerate(rows.rows()):
        whole = visible_profile(cells, 1.0, *asian(day))
        assert whole is not None
        assert (row["poc"], row["vah"], row["val"]) == (whole.poc, whole.vah, whole.val)
        assert row["volume"] == pytest.approx(whole.volume.sum())
    cuts = np.random.default_rng(1).integers(0, 6 * DAY, 25).tolist()
    assert profiles(tape, 6 * DAY, cuts, step=4).same_as(rows)


def test_a_session_with_a_hole_is_told_and_not_called_complete() -> None:
    tape = random_tape(8, 9000, 3 * DAY, start_tick=5000)
    start, end = DAY + 3 * HOUR, DAY + 4 * HOUR
    kept = tape[(tape.clock < start) | (tape.clock >= end)]
    hole = Table.of(GAP, ref_ts=[start], known_ts=[end], end_ts=[end], kind=[1], cause=[1])
    assert profiles(kept, 3 * DAY, gap=hole)["complete"].tolist() == [True, False, True]


def test_upside_down_on_the_grid_of_the_bins_it_is_upside_down() -> None:
    tape = random_tape(2, 9000, 3 * DAY, start_tick=5000)
    about = 4 * 3000 - 1
    up, down = profiles(tape, 3 * DAY, step=4), profiles(upside_down(tape, about), 3 * DAY, step=4)
    assert len(up) == 3
    assert_same_rows(upside_down(up, about), down)


def test_few_bins_give_no_answer_and_wrong_names_are_refused() -> None:
    flat = make_trades(*((k * MINUTE, "B", 100.0, 1.0) for k in range(9 * 60)))
    assert np.isnan(profiles(flat, 10 * HOUR)["poc"]).all()
    for wrong in ({"session": "mars"}, {"area": "three"}):
        with pytest.raises(UserError):
            profiles(flat, 10 * HOUR, **wrong)
