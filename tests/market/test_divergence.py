"""Answers: STRUCTURE.md ST12 (by hand), and numpy's correlation on recorded closes."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from perpscope.core.errors import UserError
from perpscope.market.divergence import swing_divergence

# A makes swing highs 105 (bar 5) and 107 (bar 15), each confirmed two bars later; B reaches 50.4 and 50.1 near them
A = np.full(24, 100.0)
A[5], A[15] = 105.0, 107.0
B = np.full(24, 49.0)
B[4], B[16] = 50.4, 50.1
PIVOTS, CONFIRMED = np.array([5, 15]), np.array([7, 17])


def rows(a=A, b=B, **more):
    given = {"least_correlation": -1.0, "correlation_bars": 0, **more}
    return [x.tolist() for x in swing_divergence(a, a, b, b, PIVOTS, CONFIRMED, **given)]


def test_the_worked_divergence():
    assert rows() == [[17], [5], [15]]  # known at p2 + 2


def test_what_lies_farther_than_w_bars_does_not_count():
    assert rows(near=0) == [[], [], []]  # B at the swings themselves is 49 both times
    late = B.copy()
    late[18] = 51.0
    assert rows(b=late) == [[17], [5], [15]]
    assert rows(b=late, near=3) == [[], [], []]


def test_a_lower_high_of_the_first_is_no_divergence():
    lower = A.copy()
    lower[15] = 104.0
    assert rows(a=lower) == [[], [], []]


def test_known_waits_for_the_bars_around_the_swing_of_the_other():
    assert rows(near=4)[0] == [19]


def test_what_is_not_known_yet_gives_no_row():
    assert swing_divergence(A[:17], A[:17], B[:17], B[:17], PIVOTS, CONFIRMED, 2, -1.0, 0)[0].tolist() == []


def test_the_mirror_image_at_lows_is_found_with_negated_prices():
    lows_a, lows_b = 200 - A, 100 - B
    found = swing_divergence(-lows_a, -lows_a, -lows_b, -lows_b, PIVOTS, CONFIRMED, 2, -1.0, 0)
    assert found[0].tolist() == [17]


def test_the_correlation_gate_equals_numpy(shared_data):
    a, b = (
        pl.read_parquet(shared_data / f"bars/binance_perp/1h/{s}.parquet").filter(pl.col("ts") >= 1_672_531_200_000)["close"]
        .to_numpy()[:600].astype(float)
        for s in ("BTCUSDT", "XRPUSDT")
    )  # fmt: skip
    high_a, high_b = a.copy(), b.copy()
    high_a[[560, 580]], high_b[[560, 580]] = 1e9 + np.array([0, 1]), 1e9 - np.array([0, 1])
    changes = [np.diff(x[: 582 + 1])[-500:] for x in (a, b)]
    truth = np.corrcoef(*changes)[0, 1]
    for least, found in ((truth - 1e-9, 1), (truth + 1e-9, 0)):
        known, _, _ = swing_divergence(high_a, a, high_b, b, np.array([560, 580]), np.array([562, 582]), 2, least, 500)
        assert len(known) == found


def test_without_enough_bars_for_the_correlation_there_is_no_row():
    assert rows(correlation_bars=500) == [[], [], []]


def test_arrays_of_different_grids_are_refused():
    with pytest.raises(UserError, match="one grid"):
        swing_divergence(A, A, B[1:], B[1:], PIVOTS, CONFIRMED)
