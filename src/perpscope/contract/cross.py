"""Liquidation of a cross account: one position of many, and the two legs of a hedge."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from perpscope.contract import kernels
from perpscope.contract.inputs import Floats, Number, Sides, above_zero, contract_kind, finite, not_negative
from perpscope.contract.liquidation import Valuation, liquidation_price
from perpscope.contract.margin import Tiers, tier_arrays
from perpscope.core.errors import UserError
from perpscope.core.units import ContractKind, PositionSide


class Leg(NamedTuple):
    """One holding of a hedged account: `quantity` in base units (linear) or USD face value (inverse)."""

    side: PositionSide
    quantity: float
    entry: float


class LiquidationBand(NamedTuple):
    """The marks at which a hedged account breaks; the account lives between them. NaN where that end is open."""

    below: float
    above: float


def cross_liquidation_price(
    side: Sides,
    quantity: Number,
    entry: Number,
    wallet_balance: Number,
    tiers: Tiers,
    *,
    other_maintenance: Number = 0.0,
    other_pnl: Number = 0.0,
    kind: ContractKind = ContractKind.LINEAR,
    valuation: Valuation = Valuation.MARK,
) -> Any:
    """The mark of one contract at which a cross account is liquidated, every other price standing still.

    Definition: `liquidation_price` with W = wallet_balance - TMM_other + UPNL_other. Other prices do not stand still
    in a crash; this is what venues display, not a promise.

    Args:
        side, quantity, entry, tiers: of this contract's position, as in `liquidation_price`.
        wallet_balance: margin currency of the cross wallet.
        other_maintenance: TMM, the maintenance margin of all other positions, zero or more.
        other_pnl: UPNL, the unrealised profit of all other positions.

    Returns:
        A price, or NaN where no price of this contract liquidates the account; a float or a float64 array.

    Raises:
        UserError: as `liquidation_price`, or if `other_maintenance` is negative.

    Source: Binance FAQ b3c689c1f50a44cabb3a84e663b81d93.

    Example:
        >>> from perpscope.contract.margin import flat_tier
        >>> price = cross_liquidation_price(PositionSide.LONG, 3_683.979, 1_456.84, 1_535_443.01,
        ...     flat_tier(0.10, 135_365.0), other_maintenance=71_200.81144, other_pnl=-56_354.57)
        >>> round(price, 2)
        1153.26
    """
    margin = (
        finite("wallet balance", wallet_balance)
        - not_negative("maintenance margin of other positions", other_maintenance)
        + finite("unrealised profit of other positions", other_pnl)
    )
    return liquidation_price(side, quantity, entry, margin, tiers, kind=kind, valuation=valuation)


def hedge_liquidation_prices(
    legs: Sequence[Leg],
    wallet_balance: float,
    tiers: Tiers,
    *,
    other_maintenance: float = 0.0,
    other_pnl: float = 0.0,
    kind: ContractKind = ContractKind.LINEAR,
) -> LiquidationBand:
    """The marks at which a cross account with a long *and* a short leg of one contract is liquidated.

    Definition: the roots of W + sum of PnL - sum of maintenance = 0, each leg in its own tier at the root, W as in
    `cross_liquidation_price`. With fixed tiers this is Binance's general formula

        [W + sum c + (sum of -s q E)] / [sum of q m - sum of s q]

    Both legs share one liquidation price there. Equity minus maintenance is concave in the price (maintenance grows
    faster tier by tier), so a nearly balanced hedge can break on *both* sides: on the side of its net exposure, and
    above, where the maintenance of two growing legs eats the wallet. We return both ends.

    Args:
        legs: one or more holdings of the same contract.
        wallet_balance, other_maintenance, other_pnl: as in `cross_liquidation_price`.
        tiers: the contract's tier table; each leg is looked up by its own notional (Binance).

    Returns:
        `LiquidationBand`: the account lives strictly between `below` and `above`; NaN for an end that no price
        reaches, and for both if the account is liquidated at every price.

    Raises:
        UserError: if there is no leg, or a quantity, price or amount is out of range.

    Source: Binance FAQ b3c689c1f50a44cabb3a84e663b81d93, hedge mode; the two roots: own.

    Example:
        >>> from perpscope.contract.margin import flat_tier
        >>> legs = [Leg(PositionSide.LONG, 1.0, 50_000.0), Leg(PositionSide.SHORT, 0.4, 52_000.0)]
        >>> band = hedge_liquidation_prices(legs, 10_000.0, flat_tier(0.004))
        >>> round(band.below, 2), band.above
        (32301.48, nan)
    """
    if not legs:
        raise UserError("A hedge needs at least one leg: pass the account's long and short holdings of the contract.")
    columns = tier_arrays(tiers)
    inverse = contract_kind(kind) == kernels.INVERSE
    # Seen in x = price (linear) or x = 1/price with sides swapped (inverse), every leg is linear in x.
    quantity = above_zero("quantity", np.array([leg.quantity for leg in legs]))
    entry = above_zero("entry price", np.array([leg.entry for leg in legs]))
    turn = np.array([-leg.side.sign if inverse else leg.side.sign for leg in legs], dtype=np.float64)
    origin = 1.0 / entry if inverse else entry
    free = float(
        finite("wallet balance", wallet_balance)
        - not_negative("maintenance margin of other positions", other_maintenance)
        + finite("unrealised profit of other positions", other_pnl)
        - (turn * quantity * origin).sum()
    )
    low, high = _band(free, turn, quantity, columns.cap, columns.rate, columns.amount)
    return LiquidationBand(1.0 / high, 1.0 / low) if inverse else LiquidationBand(low, high)


def _band(free: float, turn: Floats, quantity: Floats, cap: Floats, rate: Floats, amount: Floats) -> tuple[float, float]:
    """Where the concave, piecewise linear excess(x) = free + sum(t q x) - maintenance(x) rises and falls through zero.

    Its value is taken once per corner, so that rounding at a corner cannot hide a root between two pieces.
    """

    def excess(x: float) -> float:
        tier = np.searchsorted(cap[:-1], quantity * x)
        return free + float((amount[tier] + quantity * (turn - rate[tier]) * x).sum())

    corners = np.concatenate(([0.0], np.unique(cap[:-1, None] / quantity[None, :])))
    values = np.array([excess(x) for x in corners])
    outermost = float((quantity * (turn - rate[-1])).sum())  # beyond the last corner every leg is in the last tier
    slopes = np.append(np.diff(values) / np.diff(corners), outermost)
    arrivals = np.append(values[1:], math.copysign(math.inf, outermost) if outermost else values[-1])
    low = high = math.nan
    for k in np.flatnonzero((values <= 0.0) != (arrivals <= 0.0)):
        root = float(corners[k] - values[k] / slopes[k])
        if slopes[k] > 0.0:
            low = root if root > 0.0 else math.nan
        else:
            high = root
    return low, high
