"""Answers: scipy.stats (ranks, Spearman, Mann-Whitney), the inverse of the rank correlation matrix for partial Spearman, loops
over all pairs for AUC and DeLong, and a lift that draws ties at random."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from perpscope.core.errors import UserError
from perpscope.stats.clusters import cluster_bootstrap
from perpscope.stats.interval import binomial_band
from perpscope.stats.rank import (
    area_under_curve,
    auc,
    lift_in_strata,
    partial_rank_correlation,
    partial_spearman,
    rank_correlation,
    ranks,
    spearman,
)

few_values = st.lists(st.integers(0, 8), min_size=4, max_size=40)


@given(few_values)
def test_ranks_agree_with_scipy(values):
    np.testing.assert_array_equal(ranks(values), scipy_stats.rankdata(values))


@given(few_values, st.integers(0, 99))
def test_spearman_agrees_with_scipy_also_with_ties(values, seed):
    x = np.array(values, dtype=float)
    y = np.random.default_rng(seed).integers(0, 5, len(x)).astype(float)
    if np.ptp(x) > 0 and np.ptp(y) > 0:
        found = spearman(x, y)
        assert found.value == pytest.approx(scipy_stats.spearmanr(x, y).statistic, abs=1e-12)
        assert rank_correlation(x, y) == found.value
    else:
        assert "constant" in spearman(x, y).note


@pytest.mark.parametrize("controls", [1, 2, 4])
def test_partial_spearman_is_that_of_the_inverse_rank_correlation_matrix(controls):
    rng = np.random.default_rng(controls)
    z = rng.standard_normal((200, controls))
    x, y = z.sum(axis=1) + rng.standard_normal(200), z[:, 0] + rng.integers(-2, 3, 200)
    inverse = np.linalg.inv(np.corrcoef(np.column_stack([ranks(v) for v in (x, y, *z.T)]).T))
    answer = -inverse[0, 1] / math.sqrt(inverse[0, 0] * inverse[1, 1])
    found = partial_spearman(x, y, z)
    assert found.value == pytest.approx(answer, abs=1e-10)
    half = scipy_stats.norm.ppf(0.975) * math.sqrt((1 + answer**2 / 2) / (200 - 3 - controls))
    assert found.low == pytest.approx(math.tanh(math.atanh(answer) - half), abs=1e-9)
    assert found.high == pytest.approx(math.tanh(math.atanh(answer) + half), abs=1e-9)


def test_a_common_cause_is_taken_out():
    rng = np.random.default_rng(1)
    false = 0
    for _ in range(300):
        size = rng.standard_normal(150)
        x, y = np.exp(size + rng.standard_normal(150)), size + rng.standard_normal(150)
        assert spearman(x, y).excludes(0.0)
        false += partial_spearman(x, y, size[:, None]).excludes(0.0)
    low, high = binomial_band(300, 0.05, 0.999)
    assert low <= false <= high


def test_nothing_is_left_of_a_column_that_its_controls_explain():
    x = np.arange(30.0)
    found = partial_spearman(x, np.sin(x), np.exp(x / 10)[:, None])
    assert math.isnan(found.value)
    assert found.note


@given(few_values, st.integers(0, 99))
def test_auc_and_its_interval_agree_with_loops_over_all_pairs(values, seed):
    s = np.array(values, dtype=float)
    y = np.random.default_rng(seed).integers(0, 2, len(s))
    hits, misses = s[y == 1], s[y == 0]
    if len(hits) == 0 or len(misses) == 0:
        assert math.isnan(auc(s, y).value)
        return
    wins = (hits[:, None] > misses[None, :]) + 0.5 * (hits[:, None] == misses[None, :])
    found = auc(s, y, 0.9)
    assert found.value == pytest.approx(wins.mean(), abs=1e-12)
    assert found.value == pytest.approx(scipy_stats.mannwhitneyu(hits, misses).statistic / wins.size, abs=1e-12)
    if len(hits) > 1 and len(misses) > 1:
        error = math.sqrt(wins.mean(axis=1).var(ddof=1) / len(hits) + wins.mean(axis=0).var(ddof=1) / len(misses))
        half = scipy_stats.norm.ppf(0.95) * error
        assert found.low == pytest.approx(max(0.0, wins.mean() - half), abs=1e-12)
        assert found.high == pytest.approx(min(1.0, wins.mean() + half), abs=1e-12)


def test_auc_of_a_useless_score_is_called_skill_no_more_often_than_it_says():
    rng = np.random.default_rng(2)
    false = sum(auc(rng.standard_normal(200), rng.random(200) < 0.3).excludes(0.5) for _ in range(500))
    low, high = binomial_band(500, 0.055, 0.999)
    assert low <= false <= high


def test_a_day_block_interval_of_any_rank_statistic():
    rng = np.random.default_rng(3)
    day = np.repeat(np.arange(30), 8)
    x = np.repeat(rng.standard_normal(30), 8)
    y = x + np.repeat(rng.standard_normal(30), 8)
    by_day = cluster_bootstrap(rank_correlation, x, y, clusters=day, rng=rng, replications=300)
    by_row = spearman(x, y)
    assert by_day.high - by_day.low > 1.8 * (by_row.high - by_row.low)
    hit = (y > 0).astype(float)
    assert cluster_bootstrap(area_under_curve, x, hit, clusters=day, rng=rng, replications=100).value > 0.5
    assert cluster_bootstrap(partial_rank_correlation, x, y, x + y, clusters=day, rng=rng, replications=50).value < 0


def slow_lift(scores, outcome, strata, fraction, rng) -> float:
    """The best rows of each stratum in an order where ties are drawn; the border row counts by its part."""
    picked = expected = 0.0
    for layer in np.unique(strata):
        s, y = scores[strata == layer], outcome[strata == layer]
        order = np.lexsort((rng.random(len(s)), -s))
        room = fraction * len(s)
        for row in order:
            part = min(1.0, room)
            picked += part * y[row]
            room -= part
            if room <= 0:
                break
        expected += fraction * y.sum()
    return picked / expected


def test_lift_is_the_mean_over_random_orders_of_ties():
    rng = np.random.default_rng(4)
    scores, outcome = rng.integers(0, 4, 60).astype(float), rng.random(60)
    strata = rng.integers(0, 3, 60)
    slow = np.mean([slow_lift(scores, outcome, strata, 0.25, rng) for _ in range(4000)])
    found = lift_in_strata(scores, outcome, strata, rng=rng, fraction=0.25, replications=100)
    assert found.value == pytest.approx(slow, rel=0.01)


@given(st.integers(0, 500))
def test_lift_without_ties_agrees_with_the_slow_program_and_does_not_depend_on_order(seed):
    rng = np.random.default_rng(seed)
    scores, outcome, strata = rng.permutation(37).astype(float), rng.random(37), rng.integers(0, 4, 37)
    fraction = float(rng.uniform(0.05, 0.9))
    found = lift_in_strata(scores, outcome, strata, rng=np.random.default_rng(0), fraction=fraction, replications=20)
    assert found.value == pytest.approx(slow_lift(scores, outcome, strata, fraction, rng), rel=1e-9)
    order = rng.permutation(37)
    again = lift_in_strata(
        scores[order], outcome[order], strata[order], rng=np.random.default_rng(0), fraction=fraction, replications=20
    )
    assert again.value == pytest.approx(found.value, rel=1e-12)
    assert found.low <= found.value <= found.high


def test_a_score_that_only_knows_the_stratum_has_no_lift():
    rng = np.random.default_rng(5)
    strata = np.repeat(np.arange(5), 200)
    outcome = (rng.random(1000) < 0.1 * (1 + strata)).astype(float)
    score = strata.astype(float)
    found = lift_in_strata(score, outcome, strata, rng=rng)
    assert found.value == pytest.approx(1.0)
    pooled = lift_in_strata(score, outcome, np.zeros(1000, dtype=int), rng=rng)
    assert pooled.low > 1.2


def test_lift_of_noise_covers_one():
    rng = np.random.default_rng(6)
    strata = np.repeat(np.arange(4), 100)
    inside = sum(
        not lift_in_strata(
            rng.random(400), rng.random(400) ** 2, strata, rng=rng, fraction=0.2, replications=200, level=0.9
        ).excludes(1.0)
        for _ in range(200)
    )
    assert binomial_band(200, 0.87, 0.999)[0] <= inside <= binomial_band(200, 0.92, 0.999)[1]


def test_lift_needs_outcomes_somewhere():
    found = lift_in_strata([1.0, 2.0, 3.0], [0, 0, 0], [0, 0, 0], rng=np.random.default_rng(0), replications=5)
    assert math.isnan(found.value)
    assert found.note == "no outcome anywhere"
    with pytest.raises(UserError, match="negative"):
        lift_in_strata([1.0, 2.0, 3.0], [0, -1, 0], [0, 0, 0], rng=np.random.default_rng(0))
    with pytest.raises(UserError, match="fraction"):
        lift_in_strata([1.0, 2.0, 3.0], [0, 1, 0], [0, 0, 0], rng=np.random.default_rng(0), fraction=10)
    with pytest.raises(UserError, match="only 0 and 1"):
        auc([1.0, 2.0], [0, 2])
