"""How much: by the loss at the stop, by the edge (fractional Kelly on its lower bound), by volatility. The least wins."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from perpscope.core.units import PositionSide, floor_to_step
from perpscope.risk.costs import Costs, unit_loss


class Bound(StrEnum):
    """What limited a size."""

    RISK = "risk at the stop"
    KELLY = "Kelly on the lower bound"
    VOLATILITY = "volatility target"
    EXPOSURE = "exposure limit"
    NOTIONAL = "largest notional"
    TIER = "risk tier"
    MARGIN = "margin"


@dataclass(frozen=True)
class Size:
    """A quantity in whole lots, every candidate that was weighed, and which of them was the least."""

    quantity: float
    bound: Bound
    candidates: dict[Bound, float]


def quantity_at_risk(side: PositionSide, entry: float, stop: float, equity: float, risk_fraction: float, costs: Costs) -> float:
    """The quantity that loses `risk_fraction` of the equity at the stop, not rounded; 0 if the stop is on the wrong side.

    Definition: equity x risk_fraction / unit loss. Units: base. Source: own (W6 of the specification).

    Example:
        >>> round(quantity_at_risk(PositionSide.LONG, 100.0, 98.0, 10_000.0, 0.01, Costs(slippage=0.0002)), 8)
        46.75955796
    """
    loss = unit_loss(side, entry, stop, costs)
    return equity * risk_fraction / loss if loss > 0.0 else 0.0


def kelly_exposure(edge_low: float, sigma: float, fraction: float = 0.25) -> float:
    """Exposure (notional over equity) by fractional Kelly on the lower bound of the edge.

    Definition: fraction x max(0, mu_low) / sigma^2, mu_low the lower 90% bound of the *net* return per trade (or per
    day) and sigma its standard deviation over the same span. Unknown (NaN) is zero: an edge that was not measured is
    no edge. Source: Kelly 1956; Thorp 2006 on fractional Kelly.

    Example:
        >>> kelly_exposure(0.001, 0.02), kelly_exposure(float("nan"), 0.02), kelly_exposure(-0.001, 0.02)
        (0.625, 0.0, 0.0)
    """
    if not edge_low > 0.0 or not sigma > 0.0:
        return 0.0
    return fraction * edge_low / sigma**2


def volatility_exposure(target_vol: float, forecast_vol: float, cap: float) -> float:
    """Exposure that brings a forecast volatility to a target, both annual (365 days): clip(target / forecast, 0, cap).

    Returns:
        Notional over equity; 0 where the forecast is absent or not above zero: unknown is not calm.

    Example:
        >>> volatility_exposure(0.2, 0.8, 3.0), volatility_exposure(0.2, 0.01, 3.0)
        (0.25, 3.0)
    """
    if not forecast_vol > 0.0:
        return 0.0
    return min(max(target_vol / forecast_vol, 0.0), cap)


def least(candidates: dict[Bound, float], lot: float) -> Size:
    """The smallest candidate, rounded down to whole lots. NaN and infinite candidates do not bind.

    Example:
        >>> least({Bound.RISK: 0.0479, Bound.KELLY: 1.0}, 0.001).quantity
        0.047
    """
    known = {bound: value for bound, value in candidates.items() if math.isfinite(value)}
    if not known:
        return Size(0.0, Bound.RISK, candidates)
    bound = min(known, key=lambda name: known[name])
    return Size(floor_to_step(max(0.0, known[bound]), lot), bound, candidates)
