"""The mix by maximum likelihood: expectation and maximisation (MLEM) with a Dirichlet prior over leverage tiers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import ProgrammerError, UserError
from perpscope.features.liquidation.mix import LEVERAGES, TIERS
from perpscope.numeric.jit import njit
from perpscope.research.calibration.cells import Cells
from perpscope.research.calibration.feeds import expected_shown, hidden_factor
from perpscope.stats.deviance import fit_dispersion

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

TIER_NAMES = ("never", *(f"{leverage:g}x" for leverage in LEVERAGES))
LEARNED_FROM = 20.0
"""Effective events that a tier must expect before its share counts as learned."""

_DISPERSION_PASSES = 4


@dataclass(frozen=True)
class MixOptions:
    """`strength` (nu): effective events that the prior is worth. `rounds`: at most so many. `tolerance`: stop when a round
    gains less of penalised log likelihood. `dispersion`: None estimates how much heavier than Poisson the totals are, and
    lets cascades weigh accordingly less; 0 is plain Poisson. `fractions`: learn kappa; without it kappa is 1."""

    strength: float = 50.0
    rounds: int = 500
    tolerance: float = 1e-6
    dispersion: float | None = None
    fractions: bool = True


@dataclass(frozen=True, eq=False)
class MixFit:
    """A fitted mix.

    Attributes:
        shares: float64 (1 + TIERS,), pi: never, 2x, ..., 100x; sums to 1.
        fractions: float64 (2,), kappa of longs and shorts: the share of what price reaches that the feed reports as liquidated.
        background: w_0, reports per unit of open interest x log length that the map does not explain.
        counts: float64 (1 + TIERS,), expected quantity by tier in the reports (n).
        exposures: float64 (1 + TIERS,), kappa x swept quantity (A).
        dispersion: of the window totals, in effective events.
        trace: penalised log likelihood after every round of the last pass.
        prior, options, event_quantity: what it was fitted with.
    """

    shares: Floats
    fractions: Floats
    background: float
    counts: Floats
    exposures: Floats
    dispersion: float
    trace: Floats
    prior: Floats
    options: MixOptions
    event_quantity: float

    @property
    def weights(self) -> Floats:
        """w = kappa x pi, by side and liquidatable tier: float64 (2, TIERS)."""
        return self.fractions[:, None] * self.shares[1:]

    @property
    def effective_events(self) -> Floats:
        """A_k pi_k / u0: how many events each tier was expected to show."""
        return self.exposures * self.shares / self.event_quantity

    @property
    def learned(self) -> npt.NDArray[np.bool_]:
        """Which shares rest on data; the others are the prior's, whatever the digits look like."""
        return self.effective_events >= LEARNED_FROM

    def expected(self, cells: Cells) -> Floats:
        """Expected liquidated quantity of each cell, hidden ones included: float64 (cells,)."""
        on_map = np.einsum("ck,ck->c", cells.exposure, self.weights[cells.side])
        total: Floats = on_map + self.background * cells.background
        return total

    def shown(self, cells: Cells) -> Floats:
        """Expected *reported* quantity of each cell: a window's total shrinks to what its feed can show."""
        expected = self.expected(cells)
        total = cells.per_window(expected)
        seen = expected_shown(total, cells.capacity)
        ratio = np.divide(seen, total, out=np.ones_like(total), where=total > 0.0)
        reported: Floats = expected * ratio[cells.window_of]
        return reported

    def background_share(self, cells: Cells) -> float:
        """Share of the expectation that the map does not explain."""
        total = float(self.expected(cells).sum())
        return float(self.background * cells.background.sum() / total) if total > 0.0 else float("nan")


