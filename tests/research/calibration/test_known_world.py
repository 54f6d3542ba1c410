"""Learning in a market whose positions are known (world.py): the model is right there, so the learner must be too."""

from __future__ import annotations

import numpy as np
import pytest

from perpscope.core.events import LiquidationFeed
from perpscope.features.liquidation.mix import PRIOR
from perpscope.research.calibration.bands import bootstrap_mix
from perpscope.research.calibration.calibrate import ladder_mix
from perpscope.research.calibration.located import located_cells
from perpscope.research.calibration.mlem import MixOptions, fit_mix
from perpscope.research.calibration.replay import FilterSettings, sweep
from research.calibration.world import true_shares

SETTINGS = FilterSettings(bin_bps=5.0, spread=0.0)
NEAR = slice(7, None)  # 15x .. 100x: swept every day in these worlds


@pytest.fixture(scope="module")
def complete(worlds):
    """Cells of complete totals, and fits with a prior that is honest: the truth up to Dirichlet noise of its strength."""
    made = []
    for seed, world in enumerate(worlds):
        cells = sweep(world.study(located=True), SETTINGS).cells()
        rng = np.random.default_rng(seed)
        fit = fit_mix(cells, rng.dirichlet(50.0 * true_shares()), MixOptions(strength=50.0))
        made.append((cells, fit, bootstrap_mix(cells, fit, rng, 80)))
    return made


def test_swept_exposure_times_the_true_mix_is_what_was_liquidated(worlds, complete):
    for cells, _, _ in complete:
        expected = float((cells.exposure @ true_shares()[1:]).sum())
        assert expected / cells.realised.sum() == pytest.approx(1.0, abs=0.05)


def test_tiers_that_price_reaches_are_recovered_and_the_others_are_listed_as_prior(complete):
    for _, fit, _ in complete:
        weights = fit.weights.mean(axis=0)
        assert fit.learned[8:].all()
        assert weights[7:] == pytest.approx(true_shares()[8:], rel=0.25)
        assert not fit.learned[:4].any()


def test_bands_hold_the_truth_at_about_their_rate(complete):
    held = tried = 0
    for _, fit, draws in complete:
        ends, truth = draws.interval(0.90), true_shares()
        inside = (ends[:, 0] <= truth) & (truth <= ends[:, 1])
        held, tried = held + int(inside[fit.learned].sum()), tried + int(fit.learned.sum())
    assert tried >= 28
    assert held / tried >= 0.80  # 90% nominal, 85% asked for; 28-odd dependent checks leave this much to chance


def test_bands_are_wider_where_nothing_was_learned(complete):
    for _, fit, draws in complete:
        ends = draws.interval(0.90)
        width = (ends[:, 1] - ends[:, 0]) / fit.shares
        assert width[1:4].min() > 2.0 * width[9:].max()


def test_the_fixed_ladder_is_visibly_worse_in_level(complete):
    for cells, fit, _ in complete:
        assert fit.shown(cells).sum() / cells.realised.sum() == pytest.approx(1.0, abs=0.03)
        on_map = (cells.exposure @ np.array(ladder_mix()[1:])).sum()
        assert on_map / cells.realised.sum() > 2.5


def test_a_censored_feed_gives_the_same_weights_once_its_link_is_used(worlds):
    world = worlds[0]
    burst = world.events.copy()
    world.events[:, 4] = np.random.default_rng(5).integers(6, size=len(burst))  # all within six seconds of a bar
    try:
        whole = sweep(world.study(located=True), SETTINGS)
        few = sweep(world.study(censored=True, located=True), SETTINGS)
        most = float(world.events[:, 3].max())  # lots are nearly equal
        options = MixOptions(strength=20.0, dispersion=0.0)
        truth = fit_mix(whole.cells(), true_shares(), options)
        naive = fit_mix(few.cells(), true_shares(), options)
        right = fit_mix(few.cells(capacity=6.0 * most * 1.001), true_shares(), options)
    finally:
        world.events[:] = burst
    lost = 1.0 - few.cells().realised.sum() / whole.cells().realised.sum()
    assert lost > 0.3, lost
    total = truth.weights.mean(axis=0)[NEAR].sum()
    assert naive.weights.mean(axis=0)[NEAR].sum() < 0.8 * total
    assert right.weights.mean(axis=0)[NEAR].sum() == pytest.approx(total, rel=0.2)


def test_located_events_gain_nearly_what_the_true_mix_gains(worlds):
    """Spatial information per event: log of the share of the swept path's expectation at the event, against the ladder's."""
    study = worlds[1].study(located=True)
    found = located_cells(sweep(study, SETTINGS), LiquidationFeed.COMPLETE)
    cells = found.cells
    assert found.outside < 0.15
    assert cells.realised.sum() == pytest.approx(study.events["quantity"].sum(), rel=0.02)
    half = study.start + (study.end - study.start) // 2
    train, test = cells.between(0, half), cells.between(half, study.end)
    fit = fit_mix(train, PRIOR, MixOptions(strength=50.0))

    def gain(weights: np.ndarray) -> float:
        rate = test.exposure @ weights + fit.background * test.background + 1e-12
        total = test.per_window(rate)[test.window_of]
        return float((test.realised * np.log(rate / total)).sum() / test.realised.sum())

    flat = gain(np.zeros(len(PRIOR) - 1))  # by swept length alone
    learned, true, ladder = (gain(np.asarray(m)[1:]) - flat for m in (fit.shares, true_shares(), ladder_mix()))
    assert true > 0.1
    assert learned > 0.9 * true
    assert learned > ladder
