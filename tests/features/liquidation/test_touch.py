"""Touch probabilities. Answers: example 24 of the specification (0.1851); a simulated walk as an independent program."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpscope.core.errors import UserError
from perpscope.core.time import DAY, HOUR, YEAR
from perpscope.features.liquidation.touch import Excursions, touch_probability


def test_the_worked_example_of_a_fall_of_nine_point_six_percent_in_a_week():
    assert float(touch_probability(0.10093, 0.55, 7 * DAY)) == pytest.approx(0.1851, abs=5e-5)


def test_the_formula_agrees_with_simulated_walks():
    rng = np.random.default_rng(4)
    sigma, steps, walks = 0.6, 2000, 4000
    path = np.cumsum(rng.normal(0.0, sigma * np.sqrt(DAY / YEAR / steps), (walks, steps)), axis=1)
    lowest = path.min(axis=1)
    for distance in (0.01, 0.03, 0.06):
        simulated = (lowest <= -distance).mean()
        # a walk in steps misses touches between them; Broadie, Glasserman and Kou (1997) move the level by .5826 steps
        moved = distance + 0.5826 * sigma * np.sqrt(DAY / YEAR / steps)
        assert float(touch_probability(moved, sigma, DAY)) == pytest.approx(simulated, abs=0.025)


@given(st.floats(0.001, 0.5), st.floats(0.05, 3.0), st.integers(1, 24 * 30))
def test_it_is_a_probability_that_falls_with_distance_and_rises_with_time_and_volatility(distance, sigma, hours):
    here = float(touch_probability(distance, sigma, hours * HOUR))
    assert 0.0 <= here <= 1.0
    assert float(touch_probability(distance * 1.1, sigma, hours * HOUR)) <= here
    assert float(touch_probability(distance, sigma * 1.1, hours * HOUR)) >= here
    assert float(touch_probability(distance, sigma, hours * HOUR * 2)) >= here
    assert float(touch_probability(-distance, sigma, hours * HOUR)) == here
    assert float(touch_probability(0.0, sigma, hours * HOUR)) == 1.0


def test_excursions_count_how_often_price_really_got_there():
    # a saw of +-2%: from every low the next high is 4.08% up within a bar, from every high the next low as far down
    close = np.where(np.arange(300) % 2 == 0, 98.0, 102.0)
    table = Excursions.measured(close, close, close, np.full(300, 0.02), 1)
    up = np.log(102 / 98) / 0.02
    assert table.probability(up - 1e-9, up=True) == pytest.approx(0.5, abs=0.01)
    assert table.probability(up + 1e-9, up=True) == 0.0
    assert table.probability(0.0, up=False) == 1.0
    assert (np.diff(table.probability(np.linspace(0, 3, 50), up=False)) <= 0).all()


def test_excursions_never_look_beyond_their_horizon():
    close = np.full(300, 100.0)
    close[250] = 200.0
    table = Excursions.measured(close, close, close, np.full(300, 0.01), 10)
    assert round(float(table.probability(1.0, up=True)) * table.starts) == 10


def test_bad_requests_are_refused_with_a_sentence():
    with pytest.raises(UserError, match="above zero"):
        touch_probability(0.1, 0.0, DAY)
    with pytest.raises(UserError, match="at least 100 starts"):
        Excursions.measured(np.ones(50), np.ones(50), np.ones(50), np.ones(50), 10)
