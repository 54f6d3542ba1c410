"""A setup proposes a trade."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from perpscope.alerts.alert import Finding
from perpscope.alerts.rule import Rule, View, rows_of
from perpscope.core.errors import unknown_name
from perpscope.core.fold import State
from perpscope.core.registry import discover
from perpscope.core.units import PositionSide
from perpscope.setups.signal import SignalEvent


def setups() -> tuple[str, ...]:
    """Every fold whose rows are proposals."""
    return tuple(n for n, fold in discover("perpscope.setups").items() if "entry_kind" in fold.spec.output.by_name)


@dataclass(frozen=True)
class Signal(Rule):
    """Definition: an OPENED row of one of the `setups` (none named: of all that the graph has) whose score has at least the
    size `min_score`. A proposal is no order, and says nothing of what it is worth: see the evidence of its setup."""

    kind: ClassVar = "signal"
    title: ClassVar = "a setup proposes a trade"

    setups: tuple[str, ...] = ()
    min_score: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.setups:
            if name not in setups():
                raise unknown_name("setup", name, setups())

    def nodes(self) -> tuple[str, ...]:
        return tuple(f"{name}@{self.frame}" if self.frame else name for name in self.setups or setups())

    def look(self, state: State, view: View) -> Iterator[Finding]:
        for name in self.setups or setups():
            for key, table in view.each(name, self.frame):
                rows = table[table["event"] == SignalEvent.OPENED]
                for known, ident, side, entry, stop, target, score in rows_of(
                    rows, "known_ts", "id", "position_side", "entry", "stop", "target", "score"
                ):
                    if abs(score) < self.min_score:
                        continue
                    way = PositionSide(side).name.lower()
                    aim = f", target {target:.6g}" if target == target else ""
                    yield Finding(
                        f"{key}:{ident}:{known}", f"{key}:{way}", known,
                        f"{name.replace('_', ' ')} proposes {way} at {entry:.6g}, stop {stop:.6g}{aim}, score {score:+.2f}",
                        {"setup": name, "position_side": way, "entry": entry, "stop": stop, "target": target, "score": score},
                    )  # fmt: skip
