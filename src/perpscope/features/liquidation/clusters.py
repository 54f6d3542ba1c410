"""Liquidation clusters: the heaps of the map, from the day they form to the day price goes through them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, choice, price, quantity, row_schema, ts
from perpscope.core.units import ContractKind, PositionSide
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.features.liquidation.cells import LEVERAGE, NEVER, NOTIONAL, contents, empty_cells, grid_of, make_room, units_of
from perpscope.features.liquidation.exposure import UNIT_COLUMNS, ExposureEntry
from perpscope.features.liquidation.flags import Flag
from perpscope.features.liquidation.grid import LogGrid
from perpscope.features.liquidation.mix import LEVERAGES, TIERS
from perpscope.features.liquidation.peaks import find_peaks, smooth
from perpscope.numeric.jit import njit


class ClusterEvent(IntEnum):
    """OPENED: a heap became a cluster. GROWN, FADED: its worth or its place changed. TOUCHED: price entered it. SWEPT:
    price went through it. DISSOLVED: it is no heap any more, or out of sight. EXPIRED: the books were begun anew."""

    OPENED = 1
    GROWN = 2
    FADED = 3
    TOUCHED = 4
    SWEPT = 5
    DISSOLVED = 6
    EXPIRED = 7


OVER = (ClusterEvent.SWEPT, ClusterEvent.DISSOLVED, ClusterEvent.EXPIRED)
"""Events after which a cluster is no more."""

CLUSTERS = row_schema(
    "liquidation_clusters",
    Column("id", "id", "the same for all rows of one cluster", "int64"),
    choice("event", ClusterEvent, "what happened to it"),
    choice("side", PositionSide, "whose positions break there", mirror="flip"),
    price("price_low", "lower edge", mirror="swap:price_high"),
    price("price_high", "upper edge", mirror="swap:price_low"),
    price("price_peak", "where it is densest"),
    quantity("quantity", "expected to be closed by force in it, base units; what is left of it when it ends"),
    Column("notional", "notional", "the same in quote coin"),
    Column("side_fraction", "fraction", "of all that the side holds within sight"),
    Column("young_fraction", "fraction", "share opened less than 3 hours ago; NaN when it ends empty"),
    Column("day_fraction", "fraction", "share opened 3 to 24-30 hours ago; NaN when it ends empty or is not known"),
    Column("leverage", "ratio", "leverage that contributes most; NaN when it ends empty"),
    Column("swept_notional", "notional", "broken inside it since it opened"),
    Column("distance", "ratio", "ln(near edge / mark): negative below the mark, 0 while the mark is inside", mirror="negate"),
    ts("first_ts", "when it was first known"),
    Column("flags", "flag", "sum of `Flag` codes", "int64"),
    *(Column(name, "quantity", f"exposure if all opens were at {name[5:]}", "float32") for name in UNIT_COLUMNS),
)

LIVE = 128
"""Room for clusters alive at once: there can be no more than 2 / min_fraction on each side."""

# live clusters, ints and sums; rows, ints and floats
L_ID, L_SIDE, L_LOW, L_HIGH, L_FIRST, L_TOUCHED = range(6)
L_SAID, L_SWEPT = range(2)
R_BAR, R_ID, R_EVENT, R_SIDE, R_LOW, R_HIGH, R_PEAK, R_FIRST, R_LEVERAGE = range(9)
R_NOTIONAL, R_QUANTITY, R_YOUNG, R_DAY, R_FRACTION, R_SWEPT = range(6)
_CELL, _OF_SWEPT, _RESTART = int(ExposureEntry.CELL), int(ExposureEntry.SWEPT), int(Flag.RESTART)
_OPENED, _GROWN, _FADED, _TOUCH, _GONE, _DISSOLVED, _EXPIRED = (int(event) for event in ClusterEvent)


@dataclass(frozen=True)
class ClusterParams:
    """`sight`: how far from the mark, in log price, heaps are looked for. `min_fraction`: of the side's notional in sight that
    makes a heap a cluster (half of it keeps one). `valley`: two peaks are one if the map between them stays above this
    share of the lower. `edge`: a cluster reaches to this share of its peak. `change`: relative change of its worth that
    makes a new row."""

    sight: float = 0.2
    min_fraction: float = 0.05
    valley: float = 0.7
    edge: float = 0.5
    change: float = 0.25


class LiquidationClusters(Feature):
    """The heaps of the liquidation map as episodes: opened, grown, faded, touched, swept, dissolved.

    Definition: peaks of the side's map (notional, smoothed over three bins) within `sight` of the mark; neighbours are
    one while the valley between them is above 70% of the lower peak; a cluster reaches to half of its peak. It counts
    when it holds at least 5% of the side's notional in sight. It keeps its identity from bar to bar while at least half of
    the smaller of the two heaps is common. TOUCHED when a bin of it is swept, SWEPT when no more than a tenth of it is left.
    "Prominence of 5%" is read as the share of notional inside the edges: a share of the total in a single bin says
    more about the bin height than about the heap.
    Units: base units, quote coin, prices in quote; `distance` is a log price. Rows are known with `liquidation_exposure`.
    A cluster is conditional and estimated like the map; old ones (see the age fractions) had no measured skill.
    Source: own; docs/definitions/liquidation_heatmap.md.

    Example:
        >>> LiquidationClusters(ClusterParams(sight=0.1), frame="1h").params.sight
        0.1
    """

    spec = FeatureSpec(
        name="liquidation_clusters",
        title="Liquidation clusters (estimated)",
        inputs=("position_flows", "liquidation_exposure"),
        output=CLUSTERS,
        source="own",
        shape="zone",
        pane="price",
        episodes=True,
    )
    Params = ClusterParams
    exempt: ClassVar[dict[str, str]] = {
        "gap": "positions live through a hole in our data; a hole of more than a day restarts the books",
        "scale": "single precision of the unit columns, see liquidation_exposure",
        "mirror": "the books lie on a logarithmic grid, see liquidation_exposure",
    }

    def __init__(self, params: ClusterParams | None = None, frame: str | None = None) -> None:
        super().__init__(params, frame)
        p: ClusterParams = self.params
        shares = all(0.0 < share < 1.0 for share in (p.min_fraction, p.valley, p.edge))
        if not (shares and p.sight > 0.0 and p.change > 0.0 and p.min_fraction >= 0.04):
            raise UserError(
                "liquidation_clusters: sight and change are above 0, valley and edge inside (0, 1), min_fraction in [0.04, 1)."
            )

    def start(self, instrument: Instrument) -> State:
        return {"kind": int(instrument.kind), "live": np.zeros((0, 6), np.int64), "sums": np.zeros((0, 2)), **empty_cells()}

    def fold(self, state: State, batch: Batch) -> Table:
        flows, rows = batch["position_flows"], batch["liquidation_exposure"]
        grid = grid_of(state, rows)
        if grid is None or not len(flows):
            return CLUSTERS.empty()
        params: ClusterParams = self.params
        sight = round(params.sight / grid.height)
        closes = np.floor(np.log2(flows["close"]) * grid.per_octave).astype(np.int64)
        at = np.flatnonzero(rows["entry"] != ExposureEntry.SIDE)
        bins = rows["bin"][at]
        state["live"][:, L_LOW : L_HIGH + 1] += make_room(state, bins, closes, sight)
        live, sums, alive = np.zeros((LIVE, 6), np.int64), np.zeros((LIVE, 2)), len(state["live"])
        live[:alive], sums[:alive] = state["live"], state["sums"]
        bounds = np.searchsorted(rows["ref_ts"][at], np.append(flows["ref_ts"], NEVER))
        cells, units_in = contents(rows, at, ContractKind(state["kind"])), units_of(rows, at)
        entry, side = rows["entry"][at], rows["side"][at]
        parts, begin = [], 0
        while begin < len(flows):
            room = 4 * LIVE + min(2 * (len(flows) - begin), 1_000_000)
            ints, floats, units = np.empty((9, room), np.int64), np.empty((6, room)), np.empty((TIERS, room), np.float32)
            begin, alive, n = _cluster_kernel(
                begin, flows["ref_ts"], flows["known_ts"], flows["flags"], closes - state["origin"], bounds, entry,
                side, bins - state["origin"], cells, units_in, state["cells"], state["units"], live, sums, alive,
                sight, params.min_fraction, params.valley, params.edge, params.change, ints, floats, units,
            )  # fmt: skip
            if n:
                parts.append(_table(flows, grid, state["origin"], ints[:, :n], floats[:, :n], units[:, :n]))
        state["live"], state["sums"] = live[:alive].copy(), sums[:alive].copy()
        return Table.concat(parts) if parts else CLUSTERS.empty()


def _table(flows: Table, grid: LogGrid, origin: int, ints: Array, floats: Array, units: Array) -> Table:
    bar = ints[R_BAR]
    low, high = grid.low(ints[R_LOW] + origin), grid.high(ints[R_HIGH] + origin)
    mark, longs = flows["close"][bar], ints[R_SIDE] == 0
    distance = np.where(longs, np.minimum(np.log(high / mark), 0.0), np.maximum(np.log(low / mark), 0.0))
    notional = floats[R_NOTIONAL]
    young, day = (np.divide(floats[i], notional, out=np.full(len(bar), np.nan), where=notional > 0.0) for i in (R_YOUNG, R_DAY))
    return Table.of(
        CLUSTERS,
        ref_ts=flows["ref_ts"][bar],
        known_ts=flows["known_ts"][bar],
        id=ints[R_ID],
        event=ints[R_EVENT],
        side=ints[R_SIDE] + 1,
        price_low=low,
        price_high=high,
        price_peak=grid.centre(ints[R_PEAK] + origin),
        quantity=floats[R_QUANTITY],
        notional=notional,
        side_fraction=floats[R_FRACTION],
        young_fraction=young,
        day_fraction=day,
        leverage=np.array([*LEVERAGES, np.nan])[ints[R_LEVERAGE]],
        swept_notional=floats[R_SWEPT],
        distance=distance,
        first_ts=ints[R_FIRST],
        flags=flows["flags"][bar],
        **{name: units[k] for k, name in enumerate(UNIT_COLUMNS)},
    )


@njit
def _cluster_kernel(
    begin: int, ref: Array, known: Array, flags: Array, closes: Array, bounds: Array, entry: Array, side: Array, bins: Array,
    contents: Array, units_in: Array, cells: Array, units: Array, live: Array, sums: Array, alive: int, sight: int,
    min_fraction: float, valley: float, edge: float, change: float, ints: Array, floats: Array, units_out: Array,
) -> tuple[int, int, int]:  # fmt: skip
    """Bars from `begin` on. Returns the next bar, the clusters alive and the rows made."""
    n, room = 0, ints.shape[1]
    view = np.zeros((2, sight + 1))
    spots = np.zeros((5, sight + 2), np.int64)
    for t in range(begin, ref.size):
        if n + 3 * LIVE > room:
            return t, alive, n
        for r in range(bounds[t], bounds[t + 1]):
            s, i = side[r] - 1, bins[r]
            if entry[r] == _CELL:
                cells[s, :, i], units[s, :, i] = contents[:, r], units_in[:, r]
            elif entry[r] == _OF_SWEPT:
                for c in range(alive):
                    if live[c, L_SIDE] == s and live[c, L_LOW] <= i <= live[c, L_HIGH]:
                        sums[c, L_SWEPT] += contents[NOTIONAL, r]
        if flags[t] & _RESTART:
            for c in range(alive):
                n = _say(n, t, _EXPIRED, live[c], sums[c], 0.0, live[c, L_HIGH], cells, units, ints, floats, units_out)
            alive = 0
        for s in range(2):
            step = -1 if s == 0 else 1
            reach = 0
            total = 0.0
            while reach <= sight and 0 <= closes[t] + step * reach < cells.shape[2]:
                view[0, reach] = cells[s, NOTIONAL, closes[t] + step * reach]
                total += view[0, reach]
                reach += 1
            alive, n = _end_swept(s, t, total, alive, live, sums, cells, units, n, ints, floats, units_out)
            smooth(view[0, :reach], view[1, :reach])
            found = (
                find_peaks(view[1, :reach], valley, edge, spots[0], spots[1], spots[2], spots[3], spots[4])
                if total > 0.0
                else 0
            )
            alive, n = _match(
                s, t, closes[t], step, found, spots, total, ref, known, min_fraction, change, cells, units, live, sums, alive,
                n, ints, floats, units_out,
            )  # fmt: skip
    return ref.size, alive, n


@njit
def _held(cells: Array, s: int, a: int, b: int) -> float:
    total = 0.0
    for i in range(a, b + 1):
        total += cells[s, NOTIONAL, i]
    return total


@njit
def _drop(c: int, alive: int, live: Array, sums: Array) -> int:
    for d in range(c, alive - 1):
        live[d], sums[d] = live[d + 1], sums[d + 1]
    return alive - 1


@njit
def _end_swept(
    s: int, t: int, total: float, alive: int, live: Array, sums: Array, cells: Array, units: Array, n: int, ints: Array,
    floats: Array, units_out: Array,
) -> tuple[int, int]:  # fmt: skip
    """Say which clusters price entered in this bar, and end those that it emptied."""
    c = 0
    while c < alive:
        if live[c, L_SIDE] != s or sums[c, L_SWEPT] <= 0.0:
            c += 1
            continue
        left = _held(cells, s, live[c, L_LOW], live[c, L_HIGH])
        if live[c, L_TOUCHED] == 0:
            live[c, L_TOUCHED] = 1
            n = _say(n, t, _TOUCH, live[c], sums[c], total, -1, cells, units, ints, floats, units_out)
        if left <= 0.1 * (left + sums[c, L_SWEPT]):
            n = _say(n, t, _GONE, live[c], sums[c], total, -1, cells, units, ints, floats, units_out)
            alive = _drop(c, alive, live, sums)
        else:
            c += 1
    return alive, n


@njit
def _match(
    s: int, t: int, close: int, step: int, found: int, spots: Array, total: float, ref: Array, known: Array,
    min_fraction: float, change: float, cells: Array, units: Array, live: Array, sums: Array, alive: int, n: int, ints: Array,
    floats: Array, units_out: Array,
) -> tuple[int, int]:  # fmt: skip
    """Carry clusters over to the heaps of this bar, end those without one, open new ones for heaps without a cluster."""
    taken = np.zeros(found, np.bool_)
    low, high, peak, mass = np.zeros(found, np.int64), np.zeros(found, np.int64), np.zeros(found, np.int64), np.zeros(found)
    for p in range(found):
        a, b = close + step * spots[1, p], close + step * spots[2, p]
        low[p], high[p], peak[p] = min(a, b), max(a, b), close + step * spots[0, p]
        mass[p] = _held(cells, s, low[p], high[p])
    c = 0
    while c < alive:
        if live[c, L_SIDE] != s:
            c += 1
            continue
        own = _held(cells, s, live[c, L_LOW], live[c, L_HIGH])
        best, at = 0.0, -1
        for p in range(found):
            if not taken[p] and mass[p] >= 0.5 * min_fraction * total:
                common = _held(cells, s, max(low[p], live[c, L_LOW]), min(high[p], live[c, L_HIGH]))
                if common >= 0.5 * min(mass[p], own) and common > best:
                    best, at = common, p
        if at < 0:
            n = _say(n, t, _DISSOLVED, live[c], sums[c], total, -1, cells, units, ints, floats, units_out)
            alive = _drop(c, alive, live, sums)
            continue
        taken[at] = True
        overlap = min(high[at], live[c, L_HIGH]) - max(low[at], live[c, L_LOW]) + 1
        union = max(high[at], live[c, L_HIGH]) - min(low[at], live[c, L_LOW]) + 1
        said = sums[c, L_SAID]
        if mass[at] > (1.0 + change) * said or mass[at] * (1.0 + change) < said or 2 * overlap < union:
            live[c, L_LOW], live[c, L_HIGH] = low[at], high[at]
            event = _GROWN if mass[at] >= said else _FADED
            n = _say(n, t, event, live[c], sums[c], total, peak[at], cells, units, ints, floats, units_out)
        c += 1
    rank = 0
    for p in range(found):
        if not taken[p] and mass[p] >= min_fraction * total and alive < live.shape[0]:
            live[alive, L_ID] = (ref[t] // 1_000_000 * 8 + s) * 64 + rank
            live[alive, L_SIDE], live[alive, L_LOW], live[alive, L_HIGH] = s, low[p], high[p]
            live[alive, L_FIRST], live[alive, L_TOUCHED] = known[t], 0
            sums[alive, L_SWEPT] = 0.0
            rank += 1
            n = _say(n, t, _OPENED, live[alive], sums[alive], total, peak[p], cells, units, ints, floats, units_out)
            alive += 1
    return alive, n


@njit
def _say(
    n: int, t: int, event: int, live: Array, sums: Array, total: float, peak: int, cells: Array, units: Array, ints: Array,
    floats: Array, units_out: Array,
) -> int:  # fmt: skip
    """One row about a cluster as it now is; `peak` -1 stands for its densest bin."""
    s = live[L_SIDE]
    ints[R_BAR, n], ints[R_ID, n], ints[R_EVENT, n], ints[R_SIDE, n] = t, live[L_ID], event, s
    ints[R_LOW, n], ints[R_HIGH, n], ints[R_FIRST, n] = live[L_LOW], live[L_HIGH], live[L_FIRST]
    floats[:, n], units_out[:, n] = 0.0, 0.0
    densest, height = live[L_LOW], -1.0
    by_tier = np.zeros(units.shape[1] + 1)
    for i in range(live[L_LOW], live[L_HIGH] + 1):
        for j in range(4):
            floats[j, n] += cells[s, j, i]
        by_tier[int(cells[s, LEVERAGE, i])] += cells[s, NOTIONAL, i]
        if cells[s, NOTIONAL, i] > height:
            densest, height = i, cells[s, NOTIONAL, i]
        for k in range(units.shape[1]):
            units_out[k, n] += units[s, k, i]
    ints[R_PEAK, n] = densest if peak < 0 else peak
    ints[R_LEVERAGE, n] = np.argmax(by_tier) if floats[R_NOTIONAL, n] > 0.0 else -1
    floats[R_FRACTION, n] = floats[R_NOTIONAL, n] / total if total > 0.0 else np.nan
    floats[R_SWEPT, n] = sums[L_SWEPT]
    sums[L_SAID] = floats[R_NOTIONAL, n]
    return n + 1
