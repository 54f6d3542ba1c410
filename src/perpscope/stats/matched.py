"""Events against their matched controls: differences, and whether the match is balanced."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.stats.inputs import Floats, integers, series


def matched_differences(events: npt.ArrayLike, controls: npt.ArrayLike, counts: npt.ArrayLike) -> Floats:
    """Each event's value minus the mean of its own controls: float64 (events,).

    The effect is their mean; its interval comes from `mean_interval` (independent events) or `cluster_mean` (shared days).

    Args:
        controls: the controls of the first event, then of the second, and so on.
        counts: int64 (events,), how many controls each event has.
    Raises:
        UserError: if an event has no control, or the counts do not add up to the controls.
    Source: Stuart 2010 on matching.

    Example:
        >>> matched_differences([12, -5, 20, 3], [4, 2, -6, -8, 1, 5, 15, 0, 0, 0, 8], [2, 3, 2, 4])
        array([ 9.        , -0.66666667, 10.        ,  1.        ])
    """
    e, c, k = series(events, "events"), series(controls, "controls"), integers(counts, "counts")
    if len(k) != len(e) or np.any(k < 1) or k.sum() != len(c):
        raise UserError("Every event needs at least one control, and the counts must add up to the number of controls.")
    starts = np.concatenate([[0], np.cumsum(k)[:-1]])
    return e - np.add.reduceat(c, starts) / k


def standardised_difference(events: npt.ArrayLike, controls: npt.ArrayLike) -> float:
    """Balance of one matching variable: the difference of means in pooled standard deviations; below 0.1 is balanced.

    Definition: `(mean_e - mean_c) / sqrt((var_e + var_c) / 2)`, ddof = 1; 0 if neither varies and the means agree, NaN if
    neither varies and they differ.

    Raises:
        UserError: if there are fewer than two of either.
    Source: Rosenbaum and Rubin 1985; Austin 2009.

    Example:
        >>> standardised_difference([1.0, 3.0], [0.0, 2.0])
        0.7071067811865475
    """
    e, c = series(events, "events", at_least=2), series(controls, "controls", at_least=2)
    spread = math.sqrt((float(e.var(ddof=1)) + float(c.var(ddof=1))) / 2.0)
    apart = float(e.mean() - c.mean())
    if spread <= 1e-12 * max(abs(float(e.mean())), abs(float(c.mean()))):
        return 0.0 if abs(apart) <= 1e-12 * abs(float(e.mean())) else math.nan
    return apart / spread
