"""The formulas of the perpetual contract, each written once: scalar kernels on plain floats, and the loops over them.

The sister files are the doors to these kernels (they check input, broadcast, explain); a fold that lives inside a
compiled loop calls the kernels directly. Symbols, as in docs/definitions/liquidation_price.md:

    kind       LINEAR or INVERSE (the codes of `ContractKind`)
    valuation  MARK_VALUED: maintenance follows the mark; ENTRY_VALUED: it stays at the entry (Bybit before 2025-09-02)
    sign       +1.0 long, -1.0 short
    quantity   > 0; base units (linear) or face value in USD (inverse)
    notional   in margin currency: quantity x price (linear), quantity / price (inverse)
    rate, amount, cap   maintenance rate m, cumulative amount c and upper bound of the tiers, lowest first

Why notionals: written in the notional N, linear and inverse are one contract. With t = sign (linear) or -sign
(inverse), profit is t (N - N_entry) and maintenance m N - c, so equity meets maintenance at the *broken notional*

    N* = (N_entry - t (W + c)) / (1 - t m)

and the price follows from N*. An inverse long is a linear short seen in 1/price: the mirror law is the code itself.

Kernels check nothing. NaN in gives NaN out, and NaN also means that no positive price liquidates the position.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from perpscope.core.units import ContractKind
from perpscope.numeric.jit import njit

Floats = NDArray[np.float64]

LINEAR = int(ContractKind.LINEAR)
INVERSE = int(ContractKind.INVERSE)
MARK_VALUED = 1
ENTRY_VALUED = 2

# --- value -----------------------------------------------------------------------------------------------------------


@njit
def notional(kind: int, quantity: float, price: float) -> float:
    """The position's value in margin currency."""
    if kind == INVERSE:
        return quantity / price
    return quantity * price


@njit
def pnl(kind: int, sign: float, quantity: float, entry: float, price: float) -> float:
    """Profit or loss in margin currency."""
    if kind == INVERSE:
        return sign * quantity * (1.0 / entry - 1.0 / price)
    return sign * quantity * (price - entry)


@njit
def funding_payment(kind: int, sign: float, quantity: float, price: float, rate: float) -> float:
    """What the holder receives at a funding stamp (negative: pays), in margin currency."""
    if kind == INVERSE:
        return -sign * quantity / price * rate
    return -sign * quantity * price * rate


# --- maintenance -----------------------------------------------------------------------------------------------------


@njit
def tier_index(value: float, cap: Floats) -> int:
    """The tier that holds a notional: floor < value <= cap. Beyond the last cap it is the last tier."""
    last = len(cap) - 1
    for i in range(last):
        if value <= cap[i]:
            return i
    return last


@njit
def maintenance_margin(value: float, cap: Floats, rate: Floats, amount: Floats) -> float:
    """Maintenance of a notional: N m - c of its tier."""
    i = tier_index(value, cap)
    return value * rate[i] - amount[i]


# --- liquidation -----------------------------------------------------------------------------------------------------


@njit
def broken_notional(valuation: int, turn: float, start: float, margin: float, rate: float, amount: float) -> float:
    """N*: the notional at which equity meets maintenance, for one (m, c); not above zero where none does."""
    if valuation == ENTRY_VALUED:
        return start - turn * (margin + amount - start * rate)
    return (start - turn * (margin + amount)) / (1.0 - turn * rate)


@njit
def price_of(kind: int, entry: float, start: float, value: float) -> float:
    """The price at which a notional that was `start` at the entry has become `value`."""
    if not value > 0.0:
        return math.nan
    if kind == INVERSE:
        return entry * start / value
    return entry * value / start


