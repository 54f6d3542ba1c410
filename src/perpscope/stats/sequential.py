"""Watching a running record: the sequential probability ratio test and CUSUM.

Both read results one after another and may be looked at after each, which a fixed-size test may not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.stats.inputs import Floats, series

Decision = Literal["edge", "no edge", "open"]


@dataclass(frozen=True, slots=True, eq=False)
class SequentialTest:
    """The state of a sequential probability ratio test.

    Attributes:
        decision: "edge" once the path reached `upper`, "no edge" once it reached `lower`, else "open". Final: what came
            after the first crossing does not count.
        decided_at: number of results it took; 0 while open.
        path: float64 (n,), the log likelihood ratio after each result, continued beyond the decision for the picture.
        upper, lower: the bounds.
    """

    decision: Decision
    decided_at: int
    path: Floats
    upper: float
    lower: float


def sprt_bounds(alpha: float = 0.05, beta: float = 0.20) -> tuple[float, float]:
    """Upper and lower bound of the log likelihood ratio: `ln((1-b)/a)`, `ln(b/(1-a))`.

    Raises:
        UserError: if the two error rates are not positive, or add up to 1 or more.
    Source: Wald 1945.

    Example:
        >>> tuple(round(bound, 6) for bound in sprt_bounds())
        (2.772589, -1.558145)
    """
    if not (alpha > 0.0 and beta > 0.0 and alpha + beta < 1.0):
        raise UserError(f"Error rates must be positive and add up to less than 1, not {alpha} and {beta}.")
    return math.log((1.0 - beta) / alpha), math.log(beta / (1.0 - alpha))


def sequential_ratio_test(
    results: npt.ArrayLike, *, null: float, edge: float, sd: float, alpha: float = 0.05, beta: float = 0.20
) -> SequentialTest:
    """Wald's test between two means of normal results with known spread.

    Definition: the path sums `(edge - null)/sd^2 (x - (null + edge)/2)`; stop at the first value at or beyond a bound.
    Results with fatter tails than a normal are judged a little hastily: clip or scale them before, in the registration.

    Args:
        results: net results in order (R multiples).
        null, edge: the two means, `edge` above `null`.
        sd: spread of a result, fixed beforehand.
    Raises:
        UserError: if the edge does not exceed the null, the spread is not positive, or as `sprt_bounds`.
    Source: Wald 1945.

    Example:
        >>> sequential_ratio_test([1.5] * 40, null=0.0, edge=0.2, sd=1.5).decided_at
        23
    """
    if not (edge > null and sd > 0.0):
        raise UserError("The edge must exceed the null, and the spread must be positive.")
    upper, lower = sprt_bounds(alpha, beta)
    x = np.zeros(0) if np.size(results) == 0 else series(results, "results")
    path = np.cumsum((edge - null) / sd**2 * (x - (null + edge) / 2.0))
    crossed = np.flatnonzero((path >= upper) | (path <= lower))
    if len(crossed) == 0:
        return SequentialTest("open", 0, path, upper, lower)
    first = int(crossed[0])
    return SequentialTest("edge" if path[first] >= upper else "no edge", first + 1, path, upper, lower)


def cusum_path(results: npt.ArrayLike, *, target: float, sd: float, slack: float = 0.5) -> Floats:
    """How far results have lately fallen short of a target, in standard deviations: float64 (n,), 0 = not at all.

    Definition: `S_t = max(0, S_{t-1} + (target - x_t)/sd - slack)`; an alarm is `S_t >= h` with h fixed beforehand (5 gives a
    false alarm every 930 independent normal results or so at slack 0.5).

    Raises:
        UserError: if the spread is not positive or the slack negative.
    Source: Page 1954; the run length: Siegmund 1985.

    Example:
        >>> cusum_path([0.0, -2.0, 1.0], target=0.0, sd=1.0)
        array([0. , 1.5, 0. ])
    """
    if not (sd > 0.0 and slack >= 0.0):
        raise UserError("The spread must be positive and the slack not negative.")
    steps = (target - series(results, "results")) / sd - slack
    # the sum restarts at its running minimum: S_t = C_t - min(0, C_1 .. C_t)
    total = np.cumsum(steps)
    return total - np.minimum(np.minimum.accumulate(total), 0.0)
