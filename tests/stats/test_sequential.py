"""Answers: oracle E26 of the evidence specification, a loop in plain Python, Wald's error rates by simulation, a Markov chain
for the run length of CUSUM."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from perpscope.core.errors import UserError
from perpscope.stats.interval import binomial_band
from perpscope.stats.sequential import cusum_path, sequential_ratio_test, sprt_bounds


def test_bounds_and_step_are_oracle_E26():
    assert tuple(round(b, 6) for b in sprt_bounds(0.05, 0.20)) == (2.772589, -1.558145)
    found = sequential_ratio_test([1.7, -1.0], null=0.0, edge=0.2, sd=1.5)
    steps = [0.2 / 2.25 * (x - 0.1) for x in (1.7, -1.0)]
    np.testing.assert_allclose(found.path, np.cumsum(steps), rtol=1e-12)
    assert (found.decision, found.decided_at) == ("open", 0)


def test_the_path_is_the_log_likelihood_ratio_of_two_normals():
    x = np.random.default_rng(0).standard_normal(30) * 1.5
    ratio = scipy_stats.norm.logpdf(x, 0.2, 1.5) - scipy_stats.norm.logpdf(x, 0.0, 1.5)
    found = sequential_ratio_test(x, null=0.0, edge=0.2, sd=1.5)
    np.testing.assert_allclose(found.path, np.cumsum(ratio), rtol=1e-9)


@pytest.mark.parametrize(("truth", "decision", "rate"), [(0.0, "edge", 0.05), (0.2, "no edge", 0.20)])
def test_errors_are_no_more_frequent_than_asked(truth, decision, rate):
    rng = np.random.default_rng(1)
    wrong = 0
    for _ in range(400):
        found = sequential_ratio_test(rng.standard_normal(4000) * 1.5 + truth, null=0.0, edge=0.2, sd=1.5)
        assert found.decision != "open"
        wrong += found.decision == decision
    assert wrong <= binomial_band(400, rate, 0.999)[1]


def test_a_decision_is_final():
    found = sequential_ratio_test([10.0] * 10 + [-10.0] * 100, null=0.0, edge=0.2, sd=1.5)
    assert found.decision == "edge"
    assert found.decided_at == 4
    assert found.path[found.decided_at - 2] < found.upper <= found.path[found.decided_at - 1]
    assert found.path[-1] < found.lower


def test_before_any_result_the_question_is_open():
    found = sequential_ratio_test([], null=0.0, edge=0.2, sd=1.5)
    assert found.decision == "open"
    assert len(found.path) == 0


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=60), st.floats(-1, 1), st.floats(0, 2))
def test_cusum_agrees_with_its_recursion(values, target, slack):
    s, expected = 0.0, []
    for x in values:
        s = max(0.0, s + (target - x) / 1.5 - slack)
        expected.append(s)
    np.testing.assert_allclose(cusum_path(values, target=target, sd=1.5, slack=slack), expected, atol=1e-9)


def test_the_false_alarm_interval_of_the_docstring_is_right():
    # Brook and Evans 1972: the sum as a Markov chain on a fine grid
    h, slack, cells = 5.0, 0.5, 400
    width = h / cells
    middle = (np.arange(cells) + 0.5) * width
    middle[0] = 0.0
    edges = np.arange(cells + 1) * width
    move = scipy_stats.norm.cdf(edges[None, 1:] - middle[:, None] + slack) - scipy_stats.norm.cdf(
        edges[None, :-1] - middle[:, None] + slack
    )
    move[:, 0] = scipy_stats.norm.cdf(edges[1] - middle + slack)
    length = np.linalg.solve(np.eye(cells) - move, np.ones(cells))[0]
    assert length == pytest.approx(930, rel=0.02)


def test_impossible_tests_are_refused():
    with pytest.raises(UserError):
        sprt_bounds(0.6, 0.5)
    with pytest.raises(UserError):
        sequential_ratio_test([1.0], null=0.2, edge=0.2, sd=1.0)
    with pytest.raises(UserError):
        cusum_path([1.0], target=0.0, sd=0.0)
