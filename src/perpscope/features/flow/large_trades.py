"""Orders that are large for their own recent past."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.events import GapKind
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, choice, flag, price, quantity, row_schema
from perpscope.core.units import AggressorSide
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.seasonality import one_season, season_add, season_arrays, season_factor, season_minutes, season_state
from perpscope.market.structure import at_least, one_of
from perpscope.numeric.jit import njit
from perpscope.numeric.window import push_top, top_quantile, top_state

LARGE_TRADES = row_schema(
    "large_trades",
    choice("aggressor_side", AggressorSide, "who crossed the spread", mirror="flip"),
    quantity("quantity", "of the whole order, base units"),
    price("vwap", "average price paid"),
    Column("fills", "count", "public fills of the order"),
    quantity("threshold", "the quantile it reached, in base units at its own price"),
    flag("partial", "a trade id is missing next to it, so it may be part of a larger order"),
)


class LargeTrades(Feature):
    """Aggressive orders at or above the 99.5 % quantile of the orders before them.

    Definition: fills are grouped to orders first (`orders`), because one order prints hundreds of fills. The threshold is
    the nearest rank of the last `window` orders strictly before, none below `n_min`. A fixed size would drift by an
    order of magnitude with the market and be defeated by slicing. `measure = "quantity"` (default: it does not depend
    on the price level) or "notional"; both divided by how large orders usually are at that minute of the week (`season`,
    see `market.seasonality`; 1 before three weeks were seen). A gap of the trades restarts the window, not the season.
    Units: base units, price. `ref_ts` and `known_ts` are the order's.
    Source: own; ORDERFLOW OF14.

    Example:
        >>> LargeTrades().params.quantile
        0.995
    """

    @dataclass(frozen=True)
    class Params:
        measure: str = "quantity"
        quantile: float = 0.995
        window: int = 20_000
        n_min: int = 1000
        season: str = "new_york"

        def __post_init__(self) -> None:
            one_season("season of large_trades", self.season)
            one_of("measure of large_trades", self.measure, ("quantity", "notional"))
            at_least("large_trades.n_min", self.n_min, 1)
            at_least("large_trades.window", self.window, self.n_min)

    spec = FeatureSpec(
        name="large_trades",
        title="Large trades",
        inputs=("orders",),
        output=LARGE_TRADES,
        source="own",
        shape="marker",
        pane="price",
        framed=False,
    )

    def start(self, instrument: Instrument) -> State:
        ring, top, counts = top_state(self.params.window, self.params.quantile)
        return {
            "ring": ring,
            "top": top,
            "counts": counts,
            "gap_ends": np.empty(0, np.int64),
            "season": season_state(self.params.season),
        }

    def fold(self, state: State, batch: Batch) -> Table:
        orders, gaps, p = batch["orders"], batch["gap"], self.params
        # an order is known a little after its last fill, so a gap waits for the first order that follows it
        ends = np.sort(np.concatenate([state["gap_ends"], gaps["end_ts"][gaps["kind"] == GapKind.TRADE]]))
        state["gap_ends"] = ends[ends > orders["ref_ts"][-1]] if len(orders) else ends
        price_of = orders["vwap"] if p.measure == "notional" else np.ones(len(orders))
        thresholds, rows = np.empty(len(orders)), np.empty(len(orders), np.int64)
        n = _large_kernel(
            orders["ref_ts"], season_minutes(orders["ref_ts"], p.season), orders["quantity"] * price_of, ends, p.quantile,
            p.n_min, state["ring"], state["top"], state["counts"], *season_arrays(state["season"]), thresholds, rows,
        )  # fmt: skip
        if not n:
            return LARGE_TRADES.empty()
        rows = rows[:n]
        kept = orders[rows]
        names = ("ref_ts", "known_ts", "aggressor_side", "quantity", "vwap", "fills", "partial")
        return Table.of(LARGE_TRADES, threshold=thresholds[:n] / price_of[rows], **{name: kept[name] for name in names})


@njit
def _large_kernel(
    ref: Array, minutes: Array, measure: Array, gap_ends: Array, quantile: float, n_min: int,
    ring: Array, top: Array, counts: Array, past: Array, running: Array, factor: Array, marks: Array,
    thresholds: Array, rows: Array,
) -> int:  # fmt: skip
    n, g = 0, 0
    for i in range(ref.size):
        while g < gap_ends.size and gap_ends[g] <= ref[i]:
            counts[0] = counts[1] = counts[2] = 0
            ring[:] = np.nan
            g += 1
        usual = season_factor(minutes[i], past, running, factor, marks)
        if counts[1] >= n_min:
            bound = top_quantile(top, counts)
            if measure[i] / usual >= bound:
                thresholds[n], rows[n] = bound * usual, i
                n += 1
        push_top(measure[i] / usual, quantile, ring, top, counts)
        season_add(minutes[i], measure[i], past, running, factor, marks)
    return n
    return n
