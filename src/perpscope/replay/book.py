"""The venue's own book, kept as printed, for snapshots as of market time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from perpscope.replay.frames import Frame, Track

Printed = tuple[str, str]
Change = tuple[Iterable[Sequence[str]], Iterable[Sequence[str]], bool]
"""Bids and asks as printed, and whether they replace the book."""


@dataclass
class PrintedBook:
    """Levels by their printed price, moved along a track as far as it is asked.

    `read` says what a frame changes. `begin` puts levels in before the first frame; `after` is the id that is already
    contained. Looking back in time builds it anew.
    """

    track: Track
    read: Callable[[Frame], Change]
    begin: tuple[Sequence[Printed], Sequence[Printed]] = ((), ())
    after: int = -2
    last: Frame | None = None
    _next: int = 0
    _sides: tuple[dict[str, str], dict[str, str]] = field(default_factory=lambda: ({}, {}))

    def __post_init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._sides = dict(self.begin[0]), dict(self.begin[1])
        self._next, self.last = 0, None

    def until(self, at: int) -> PrintedBook:
        """The book after every frame up to and including a time."""
        return self.first(self.track.position(at + 1))

    def first(self, number: int) -> PrintedBook:
        """The book after the first so many frames."""
        if self._next > number:
            self._reset()
        for frame in self.track.frames[self._next : number]:
            if frame.last > self.after:
                self._apply(frame)
        self._next = number
        return self

    def _apply(self, frame: Frame) -> None:
        *sides, whole = self.read(frame)
        for levels, changed in zip(self._sides, sides, strict=True):
            if whole:
                levels.clear()
            for price, quantity, *_ in changed:
                if float(quantity):
                    levels[price] = quantity
                else:
                    levels.pop(price, None)
        self.last = frame

    def best(self, depth: int) -> tuple[list[Printed], list[Printed]]:
        """The best levels of both sides, best first."""
        bids, asks = self._sides
        return (
            sorted(bids.items(), key=lambda level: -float(level[0]))[:depth],
            sorted(asks.items(), key=lambda level: float(level[0]))[:depth],
        )
