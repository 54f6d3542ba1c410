"""Frames drawn once for all clients that look at the same thing."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field

from perpscope.web.picture.frame import Drawn, delta, snapshot
from perpscope.web.picture.heats import Raster
from perpscope.web.stream.scene import Scene

KEPT = 48


@dataclass(frozen=True)
class View:
    """What a subscription shows of a scene: so many bars, these layers."""

    scene: Scene
    bars: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class Wanted:
    """A drawing that is wanted: the whole view at a moment, or with `after` what is new since then."""

    view: View
    at: int
    after: int | None = None
    rasters: Mapping[str, Raster] = field(default_factory=dict)

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for requests with the same answer."""
        grids = tuple((name, r.first_bin, r.bins, r.bin_pool, r.pool, r.full_usd) for name, r in sorted(self.rasters.items()))
        return (
            self.view.scene.key,
            self.view.bars,
            self.view.names,
            self.at,
            self.after,
            grids if self.after is not None else (),
        )

    def draw(self) -> Drawn:
        """Draw it.

        Raises:
            UserError: if the scene cannot be shown at that moment.
        """
        picture = self.view.scene.picture(self.at, self.view.bars)
        if self.after is None:
            return snapshot(picture, self.view.names)
        return delta(picture, self.view.names, self.after, self.rasters)


class Painter:
    """Keeps the newest drawings; `draw` and `drawn` make each once, however many ask at the same time."""

    def __init__(self, kept: int = KEPT) -> None:
        self.kept = kept
        self.count = 0
        self._frames: OrderedDict[tuple[object, ...], Drawn] = OrderedDict()
        self._lock = threading.Lock()
        self._making: dict[tuple[object, ...], asyncio.Future[Drawn]] = {}

    def draw(self, request: Wanted) -> Drawn:
        """The drawing, from memory or made in this thread.

        Raises:
            UserError: as `Wanted.draw`.
        """
        key = request.key
        found = self._held(key)
        if found is None:
            found = request.draw()
            with self._lock:
                self.count += 1
                self._frames[key] = found
                while len(self._frames) > self.kept:
                    self._frames.popitem(last=False)
        return found

    async def drawn(self, request: Wanted, executor: Executor) -> Drawn:
        """The drawing, made aside while the loop goes on; who asks for one that is being made waits for it.

        Raises:
            UserError: as `Wanted.draw`.
        """
        key = request.key
        found = self._held(key)
        if found is not None:
            return found
        making = self._making.get(key)
        if making is None:
            making = asyncio.get_running_loop().run_in_executor(executor, self.draw, request)
            self._making[key] = making
            making.add_done_callback(lambda _: self._making.pop(key, None))
        return await asyncio.shield(making)

    def _held(self, key: tuple[object, ...]) -> Drawn | None:
        with self._lock:
            if key in self._frames:
                self._frames.move_to_end(key)
                return self._frames[key]
        return None
