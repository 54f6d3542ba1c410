"""The liquidation map at an instant, read from the heatmap's rows as they were known then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from perpscope.core.table import Table
from perpscope.core.units import PositionSide
from perpscope.features.liquidation.touch import touch_probability

Floats = npt.NDArray[np.float64]

WITHIN = (0.01, 0.02, 0.05, 0.10)
"""Distances from the mark, as shares of it, at which sums are given."""


class Reach(NamedTuple):
    """What is held within a distance of the mark, quote coin: longs below it, shorts above it."""

    within: float
    long_notional: float
    short_notional: float


@dataclass(frozen=True)
class LiquidationMap:
    """Cells of both sides at an instant, ahead of the mark: heatmap rows, longs downwards from the mark, shorts upwards."""

    at: int
    mark: float
    longs: Table
    shorts: Table

    def side(self, side: PositionSide) -> Table:
        return self.longs if side is PositionSide.LONG else self.shorts

    def distance(self, side: PositionSide) -> Floats:
        """|ln(centre / mark)| of each cell, ascending."""
        cells = self.side(side)
        return np.abs(np.log(np.sqrt(cells["price_low"] * cells["price_high"]) / self.mark))

    def cumulative(self, side: PositionSide) -> Floats:
        """Notional from the mark out to each cell, that cell included."""
        return np.cumsum(self.side(side)["notional"])

    def within(self, log_distance: float) -> tuple[float, float]:
        """Notional of longs and of shorts whose cell centre lies within a log distance of the mark."""
        near = (self.side(side)["notional"][self.distance(side) <= log_distance].sum() for side in PositionSide)
        long, short = (float(x) for x in near)
        return long, short

    def reach(self, shares: tuple[float, ...] = WITHIN) -> list[Reach]:
        """Sums within shares of the mark: longs down to mark x (1 - share), shorts up to mark x (1 + share)."""
        found = []
        for share in shares:
            long = self.longs["notional"][self.distance(PositionSide.LONG) <= -np.log1p(-share)].sum()
            short = self.shorts["notional"][self.distance(PositionSide.SHORT) <= np.log1p(share)].sum()
            found.append(Reach(share, float(long), float(short)))
        return found

    def imbalance(self, log_distance: float) -> float:
        """(U - D) / (U + D): shorts above against longs below within a log distance; NaN where nothing is held."""
        long, short = self.within(log_distance)
        return (short - long) / (short + long) if short + long > 0.0 else float("nan")

    def heaviest(self, side: PositionSide) -> float:
        """Centre of the cell that holds most (max pain); NaN on an empty side."""
        cells = self.side(side)
        if not len(cells):
            return float("nan")
        i = int(np.argmax(cells["notional"]))
        return float(np.sqrt(cells["price_low"][i] * cells["price_high"][i]))

    def expected_notional(self, side: PositionSide, sigma_annual: float, horizon_ns: int) -> float:
        """Sum over cells of notional x P(touch within the horizon): a mean over driftless paths.

        Raises:
            UserError: if the volatility or horizon is not above zero.
        """
        chance = touch_probability(self.distance(side), sigma_annual, horizon_ns)
        return float((self.side(side)["notional"] * chance).sum())


def newest_cells(heatmap: Table, at: int) -> Table:
    """The rows in force at `at`: the newest of every side and bin since the last full statement, empty cells left out.

    Raises nothing: no rows give no rows.
    """
    end = int(np.searchsorted(heatmap.clock, at, side="right"))
    begin = begin_of(heatmap, at)
    known = heatmap[begin:end]
    if not len(known):
        return known
    key = known["bin"].astype(np.int64) * 4 + known["side"]
    _, last = np.unique(key[::-1], return_index=True)
    newest = known[np.sort(len(known) - 1 - last)]
    return newest[newest["notional"] > 0.0]


def begin_of(heatmap: Table, at: int) -> int:
    """Where reading must begin to know every cell at `at`: the first row of the last full statement, else 0."""
    end = int(np.searchsorted(heatmap.clock, at, side="right"))
    full = np.flatnonzero(heatmap["full"][:end])
    return int(np.searchsorted(heatmap.clock, heatmap.clock[full[-1]])) if len(full) else 0


def map_at(heatmap: Table, at: int, mark: float) -> LiquidationMap:
    """The map as it was known at an instant, without cells that the mark has already passed.

    Args:
        heatmap: rows of `liquidation_heatmap`.
        at: ns; rows known later are not looked at.
        mark: the mark price then.

    Returns:
        `LiquidationMap`; both sides may be empty.

    Source: own; the sums are conditional: if price gets there, about this much is closed by force.

    Example:
        >>> from perpscope.features.liquidation.heatmap import HEATMAP
        >>> rows = Table.filled(HEATMAP, ref_ts=[0, 0], known_ts=[1, 1], side=[1, 2], bin=[1, 9], price_low=[90.0, 109.0],
        ...                     price_high=[91.0, 110.0], quantity=[1.0, 2.0], notional=[90.5, 219.0], full=[True, True],
        ...                     flags=[0, 0])
        >>> map_at(rows, 5, 100.0).imbalance(0.2).__round__(3)
        0.415
    """
    cells = newest_cells(heatmap, at)
    centre = np.sqrt(cells["price_low"] * cells["price_high"])
    longs = cells[(cells["side"] == PositionSide.LONG) & (centre < mark)]
    shorts = cells[(cells["side"] == PositionSide.SHORT) & (centre > mark)]
    return LiquidationMap(at, mark, longs[np.argsort(-longs["price_low"])], shorts[np.argsort(shorts["price_low"])])
