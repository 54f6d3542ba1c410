"""Figures over several venues or instruments, on plain arrays; the folds of `features.derivatives` feed them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perpscope.core.time import MINUTE

Floats = npt.NDArray[np.float64]


def weighted_funding(
    rates_8h: Floats, notionals: Floats, ages: npt.NDArray[np.int64], max_age: int = 15 * MINUTE
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Funding per 8 hours weighted by open interest, and which venues it stands on.

    Definition: sum(OI F) / sum(OI) over venues (the last axis) whose rate and open interest are known and whose open
    interest is at most `max_age` ns old. Open interest as notional at one mark price for all.
    Returns: the rate (NaN where no venue is left) and a mask of the venues used, so that the dropped ones can be listed.
    Source: STRUCTURE ST31.

    Example:
        >>> rate, used = weighted_funding(np.array([1e-4, 1.6e-4]), np.array([3e9, 1e9]), np.array([0, 0]))
        >>> float(rate.round(9)), used.tolist()
        (0.000115, [True, True])
    """
    used = np.isfinite(rates_8h) & np.isfinite(notionals) & (notionals > 0) & (ages <= max_age)
    weights = np.where(used, notionals, 0.0)
    total = weights.sum(axis=-1)
    rate = (weights * np.where(used, rates_8h, 0.0)).sum(axis=-1) / np.where(total > 0, total, np.nan)
    return rate, used


def flow_spread(z_spot: Floats, z_perpetual: Floats) -> Floats:
    """z of the spot market's delta minus z of the perpetual's, bar by bar; NaN where either is absent.

    Example:
        >>> flow_spread(np.array([1.5]), np.array([-0.8])).tolist()
        [2.3]
    """
    return z_spot - z_perpetual
