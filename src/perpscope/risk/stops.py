"""Stops outside liquidation clusters, targets at them. Both are hypotheses: off unless they are asked for.

A cluster may pull price to it and through it; a stop inside it is sold where everybody else is. Whether that is worth
anything must be shown by a paired comparison before it is switched on for money.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from perpscope.core.units import PositionSide
from perpscope.risk.costs import Costs, risk_multiple

WIDEST = 1.5
WORTHWHILE = 1.2


@dataclass(frozen=True)
class Cluster:
    """An estimated heap of liquidations known at `known_ts`: its price range, its worth, and whose positions break there."""

    low: float
    high: float
    notional: float
    known_ts: int
    side: PositionSide


@dataclass(frozen=True)
class PlacedStop:
    """Where a stop came to lie, and whether a cluster moved it; `price` NaN where it would have to lie too far away."""

    price: float
    moved: bool


def stop_outside_clusters(
    side: PositionSide, entry: float, stop: float, clusters: Sequence[Cluster], *, at: int, tick: float, atr: float
) -> PlacedStop:
    """The structural stop, moved beyond the far edge of every cluster it lies in.

    Definition: with g = max(2 ticks, 0.1 ATR), a stop inside [low - g, high + g] moves to low - g (long) or high + g
    (short); again, until it lies in none. If its distance from the entry grows past 1.5 times, there is no stop:
    the gate refuses with `stop_in_cluster`. Clusters known after `at` are not seen.

    Returns:
        `PlacedStop`; the price is not rounded to ticks.

    Source: own (BACKTEST section 10 of the specification).

    Example:
        >>> heap = Cluster(97.5, 98.2, 1e6, 0, PositionSide.LONG)
        >>> stop_outside_clusters(PositionSide.LONG, 100.0, 98.0, [heap], at=0, tick=0.1, atr=2.0)
        PlacedStop(price=97.3, moved=True)
        >>> stop_outside_clusters(PositionSide.LONG, 100.0, 99.0, [heap], at=0, tick=0.1, atr=2.0)
        PlacedStop(price=99.0, moved=False)
    """
    s = side.sign
    gap = max(2.0 * tick, 0.1 * atr if atr == atr else 0.0)
    seen = [c for c in clusters if c.known_ts <= at]
    placed, moved = stop, False
    for _ in range(len(seen) + 1):
        inside = [c for c in seen if c.low - gap < placed < c.high + gap]
        if not inside:
            break
        placed = min(c.low for c in inside) - gap if s > 0 else max(c.high for c in inside) + gap
        moved = True
    if not placed > 0.0 or s * (entry - placed) > WIDEST * s * (entry - stop) * (1.0 + 1e-12):
        return PlacedStop(math.nan, True)
    return PlacedStop(placed, moved)


def target_at_cluster(
    side: PositionSide,
    entry: float,
    stop: float,
    target: float,
    clusters: Sequence[Cluster],
    *,
    at: int,
    atr: float,
    costs: Costs,
) -> float:
    """The near edge of the first opposing cluster, 0.05 ATR before it, if that is worth 1.2 R after costs; else the
    structural target.

    A long looks at positions of shorts above its entry, a short at those of longs below.

    Example:
        >>> heap = Cluster(103.0, 104.0, 1e6, 0, PositionSide.SHORT)
        >>> round(target_at_cluster(PositionSide.LONG, 100.0, 98.0, 110.0, [heap], at=0, atr=1.0, costs=Costs()), 9)
        102.95
    """
    s = side.sign
    edges = [c.low if s > 0 else c.high for c in clusters if c.known_ts <= at and c.side is not side]
    ahead = [edge for edge in edges if s * (edge - entry) > 0.0]
    if not ahead:
        return target
    near = min(ahead, key=lambda edge: s * edge)
    price = near - s * 0.05 * (atr if atr == atr else 0.0)
    return price if risk_multiple(side, entry, stop, price, costs) >= WORTHWHILE else target
