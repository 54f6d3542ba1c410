"""Could a cluster feed itself? What it would sell or buy by force, against the book that has to take it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.core.units import PositionSide

Floats = npt.NDArray[np.float64]

STRESS = 0.1
"""Share of the book that is left in the stressed variant: on 10 October 2025 depth fell by about 98%, so it is mild."""


class CascadeRatio(NamedTuple):
    """Forced notional over book notional; NaN where the book is absent, too old, or does not reach that far.

    `through`: from the near to the far edge. `to_next`: from the near edge to the next cluster. Above 1 the forced
    orders alone are worth more than the book between.
    """

    through: float
    through_stressed: float
    to_next: float
    to_next_stressed: float


ABSENT = CascadeRatio(np.nan, np.nan, np.nan, np.nan)


def cascade_ratio(
    side: PositionSide,
    notional: float,
    near: float,
    far: float,
    next_near: float,
    book_price: Floats,
    book_quantity: Floats,
    book_age_ns: int,
    max_age_ns: int = 10_000_000_000,
) -> CascadeRatio:
    """How a cluster's forced closes compare with the resting orders on the way.

    Definition: notional / sum of price x quantity of the opposite orders between two prices. Liquidated longs are sold
    into bids below, liquidated shorts bought from asks above. Without a fresh book there is no ratio: absent, not 1.

    Args:
        side: whose positions break: longs (give bids) or shorts (give asks).
        notional: the cluster's, quote coin.
        near, far: its edges, as price comes; longs: near above far.
        next_near: near edge of the next cluster beyond; NaN where there is none.
        book_price, book_quantity: the levels of the side that has to take it, linear contract, base units.
        book_age_ns: how old the book is.
        max_age_ns: older books count as absent.

    Raises:
        UserError: if the edges are the wrong way round for the side.

    Source: own; depth of 10 Oct 2025: Amberdata.

    Example:
        >>> bids, size = np.array([99.0, 98.0, 97.0]), np.array([1.0, 2.0, 3.0])
        >>> cascade_ratio(PositionSide.LONG, 1e3, 98.5, 97.5, 96.0, bids, size, 0).through.__round__(3)
        5.102
        >>> cascade_ratio(PositionSide.LONG, 1e3, 98.5, 97.5, 96.0, bids, size, 10**12).through
        nan
    """
    sign = side.sign
    if not sign * (near - far) >= 0.0 or sign * (near - next_near) < 0.0:
        raise UserError("A cluster of longs begins at its upper edge, one of shorts at its lower; the next one lies beyond.")
    if book_age_ns > max_age_ns or not len(book_price):
        return ABSENT
    deepest = float(book_price.min() if sign > 0 else book_price.max())

    def ratio(end: float) -> float:
        if not sign * (end - deepest) >= 0.0:  # the book is not known that far
            return float("nan")
        between = (sign * (near - book_price) >= 0.0) & (sign * (book_price - end) >= 0.0)
        depth = float((book_price[between] * book_quantity[between]).sum())
        return notional / depth if depth > 0.0 else float("nan")

    through, to_next = ratio(far), ratio(next_near)
    return CascadeRatio(through, through / STRESS, to_next, to_next / STRESS)
