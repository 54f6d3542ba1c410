"""Bands and forgetting. Answers: the Beta distribution (scipy) for a tier without data; a mix that changes on a known day."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import beta

from perpscope.core.errors import UserError
from perpscope.core.state import freeze, thaw
from perpscope.core.time import DAY, HOUR
from perpscope.features.liquidation.mix import PRIOR, TIERS
from perpscope.research.calibration.bands import bootstrap_mix
from perpscope.research.calibration.cells import Cells, cells_of_totals
from perpscope.research.calibration.feeds import FeedModel
from perpscope.research.calibration.forgetting import absorb, age_weights, start_online, walk_forward_fits
from perpscope.research.calibration.mlem import MixOptions, fit_mix


def stream(seed: int, days: int, weights_of_day, feed: FeedModel = FeedModel.O4) -> Cells:
    """Hourly totals; tiers 40x to 100x are swept, with weights that may differ by day."""
    rng = np.random.default_rng(seed)
    exposure = np.zeros((24 * days, 2, TIERS))
    exposure[..., 9:] = rng.gamma(0.6, 300.0, (24 * days, 2, 4))
    weights = np.array([weights_of_day(day) for day in range(days)])[np.arange(24 * days) // 24]
    realised = rng.poisson(np.einsum("tsk,tk->ts", exposure[..., 9:], weights)).astype(float)
    return cells_of_totals(exposure, np.zeros((24 * days, 2)), realised, np.arange(24 * days) * HOUR, 1.0, feed)


def test_a_tier_without_data_spreads_like_its_prior():
    cells = stream(0, 30, lambda day: [0.004, 0.003, 0.002, 0.001])
    fit = fit_mix(cells, PRIOR, MixOptions(strength=50.0, dispersion=0.0))
    draws = bootstrap_mix(cells, fit, np.random.default_rng(1), 400)
    share = draws.shares[:, 1] / draws.shares[:, :10].sum(axis=1)  # of the tiers that were never swept
    prior = PRIOR[1] / sum(PRIOR[:10])
    strength = 50.0 * sum(PRIOR[:10])
    for tail in (0.1, 0.5, 0.9):
        assert np.quantile(share, tail) == pytest.approx(beta.ppf(tail, strength * prior, strength * (1 - prior)), abs=0.02)
    assert draws.days == 30
    assert draws.shares.sum(axis=1) == pytest.approx(np.ones(400))


def test_too_few_days_cannot_be_resampled():
    cells = stream(0, 2, lambda day: [0.004, 0.003, 0.002, 0.001])
    fit = fit_mix(cells, PRIOR, MixOptions(dispersion=0.0))
    with pytest.raises(UserError, match="at least 3"):
        bootstrap_mix(cells, fit, np.random.default_rng(1), 5)


def test_half_of_a_changed_mix_is_learned_within_one_and_a_half_half_lives():
    before, after = [0.002, 0.002, 0.002, 0.008], [0.008, 0.002, 0.002, 0.002]
    change, half_life = 60, 15.0
    cells = stream(2, 110, lambda day: before if day < change else after)
    options = MixOptions(strength=20.0, dispersion=0.0)
    edges = [change * DAY, int((change + 1.5 * half_life) * DAY)]
    old, new = (fit.weights[0, 9:] for fit in walk_forward_fits(cells, PRIOR, edges, options, half_life, purge=0))
    gap = (new - old)[[0, 3]] / (np.array(after) - np.array(before))[[0, 3]]
    assert (gap > 0.5).all()


def test_a_fit_used_from_a_moment_on_has_not_seen_the_day_before_it():
    cells = stream(3, 40, lambda day: [0.004] * 4)
    planted = replace(cells, realised=np.where(cells.window_ts[cells.window_of] >= 29 * DAY, 500.0, cells.realised))
    options = MixOptions(dispersion=0.0)
    one = walk_forward_fits(cells, PRIOR, [30 * DAY], options)[0]
    other = walk_forward_fits(planted, PRIOR, [30 * DAY], options)[0]
    assert np.array_equal(one.shares, other.shares)


def test_the_online_learner_agrees_with_the_batch_fit_within_its_band_and_does_not_grow():
    cells = stream(4, 120, lambda day: [0.006, 0.004, 0.003, 0.002])
    options = MixOptions(strength=50.0, dispersion=0.0, fractions=False)
    half_life = 45.0
    state = start_online(PRIOR, options, 1.0)
    size = len(freeze(state))
    for day in range(120):
        before = freeze(state)
        fresh = absorb(state, cells.between(day * DAY, (day + 1) * DAY), 2.0 ** (-1.0 / half_life))
        assert freeze(state) == before
        state = fresh
    assert len(freeze(state)) <= size + 64
    thawed = thaw(freeze(state), {})
    assert np.array_equal(thawed["shares"], state["shares"])
    weight = age_weights(cells, 120 * DAY, half_life)
    batch = fit_mix(cells, PRIOR, options, weight)
    ends = bootstrap_mix(cells, batch, np.random.default_rng(0), 200, weight).interval(0.95)
    assert ((ends[:, 0] <= state["shares"]) & (state["shares"] <= ends[:, 1])).all()


def test_the_online_learner_sets_kappa_for_complete_feeds():
    cells = stream(5, 60, lambda day: [0.003, 0.002, 0.0015, 0.00075], FeedModel.O3)
    half = replace(cells, realised=np.where(cells.side == 1, cells.realised, 0.4 * cells.realised))
    state = start_online(PRIOR, MixOptions(dispersion=0.0), 1.0)
    for day in range(60):
        state = absorb(state, half.between(day * DAY, (day + 1) * DAY), 0.98)
    assert state["fractions"][0] / state["fractions"][1] == pytest.approx(0.4, rel=0.1)
