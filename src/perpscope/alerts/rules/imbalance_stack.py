"""Imbalances of the footprint on top of each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from perpscope.alerts.alert import Finding
from perpscope.alerts.rule import Rule, View, rows_of
from perpscope.core.fold import State
from perpscope.core.units import Direction
from perpscope.market.zones import ZoneEvent


@dataclass(frozen=True)
class ImbalanceStack(Rule):
    """Definition: a `stacked_imbalance` that opens with at least `min_count` imbalances."""

    kind: ClassVar = "imbalance_stack"
    title: ClassVar = "imbalances stacked up"
    needs: ClassVar = ("stacked_imbalance",)

    min_count: int = 3

    def look(self, state: State, view: View) -> Iterator[Finding]:
        for key, table in view.each("stacked_imbalance", self.frame):
            rows = table[(table["event"] == ZoneEvent.OPENED) & (table["count"] >= self.min_count)]
            for known, ident, direction, bottom, top, count in rows_of(
                rows, "known_ts", "id", "direction", "bottom", "top", "count"
            ):
                who = "buyers" if direction == Direction.UP else "sellers"
                yield Finding(
                    f"{key}:{ident}", f"{key}:{who}", known,
                    f"{int(count)} imbalances of {who} in a row between {bottom:.6g} and {top:.6g}",
                    {"count": int(count), "bottom": bottom, "top": top, "side": who},
                )  # fmt: skip
