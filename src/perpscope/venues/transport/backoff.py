"""How long to wait before trying again."""

from __future__ import annotations

import random

FIRST_S, LONGEST_S = 0.25, 30.0


def backoff(attempt: int, rng: random.Random, first: float = FIRST_S, longest: float = LONGEST_S) -> float:
    """Seconds before attempt number `attempt` + 1: doubling from `first` to `longest`, times 0.5 .. 1 by chance, so that
    a thousand clients that fell together do not come back together.

    Example:
        >>> waits = [backoff(n, random.Random(1)) for n in (0, 1, 2, 20)]
        >>> all(0.5 * full <= w <= full for w, full in zip(waits, (0.25, 0.5, 1.0, 30.0)))
        True
    """
    return float(min(longest, first * 2.0 ** min(attempt, 30)) * (0.5 + 0.5 * rng.random()))
