"""Recursive filters whose state resumes: the moving averages and the average true range used inside folds.

Seeds and recursions are TA-Lib's, which serves as the oracle (tests/numeric/test_rolling.py). They are ours only
because a fold must carry their state from batch to batch; a whole history at once may use TA-Lib itself.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perpscope.numeric.jit import njit

Floats = npt.NDArray[np.float64]


def ema_state() -> Floats:
    """[value, rows seen, sum of the seed]."""
    return np.zeros(3)


def ema(values: Floats, span: int, state: Floats) -> Floats:
    """Exponential moving average, alpha = 2 / (span + 1), seeded with the mean of the first `span` values.

    Inputs: values (n,) float64 without NaN; `state` from `ema_state`, advanced in place.
    Returns: (n,) float64, NaN until the seed is complete. Source: TA-Lib EMA.

    Example:
        >>> ema(np.arange(1.0, 7.0), 3, ema_state()).tolist()
        [nan, nan, 2.0, 3.0, 4.0, 5.0]
    """
    out = np.empty(len(values))
    _recursive_mean(values, span, 2.0 / (span + 1.0), state, out)
    return out


def wilder(values: Floats, span: int, state: Floats) -> Floats:
    """Wilder's average, alpha = 1 / span, seeded with the mean of the first `span` values.

    Example:
        >>> wilder(np.array([2.5, 1.0, 2.5, 4.0]), 3, ema_state()).round(6).tolist()
        [nan, nan, 2.0, 2.666667]
    """
    out = np.empty(len(values))
    _recursive_mean(values, span, 1.0 / span, state, out)
    return out


def true_range(high: Floats, low: Floats, close: Floats, state: Floats) -> Floats:
    """max(high, previous close) - min(low, previous close); NaN for the very first bar, as it has no previous close.

    `state` is a (1,) array holding the previous close, NaN at the start, advanced in place. Source: Wilder 1978.

    Example:
        >>> true_range(np.array([10.0, 12.0]), np.array([9.0, 10.0]), np.array([9.5, 11.0]), np.array([np.nan])).tolist()
        [nan, 2.5]
    """
    if not len(close):
        return np.empty(0)
    previous = np.concatenate([state, close[:-1]])
    state[0] = close[-1]
    return np.maximum(high, previous) - np.minimum(low, previous)


@njit
def advance_mean(value: float, span: int, alpha: float, state: Floats) -> float:
    """One step of the recursive means above, for kernels that advance several filters bar by bar.

    `state` is one row of three as from `ema_state`. Returns the new mean, NaN until the seed is complete.

    Example:
        >>> state = ema_state()
        >>> [advance_mean(x, 2, 2.0 / 3.0, state) for x in (1.0, 2.0, 3.0)]
        [nan, 1.5, 2.5]
    """
    if state[1] < span:
        state[1] += 1.0
        state[2] += value
        state[0] = state[2] / span
        return state[0] if state[1] == span else np.nan
    state[0] += alpha * (value - state[0])
    return state[0]


@njit
def _recursive_mean(values: Floats, span: int, alpha: float, state: Floats, out: Floats) -> None:
    for i in range(values.size):
        out[i] = advance_mean(values[i], span, alpha, state)
