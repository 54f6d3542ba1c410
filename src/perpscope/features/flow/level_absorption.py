"""Volume of one side at one price within seconds, large against such volumes before it: absorption as others mark it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.events import GapKind
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Table, choice, price, quantity, row_schema
from perpscope.core.time import NULL_TS, SECOND
from perpscope.core.units import AggressorSide
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.footprint import fresh_footprint
from perpscope.market.profile import FIRST, HIGH, LOW, cells_for, clear_cells, fill_cells
from perpscope.market.seasonality import one_season, season_add, season_arrays, season_factor, season_minutes, season_state
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit

LEVEL_ABSORPTION = row_schema(
    "level_absorption",
    choice("aggressor_side", AggressorSide, "whose orders met the level", mirror="flip"),
    price("price", "the level"),
    quantity("volume", "of that side at that price in the window"),
    quantity("threshold", "what it had to reach, for its minute of the week"),
)


class LevelAbsorption(Feature):
    """A level that took much from one side within five seconds. No look at what the price did: it marks break-throughs too.

    Definition: in windows of `seconds` on the UTC grid, the volume of each side at each price. A row for each that reaches
    `deviations` times the population standard deviation (about their mean) of all such volumes in the `windows` windows
    before, all divided by what is usual at their minute of the week (`season`); none below `n_min` windows with trades.
    `least` replaces the deviation with a fixed volume. A window that touches a gap of the trades is left out, and
    everything but the season starts again after it. For the definition we believe in, see `absorption`.
    Units: base units, price. `ref_ts` = the window's start, `known_ts` = its end.
    Source: Bookmap knowledge base, Absorption (time, SD interval, SD multiplier); the window strictly before is our choice.

    Example:
        >>> LevelAbsorption().window_ns
        5000000000
    """

    @dataclass(frozen=True)
    class Params:
        seconds: int = 5
        deviations: float = 3.0
        windows: int = 360
        n_min: int = 60
        least: float = float("nan")
        season: str = "new_york"

        def __post_init__(self) -> None:
            one_season("season of level_absorption", self.season)
            at_least("level_absorption.seconds", self.seconds, 1)
            at_least("level_absorption.n_min", self.n_min, 1)
            at_least("level_absorption.windows", self.windows, self.n_min)

    spec = FeatureSpec(
        name="level_absorption",
        title="Volume absorbed at a level",
        inputs=("trade",),
        output=LEVEL_ABSORPTION,
        source="Bookmap knowledge base",
        shape="marker",
        pane="price",
        wakes="watermark",
        framed=False,
    )

    @property
    def window_ns(self) -> int:
        return int(self.params.seconds) * SECOND

    def start(self, instrument: Instrument) -> State:
        return {
            **fresh_footprint(),
            "window": np.array([NULL_TS, 0], np.int64),
            "ring": np.zeros((3, self.params.windows)),
            "season": season_state(self.params.season),
            "tick": instrument.tick_size,
        }

    def fold(self, state: State, batch: Batch) -> Table:
        trades, gaps = batch["trade"], batch["gap"]
        holes = np.sort(gaps["ref_ts"][gaps["kind"] == GapKind.TRADE])
        cuts = [0, *np.searchsorted(trades["exchange_ts"], holes).tolist(), len(trades)]
        parts = []
        for k, until in enumerate([*holes.tolist(), batch.watermark_ts]):
            if k:
                clear_cells(state["cells"], state["ints"])
                state["window"][:] = (NULL_TS, 0)
                state["ring"][:] = 0.0
            parts.append(self._stretch(state, trades[cuts[k] : cuts[k + 1]] if holes.size else trades, until))
        return Table.concat(parts)

    def _stretch(self, state: State, trades: Table, until: int) -> Table:
        """Windows of an unbroken stretch of trades that end at or before `until`."""
        window, p = state["window"], self.params
        if window[0] == NULL_TS:
            if not len(trades):
                return LEVEL_ABSORPTION.empty()
            window[0] = -(-int(trades["exchange_ts"][0]) // self.window_ns) * self.window_ns
        ends = np.arange(max(0, (until - int(window[0])) // self.window_ns)) * self.window_ns + int(window[0]) + self.window_ns
        if not len(ends) and not len(trades):
            return LEVEL_ABSORPTION.empty()
        room = 2 * (len(trades) + state["cells"].shape[1])
        out, values = np.empty((room, 4), np.int64), np.empty((room, 2))
        state["cells"], n = _level_kernel(
            trades["exchange_ts"], trades["price"], trades["quantity"], trades["aggressor_side"], ends,
            season_minutes(ends - self.window_ns, p.season), self.window_ns, p.deviations, p.least, p.n_min, state["tick"],
            window, state["ring"], state["ints"], state["cells"], *season_arrays(state["season"]), out, values,
        )  # fmt: skip
        if not n:
            return LEVEL_ABSORPTION.empty()
        return Table.of(
            LEVEL_ABSORPTION,
            ref_ts=out[:n, 0],
            known_ts=out[:n, 1],
            aggressor_side=out[:n, 2],
            price=out[:n, 3] * state["tick"],
            volume=values[:n, 0],
            threshold=values[:n, 1],
        )


@njit
def pooled_deviation(ring: Array, held: int) -> float:
    """Population deviation of all values of the windows held; each column of the ring is a window's count, mean, squares."""
    n, mean, square = 0.0, 0.0, 0.0
    for k in range(held):
        if ring[0, k] > 0:
            total = n + ring[0, k]
            gap = ring[1, k] - mean
            square += ring[2, k] + gap * gap * n * ring[0, k] / total
            mean += gap * ring[0, k] / total
            n = total
    return np.sqrt(square / n) if n > 0 else np.nan


