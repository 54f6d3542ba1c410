"""What a trade costs per unit, before it is made: fills worsened by slippage, fees on both legs, funding while it is held."""

from __future__ import annotations

from dataclasses import dataclass

from perpscope.core.errors import UserError
from perpscope.core.units import PositionSide


@dataclass(frozen=True)
class Costs:
    """Fees and slippage as fractions of price: 0.0005 is 0.05%, 0.0001 is 1 bp. A target is taken by a resting order."""

    taker_fee: float = 0.0005
    maker_fee: float = 0.0002
    slippage: float = 0.0001

    def __post_init__(self) -> None:
        if not (0.0 <= self.taker_fee < 0.1 and -0.1 < self.maker_fee < 0.1 and 0.0 <= self.slippage < 0.1):
            raise UserError("Fees and slippage are fractions below 0.1: write 0.0005 for 0.05%.")


def unit_loss(side: PositionSide, entry: float, stop: float, costs: Costs) -> float:
    """What one unit loses if the stop is hit, after slippage and fees.

    Definition: s (E' - S') + fee (E' + S'), both prices worsened by slippage: E' = E (1 + s x), S' = S (1 - s x).
    The gap beyond a stop is not in it: no formula knows it.

    Returns:
        Quote per base unit; not above zero if the stop lies on the wrong side.

    Source: own (W6 of the specification).

    Example:
        >>> round(unit_loss(PositionSide.LONG, 100.0, 98.0, Costs(slippage=0.0002)), 8)
        2.1386002
    """
    s = side.sign
    paid, left = entry * (1.0 + s * costs.slippage), stop * (1.0 - s * costs.slippage)
    if s * (entry - stop) <= 0.0:
        return s * (entry - stop)
    return s * (paid - left) + costs.taker_fee * (paid + left)


def unit_gain(side: PositionSide, entry: float, target: float, costs: Costs) -> float:
    """What one unit gains if the target is reached: s (T - E') - taker fee E' - maker fee T.

    Example:
        >>> round(unit_gain(PositionSide.LONG, 100.0, 104.0, Costs(slippage=0.0)), 6)
        3.9292
    """
    s = side.sign
    paid = entry * (1.0 + s * costs.slippage)
    return s * (target - paid) - costs.taker_fee * paid - costs.maker_fee * target


def funding_cost(side: PositionSide, price: float, rate: float, intervals: float) -> float:
    """What one unit pays in funding over a number of intervals at one rate; negative where it receives.

    A rate of the future is not known: pass the last settled one and say so.

    Example:
        >>> funding_cost(PositionSide.LONG, 50_000.0, 0.0001, 3.0)
        15.0
    """
    return side.sign * price * rate * intervals


def risk_multiple(side: PositionSide, entry: float, stop: float, target: float, costs: Costs, funding: float = 0.0) -> float:
    """Reward over risk after every cost: (unit gain - funding) / (unit loss + funding).

    Example:
        >>> round(risk_multiple(PositionSide.LONG, 100.0, 98.0, 104.0, Costs()), 3)
        1.85
    """
    loss = unit_loss(side, entry, stop, costs) + max(0.0, funding)
    return (unit_gain(side, entry, target, costs) - funding) / loss
