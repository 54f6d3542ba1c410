"""Wilder's average true range, one bar at a time, for kernels that restart it at a hole in the bars."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perpscope.numeric.jit import njit

Floats = npt.NDArray[np.float64]


def atr_state() -> Floats:
    """[previous close, true ranges seen, sum of the seed, average]: NaN where nothing was seen."""
    return np.array([np.nan, 0.0, 0.0, np.nan])


@njit
def atr_reset(state: Floats) -> None:
    """Forget everything, as at a hole in the bars."""
    state[0], state[1], state[2], state[3] = np.nan, 0.0, 0.0, np.nan


@njit
def atr_step(state: Floats, high: float, low: float, close: float, span: int) -> float:
    """Take in one closed bar and return the average true range up to and including it.

    Definition: TR = max(high, previous close) - min(low, previous close); the first average is the mean of TR 1 to
    `span`, then (average * (span - 1) + TR) / span. NaN before that. `state[3]` holds the last average, so that a
    threshold for bar i can be read before bar i is taken in.
    Source: Wilder, New Concepts in Technical Trading Systems (1978); STRUCTURE section 1.

    Example:
        >>> state = atr_state()
        >>> bars = ((10, 9, 9.5), (12, 10, 11), (11, 10, 10.5), (13, 11, 12.5), (14, 12, 13), (13, 9, 11.5))
        >>> [round(float(atr_step(state, h, l, c, 3)), 6) for h, l, c in bars]
        [nan, nan, nan, 2.0, 2.0, 2.666667]
    """
    before = state[0]
    state[0] = close
    if before != before:
        return np.nan
    true_range = max(high, before) - min(low, before)
    if state[1] < span:
        state[1] += 1.0
        state[2] += true_range
        if state[1] == span:
            state[3] = state[2] / span
    else:
        state[3] = (state[3] * (span - 1.0) + true_range) / span
    return state[3]


@njit
def in_atr(length: float, average: float) -> float:
    """A length of price measured in average true ranges; NaN where there is no average yet, or it is 0.

    Example:
        >>> float(in_atr(3.0, 2.0)), float(in_atr(3.0, 0.0))
        (1.5, nan)
    """
    return length / average if average > 0.0 else np.nan
