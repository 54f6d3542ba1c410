"""Faults done to frames and requests. Every choice is drawn from the seed, the fault, the connection and the channel, and every
time is market time: the same seed and scenario give the same bytes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

from perpscope.replay.dialect import Answer, Dialect, Request, Session
from perpscope.replay.frames import Frame, Track
from perpscope.replay.scenario import SECOND, Fault, FaultKind
from perpscope.replay.times import moved, ms

K = FaultKind
_WITHHELD = {K.SILENCE, K.DROP, K.WRONG_ROUTE, K.HOLE, K.SNAPSHOT_NEVER}
_JUNK = b'\xef\xbb\xbf{]NaN:1e400,"\\u0000' + b"[" * 64


class Outcome(NamedTuple):
    """What becomes of a frame: sent (after `delay` ns of market time), or withheld where `why` says so. A payload without a
    frame is no message of the tape."""

    payload: bytes
    frame: Frame | None
    delay: int = 0
    why: str = ""


def later(frame: Frame, by: int) -> Frame:
    """A frame whose times are later by so many ns."""
    return frame._replace(data=moved(frame.data, ms(by), ms(frame.exchange_ts)), exchange_ts=frame.exchange_ts + by)


class Injector:
    """The faults of a scenario on one venue."""

    def __init__(self, faults: Sequence[Fault], seed: int, dialect: Dialect) -> None:
        self.faults, self.seed, self.dialect = list(enumerate(faults)), seed, dialect
        self._chance: dict[tuple[int, int, str], random.Random] = {}
        self._held: dict[tuple[int, str], list[Outcome]] = {}
        self._holes: dict[tuple[int, str], set[int]] = {}

    def frame(self, session: Session, topic: str, track: Track, frame: Frame, snapshot: bool = False) -> list[Outcome]:
        """What becomes of a frame on a connection, in order. `snapshot`: it greets a new subscriber."""
        active = [
            (k, fault)
            for k, fault in self.faults
            if fault.start <= frame.at < fault.end and fault.concerns(track.channel, track.symbol)
        ]
        key = session.number, topic
        if not active:
            held = self._held.pop(key, [])
            return [Outcome(self._wrap(session, topic, track, frame), frame), *held]
        before: list[Outcome] = []
        frames, copies, delay = [frame], 1, 0
        for k, fault in active:
            kind = fault.kind
            if not self._strikes(k, fault, session, topic, frame, snapshot):
                continue
            if kind in _WITHHELD:
                return [*before, Outcome(b"", frame, 0, str(kind))]
            if kind is K.TRUNCATE:
                whole = self._wrap(session, topic, track, frame)
                cut = self._draw(k, session, topic).randrange(1, len(whole))
                return [*before, Outcome(whole[:cut], None), Outcome(b"", frame, 0, str(kind))]
            if kind is K.GARBAGE:
                before.append(Outcome(_JUNK, None))
            elif kind is K.HUGE:
                before.append(Outcome(b'{"filler":"' + b"x" * int(fault.value * 1_000_000) + b'"}', None))
            elif kind is K.DUPLICATE:
                copies += 1
            elif kind is K.DELAY:
                delay += int(fault.value * SECOND)
            elif kind is K.CLOCK_SKEW:
                frames = [later(f, int(fault.value * SECOND)) for f in frames]
            elif kind is K.SHUFFLE:
                if key not in self._held:
                    self._held[key] = self._told(session, topic, track, frames, delay)
                    return before
            else:
                frames = [x for f in frames for x in self.dialect.disturbed(kind, fault.value, session, track, f)]
        told = self._told(session, topic, track, frames, delay)
        return [*before, *told * copies, *self._held.pop(key, [])]

    def left_over(self, session: Session) -> list[tuple[str, Outcome]]:
        """Frames still held for a connection that ends."""
        keys = [key for key in self._held if key[0] == session.number]
        return [(key[1], outcome) for key in keys for outcome in self._held.pop(key)]

    def request(self, request: Request) -> tuple[Request, Answer | None, float]:
        """A request as the venue takes it: perhaps from an earlier book, refused, or late by seconds."""
        delay, answer = 0.0, None
        book = request.path.endswith(("depth", "orderbook", "books"))
        for k, fault in self.faults:
            if not fault.start <= request.now < fault.end or fault.symbol not in ("", request.query.get("symbol", "")):
                continue
            rng = self._chance.setdefault((k, 0, "rest"), random.Random(f"{self.seed}:{k}:rest"))
            if fault.rate < 1.0 and rng.random() >= fault.rate:
                continue
            if fault.kind is K.STALE_SNAPSHOT and book:
                request = request._replace(now=request.now - int(fault.value * SECOND))
            elif fault.kind is K.REST_DELAY:
                delay += fault.value
            elif fault.kind in (K.REFUSE_429, K.REFUSE_418, K.REFUSE_503):
                answer = self.dialect.refusal(int(fault.kind[-3:]), int(fault.value))
            elif fault.kind is K.BANNED:
                answer = self.dialect.refusal(429, 60)._replace(headers={})
        return request, answer, delay

    def skew(self, now: int) -> int:
        """How far the venue's clock is off, ns."""
        return sum(int(f.value * SECOND) for _, f in self.faults if f.kind is K.CLOCK_SKEW and f.start <= now < f.end)

    def _told(self, session: Session, topic: str, track: Track, frames: Sequence[Frame], delay: int) -> list[Outcome]:
        """Frames as outcomes; one without events is a message of another product, not of the tape."""
        wrapped = [(self._wrap(session, topic, track, f), f) for f in frames]
        return [Outcome(payload, f if f.events >= 0 else None, delay) for payload, f in wrapped]

    def _strikes(self, k: int, fault: Fault, session: Session, topic: str, frame: Frame, snapshot: bool) -> bool:
        """Whether an active fault hits this frame of this connection."""
        kind = fault.kind
        if kind is K.WRONG_ROUTE and not fault.start <= session.opened < fault.end:
            return False
        if kind is K.SNAPSHOT_NEVER and not (snapshot or frame.whole):
            return False
        if kind is K.HOLE and not self._in_hole(k, fault, topic, frame):
            return False
        return fault.rate >= 1.0 or self._draw(k, session, topic).random() < fault.rate

    def _wrap(self, session: Session, topic: str, track: Track, frame: Frame) -> bytes:
        return self.dialect.wrap(session, topic, track, frame.data)

    def _draw(self, k: int, session: Session, topic: str) -> random.Random:
        key = k, session.number, topic
        if key not in self._chance:
            self._chance[key] = random.Random(f"{self.seed}:{k}:{session.number}:{topic}")
        return self._chance[key]

    def _in_hole(self, k: int, fault: Fault, topic: str, frame: Frame) -> bool:
        """The first so many frames of the channel, for every connection the same."""
        hole = self._holes.setdefault((k, topic), set())
        if len(hole) < int(fault.value):
            hole.add(frame.order)
        return frame.order in hole
