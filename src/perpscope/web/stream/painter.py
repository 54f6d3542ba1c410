"""Frames drawn once for all clients that look at the same thing."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

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


class Painter:
    """Draws snapshots and deltas, keeping the newest for the other clients. Safe to use from several threads."""

    def __init__(self, kept: int = KEPT) -> None:
        self.kept = kept
        self.drawn = 0
        self._frames: OrderedDict[tuple[object, ...], Drawn] = OrderedDict()
        self._lock = threading.Lock()
        self._making: dict[tuple[object, ...], threading.Lock] = {}

    def snapshot(self, view: View, at: int) -> Drawn:
        """The whole picture at a moment.

        Raises:
            UserError: if the scene cannot be shown then.
        """
        key = (view.scene.key, view.bars, view.names, at)
        return self._once(key, lambda: snapshot(view.scene.picture(at, view.bars), view.names))

    def delta(self, view: View, at: int, after: int, rasters: Mapping[str, Raster]) -> Drawn:
        """What is new since `after`."""
        grids = tuple((name, r.first_bin, r.bins, r.bin_pool, r.pool, r.full_usd) for name, r in sorted(rasters.items()))
        key = (view.scene.key, view.bars, view.names, at, after, grids)
        return self._once(key, lambda: delta(view.scene.picture(at, view.bars), view.names, after, rasters))

    def _once(self, key: tuple[object, ...], draw: Callable[[], Drawn]) -> Drawn:
        with self._lock:
            if key in self._frames:
                self._frames.move_to_end(key)
                return self._frames[key]
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._frames:
                    return self._frames[key]
            made = draw()
            with self._lock:
                self.drawn += 1
                self._frames[key] = made
                self._making.pop(key, None)
                while len(self._frames) > self.kept:
                    self._frames.popitem(last=False)
        return made
