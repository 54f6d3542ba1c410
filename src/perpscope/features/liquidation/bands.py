"""How sure is a figure? Bands from draws of the leverage mix, and the share that rests on the prior alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.core.table import Table
from perpscope.features.liquidation.entries import UNIT_COLUMNS
from perpscope.features.liquidation.mix import LEVERAGES, TIERS

Floats = npt.NDArray[np.float64]

QUANTILES = (0.1, 0.5, 0.9)


def units_of(rows: Table) -> Floats:
    """The unit columns of exposure, sweep or cluster rows: (rows, tiers) float64."""
    return np.stack([rows[name] for name in UNIT_COLUMNS], axis=1).astype(np.float64)


def bands(units: Floats, draws: npt.ArrayLike, quantiles: tuple[float, ...] = QUANTILES) -> Floats:
    """Quantiles of the units expected to be closed by force, over draws of the mix.

    Definition: one draw w (share of opens x liquidated fraction, per tier) gives sum_k w_k units_k; the band is the
    quantiles over the draws. A tier that the data never touched carries its prior's spread, so bands are wide there. They
    show doubt about the mix only, not about flow fraction, entries or the model.

    Args:
        units: (rows, tiers), from `units_of`.
        draws: (draws, tiers), non-negative: block bootstrap draws of a calibration.
        quantiles: in [0, 1].

    Returns:
        (rows, quantiles).

    Raises:
        UserError: if the shapes do not fit or a weight is negative.

    Source: own.

    Example:
        >>> draws = np.zeros((3, TIERS))
        >>> draws[:, 5] = (0.1, 0.2, 0.3)
        >>> bands(np.full((1, TIERS), 10.0), draws).tolist()
        [[1.2, 2.0, 2.8]]
    """
    weights = np.asarray(draws, np.float64)
    if weights.ndim != 2 or weights.shape[1] != TIERS or not len(weights) or not (weights >= 0.0).all():
        raise UserError(f"Bands need draws of shape (draws, {TIERS}) without negative weights; got {weights.shape}.")
    return np.quantile(units @ weights.T, quantiles, axis=1).T


def by_tier(units: Floats, mix: npt.ArrayLike) -> dict[float, Floats]:
    """Exposure of each row by leverage: units_k x share_k; their sum is the row's exposure.

    Args:
        units: (rows, tiers).
        mix: the share at each of `LEVERAGES` (a mix without its first entry).

    Example:
        >>> by_tier(np.full((1, TIERS), 10.0), np.full(TIERS, 0.05))[25.0].tolist()
        [0.5]
    """
    shares = np.asarray(mix, np.float64)
    return {leverage: units[:, k] * shares[k] for k, leverage in enumerate(LEVERAGES)}


def prior_fraction(units: Floats, mix: npt.ArrayLike, learned: npt.ArrayLike) -> Floats:
    """The share of each row's exposure that comes from tiers nobody has learned about: 1 with the default mix.

    Args:
        units: (rows, tiers).
        mix: the share at each of `LEVERAGES`.
        learned: whether each tier's share was learned (at least 20 effective events) or is still the prior's.

    Returns:
        (rows,); NaN where a row holds nothing.

    Example:
        >>> prior_fraction(np.ones((1, TIERS)), np.ones(TIERS) / TIERS, [True] + [False] * (TIERS - 1)).round(3).tolist()
        [0.923]
    """
    parts = units * np.asarray(mix, np.float64)
    total = parts.sum(axis=1)
    prior = parts[:, ~np.asarray(learned, bool)].sum(axis=1)
    return np.divide(prior, total, out=np.full(len(total), np.nan), where=total > 0.0)
