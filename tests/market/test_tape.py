"""Answers: ORDERFLOW OF1 by hand and section 11 from an independent slow program."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from market.made import make_trades, recorded_tape, run
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table

MS = 1_000_000
TENTHS = Instrument("demo", "X", tick_size=0.1)
TAPE = make_trades(
    (1000 * MS, "B", 100.0, 1.0),
    (1000 * MS, "B", 100.1, 2.0),
    (1000 * MS, "B", 100.1, 0.5),
    (1000 * MS, "S", 100.0, 0.3),
    (1000 * MS, "B", 100.2, 1.0),
    (1001 * MS, "B", 100.2, 0.7),
    (1001 * MS, "B", 100.1, 0.2),
)


def orders(tape: Table, grouping: str = "same_stamp", **more) -> Table:
    return run("orders", {"trade": tape}, instrument=TENTHS, settings={"orders": {"grouping": grouping}}, end=2000 * MS, **more)


def test_the_spec_s_seven_fills() -> None:
    same = orders(TAPE)
    assert same["fills"].tolist() == [3, 1, 1, 1, 1]
    assert (same["quantity"][0], round(same["vwap"][0], 6), same["levels"][0], same["span"][0]) == (3.5, 100.071429, 2, 1)
    assert orders(TAPE, "window")["fills"].tolist() == [3, 1, 2, 1]
    assert len(orders(TAPE, "none")) == 7


def test_an_order_is_known_when_no_other_fill_can_follow() -> None:
    assert (orders(TAPE)["known_ts"] / MS).tolist() == [1001, 1001, 1001, 1002, 1002]
    assert (orders(TAPE, "window")["known_ts"] / MS).tolist() == [1050, 1050, 1051, 1051]


def test_a_missing_id_ends_the_order_and_marks_both_parts() -> None:
    tape = make_trades(*[(5 * MS, "B", 100.0, 1.0)] * 3).with_columns(trade_id=[1, 2, 4])
    rows = orders(tape)
    assert rows["fills"].tolist() == [2, 1]
    assert rows["partial"].all()
    unknown = orders(tape.with_columns(trade_id=[-1, -1, -1]))
    assert unknown["fills"].tolist() == [3]
    assert not unknown["partial"].any()


@given(st.lists(st.integers(900, 1100), max_size=6), st.sampled_from(["same_stamp", "window", "none"]))
def test_any_partition_gives_the_same_orders(cuts: list[int], grouping: str) -> None:
    assert orders(TAPE, grouping).same_as(orders(TAPE, grouping, watermarks=[c * MS for c in cuts]))


def test_a_sell_may_only_fall_and_never_rise() -> None:
    tape = make_trades((MS, "S", 100.0, 1), (MS, "S", 99.8, 1), (MS, "S", 99.9, 1))
    rows = orders(tape)
    assert rows["fills"].tolist() == [2, 1]
    assert rows["span"].tolist() == [2, 0]


def test_the_recorded_tape_has_the_independent_program_s_orders(shared_data: Path) -> None:
    tape = recorded_tape(shared_data)
    rows = run("orders", {"trade": tape}, instrument=TENTHS, end=int(tape.clock[-1]) + MS)
    assert (len(tape), len(rows)) == (21313, 5445)
    multi = rows["fills"] > 1
    assert round(rows["fills"][multi].sum() / len(tape), 3) == 0.836
    assert rows["fills"].max() == 348
    assert np.isclose(rows["quantity"].sum(), tape["quantity"].sum())
    assert not rows["partial"].any()
