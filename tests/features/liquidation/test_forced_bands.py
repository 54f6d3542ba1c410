"""Bands around what is really closed by force. Answers: numpy's own gamma variables, drawn many times."""

from __future__ import annotations

import numpy as np
import pytest

from perpscope.core.errors import UserError
from perpscope.features.liquidation.bands import bands, forced_bands
from perpscope.features.liquidation.mix import TIERS

LEVELS = (0.05, 0.5, 0.95)


@pytest.mark.parametrize(("event", "dispersion"), [(0.5, 0.0), (2.0, 0.1), (0.2, 0.5)])
def test_bands_are_the_quantiles_of_a_mixture_of_gammas(event, dispersion):
    rng = np.random.default_rng(3)
    units, draws = rng.uniform(0.0, 400.0, (4, TIERS)), rng.uniform(0.0, 0.02, (15, TIERS))
    mean = np.repeat(units @ draws.T, 20_000, axis=1)
    variance = event * mean + dispersion * mean**2
    wanted = np.quantile(rng.gamma(mean**2 / variance, variance / mean), LEVELS, axis=1).T
    np.testing.assert_allclose(forced_bands(units, draws, event, dispersion, LEVELS), wanted, rtol=0.05)


def test_rows_may_have_draws_of_their_own_side():
    rng = np.random.default_rng(4)
    units, draws = rng.uniform(1.0, 9.0, (2, TIERS)), rng.uniform(0.0, 0.1, (11, 2, TIERS))
    both = forced_bands(units, draws, 0.1, 0.2)
    for side in range(2):
        np.testing.assert_array_equal(both[side], forced_bands(units[[side]], draws[:, side], 0.1, 0.2)[0])


def test_scatter_makes_bands_wider_and_nothing_stays_nothing():
    rng = np.random.default_rng(5)
    units, draws = rng.uniform(1.0, 9.0, (3, TIERS)), rng.uniform(0.01, 0.1, (50, TIERS))
    low, _, high = bands(units, draws).T
    wide_low, _, wide_high = forced_bands(units, draws, 0.1, 0.1).T
    assert (wide_low < low).all()
    assert (wide_high > high).all()
    assert forced_bands(np.zeros((1, TIERS)), draws, 0.1, 0.1).tolist() == [[0.0, 0.0, 0.0]]


@pytest.mark.parametrize(
    ("draws", "event", "dispersion"),
    [
        (np.ones((3, TIERS - 1)), 1.0, 0.0),
        (np.ones((0, TIERS)), 1.0, 0.0),
        (-np.ones((3, TIERS)), 1.0, 0.0),
        (np.ones((3, 5, TIERS)), 1.0, 0.0),
        (np.ones((3, TIERS)), -1.0, 0.0),
        (np.ones((3, TIERS)), 1.0, float("nan")),
    ],
)
def test_what_no_calibration_can_have_given_is_refused_with_a_sentence(draws, event, dispersion):
    with pytest.raises(UserError, match="Bands need draws of shape"):
        forced_bands(np.ones((2, TIERS)), draws, event, dispersion)
