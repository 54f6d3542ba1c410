"""Divergence between two instruments at swings ("smart money technique"): one makes a new extreme, the other does not.

The rule on aligned arrays; `features.structure.smt` is the fold that feeds it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.numeric.jit import njit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def swing_divergence(
    extremes: Floats,
    closes: Floats,
    other_extremes: Floats,
    other_closes: Floats,
    pivots: Ints,
    confirmed: Ints,
    near: int = 2,
    least_correlation: float = 0.5,
    correlation_bars: int = 500,
) -> tuple[Ints, Ints, Ints]:
    """Where A makes a higher confirmed swing high and B fails to (bearish divergence).

    Definition: p1, p2 are consecutive confirmed swing highs of A with high[p2] > high[p1]; B diverges when its highest
    high within `near` bars of p2 is below its highest within `near` bars of p1. There is no row unless the correlation
    of the last `correlation_bars` one-bar changes of the closes of A and B up to then is at least `least_correlation`
    (`correlation_bars = 0` asks for none). Changes, not returns: a market upside down must be as divergent. For swing
    lows (bullish divergence) call it with negated lows and closes.
    Inputs: (n,) float64 arrays on one grid without holes, `extremes` = highs; `pivots` and `confirmed` (m,) int64 bar
    numbers of A's swings and of the bars that confirm them, both ascending.
    Returns: (known, first, second): int64 bar numbers of the row's known time = max(A's confirmation, p2 + near) and
    of p1 and p2.
    Raises: UserError when the arrays differ in length.
    Source: STRUCTURE ST12.

    Example:
        >>> a, b = np.array([1.0, 105, 2, 107, 3, 4]), np.array([1.0, 50.4, 2, 50.1, 3, 4])
        >>> [x.tolist() for x in swing_divergence(a, a, b, b, np.array([1, 3]), np.array([2, 4]), 0, -1.0, 0)]
        [[4], [1], [3]]
    """
    sizes = {len(extremes), len(closes), len(other_extremes), len(other_closes)}
    if len(sizes) != 1 or len(pivots) != len(confirmed):
        raise UserError("Two instruments can be compared on one grid only: give arrays of one length, with the bars both have.")
    out = np.empty((3, max(0, len(pivots) - 1)), np.int64)
    n = _divergence_kernel(
        extremes, closes, other_extremes, other_closes, pivots, confirmed, near, least_correlation, correlation_bars, out
    )
    return out[0, :n], out[1, :n], out[2, :n]


@njit
def _divergence_kernel(
    extremes: Floats, closes: Floats, others: Floats, other_closes: Floats, pivots: Ints, confirmed: Ints,
    near: int, least: float, window: int, out: Ints,
) -> int:  # fmt: skip
    n = 0
    for k in range(1, pivots.size):
        first, second = pivots[k - 1], pivots[k]
        known = max(confirmed[k], second + near)
        if known >= extremes.size or not extremes[second] > extremes[first]:
            continue
        before = others[max(0, first - near) : first + near + 1].max()
        if not others[second - near : second + near + 1].max() < before:
            continue
        if window > 0 and not _correlation(closes, other_closes, known, window) >= least:
            continue
        out[0, n], out[1, n], out[2, n] = known, first, second
        n += 1
    return n


@njit
def _correlation(a: Floats, b: Floats, last: int, window: int) -> float:
    """Of the changes over the `window` bars up to `last`; NaN when there are fewer, or one does not move."""
    if last < window:
        return np.nan
    x = a[last - window + 1 : last + 1] - a[last - window : last]
    y = b[last - window + 1 : last + 1] - b[last - window : last]
    x, y = x - x.mean(), y - y.mean()
    spread = np.sqrt((x * x).sum() * (y * y).sum())
    return (x * y).sum() / spread if spread > 0.0 else np.nan
