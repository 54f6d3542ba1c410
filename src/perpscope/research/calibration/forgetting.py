"""Old reports count less: weights by age, fits that walk forward, and the same learner as a fold of constant size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from perpscope.core.time import DAY
from perpscope.features.liquidation.mix import TIERS
from perpscope.research.calibration.cells import Cells
from perpscope.research.calibration.mlem import MixFit, MixOptions, checked_prior, expectation, fit_mix, posterior_shares

Floats = npt.NDArray[np.float64]

HALF_LIFE_DAYS = 45.0
PURGE = DAY
"""A fit that is used from a moment on knows reports up to a day before it."""


def age_weights(cells: Cells, at: int, half_life_days: float) -> Floats:
    """2^(-age / half-life) of each window at a time; 1 for an infinite half-life.

    Example:
        >>> from perpscope.research.calibration.cells import cells_of_totals
        >>> from perpscope.research.calibration.feeds import FeedModel
        >>> one = np.ones((2, 2))
        >>> cells = cells_of_totals(np.ones((2, 2, TIERS)), one, one, np.array([0, 45 * DAY]), 1.0, FeedModel.O3)
        >>> age_weights(cells, 45 * DAY, 45.0).tolist()
        [0.5, 1.0]
    """
    age = np.maximum(at - cells.window_ts, 0) / DAY
    weights: Floats = np.exp2(-age / half_life_days)
    return weights


def walk_forward_fits(
    cells: Cells,
    prior: npt.ArrayLike,
    edges: Sequence[int],
    options: MixOptions | None = None,
    half_life_days: float = HALF_LIFE_DAYS,
    purge: int = PURGE,
    progress: Callable[[int, int], None] | None = None,
) -> list[MixFit]:
    """One fit per edge, from the windows that ended a purge before it.

    Raises:
        UserError: if nothing was swept or reported before the first edge.
    """
    fits: list[MixFit] = []
    for i, edge in enumerate(edges):
        known = cells.select(cells.window_ts < edge - purge).believed()
        weight = age_weights(known, edge, half_life_days)
        fits.append(fit_mix(known, prior, options, weight, begin=fits[-1] if fits else None))
        if progress:
            progress(i + 1, len(edges))
    return fits


def start_online(prior: npt.ArrayLike, options: MixOptions, event_quantity: float) -> dict[str, Any]:
    """The state of the online learner: sums of constant size, and the mix they imply."""
    pi0 = checked_prior(prior)
    return {
        "prior": pi0,
        "shares": pi0.copy(),
        "fractions": np.ones(2),
        "level": 0.0,
        "counts": np.zeros(TIERS + 1),
        "by_side": np.zeros((2, TIERS + 1)),
        "rest": np.zeros(4),
        "dispersion": 0.0 if options.dispersion is None else options.dispersion,
        "strength": options.strength,
        "event_quantity": event_quantity,
        "learn_fractions": options.fractions,
    }


def absorb(state: dict[str, Any], cells: Cells, forget: float) -> dict[str, Any]:
    """Take a day's cells into the state: n <- rho n + new n, A <- rho A + new A, then the mix (online EM).

    Definition: one E-step with the mix known before the day; the sums fade by `forget` (rho, 2^(-1/half-life) a day); one
    M-step. The state does not grow. It follows the batch fit with the same forgetting, a little behind it: counts of
    days past stay as the mix of their time split them.

    Returns: a new state; the old one is not changed.
    Source: Cappe and Moulines 2009.
    """
    shares, fractions, level = state["shares"].copy(), state["fractions"].copy(), float(state["level"])
    counts, exposures = np.zeros(TIERS + 1), np.zeros(TIERS + 1)
    by_side, rest = np.zeros((2, TIERS + 1)), np.zeros(4)
    u0 = state["event_quantity"]
    expected = np.einsum("ck,ck->c", cells.exposure, fractions[cells.side][:, None] * shares[1:]) + level * cells.background
    weight = 1.0 / (1.0 + state["dispersion"] * cells.per_window(expected) / u0)
    begun = level if level > 0.0 else _first_level(cells, weight)
    expectation(
        cells.exposure, cells.background, cells.realised, cells.side, cells.starts, cells.capacity, weight, shares, fractions,
        begun, counts, exposures, by_side, rest,
    )  # fmt: skip
    counts = forget * state["counts"] + counts
    by_side = forget * state["by_side"] + by_side
    rest = forget * state["rest"] + rest
    posterior_shares(counts, fractions @ by_side, state["strength"] * state["prior"], u0, shares)
    if state["learn_fractions"]:
        for s in range(2):
            swept = float(shares @ by_side[s])
            if swept > 0.0:
                fractions[s] = min(1.0, rest[2 + s] / swept)
    level = rest[0] / rest[1] if rest[1] > 0.0 else 0.0
    return {
        **state, "shares": shares, "fractions": fractions, "level": level, "counts": counts, "by_side": by_side, "rest": rest,
    }  # fmt: skip


def _first_level(cells: Cells, weight: Floats) -> float:
    mass = float(weight[cells.window_of] @ cells.background)
    return 0.1 * float(weight[cells.window_of] @ cells.realised) / mass if mass > 0.0 else 0.0
