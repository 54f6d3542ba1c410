"""Leverage is an output: the largest whole number whose liquidation price still lies beyond the stop."""

from __future__ import annotations

import math
from dataclasses import dataclass

from perpscope.contract import kernels
from perpscope.contract.liquidation import Valuation, liquidation_price
from perpscope.contract.margin import Tiers, max_leverage_at, tier_arrays
from perpscope.core.units import ContractKind, PositionSide

LEAST_MARGIN = 0.01


@dataclass(frozen=True)
class LeverageChoice:
    """The leverage chosen, the exact bound it was rounded down from, the tier's cap, and the liquidation price it gives.

    `leverage` is 0 where even 1x breaks before the safe price.
    """

    leverage: int
    bound: float
    tier_cap: float
    liquidation_price: float
    safe_price: float


def safety_margin(worst_mark_gap: float = 0.0, stress: float = 0.0) -> float:
    """How far beyond the stop liquidation must lie, a fraction of the stop: max(1%, 3 x worst |mark - last| / last of the
    last 30 days, slippage under stress). NaN counts as nothing known.

    Example:
        >>> safety_margin(), safety_margin(0.005)
        (0.01, 0.015)
    """
    return max(LEAST_MARGIN, 3.0 * (worst_mark_gap if worst_mark_gap == worst_mark_gap else 0.0), stress)


def choose_leverage(
    side: PositionSide,
    quantity: float,
    entry: float,
    stop: float,
    tiers: Tiers,
    *,
    margin: float = LEAST_MARGIN,
    cap: float = math.inf,
    kind: ContractKind = ContractKind.LINEAR,
) -> LeverageChoice:
    """The largest whole leverage of an isolated position whose liquidation lies beyond the stop by a safety margin.

    Definition: P* = S (1 - s b); the margin that breaks exactly there is M = -profit(P*) + maintenance(P*); L_max =
    notional / M; L = floor(min(L_max, tier cap, user cap)). A higher leverage never makes a position larger, it only
    frees collateral.

    Args:
        quantity, entry, stop: above zero; base units (linear) or USD face value (inverse).
        margin: b, a fraction of the stop price, see `safety_margin`.
        cap: the user's own limit.

    Source: own (W7 of the specification).

    Example:
        >>> from perpscope.contract import tiers_for
        >>> from perpscope.core.time import parse_ts
        >>> tiers = tiers_for("binance", "BTCUSDT", parse_ts("2024-11-01"))
        >>> chosen = choose_leverage(PositionSide.LONG, 0.5, 100_000.0, 98_000.0, tiers)
        >>> chosen.leverage, round(chosen.bound, 6), round(chosen.liquidation_price, 4)
        (29, 29.690506, 96939.4821)
    """
    s = float(side.sign)
    columns = tier_arrays(tiers)
    safe = stop * (1.0 - s * margin)
    value = float(kernels.notional.python(int(kind), quantity, entry))
    need = -float(kernels.pnl.python(int(kind), s, quantity, entry, safe))
    at_safe = float(kernels.notional.python(int(kind), quantity, safe))
    need += float(kernels.maintenance_margin(at_safe, columns.cap, columns.rate, columns.amount))
    bound = value / need if need > 0.0 else math.inf
    if value > columns.cap[-1]:
        return LeverageChoice(0, bound, 0.0, math.nan, safe)
    allowed = float(max_leverage_at(value, columns))
    allowed = math.inf if math.isnan(allowed) else allowed
    most = min(bound, allowed, cap)
    leverage = math.floor(most + 1e-9) if math.isfinite(most) else 1
    price = math.nan
    if leverage >= 1:
        price = liquidation_price(side, quantity, entry, value / leverage, columns, kind=kind, valuation=Valuation.MARK)
    return LeverageChoice(max(leverage, 0), bound, allowed, price, safe)
