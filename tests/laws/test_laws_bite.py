"""For each law a fold that breaks it on purpose, and the law that catches it.

The sound fold is a 3-bar high; each broken one changes the one thing its law is about. The answers are by hand:
a law that lets its culprit pass is no law.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from laws import laws
from laws.market import FRAME, START, made_market
from perpscope.core.batch import Batch
from perpscope.core.fold import Fold, FoldSpec, State
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table, price, quantity, row_schema
from perpscope.core.time import HOUR

ROWS = row_schema(
    "three_bar_high",
    price("top", "highest of three bars", mirror="swap:bottom"),
    price("bottom", "lowest of three bars", mirror="swap:top"),
    quantity("volume", "of the last bar"),
)


class ThreeBars(Fold):
    """Extremes of the last three bars.

    Definition: max(high), min(low) of bars i-2..i. Units: price. Source: own.

    Example:
        >>> ThreeBars().warmup
        3
    """

    spec = FoldSpec(name="three_bars", title="Three bars", inputs=("bars",), output=ROWS, source="own")

    @property
    def warmup(self) -> int:
        return 3

    def start(self, instrument: Instrument) -> State:
        return {"high": np.empty(0), "low": np.empty(0), "known": np.empty(0, np.int64)}

    def fold(self, state: State, batch: Batch) -> Table:
        bars = batch["bars"]
        parts = []
        for i in range(len(bars)):
            if len(state["known"]) and bars["ref_ts"][i] != state["known"][-1] and self.restarts():
                state.update(self.start(Instrument("demo", "X")))
            for name in ("high", "low"):
                state[name] = np.append(state[name], bars[name][i])[-self.keep() :]
            state["known"] = np.append(state["known"], bars["known_ts"][i])[-self.keep() :]
            if len(state["known"]) >= 3:
                parts.append(self.row(state, bars, i))
        self.after(state, batch)
        return Table.concat([ROWS.empty(), *parts])

    def keep(self) -> int:
        return 3

    def restarts(self) -> bool:
        return True

    def after(self, state: State, batch: Batch) -> None:
        """Nothing to do after a batch."""

    def row(self, state: State, bars: Table, i: int) -> Table:
        values = self.values(state, bars, i)
        known = bars["known_ts"][i : i + 1]
        return Table.of(ROWS, ref_ts=known - HOUR, known_ts=known, **{k: np.array([v]) for k, v in values.items()})

    def values(self, state: State, bars: Table, i: int) -> dict[str, Any]:
        return {"top": state["high"][-3:].max(), "bottom": state["low"][-3:].min(), "volume": bars["volume"][i]}


class ForgetsAtTheEdge(ThreeBars):
    """Loses its memory at the end of each batch."""

    def after(self, state: State, batch: Batch) -> None:
        if len(batch["bars"]):
            state.update(self.start(Instrument("demo", "X")))


class Peeks(ThreeBars):
    """Looks at the next bar when it is there."""

    def values(self, state: State, bars: Table, i: int) -> dict[str, Any]:
        return {**super().values(state, bars, i), "top": bars["high"][max(0, i - 2) : i + 2].max()}


class KnownTooSoon(ThreeBars):
    """Says it was known before the bar it is about."""

    def row(self, state: State, bars: Table, i: int) -> Table:
        row = super().row(state, bars, i)
        return row.with_columns(ref_ts=row["known_ts"] + 1)


class RemembersOutsideItsState(ThreeBars):
    """Keeps a count in itself, where no freeze can reach it."""

    def values(self, state: State, bars: Table, i: int) -> dict[str, Any]:
        self.count = getattr(self, "count", 0) + 1
        return {**super().values(state, bars, i), "volume": float(self.count)}


class Vandal(ThreeBars):
    """Writes into its input."""

    def after(self, state: State, batch: Batch) -> None:
        batch["bars"]["close"][:] = 0.0


class Lopsided(ThreeBars):
    """Has a wrong sign in one of two copies: takes the last low for the lowest."""

    def values(self, state: State, bars: Table, i: int) -> dict[str, Any]:
        return {**super().values(state, bars, i), "bottom": state["low"][-1]}


class Absolute(ThreeBars):
    """Adds one dollar, whatever the price is measured in."""

    def values(self, state: State, bars: Table, i: int) -> dict[str, Any]:
        return {
            **super().values(state, bars, i),
            "top": state["high"][-3:].max() + 1.0,
            "bottom": state["low"][-3:].min() - 1.0,
        }


class BridgesHoles(ThreeBars):
    """Takes bars on both sides of a hole for neighbours."""

    def restarts(self) -> bool:
        return False


class Hasty(ThreeBars):
    """Claims a longer warm-up than it keeps."""

    @property
    def warmup(self) -> int:
        return 10


class Hoarder(ThreeBars):
    """Never forgets a bar."""

    def keep(self) -> int:
        return 10**9


class Undescribed(ThreeBars):
    """Says nothing."""


MARKET = made_market(0, 300)
WATERMARKS = [START + h * HOUR for h in (50, 51, 120)]

CASES: dict[str, tuple[type[Fold], Callable[[laws.MakeFold], object]]] = {
    "split": (ForgetsAtTheEdge, lambda make: laws.law_split(make, MARKET, WATERMARKS)),
    "truncation": (Peeks, lambda make: [laws.law_truncation(make, MARKET, START + h * HOUR) for h in range(40, 140, 3)]),
    "known": (KnownTooSoon, lambda make: laws.law_known(make, MARKET, WATERMARKS)),
    "resume": (RemembersOutsideItsState, lambda make: laws.law_resume(make, MARKET, START + 100 * HOUR)),
    "innocence": (Vandal, lambda make: laws.law_innocence(make, MARKET)),
    "mirror": (Lopsided, lambda make: laws.law_mirror(make, MARKET)),
    "scale": (Absolute, lambda make: laws.law_scale(make, MARKET)),
    "gap": (BridgesHoles, lambda make: laws.law_gap(make, MARKET, START + 100 * HOUR, START + 104 * HOUR)),
    "warmup": (Hasty, lambda make: laws.law_warmup(make, MARKET)),
    "bounded": (Hoarder, lambda make: laws.law_bounded(make, made_market(0, 1800, 2))),
    "described": (Undescribed, lambda make: laws.law_described(make)),
}


@pytest.mark.parametrize("law", CASES)
def test_a_law_catches_its_culprit(law: str) -> None:
    broken, check = CASES[law]
    with pytest.raises((AssertionError, ValueError)):
        check(lambda: broken(frame=FRAME))


@pytest.mark.parametrize("law", CASES)
def test_a_sound_fold_passes(law: str) -> None:
    CASES[law][1](lambda: ThreeBars(frame=FRAME))
