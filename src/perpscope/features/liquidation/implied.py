"""From observed positions to a mix: which leverage do their liquidation prices imply?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perpscope.contract import Tiers, leverage_from_liquidation_price, maintenance_rate_at
from perpscope.core.errors import UserError
from perpscope.core.table import Table
from perpscope.core.units import ContractKind
from perpscope.features.liquidation.mix import LEVERAGES

Floats = npt.NDArray[np.float64]

NEVER_BELOW = 1.5
"""Up to this leverage a position counts as never liquidated."""


def implied_leverage(positions: Table, tiers: Tiers, kind: ContractKind = ContractKind.LINEAR) -> Floats:
    """The leverage that each position has now, from its liquidation price and the *mark*.

    Definition: `contract.leverage_from_liquidation_price` with the mark in place of the entry (the entry gives nonsense for
    accounts in profit) and the maintenance rate of the tier that holds the notional at the liquidation price. NaN where
    nothing liquidates, or no leverage explains the price.

    Args:
        positions: `position` events of one instrument.
        tiers: its risk tiers.

    Returns:
        (positions,).
    """
    out = np.full(len(positions), np.nan)
    priced = np.isfinite(positions["liquidation_price"]) & (positions["liquidation_price"] > 0.0)
    if priced.any():
        mine = positions[priced]
        rates = maintenance_rate_at(mine["quantity"] * mine["liquidation_price"], tiers)
        out[priced] = leverage_from_liquidation_price(
            mine["position_side"], mine["mark_price"], mine["liquidation_price"], rates, kind=kind
        )
    return out


def implied_mix(positions: Table, tiers: Tiers, kind: ContractKind = ContractKind.LINEAR) -> tuple[float, ...]:
    """Shares of notional (at mark) that are never liquidated, then at each of `LEVERAGES`: a prior for the mix.

    Definition: a position counts at the ladder's leverage nearest in log; up to 1.5x, or without an implied
    leverage, it counts as never. A prior for the stock of positions that we see, not for who is liquidated.

    Raises:
        UserError: if there is no position with a notional.

    Source: own; the default prior is this figure for BTC in a snapshot series of leaderboard wallets, rounded.
    """
    notional = positions["quantity"] * positions["mark_price"]
    total = float(np.nansum(notional))
    if not total > 0.0:
        raise UserError("A mix needs positions with a quantity and a mark price.")
    leverage = implied_leverage(positions, tiers, kind)
    liquidatable = leverage > NEVER_BELOW
    middles = np.sqrt(np.array(LEVERAGES[1:]) * np.array(LEVERAGES[:-1]))
    at = np.searchsorted(middles, leverage[liquidatable])
    shares = np.bincount(at, notional[liquidatable], len(LEVERAGES)) / total
    return (1.0 - float(shares.sum()), *shares.tolist())
