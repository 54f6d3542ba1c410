"""The same estimator at random moments: how large an effect chance alone shows with this many events."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from perpscope.numeric.jit import njit

Floats = npt.NDArray[np.float64]
Draws = npt.NDArray[np.int32]
_ROOM = 4_000_000


def placebo_means(pools: Sequence[Floats], signs: Sequence[Floats], draws: int, rng: np.random.Generator) -> Floats:
    """Means of signed differences at random moments: float64 (draws,).

    Args:
        pools: per path the matched differences of random moments (not signed).
        signs: per path the signs of its events; a draw takes one random moment per event.

    Example:
        >>> means = placebo_means([np.array([-1.0, 1.0])], [np.ones(100)], 500, np.random.default_rng(0))
        >>> abs(float(means.mean())) < 0.02, 0.08 < float(means.std()) < 0.12
        (True, True)
    """
    totals = np.zeros(draws)
    count = sum(len(one) for one in signs)
    for pool, sign in zip(pools, signs):
        if not len(sign):
            continue
        rows = max(1, min(draws, _ROOM // len(sign)))
        for done in range(0, draws, rows):
            part = totals[done : done + rows]
            drawn = rng.integers(0, len(pool), size=(len(part), len(sign)), dtype=np.int32)
            add_drawn(pool, sign, drawn, part)
    return totals / count


@njit
def add_drawn(pool: Floats, sign: Floats, drawn: Draws, totals: Floats) -> None:
    """Add the signed sum of each row of drawn moments to its total."""
    for r in range(drawn.shape[0]):
        total = 0.0
        for i in range(drawn.shape[1]):
            total += sign[i] * pool[drawn[r, i]]
        totals[r] += total