def fit_mix(
    cells: Cells,
    prior: npt.ArrayLike,
    options: MixOptions | None = None,
    window_weight: Floats | None = None,
    begin: MixFit | None = None,
) -> MixFit:
    """The mix that makes the reports likeliest, given a prior.

    Definition: with lambda_c = sum_k kappa_s pi_k a_ck + w_0 a_c0, repeat n_k = sum_c n_c kappa_s pi_k a_ck / lambda_c,
    A_k = sum_c kappa_s a_ck, pi_k = (n_k/u0 + nu pi0_k) / (A_k/u0 + mu) with mu such that the shares sum to 1, w_0 = n_0 / A_0;
    n_c is the report plus what the feed hid (`feeds`). kappa_s makes expected equal reported, at most 1. The penalised
    likelihood never falls. A tier that was never swept keeps its prior proportion to the other unswept ones exactly.
    Disputed points: (1) hourly totals are far heavier than Poisson, so each window weighs 1 / (1 + a m / u0), a the negative
    binomial dispersion (quasi-likelihood); with a = 0 one cascade outvotes a month. (2) A censored feed shows a fraction of
    what dies, so kappa is learned there too and holds that fraction: the map is then in the dollars that the feed would
    report. With kappa = 1 the tiers that price reaches shrink to the feed's level while the others stay at the prior's,
    ten times too high beside them; out of sample that was worse on all three instruments where it could be measured.

    Args:
        prior: shares of never, 2x, ..., 100x; sums to 1.
        window_weight: how much each window counts (forgetting, bootstrap); 1 where None.
        begin: a fit to start from.

    Raises:
        UserError: if nothing was swept, nothing reported, or a window shows more than its feed can.
    Source: Shepp and Vardi 1982; Dempster, Laird and Rubin 1977; the prior and the censored feed: own.

    Example:
        >>> from perpscope.research.calibration.cells import cells_of_totals
        >>> from perpscope.research.calibration.feeds import FeedModel
        >>> swept = np.zeros((400, 2, TIERS)); swept[..., -1] = 10.0
        >>> cells = cells_of_totals(swept, np.zeros((400, 2)), np.ones((400, 2)), np.arange(400), 1.0, FeedModel.O4)
        >>> fit = fit_mix(cells, np.full(14, 1 / 14))
        >>> round(float(fit.shares[-1]), 3), bool(fit.learned[-1]), bool(fit.learned[1])
        (0.1, True, False)
    """
    chosen = options or MixOptions()
    base = np.ones(cells.windows) if window_weight is None else np.asarray(window_weight, np.float64)
    pi0 = checked_prior(prior)
    _check(cells, base)
    dispersion = 0.0 if chosen.dispersion is None else chosen.dispersion
    fit = begin
    if chosen.dispersion is not None:
        passes = 1 if dispersion == 0.0 or begin is not None else 2
    else:
        passes = _DISPERSION_PASSES
    for done in range(passes):
        weight = base
        if fit is not None and (done > 0 or begin is not None):
            shown = cells.per_window(fit.shown(cells)) / cells.event_quantity
            if chosen.dispersion is None:
                counted = base > 0.0
                reports = cells.per_window(cells.realised)[counted] / cells.event_quantity
                dispersion = fit_dispersion(reports, np.maximum(shown[counted], 1e-9))
            weight = base / (1.0 + dispersion * shown)
        fit = _maximise(cells, pi0, chosen, weight, fit, dispersion)
    if fit is None:
        raise ProgrammerError("no pass was made")
    return fit


def checked_prior(prior: npt.ArrayLike) -> Floats:
    """A prior as an array that sums to 1.

    Raises:
        UserError: if there are not 1 + TIERS shares, one is negative, or they do not sum to 1.
    """
    shares = np.ascontiguousarray(prior, np.float64)
    if shares.shape != (TIERS + 1,) or not (shares >= 0.0).all() or abs(shares.sum() - 1.0) > 1e-6:
        raise UserError(f"A prior needs {TIERS + 1} shares (never, 2x, ..., 100x) that are not negative and sum to 1.")
    return shares / shares.sum()


