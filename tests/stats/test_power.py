"""Answers: oracles E20, E21 and E24 of the evidence specification, simulation of the tests they plan."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special

from perpscope.core.errors import UserError
from perpscope.stats.interval import binomial_band
from perpscope.stats.power import break_even_hit_rate, power_of_mean, trades_needed


@pytest.mark.parametrize(
    ("cost_bps", "stop_bps", "answer"), [(10, 25, 46.7), (10, 50, 40.0), (10, 100, 36.7), (10, 200, 35.0), (14, 25, 52.0)]
)
def test_break_even_hit_rates_are_oracle_E20(cost_bps, stop_bps, answer):
    assert round(100 * break_even_hit_rate(cost_bps, stop_bps, 2.0), 1) == answer


@pytest.mark.parametrize(
    ("tests", "edge", "answer"),
    [(1, 0.05, 5564), (1, 0.1, 1391), (1, 0.2, 348), (45, 0.05, 13_692), (45, 0.1, 3423), (45, 0.2, 856)],
)
def test_trades_needed_are_oracle_E21(tests, edge, answer):
    assert round(trades_needed(edge, 1.5, tests=tests)) == answer


def test_the_planted_edge_is_oracle_E24():
    assert round(8 / (60 / math.sqrt(2000)), 3) == 5.963
    assert math.ceil(trades_needed(3, 60)) == 2474
    assert power_of_mean(8, 60, 2000) == pytest.approx(special.ndtr(5.963 - 1.644854), abs=1e-6)


def test_a_planned_test_finds_its_edge_as_often_as_planned():
    rng = np.random.default_rng(1)
    n = round(trades_needed(0.2, 1.5))
    x = rng.standard_normal((1000, n)) * 1.5 + 0.2
    found = np.count_nonzero(x.mean(axis=1) / (1.5 / math.sqrt(n)) > special.ndtri(0.95))
    low, high = binomial_band(1000, 0.8, 0.999)
    assert low <= found <= high


def test_at_break_even_the_expectation_is_zero():
    cost, stop, multiple = 0.0012, 0.004, 3.0
    p = break_even_hit_rate(cost, stop, multiple)
    assert p * (multiple * stop - cost) + (1 - p) * (-stop - cost) == pytest.approx(0.0, abs=1e-15)


def test_impossible_plans_are_refused():
    with pytest.raises(UserError):
        break_even_hit_rate(0.001, 0.0, 2.0)
    with pytest.raises(UserError):
        trades_needed(0.0, 1.5)
    with pytest.raises(UserError):
        power_of_mean(0.1, 0.0, 100)
