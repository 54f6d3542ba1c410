"""The request weight a venue counts per minute, and what it answers to whoever exceeds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MINUTE_S = 60.0


@dataclass
class WeightBudget:
    """Weight used in the running minute of `now` (seconds, monotonic).

    Definition: a request over `limit` is refused with 429 until the minute ends; `patience` refused requests in one
    minute turn into a ban of `ban_s` seconds, told by 418.

    Example:
        >>> budget = WeightBudget(5, lambda: 30.0)
        >>> [budget.charge(2) for _ in range(3)], budget.used
        ([None, None, (429, 30)], 6)
    """

    limit: int
    now: Callable[[], float]
    patience: int = 10
    ban_s: float = 120.0
    used: int = 0
    refused: int = 0
    _minute: int = -1
    _banned_until: float = 0.0

    def charge(self, weight: int) -> tuple[int, int] | None:
        """None where the request may pass, else (status, seconds to wait)."""
        now = self.now()
        if now < self._banned_until:
            return 418, int(self._banned_until - now) + 1
        minute = int(now // MINUTE_S)
        if minute != self._minute:
            self._minute, self.used, self.refused = minute, 0, 0
        self.used += weight
        if self.used <= self.limit:
            return None
        self.refused += 1
        if self.refused >= self.patience:
            self._banned_until = now + self.ban_s
            return 418, int(self.ban_s)
        return 429, int((minute + 1) * MINUTE_S - now)
