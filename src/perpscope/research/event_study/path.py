"""The bars of one instrument as a study reads them, with what every event of it shares: outcomes and conditions."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.core.table import Table
from perpscope.core.time import Timeframe
from perpscope.research.event_study.conditions import (
    LEAST_IN_CELL,
    Conditions,
    Standing,
    Surroundings,
    conditions,
    standing,
    surroundings,
)
from perpscope.research.event_study.targets import forward

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PricePath:
    """Closed bars in time order.

    Attributes:
        symbol: for the tables.
        step: ns of a bar.
        known_ts: int64 (n,), the close of each bar; a hole shows as a difference other than `step`.
        high, low, close: float64 (n,), quote currency; volume: base units.
        liquidated: float64 (n,), notional liquidated in the bar; NaN where no feed said anything.
    """

    symbol: str
    step: int
    known_ts: Integers
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    liquidated: Floats

    def __len__(self) -> int:
        return len(self.known_ts)


def price_path(bars: Table, frame: str, symbol: str, liquidated: Floats | None = None) -> PricePath:
    """The path of a table of bars.

    Args:
        liquidated: notional liquidated in each bar, or None where there is no feed.
    Raises:
        UserError: if there are fewer than two bars, or `liquidated` has another length.
    """
    if len(bars) < 2:
        raise UserError(f"{symbol} has {len(bars)} bars of {frame}; an event study needs a price path.")
    seen = np.full(len(bars), np.nan) if liquidated is None else np.asarray(liquidated, np.float64)
    if len(seen) != len(bars):
        raise UserError(f"{symbol} has {len(bars)} bars and {len(seen)} liquidation totals; give one per bar.")
    columns = (bars["high"], bars["low"], bars["close"], bars["volume"])
    return PricePath(symbol, Timeframe.parse(frame).ns, bars["known_ts"], *columns, seen)


@dataclass(eq=False)
class Prepared:
    """A path with its outcomes and conditions, each computed on first use and shared by all studies of the path."""

    path: PricePath
    least_in_cell: int = LEAST_IN_CELL
    surroundings: Surroundings = field(init=False)
    standing: Standing = field(init=False)
    _forward: dict[tuple[str, int], Floats] = field(init=False, default_factory=dict)
    _conditions: dict[int, Conditions] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        p = self.path
        self.surroundings = surroundings(p.known_ts, p.high, p.low, p.close, p.volume, p.liquidated, p.step)
        self.standing = standing(p.known_ts, p.volume, self.surroundings, p.step, self.least_in_cell)

    def outcome(self, target: str, bars: int) -> Floats:
        """The outcome over the next `bars` bars from each bar's close; NaN where it is not known."""
        key = (target, bars)
        if key not in self._forward:
            p = self.path
            self._forward[key] = forward(
                target, bars, self.surroundings, p.known_ts, p.high, p.low, p.close, p.volume, p.liquidated, p.step
            )
        return self._forward[key]

    def conditions(self, bars: int) -> Conditions:
        """What a control must share with its event when the horizon is `bars` bars."""
        if bars not in self._conditions:
            self._conditions[bars] = conditions(self.path.close, self.surroundings, self.standing, bars)
        return self._conditions[bars]
