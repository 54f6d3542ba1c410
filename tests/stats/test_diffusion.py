"""Answers: oracles E17, E22 and E23 of the evidence specification, simulated random walks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpscope.core.errors import UserError
from perpscope.stats.diffusion import drawdown_probability, touch_probability, up_first_probability


def test_the_first_barrier_is_oracle_E17():
    assert round(up_first_probability(0.1, 1.0, 1.0, 1.0), 6) == 0.549834
    assert up_first_probability(0.0, 1.0, 1.0, 1.0) == 0.5


@given(st.floats(-5, 5), st.floats(0.01, 10), st.floats(0.1, 5))
def test_symmetric_barriers_follow_the_logistic_law(drift, d, sd):
    assert up_first_probability(drift, d, d, sd) == pytest.approx(1 / (1 + math.exp(-2 * drift * d / sd**2)), rel=1e-9)


@given(st.floats(-3, 3), st.floats(0.1, 5), st.floats(0.1, 5))
def test_up_first_and_down_first_are_mirror_images(drift, up, down):
    mirrored = up_first_probability(-drift, down, up, 1.0)
    assert up_first_probability(drift, up, down, 1.0) + mirrored == pytest.approx(1.0, abs=1e-9)


def test_a_walk_on_a_line_meets_its_barriers_as_often():
    # a walk with p = 0.55 between +6 and -4: the ruin formula with q/p; a diffusion with the same exp(2 m / s^2)
    p, up, down = 0.55, 6, 4
    ratio = (1 - p) / p
    exact = (1 - ratio**down) / (1 - ratio ** (up + down))
    assert up_first_probability(math.log(p / (1 - p)) / 2, up, down, 1.0) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize(("kelly", "answer"), [(1, 50), (1 / 2, 12.5), (1 / 3, 3.125), (1 / 4, 0.78)])
def test_losing_half_is_oracle_E22(kelly, answer):
    assert round(100 * drawdown_probability(0.5, kelly), 3 if answer > 1 else 2) == answer


def test_at_twice_kelly_ruin_is_certain():
    assert drawdown_probability(0.01, 2.0) == 1.0
    assert drawdown_probability(0.01, 5.0) == 1.0


@pytest.mark.parametrize(
    ("leverage", "hours", "answer"),
    [(10, 24, 0.000455), (10, 168, 0.185149), (20, 24, 0.101884), (50, 8, 0.331835), (100, 24, 0.834413)],
)
def test_touching_the_liquidation_price_is_oracle_E23(leverage, hours, answer):
    distance = -math.log(1 - (1 / leverage - 0.004))
    assert round(touch_probability(distance, 0.55, hours / 8760), 6) == answer


def test_simulated_paths_touch_as_often():
    rng = np.random.default_rng(1)
    steps = rng.standard_normal((4000, 2000)) / math.sqrt(2000)
    touched = (steps.cumsum(axis=1).max(axis=1) >= 1.0).mean()
    # a path looked at 2,000 times misses touches between looks: the barrier is 0.5826 steps farther (Broadie et al. 1997)
    assert touched == pytest.approx(touch_probability(1.0 + 0.5826 / math.sqrt(2000), 1.0, 1.0), abs=0.025)


def test_impossible_walks_are_refused():
    with pytest.raises(UserError):
        up_first_probability(0.0, 0.0, 1.0, 1.0)
    with pytest.raises(UserError):
        touch_probability(-0.1, 0.5, 1.0)
    with pytest.raises(UserError):
        drawdown_probability(1.5, 1.0)
