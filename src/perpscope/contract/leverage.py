"""From leverage to the liquidation level in log price, and from an observed price back to the leverage."""

from __future__ import annotations

from typing import Any

from perpscope.contract import kernels
from perpscope.contract.inputs import (
    Number,
    Sides,
    above_zero,
    contract_kind,
    elementwise,
    finite,
    rate_fraction,
    signs,
)
from perpscope.contract.liquidation import Valuation
from perpscope.core.units import ContractKind


def liquidation_shift(
    side: Sides,
    leverage: Number,
    rate: Number,
    *,
    amount_fraction: Number = 0.0,
    kind: ContractKind = ContractKind.LINEAR,
    valuation: Valuation = Valuation.MARK,
) -> Any:
    """ln(P*/E): how far, in log price, an isolated position of this leverage breaks from its entry.

    Definition: ln of `isolated_liquidation_price` / E for one (m, c). It does not depend on E, so the liquidation
    levels of all entries of one (leverage, side, m) are the entries moved by one constant: a convolution.

    Args:
        side: `PositionSide`, or an integer array of its codes.
        leverage: above zero.
        rate: maintenance rate m, a fraction.
        amount_fraction: c / N_entry; 0 in the first tier.

    Returns:
        Log price; negative for longs, positive for shorts; NaN where nothing liquidates. No check of the leverage
        against a tier: a sign the other way round says "liquidated at birth".

    Raises:
        UserError: if the leverage is not above zero or a rate is no fraction.

    Example:
        >>> from perpscope.core.units import PositionSide
        >>> round(liquidation_shift(PositionSide.LONG, 10.0, 0.004), 5)
        -0.10135
    """
    return elementwise(
        kernels.shifts,
        (contract_kind(kind), int(valuation)),
        (
            signs(side),
            above_zero("leverage", leverage),
            rate_fraction("maintenance rate", rate),
            finite("amount fraction", amount_fraction),
        ),
    )


def leverage_from_liquidation_price(
    side: Sides,
    entry: Number,
    price: Number,
    rate: Number,
    *,
    amount_fraction: Number = 0.0,
    kind: ContractKind = ContractKind.LINEAR,
    valuation: Valuation = Valuation.MARK,
) -> Any:
    """The leverage that explains an observed liquidation price: `liquidation_shift` solved for L.

    Definition: 1/L = s (1 - (1 - s m) P*/E) - c/N (linear), 1/L = s ((1 + s m) E/P* - 1) - c/N (inverse).

    Args:
        side: `PositionSide`, or an integer array of its codes.
        entry, price: E and P*, above zero. For a running account put the *mark* for E: that gives the leverage the
            account has now; the entry gives nonsense for accounts in profit.
        rate, amount_fraction: m and c / N of the tier that holds the notional at P*.

    Returns:
        Leverage; NaN where 1/L is not positive ("no leverage explains this": a cross account in profit, or hedged),
        which is worth counting.

    Raises:
        UserError: if a price is not above zero or a rate is no fraction.

    Example:
        >>> from perpscope.core.units import PositionSide
        >>> round(leverage_from_liquidation_price(PositionSide.LONG, 100_000.0, 90_361.44578313253, 0.004), 9)
        10.0
        >>> leverage_from_liquidation_price(PositionSide.LONG, 100.0, 101.0, 0.004)
        nan
    """
    return elementwise(
        kernels.implied_leverages,
        (contract_kind(kind), int(valuation)),
        (
            signs(side),
            above_zero("entry price", entry),
            above_zero("liquidation price", price),
            rate_fraction("maintenance rate", rate),
            finite("amount fraction", amount_fraction),
        ),
    )


def leverage_from_bankruptcy_price(
    side: Sides, entry: Number, price: Number, *, kind: ContractKind = ContractKind.LINEAR
) -> Any:
    """The leverage that explains a bankruptcy price: 1/L = s (1 - B*/E) (linear), s (E/B* - 1) (inverse).

    Returns:
        Leverage; NaN where no leverage explains the price.

    Raises:
        UserError: if a price is not above zero.

    Example:
        >>> from perpscope.core.units import PositionSide
        >>> leverage_from_bankruptcy_price(PositionSide.LONG, 100.0, 75.0)
        4.0
    """
    return leverage_from_liquidation_price(side, entry, price, 0.0, kind=kind)
