"""Liquidation clusters: the heaps of the map, from the day they form to the day price goes through them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, choice, price, quantity, row_schema, ts
from perpscope.core.units import ContractKind, PositionSide
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.features.liquidation.cells import NEVER, contents, empty_cells, grid_of, make_room, units_of
from perpscope.features.liquidation.entries import UNIT_COLUMNS, ExposureEntry
from perpscope.features.liquidation.grid import LogGrid
from perpscope.features.liquidation.mix import LEVERAGES, TIERS
from perpscope.features.liquidation.tracking import (
    L_HIGH,
    L_LOW,
    LIVE,
    R_BAR,
    R_DAY,
    R_EVENT,
    R_FIRST,
    R_FRACTION,
    R_HIGH,
    R_ID,
    R_LEVERAGE,
    R_LOW,
    R_NOTIONAL,
    R_PEAK,
    R_QUANTITY,
    R_SIDE,
    R_SWEPT,
    R_YOUNG,
    ClusterEvent,
    track_clusters,
)

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
            begin, alive, n = track_clusters(
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
