"""Price went through a liquidation cluster: what was expected to break there, and what did."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from perpscope.alerts.alert import Finding
from perpscope.alerts.rule import Rule, View, rows_of
from perpscope.core.fold import State
from perpscope.core.units import PositionSide
from perpscope.features.liquidation.tracking import ClusterEvent


@dataclass(frozen=True)
class ClusterSwept(Rule):
    """Definition: a cluster's SWEPT row whose `swept_notional`, estimated before the bar, is at least `min_notional` (quote
    coin). Realised is what the venue reported of that side in the same bar, for all prices together; it is said to be unknown
    where the venue reports nothing."""

    kind: ClassVar = "cluster_swept"
    title: ClassVar = "price went through a liquidation cluster"
    needs: ClassVar = ("liquidation_clusters", "liquidation_sweeps")

    min_notional: float = 0.0

    def look(self, state: State, view: View) -> Iterator[Finding]:
        for key, clusters in view.each("liquidation_clusters", self.frame):
            swept = clusters[clusters["event"] == ClusterEvent.SWEPT]
            if not len(swept):
                continue
            outcome: dict[tuple[int, int], tuple[float, float]] = {}
            sweeps = view.sister(key, "liquidation_sweeps")
            for known, side, quantity, realised in (
                () if sweeps is None else rows_of(sweeps, "known_ts", "side", "quantity", "realised")
            ):
                before = outcome.get((known, side), (0.0, realised))
                outcome[known, side] = before[0] + quantity, realised
            names = ("known_ts", "id", "side", "price_low", "price_high", "swept_notional")
            for known, ident, side, low, high, notional in rows_of(swept, *names):
                if notional < self.min_notional:
                    continue
                predicted, realised = outcome.get((known, side), (math.nan, math.nan))
                whose = PositionSide(side).name.lower()
                said = f"{realised:.4g}" if realised == realised else "unknown"
                yield Finding(
                    f"{key}:{ident}", f"{key}:{whose}", known,
                    f"a cluster of {whose} liquidations at {low:.6g} to {high:.6g} was swept: about {notional:.3g} in "
                    f"quote coin estimated in it; expected in this bar {predicted:.4g}, reported {said}",
                    {"price_low": low, "price_high": high, "swept_notional": notional, "predicted": predicted,
                     "realised": realised, "position_side": whose},
                )  # fmt: skip
