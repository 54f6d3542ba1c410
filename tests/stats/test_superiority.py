"""Answers: oracles E14 and E15 of the evidence specification; arch.bootstrap.SPA on the same bootstrap rows (raw statistic
only: its studentised one is not); Monte Carlo size on data without an effect; StepM by a slow program."""

from __future__ import annotations

import math

import numpy as np
import pytest
from arch.bootstrap import SPA, StationaryBootstrap
from hypothesis import given
from hypothesis import strategies as st

from perpscope.core.errors import UserError
from perpscope.stats.bootstrap import stationary_variance
from perpscope.stats.interval import binomial_band
from perpscope.stats.superiority import (
    draw_differences,
    given_differences,
    stepwise_selection,
    superior_predictive_ability,
)

MODELS = np.array(
    [[4, 1, -1], [0, -3, 2], [5, 2, -2], [-1, 3, 1], [3, -1, 0], [2, 0, -3], [1, 4, 1], [3, -2, 2], [-1, 0, -1], [4, 1, 0]]
)
BENCHMARK = np.array([1, -2, 3, 0, 1, -1, 2, 0, -3, 1])
E14 = MODELS - BENCHMARK[:, None] - 1.2
ROWS = [
    [int(digit) for digit in row]
    for row in ["0123456789", "3456789012", "7890127890", "1231234567", "5678905678", "2345890145", "9012390123", "4564564564"]
]


def test_spa_gives_oracle_E14():
    draws = given_differences(E14, ROWS)
    assert draws.means.round(12).tolist() == [0.6, -0.9, -1.5]
    assert draws.scale.round(6).tolist() == [1.214496, 0.741620, 1.350926]
    found = superior_predictive_ability(draws)
    assert round(found.statistic, 6) == 1.562267
    assert (found.p_lower, found.p_consistent, found.p_upper) == (1 / 8, 1 / 8, 2 / 8)
    assert found.best == 0


def test_studentising_finds_a_calm_winner_among_wild_losers_as_oracle_E15_asks():
    rng = np.random.default_rng(3)
    benchmark = rng.normal(0.0, 0.001, 500)
    models = np.column_stack([rng.normal(0.0, sd, 500) for sd in (0.001, 0.01, 0.03, 0.001, 0.02, 0.05)])
    models[:, 0] += 3e-4
    draws = draw_differences(models - benchmark[:, None], rng=rng, replications=4000, block_length=8)
    assert superior_predictive_ability(draws).p_consistent < 0.01
    assert superior_predictive_ability(draws, studentise=False).p_consistent > 0.5


@pytest.mark.parametrize("seed", range(6))
def test_the_raw_test_agrees_with_arch_on_the_same_rows(seed):
    rng = np.random.default_rng(seed)
    losses = rng.standard_normal((120, 5)) + rng.uniform(-0.3, 0.3, 5)
    benchmark = rng.standard_normal(120)
    theirs = SPA(benchmark, losses, block_size=6, reps=500, studentize=False, seed=np.random.default_rng(seed))
    theirs.compute()
    resampler = StationaryBootstrap(6, benchmark, seed=np.random.default_rng(seed))
    rows = [resampler.update_indices().copy() for _ in range(500)]
    # arch reads losses (lower is better), we read performance
    draws = given_differences(benchmark[:, None] - losses, rows)
    found = superior_predictive_ability(draws, studentise=False)
    if found.statistic > 0.0:
        assert found.p_upper == pytest.approx(theirs.pvalues["upper"], abs=1e-12)
        assert found.p_lower == pytest.approx(theirs.pvalues["lower"], abs=1e-12)
        assert found.p_consistent == pytest.approx(theirs.pvalues["consistent"], abs=0.02)


def test_the_spread_of_the_draws_is_hansens_long_run_variance():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((300, 3)).cumsum(axis=0) * 0.05 + rng.standard_normal((300, 3))
    draws = draw_differences(x, rng=np.random.default_rng(3), replications=20_000, block_length=10)
    exact = [math.sqrt(stationary_variance(column, 10)) for column in x.T]
    np.testing.assert_allclose(draws.scale, exact, rtol=0.03)


def slow_spa(draws) -> tuple[float, float, float]:
    """The three p-values, replication by replication, from the definition."""
    n, counts = draws.n, [0, 0, 0]
    t = [math.sqrt(n) * d / w for d, w in zip(draws.means, draws.scale)]
    observed = max(0.0, *t)
    for row in draws.drawn:
        largest = [0.0, 0.0, 0.0]
        for d, w, t_k, again in zip(draws.means, draws.scale, t, row):
            centres = max(0.0, d), d if t_k >= -math.sqrt(2 * math.log(math.log(n))) else 0.0, d
            for kind in range(3):
                largest[kind] = max(largest[kind], math.sqrt(n) * (again - centres[kind]) / w)
        for kind in range(3):
            counts[kind] += largest[kind] >= observed
    return tuple(count / len(draws.drawn) for count in counts)


@pytest.mark.parametrize("seed", range(10))
def test_the_studentised_test_agrees_with_a_slow_program(seed):
    rng = np.random.default_rng(seed)
    differences = rng.standard_normal((40, 12)) + rng.uniform(-0.5, 0.2, 12)
    draws = draw_differences(differences, rng=rng, replications=300, block_length=2)
    found = superior_predictive_ability(draws)
    assert (found.p_lower, found.p_consistent, found.p_upper) == slow_spa(draws)


def test_where_no_strategy_is_better_in_the_data_nothing_speaks_against_the_null():
    rng = np.random.default_rng(1)
    draws = draw_differences(rng.standard_normal((60, 3)) - 0.5, rng=rng, replications=100)
    found = superior_predictive_ability(draws)
    assert found.statistic == 0.0
    assert found.p_lower == found.p_consistent == found.p_upper == 1.0


