"""Answers: the kernels as plain Python. What the compiler makes of them must be the same numbers."""

from __future__ import annotations

import numpy as np
import pytest

from perpscope.stats.blocks import block_sums, fill_paths
from perpscope.stats.calibration import pool_adjacent_violators
from perpscope.stats.metrics import follow_equity
from perpscope.stats.overfitting import choose_and_rank
from perpscope.stats.rank import picked_lift

RNG = np.random.default_rng(0)
X = RNG.standard_normal(30) * 0.1


def fill_arguments():
    return X, RNG.integers(0, 30, (4, 12)), RNG.exponential(3.0, (4, 12)), np.zeros((4, 30))


def sum_arguments():
    running = np.zeros((61, 2))
    running[1:] = np.tile(np.column_stack([X, X**2]), (2, 1)).cumsum(axis=0)
    return running, 30, RNG.integers(0, 30, (4, 12)), RNG.exponential(3.0, (4, 12)), np.zeros((4, 2))


def choice_arguments():
    rows = RNG.standard_normal((6, 5, 4))
    empty = [np.zeros(20), np.zeros(20, dtype=np.int64), np.zeros(20), np.zeros(20)]
    return rows.sum(axis=1), (rows**2).sum(axis=1), 5, True, *empty


def lift_arguments():
    return np.abs(X), np.ones(30), np.array([0, 10, 30]), np.array([0, 1, 2, 5, 10, 12, 29, 30]), 0.2


CASES = {
    fill_paths: fill_arguments,
    block_sums: sum_arguments,
    choose_and_rank: choice_arguments,
    picked_lift: lift_arguments,
    follow_equity: lambda: (X.reshape(3, 10), np.zeros((3, 2))),
    pool_adjacent_violators: lambda: (X.copy(), np.ones(30)),
}


@pytest.mark.parametrize("kernel", CASES, ids=lambda kernel: kernel.__name__)
def test_a_compiled_kernel_computes_what_its_python_says(kernel):
    arguments = CASES[kernel]()
    plain = [a.copy() if isinstance(a, np.ndarray) else a for a in arguments]
    compiled = [a.copy() if isinstance(a, np.ndarray) else a for a in arguments]
    answers = kernel.python(*plain), kernel.compiled()(*compiled)
    if answers[0] is not None:
        assert answers[1] == pytest.approx(answers[0], rel=1e-12)
    for a, b in zip(plain, compiled):
        if isinstance(a, np.ndarray):
            np.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-15)
    assert answers[0] is not None or any(
        isinstance(a, np.ndarray) and not np.array_equal(before, a) for before, a in zip(arguments, plain)
    )