def _check(cells: Cells, weight: Floats) -> None:
    reports = cells.per_window(cells.realised)
    if not cells.windows or not (cells.exposure.sum() > 0.0 or cells.background.sum() > 0.0):
        raise UserError("Price went through nothing in this window, so there is nothing to learn from. Choose a longer one.")
    if not (reports * weight).sum() > 0.0:
        raise UserError("No liquidation is reported in this window, so there is nothing to learn from. Choose another one.")
    if (reports > cells.capacity * (1.0 + 1e-9)).any():
        raise UserError("An interval reports more than its feed is said to be able to show. Raise the capacity.")


def _maximise(
    cells: Cells, pi0: Floats, options: MixOptions, weight: Floats, begin: MixFit | None, dispersion: float
) -> MixFit:
    shares = pi0.copy() if begin is None else 0.999 * begin.shares + 0.001 * pi0
    fractions = begin.fractions.copy() if begin is not None else _first_fractions(cells, pi0, options, weight)
    mass = float(weight[cells.window_of] @ cells.background)
    reports = float(weight[cells.window_of] @ cells.realised)
    background = 0.0 if mass <= 0.0 else 0.1 * reports / mass
    if begin is not None and mass > 0.0:
        background = max(begin.background, 1e-6 * background)
    level = np.array([background])
    counts, exposures = np.zeros(TIERS + 1), np.zeros(TIERS + 1)
    trace = np.empty(options.rounds)
    rounds = _rounds(
        cells.exposure, cells.background, cells.realised, cells.side, cells.starts, cells.capacity,
        np.ascontiguousarray(weight), options.strength * pi0, cells.event_quantity, options.fractions, options.tolerance,
        shares, fractions, level, counts, exposures, trace,
    )  # fmt: skip
    return MixFit(
        shares, fractions, float(level[0]), counts, exposures, dispersion, trace[:rounds].copy(), pi0,
        replace(options), cells.event_quantity,
    )  # fmt: skip


def _first_fractions(cells: Cells, pi0: Floats, options: MixOptions, weight: Floats) -> Floats:
    """What the prior expects against what was reported, by side, at most 1: begun elsewhere, kappa and the shares creep
    along a ridge on which only the prior tells them apart."""
    if not options.fractions:
        return np.ones(2)
    counted = weight[cells.window_of]
    on_map = cells.exposure @ pi0[1:]
    sums = np.array([[counted[m] @ v[m] for v in (cells.realised, on_map)] for m in (cells.side == 0, cells.side == 1)])
    ratio: Floats = np.divide(sums[:, 0], sums[:, 1], out=np.ones(2), where=(sums[:, 0] > 0.0) & (sums[:, 1] > 0.0))
    return np.minimum(ratio, 1.0)


@njit
def expectation(
    exposure: Floats, background: Floats, realised: Floats, side: Integers, starts: Integers, capacity: Floats, weight: Floats,
    shares: Floats, fractions: Floats, level: float, counts: Floats, exposures: Floats, by_side: Floats, rest: Floats,
) -> float:  # fmt: skip
    """One E-step: expected quantity and exposure by tier. Returns the log likelihood (quantity units, no prior).

    `counts`, `exposures` (1 + tiers,); `by_side` (2, 1 + tiers): exposures of each side without kappa; `rest`: quantity and
    exposure of the background, then the expected quantity on the map by side.
    """
    tiers = exposure.shape[1]
    counts[:], exposures[:], by_side[:], rest[:] = 0.0, 0.0, 0.0, 0.0
    mix = np.empty((2, tiers))
    for k in range(tiers):
        mix[0, k], mix[1, k] = fractions[0] * shares[k + 1], fractions[1] * shares[k + 1]
    split = np.zeros((2, tiers))  # reports by side and tier, before they are multiplied by the mix
    widest = 0
    for w in range(weight.size):
        widest = max(widest, starts[w + 1] - starts[w])
    expected = np.empty(widest)
    likelihood = 0.0
    for w in range(weight.size):
        v = weight[w]
        if v == 0.0:
            continue
        total, reported, first = 0.0, 0.0, starts[w]
        for c in range(first, starts[w + 1]):
            s = side[c]
            here = level * background[c]
            for k in range(tiers):
                here += mix[s, k] * exposure[c, k]
            expected[c - first] = here
            total += here
            reported += realised[c]
            if realised[c] > 0.0:
                likelihood += v * realised[c] * np.log(max(here, 1e-300))
        extra = 0.0
        if capacity[w] < np.inf:
            z = total / capacity[w]
            extra = reported * (hidden_factor(z) - 1.0)
            if reported > 0.0 and total > 0.0:
                likelihood += v * reported * np.log(-np.expm1(-z) / z)
            likelihood -= v * (total - reported * z)
        else:
            likelihood -= v * total
        for c in range(first, starts[w + 1]):
            s, here = side[c], expected[c - first]
            # seen in the cell, and hidden ones spread like the expectation; per unit of expectation
            rate = 0.0
            if here > 0.0:
                rate = v * (realised[c] / here + (extra / total if total > 0.0 else 0.0))
            rest[1] += v * background[c]
            rest[0] += rate * level * background[c]
            for k in range(tiers):
                by_side[s, k + 1] += v * exposure[c, k]
                split[s, k] += rate * exposure[c, k]
    for s in range(2):
        for k in range(tiers):
            part = mix[s, k] * split[s, k]
            counts[k + 1] += part
            rest[2 + s] += part
    for k in range(tiers):
        exposures[k + 1] = fractions[0] * by_side[0, k + 1] + fractions[1] * by_side[1, k + 1]
    return likelihood


