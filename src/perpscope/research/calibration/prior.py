"""From the leverage of positions that are open to the leverage of positions that are opened."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perpscope.features.liquidation.mix import LEVERAGES, PRIOR

UNLEVERED = 1.5
"""What "never" stands for at most: hedged, or 1.5x."""


def prior_of_opens(hazard_tilt: float, stock: Sequence[float] = PRIOR) -> tuple[float, ...]:
    """Shares of opens whose open positions, in the long run, have the shares `stock`.

    Definition: tier k closes (L_k / 10)^g times as fast as the average, so a steady stock holds opens_k / (L_k / 10)^g of
    it; hence opens_k is proportional to stock_k (L_k / 10)^g, with 1.5 for L of "never". The shipped prior is a snapshot of
    wallets, a stock: at g = 0 it is taken as it is, at g > 0 the short-lived tiers are opened more often than they are seen.
    Disputed point: wallets on leaderboards are not the market; it is a prior. With it the level of the map in the crash of
    2024-08-05, when tiers were reached that no data had taught, was 1.2 to 1.3 times the reports (g = 1) instead of 1.2 to 1.8.

    Args:
        hazard_tilt: g of the filter.
        stock: shares of never, 2x, ..., 100x; sums to 1.
    Source: own.

    Example:
        >>> prior_of_opens(0.0) == PRIOR
        True
        >>> [round(share, 3) for share in prior_of_opens(1.0)[-2:]]
        [0.028, 0.037]
    """
    if hazard_tilt == 0.0:
        return tuple(stock)
    opens = np.asarray(stock, np.float64) * (np.array([UNLEVERED, *LEVERAGES]) / 10.0) ** hazard_tilt
    return tuple((opens / opens.sum()).tolist())
