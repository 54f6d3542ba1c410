"""One subscription of one client: which frame comes next, and whether one may be sent at all.

No sockets and no clock in here: a lane is told the moment and what was acknowledged, and returns bytes or nothing.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from perpscope.web.picture.frame import Drawn
from perpscope.web.picture.heats import Raster
from perpscope.web.stream.painter import Painter, View, Wanted
from perpscope.web.wire import IN_FLIGHT

MARKS = 256
"""Frames that a client may lag behind and still resume with a delta."""


@dataclass
class Lane:
    """A run of frames: a snapshot, then deltas, numbered without a hole.

    At most `IN_FLIGHT` frames are unacknowledged. What happens meanwhile is not queued: the next delta reaches from the
    last frame that was sent to the newest moment, so newer replaces what waits and nothing is lost. A hidden page that does
    not acknowledge costs nothing, and a page that wakes up gets one frame.
    """

    id: int
    view: View
    fixed: int | None = None
    epoch: str = field(default_factory=lambda: secrets.token_hex(8))
    seq: int = 0
    shown_at: int | None = None
    rasters: Mapping[str, Raster] = field(default_factory=dict)
    marks: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=MARKS))
    acknowledged: int = 0
    resumed_from: int | None = None
    scene_key: tuple[object, ...] = ()
    sent: int = 0
    tried: tuple[int, tuple[object, ...]] | None = None
    """Where the last attempt failed, so that it is not made again before something changes."""

    @property
    def in_flight(self) -> int:
        return self.seq - self.acknowledged

    def wants(self, at: int) -> bool:
        """Whether there is something to send at this moment, and room for it."""
        at = at if self.fixed is None else self.fixed
        key = self.view.scene.key
        return self.in_flight < IN_FLIGHT and (at != self.shown_at or key != self.scene_key) and self.tried != (at, key)

    def plan(self, at: int) -> Wanted:
        """The drawing that comes next: what is new since the last frame; the whole at the beginning, after a jump back, and
        when the lake has grown."""
        at = at if self.fixed is None else self.fixed
        before = self.shown_at
        if before is not None and before < at and self.view.scene.key == self.scene_key:
            return Wanted(self.view, at, before, self.rasters)
        return Wanted(self.view, at)

    def take(self, request: Wanted, drawn: Drawn) -> bytes:
        """The drawing as this lane's next frame."""
        after = self.seq if self.resumed_from is None else self.resumed_from
        self.seq += 1
        self.shown_at, self.rasters, self.resumed_from = request.at, drawn.rasters, None
        self.scene_key = self.view.scene.key
        self.marks.append((self.seq, request.at))
        return drawn.frame(self.id, self.epoch, self.seq, after)

    def next(self, painter: Painter, at: int) -> bytes:
        """Plan, draw and take in one: a snapshot where a delta would be outgrown.

        Raises:
            UserError: if nothing can be shown then; the lane stays as it was.
        """
        request = self.plan(at)
        drawn = painter.draw(request)
        if drawn.outgrown:
            request = Wanted(self.view, request.at)
            drawn = painter.draw(request)
        return self.take(request, drawn)

    def acknowledge(self, seq: int) -> None:
        """The client has drawn this frame, and with it all before."""
        self.acknowledged = max(self.acknowledged, min(seq, self.seq))

    def resume(self, epoch: str, seq: int) -> bool:
        """Go on after the frame that a returning client drew last; False where that is not known: then a snapshot comes."""
        found = next((at for number, at in self.marks if number == seq), None) if epoch == self.epoch else None
        self.acknowledged = self.seq
        if found is None:
            self.shown_at = None
            return False
        self.shown_at, self.resumed_from = found, seq
        return True
