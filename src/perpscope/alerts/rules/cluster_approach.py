"""Price comes near a liquidation cluster, measured in what it usually moves."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from perpscope.alerts.alert import Finding
from perpscope.alerts.rule import Rule, View, bounds, rows_of
from perpscope.core.fold import State
from perpscope.core.table import Table
from perpscope.core.time import YEAR, parse_span
from perpscope.core.units import PositionSide
from perpscope.features.liquidation.tracking import LIVE, OVER

_OVER = frozenset(int(event) for event in OVER)
_SIDE, _LOW, _HIGH, _NOTIONAL, _ARMED = range(5)


@dataclass(frozen=True)
class ClusterApproach(Rule):
    """Definition: the distance to a cluster is |ln(near edge / close)| over sigma sqrt(`horizon`), sigma the realised
    volatility of the mark (`liquidation_outlook`). The rule speaks when the distance falls to `sigma` or below, once, and is
    armed again when it has been `leave` or more. Clusters below `min_notional` (quote coin) or `min_fraction` of their side are
    left alone."""

    kind: ClassVar = "cluster_approach"
    title: ClassVar = "price comes near a liquidation cluster"
    needs: ClassVar = ("liquidation_clusters", "position_flows", "liquidation_outlook")

    sigma: float = 1.0
    leave: float = 1.5
    horizon: str = "4h"
    min_notional: float = 0.0
    min_fraction: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        parse_span(self.horizon)
        bounds(self.sigma, self.leave, "sigma and leave")

    def look(self, state: State, view: View) -> Iterator[Finding]:
        for key, flows in view.each("position_flows", self.frame):
            mine = state.setdefault(key, {"sigma": math.nan, "clusters": {}})
            told = _by_time(view.sister(key, "liquidation_clusters"), "id", "event", "side", "price_low", "price_high",
                            "notional", "side_fraction")  # fmt: skip
            sigmas = _by_time(view.sister(key, "liquidation_outlook"), "sigma_annual")
            for known, close in rows_of(flows, "known_ts", "close"):
                while sigmas and sigmas[-1][0] <= known:
                    mine["sigma"] = sigmas.pop()[1]
                while told and told[-1][0] <= known:
                    self._learn(mine["clusters"], *told.pop()[1:])
                yield from self._near(mine, key, known, close)

    def _learn(self, clusters: dict[int, list[Any]], ident: int, event: int, side: int, low: float, high: float,
               notional: float, fraction: float) -> None:  # fmt: skip
        small = notional < self.min_notional or fraction < self.min_fraction
        if event in _OVER or (small and ident not in clusters):
            clusters.pop(ident, None)
        elif ident in clusters:
            clusters[ident][:_ARMED] = [side, low, high, notional]
        elif len(clusters) < 2 * LIVE:
            clusters[ident] = [side, low, high, notional, True]

    def _near(self, mine: dict[str, Any], key: str, known: int, close: float) -> Iterator[Finding]:
        usual = mine["sigma"] * math.sqrt(parse_span(self.horizon) / YEAR)
        if not usual > 0 or not close > 0:
            return
        for ident, cluster in mine["clusters"].items():
            side, low, high, notional, armed = cluster
            edge = min(max(close, low), high)
            distance = abs(math.log(edge / close)) / usual
            if distance >= self.leave:
                cluster[_ARMED] = True
            elif armed and distance <= self.sigma:
                cluster[_ARMED] = False
                whose = PositionSide(side).name.lower()
                yield Finding(
                    f"{key}:{ident}:{known}", f"{key}:{ident}", known,
                    f"price {close:.6g} is {distance:.2f} sigma ({self.horizon}) from an estimated cluster of {whose} "
                    f"liquidations at {low:.6g} to {high:.6g}, about {notional:.3g} in quote coin",
                    {"distance_sigma": distance, "close": close, "price_low": low, "price_high": high, "notional": notional,
                     "position_side": whose},
                )  # fmt: skip


def _by_time(table: Table | None, *names: str) -> list[tuple[Any, ...]]:
    """Rows with their time first, the latest first, to be taken from the end."""
    return [] if table is None else list(rows_of(table, "known_ts", *names))[::-1]
