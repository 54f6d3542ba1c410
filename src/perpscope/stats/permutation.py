"""Would a shuffled signal have done as well: permutation of whole days, and its p-value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.stats.clusters import Groups
from perpscope.stats.inputs import Floats, same_length, series


@dataclass(frozen=True, slots=True, eq=False)
class PermutationTest:
    """Attributes:
    statistic: on the data.
    p_value: `(1 + draws at or above the statistic) / (1 + draws)`, so never 0.
    drawn: float64 (draws,), the statistic of each shuffle: the null distribution, for a picture.
    """

    statistic: float
    p_value: float
    drawn: Floats


def permutation_test(
    statistic: Callable[[Floats, Floats], float],
    signal: npt.ArrayLike,
    response: npt.ArrayLike,
    clusters: npt.ArrayLike,
    *,
    rng: np.random.Generator,
    draws: int = 1_000,
) -> PermutationTest:
    """Test "the signal says nothing about the response" by shuffling the signal in blocks (days).

    Definition: the rows of each cluster of `signal` stay in order; the clusters are put in random order end to end, and the
    result is laid along `response`. One-sided: large values of the statistic speak against the null; pass the negative, or
    the absolute value, for other questions.

    Raises:
        UserError: if the lengths differ, there are fewer than three clusters, or no draws.
    Source: Fisher 1935; the +1 of Davison and Hinkley 1997, section 4.2.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> day, signal = np.repeat(np.arange(60), 8), rng.standard_normal(480)
        >>> permutation_test(np.dot, signal, signal + rng.standard_normal(480), day, rng=rng, draws=200).p_value < 0.01
        True
    """
    if draws < 1:
        raise UserError("A permutation test needs at least one draw.")
    s, r = series(signal, "signal"), series(response, "response")
    groups = Groups(clusters, same_length(signal=s, response=r))
    blocks = [s[rows] for rows in groups.rows]
    observed = float(statistic(s, r))
    drawn = np.empty(draws)
    for k in range(draws):
        drawn[k] = statistic(np.concatenate([blocks[i] for i in rng.permutation(groups.count)]), r)
    # sums taken in another order differ in the last digit: a draw that close is equal, and counts against the signal
    close = 1e-12 * max(abs(observed), float(np.abs(drawn).max()))
    return PermutationTest(observed, float((1 + np.count_nonzero(drawn >= observed - close)) / (1 + draws)), drawn)
