"""Where a position breaks: liquidation and bankruptcy price.

One equation serves every venue: equity(P*) = maintenance(P*). What differs between venues (how maintenance is
valued, whether a fee is added) is in `rules`; which tier applies is decided here, at P*.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from perpscope.contract import kernels
from perpscope.contract.inputs import (
    Number,
    Sides,
    above_zero,
    answer,
    contract_kind,
    elementwise,
    finite,
    rate_fraction,
    signs,
)
from perpscope.contract.margin import Tiers, check_leverage, tier_arrays
from perpscope.core.units import ContractKind


class Valuation(IntEnum):
    """At which price a venue values the maintenance margin."""

    MARK = kernels.MARK_VALUED
    ENTRY = kernels.ENTRY_VALUED


def liquidation_price(
    side: Sides,
    quantity: Number,
    entry: Number,
    margin: Number,
    tiers: Tiers,
    *,
    kind: ContractKind = ContractKind.LINEAR,
    valuation: Valuation = Valuation.MARK,
) -> Any:
    """The mark price at which a position backed by `margin` is liquidated.

    Definition: the P* with equity(P*) = maintenance(P*), maintenance = N m - c:

    - linear: (W + c - s q E) / (q (m - s))
    - inverse: F (s + m) / (W + c + s F/E)
    - linear, entry-valued: E - s (W - q E m + c) / q;  inverse, entry-valued: F / (F/E + s (W - m F/E + c))

    (m, c) belong to the tier that holds the notional **at P\\***, not at the entry, not the collateral and not the
    open interest; exactly one tier is consistent because maintenance is continuous. Entry-valued maintenance takes
    the tier of the entry notional.

    Args:
        side: `PositionSide`, or an integer array of its codes.
        quantity: base units (linear) or face value in USD (inverse), above zero.
        entry: average entry price, above zero.
        margin: W in margin currency: isolated margin with everything added to it; may be negative for a cross
            account (see `cross_liquidation_price`).
        tiers: a `TierTable`, `TierArrays`, or `flat_tier(m, c)`.

    Returns:
        A price, as a float or a float64 array. NaN, never 0, where no positive price liquidates (a linear long or an
        inverse short at 1x, an over-collateralised account) and where an input is NaN. A price on the profitable
        side of the entry means that the position is under water at its entry.

    Raises:
        UserError: if a quantity or price is not above zero, or a side is unknown.
        DataError: if the tier table breaks the rules of `tier_arrays`.

    Source: Binance FAQ b3c689c1f50a44cabb3a84e663b81d93 (linear), ceccfcfb4e3a45e3b48b0b1bb1a8ae46 (inverse);
        docs/definitions/liquidation_price.md.

    Example:
        >>> from perpscope.contract.margin import flat_tier
        >>> from perpscope.core.units import PositionSide
        >>> round(liquidation_price(PositionSide.LONG, 109.488, 32_481.98, 1_535_443.01, flat_tier(0.025, 16_300.0)), 2)
        18778.73
    """
    columns = tier_arrays(tiers)
    return elementwise(
        kernels.liquidation_prices,
        (contract_kind(kind), int(valuation), columns.cap, columns.rate, columns.amount),
        (signs(side), above_zero("quantity", quantity), above_zero("entry price", entry), finite("margin", margin)),
    )


def isolated_liquidation_price(
    side: Sides,
    quantity: Number,
    entry: Number,
    leverage: Number,
    tiers: Tiers,
    *,
    kind: ContractKind = ContractKind.LINEAR,
    valuation: Valuation = Valuation.MARK,
) -> Any:
    """The liquidation price of an isolated position opened at a leverage, nothing added since.

    Definition: `liquidation_price` with W = N_entry / L; for a linear contract E (1 - s (1/L + c/N)) / (1 - s m).

    Args:
        side, quantity, entry, tiers: as in `liquidation_price`.
        leverage: above zero and not above the tier's maximum.

    Returns:
        As `liquidation_price`.

    Raises:
        UserError: as `liquidation_price`; also if the leverage is above the tier's maximum, the notional beyond the
            table, or the margin would not exceed maintenance at the entry.

    Source: as `liquidation_price`.

    Example:
        >>> from perpscope.contract.margin import flat_tier
        >>> from perpscope.core.units import PositionSide
        >>> round(isolated_liquidation_price(PositionSide.LONG, 0.1, 100_000.0, 10.0, flat_tier(0.004)), 1)
        90361.4
        >>> isolated_liquidation_price(PositionSide.LONG, 0.1, 100_000.0, 1.0, flat_tier(0.004))
        nan
    """
    code = contract_kind(kind)
    levels = above_zero("leverage", leverage)
    start = kernels.notional.python(code, above_zero("quantity", quantity), above_zero("entry price", entry))
    check_leverage(levels, start, tiers)
    return liquidation_price(side, quantity, entry, start / levels, tiers, kind=kind, valuation=valuation)


def bankruptcy_price(
    side: Sides, quantity: Number, entry: Number, margin: Number, *, kind: ContractKind = ContractKind.LINEAR
) -> Any:
    """The price at which equity is zero: beyond it the venue, not the trader, loses.

    Definition: `liquidation_price` with m = c = 0: E - s W/q (linear), F / (F/E + s W) (inverse). Binance sends its
    liquidation order with this price as the limit; Bybit settles a liquidated position at it.

    Args:
        side, quantity, entry, margin: as in `liquidation_price`.

    Returns:
        A price; NaN where equity is positive at every price.

    Raises:
        UserError: as `liquidation_price`.

    Example:
        >>> from perpscope.core.units import PositionSide
        >>> bankruptcy_price(PositionSide.SHORT, 0.1, 100_000.0, 200.0)
        102000.0
    """
    return elementwise(
        kernels.bankruptcy_prices,
        (contract_kind(kind),),
        (signs(side), above_zero("quantity", quantity), above_zero("entry price", entry), finite("margin", margin)),
    )


def isolated_bankruptcy_price(side: Sides, entry: Number, leverage: Number, *, kind: ContractKind = ContractKind.LINEAR) -> Any:
    """The bankruptcy price of an isolated position opened at a leverage: E (1 - s/L) (linear), E / (1 + s/L) (inverse).

    Returns:
        A price; NaN at 1x for a linear long or an inverse short.

    Raises:
        UserError: if the entry or the leverage is not above zero.

    Example:
        >>> from perpscope.core.units import PositionSide
        >>> isolated_bankruptcy_price(PositionSide.LONG, 100.0, 4.0)
        75.0
    """
    code = contract_kind(kind)
    start = kernels.notional.python(code, 1.0, above_zero("entry price", entry))
    return bankruptcy_price(side, 1.0, entry, start / above_zero("leverage", leverage), kind=kind)


def liquidation_price_from_bankruptcy(
    side: Sides,
    bankruptcy: Number,
    rate: Number,
    *,
    amount_fraction: Number = 0.0,
    kind: ContractKind = ContractKind.LINEAR,
) -> Any:
    """From the price a venue prints with a liquidation (order limit, bkPx) to the mark that triggered it.

    Definition: P* = B* (1 - s c/N) / (1 - s m) (linear), B* (1 + s m) / (1 + s c/N) (inverse), N the notional at B*:
    a position that has no margin left at B*, and maintenance valued at the mark.

    Args:
        side: whose position was liquidated.
        bankruptcy: B*, above zero.
        rate: maintenance rate m of the position's tier.
        amount_fraction: c / N of that tier; 0 in the first.

    Returns:
        A price; a float or a float64 array.

    Raises:
        UserError: if the price is not above zero or the rate is no fraction.

    Example:
        >>> from perpscope.core.units import PositionSide
        >>> round(liquidation_price_from_bankruptcy(PositionSide.LONG, 90_000.0, 0.004), 4)
        90361.4458
    """
    price, m, sign = above_zero("bankruptcy price", bankruptcy), rate_fraction("maintenance rate", rate), signs(side)
    code, part = contract_kind(kind), finite("amount fraction", amount_fraction)
    turn = -sign if code == kernels.INVERSE else sign
    ratio = kernels.broken_notional.python(kernels.MARK_VALUED, turn, 1.0, 0.0, m, part)
    return answer(price / ratio if code == kernels.INVERSE else price * ratio)
