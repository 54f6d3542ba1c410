"""Market time, running at any multiple of the loop's time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

SECOND = 1_000_000_000
FASTEST = math.inf


@dataclass
class MarketClock:
    """Market time in ns: it stands still until `play`, then runs `speed` times as fast as `now` (seconds, monotonic).

    At the speed FASTEST it has no pace of its own: it is wherever the last frame sent was.

    Example:
        >>> wall = [0.0]
        >>> clock = MarketClock(1_000, 10.0, lambda: wall[0])
        >>> clock.play(); wall[0] = 2.0
        >>> (clock.position() - 1_000) / SECOND, clock.wait(1_000 + 30 * SECOND)
        (20.0, 1.0)
    """

    start: int
    speed: float
    now: Callable[[], float]
    playing: bool = False
    _origin: int = field(init=False)
    _since: float = 0.0

    def __post_init__(self) -> None:
        self._origin = self.start

    def position(self) -> int:
        if not self.playing or self.speed == FASTEST:
            return self._origin
        return self._origin + int((self.now() - self._since) * self.speed * SECOND)

    def wait(self, at: int) -> float:
        """Seconds until market time is there; 0 where it has passed or there is no pace."""
        return 0.0 if self.speed == FASTEST else max(0.0, (at - self.position()) / SECOND / self.speed)

    def play(self) -> None:
        self._anchor(self.position())
        self.playing = True

    def pause(self) -> None:
        self._anchor(self.position())
        self.playing = False

    def run_at(self, speed: float) -> None:
        self._anchor(self.position())
        self.speed = speed

    def jump(self, at: int) -> None:
        self._anchor(at)

    def reached(self, at: int) -> None:
        """A frame of that time was sent: without a pace, this is what moves the clock."""
        if (self.speed == FASTEST or not self.playing) and at > self._origin:
            self._origin = at

    def _anchor(self, at: int) -> None:
        self._origin, self._since = at, self.now()
