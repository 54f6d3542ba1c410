"""The clock of a replay: market time that goes on at a multiple of real time while it plays."""

from __future__ import annotations

from dataclasses import dataclass

from perpscope.core.errors import UserError
from perpscope.core.time import format_ts
from perpscope.web.wire import Clock, ClockState

SLOWEST, FASTEST = 0.01, 1_000_000.0


@dataclass
class ReplayClock:
    """Market time between `first` and `last`, ns. Real time is handed in as monotonic seconds, so that tests own it.

    Example:
        >>> clock = ReplayClock(0, 100_000_000_000, at=0)
        >>> clock.turn(Clock(do="speed", value=2.0), 60_000_000_000, now=5.0)
        >>> clock.turn(Clock(do="play"), 60_000_000_000, now=5.0)
        >>> clock.read(now=8.0)
        6000000000
    """

    first: int
    last: int
    at: int
    speed: float = 60.0
    playing: bool = False
    since: float = 0.0

    def read(self, now: float) -> int:
        """Market time now; the clock stops at the end."""
        if not self.playing:
            return self.at
        reached = self.at + int((now - self.since) * self.speed * 1e9)
        if reached < self.last:
            return reached
        self.at, self.playing = self.last, False
        return self.last

    def turn(self, message: Clock, frame_ns: int, now: float) -> None:
        """Do as told. A step is `value` bars of `frame_ns` to the next close that many bars on, and pauses.

        Raises:
            UserError: for a speed or a moment that is none.
        """
        self.at, self.since = self.read(now), now
        value = message.value
        match message.do:
            case "play":
                self.playing = self.at < self.last
            case "pause":
                self.playing = False
            case "speed":
                if value is None or not SLOWEST <= value <= FASTEST:
                    raise UserError(f"A replay runs at {SLOWEST:g} to {FASTEST:g} times real time. Choose a speed in between.")
                self.speed = value
            case "step":
                bars = 1 if value is None else round(value) if abs(value) < 1e6 else 0
                self.playing = False
                closed = self.at // frame_ns + (1 if bars < 0 and self.at % frame_ns else 0)
                self.at = self._inside((closed + bars) * frame_ns)
            case "jump":
                if value is None or not abs(value) < 9e15 / 1e3:
                    raise UserError(
                        f"A jump needs a moment in ms between {format_ts(self.first)} and {format_ts(self.last)}. Give one."
                    )
                self.at = self._inside(int(value * 1e6))

    def state(self, now: float) -> ClockState:
        """What the page shows."""
        at = self.read(now)
        return ClockState(
            playing=self.playing, speed=self.speed, at_ms=at / 1e6, first_ms=self.first / 1e6, last_ms=self.last / 1e6
        )

    def _inside(self, at: int) -> int:
        return min(max(at, self.first), self.last)
