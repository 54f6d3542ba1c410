"""Funding is rarer than it usually is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from perpscope.alerts.alert import Finding
from perpscope.alerts.rule import Rule, View, bounds, rows_of
from perpscope.core.fold import State


@dataclass(frozen=True)
class FundingExtreme(Rule):
    """Definition: the rank of the 8-hour rate among those of 90 days (`funding_state`) is at least `high`, or at most `low`.
    Armed again when it has been below `leave_high`, or above `leave_low`."""

    kind: ClassVar = "funding_extreme"
    title: ClassVar = "funding is extreme"
    needs: ClassVar = ("funding_state",)

    high: float = 0.97
    leave_high: float = 0.9
    low: float = 0.03
    leave_low: float = 0.1
    cooldown: str = "8h"

    def __post_init__(self) -> None:
        super().__post_init__()
        bounds(self.leave_high, self.high, "leave_high and high")
        bounds(self.low, self.leave_low, "low and leave_low")

    def nodes(self) -> tuple[str, ...]:
        return self.needs  # it has no frame

    def look(self, state: State, view: View) -> Iterator[Finding]:
        for key, table in view.each("funding_state"):
            mine = state.setdefault(key, {"high": True, "low": True})
            for known, rate, rank in rows_of(table, "known_ts", "funding_rate_8h", "percentile"):
                if rank != rank:
                    continue
                mine["high"] = mine["high"] or rank < self.leave_high
                mine["low"] = mine["low"] or rank > self.leave_low
                side = "high" if rank >= self.high else "low" if rank <= self.low else ""
                if side and mine[side]:
                    mine[side] = False
                    yield Finding(
                        f"{key}:{known}", f"{key}:{side}", known,
                        f"funding of {rate * 1e4:+.2f} bps per 8 hours ranks at {rank:.0%} of 90 days",
                        {"funding_rate_8h": rate, "percentile": rank, "side": side},
                    )  # fmt: skip
