"""Gross flows. Answers: by hand from opens = V' + dO, closes = V' - dO; properties from the contract itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from perpscope.core.errors import UserError
from perpscope.features.liquidation.identity import gross_flows, interest_unit

amount = st.floats(0.0, 1e6)
share = st.floats(0.0, 1.0)


@st.composite
def possible_bars(draw):
    """Volume, and flows of both sides inside it: the change and liquidations are then possible by construction."""
    volume = draw(st.floats(1e-3, 1e6))
    buyers_open, sellers_open = draw(share) * volume, draw(share) * volume
    change = buyers_open - (volume - sellers_open)  # opened longs less closed longs, which sellers close
    forced_long = draw(share) * (volume - sellers_open)
    forced_short = draw(share) * (volume - buyers_open)
    return change, volume, forced_long, forced_short


def test_a_rise_of_open_interest_as_large_as_the_real_volume_opens_equal_longs_and_shorts():
    # V = 10, phi = .5, dO = 5: V' = 5, opens 10, closes 0, and n_L = 5 forces 5 : 5 whatever the aggressors did
    assert gross_flows(5.0, 10.0, 1.0, 0.0, 0.0, 0.5, 1.0) == (5.0, 5.0, 0.0, 0.0)


def test_aggressive_buyers_open_more_longs_than_shorts_when_open_interest_stands_still():
    # V' = 4, opens 4, beta = .7 * .8 + .3 * .2 = .62
    flows = gross_flows(0.0, 10.0, 0.8, 0.0, 0.0, 0.4, 0.7)
    assert flows == pytest.approx((2.48, 1.52, 2.48, 1.52))


def test_realised_liquidations_are_at_least_what_a_side_closes():
    # dO = -3, R_L = 4: n_L = 1, n_S = 3, V' = max(.1 * 10, 4) = 4, opens 1 of longs, none of shorts, closes 4 and 3
    assert gross_flows(-3.0, 10.0, 0.0, 4.0, 0.0, 0.1, 0.7) == pytest.approx((1.0, 0.0, 4.0, 3.0))


@given(possible_bars(), share, st.floats(0.01, 1.0), st.floats(0.5, 1.0))
def test_both_sides_change_by_the_change_of_open_interest_and_never_trade_more_than_the_volume(bar, buys, phi, theta):
    change, volume, forced_long, forced_short = bar
    opened_long, opened_short, closed_long, closed_short = gross_flows(
        change, volume, buys, forced_long, forced_short, phi, theta
    )
    tolerance = 1e-9 * volume
    assert opened_long - closed_long == pytest.approx(change, abs=tolerance)
    assert opened_short - closed_short == pytest.approx(change, abs=tolerance)
    for flow in (opened_long, opened_short, closed_long, closed_short):
        assert -tolerance <= flow <= volume + tolerance
    assert closed_long >= forced_long - tolerance
    assert closed_short >= forced_short - tolerance
    assert opened_long + opened_short + closed_long + closed_short <= 2 * volume + tolerance


@given(possible_bars(), share, st.floats(0.01, 1.0), st.floats(0.5, 1.0))
def test_the_mirrored_market_gives_the_mirrored_flows(bar, buys, phi, theta):
    change, volume, forced_long, forced_short = bar
    one = gross_flows(change, volume, buys, forced_long, forced_short, phi, theta)
    other = gross_flows(change, volume, 1.0 - buys, forced_short, forced_long, phi, theta)
    assert np.allclose(one, (other[1], other[0], other[3], other[2]), atol=1e-9 * volume)


@given(st.integers(0, 1000), st.floats(20.0, 1e5))
def test_open_interest_in_dollars_of_any_coin_above_twenty_is_recognised(seed, price):
    rng = np.random.default_rng(seed)
    volume = rng.exponential(5.0, 400)
    interest = 10_000.0 + np.concatenate([[0.0], np.cumsum(volume * rng.uniform(-0.9, 0.9, 400))])
    assert interest_unit(interest, volume).sides == 1
    assert interest_unit(price * interest, volume).sides is None


def test_doubled_open_interest_is_recognised():
    rng = np.random.default_rng(5)
    volume = rng.exponential(5.0, 400)
    interest = 10_000.0 + np.concatenate([[0.0], np.cumsum(volume * rng.uniform(-0.9, 0.9, 400))])
    found = interest_unit(2 * interest, volume)
    assert found.sides == 2
    assert "halve" in found.sentence


def test_too_little_data_is_refused_with_a_sentence():
    with pytest.raises(UserError, match="at least 50"):
        interest_unit(np.arange(11.0), np.ones(10))
    with pytest.raises(UserError, match="one more open interest"):
        interest_unit(np.arange(10.0), np.ones(10))


def test_assumption_of_the_strategy_holds():
    # the strategy above must be able to reach both signs of the change, or the properties would be empty
    seen = set()

    @given(possible_bars())
    def look(bar):
        assume(bar[0] != 0.0)
        seen.add(bar[0] > 0)

    look()
    assert seen == {True, False}
