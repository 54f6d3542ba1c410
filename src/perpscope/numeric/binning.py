"""Price bins with absolute anchors, so that a bin means the same price in every window and never shifts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perpscope.numeric.jit import njit


def to_ticks(price: npt.NDArray[np.float64], tick_size: float) -> npt.NDArray[np.int64]:
    """Prices to the nearest whole tick.

    Inputs: float64 prices, a positive tick. Returns int64 of the same shape. Source: own.

    Example:
        >>> to_ticks(np.array([100.1, 100.30000000000001]), 0.1).tolist()
        [1001, 1003]
    """
    return np.rint(price / tick_size).astype(np.int64)


def log_bin(price: npt.NDArray[np.float64], width: float) -> npt.NDArray[np.int64]:
    """floor(ln(price) / width): bins of equal relative height.

    Example:
        >>> log_bin(np.array([100.0]), 0.001).tolist()
        [4605]
    """
    return np.floor(np.log(price) / width).astype(np.int64)


@njit
def add_by_bin(bins: npt.NDArray[np.int64], weights: npt.NDArray[np.float64], first: int, out: npt.NDArray[np.float64]) -> int:
    """out[bins - first] += weights; bins outside are left out and their number is returned."""
    outside = 0
    for i in range(bins.size):
        k = bins[i] - first
        if 0 <= k < out.size:
            out[k] += weights[i]
        else:
            outside += 1
    return outside
