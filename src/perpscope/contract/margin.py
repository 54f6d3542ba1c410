"""Initial and maintenance margin, and the risk tiers as arrays that kernels can scan."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np

from perpscope.contract import kernels
from perpscope.contract.inputs import (
    Floats,
    Number,
    above_zero,
    answer,
    contract_kind,
    elementwise,
    finite,
    not_negative,
    rate_fraction,
    refuse,
)
from perpscope.core.errors import DataError
from perpscope.core.instrument import TierTable
from perpscope.core.units import ContractKind


class TierArrays(NamedTuple):
    """The columns of a tier table as float64 arrays of equal length, lowest tier first.

    `max_leverage` is NaN where the venue's figure is not known; a rule is then not enforced.
    """

    floor: Floats
    cap: Floats
    rate: Floats
    amount: Floats
    max_leverage: Floats


Tiers: TypeAlias = TierTable | TierArrays


def tier_arrays(tiers: Tiers) -> TierArrays:
    """The five columns of a tier table, checked for what the tier scan relies on.

    Returns:
        `TierArrays`; given `TierArrays`, the same object.

    Raises:
        DataError: if the table does not begin at zero, a cap is not above its floor, an amount is no number, or the
            maintenance rates do not rise inside [0, 1). Contiguity and the recursion of the amounts are checked by
            `TierTable` itself.

    Example:
        >>> from perpscope.core.instrument import RiskTier, TierTable
        >>> table = TierTable("binance", "BTCUSDT", (RiskTier(0, 50_000, 0.004, 0, 125),), None, None, "example")
        >>> tier_arrays(table).rate
        array([0.004])
    """
    if isinstance(tiers, TierArrays):
        return tiers
    rows = np.array(
        [(t.floor, t.cap, t.maintenance_rate, t.maintenance_amount, t.max_leverage) for t in tiers.tiers], dtype=np.float64
    )
    arrays = TierArrays(*(np.ascontiguousarray(column) for column in rows.T))
    name = f"{tiers.venue} {tiers.symbol} from {tiers.source}"
    if arrays.floor[0] != 0.0:
        raise DataError(f"The tiers of {name} do not begin at zero.", tiers.tiers[0])
    if not (arrays.cap > arrays.floor).all():
        raise DataError(f"A tier of {name} ends before it begins.", tiers.tiers)
    if not np.isfinite(arrays.amount).all():
        raise DataError(f"A maintenance amount of {name} is not a number.", arrays.amount.tolist())
    if not ((arrays.rate >= 0.0) & (arrays.rate < 1.0)).all() or (np.diff(arrays.rate) < 0.0).any():
        raise DataError(f"The maintenance rates of {name} do not rise inside [0, 1).", arrays.rate.tolist())
    return arrays


def flat_tier(rate: float, amount: float = 0.0, max_leverage: float = float("nan")) -> TierArrays:
    """One tier without end: for a worked example, or when only the rate of the position's own tier is known.

    Args:
        rate: maintenance rate, a fraction in [0, 1).
        amount: cumulative amount c of that tier, in margin currency, zero or more.
        max_leverage: NaN where unknown.

    Raises:
        UserError: if the rate is no fraction or the amount is negative.

    Example:
        >>> maintenance_margin(10.0, 25_000.0, flat_tier(0.01, 100.0))
        2400.0
    """
    return TierArrays(
        np.array([0.0]),
        np.array([np.inf]),
        np.array([float(rate_fraction("maintenance rate", rate))]),
        np.array([float(not_negative("maintenance amount", amount))]),
        np.array([float(max_leverage)]),
    )


def amount_step(previous_amount: float, floor: float, previous_rate: float, rate: float) -> float:
    """The cumulative amount of the next tier: c_n = c_{n-1} + floor_n (m_n - m_{n-1}).

    It keeps maintenance continuous where one tier ends and the next begins.

    Source: Binance FAQ ceccfcfb4e3a45e3b48b0b1bb1a8ae46; Hyperliquid docs, Margin tiers.

    Example:
        >>> round(amount_step(0.56, 50.0, 0.025, 0.05), 9)
        1.81
    """
    return previous_amount + floor * (rate - previous_rate)


def initial_margin(quantity: Number, price: Number, leverage: Number, *, kind: ContractKind = ContractKind.LINEAR) -> Any:
    """The margin a position of this leverage needs when it is opened.

    Definition: notional / leverage. Bybit also reserves the closing fee; it is reserved in the maintenance margin
    too and cancels in the liquidation price, so it is left out here.

    Args:
        quantity, price: as in `notional`.
        leverage: above zero.

    Returns:
        Margin currency; a float or a float64 array.

    Raises:
        UserError: if an input is not above zero.

    Source: every venue; Bybit help centre "The New Margin Calculation", 2025-09-18.

    Example:
        >>> initial_margin(0.1, 100_000.0, 20.0)
        500.0
    """
    code = contract_kind(kind)
    value = kernels.notional.python(code, above_zero("quantity", quantity), above_zero("price", price))
    return answer(value / above_zero("leverage", leverage))


def maintenance_margin(quantity: Number, price: Number, tiers: Tiers, *, kind: ContractKind = ContractKind.LINEAR) -> Any:
    """The equity below which the position is liquidated.

    Definition: N m - c, with (m, c) of the tier that holds N, the notional *at this price* (pass the mark). A
    notional equal to a cap belongs to the tier below, as in Binance's "50,000 < position <= 600,000". Beyond the
    last cap the last tier goes on: a position cannot be opened there but can grow into it.

    Args:
        quantity, price: as in `notional`.
        tiers: a `TierTable`, `TierArrays` or `flat_tier`.

    Returns:
        Margin currency; a float or a float64 array; NaN where an input is NaN.

    Raises:
        UserError: if an input is not above zero.
        DataError: if the table breaks the rules of `tier_arrays`.

    Source: Binance FAQ 360033162192; amounts as in `amount_step`.

    Example:
        >>> from perpscope.core.time import parse_ts
        >>> from perpscope.contract.tiers import tiers_for
        >>> maintenance_margin(10.0, 100_000.0, tiers_for("binance", "BTCUSDT", parse_ts("2025-01-01")))
        5550.0
    """
    columns = tier_arrays(tiers)
    code = contract_kind(kind)
    value = kernels.notional.python(code, above_zero("quantity", quantity), above_zero("price", price))
    return elementwise(kernels.maintenance_margins, (columns.cap, columns.rate, columns.amount), (value,))


def maintenance_rate_at(value: Number, tiers: Tiers) -> Any:
    """The maintenance rate m of the tier that holds a notional.

    Example:
        >>> maintenance_rate_at(1_000.0, flat_tier(0.004))
        0.004
    """
    columns = tier_arrays(tiers)
    return elementwise(kernels.tier_values, (columns.cap, columns.rate), (above_zero("notional", value),))


def maintenance_amount_at(value: Number, tiers: Tiers) -> Any:
    """The cumulative amount c of the tier that holds a notional, in margin currency.

    Example:
        >>> maintenance_amount_at(1_000.0, flat_tier(0.01, 5.0))
        5.0
    """
    columns = tier_arrays(tiers)
    return elementwise(kernels.tier_values, (columns.cap, columns.amount), (above_zero("notional", value),))


def max_leverage_at(value: Number, tiers: Tiers) -> Any:
    """The highest leverage the venue allows at a notional.

    Args:
        value: notional in margin currency, above zero.

    Returns:
        A float or a float64 array; NaN where the venue's figure is unknown, and beyond the last cap, where the venue
        opens no position.

    Raises:
        UserError: if a notional is not above zero.

    Example:
        >>> from perpscope.core.time import parse_ts
        >>> from perpscope.contract.tiers import tiers_for
        >>> table = tiers_for("binance", "BTCUSDT", parse_ts("2025-01-01"))
        >>> max_leverage_at(np.array([50_000.0, 50_001.0, 5e6, 2e9]), table)
        array([125., 100.,  50.,  nan])
    """
    columns = tier_arrays(tiers)
    checked = above_zero("notional", value)
    found = elementwise(kernels.tier_values, (columns.cap, columns.max_leverage), (checked,))
    return answer(np.where(checked > columns.cap[-1], np.nan, found))


def check_leverage(leverage: Number, value: Number, tiers: Tiers) -> None:
    """Refuse a position the venue would not open: too large, too much leverage, or liquidated at birth.

    Args:
        leverage: above zero.
        value: notional at the entry, in margin currency.

    Raises:
        UserError: with the allowed figure.

    Example:
        >>> check_leverage(100.0, 10_000.0, flat_tier(0.004, max_leverage=125.0))
    """
    columns = tier_arrays(tiers)
    levels, notionals = np.broadcast_arrays(above_zero("leverage", leverage), above_zero("notional", value))
    if (beyond := notionals > columns.cap[-1]).any():
        raise refuse(
            f"The tier table ends at a notional of {columns.cap[-1]:,.12g}: choose a smaller position", beyond, notionals
        )
    allowed = elementwise(kernels.tier_values, (columns.cap, columns.max_leverage), (notionals,))
    if (over := levels > allowed).any():
        most = float(np.asarray(allowed)[over].ravel()[0])
        raise refuse(f"The tier of this notional allows leverage up to {most:.12g}: choose less leverage", over, levels)
    kept = elementwise(kernels.maintenance_margins, (columns.cap, columns.rate, columns.amount), (notionals,))
    if (dead := notionals / levels <= kept).any():
        raise refuse(
            "At this leverage the initial margin does not exceed the maintenance margin, so the position would be "
            "liquidated at once: choose less leverage",
            dead,
            levels,
        )


def margin_ratio(equity: Number, maintenance: Number) -> Any:
    """Maintenance margin as a fraction of equity: liquidation at 1 (Binance's convention; OKX prints the inverse).

    Args:
        equity: margin plus unrealised profit, of a position (isolated) or of the account (cross).
        maintenance: the maintenance margin of the same, zero or more.

    Returns:
        A fraction; a float or a float64 array; +inf where equity is zero or less (past liquidation whatever the
        maintenance); NaN where an input is NaN.

    Raises:
        UserError: if the equity is infinite or the maintenance negative.

    Source: Binance app, "margin ratio"; OKX, "Tiered maintenance margin ratio rules".

    Example:
        >>> margin_ratio(3_000.0, 240.0)
        0.08
    """
    owned, needed = finite("equity", equity), not_negative("maintenance margin", maintenance)
    gone = owned <= 0.0
    ratio = needed / np.where(gone, 1.0, owned)
    return answer(np.where(gone & ~np.isnan(needed), np.inf, np.where(gone, np.nan, ratio)))
