"""Two clocks: what time it is (UTC, to stamp with) and how much time has passed (monotonic, to wait by).

A step of the machine's clock must not tear the stamps: `SystemClock` runs with the monotonic clock from where it was
started and leans towards the machine's UTC by at most a tenth of the time that passes, so that it never runs back. The
venue's clock is another matter: `ClockOffset` estimates it from round trips, and latency may come out negative, because
the venue's clock may be ahead of ours; nothing is clamped.
"""

from __future__ import annotations

import time
from collections import deque
from typing import NamedTuple, Protocol

_LEAN = 0.1
ALARM_NS = 250_000_000
"""An offset beyond this is told: signed requests and latencies suffer."""


class Clock(Protocol):
    def now(self) -> int:
        """UTC, ns; never runs back."""
        ...

    def monotonic(self) -> float:
        """Seconds since whenever; what timeouts use."""
        ...


class SystemClock:
    """The machine's clocks; `wall` and `ticks` (both ns) are replaced in tests."""

    def __init__(self, wall: object = None, ticks: object = None) -> None:
        self._wall = wall if callable(wall) else time.time_ns
        self._ticks = ticks if callable(ticks) else time.monotonic_ns
        self._stamp, self._tick = self._wall(), self._ticks()

    def now(self) -> int:
        tick = self._ticks()
        passed = tick - self._tick
        if passed > 1_000_000:  # read the machine's UTC a thousand times a second at most
            ahead = self._wall() - (self._stamp + passed)
            lean = int(_LEAN * passed)
            self._stamp += passed + max(-lean, min(lean, ahead))
            self._tick = tick
            return self._stamp
        return int(self._stamp + passed)

    def monotonic(self) -> float:
        return self._ticks() * 1e-9


class RoundTrip(NamedTuple):
    """Our UTC when the question left and when the answer came, and the venue's in between, ns."""

    sent: int
    received: int
    venue: int


class ClockOffset:
    """The venue's clock minus ours, from the quickest of the last round trips.

    Definition: offset = venue - (sent + received) / 2; its error is at most half the round trip, so the trip with the
    shortest is believed (Source: Mills, RFC 5905, clock filter).

    Example:
        >>> offset = ClockOffset()
        >>> offset.add(RoundTrip(1_000, 3_000, 7_000)); offset.add(RoundTrip(10_000, 10_200, 15_090))
        >>> offset.ns, offset.error_ns
        (4990, 100)
    """

    def __init__(self, kept: int = 8) -> None:
        self._trips: deque[RoundTrip] = deque(maxlen=kept)

    def add(self, trip: RoundTrip) -> None:
        self._trips.append(trip)

    def _best(self) -> RoundTrip | None:
        return min(self._trips, key=lambda t: t.received - t.sent, default=None)

    @property
    def known(self) -> bool:
        return bool(self._trips)

    @property
    def ns(self) -> int:
        """0 while unknown."""
        best = self._best()
        return 0 if best is None else best.venue - (best.sent + best.received) // 2

    @property
    def error_ns(self) -> int:
        best = self._best()
        return 0 if best is None else (best.received - best.sent) // 2

    @property
    def alarming(self) -> bool:
        return abs(self.ns) > ALARM_NS
