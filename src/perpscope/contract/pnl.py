"""Profit and loss, equity and return on margin of a position."""

from __future__ import annotations

from typing import Any

from perpscope.contract import kernels
from perpscope.contract.inputs import Number, Sides, above_zero, answer, contract_kind, finite, signs
from perpscope.core.units import ContractKind


def notional(quantity: Number, price: Number, *, kind: ContractKind = ContractKind.LINEAR) -> Any:
    """The value of a position in margin currency.

    Definition: quantity x price (linear, quote coin); quantity / price (inverse, base coin).

    Args:
        quantity: base units (linear) or face value in USD (inverse, contracts x contract size), above zero.
        price: above zero. NaN where unknown.

    Returns:
        A float, or a float64 array for array input; NaN where an input is NaN.

    Raises:
        UserError: if the quantity or the price is not above zero, or the contract is spot.

    Source: venue contract specifications; own notation.

    Example:
        >>> notional(2.0, 30_000.0)
        60000.0
        >>> notional(60_000.0, 30_000.0, kind=ContractKind.INVERSE)
        2.0
    """
    code = contract_kind(kind)
    return answer(kernels.notional.python(code, above_zero("quantity", quantity), above_zero("price", price)))


def unrealized_pnl(
    side: Sides, quantity: Number, entry: Number, price: Number, *, kind: ContractKind = ContractKind.LINEAR
) -> Any:
    """Profit (positive) or loss of an open position at a price, in margin currency, before fees and funding.

    Definition: s q (P - E) (linear); s F (1/E - 1/P) (inverse), s = +1 long, -1 short. Venues settle and liquidate
    on the *mark* price: pass the mark for risk, the fill price for what was realised.

    Args:
        side: `PositionSide`, or an integer array of its codes.
        quantity: base units (linear) or face value in USD (inverse), above zero.
        entry: average entry price, above zero.
        price: the price to value at, above zero.

    Returns:
        A float, or a float64 array; NaN where an input is NaN.

    Raises:
        UserError: if a quantity or price is not above zero, or a side is unknown.

    Source: Binance, "A Beginner's Guide to Futures Trading" (360039304272), both kinds.

    Example:
        >>> from perpscope.core.units import PositionSide
        >>> unrealized_pnl(PositionSide.SHORT, 0.5, 60_000.0, 58_000.0)
        1000.0
        >>> round(unrealized_pnl(PositionSide.LONG, 10_000.0, 50_000.0, 52_000.0, kind=ContractKind.INVERSE), 8)
        0.00769231
    """
    return answer(
        kernels.pnl.python(
            contract_kind(kind),
            signs(side),
            above_zero("quantity", quantity),
            above_zero("entry price", entry),
            above_zero("price", price),
        )
    )


def equity(
    margin: Number,
    side: Sides,
    quantity: Number,
    entry: Number,
    price: Number,
    *,
    kind: ContractKind = ContractKind.LINEAR,
) -> Any:
    """Margin plus unrealised profit: what a venue compares with maintenance.

    Definition: W + unrealised PnL at `price`. W is the isolated margin (added margin and funding included), or for
    a cross account the wallet balance plus the unrealised PnL of every other position.

    Args:
        margin: in margin currency; may be negative for a cross account.
        side, quantity, entry, price: as in `unrealized_pnl`.

    Returns:
        A float, or a float64 array, in margin currency.

    Raises:
        UserError: as in `unrealized_pnl`, or if the margin is infinite.

    Source: Binance FAQ b3c689c1f50a44cabb3a84e663b81d93.

    Example:
        >>> from perpscope.core.units import PositionSide
        >>> equity(3_000.0, PositionSide.LONG, 0.5, 60_000.0, 58_000.0)
        2000.0
    """
    return answer(finite("margin", margin) + unrealized_pnl(side, quantity, entry, price, kind=kind))


def return_on_margin(
    side: Sides, entry: Number, price: Number, leverage: Number, *, kind: ContractKind = ContractKind.LINEAR
) -> Any:
    """Unrealised profit as a fraction of the initial margin (a venue's "ROE").

    Definition: PnL / (N_entry / L) = L s (P/E - 1) (linear), L s (1 - E/P) (inverse). Some venues divide by the
    margin at the mark instead; we divide by what was put down, which does not move with the price.

    Args:
        side: `PositionSide`, or an integer array of its codes.
        entry, price: above zero.
        leverage: above zero.

    Returns:
        A fraction (0.1 is 10% of the margin); a float or a float64 array.

    Raises:
        UserError: if a price or the leverage is not above zero.

    Source: own; Binance (360039304272) divides by the margin at the mark.

    Example:
        >>> from perpscope.core.units import PositionSide
        >>> round(return_on_margin(PositionSide.LONG, 100.0, 101.0, 20.0), 12)
        0.2
    """
    code = contract_kind(kind)
    entries, prices = above_zero("entry price", entry), above_zero("price", price)
    unit = kernels.notional.python(code, 1.0, entries)
    return answer(above_zero("leverage", leverage) * kernels.pnl.python(code, signs(side), 1.0, entries, prices) / unit)
