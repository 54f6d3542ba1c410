"""Answers: hand-made clusters, a slow program that resamples them row by row, coverage of a true mean by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpscope.core.errors import UserError
from perpscope.stats.blocks import resampled_rows
from perpscope.stats.clusters import Groups, cluster_bootstrap, cluster_mean, cluster_ratio
from perpscope.stats.interval import binomial_band, mean_interval


def test_clusters_keep_their_rows_together_wherever_they_stand():
    groups = Groups(np.array([7, 3, 7, 5]), 4)
    assert [rows.tolist() for rows in groups.rows] == [[1], [3], [0, 2]]
    assert groups.sums(np.array([1.0, 2.0, 4.0, 8.0])).tolist() == [2.0, 8.0, 5.0]


@given(st.lists(st.integers(0, 6), min_size=8, max_size=40), st.integers(0, 20))
def test_the_general_and_the_fast_bootstrap_draw_the_same_clusters(labels, seed):
    clusters = np.array([0, 1, 2, *labels])
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal(len(clusters)), rng.random(len(clusters)) + 0.1
    fast = cluster_ratio(x, y, clusters, rng=np.random.default_rng(seed), replications=60)
    general = cluster_bootstrap(
        lambda a, b: float(a.sum() / b.sum()), x, y, clusters=clusters, rng=np.random.default_rng(seed), replications=60
    )
    assert (fast.value, fast.low, fast.high) == pytest.approx((general.value, general.low, general.high), rel=1e-9, abs=1e-12)
    assert fast.low <= fast.value <= fast.high


def test_row_weights_count_how_often_the_cluster_was_drawn():
    clusters = np.array([0, 0, 1, 2, 2, 2])
    drawn = list(resampled_rows(3, 1.0, 30, np.random.default_rng(1)))
    for weight, days in zip(Groups(clusters, 6).weights(1.0, 30, np.random.default_rng(1)), drawn):
        assert weight.tolist() == [days.tolist().count(c) for c in clusters]


def test_rows_that_share_a_day_get_a_day_wide_interval():
    rng = np.random.default_rng(3)
    honest = naive = 0
    for _ in range(200):
        day = np.repeat(np.arange(60), 24)
        x = np.repeat(rng.standard_normal(60), 24) + rng.standard_normal(60 * 24)
        honest += not cluster_mean(x, day, rng=rng, replications=400, level=0.9).excludes(0.0)
        naive += not mean_interval(x, 0.9).excludes(0.0)
    low, high = binomial_band(200, 0.9, 0.999)
    assert low <= honest <= high
    assert naive < low - 20


def test_dependent_days_are_given_longer_blocks_on_request():
    rng = np.random.default_rng(5)
    level = np.cumsum(rng.standard_normal(200)) * 0.3 + rng.standard_normal(200)
    day = np.repeat(np.arange(200), 4)
    x = np.repeat(level, 4)
    single = cluster_mean(x, day, rng=np.random.default_rng(1))
    blocked = cluster_mean(x, day, rng=np.random.default_rng(1), block_length=None)
    assert blocked.high - blocked.low > 1.5 * (single.high - single.low)
    assert "block 1," in single.method


def test_the_order_of_rows_within_the_data_does_not_matter():
    rng = np.random.default_rng(6)
    day, x = np.repeat(np.arange(20), 3), rng.standard_normal(60)
    order = rng.permutation(60)
    first = cluster_mean(x, day, rng=np.random.default_rng(1))
    again = cluster_mean(x[order], day[order], rng=np.random.default_rng(1))
    assert (first.low, first.high) == pytest.approx((again.low, again.high), rel=1e-12)


def test_an_empty_denominator_gives_no_ratio_and_says_so():
    found = cluster_ratio([1.0, 2.0, 3.0], [0.0, 0.0, 0.0], [1, 2, 3], rng=np.random.default_rng(0))
    assert math.isnan(found.value)
    assert "denominator" in found.note


def test_two_clusters_are_refused():
    with pytest.raises(UserError, match="at least 3"):
        cluster_mean([1.0, 2.0, 3.0], [1, 1, 2], rng=np.random.default_rng(0))
    with pytest.raises(UserError, match="one label per row"):
        cluster_mean([1.0, 2.0, 3.0], [1, 2], rng=np.random.default_rng(0))
    with pytest.raises(UserError, match="integers"):
        cluster_mean([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], rng=np.random.default_rng(0))
