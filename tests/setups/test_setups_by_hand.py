"""Every setup on tapes made by hand: the long with all its numbers, its mirror short, silence, invalidation, expiry.

The numbers stand in `cases.py` with their arithmetic; none was read off the code.
"""

from __future__ import annotations

import numpy as np
import pytest

from laws.laws import assert_same_set
from laws.market import mirror_table
from perpscope.core.table import Table
from perpscope.core.time import Timeframe
from perpscope.engine.catalogue import all_folds
from perpscope.market.structure import ExpiryCause
from perpscope.setups.base import Setup
from perpscope.setups.signal import SignalEvent
from setups.cases import CASES, LONG
from setups.tapes import Bar, Case, bars_of, run

cases = pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)


def rows_of(case: Case, *more: Bar) -> Table:
    bars = bars_of([*case.bars, *more], case.frame)
    return run(case.setup, bars, case.inputs(bars))


def the_long(case: Case, rows: Table) -> Table:
    """The life of the proposal that opened at the last bar of the case."""
    last = int(bars_of(case.bars, case.frame).clock[-1])
    variant = case.opened.get("variant", 1)
    mine = (rows["known_ts"] == last) & (rows["event"] == SignalEvent.OPENED) & (rows["position_side"] == LONG)
    found = rows["id"][mine & (rows["variant"] == variant)]
    assert len(found) == 1, f"{len(found)} proposals opened"
    return rows[rows["id"] == found[0]]


def test_every_setup_has_a_case() -> None:
    assert {c.setup.spec.name for c in CASES} == {n for n, f in all_folds().items() if issubclass(f, Setup)}


@cases
def test_the_long_has_the_numbers_of_the_hand(case: Case) -> None:
    row = the_long(case, rows_of(case))[:1]
    step = Timeframe.parse(case.frame).ns
    for name, value in case.opened.items():
        if name == "wait":
            assert row["expire_ts"][0] == row["known_ts"][0] + value * step
        elif name == "hold":
            assert row["exit_ts"][0] == row["known_ts"][0] + value * step
        else:
            assert row[name][0] == pytest.approx(value, nan_ok=True), name


@cases
def test_the_mirror_of_the_tape_gives_the_mirror_short(case: Case) -> None:
    bars = bars_of(case.bars, case.frame)
    inputs = {name: mirror_table(table) for name, table in case.inputs(bars).items()}
    if "funding_state" in inputs:  # a rank among rates turns into 1 - rank
        inputs["funding_state"] = inputs["funding_state"].with_columns(percentile=1.0 - inputs["funding_state"]["percentile"])
    short = run(case.setup, mirror_table(bars), inputs)
    expected = mirror_table(run(case.setup, bars, case.inputs(bars)))
    for name in case.relative:
        short, expected = (t.with_columns(**{name: np.zeros(len(t))}) for t in (short, expected))
    assert len(short) >= 1
    assert_same_set(expected, short, atol=1e-9)


@cases
def test_it_stays_silent_where_one_condition_fails(case: Case) -> None:
    bars = bars_of(case.silent_bars or case.bars, case.frame)
    rows = run(case.setup, bars, case.silent(bars))
    variant = case.opened.get("variant", 1)
    assert not ((rows["position_side"] == LONG) & (rows["variant"] == variant)).any()


@cases
def test_it_is_invalidated_when_the_idea_is_wrong(case: Case) -> None:
    life = the_long(case, rows_of(case, *case.wrong))
    assert life["event"][-1] == SignalEvent.INVALIDATED
    assert life["known_ts"][-1] == life["known_ts"][0] + len(case.wrong) * Timeframe.parse(case.frame).ns


@cases
def test_it_expires_when_its_time_is_up_or_a_hole_hides_the_outcome(case: Case) -> None:
    if case.late is not None:
        life = the_long(case, rows_of(case, *case.late))
        assert life["event"].tolist() == [SignalEvent.OPENED, SignalEvent.EXPIRED]
        assert life["cause"][-1] == ExpiryCause.AGE
        due = "exit_ts" if life["entry_kind"][0] == 1 else "expire_ts"
        assert life["known_ts"][-1] == life[due][0]
    last = case.bars[-1]
    bars = bars_of([*case.bars, last, last], case.frame, hole_after=len(case.bars))
    life = the_long(case, run(case.setup, bars, case.inputs(bars_of([*case.bars, last, last], case.frame))))
    assert life["event"][-1] == SignalEvent.EXPIRED
    assert life["cause"][-1] == ExpiryCause.GAP
