"""The liquidation map has stopped telling where positions break."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perpscope.alerts.alert import Finding
from perpscope.alerts.rule import Rule, View, bounds, rows_of
from perpscope.core.errors import UserError
from perpscope.core.fold import State


@dataclass(frozen=True)
class MapSkill(Rule):
    """Definition: over the last `window` pairs (bar, side) in which price swept bins of the map, Spearman's rank correlation of
    the quantity expected there before the bar with what was reported in it; ranks, because the two need not share a unit. The
    rule speaks when it falls below `floor`, and is armed again above `recover`. Silent before `n_min` pairs, and where the
    venue reports no liquidations."""

    kind: ClassVar = "map_skill"
    title: ClassVar = "the liquidation map has lost its skill"
    needs: ClassVar = ("liquidation_sweeps",)

    window: int = 100
    n_min: int = 40
    floor: float = 0.0
    recover: float = 0.15
    cooldown: str = "1d"

    def __post_init__(self) -> None:
        super().__post_init__()
        bounds(self.floor, self.recover, "floor and recover")
        if not 10 <= self.n_min <= self.window <= 10_000:
            raise UserError("n_min is at least 10 and window between n_min and 10000.")

    def look(self, state: State, view: View) -> Iterator[Finding]:
        for key, sweeps in view.each("liquidation_sweeps", self.frame):
            mine = state.setdefault(key, {"pairs": [], "armed": True, "open": None})
            for known, side, quantity, realised in rows_of(sweeps, "known_ts", "side", "quantity", "realised"):
                pair = mine["open"]
                if pair is not None and pair[:2] == [known, side]:
                    pair[2] += quantity
                    continue
                yield from self._close(mine, key, known)
                mine["open"] = [known, side, quantity, realised]

    def _close(self, mine: State, key: str, now: int) -> Iterator[Finding]:
        """A pair is whole, and told, when the next one begins."""
        if mine["open"] is None or mine["open"][3] != mine["open"][3]:
            return
        known, _, predicted, realised = mine["open"]
        mine["pairs"] = [*mine["pairs"][1 - self.window :], [predicted, realised]]
        n = len(mine["pairs"])
        if n < self.n_min:
            return
        skill = spearman(np.array(mine["pairs"]).T)
        if skill > self.recover:
            mine["armed"] = True
        elif skill < self.floor and mine["armed"]:
            mine["armed"] = False
            yield Finding(
                f"{key}:{known}", key, now,
                f"over its last {n} sweeps the liquidation map ranked what broke with a correlation of {skill:.2f}, "
                f"below {self.floor:g}: do not lean on it",
                {"skill": skill, "pairs": n},
            )  # fmt: skip


def spearman(pairs: np.ndarray) -> float:
    """Rank correlation of two rows, ties by their middle; 0 if one of them is constant.

    Example:
        >>> round(spearman(np.array([[1.0, 2.0, 3.0], [10.0, 30.0, 20.0]])), 3)
        0.5
    """
    ranks = [_ranks(row) for row in pairs]
    centred = [r - r.mean() for r in ranks]
    size = float(np.sqrt((centred[0] ** 2).sum() * (centred[1] ** 2).sum()))
    return float((centred[0] * centred[1]).sum() / size) if size > 0 else 0.0


def _ranks(values: np.ndarray) -> np.ndarray:
    order = np.sort(values)
    return (np.searchsorted(order, values, "left") + np.searchsorted(order, values, "right")) / 2.0
