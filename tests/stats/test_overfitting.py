"""Answers: oracles E7 and E8 of the evidence specification, a slow program (itertools, numpy per combination)."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpscope.core.errors import UserError
from perpscope.stats.overfitting import probability_of_overfitting

E7 = (
    np.array(
        [
            [3, 1, 2, -1, 4, 0, 2, 1, -2, 3, 0, 1],
            [5, 4, 6, -3, -2, -4, 1, 0, 2, -1, -5, -2],
            [0, 1, 0, 1, 2, 1, 0, 2, 1, 0, 1, 2],
            [-2, 6, -3, 5, -4, 7, -1, 4, -3, 6, -2, 5],
        ]
    ).T
    * 1e-4
)


def slow_overfitting(returns: np.ndarray, blocks: int, by_sharpe: bool) -> tuple[float, list[float], list[int]]:
    def score(part: np.ndarray) -> np.ndarray:
        return part.mean(axis=0) / part.std(axis=0, ddof=1) if by_sharpe else part.mean(axis=0)

    length = len(returns) // blocks
    parts = np.split(returns[len(returns) - length * blocks :], blocks)
    logits, picks = [], []
    for inside in itertools.combinations(range(blocks), blocks // 2):
        outside = [b for b in range(blocks) if b not in inside]
        best = int(np.argmax(score(np.concatenate([parts[b] for b in inside]))))
        rank = 1 + np.count_nonzero(
            score(np.concatenate([parts[b] for b in outside])) < score(np.concatenate([parts[b] for b in outside]))[best]
        )
        w = rank / (returns.shape[1] + 1)
        logits.append(math.log(w / (1 - w)))
        picks.append(best)
    return float(np.mean(np.array(logits) <= 0)), logits, picks


def test_every_combination_of_oracle_E7_is_reproduced():
    found = probability_of_overfitting(E7, blocks=4)
    assert "".join("ABCD"[k] for k in found.chosen) == "CBACCC"
    assert found.ranks.tolist() == [4, 1, 3, 3, 3, 4]
    assert found.probability == 1 / 6


def test_pbo_gives_oracle_E8():
    j, t = np.arange(10)[None, :], np.arange(240)[:, None]
    returns = ((((7 * j + 3) * (t + 1) ** 2 + 11 * j * t) % 101) - 50) / 1000
    found = probability_of_overfitting(returns, blocks=8)
    assert len(found.logits) == 70
    assert round(found.probability, 10) == 0.0428571429


@pytest.mark.parametrize("performance", ["sharpe", "mean"])
@pytest.mark.parametrize(("rows", "blocks"), [(120, 8), (127, 6), (45, 2)])
def test_sums_per_block_agree_with_the_slow_program(rows, blocks, performance):
    returns = np.random.default_rng(rows).standard_normal((rows, 9)) * 0.01 + np.linspace(-0.002, 0.002, 9)
    found = probability_of_overfitting(returns, blocks, performance)
    probability, logits, picks = slow_overfitting(returns, blocks, performance == "sharpe")
    assert found.probability == probability
    np.testing.assert_allclose(found.logits, logits, atol=1e-12)
    assert found.chosen.tolist() == picks
    assert found.rows_left_out == rows % blocks


def test_in_and_out_of_sample_performance_are_the_halves_own_sharpe_ratios():
    found = probability_of_overfitting(E7, blocks=4)
    inside, outside = E7[:6, 2], E7[6:, 2]
    assert found.in_sample[0] == pytest.approx(inside.mean() / inside.std(ddof=1), rel=1e-12)
    assert found.out_of_sample[0] == pytest.approx(outside.mean() / outside.std(ddof=1), rel=1e-12)
    assert found.probability_of_loss == 1 / 6


@given(st.integers(0, 1000), st.permutations(range(6)))
def test_the_order_of_strategies_does_not_matter(seed, order):
    returns = np.random.default_rng(seed).integers(-5, 6, size=(24, 6)).astype(float)
    returns[0] += np.arange(6) * 1e-3  # keeps columns apart and from being constant
    first = probability_of_overfitting(returns, 4)
    again = probability_of_overfitting(returns[:, order], 4)
    np.testing.assert_allclose(first.logits, again.logits, atol=1e-12)


def test_ties_out_of_sample_share_the_middle_rank():
    x = np.random.default_rng(3).standard_normal((40, 3))
    found = probability_of_overfitting(np.column_stack([x[:, 0] + 9, x[:, 0] + 9, x[:, 1:]]), 4)
    assert found.ranks.tolist() == [3.5] * 6


def test_of_equals_in_sample_the_one_that_does_worst_out_of_sample_counts():
    # blocks of two rows; the first block says 1 for both A and B, the second 5 for A and -5 for B
    a, b, c = [1, 1, 5, 5], [1, 1, -5, -5], [0, 0, 0, 0]
    for order in ((0, 1, 2), (1, 0, 2), (2, 1, 0)):
        found = probability_of_overfitting(np.array([a, b, c])[list(order)].T, 2, "mean")
        assert order[found.chosen[0]] == 1
        assert found.ranks[0] == 1.0


def test_choosing_among_noise_is_worth_nothing_on_average():
    rng = np.random.default_rng(7)
    found = [probability_of_overfitting(rng.standard_normal((160, 20)), 8).probability for _ in range(150)]
    assert 0.45 < np.mean(found) < 0.58


def test_one_strategy_that_is_truly_better_is_not_overfitting():
    returns = np.random.default_rng(8).standard_normal((800, 20)) + np.eye(20)[3] * 0.5
    found = probability_of_overfitting(returns, 16)
    assert found.probability < 0.01
    assert set(found.chosen.tolist()) == {3}
    assert len(found.logits) == 12_870


def test_a_strategy_that_never_trades_performs_zero():
    returns = np.random.default_rng(9).standard_normal((80, 3))
    returns[:, 1] = 0.0
    probability_of_overfitting(returns, 8)
    returns[:, 0] -= 10.0
    returns[:, 2] -= 10.0
    assert set(probability_of_overfitting(returns, 8).chosen.tolist()) == {1}


def test_a_constant_gain_is_refused_and_never_infinite():
    returns = np.random.default_rng(9).standard_normal((80, 3))
    returns[:, 1] = 0.001
    with pytest.raises(UserError, match="Strategy 1 has constant returns"):
        probability_of_overfitting(returns, 8)
    assert set(probability_of_overfitting(returns + [-9, 0, -9], 8, "mean").chosen.tolist()) == {1}


@pytest.mark.parametrize(
    ("shape", "blocks"), [((100, 1), 4), ((100, 5), 3), ((100, 5), 0), ((7, 5), 4), ((10, 240), 8), ((1000, 3), 26)]
)
def test_what_cannot_be_cut_is_refused(shape, blocks):
    with pytest.raises(UserError):
        probability_of_overfitting(np.random.default_rng(0).standard_normal(shape), blocks)
