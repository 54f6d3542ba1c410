"""Where pictures come from: recorded history, or what is being recorded now."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from perpscope.core.time import Timeframe
from perpscope.web.history import TAPE_FOLDS, Ask, History
from perpscope.web.picture.known import Picture


class Scene(Protocol):
    """One instrument at one frame. `key` changes when the same moment would be drawn differently (the lake grew)."""

    @property
    def key(self) -> tuple[object, ...]: ...
    @property
    def frame_ns(self) -> int: ...
    def now(self) -> int:
        """The last moment that can be shown."""

    def span(self) -> tuple[int, int]:
        """From the first to the last moment that can be shown."""

    def picture(self, at: int, bars: int) -> Picture:
        """As it was known at `at`."""


class Recorded:
    """A scene of a lake, with the folds of the tape where one of the layers asks for them."""

    def __init__(self, history: History, venue: str, symbol: str, frame: str, names: Collection[str] = ()) -> None:
        self.history, self.venue, self.symbol, self.frame = history, venue, symbol, frame
        self.tape = not TAPE_FOLDS.isdisjoint(name.partition("@")[0] for name in names)

    @property
    def key(self) -> tuple[object, ...]:
        return ("lake", self.history.generation, self.venue, self.symbol, self.frame, self.tape)

    @property
    def frame_ns(self) -> int:
        return Timeframe.parse(self.frame).ns

    def now(self) -> int:
        return self.span()[1]

    def span(self) -> tuple[int, int]:
        return self.history.span(self.venue, self.symbol)

    def picture(self, at: int, bars: int) -> Picture:
        return self.history.picture(Ask(self.venue, self.symbol, self.frame, bars, at, self.tape))
