"""Many tests at once: which p-values still count (Bonferroni, Holm, Benjamini-Hochberg, Benjamini-Yekutieli)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.stats.inputs import Booleans, Floats, check_level, probabilities


@dataclass(frozen=True, slots=True, eq=False)
class Discoveries:
    """The outcome for each hypothesis, in the order given.

    Attributes:
        rejected: whether the null is rejected at `rate`.
        adjusted: adjusted p-value; `rejected` is `adjusted <= rate`.
        rate: the error rate that is held: of any false rejection, or of the false share among rejections.
    """

    rejected: Booleans
    adjusted: Floats
    rate: float

    @property
    def count(self) -> int:
        """How many nulls are rejected."""
        return int(np.count_nonzero(self.rejected))


def bonferroni(p_values: npt.ArrayLike, rate: float = 0.05) -> Discoveries:
    """Hold the chance of *any* false rejection: `p m <= rate`, whatever the dependence.

    Example:
        >>> bonferroni([0.01, 0.02, 0.04]).rejected
        array([ True, False, False])
    """
    p = probabilities(p_values, "p_values")
    return _found(np.minimum(p * len(p), 1.0), rate)


def holm(p_values: npt.ArrayLike, rate: float = 0.05) -> Discoveries:
    """Hold the chance of *any* false rejection, step by step; never weaker than Bonferroni.

    Definition: in ascending order reject while `p_(k) <= rate / (m - k + 1)`; adjusted: running maximum of `(m-k+1) p_(k)`.

    Source: Holm 1979.

    Example:
        >>> holm([0.01, 0.02, 0.04]).rejected
        array([ True,  True,  True])
    """
    p = probabilities(p_values, "p_values")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return _found(adjusted, rate)


def benjamini_hochberg(p_values: npt.ArrayLike, rate: float = 0.10) -> Discoveries:
    """Hold the expected *share* of false rejections among the rejections, for independent or positively dependent tests.

    Definition: reject the k smallest, k the largest with `p_(k) <= k rate / m`; adjusted: running minimum from the largest
    of `p_(k) m / k`.

    Source: Benjamini and Hochberg 1995.

    Example:
        >>> benjamini_hochberg([0.001, 0.04, 0.3, 0.9], rate=0.1).rejected
        array([ True,  True, False, False])
    """
    return _found(_step_up(probabilities(p_values, "p_values"), 1.0), rate)


def benjamini_yekutieli(p_values: npt.ArrayLike, rate: float = 0.10) -> Discoveries:
    """`benjamini_hochberg` under any dependence: the rate is divided by `1 + 1/2 + ... + 1/m`.

    Source: Benjamini and Yekutieli 2001.

    Example:
        >>> benjamini_yekutieli([0.001, 0.04, 0.3, 0.9], rate=0.1).count
        1
    """
    p = probabilities(p_values, "p_values")
    return _found(_step_up(p, float(np.sum(1.0 / np.arange(1, len(p) + 1)))), rate)


def _step_up(p: Floats, penalty: float) -> Floats:
    order = np.argsort(p, kind="stable")
    scaled = p[order] * penalty * len(p) / np.arange(1, len(p) + 1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted


def _found(adjusted: Floats, rate: float) -> Discoveries:
    check_level(rate)
    return Discoveries(adjusted <= rate, adjusted, rate)
