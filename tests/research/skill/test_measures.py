"""Strata, barriers, touches, ranks and p-values. Answers: pairs counted one by one, barriers by hand, scipy, a random walk."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from perpscope.research.skill.blocks import DayBlocks
from perpscope.research.skill.conditions import trailing_maximum
from perpscope.research.skill.judge import p_value
from perpscope.research.skill.magnet import first_hit, logistic, magnet
from perpscope.research.skill.profile import Profile
from perpscope.research.skill.protocol import protocol
from perpscope.research.skill.result import verdict
from perpscope.research.skill.sample import Sample
from perpscope.research.skill.strata import concordance, strata, top_lift
from perpscope.research.skill.touch import touches
from perpscope.research.skill.verdicts import held_together
from perpscope.stats.interval import Estimate
from perpscope.stats.rank import area_under_curve
from research.skill.markets import study


def blocks(draws: int = 100) -> DayBlocks:
    return DayBlocks(np.random.default_rng(0), draws, 0.95)


@given(seed=st.integers(0, 1000), groups=st.integers(1, 4))
@settings(max_examples=20)
def test_concordance_counts_pairs_of_one_stratum(seed, groups):
    rng = np.random.default_rng(seed)
    stratum, x, y = rng.integers(0, groups, 40).astype(float), rng.integers(0, 8, 40) / 8.0, rng.integers(0, 5, 40) / 1.0
    right = pairs = 0.0
    for i in range(40):
        for j in range(i):
            if stratum[i] == stratum[j] and y[i] != y[j]:
                pairs += 1
                right += 0.5 if x[i] == x[j] else float((x[i] > x[j]) == (y[i] > y[j]))
    assert concordance(stratum, x, y) == pytest.approx(right / pairs)


def test_concordance_of_two_outcomes_is_the_area_under_the_curve():
    rng = np.random.default_rng(1)
    x, y = rng.random(60), rng.integers(0, 2, 60).astype(float)
    assert concordance(np.zeros(60), x, y) == pytest.approx(area_under_curve(x, y))


def test_lift_is_taken_within_strata_so_that_a_large_stratum_alone_is_no_skill():
    stratum = np.repeat([0.0, 1.0], 20)
    reported = np.repeat([1.0, 100.0], 20)
    assert top_lift(stratum, np.arange(40.0), reported, 0.1) == pytest.approx(1.0)


def test_strata_hold_equally_far_sweeps_of_one_side_only():
    sample = Sample(study(1), protocol())
    label = strata(sample)
    p = protocol().strata
    for one in np.unique(label[label >= 0]):
        bar, side = np.nonzero(label == one)
        assert len(set(side.tolist())) == 1
        far = sample.excursion[bar, side] / sample.sigma[bar]
        rest = sample.test[:, side[0]] & (sample.excursion[:, side[0]] > 0)
        everything = (sample.excursion[:, side[0]] / sample.sigma)[rest]
        decile = np.searchsorted(np.sort(everything), far) * p.distance // len(everything)
        assert np.ptp(decile) <= 1


def test_the_first_barrier_met_decides_and_both_in_one_bar_decide_nothing():
    high, low = np.array([0.5, 0.5, 2.0, 0.0]), np.array([-0.5, -2.0, 0.0, 0.0])
    before, distance = np.zeros(4), np.ones(4)
    assert first_hit(high, low, before, np.array([0, 2, 3]), distance, 1).tolist() == [0, 1, 0]
    assert first_hit(high, low, before, np.array([0]), distance, 4).tolist() == [-1]
    assert first_hit(np.array([2.0]), np.array([-2.0]), np.zeros(1), np.array([0]), np.ones(1), 1).tolist() == [0]


def test_the_logistic_fit_is_the_maximum():
    rng = np.random.default_rng(2)
    x = np.column_stack([np.ones(300), rng.standard_normal((300, 2))])
    y = (rng.random(300) < 1 / (1 + np.exp(-(x @ [0.2, 0.8, -0.4])))).astype(float)

    def loss(b):
        z = x @ b
        return np.log1p(np.exp(-np.where(y == 1, z, -z))).sum() + 0.5 * 1e-3 * 300 * (b**2).sum()

    assert logistic(x, y) == pytest.approx(minimize(loss, np.zeros(3), method="BFGS").x, abs=1e-4)


def planted(sample: Sample, strength: float, seed: int) -> Profile:
    """A map that is heavier above where price will go up first: with strength 0 it knows nothing."""
    bars = sample.study.bars
    close = np.log(bars["close"])
    before = np.concatenate([close[:1], close[:-1]])
    daily = sample.sigma * np.sqrt(24.0)
    at = np.arange(len(bars) - 24)
    went = np.zeros(len(bars))
    went[at] = first_hit(np.log(bars["high"]), np.log(bars["low"]), before, at, daily, 24)
    rng = np.random.default_rng(seed)
    tilt = strength * went + rng.standard_normal(len(bars))
    mass = np.stack([np.exp(-tilt / 2), np.exp(tilt / 2)], axis=1)
    return Profile(np.repeat(mass[:, :, None], 300, axis=2), 1e-3)


def test_a_planted_magnet_is_found_and_none_is_not():
    sample = Sample(study(3, 90), protocol())
    pull = magnet(sample, planted(sample, 1.0, 0), 1.0, blocks()).pull
    assert pull.low > 0.0
    misses = sum(magnet(sample, planted(sample, 0.0, s), 1.0, blocks()).pull.excludes(0.0) for s in range(12))
    assert misses <= 3


def test_touch_chances_of_a_random_walk_are_honest():
    sample = Sample(study(4, 150), protocol())
    found = touches(sample, 4, blocks())
    assert not isinstance(found, str)
    assert not found.bias.excludes(0.0)
    assert found.skill.low > 0.2
    assert found.miscalibration < 0.01


def test_a_horizon_without_history_is_refused_in_a_sentence():
    sample = Sample(study(4, 30), protocol())
    assert isinstance(touches(sample, 168 * 4, blocks()), str)


def test_the_trailing_maximum_is_that_of_the_bars_before():
    values = np.random.default_rng(0).random(30)
    expected = [values[0], *(values[max(0, t - 5) : t].max() for t in range(1, 30))]
    assert trailing_maximum(values, 5) == pytest.approx(expected)


def test_a_crossed_profile_is_its_sum():
    mass = np.random.default_rng(0).random((4, 2, 10))
    one = Profile(mass, 0.1)
    assert one.crossed(np.full((4, 2), 0.55)) == pytest.approx(mass[:, :, :5].sum(2) + 0.5 * mass[:, :, 5])
    assert one.between(np.full(4, 0.2), np.full(4, 0.4)) == pytest.approx(mass[:, :, 2:4].sum(2))


def test_p_values_use_the_arm_that_points_at_zero():
    wide_above = Estimate(1.0, 0.5, 9.0, 0.95, 10, "x")
    assert p_value(wide_above) == pytest.approx(2 * 4.4e-5, rel=0.02)  # z = 1.96 / .5 = 3.92
    assert p_value(Estimate(-1.0, -9.0, -0.5, 0.95, 10, "x")) == pytest.approx(p_value(wide_above))
    assert p_value(Estimate(1.0, float("nan"), float("nan"), 0.95, 10, "x", "none")) == 1.0


def test_a_claim_that_does_not_survive_its_family_says_so():
    weak, strong = Estimate(0.1, 0.005, 0.2, 0.95, 100, "x"), Estimate(1.0, 0.8, 1.2, 0.95, 100, "x")
    claims = [(verdict(name, e, "up", "down", "same"), e) for name, e in (("a", weak), ("b", weak), ("c", strong))]
    held = held_together(["a", "b", "c"], claims)
    assert "Not after Holm's adjustment over 3 claims" in held[0].sentence
    assert "Holm" not in held[2].sentence
    assert held[2].p_holm == pytest.approx(3 * held[2].p)


def test_fewer_than_three_days_have_no_interval():
    day = np.zeros(10, np.int64)
    assert not blocks().mean(np.ones(10), day).has_interval
    assert not blocks().ratio(np.ones(10), np.ones(10), day).has_interval
    rare = blocks().ratio(np.ones(30), (np.arange(30) == 3).astype(float), np.arange(30))
    assert rare.value == pytest.approx(30.0)
    assert not rare.has_interval


def test_weeks_are_judged_by_what_lies_a_purge_before_them():
    sample = Sample(study(5), protocol())
    for i, edge in enumerate(sample.edges[:-1]):
        train, week = sample.train(edge), sample.week(i)
        assert sample.ref[train.any(1)].max() < edge - 24 * 3600 * 10**9
        assert sample.ref[week.any(1)].min() >= edge
    silent = replace(sample.study, totals=sample.study.totals[:0])
    assert not Sample(silent, protocol()).test.any()
