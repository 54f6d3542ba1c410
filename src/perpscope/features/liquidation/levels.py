"""Clusters as levels: the nearest on each side, for a stop to stay clear of and a target to aim at."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from perpscope.core.table import Table
from perpscope.core.time import DAY, YEAR
from perpscope.core.units import PositionSide
from perpscope.features.liquidation.tracking import OVER


class Level(NamedTuple):
    """A live cluster as seen from the mark. `near` and `far` are its edges as price comes; `distance_sigma` is
    |ln(near / mark)| in daily sigmas (NaN without a volatility), 0 while the mark is inside; `known_ts` when the row
    it stands on was known. `young_fraction`: only young mass had measured skill."""

    id: int
    side: PositionSide
    near: float
    far: float
    peak: float
    notional: float
    young_fraction: float
    distance: float
    distance_sigma: float
    first_ts: int
    known_ts: int


def live_clusters(clusters: Table, at: int) -> Table:
    """The newest row of every cluster that was alive at `at`, given rows of `liquidation_clusters`; later rows are not seen."""
    known = clusters[: int(np.searchsorted(clusters.clock, at, side="right"))]
    if not len(known):
        return known
    _, last = np.unique(known["id"][::-1], return_index=True)
    newest = known[np.sort(len(known) - 1 - last)]
    return newest[~np.isin(newest["event"], [int(event) for event in OVER])]


def nearest_levels(
    clusters: Table, at: int, mark: float, sigma_annual: float = float("nan"), count: int = 3
) -> tuple[list[Level], list[Level]]:
    """The nearest live clusters below the mark (longs break there) and above it (shorts), nearest first.

    Args:
        clusters: rows of `liquidation_clusters`.
        at: ns; nothing known later is used.
        mark: mark price then.
        sigma_annual: realised volatility, for distances in daily sigmas.
        count: how many on each side at most.

    Returns:
        (below, above), lists of `Level`.

    Source: own. A stop inside a cluster stands where others are forced out; whether moving it pays is a hypothesis that
        research must confirm.

    Example:
        >>> from perpscope.features.liquidation.clusters import CLUSTERS
        >>> nearest_levels(CLUSTERS.empty(), 0, 100.0)
        ([], [])
    """
    live = live_clusters(clusters, at)
    daily = sigma_annual * (DAY / YEAR) ** 0.5
    sides: list[list[Level]] = []
    for side in PositionSide:
        mine = live[live["side"] == side]
        found = []
        for i in range(len(mine)):
            low, high = float(mine["price_low"][i]), float(mine["price_high"][i])
            near, far = (high, low) if side is PositionSide.LONG else (low, high)
            distance = max(0.0, side.sign * float(np.log(mark / near)))
            found.append(
                Level(
                    id=int(mine["id"][i]),
                    side=side,
                    near=near,
                    far=far,
                    peak=float(mine["price_peak"][i]),
                    notional=float(mine["notional"][i]),
                    young_fraction=float(mine["young_fraction"][i]),
                    distance=distance,
                    distance_sigma=distance / daily,
                    first_ts=int(mine["first_ts"][i]),
                    known_ts=int(mine["known_ts"][i]),
                )
            )
        sides.append(sorted(found, key=lambda level: level.distance)[:count])
    return sides[0], sides[1]
