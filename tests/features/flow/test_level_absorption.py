"""Answers: ORDERFLOW OF10's five volumes by hand, and a slow program with dictionaries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.made import make_trades, random_tape, run
from perpscope.core.events import GAP
from perpscope.core.table import Table
from perpscope.core.time import SECOND


def levels(tape: Table, end: int, watermarks=(), gap: Table | None = None, **params) -> Table:
    settings = {"level_absorption": {"n_min": 5, "windows": 5, **params}}
    tables = {"trade": tape} if gap is None else {"trade": tape, "gap": gap}
    return run(
        "level_absorption", tables, settings=settings, end=end * SECOND, watermarks=[w * SECOND // 10 for w in watermarks]
    )


def five_then(last: float) -> Table:
    return make_trades(*((5 * k * SECOND, "S", 100.0, q) for k, q in enumerate((10.0, 12.0, 8.0, 50.0, 20.0, last))))


def test_the_spec_s_five_windows_ask_for_three_times_15_5435() -> None:
    assert len(levels(five_then(46.0), 30)) == 0
    (row,) = levels(five_then(47.0), 30).rows()
    assert row["threshold"] == pytest.approx(3 * 15.5435, abs=2e-4)
    assert (row["aggressor_side"], row["price"], row["volume"]) == ("sell", 100.0, 47.0)
    assert (row["ref_ts"], row["known_ts"]) == (25 * SECOND, 30 * SECOND)


def test_a_gap_leaves_its_window_out_and_starts_the_memory_again() -> None:
    hole = Table.of(GAP, ref_ts=[21 * SECOND], known_ts=[22 * SECOND], end_ts=[22 * SECOND], kind=[1], cause=[1])
    assert len(levels(five_then(47.0), 30, gap=hole)) == 0


def test_a_fixed_volume_can_be_asked_for() -> None:
    assert levels(five_then(47.0), 30, least=20.0)["volume"].tolist() == [50, 20, 47]


def slow(tape: Table, end: int, windows: int, n_min: int) -> list[tuple]:
    prints = list(zip(*(tape[c].tolist() for c in ("exchange_ts", "aggressor_side", "price", "quantity")), strict=True))
    first = -(-prints[0][0] // (5 * SECOND)) * 5 * SECOND
    past: list[list[float]] = []
    rows = []
    for start in range(first, end * SECOND - 5 * SECOND + 1, 5 * SECOND):
        cells: dict[tuple, float] = {}
        for at, side, price, quantity in prints:
            if start <= at < start + 5 * SECOND:
                cells[price, side] = cells.get((price, side), 0.0) + quantity
        held = past[-windows:]
        if len(held) >= n_min:
            bound = 2.0 * np.std([x for w in held for x in w])
            rows += [(start, s, p, v) for (p, s), v in sorted(cells.items()) if v > bound - 1e-9]
        if cells:
            past.append(list(cells.values()))
    return rows


@given(st.integers(0, 300), st.lists(st.integers(0, 600), max_size=5))
def test_levels_are_those_of_a_slow_program_however_the_tape_is_cut(seed: int, cuts: list[int]) -> None:
    tape = random_tape(seed, 400, 60 * SECOND)
    whole = levels(tape, 60, windows=6, n_min=3, deviations=2.0)
    got = list(zip(*(whole[c].tolist() for c in ("ref_ts", "aggressor_side", "price", "volume")), strict=True))
    assert got == slow(tape, 60, 6, 3)
    assert levels(tape, 60, cuts, windows=6, n_min=3, deviations=2.0).same_as(whole)
