"""Aggression that moves price less than it should."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from perpscope.alerts.alert import Finding
from perpscope.alerts.rule import Rule, View, rows_of
from perpscope.core.errors import UserError
from perpscope.core.fold import State
from perpscope.core.units import AggressorSide
from perpscope.market.claims import ClaimEvent

_EVENTS = {event.name.lower(): int(event) for event in ClaimEvent}


@dataclass(frozen=True)
class Absorption(Rule):
    """Definition: a row of `absorption` with the given `event` (confirmed: price left against the aggressor) and at least
    `min_volume` base units."""

    kind: ClassVar = "absorption"
    title: ClassVar = "aggression was absorbed"
    needs: ClassVar = ("absorption",)

    event: str = "confirmed"
    min_volume: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.event not in _EVENTS:
            raise UserError(f"event of absorption is one of {', '.join(_EVENTS)}, not '{self.event}'.")

    def look(self, state: State, view: View) -> Iterator[Finding]:
        for key, table in view.each("absorption", self.frame):
            rows = table[(table["event"] == _EVENTS[self.event]) & (table["volume"] >= self.min_volume)]
            for known, ident, side, bottom, top, volume in rows_of(
                rows, "known_ts", "id", "aggressor_side", "bottom", "top", "volume"
            ):
                who = "buying" if side == AggressorSide.BUY else "selling"
                yield Finding(
                    f"{key}:{ident}:{self.event}", f"{key}:{who}", known,
                    f"{volume:.4g} of aggressive {who} was absorbed between {bottom:.6g} and {top:.6g} ({self.event})",
                    {"bottom": bottom, "top": top, "volume": volume, "aggressor": who},
                )  # fmt: skip
