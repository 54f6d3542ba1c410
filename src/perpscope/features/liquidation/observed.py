"""Where real positions would be liquidated: the map of wallets that we can see, with how much of the market that is."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, choice, price, quantity, row_schema
from perpscope.core.time import HOUR, NULL_TS
from perpscope.core.units import PositionSide
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.features.liquidation.entries import ExposureEntry
from perpscope.features.liquidation.grid import NULL_BIN, LogGrid

OBSERVED = row_schema(
    "observed_liquidations",
    choice("entry", ExposureEntry, "account of a side, or of a bin"),
    choice("side", PositionSide, "whose positions", mirror="flip"),
    Column("bin", "id", "absolute bin of the log grid; NULL_BIN in SIDE rows", "int64"),
    price("price_low", "lower edge of the bin; NaN in SIDE rows", mirror="swap:price_high"),
    price("price_high", "upper edge of the bin; NaN in SIDE rows", mirror="swap:price_low"),
    quantity("quantity", "SIDE: of all wallets seen; CELL: liquidated in the bin"),
    Column("notional", "notional", "SIDE: quantity x mark; CELL: quantity x the bin's price"),
    Column("wallets", "count", "wallets that hold it"),
    quantity("without_price", "SIDE: quantity that nothing liquidates; NaN in CELL rows"),
    Column("coverage", "fraction", "SIDE: quantity / open interest of one side; NaN where that is not known, and in CELL rows"),
    price("mark_price", "mark at the snapshot"),
)


@dataclass(frozen=True)
class ObservedParams:
    """`bin_bps`: height of a bin. `interest_age_hours`: older open interest gives no coverage."""

    bin_bps: float = 10.0
    interest_age_hours: float = 6.0


class ObservedLiquidations(Feature):
    """The liquidation prices of the positions in a snapshot of wallets, as a map with its coverage.

    Definition: per side and bin the sum of the quantities whose liquidation price lies in it; per side the sum over
    all wallets, the part without a liquidation price, and coverage = sum / open interest of one side. A snapshot is all
    positions with one time stamp and replaces the one before; between two nobody knows. What price has gone through since
    may have been saved by added margin: hatch it (`crossed_since`), do not delete it. Never add it to the estimated map:
    show both side by side, or the estimated one for the share that is not covered.
    Units: base units, quote coin. Known at the snapshot. Without open interest the coverage is unknown (NaN), not 1.
    Source: own; wallets as ids only.

    Example:
        >>> from perpscope.core.events import POSITION
        >>> seen = Table.filled(POSITION, exchange_ts=[1, 1], wallet=[7, 8], position_side=[1, 2], quantity=[2.0, 1.0],
        ...                     mark_price=[100.0] * 2, liquidation_price=[90.0, np.nan])
        >>> fold = ObservedLiquidations()
        >>> rows = fold.fold(fold.start(Instrument("demo", "X")), Batch(1, {"position": seen}))
        >>> rows["quantity"].tolist(), rows["without_price"].tolist()
        ([2.0, 1.0, 2.0], [0.0, 1.0, nan])
    """

    spec = FeatureSpec(
        name="observed_liquidations",
        title="Liquidation prices of observed wallets",
        inputs=("position", "open_interest?"),
        output=OBSERVED,
        source="own",
        shape="heat",
        pane="price",
    )
    Params = ObservedParams
    exempt: ClassVar[dict[str, str]] = {
        "mirror": "the grid is logarithmic: its mirror is p -> 1/p, see liquidation_exposure",
    }

    def start(self, instrument: Instrument) -> State:
        return {"interest_ts": NULL_TS, "interest": np.nan}

    def fold(self, state: State, batch: Batch) -> Table:
        seen = batch["position"]
        stamps, values = np.array([state["interest_ts"]]), np.array([state["interest"]])
        if "open_interest" in batch and len(batch["open_interest"]):
            held = batch["open_interest"]
            stamps = np.concatenate([stamps, held["exchange_ts"]])
            values = np.concatenate([values, held["open_interest"]])
            state["interest_ts"], state["interest"] = int(stamps[-1]), float(values[-1])
        if not len(seen):
            return OBSERVED.empty()
        params: ObservedParams = self.params
        grid = LogGrid.of_bps(params.bin_bps)
        edges = [0, *(np.flatnonzero(np.diff(seen["exchange_ts"])) + 1).tolist(), len(seen)]
        parts = []
        for a, b in pairwise(edges):
            at = int(seen["exchange_ts"][a])
            newest = int(np.searchsorted(stamps, at, side="right")) - 1
            fresh = newest >= 0 and stamps[newest] != NULL_TS and at - int(stamps[newest]) <= params.interest_age_hours * HOUR
            parts.append(_snapshot(seen[a:b], float(values[newest]) if fresh else np.nan, grid))
        return Table.concat(parts)


def _snapshot(seen: Table, interest: float, grid: LogGrid) -> Table:
    """Rows of one snapshot: both sides, then their cells from low to high."""
    sides, cells = [], []
    mark = float(np.median(seen["mark_price"]))
    for side in PositionSide:
        mine = seen[seen["position_side"] == side]
        priced = mine[np.isfinite(mine["liquidation_price"])]
        held = float(mine["quantity"].sum())
        without = held - float(priced["quantity"].sum()) if len(priced) < len(mine) else 0.0
        sides.append((side, NULL_BIN, held, held * mark, len(np.unique(mine["wallet"])), without, held / interest))
        bins = np.floor(np.log2(priced["liquidation_price"]) * grid.per_octave).astype(np.int64)
        places, where = np.unique(bins, return_inverse=True)
        sums, counts = np.bincount(where, priced["quantity"], len(places)), np.bincount(where, minlength=len(places))
        worth = sums * grid.centre(places)
        cells += [(side, *cell, np.nan, np.nan) for cell in zip(places.tolist(), sums, worth, counts)]
    rows = np.array([*sides, *cells], np.float64).reshape(-1, 7)
    n, at = len(rows), np.full(len(rows), seen["exchange_ts"][0])
    bins = rows[:, 1].astype(np.int64)
    of_side = np.arange(n) < len(sides)
    return Table.of(
        OBSERVED,
        ref_ts=at,
        known_ts=at,
        entry=np.where(of_side, ExposureEntry.SIDE, ExposureEntry.CELL),
        side=rows[:, 0],
        bin=bins,
        price_low=np.where(of_side, np.nan, grid.low(np.where(of_side, 0, bins))),
        price_high=np.where(of_side, np.nan, grid.high(np.where(of_side, 0, bins))),
        quantity=rows[:, 2],
        notional=rows[:, 3],
        wallets=rows[:, 4],
        without_price=rows[:, 5],
        coverage=rows[:, 6],
        mark_price=np.full(n, mark),
    )


def crossed_since(rows: Table, lowest: float, highest: float) -> Array:
    """Which cells the mark has gone through since the snapshot: show them hatched, their fate is not known.

    Args:
        rows: of one snapshot of `observed_liquidations`.
        lowest, highest: of the mark since then.

    Example:
        >>> crossed_since(OBSERVED.empty(), 90.0, 110.0).tolist()
        []
    """
    longs = rows["side"] == PositionSide.LONG
    centre = np.sqrt(rows["price_low"] * rows["price_high"])
    return np.where(longs, centre >= lowest, centre <= highest) & (rows["entry"] == ExposureEntry.CELL)
