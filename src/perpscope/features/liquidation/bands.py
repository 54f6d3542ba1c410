"""How sure is a figure? Bands from draws of the leverage mix, and the share that rests on the prior alone."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.core.table import Table
from perpscope.features.liquidation.entries import UNIT_COLUMNS
from perpscope.features.liquidation.mix import LEVERAGES, TIERS

Floats = npt.NDArray[np.float64]

QUANTILES = (0.1, 0.5, 0.9)

_NORMAL = np.array([NormalDist().inv_cdf((i + 0.5) / 21) for i in range(21)])


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


def forced_bands(
    units: Floats, draws: npt.ArrayLike, event_quantity: float, dispersion: float, quantiles: tuple[float, ...] = QUANTILES
) -> Floats:
    """Quantiles of what is really closed by force where the units lie: doubt about the mix, and the scatter around it.

    Definition: each draw w gives a mean m = sum_k w_k units_k; around it the amount scatters with the variance
    u0 m + a m^2, where u0 is the size of a typical event (a few positions are lumpier than many) and a the dispersion of
    reports around the fit that was calibrated. The scatter is drawn as a gamma variable (its quantiles by Wilson and
    Hilferty), the same number of points for each draw of the mix; the band is the quantiles over all of them. Disputed
    point: a comes from what price swept, and stands here for what it has not reached yet.

    Args:
        units: (rows, tiers), from `units_of`.
        draws: (draws, tiers), or (draws, rows, tiers) where rows have their own (sides): weights, not negative.
        event_quantity: u0, sum(q^2) / sum(q) of single liquidations, in the unit of `units`.
        dispersion: a; 0 for independent events.
        quantiles: in [0, 1].

    Returns:
        (rows, quantiles).

    Raises:
        UserError: if the shapes do not fit, or a weight, u0 or a is negative.

    Source: own; gamma quantiles: Wilson and Hilferty 1931.

    Example:
        >>> draws = np.zeros((1, TIERS))
        >>> draws[:, 5] = 0.1
        >>> forced_bands(np.full((1, TIERS), 1000.0), draws, 1.0, 0.0).round(0).tolist()
        [[88.0, 100.0, 112.0]]
    """
    weights = np.asarray(draws, np.float64)
    weights = weights[:, None, :] if weights.ndim == 2 else weights
    fits = weights.ndim == 3 and weights.shape[1] in (1, len(units)) and weights.shape[2] == TIERS and len(weights)
    if not fits or not (weights >= 0.0).all() or not (event_quantity >= 0.0 and dispersion >= 0.0):
        raise UserError(
            f"Bands need draws of shape (draws, {TIERS}), an event quantity and a dispersion, none of them negative; got draws "
            f"of shape {np.shape(draws)}, {event_quantity} and {dispersion}."
        )
    mean = np.einsum("dk,rdk->dr", units, np.broadcast_to(weights, (len(weights), len(units), TIERS)))
    spread = event_quantity / np.maximum(mean, 1e-300) + dispersion  # variance over squared mean
    ninth = np.minimum(spread / 9.0, 1e6)[:, :, None]
    amounts = mean[:, :, None] * np.maximum(1.0 - ninth + _NORMAL * np.sqrt(ninth), 0.0) ** 3
    return np.quantile(amounts.reshape(len(units), -1), quantiles, axis=1).T


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
