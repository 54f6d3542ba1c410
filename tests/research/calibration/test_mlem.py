"""The learner. Answers: formulas by hand, scipy's general optimiser on the penalised likelihood written anew, the hidden-event
experiment of the specification (4.2), and the law that a round of EM never loses likelihood."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from perpscope.core.errors import UserError
from perpscope.features.liquidation.mix import PRIOR, TIERS
from perpscope.research.calibration.cells import Cells, cells_of_totals
from perpscope.research.calibration.feeds import FeedModel, expected_shown
from perpscope.research.calibration.mlem import TIER_NAMES, MixOptions, fit_mix

FLAT = np.full(TIERS + 1, 1.0 / (TIERS + 1))


def totals(
    exposure: np.ndarray, realised: np.ndarray, feed: FeedModel = FeedModel.O4, capacity: float = np.inf, background=None
):
    """Cells of (intervals, 2, TIERS) exposures."""
    ground = np.zeros(realised.shape) if background is None else background
    return cells_of_totals(exposure, ground, realised, np.arange(len(realised)) * 3600 * 10**9, 1.0, feed, capacity)


def random_cells(seed: int, feed: FeedModel, n: int = 60, capacity: float = np.inf) -> Cells:
    rng = np.random.default_rng(seed)
    exposure = rng.gamma(0.5, 20.0, (n, 2, TIERS)) * (rng.random((n, 2, TIERS)) < 0.6)
    background = rng.gamma(1.0, 2.0, (n, 2))
    expected = exposure @ rng.dirichlet(np.ones(TIERS)) + 0.3 * background
    realised = np.minimum(rng.poisson(expected).astype(float), capacity / 2)
    return totals(exposure, realised, feed, capacity, background)


def test_two_tiers_that_never_meet_follow_the_formula_by_hand():
    """Tier 100x is swept in 50 intervals (exposure 10, 2 reported each), 50x in 50 others (exposure 4, 1 reported): all reports
    of an interval belong to its tier, so n = 100 and 50, A = 500 and 200, and with nu = 14, pi0 = 1/14 each:
    pi = (n + 1) / (A + mu), the twelve others 1 / mu; mu solves the sum, by bisection here with plain Python."""
    exposure, realised = np.zeros((100, 2, TIERS)), np.zeros((100, 2))
    exposure[:50, 0, -1], realised[:50, 0] = 10.0, 2.0
    exposure[50:, 0, -3], realised[50:, 0] = 4.0, 1.0
    fit = fit_mix(totals(exposure, realised), FLAT, MixOptions(strength=14.0, dispersion=0.0))
    low, high = 0.0, 1e6
    for _ in range(200):
        mu = (low + high) / 2
        if 101 / (500 + mu) + 51 / (200 + mu) + 12 / mu > 1:
            low = mu
        else:
            high = mu
    assert fit.shares[-1] == pytest.approx(101 / (500 + mu), rel=1e-6)
    assert fit.shares[-3] == pytest.approx(51 / (200 + mu), rel=1e-6)
    assert fit.shares[0] == pytest.approx(1 / mu, rel=1e-6)
    assert fit.counts[-1] == pytest.approx(100.0)
    assert fit.exposures[-3] == pytest.approx(200.0)


@pytest.mark.parametrize(("feed", "capacity"), [(FeedModel.O4, np.inf), (FeedModel.O4, 60.0)])
def test_the_fit_is_the_maximum_that_a_general_optimiser_finds(feed, capacity):
    cells = random_cells(3, feed, capacity=capacity)
    options = MixOptions(strength=30.0, dispersion=0.0, rounds=20_000, tolerance=1e-11, fractions=False)
    fit = fit_mix(cells, PRIOR, options)
    a, a0, n = cells.exposure, cells.background, cells.realised
    per = n.reshape(-1, 2).sum(1)

    def loss(v):
        x = v[:-1] - v[:-1].max()
        pi = np.exp(x) / np.exp(x).sum()
        lam = a @ pi[1:] + np.exp(v[-1]) * a0
        total = lam.reshape(-1, 2).sum(1)
        value = (n * np.log(lam)).sum() + 30.0 * (np.array(PRIOR) * np.log(pi)).sum()
        if np.isfinite(capacity):  # binomial seconds, each seen with 1 - exp(-z), z = total / capacity
            z = total / capacity
            value += (per * np.log((1 - np.exp(-z)) / total)).sum() - ((capacity - per) * z).sum()
        else:
            value -= total.sum()
        return -value

    found = minimize(loss, np.concatenate([np.log(PRIOR), [-1.0]]), method="BFGS", options={"gtol": 1e-7, "maxiter": 5000})
    x = found.x[:-1] - found.x[:-1].max()
    assert fit.shares == pytest.approx(np.exp(x) / np.exp(x).sum(), abs=2e-4)
    assert fit.background == pytest.approx(np.exp(found.x[-1]), rel=5e-3)


@given(
    seed=st.integers(0, 10_000), feed=st.sampled_from(list(FeedModel)), bounded=st.booleans(), strength=st.floats(1.0, 500.0)
)
@settings(max_examples=30)
def test_no_round_loses_penalised_likelihood(seed, feed, bounded, strength):
    capacity = 80.0 if bounded and not feed.complete else np.inf
    cells = random_cells(seed, feed, 20, capacity)
    if cells.realised.sum() == 0.0:
        return
    fit = fit_mix(cells, PRIOR, MixOptions(strength=strength, dispersion=0.0, tolerance=1e-9))
    assert np.diff(fit.trace).min(initial=0.0) > -1e-9 * np.abs(fit.trace).max()
    assert fit.shares.sum() == pytest.approx(1.0)
    assert (fit.shares >= 0.0).all()
    assert (fit.fractions <= 1.0).all()


def test_a_tier_that_was_never_swept_keeps_its_prior_proportion_to_the_digit():
    exposure = np.zeros((200, 2, TIERS))
    exposure[..., 8:] = np.random.default_rng(0).gamma(1.0, 30.0, (200, 2, TIERS - 8))
    fit = fit_mix(totals(exposure, np.ones((200, 2))), PRIOR, MixOptions(dispersion=0.0))
    unswept, prior = fit.shares[:9], np.array(PRIOR[:9])
    assert unswept / unswept.sum() == pytest.approx(prior / prior.sum(), rel=1e-12)
    assert not fit.learned[:9].any()
    assert [name for name, learned in zip(TIER_NAMES, fit.learned) if learned] == list(TIER_NAMES[9:])


def test_hidden_events_are_put_back_where_the_feed_shows_one_per_second():
    """The experiment of the specification: most events hidden in bursts, true w .100 .060 .030 .015 .005. Taking what is seen
    for all there was shrinks w by a factor of five and more; the corrected E-step finds it."""
    rng = np.random.default_rng(0)
    true, seconds = np.array([0.100, 0.060, 0.030, 0.015, 0.005]), 20_000
    swept = rng.gamma(0.3, 20.0, (seconds, 5)) * (rng.random((seconds, 5)) < 0.3) * rng.lognormal(0.0, 1.5, (seconds, 1))
    rate = swept * true
    total = rate.sum(1)
    seen = rng.poisson(total) > 0
    share = np.divide(rate, total[:, None], out=np.zeros_like(rate), where=total[:, None] > 0)
    pick = np.minimum((share.cumsum(1) < rng.random((seconds, 1))).sum(1), 4)
    exposure, realised = np.zeros((5 * seconds, TIERS)), np.zeros(5 * seconds)
    for k in range(5):
        exposure[np.arange(seconds) * 5 + k, 8 + k] = swept[:, k]
    realised[np.flatnonzero(seen) * 5 + pick[seen]] = 1.0

    def fitted(capacity: float) -> np.ndarray:
        cells = Cells(
            exposure, np.zeros(5 * seconds), realised, np.zeros(5 * seconds, np.int64), np.arange(0, 5 * seconds + 1, 5),
            np.arange(seconds), np.full(seconds, capacity), 1.0, FeedModel.O2,
        )  # fmt: skip
        return fit_mix(cells, PRIOR, MixOptions(strength=5.0, dispersion=0.0)).shares[9:]

    assert fitted(1.0) == pytest.approx(true, rel=0.10)
    assert (fitted(np.inf) < 0.5 * true).all()


def test_totals_of_a_censored_feed_are_put_right_by_the_same_link():
    rng = np.random.default_rng(1)
    exposure = np.zeros((3000, 2, TIERS))
    exposure[..., -2:] = rng.gamma(0.4, 500.0, (3000, 2, 2))
    expected = exposure[..., -2] * 0.02 + exposure[..., -1] * 0.05
    slots = 20
    shown = np.zeros((3000, 2))
    for i in range(3000):  # every event falls into one of 20 seconds; each second shows one
        events = rng.poisson(expected[i])
        second, side = rng.integers(slots, size=events.sum()), np.repeat([0, 1], events)
        for s in np.unique(second):
            shown[i, side[second == s][-1]] += 1
    right = fit_mix(totals(exposure, shown, FeedModel.O4, slots * 1.0001), PRIOR, MixOptions(strength=5.0, dispersion=0.0))
    naive = fit_mix(totals(exposure, shown, FeedModel.O4), PRIOR, MixOptions(strength=5.0, dispersion=0.0))
    assert right.weights.mean(axis=0)[-2:] == pytest.approx([0.02, 0.05], rel=0.06)
    assert naive.weights.mean(axis=0)[-1] < 0.6 * 0.05


def test_one_cascade_does_not_outvote_a_month_when_totals_are_heavier_than_poisson():
    rng = np.random.default_rng(2)
    exposure = rng.gamma(2.0, 50.0, (600, 2, TIERS)) * np.array([0.0] * 11 + [1.0, 1.0])
    realised = rng.poisson(exposure @ np.array([0.0] * 11 + [0.04, 0.04])).astype(float)
    exposure[300, :, 11:], realised[300] = [[9000.0, 0.0], [9000.0, 0.0]], 9000.0  # one interval that fits no tier mix
    poisson = fit_mix(totals(exposure, realised), PRIOR, MixOptions(dispersion=0.0)).shares[12]
    heavy = fit_mix(totals(exposure, realised), PRIOR, MixOptions(dispersion=None)).shares[12]
    assert abs(heavy - 0.04) < 0.25 * abs(poisson - 0.04)


def test_a_complete_feed_sets_kappa_so_that_expected_meets_reported():
    rng = np.random.default_rng(3)
    exposure = rng.gamma(1.0, 100.0, (800, 2, TIERS))
    truth = np.array(PRIOR[1:]) * np.array([[0.5], [0.25]])
    realised = rng.poisson(np.einsum("tsk,sk->ts", exposure, truth)).astype(float)
    fit = fit_mix(totals(exposure, realised, FeedModel.O3), PRIOR, MixOptions(strength=200.0, dispersion=0.0))
    assert fit.fractions[0] / fit.fractions[1] == pytest.approx(2.0, rel=0.03)
    cells = totals(exposure, realised, FeedModel.O3)
    for s in range(2):
        mine = cells.side == s
        assert fit.expected(cells)[mine].sum() == pytest.approx(realised[:, s].sum(), rel=0.01)
    held = fit_mix(totals(exposure, realised, FeedModel.O3), PRIOR, MixOptions(dispersion=0.0, fractions=False))
    assert held.fractions.tolist() == [1.0, 1.0]


def test_a_feed_that_reports_a_tenth_leaves_unswept_tiers_at_the_level_of_the_swept_ones():
    """Reports are a tenth of what the prior expects of the high tiers. With kappa held at one those shrink to a tenth while the
    never swept 2x stays where the prior put it, ten times too high beside them; learned, kappa takes the tenth."""
    rng = np.random.default_rng(6)
    exposure = np.zeros((600, 2, TIERS))
    exposure[..., 8:] = rng.gamma(1.0, 300.0, (600, 2, TIERS - 8))
    truth = 0.1 * np.array(PRIOR[1:])
    realised = rng.poisson(exposure @ truth).astype(float)
    cells = totals(exposure, realised, FeedModel.O4)
    learned = fit_mix(cells, PRIOR, MixOptions(strength=200.0, dispersion=0.0)).weights.mean(axis=0)
    held = fit_mix(cells, PRIOR, MixOptions(strength=200.0, dispersion=0.0, fractions=False)).weights.mean(axis=0)
    assert learned[0] / truth[0] == pytest.approx(1.0, abs=0.25)
    assert held[0] / truth[0] > 8.0


def test_a_report_above_the_limit_disproves_the_limit_for_its_window_only():
    cells = totals(np.ones((3, 2, TIERS)), np.array([[1.0, 1.0], [9.0, 9.0], [1.0, 0.0]]), FeedModel.O4, 10.0)
    assert cells.believed().capacity.tolist() == [10.0, np.inf, 10.0]


def test_what_a_feed_can_show_is_bounded_by_its_capacity():
    assert expected_shown([5.0, 1e9], [10.0, 10.0]) == pytest.approx([10.0 * (1 - np.exp(-0.5)), 10.0])
    cells = totals(np.ones((3, 2, TIERS)), np.full((3, 2), 9.0), FeedModel.O4, 10.0)
    with pytest.raises(UserError, match="Raise the capacity"):
        fit_mix(cells, PRIOR)


def test_nothing_reported_or_nothing_swept_is_said_in_a_sentence():
    with pytest.raises(UserError, match="No liquidation is reported"):
        fit_mix(totals(np.ones((3, 2, TIERS)), np.zeros((3, 2))), PRIOR)
    with pytest.raises(UserError, match="Price went through nothing"):
        fit_mix(totals(np.zeros((3, 2, TIERS)), np.ones((3, 2))), PRIOR)
    with pytest.raises(UserError, match="A prior needs 14 shares"):
        fit_mix(totals(np.ones((3, 2, TIERS)), np.ones((3, 2))), [0.5, 0.5])


def test_a_prior_of_opens_has_the_stock_that_it_came_from():
    """Opens by tier, closing (L/10)^g times as fast as the average: the steady stock is opens / hazard, by hand."""
    from perpscope.features.liquidation.mix import LEVERAGES
    from perpscope.research.calibration.prior import prior_of_opens

    for tilt in (0.0, 0.5, 1.0):
        stock = np.array(prior_of_opens(tilt)) / (np.array([1.5, *LEVERAGES]) / 10.0) ** tilt
        assert stock / stock.sum() == pytest.approx(np.array(PRIOR), rel=1e-12)
