"""The opening range of a session was swept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from perpscope.alerts.alert import Finding
from perpscope.alerts.rule import Rule, View, rows_of
from perpscope.core.errors import unknown_name
from perpscope.core.fold import State
from perpscope.features.session.opening_range import OpeningRangeEvent
from perpscope.features.session.opens import OPENS
from perpscope.market.structure import Extreme

_SESSION = OPENS.by_name["session"].enum
_SESSIONS = {} if _SESSION is None else {int(member): member.name.lower() for member in _SESSION}


@dataclass(frozen=True)
class SessionSweep(Rule):
    """Definition: a SWEPT row of `opening_ranges` of one of the `sessions`: price went beyond an edge of the range and closed
    inside it again. `minutes`: the length of the range; 0 takes all lengths."""

    kind: ClassVar = "session_sweep"
    title: ClassVar = "the opening range of a session was swept"
    needs: ClassVar = ("opening_ranges",)

    sessions: tuple[str, ...] = ("asia", "london", "new_york")
    minutes: int = 0
    cooldown: str = "1h"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.sessions:
            if name not in _SESSIONS.values():
                raise unknown_name("session", name, _SESSIONS.values())

    def look(self, state: State, view: View) -> Iterator[Finding]:
        for key, table in view.each("opening_ranges", self.frame):
            rows = table[table["event"] == OpeningRangeEvent.SWEPT]
            for known, ident, session, minutes, high, low, side in rows_of(
                rows, "known_ts", "id", "session", "minutes", "high", "low", "side"
            ):
                name = _SESSIONS.get(session, "")
                if name not in self.sessions or (self.minutes and minutes != self.minutes):
                    continue
                edge, price = ("high", high) if side == Extreme.HIGH else ("low", low)
                yield Finding(
                    f"{key}:{ident}:{known}", f"{key}:{name}:{edge}", known,
                    f"the {edge} of the {name.replace('_', ' ')} opening range ({int(minutes)} min) at {price:.6g} was swept",
                    {"session": name, "side": edge, "price": price, "minutes": int(minutes)},
                )  # fmt: skip
