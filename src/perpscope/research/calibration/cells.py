"""What price went through, beside what was reported: the cells that the learner weighs tiers with."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import ProgrammerError
from perpscope.core.time import DAY
from perpscope.features.liquidation.mix import TIERS
from perpscope.research.calibration.feeds import FeedModel

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Cells:
    """Exposures and reports, cell by cell; cells of one window (interval) follow each other.

    Attributes:
        exposure: float64 (cells, TIERS), swept quantity if all opens were of a tier.
        background: float64 (cells,), open interest x newly traversed log length: what a map without positions expects.
        realised: float64 (cells,), reported liquidations; located feeds: of events whose liquidation price lies there.
        side: int64 (cells,), 0 longs, 1 shorts.
        starts: int64 (windows + 1,), first cell of every window, and the number of cells.
        window_ts: int64 (windows,), when each window begins, ns.
        capacity: float64 (windows,), the most the feed can show in it; inf for a complete feed.
        event_quantity: u0 = sum(q^2) / sum(q) of single liquidations: turns quantities into effective events.
        feed: the observation model.
    """

    exposure: Floats
    background: Floats
    realised: Floats
    side: Integers
    starts: Integers
    window_ts: Integers
    capacity: Floats
    event_quantity: float
    feed: FeedModel

    def __post_init__(self) -> None:
        n = len(self.realised)
        if self.exposure.shape != (n, TIERS) or len(self.background) != n or len(self.side) != n or self.starts[-1] != n:
            raise ProgrammerError("Cells differ in length, or a tier is missing.")
        if len(self.starts) != self.windows + 1 or len(self.capacity) != self.windows or not self.event_quantity > 0.0:
            raise ProgrammerError("Windows differ in number, or the event quantity is not above zero.")

    @property
    def windows(self) -> int:
        return len(self.window_ts)

    @property
    def day(self) -> Integers:
        """Days since 1970 of each window, the blocks of the bootstrap."""
        return self.window_ts // DAY

    @property
    def window_of(self) -> Integers:
        """The window of each cell."""
        return np.repeat(np.arange(self.windows), np.diff(self.starts))

    def per_window(self, values: Floats) -> Floats:
        """Sums over the cells of each window."""
        sums: Floats = np.add.reduceat(values, self.starts[:-1]) if self.windows else np.empty(0)
        return sums

    def select(self, windows: Booleans) -> Cells:
        """The cells of some windows."""
        kept = windows[self.window_of]
        lengths = np.diff(self.starts)[windows]
        return replace(
            self,
            exposure=np.ascontiguousarray(self.exposure[kept]),
            background=self.background[kept],
            realised=self.realised[kept],
            side=self.side[kept],
            starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            window_ts=self.window_ts[windows],
            capacity=self.capacity[windows],
        )

    def believed(self) -> Cells:
        """The cells to learn from: a window that reports more than its feed was thought able to show disproves the limit, so
        it has none."""
        over = self.per_window(self.realised) > self.capacity * (1.0 + 1e-9)
        return replace(self, capacity=np.where(over, np.inf, self.capacity)) if over.any() else self

    def between(self, start: int, end: int) -> Cells:
        """The windows that begin in [start, end)."""
        return self.select((self.window_ts >= start) & (self.window_ts < end))


def cells_of_totals(
    exposure: Floats,
    background: Floats,
    realised: Floats,
    window_ts: Integers,
    event_quantity: float,
    feed: FeedModel,
    capacity: npt.ArrayLike = np.inf,
) -> Cells:
    """One cell per interval and side.

    Args:
        exposure: float64 (intervals, 2, TIERS).
        background, realised: float64 (intervals, 2); intervals where a report is NaN are left out: absent is not zero.
        capacity: the most the feed can show in an interval, one number or float64 (intervals,).

    Example:
        >>> one = np.ones((3, 2))
        >>> cells = cells_of_totals(np.ones((3, 2, TIERS)), one, np.array([[1.0, 0.0], [np.nan, 0.0], [2.0, 2.0]]),
        ...                         np.array([0, 10, 20]), 1.0, FeedModel.O3)
        >>> cells.windows, cells.realised.tolist(), cells.side.tolist()
        (2, [1.0, 0.0, 2.0, 2.0], [0, 1, 0, 1])
    """
    known = np.asarray(np.isfinite(realised).all(axis=1))
    n = int(known.sum())
    return Cells(
        np.ascontiguousarray(exposure[known].reshape(2 * n, TIERS), np.float64),
        background[known].reshape(2 * n).astype(np.float64),
        realised[known].reshape(2 * n).astype(np.float64),
        np.tile(np.array([0, 1], np.int64), n),
        np.arange(0, 2 * n + 1, 2, dtype=np.int64),
        window_ts[known].astype(np.int64),
        np.ascontiguousarray(np.broadcast_to(np.asarray(capacity, np.float64), known.shape)[known]),
        event_quantity,
        feed,
    )


def smoothed(exposure: Floats) -> Floats:
    """1-2-1 smoothing over neighbouring bins (first axis), keeping the sum: what leaves an end stays in it.

    Example:
        >>> smoothed(np.array([[0.0], [4.0], [0.0]]))[:, 0].tolist()
        [1.0, 2.0, 1.0]
        >>> smoothed(np.array([[4.0], [0.0]]))[:, 0].tolist()
        [3.0, 1.0]
    """
    out = 0.5 * exposure
    out[1:] += 0.25 * exposure[:-1]
    out[:-1] += 0.25 * exposure[1:]
    out[0] += 0.25 * exposure[0]
    out[-1] += 0.25 * exposure[-1]
    return out
