"""REST for one venue: within its weight, stopped as a whole by 429 and 418, tried again where that is harmless."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping

from perpscope.venues.door import Ask
from perpscope.venues.transport.backoff import backoff
from perpscope.venues.transport.budget import Budget
from perpscope.venues.transport.network import Network, NetworkError, Reply

_STOPS = {418: 120.0, 429: 10.0, 403: 600.0}
"""Statuses that stop the host, and for how long where no Retry-After says it, seconds (Bybit answers 403 for 10 minutes)."""


class RestError(Exception):
    """The venue refused, or could not be reached within the attempts given."""

    def __init__(self, sentence: str, status: int = 0) -> None:
        self.status = status
        super().__init__(sentence)


class Rest:
    """Questions to one host. `counts` by status or "unreachable"."""

    def __init__(self, network: Network, address: str, budget: Budget, rng: random.Random) -> None:
        self.budget = budget
        self.counts: Counter[str] = Counter()
        self._network, self._address, self._rng = network, address.rstrip("/"), rng

    async def ask(self, ask: Ask, priority: int = 5, attempts: int = 4) -> bytes:
        """The body of the answer. Waits for the budget; 5xx and a dead network are tried again, a stop is waited out.

        Raises:
            RestError: if the venue refused the request itself, or the attempts are used up.
        """
        said = ""
        for attempt in range(attempts):
            await self.budget.take(ask.weight, priority)
            try:
                reply = await self._network.request(ask.method, self._address + ask.path, ask.query, ask.body)
            except NetworkError as fault:
                self.counts["unreachable"] += 1
                said = str(fault)
                await asyncio.sleep(backoff(attempt, self._rng))
                continue
            self.counts[str(reply.status)] += 1
            if reply.status == 200:
                return reply.body
            said = f"{ask.path} was answered with {reply.status}: {reply.body[:200]!r}"
            if reply.status in _STOPS:
                self.budget.stop(_retry_after(reply))
            elif reply.status < 500:
                raise RestError(said, reply.status)
            else:
                await asyncio.sleep(backoff(attempt, self._rng))
        raise RestError(said)


def _retry_after(reply: Reply) -> float:
    told = _header(reply.headers, "retry-after")
    try:
        return max(1.0, float(told)) if told else _STOPS[reply.status]
    except ValueError:
        return _STOPS[reply.status]


def _header(headers: Mapping[str, str], name: str) -> str:
    return next((value for key, value in headers.items() if key.lower() == name), "")
