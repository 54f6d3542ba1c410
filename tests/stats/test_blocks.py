"""Answers: oracle E13, arch.bootstrap, a slow program that follows Patton's lines, the law of geometric blocks."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from arch.bootstrap import optimal_block_length as arch_block_length
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter

from perpscope.core.errors import UserError
from perpscope.stats.blocks import drawn_blocks, optimal_block_length, resampled_means, resampled_paths, resampled_rows


def autoregressive(r: float, n: int, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(n + 500)
    return lfilter([1.0], [1.0, -r], noise)[500:]


@pytest.mark.parametrize(("r", "answer"), [(0.2, 5.578608), (0.5, 12.114137)])
def test_the_length_for_an_autoregression_tends_to_oracle_E13(r, answer):
    theory = (2 * r / (1 - r * r)) ** (2 / 3) * 1000 ** (1 / 3)
    assert round(theory, 6) == answer
    # at 400,000 points the estimate of the constant has settled; lengths grow with the cube root of n
    n = 400_000
    assert optimal_block_length(autoregressive(r, n, seed=1)) == pytest.approx(theory * (n / 1000) ** (1 / 3), rel=0.08)


def test_the_length_agrees_with_arch():
    """arch divides each covariance by the variances of its own overlap, we by the whole variance as the paper does: where a
    correlation lies on the threshold, the first calm lag can differ by some, and the length with it."""
    same = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x = autoregressive(rng.uniform(-0.3, 0.9), int(rng.integers(100, 3000)), seed)
        theirs = max(float(arch_block_length(x)["stationary"].iloc[0]), 1.0)
        ours = optimal_block_length(x)
        same += abs(ours / theirs - 1.0) < 1e-9
        assert 0.6 < ours / theirs < 1.6
    assert same >= 54


def slow_block_length(x: list[float]) -> float:
    """Politis and White with Patton's correction, by the book, one loop per sum."""
    n, mean = len(x), sum(x) / len(x)
    k_n, m_max = max(5, int(math.log10(n))), math.ceil(math.sqrt(n)) + max(5, int(math.log10(n)))
    cov = [sum((x[t] - mean) * (x[t - k] - mean) for t in range(k, n)) / n for k in range(m_max + 1)]
    bound = 2 * math.sqrt(math.log10(n) / n)
    m_hat = None
    for first in range(1, m_max - k_n + 2):
        if all(abs(cov[k] / cov[0]) < bound for k in range(first, first + k_n)):
            m_hat = first
            break
    m = min(2 * m_hat, m_max) if m_hat is not None else m_max

    def window(s: float) -> float:
        return 1.0 if abs(s) <= 0.5 else 2 * (1 - abs(s))

    g = sum(window(k / m) * abs(k) * cov[abs(k)] for k in range(-m, m + 1))
    s = sum(window(k / m) * cov[abs(k)] for k in range(-m, m + 1))
    best = (2 * g * g / (2 * s * s)) ** (1 / 3) * n ** (1 / 3)
    return max(1.0, min(best, math.ceil(min(3 * math.sqrt(n), n / 3))))


@pytest.mark.parametrize("seed", range(8))
def test_the_length_agrees_with_a_program_by_the_book(seed):
    x = autoregressive(0.15 * seed - 0.2, 150 + 40 * seed, seed)
    assert optimal_block_length(x) == pytest.approx(slow_block_length(x.tolist()), rel=1e-9)


def test_a_constant_series_needs_no_blocks():
    assert optimal_block_length(np.full(100, 0.1)) == 1.0


@given(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=60))
def test_a_length_is_between_one_observation_and_a_third_of_them(values):
    assert 1.0 <= optimal_block_length(values) <= max(1.0, math.ceil(len(values) / 3))


@pytest.mark.parametrize("block_length", [1.0, 1.5, 7.0])
def test_a_new_block_starts_with_probability_one_over_its_length(block_length):
    n, breaks, wraps = 200, 0, 0
    for rows in resampled_rows(n, block_length, 300, np.random.default_rng(3)):
        step = (np.diff(rows)) % n
        breaks += int(np.count_nonzero(step != 1))
        wraps += int(np.count_nonzero(np.diff(rows) == 1 - n))
    trials = 300 * (n - 1)
    # a fresh start continues by chance once in n times
    chance = (1 / block_length) * (1 - 1 / n)
    assert abs(breaks - trials * chance) < 4 * math.sqrt(trials * chance * (1 - chance)) + 1e-9
    assert wraps > 0


def test_all_rows_are_drawn_equally_often():
    counts = np.zeros(50)
    for rows in resampled_rows(50, 8.0, 4000, np.random.default_rng(5)):
        counts += np.bincount(rows, minlength=50)
    assert counts.sum() == 4000 * 50
    assert np.all(np.abs(counts / 4000 - 1.0) < 0.15)


@given(st.integers(1, 40), st.floats(1.0, 60.0), st.integers(1, 30), st.integers(0, 10))
def test_paths_rows_and_means_come_from_the_same_blocks(n, block_length, replications, seed):
    values = np.random.default_rng(99).standard_normal(n) + 5.0
    paths = np.concatenate([p.copy() for p in resampled_paths(values, block_length, replications, np.random.default_rng(seed))])
    rows = np.array(list(resampled_rows(n, block_length, replications, np.random.default_rng(seed))))
    columns = np.column_stack([values, values**2])
    means = resampled_means(columns, block_length, replications, np.random.default_rng(seed))
    assert paths.shape == rows.shape == (replications, n)
    np.testing.assert_array_equal(paths, values[rows])
    np.testing.assert_allclose(means, columns[rows].mean(axis=1), rtol=1e-12)


def test_chunks_hold_every_replication_once():
    n, replications = 30_000, 11
    sizes = [len(starts) for starts, _ in drawn_blocks(n, 5.0, replications, np.random.default_rng(0))]
    assert sum(sizes) == replications
    assert len(sizes) > 1


def test_replications_differ():
    drawn = list(resampled_rows(20, 3.0, 10, np.random.default_rng(0)))
    assert not any(np.array_equal(a, b) for a, b in itertools.combinations(drawn, 2))


@pytest.mark.parametrize(("n", "block_length", "replications"), [(0, 2.0, 5), (5, 0.5, 5), (5, math.nan, 5), (5, 2.0, 0)])
def test_nothing_to_draw_is_refused(n, block_length, replications):
    with pytest.raises(UserError):
        drawn_blocks(n, block_length, replications, np.random.default_rng(0))
