"""The point-in-time join: what was the last thing known at a given time?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def asof_index(known_ts: npt.NDArray[np.int64], at: npt.NDArray[np.int64], max_age: int | None = None) -> npt.NDArray[np.int64]:
    """For each time in `at` the position of the last entry with known_ts <= at; -1 where there is none.

    Inputs: both int64 ns; `known_ts` ascending (ties: the last one wins). `max_age` (ns) turns an entry older
    than that into -1, because an old value is not silently a current one.
    Returns: int64 positions, the shape of `at`.
    Source: own; the rule of STRUCTURE ST14.

    Example:
        >>> import numpy as np
        >>> asof_index(np.array([10, 20, 20]), np.array([5, 10, 25])).tolist()
        [-1, 0, 2]
    """
    found = np.searchsorted(known_ts, at, side="right") - 1
    if max_age is not None and len(known_ts):
        age = at - known_ts[np.maximum(found, 0)]
        found = np.where((found >= 0) & (age > max_age), -1, found)
    return found.astype(np.int64)


def asof_values(
    known_ts: npt.NDArray[np.int64], values: npt.NDArray[np.float64], at: npt.NDArray[np.int64], max_age: int | None = None
) -> npt.NDArray[np.float64]:
    """The value last known at each time in `at`; NaN where none was, or the last is older than `max_age`.

    Example:
        >>> import numpy as np
        >>> asof_values(np.array([10, 20]), np.array([1.5, 2.5]), np.array([5, 19])).tolist()
        [nan, 1.5]
    """
    found = asof_index(known_ts, at, max_age)
    if not len(values):
        return np.full(at.shape, np.nan)
    return np.where(found >= 0, values[np.maximum(found, 0)], np.nan)
