"""Answers: a slow program of the range statistic on the same rows (arch is what is called); coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from arch.bootstrap import StationaryBootstrap

from perpscope.core.errors import UserError
from perpscope.stats.confidence_set import model_confidence_set
from perpscope.stats.interval import binomial_band


def slow_confidence_set(losses: np.ndarray, rows: list[np.ndarray]) -> np.ndarray:
    """Hansen, Lunde and Nason, table 1: drop the model with the largest t while the set's range is significant."""
    means = losses.mean(axis=0)
    drawn = np.array([losses[r].mean(axis=0) for r in rows])
    left, p_values, so_far = list(range(losses.shape[1])), np.ones(losses.shape[1]), 0.0
    while len(left) > 1:
        worst, out, null = -1.0, left[0], np.zeros(len(rows))
        for i in left:
            for j in left:
                if i == j:
                    continue
                noise = (drawn[:, i] - drawn[:, j]) - (means[i] - means[j])
                sd = np.sqrt(np.mean(noise**2))
                null = np.maximum(null, np.abs(noise) / sd)
                if (means[i] - means[j]) / sd > worst:
                    worst, out = (means[i] - means[j]) / sd, i
        so_far = max(so_far, float(np.mean(null > worst)))
        p_values[out] = so_far
        left.remove(out)
    return p_values


def test_p_values_agree_with_a_slow_program_on_the_same_rows():
    rng = np.random.default_rng(1)
    losses = rng.standard_normal((150, 4)) + [0.0, 0.1, 0.25, 0.5]
    found = model_confidence_set(losses, rng=np.random.default_rng(5), replications=400, block_length=4)
    resampler = StationaryBootstrap(4, np.arange(150), seed=np.random.default_rng(5))
    rows = [resampler.update_indices().copy() for _ in range(400)]
    np.testing.assert_allclose(found.p_values, slow_confidence_set(losses, rows), atol=0.02)


def test_the_set_holds_the_best_model_as_often_as_it_says():
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(100):
        losses = rng.standard_normal((120, 3)) + [0.0, 0.15, 0.4]
        held += bool(model_confidence_set(losses, rng=rng, confidence=0.9, replications=150, block_length=1).included[0])
    assert held >= binomial_band(100, 0.9, 0.999)[0]


def test_a_clearly_worse_model_leaves_and_the_order_of_models_does_not_matter():
    losses = np.random.default_rng(3).standard_normal((200, 3)) + [0.0, 2.0, 0.0]
    first = model_confidence_set(losses, rng=np.random.default_rng(0), replications=200)
    again = model_confidence_set(losses[:, ::-1], rng=np.random.default_rng(0), replications=200)
    assert first.included.tolist() == [True, False, True]
    assert again.included.tolist() == [True, False, True]


def test_one_model_is_refused():
    with pytest.raises(UserError, match="two models"):
        model_confidence_set(np.zeros((10, 1)), rng=np.random.default_rng(0))