@njit
def _level_kernel(
    ts: Array, price: Array, quantity: Array, side: Array, ends: Array, minutes: Array, length: int, deviations: float,
    least: float, n_min: int, tick: float, window: Array, ring: Array, ints: Array, cells: Array,
    past: Array, running: Array, factor: Array, marks: Array, out: Array, values: Array,
) -> tuple[Array, int]:  # fmt: skip
    """window: [start of the forming one, windows with trades so far]; the ring keeps those with trades."""
    n, i = 0, 0
    for w in range(ends.size + 1):
        last = w == ends.size
        end = window[0] + length if last else ends[w]
        while i < ts.size and ts[i] < end:
            if ts[i] < end - length:
                i += 1  # before the first whole window
                continue
            place = np.int64(np.rint(price[i] / tick))
            cells = cells_for(cells, ints, place, place)
            i = fill_cells(ts, price, quantity, side, i, end, tick, True, ints, cells)
        if last:
            return cells, n
        window[0] = end
        if ints[LOW] > ints[HIGH]:
            continue
        usual = season_factor(minutes[w], past, running, factor, marks)
        held = min(window[1], ring.shape[1])
        bound = least
        if least != least:
            bound = deviations * pooled_deviation(ring, held) * usual if held >= n_min else np.nan
        count, mean, square = 0.0, 0.0, 0.0
        for k in range(ints[LOW], ints[HIGH] + 1):
            for s in range(2):
                x = cells[s, k - ints[FIRST]]
                if x <= 0:
                    continue
                if x >= bound:
                    out[n, 0], out[n, 1], out[n, 2], out[n, 3] = end - length, end, s + 1, k
                    values[n, 0], values[n, 1] = x, bound
                    n += 1
                season_add(minutes[w], x, past, running, factor, marks)
                count += 1.0
                gap = x / usual - mean
                mean += gap / count
                square += gap * (x / usual - mean)
        slot = window[1] % ring.shape[1]
        ring[0, slot], ring[1, slot], ring[2, slot] = count, mean, square
        window[1] += 1
        clear_cells(cells, ints)
    return cells, n