@njit
def posterior_shares(counts: Floats, exposures: Floats, alpha: Floats, event_quantity: float, shares: Floats) -> None:
    """pi_k = (n_k/u0 + alpha_k) / (A_k/u0 + mu), with mu such that they sum to 1; written into `shares`."""
    n = counts.size
    lowest, high = np.inf, 0.0
    for k in range(n):
        top = counts[k] / event_quantity + alpha[k]
        high += top
        if top > 0.0:
            lowest = min(lowest, exposures[k] / event_quantity)
    if high <= 0.0:
        return
    low = -lowest
    for _ in range(200):
        mu = 0.5 * (low + high)
        total = 0.0
        for k in range(n):
            top = counts[k] / event_quantity + alpha[k]
            if top > 0.0:
                total += top / (exposures[k] / event_quantity + mu)
        if total > 1.0:
            low = mu
        else:
            high = mu
    for k in range(n):
        top = counts[k] / event_quantity + alpha[k]
        shares[k] = top / (exposures[k] / event_quantity + high) if top > 0.0 else 0.0


@njit
def _rounds(
    exposure: Floats, background: Floats, realised: Floats, side: Integers, starts: Integers, capacity: Floats, weight: Floats,
    alpha: Floats, event_quantity: float, learn_fractions: bool, tolerance: float, shares: Floats, fractions: Floats,
    level: Floats, counts: Floats, exposures: Floats, trace: Floats,
) -> int:  # fmt: skip
    """EM rounds until the likelihood rests; everything is updated in place. Returns the rounds made."""
    n = shares.size
    by_side, rest = np.zeros((2, n)), np.zeros(4)
    for r in range(trace.size):
        likelihood = expectation(
            exposure, background, realised, side, starts, capacity, weight, shares, fractions, level[0], counts, exposures,
            by_side, rest,
        )  # fmt: skip
        likelihood /= event_quantity
        for k in range(n):
            if alpha[k] > 0.0:
                likelihood += alpha[k] * np.log(max(shares[k], 1e-300))
        trace[r] = likelihood
        if r > 0 and likelihood - trace[r - 1] < tolerance:
            return r + 1
        posterior_shares(counts, exposures, alpha, event_quantity, shares)
        if rest[1] > 0.0:
            level[0] = rest[0] / rest[1]
        if learn_fractions:
            for s in range(2):
                swept = 0.0
                for k in range(n):
                    swept += shares[k] * by_side[s, k]
                if swept > 0.0:
                    fractions[s] = min(1.0, rest[2 + s] / swept)
    return trace.size
