"""What a liquidation feed shows of what happened: the observation models of the learner.

| model | feed | what is seen |
|---|---|---|
| O1 | complete, located | every event with its price |
| O2 | one per second, located | the latest event of a second at most |
| O3 | complete totals | sums per interval and side |
| O4 | totals of a censored feed | sums per interval and side of what O2 shows |

Under O2 and O4 an interval of S active seconds holds a Poisson number of events, spread evenly; a second is seen with
probability 1 - exp(-z), z = expected quantity / (S x mean order quantity) (complementary log-log link), and shows one
event. Given that a second is seen it held z / (1 - exp(-z)) events on average: one is the event seen, the others are
hidden and spread like the expectation. A complete feed is the case S = infinity. S x mean order quantity is the
*capacity* of an interval: the most that it can show.

Source: own; derivation in docs/definitions/liquidation_calibration.md.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import numpy.typing as npt

from perpscope.core.events import LiquidationFeed
from perpscope.numeric.jit import njit

Floats = npt.NDArray[np.float64]


class FeedModel(StrEnum):
    """O1 complete and located, O2 one per second and located, O3 complete totals, O4 censored totals."""

    O1 = "O1"
    O2 = "O2"
    O3 = "O3"
    O4 = "O4"

    @property
    def complete(self) -> bool:
        """Whether the level (how much dies, not only where) can be learned."""
        return self in (FeedModel.O1, FeedModel.O3)

    @property
    def located(self) -> bool:
        """Whether events carry a price."""
        return self in (FeedModel.O1, FeedModel.O2)


def feed_model(feed: LiquidationFeed, located: bool) -> FeedModel:
    """The observation model of a feed.

    Example:
        >>> feed_model(LiquidationFeed.TOTALS_CENSORED, located=False).value
        'O4'
    """
    if located:
        return FeedModel.O1 if feed is LiquidationFeed.COMPLETE else FeedModel.O2
    return FeedModel.O3 if feed is LiquidationFeed.COMPLETE else FeedModel.O4


@njit
def hidden_factor(z: float) -> float:
    """Events that a seen second held on average, z / (1 - exp(-z)); 1 for small z.

    Example:
        >>> [round(float(hidden_factor.python(z)), 4) for z in (0.0, 0.1, 2.0)]
        [1.0, 1.0508, 2.313]
    """
    if z < 1e-8:
        return 1.0 + 0.5 * z
    return z / -np.expm1(-z)


def expected_shown(expected: npt.ArrayLike, capacity: npt.ArrayLike) -> Floats:
    """What a feed shows on average of an expected total: `C (1 - exp(-expected / C))`; all of it where C is infinite.

    Args:
        expected: total of the interval, any quantity unit.
        capacity: the most the interval can show, same unit; inf for a complete feed.

    Example:
        >>> expected_shown([1.0, 100.0], [10.0, np.inf]).round(4).tolist()
        [0.9516, 100.0]
    """
    x, c = np.broadcast_arrays(np.asarray(expected, np.float64), np.asarray(capacity, np.float64))
    shown = x.copy()
    finite = np.isfinite(c)
    shown[finite] = -c[finite] * np.expm1(-x[finite] / c[finite])
    return shown
