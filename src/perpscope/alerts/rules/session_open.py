"""A session opened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from perpscope.alerts.alert import Finding
from perpscope.alerts.rule import Rule, View, rows_of
from perpscope.core.errors import unknown_name
from perpscope.core.fold import State
from perpscope.features.session.opens import OPENS, OpenName

_SESSION = OPENS.by_name["session"].enum
_SESSIONS = {} if _SESSION is None else {int(member): member.name.lower() for member in _SESSION}


@dataclass(frozen=True)
class SessionOpen(Rule):
    """Definition: a SESSION row of `opens` of one of the `sessions`, told when its first bar has closed."""

    kind: ClassVar = "session_open"
    title: ClassVar = "a session opened"
    needs: ClassVar = ("opens",)

    sessions: tuple[str, ...] = ("asia", "london", "new_york")
    cooldown: str = "1h"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.sessions:
            if name not in _SESSIONS.values():
                raise unknown_name("session", name, _SESSIONS.values())

    def look(self, state: State, view: View) -> Iterator[Finding]:
        for key, table in view.each("opens", self.frame):
            rows = table[table["name"] == OpenName.SESSION]
            for ref, known, session, price in rows_of(rows, "ref_ts", "known_ts", "session", "price"):
                name = _SESSIONS.get(session, "")
                if name in self.sessions:
                    yield Finding(
                        f"{key}:{name}:{ref}", f"{key}:{name}", known,
                        f"the {name.replace('_', ' ')} session opened at {price:.6g}",
                        {"session": name, "price": price},
                    )  # fmt: skip
