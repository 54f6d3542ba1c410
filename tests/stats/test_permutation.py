"""Answers: the uniform law of p-values without an effect, a complete list of permutations on a tiny case."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from perpscope.core.errors import UserError
from perpscope.stats.interval import binomial_band
from perpscope.stats.permutation import permutation_test


def product(signal: np.ndarray, response: np.ndarray) -> float:
    return float(signal @ response)


def test_random_shuffles_agree_with_all_permutations():
    signal, response = np.array([3.0, 1.0, 2.0, 0.0, 5.0]), np.array([2.0, 1.0, 3.0, 0.0, 1.5])
    everything = [product(np.array(p), response) for p in itertools.permutations(signal)]
    exact = np.mean(np.array(everything) >= product(signal, response) - 1e-9)
    found = permutation_test(product, signal, response, np.arange(5), rng=np.random.default_rng(1), draws=20_000)
    assert found.p_value == pytest.approx(exact, abs=0.02)


def test_a_p_value_is_never_zero():
    row = np.arange(40.0)
    found = permutation_test(product, row, row, np.arange(40), rng=np.random.default_rng(1), draws=19)
    assert found.p_value == 1 / 20


def test_days_stay_whole():
    seen = []

    def remember(signal, response):
        seen.append(signal.copy())
        return 0.0

    permutation_test(remember, np.arange(9), np.zeros(9), np.repeat([4, 5, 6], 3), rng=np.random.default_rng(0), draws=30)
    assert all(sorted(row.tolist()) == list(range(9)) for row in seen)
    for row in seen:
        assert (np.diff(row.reshape(3, 3), axis=1) == 1).all()
    assert len({tuple(row) for row in seen}) == 6


def test_a_signal_that_clusters_by_day_is_not_found_by_chance_more_often_than_it_says():
    rng = np.random.default_rng(2)
    false = 0
    for _ in range(300):
        signal = np.repeat(rng.standard_normal(25), 6)
        response = np.repeat(rng.standard_normal(25), 6) + rng.standard_normal(150)
        false += permutation_test(product, signal, response, np.repeat(np.arange(25), 6), rng=rng, draws=99).p_value <= 0.05
    low, high = binomial_band(300, 0.05, 0.999)
    assert low <= false <= high


def test_a_constant_signal_is_no_evidence():
    found = permutation_test(
        product, np.full(12, 0.1), np.sin(np.arange(12)), np.arange(12), rng=np.random.default_rng(0), draws=50
    )
    assert found.p_value == 1.0


def test_no_draws_are_refused():
    with pytest.raises(UserError):
        permutation_test(product, np.zeros(3), np.zeros(3), np.arange(3), rng=np.random.default_rng(0), draws=0)
