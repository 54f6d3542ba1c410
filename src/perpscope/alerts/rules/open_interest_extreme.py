"""Open interest moves more than it usually does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from perpscope.alerts.alert import Finding
from perpscope.alerts.rule import Rule, View, bounds, rows_of
from perpscope.core.fold import State


@dataclass(frozen=True)
class OpenInterestExtreme(Rule):
    """Definition: the change of a bar, in its usual changes (`open_interest_delta.z`), is at least `z` in size. Armed again
    when it has been below `leave` in size. Quarantined rows are no evidence."""

    kind: ClassVar = "open_interest_extreme"
    title: ClassVar = "open interest jumped or collapsed"
    needs: ClassVar = ("open_interest_delta",)

    z: float = 4.0
    leave: float = 2.0
    cooldown: str = "1h"

    def __post_init__(self) -> None:
        super().__post_init__()
        bounds(self.leave, self.z, "leave and z")

    def look(self, state: State, view: View) -> Iterator[Finding]:
        for key, table in view.each("open_interest_delta", self.frame):
            mine = state.setdefault(key, {"armed": True})
            names = ("known_ts", "delta", "delta_fraction", "z", "quarantined")
            for known, delta, fraction, z, quarantined in rows_of(table, *names):
                if z != z or quarantined:
                    continue
                if abs(z) < self.leave:
                    mine["armed"] = True
                elif abs(z) >= self.z and mine["armed"]:
                    mine["armed"] = False
                    did = "rose" if delta > 0 else "fell"
                    yield Finding(
                        f"{key}:{known}", f"{key}:{did}", known,
                        f"open interest {did} by {abs(fraction):.2%} in a bar, {abs(z):.1f} times its usual change",
                        {"delta": delta, "delta_fraction": fraction, "z": z},
                    )  # fmt: skip