@given(st.integers(0, 1000))
def test_the_three_p_values_are_in_order(seed):
    rng = np.random.default_rng(seed)
    differences = rng.standard_normal((40, 6)) * rng.uniform(0.1, 3, 6) + rng.uniform(-1, 0.3, 6)
    found = superior_predictive_ability(draw_differences(differences, rng=rng, replications=200))
    assert 0.0 <= found.p_lower <= found.p_consistent <= found.p_upper <= 1.0


@given(st.integers(0, 1000), st.permutations(range(5)), st.floats(0.01, 100))
def test_order_and_unit_of_strategies_do_not_matter(seed, order, unit):
    rng = np.random.default_rng(seed)
    differences = rng.standard_normal((30, 5)) + 0.2
    first = draw_differences(differences, rng=np.random.default_rng(1), replications=100, block_length=2)
    again = draw_differences(differences[:, order] * unit, rng=np.random.default_rng(1), replications=100, block_length=2)
    a, b = superior_predictive_ability(first), superior_predictive_ability(again)
    assert b.statistic == pytest.approx(a.statistic, rel=1e-9)
    assert b.p_consistent == pytest.approx(a.p_consistent, abs=0.011)
    assert (stepwise_selection(again).superior == stepwise_selection(first).superior[list(order)]).all()


def test_spa_and_stepm_hold_their_size_when_no_strategy_is_better():
    rng = np.random.default_rng(9)
    by_spa = by_step = 0
    for _ in range(300):
        draws = draw_differences(rng.standard_normal((150, 6)), rng=rng, replications=300, block_length=1)
        by_spa += superior_predictive_ability(draws).p_consistent < 0.05
        by_step += bool(stepwise_selection(draws, 0.05).superior.any())
    low, high = binomial_band(300, 0.06, 0.999)
    assert low <= by_spa <= high
    assert low <= by_step <= high


def test_hopeless_strategies_do_not_dilute_a_good_one_under_consistent_recentring():
    rng = np.random.default_rng(10)
    good = rng.standard_normal(400)
    good += 0.13 - good.mean()
    differences = np.column_stack([good, rng.standard_normal((400, 60)) - 2.0])
    found = superior_predictive_ability(draw_differences(differences, rng=rng, replications=2000, block_length=1))
    assert found.p_consistent < 0.02
    assert found.p_upper > 0.1


def slow_stepm(draws, rate: float) -> set[int]:
    n, chosen, left = draws.n, set(), set(range(len(draws.means)))
    t = [math.sqrt(n) * m / s for m, s in zip(draws.means, draws.scale)]
    while left:
        worst = sorted(max(math.sqrt(n) * (row[k] - draws.means[k]) / draws.scale[k] for k in left) for row in draws.drawn)
        # the smallest draw with at least 1 - rate of the draws at or below it
        critical = next(v for i, v in enumerate(worst, start=1) if i / len(worst) >= 1 - rate - 1e-12)
        new = {k for k in left if t[k] > critical}
        if not new:
            break
        chosen |= new
        left -= new
    return chosen


@pytest.mark.parametrize("seed", range(6))
def test_stepm_agrees_with_a_slow_program(seed):
    rng = np.random.default_rng(seed)
    differences = rng.standard_normal((80, 8)) + rng.choice([0.0, 0.3, 0.5], 8)
    draws = draw_differences(differences, rng=rng, replications=200, block_length=2)
    for rate in (0.01, 0.05, 0.3):
        found = stepwise_selection(draws, rate)
        assert set(np.flatnonzero(found.superior).tolist()) == slow_stepm(draws, rate)


@given(st.integers(0, 1000))
def test_adjusted_p_values_say_the_same_as_the_steps(seed):
    rng = np.random.default_rng(seed)
    differences = rng.standard_normal((50, 6)) + rng.choice([0.0, 0.4], 6)
    draws = draw_differences(differences, rng=rng, replications=200, block_length=1)
    found = stepwise_selection(draws, 0.05)
    assert (found.superior == (found.adjusted <= 0.05)).all() or np.any(np.abs(found.adjusted - 0.05) < 0.0051)
    assert found.critical == tuple(sorted(found.critical, reverse=True))


def test_a_later_step_finds_what_the_first_step_missed():
    rng = np.random.default_rng(0)
    # the strong strategies set the first critical value; without them the weak one is found
    strong = rng.standard_normal((100, 30)) + 1.0
    weak = rng.standard_normal((100, 1))
    weak += 0.245 - weak.mean()
    draws = draw_differences(np.hstack([strong, weak]), rng=rng, replications=2000, block_length=1)
    found = stepwise_selection(draws, 0.05)
    assert found.superior.all()
    assert len(found.critical) == 2
    assert found.critical[0] > found.statistics[-1] > found.critical[1]


def test_a_strategy_equal_to_the_benchmark_is_never_superior():
    rng = np.random.default_rng(0)
    differences = np.column_stack([np.zeros(60), rng.standard_normal(60) + 1.0])
    draws = draw_differences(differences, rng=rng, replications=200)
    assert superior_predictive_ability(draws).best == 1
    found = stepwise_selection(draws)
    assert found.superior.tolist() == [False, True]
    assert math.isnan(found.statistics[0])
    with pytest.raises(UserError, match="nothing to test"):
        superior_predictive_ability(draw_differences(np.zeros((60, 2)), rng=rng, replications=10))


def test_a_constant_lead_is_refused():
    with pytest.raises(UserError, match="Strategy 1 differs from the benchmark by a constant"):
        draw_differences(np.column_stack([np.sin(np.arange(60)), np.full(60, 0.1)]), rng=np.random.default_rng(0))
