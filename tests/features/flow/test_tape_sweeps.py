"""Answers: the fills of ORDERFLOW OF15 by hand, and a slow program in this file."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.made import make_trades, random_tape, run
from perpscope.core.events import GAP
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import SECOND

MS = 1_000_000
TENTHS = Instrument("demo", "X", tick_size=0.1)


def sweeps(tape: Table, instrument: Instrument = TENTHS, end: int | None = None, watermarks=(), gap=None, **params) -> Table:
    settings = {"tape_sweeps": {"n_min": 1, "window": 100, "least_levels": 3, **params}}
    tables = {"trade": tape} if gap is None else {"trade": tape, "gap": gap}
    last = int(tape.clock[-1]) + SECOND if end is None else end
    return run("tape_sweeps", tables, instrument=instrument, settings=settings, end=last, watermarks=watermarks)


SMALL = (0, "S", 100.0, 0.1)
SWEEP = [(SECOND, "B", 100.1, 2), (SECOND, "B", 100.2, 3), (SECOND + MS, "B", 100.4, 1), (SECOND + MS, "B", 100.5, 0.5)]


def test_the_spec_s_purchase_of_six_and_a_half() -> None:
    (row,) = sweeps(make_trades(SMALL, *SWEEP)).rows()
    assert (row["levels"], row["span"], row["quantity"], row["fills"]) == (4, 4, 6.5, 4)
    assert (row["first_price"], row["last_price"]) == (pytest.approx(100.1), pytest.approx(100.5))
    assert row["vwap"] == pytest.approx(100.223077, abs=5e-7)
    assert row["cost"] / row["first_price"] * 1e4 == pytest.approx(12.2954, abs=5e-4)
    assert (row["ref_ts"], row["known_ts"]) == (SECOND, SECOND + 51 * MS)
    assert row["aggressor_side"] == "buy"


def test_a_fill_of_the_other_side_or_a_pause_ends_the_burst() -> None:
    cut = [*SWEEP[:2], (SECOND, "S", 100.1, 0.1), *SWEEP[2:]]
    assert len(sweeps(make_trades(SMALL, *cut))) == 0
    late = [*SWEEP[:2], *((t + 60 * MS, *rest) for t, *rest in SWEEP[2:])]
    assert len(sweeps(make_trades(SMALL, *late))) == 0
    near = [*SWEEP[:2], *((t + 49 * MS, *rest) for t, *rest in SWEEP[2:])]
    assert len(sweeps(make_trades(SMALL, *near))) == 1


def test_a_gap_ends_the_burst_and_restarts_the_threshold() -> None:
    tape = make_trades(SMALL, *SWEEP[:2], *((t + 10 * MS, *rest) for t, *rest in SWEEP[2:]))
    hole = Table.of(GAP, ref_ts=[SECOND + 1], known_ts=[SECOND + 9 * MS], end_ts=[SECOND + 9 * MS], kind=[1], cause=[1])
    assert len(sweeps(tape, gap=hole)) == 0


def slow(tape: Table, n_min: int, window: int, levels: int) -> list[tuple]:
    prints = list(zip(*(tape[c].tolist() for c in ("exchange_ts", "aggressor_side", "price", "quantity")), strict=True))
    bursts: list[list[tuple]] = []
    for p in prints:
        if bursts and bursts[-1][-1][1] == p[1] and p[0] - bursts[-1][-1][0] <= 50 * MS:
            bursts[-1].append(p)
        else:
            bursts.append([p])
    rows = []
    for k, burst in enumerate(bursts):
        before = sorted(sum(p[3] for p in b) for b in bursts[max(0, k - window) : k])
        size = sum(p[3] for p in burst)
        large = len(before) >= n_min and size >= before[int(np.ceil(0.8 * len(before) - 1e-9)) - 1]
        if large and len({p[2] for p in burst}) >= levels:
            rows.append((burst[0][0], size, len({p[2] for p in burst}), len(burst)))
    return rows


@given(st.integers(0, 400), st.lists(st.integers(0, 3000), max_size=5))
def test_sweeps_are_those_of_a_slow_program_however_the_tape_is_cut(seed: int, cuts: list[int]) -> None:
    tape = random_tape(seed, 300, 3 * SECOND)
    whole = sweeps(tape, Instrument("demo", "X", tick_size=1.0), n_min=10, window=40, quantile=0.8)
    got = [tuple(r[c] for c in ("ref_ts", "quantity", "levels", "fills")) for r in whole.rows()]
    assert got == slow(tape, 10, 40, 3)
    parts = sweeps(
        tape, Instrument("demo", "X", tick_size=1.0), watermarks=[c * MS for c in cuts], n_min=10, window=40, quantile=0.8
    )
    assert parts.same_as(whole)
