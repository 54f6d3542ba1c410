"""What the account as a whole may carry: exposure, drawdown, and risks that fall together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from perpscope.core.units import PositionSide


@dataclass(frozen=True)
class OpenRisk:
    """Money that an open position or resting entry loses at its stop."""

    instrument: int
    side: PositionSide
    money: float


def combined_risk(risks: Sequence[OpenRisk], correlations: Mapping[tuple[int, int], float] | None = None) -> float:
    """Risks that fall together: sqrt(r' C r), opposite sides with the sign turned.

    Definition: r_i signed by side; C the correlation of returns, 1 on the diagonal. A pair that is not named counts as
    1 on equal sides and as 0 on opposite sides: what is not known is not diversification.

    Args:
        correlations: by pair of instruments, either order.

    Example:
        >>> long = PositionSide.LONG
        >>> combined_risk([OpenRisk(0, long, 30.0), OpenRisk(1, long, 40.0)])
        70.0
        >>> combined_risk([OpenRisk(0, long, 30.0), OpenRisk(1, long, 40.0)], {(0, 1): 0.0})
        50.0
    """
    total = 0.0
    for a in risks:
        for b in risks:
            same = a.side is b.side
            if a.instrument == b.instrument:
                together = 1.0 if same else -1.0
            else:
                pair = (correlations or {}).get((a.instrument, b.instrument))
                if pair is None:
                    pair = (correlations or {}).get((b.instrument, a.instrument))
                if pair is None or math.isnan(pair):
                    together = 1.0 if same else 0.0
                else:
                    together = pair if same else -pair
            total += a.money * b.money * together
    return math.sqrt(max(0.0, total))


def room_for_risk(
    new: OpenRisk, risks: Sequence[OpenRisk], most: float, correlations: Mapping[tuple[int, int], float] | None = None
) -> float:
    """The part of a new risk, 0 to 1, that keeps the combined risk at or below `most`, by bisection.

    Example:
        >>> one = OpenRisk(0, PositionSide.LONG, 50.0)
        >>> round(room_for_risk(OpenRisk(1, PositionSide.LONG, 100.0), [one], 100.0), 6)
        0.5
    """

    def fits(part: float) -> bool:
        scaled = OpenRisk(new.instrument, new.side, part * new.money)
        return combined_risk([*risks, scaled], correlations) <= most

    if fits(1.0):
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def drawdown_of(equity: float, peak: float) -> float:
    """How far equity lies below its peak, a fraction.

    Example:
        >>> drawdown_of(7_500.0, 10_000.0)
        0.25
    """
    return max(0.0, 1.0 - equity / peak) if peak > 0.0 else 0.0