@njit
def liquidation_price(
    kind: int,
    valuation: int,
    sign: float,
    quantity: float,
    entry: float,
    margin: float,
    cap: Floats,
    rate: Floats,
    amount: Floats,
) -> float:
    """P*, with the tier that is consistent at P*.

    Equity minus maintenance is continuous and changes its sign once along N, so the first tier (from the lowest)
    whose own N* does not exceed its cap is the consistent one; rounding at a border cannot make it miss.
    """
    turn = sign
    if kind == INVERSE:
        turn = -sign
    start = notional(kind, quantity, entry)
    if valuation == ENTRY_VALUED:
        i = tier_index(start, cap)
        return price_of(kind, entry, start, broken_notional(valuation, turn, start, margin, rate[i], amount[i]))
    value = math.nan
    last = len(cap) - 1
    for i in range(last + 1):
        value = broken_notional(valuation, turn, start, margin, rate[i], amount[i])
        if value <= cap[i] or i == last:
            break
    return price_of(kind, entry, start, value)


@njit
def bankruptcy_price(kind: int, sign: float, quantity: float, entry: float, margin: float) -> float:
    """B*: the price at which equity is zero."""
    turn = sign
    if kind == INVERSE:
        turn = -sign
    start = notional(kind, quantity, entry)
    return price_of(kind, entry, start, broken_notional(MARK_VALUED, turn, start, margin, 0.0, 0.0))


@njit
def shift(kind: int, valuation: int, sign: float, leverage: float, rate: float, amount_fraction: float) -> float:
    """ln(P*/E) of an isolated position; `amount_fraction` is c / N_entry."""
    turn = sign
    if kind == INVERSE:
        turn = -sign
    value = broken_notional(valuation, turn, 1.0, 1.0 / leverage, rate, amount_fraction)
    if not value > 0.0:
        return math.nan
    if kind == INVERSE:
        return -math.log(value)
    return math.log(value)


@njit
def implied_leverage(
    kind: int, valuation: int, sign: float, entry: float, price: float, rate: float, amount_fraction: float
) -> float:
    """The leverage whose liquidation price is `price`: `shift` solved for L. NaN where no leverage explains it."""
    turn = sign
    ratio = price / entry
    if kind == INVERSE:
        turn = -sign
        ratio = entry / price
    if valuation == ENTRY_VALUED:
        fraction = turn * (1.0 - ratio) + rate - amount_fraction
    else:
        fraction = turn * (1.0 - ratio * (1.0 - turn * rate)) - amount_fraction
    if not fraction > 0.0:
        return math.nan
    return 1.0 / fraction


# --- loops: the same kernels over arrays of equal length -------------------------------------------------------------


@njit
def maintenance_margins(cap: Floats, rate: Floats, amount: Floats, value: Floats, out: Floats) -> None:
    for k in range(len(out)):
        out[k] = maintenance_margin(value[k], cap, rate, amount)


@njit
def tier_values(cap: Floats, column: Floats, value: Floats, out: Floats) -> None:
    """`column` of the tier that holds each value; NaN for NaN."""
    for k in range(len(out)):
        out[k] = column[tier_index(value[k], cap)] if value[k] == value[k] else math.nan


@njit
def liquidation_prices(
    kind: int,
    valuation: int,
    cap: Floats,
    rate: Floats,
    amount: Floats,
    sign: Floats,
    quantity: Floats,
    entry: Floats,
    margin: Floats,
    out: Floats,
) -> None:
    for k in range(len(out)):
        out[k] = liquidation_price(kind, valuation, sign[k], quantity[k], entry[k], margin[k], cap, rate, amount)


@njit
def bankruptcy_prices(kind: int, sign: Floats, quantity: Floats, entry: Floats, margin: Floats, out: Floats) -> None:
    for k in range(len(out)):
        out[k] = bankruptcy_price(kind, sign[k], quantity[k], entry[k], margin[k])


@njit
def shifts(
    kind: int, valuation: int, sign: Floats, leverage: Floats, rate: Floats, amount_fraction: Floats, out: Floats
) -> None:
    for k in range(len(out)):
        out[k] = shift(kind, valuation, sign[k], leverage[k], rate[k], amount_fraction[k])


@njit
def implied_leverages(
    kind: int,
    valuation: int,
    sign: Floats,
    entry: Floats,
    price: Floats,
    rate: Floats,
    amount_fraction: Floats,
    out: Floats,
) -> None:
    for k in range(len(out)):
        out[k] = implied_leverage(kind, valuation, sign[k], entry[k], price[k], rate[k], amount_fraction[k])
