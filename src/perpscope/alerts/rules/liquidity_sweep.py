"""A pool of resting orders was swept and price came back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from perpscope.alerts.alert import Finding
from perpscope.alerts.rule import Rule, View, rows_of
from perpscope.core.errors import unknown_name
from perpscope.core.fold import State
from perpscope.features.structure.sweep import SWEEPS

_SOURCE, _SIDE = SWEEPS.by_name["source"].enum, SWEEPS.by_name["side"].enum
_SOURCES = {} if _SOURCE is None else {int(member): member.name.lower() for member in _SOURCE}
_SIDES = {} if _SIDE is None else {int(member): member.name.lower() for member in _SIDE}


@dataclass(frozen=True)
class LiquiditySweep(Rule):
    """Definition: a row of `sweeps` whose pool has one of the `sources` (session: the high or low of a session) and that went
    at least `min_depth` average ranges beyond it."""

    kind: ClassVar = "liquidity_sweep"
    title: ClassVar = "a high or low was swept"
    needs: ClassVar = ("sweeps",)

    sources: tuple[str, ...] = ("equal", "swing", "period", "session")
    min_depth: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.sources:
            if name not in _SOURCES.values():
                raise unknown_name("source of a pool", name, _SOURCES.values())

    def look(self, state: State, view: View) -> Iterator[Finding]:
        for key, table in view.each("sweeps", self.frame):
            for known, pool, side, price, depth, source in rows_of(
                table, "known_ts", "pool_id", "side", "price", "depth_atr", "source"
            ):
                name = _SOURCES.get(source, "")
                if name not in self.sources or depth < self.min_depth:
                    continue
                edge = _SIDES.get(side, "")
                yield Finding(
                    f"{key}:{pool}", f"{key}:{name}:{edge}", known,
                    f"the {edge} of a {name} at {price:.6g} was swept by {depth:.2f} average ranges and given back",
                    {"side": edge, "source": name, "price": price, "depth_atr": depth},
                )  # fmt: skip
