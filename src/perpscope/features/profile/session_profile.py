"""Volume at price of each finished session: its point of control, value area and average price."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.sessions import session, windows
from perpscope.core.table import Array, Column, Table, flag, price, quantity, row_schema, ts
from perpscope.core.time import NULL_TS, WEEK
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.footprint import BUY, SELL, fresh_footprint
from perpscope.market.profile import FIRST, HIGH, LOW, STEP, Tie, cells_for, clear_cells, point_of_control, value_area
from perpscope.market.structure import at_least, one_of

SESSION_PROFILE = row_schema(
    "session_profile",
    ts("end_ts", "end of the session"),
    price("poc", "middle of the bin with the largest volume; NaN below `min_bins` bins"),
    price("vah", "upper edge of the value area", mirror="swap:val"),
    price("val", "lower edge of the value area", mirror="swap:vah"),
    Column("fraction", "fraction", "share of the volume inside the value area"),
    Column("bins", "count", "bins between the lowest and the highest trade"),
    price("vwap", "average price of the volume, by the middles of its bins"),
    quantity("volume", "of the session"),
    quantity("delta", "bought - sold", mirror="negate"),
    flag("complete", "no bar of the session is missing or incomplete"),
)

# state integers beside those of the cells: the session being collected, its end, the open expected next, nothing missing
_BEGUN, _ENDS, _EXPECTED, _WHOLE = range(4)


class SessionProfile(Feature):
    """Point of control and value area of one named session, each time it ends.

    Definition: the bins of the footprints of all bars that lie inside the session (by its own local clock) added up; the rules
    of point of control and value area are those of `volume_profile`. `area = "two"` grows by pairs of bins to 70 %, "one" by
    single bins, "sigma" by pairs to 68.2 %. Where days differ in step, the wider is used. A bar that only partly lies in the
    session is left out, and the session is then not `complete`; neither is one with a missing or incomplete bar.
    Units: price, base units. `ref_ts` = the session's opening; `known_ts` = close of the first bar that ends at or after it.
    Source: CBOT rule of two rows (linnsoft.com/qa/a/123.htm); ORDERFLOW OF5 and OF6; hours as in `session_ranges`.

    Example:
        >>> SessionProfile.with_settings({"session": "asia", "area": "one"}).params.area
        'one'
    """

    @dataclass(frozen=True)
    class Params:
        session: str = "new_york"
        area: str = "two"
        min_bins: int = 5

        def __post_init__(self) -> None:
            session(self.session)
            value_area_rule(self.area)
            at_least("session_profile.min_bins", self.min_bins, 1)

    spec = FeatureSpec(
        name="session_profile",
        title="Profile of a session",
        inputs=("bars", "footprint"),
        output=SESSION_PROFILE,
        source="linnsoft.com/qa/a/123.htm, method A",
        shape="line",
        pane="price",
    )
    exempt: ClassVar = {
        "mirror": "bins are counted from price 0 and sized by price, so p -> C - p moves their edges; "
        "tests/features/profile mirrors on the grid of the bins",
        "gap": "a session that ends in a hole is told with complete = false: volume that was seen was traded",
    }

    def start(self, instrument: Instrument) -> State:
        marks = np.array([NULL_TS, NULL_TS, NULL_TS, 0], np.int64)
        return {**fresh_footprint(), "marks": marks, "tick": instrument.tick_size}

    def fold(self, state: State, batch: Batch) -> Table:
        bars, rows, marks = batch["bars"], batch["footprint"], state["marks"]
        if not len(bars):
            return SESSION_PROFILE.empty()
        opens, closes = windows(self.params.session, int(bars["ref_ts"][0]) - WEEK, int(bars["known_ts"][-1]) + 1)
        found: list[dict[str, float]] = []
        cut = np.searchsorted(bars["ref_ts"], opens)
        # stretches of bars: before the first opening, then from each opening to the next
        for k in range(-1, len(opens)):
            low, high = (0 if k < 0 else int(cut[k])), (int(cut[k + 1]) if k + 1 < len(opens) else len(bars))
            if high > low:
                if k >= 0 and int(opens[k]) != marks[_BEGUN]:
                    self._end(state, int(bars["known_ts"][low]), found)
                    clear_cells(state["cells"], state["ints"])
                    marks[:] = (opens[k], closes[k], opens[k], 1)
                self._collect(state, bars[low:high], rows, found)
        if not found:
            return SESSION_PROFILE.empty()
        return Table.of(SESSION_PROFILE, **{name: [row[name] for row in found] for name in SESSION_PROFILE.names})

    def _collect(self, state: State, bars: Table, rows: Table, found: list[dict[str, float]]) -> None:
        """Add the bars that lie in the session, and tell it when one ends at or after its end."""
        marks = state["marks"]
        if marks[_BEGUN] == NULL_TS:
            return
        inside = bars[(bars["ref_ts"] >= marks[_BEGUN]) & (bars["known_ts"] <= marks[_ENDS])]
        if len(inside):
            gapless = inside["ref_ts"][0] == marks[_EXPECTED] and (inside["ref_ts"][1:] == inside["known_ts"][:-1]).all()
            marks[_WHOLE] &= int(gapless and inside["complete"].all())
            marks[_EXPECTED] = inside["known_ts"][-1]
            mine = (rows["ref_ts"] >= inside["ref_ts"][0]) & (rows["known_ts"] <= inside["known_ts"][-1])
            self._add(state, rows[mine])
        over = np.flatnonzero(bars["known_ts"] >= marks[_ENDS])
        if len(over):
            self._end(state, int(bars["known_ts"][over[0]]), found)

    def _add(self, state: State, rows: Table) -> None:
        if not len(rows):
            return
        ints, widest = state["ints"], int(rows["step"].max())
        empty = ints[LOW] > ints[HIGH]
        if empty or widest > ints[STEP]:
            if not empty:
                state["cells"] = _wider(state["cells"], ints, widest)
            ints[STEP] = widest
        at = rows["low_tick"] // ints[STEP]
        lowest, highest = int(at.min()), int(at.max())
        state["cells"] = cells_for(state["cells"], ints, lowest, highest)
        ints[LOW], ints[HIGH] = min(ints[LOW], lowest), max(ints[HIGH], highest)
        np.add.at(state["cells"][BUY], at - ints[FIRST], rows["buy_volume"])
        np.add.at(state["cells"][SELL], at - ints[FIRST], rows["sell_volume"])

    def _end(self, state: State, known: int, found: list[dict[str, float]]) -> None:
        """Tell the session that was collected, if there is one with trades, and forget it."""
        marks, ints, tick, p = state["marks"], state["ints"], state["tick"], self.params
        if marks[_ENDS] == NULL_TS:
            return
        if ints[LOW] <= ints[HIGH]:
            low, high, step = ints[LOW] - ints[FIRST], ints[HIGH] - ints[FIRST], int(ints[STEP])
            bought, sold = state["cells"][BUY, low : high + 1], state["cells"][SELL, low : high + 1]
            volume = bought + sold
            edges = (int(ints[LOW]) + np.arange(len(volume))) * step
            total = float(volume.sum())
            row = dict.fromkeys(("poc", "vah", "val", "fraction"), float("nan"))
            if len(volume) >= p.min_bins:
                pairs, fraction = value_area_rule(p.area)
                poc = point_of_control(volume, 0, len(volume) - 1, int(Tie.LOWER))
                bottom, top, share = value_area(volume, 0, len(volume) - 1, poc, fraction, pairs, int(Tie.BOTH))
                row = {
                    "poc": (edges[poc] + (step - 1) / 2) * tick, "vah": (edges[top] + step - 1) * tick,
                    "val": edges[bottom] * tick, "fraction": share,
                }  # fmt: skip
            middles = (edges + (step - 1) / 2) * tick
            found.append(
                {
                    **row, "ref_ts": int(marks[_BEGUN]), "known_ts": known, "end_ts": int(marks[_ENDS]), "bins": len(volume),
                    "vwap": float((middles * volume).sum() / total), "volume": total,
                    "delta": float((bought - sold).sum()),
                    "complete": bool(marks[_WHOLE] == 1 and marks[_EXPECTED] == marks[_ENDS]),
                }
            )  # fmt: skip
        clear_cells(state["cells"], ints)
        marks[_ENDS] = NULL_TS


AREAS = {"two": (2, 0.7), "one": (1, 0.7), "sigma": (2, 0.682)}
"""The three value areas by name: how many bins are compared at a time, and the share of the volume that is enough."""


def value_area_rule(name: str) -> tuple[int, float]:
    """Rows at a time and fraction of a value area.

    Raises:
        UserError: if there is no such rule.
    """
    one_of("value area", name, tuple(AREAS))
    return AREAS[name]


def _wider(cells: npt.NDArray[np.float64], ints: Array, step: int) -> npt.NDArray[np.float64]:
    """The same cells in wider bins, of which the old ones are parts."""
    held = np.arange(ints[LOW], ints[HIGH] + 1)
    values = cells[:, ints[LOW] - ints[FIRST] : ints[HIGH] - ints[FIRST] + 1].copy()
    clear_cells(cells, ints)
    at = held * ints[STEP] // step
    cells = cells_for(cells, ints, int(at[0]), int(at[-1]))
    ints[LOW], ints[HIGH] = at[0], at[-1]
    for line, row in zip(cells, values, strict=True):
        np.add.at(line, at - ints[FIRST], row)
    return cells
