"""What may be sent, and when: control messages by a token bucket, REST by weight in a sliding minute.

A venue counts weight per fixed minute; we cannot know where its minutes begin, so no sliding minute may hold more than the
limit. Whoever waits is served by priority (a lower number first), then by arrival. 429 and 418 stop the whole host.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

_MINUTE = 60.0


@dataclass
class TokenBucket:
    """`rate` tokens a second, at most `burst` at once.

    Example:
        >>> bucket = TokenBucket(rate=2.0, burst=1.0, monotonic=lambda: 0.0)
        >>> bucket.reserve(), bucket.reserve(), bucket.reserve()
        (0.0, 0.5, 1.0)
    """

    rate: float
    burst: float
    monotonic: Callable[[], float]
    _level: float = field(init=False)
    _at: float = field(init=False)

    def __post_init__(self) -> None:
        self._level, self._at = self.burst, self.monotonic()

    def reserve(self, tokens: float = 1.0) -> float:
        """Take the tokens and return how long to wait until they are there, seconds."""
        now = self.monotonic()
        self._level = min(self.burst, self._level + (now - self._at) * self.rate)
        self._at = now
        self._level -= tokens
        return max(0.0, -self._level / self.rate)

    async def take(self, tokens: float = 1.0) -> None:
        wait = self.reserve(tokens)
        if wait:
            await asyncio.sleep(wait)


class Budget:
    """The weight of one host. `limit` is what we allow ourselves per minute (the venue's limit times 0.8)."""

    def __init__(self, limit: int, monotonic: Callable[[], float]) -> None:
        self.limit = limit
        self.peak = 0
        self._monotonic = monotonic
        self._spent: deque[tuple[float, int]] = deque()
        self._used = 0
        self._stopped_until = -1.0
        self._waiting: list[tuple[int, int]] = []
        self._order = itertools.count()
        self._woken = asyncio.Event()

    @property
    def stopped_for(self) -> float:
        """Seconds until the host may be asked again; 0 if it may."""
        return max(0.0, self._stopped_until - self._monotonic())

    @property
    def used(self) -> int:
        """Weight spent in the last minute."""
        self._forget()
        return self._used

    def stop(self, seconds: float) -> None:
        """The host said no (429, 418): nothing leaves for so long."""
        self._stopped_until = max(self._stopped_until, self._monotonic() + seconds)

    async def take(self, weight: int, priority: int = 5) -> None:
        """Wait until the weight may be spent. A single request above the limit is let through alone, in an empty minute."""
        mine = (priority, next(self._order))
        heapq.heappush(self._waiting, mine)
        try:
            while True:
                wait = 0.0 if self._waiting[0] == mine else _MINUTE
                wait = wait or self._delay(weight)
                if not wait:
                    break
                self._woken.clear()
                try:
                    async with asyncio.timeout(wait):
                        await self._woken.wait()
                except TimeoutError:
                    continue
        finally:
            self._waiting.remove(mine)
            heapq.heapify(self._waiting)
            self._woken.set()
        self._spent.append((self._monotonic(), weight))
        self._used += weight
        self.peak = max(self.peak, self._used)

    def _forget(self) -> None:
        horizon = self._monotonic() - _MINUTE
        while self._spent and self._spent[0][0] <= horizon:
            self._used -= self._spent.popleft()[1]

    def _delay(self, weight: int) -> float:
        self._forget()
        if self.stopped_for:
            return self.stopped_for
        over = self._used + weight - self.limit
        if over <= 0 or not self._spent:
            return 0.0
        freed = itertools.accumulate(spent for _, spent in self._spent)
        enough = next((k for k, total in enumerate(freed) if total >= over), len(self._spent) - 1)
        return max(0.001, self._spent[enough][0] + _MINUTE - self._monotonic())
