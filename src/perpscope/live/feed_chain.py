"""Trades whose ids leave no hole, put in order: what follows is let through, what is ahead is held until the hole is filled.

A pure machine without clocks or sockets. Ids of a message are [first, last]. Old ids are duplicates; an id ahead opens a hole
[next, ahead - 1], and what came is held, sorted, until the missing ids come (out of order, or by REST) or the caller gives
up: then the hole is told as a gap and the held ones are let through. So the sink gets trades in the order of their ids.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from perpscope.venues.door import Values

_RESTARTED_NS = 1_000_000_000
"""A duplicate is no younger than the last trade let through. An old id that is a second younger is none: the venue has begun to
count anew, or a false id had led the chain astray."""

Rows = Sequence[tuple[str, Values]]


class Held(NamedTuple):
    first_id: int
    last_id: int
    ts: int
    rows: Rows


class Hole(NamedTuple):
    """Ids [first_id, last_id] are missing; they happened in [start_ts, end_ts]."""

    first_id: int
    last_id: int
    start_ts: int
    end_ts: int


@dataclass
class IdChain:
    """`next_id` is the id that must come next, -1 before the first; `last_ts` the venue's time of the last row let through.

    Example:
        >>> chain = IdChain()
        >>> row = lambda n: [("trade", (n, 0, n))]
        >>> [len(chain.offer(n, n, n, row(n))) for n in (7, 8, 11, 10)], chain.hole
        ([1, 1, 0, 0], Hole(first_id=9, last_id=9, start_ts=8, end_ts=10))
        >>> [values[2] for _, values in chain.offer(9, 9, 9, row(9))], chain.hole
        ([9, 10, 11], None)
    """

    next_id: int = -1
    last_ts: int = -(2**63)
    duplicates: int = 0
    held: list[Held] = field(default_factory=list)
    _held_ids: set[int] = field(default_factory=set)

    def offer(self, first_id: int, last_id: int, ts: int, rows: Rows) -> Rows:
        """What may be let through now, in order."""
        if first_id == self.next_id or self.next_id < 0:
            self.next_id, self.last_ts = last_id + 1, ts
            return [*rows, *self._drain()] if self.held else rows
        if last_id < self.next_id:
            if ts <= self.last_ts + _RESTARTED_NS:
                self.duplicates += 1
                return ()
            self.next_id, self.last_ts = last_id + 1, ts
            return rows
        if first_id < self.next_id:
            rows = [row for row in rows if row[1][2] >= self.next_id]
            self.next_id, self.last_ts = last_id + 1, ts
            return [*rows, *self._drain()]
        if first_id in self._held_ids:
            self.duplicates += 1
            return ()
        self._held_ids.add(first_id)
        insort(self.held, Held(first_id, last_id, ts, rows), key=lambda h: h.first_id)
        return ()

    def restarts(self, last_id: int, ts: int) -> bool:
        """Whether this id says that the venue counts anew: then what lies between is lost and must be told."""
        return last_id < self.next_id and ts > self.last_ts + _RESTARTED_NS

    @property
    def hole(self) -> Hole | None:
        if not self.held:
            return None
        ahead = self.held[0]
        return Hole(self.next_id, ahead.first_id - 1, min(self.last_ts, ahead.ts), ahead.ts)

    def give_up(self) -> Rows:
        """The present hole will not be filled: let through what is held, up to the next hole."""
        if self.held:
            self.next_id = self.held[0].first_id
        return self._drain()

    def _drain(self) -> list[tuple[str, Values]]:
        out: list[tuple[str, Values]] = []
        taken = 0
        for ahead in self.held:
            if ahead.first_id > self.next_id:
                break
            taken += 1
            self._held_ids.discard(ahead.first_id)
            if ahead.last_id >= self.next_id:
                out += ahead.rows if ahead.first_id == self.next_id else [r for r in ahead.rows if r[1][2] >= self.next_id]
                self.next_id, self.last_ts = ahead.last_id + 1, ahead.ts
        del self.held[:taken]
        return out
