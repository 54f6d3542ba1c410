"""Diagonal imbalances of the footprint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, choice, price, quantity, row_schema
from perpscope.core.time import NULL_TS
from perpscope.core.units import AggressorSide
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.footprint import dominates, imbalance_rule
from perpscope.market.seasonality import one_season, season_add, season_arrays, season_factor, season_minutes, season_state
from perpscope.market.structure import at_least
from perpscope.numeric.jit import njit
from perpscope.numeric.window import nearest_rank, push_sorted, quantile_state

IMBALANCES = row_schema(
    "imbalances",
    choice("side", AggressorSide, "whose volume dominates", mirror="flip"),
    Column("low_tick", "ticks", "lowest tick of the bin", "int64"),
    Column("step", "ticks", "ticks in the bin", "int64"),
    price("price_low", "lowest price of the bin", mirror="swap:price_high"),
    price("price_high", "highest price of the bin", mirror="swap:price_low"),
    quantity("dominating", "volume of the side that dominates (a count of trades under a rule on counts)"),
    quantity("other", "of the other side, one bin below a buy imbalance, one above a sell imbalance"),
)


class Imbalances(Feature):
    """Where one side overpowered the other across the spread: what lifted the ask at a bin against what hit the bid one below.

    Definition: for neighbouring bins k and k + 1 compare sell volume B at k with buy volume A at k + 1. A buy imbalance
    stands at k + 1 when A >= 3 B and A >= v_min, a sell imbalance at k by mirror; a zero on the other side does not
    count. v_min is the rolling 0.80 quantile of the larger volume of each pair (nearest rank, the last `window` pairs strictly
    before this bar, each divided by what is usual at its minute of the week, see `market.seasonality`), and nothing is
    reported below `n_min` pairs. Neighbours are by price: an empty bin inside the
    bar's range is a zero, outside it there is none. `rule` names the definitions of others (ATAS, flowsurface,
    freqtrade) that replace the comparison and its floor; freqtrade's compares counts of trades.
    Units: price, base units. One row per imbalance, known at the bar's close, never on a forming bar. An incomplete or
    missing bar restarts the quantile, not the season.
    Source: ORDERFLOW OF8; ATAS indicators @e4cb264; flowsurface @14b7551a; freqtrade 2026.9.

    Example:
        >>> Imbalances.with_settings({"rule": "atas_ratio"}).params.window
        5000
    """

    @dataclass(frozen=True)
    class Params:
        rule: str = "canonical"
        least: float = float("nan")
        quantile: float = 0.8
        window: int = 5000
        n_min: int = 500
        season: str = "new_york"

        def __post_init__(self) -> None:
            one_season("season of imbalances", self.season)
            imbalance_rule(self.rule)
            at_least("imbalances.n_min", self.n_min, 1)
            at_least("imbalances.window", self.window, self.n_min)

    spec = FeatureSpec(
        name="imbalances",
        title="Diagonal imbalances",
        inputs=("bars", "footprint"),
        output=IMBALANCES,
        source="ORDERFLOW OF8",
        shape="marker",
        pane="price",
    )
    exempt: ClassVar = {
        "mirror": "bins are counted from price 0 and sized by price, so p -> C - p moves their edges; "
        "tests/features/flow mirrors on the grid of the bins"
    }

    def start(self, instrument: Instrument) -> State:
        ring, ordered, counts = quantile_state(self.params.window)
        return {
            "ints": np.array([NULL_TS], np.int64),
            "ring": ring,
            "ordered": ordered,
            "counts": counts,
            "tick": instrument.tick_size,
            "season": season_state(self.params.season),
        }

    def fold(self, state: State, batch: Batch) -> Table:
        bars, cells, p = batch["bars"], batch["footprint"], self.params
        rule = imbalance_rule(p.rule)
        buy, sell = ("buy_count", "sell_count") if rule.counts else ("buy_volume", "sell_volume")
        out, values = np.empty((2 * len(cells), 3), np.int64), np.empty((2, 2 * len(cells)))
        n = _imbalance_kernel(
            cells["ref_ts"], cells["low_tick"], cells["step"], cells[buy], cells[sell],
            bars["ref_ts"], season_minutes(bars["ref_ts"], p.season), bars["known_ts"], bars["complete"],
            rule.ratio, rule.strict, p.least if p.least == p.least else rule.least, rule.least_sum, rule.least_difference,
            rule.zero, rule.rows, p.quantile, p.n_min, state["ints"], state["ring"], state["ordered"], state["counts"],
            *season_arrays(state["season"]), out, values,
        )  # fmt: skip
        if not n:
            return IMBALANCES.empty()
        cell, bar, side = out[:n].T
        low, step = cells["low_tick"][cell], cells["step"][cell]
        return Table.of(
            IMBALANCES,
            ref_ts=bars["ref_ts"][bar],
            known_ts=bars["known_ts"][bar],
            side=side,
            low_tick=low,
            step=step,
            price_low=low * state["tick"],
            price_high=(low + step - 1) * state["tick"],
            dominating=values[0, :n],
            other=values[1, :n],
        )


@njit
def _imbalance_kernel(
    cell_ref: Array, low: Array, step: Array, buy: Array, sell: Array,
    ref: Array, minutes: Array, known: Array, complete: Array,
    ratio: float, strict: bool, least: float, least_sum: float, least_difference: float, zero: bool, rows: bool,
    quantile: float, n_min: int, ints: Array, ring: Array, ordered: Array, counts: Array,
    past: Array, running: Array, factor: Array, marks: Array, out: Array, values: Array,
) -> int:  # fmt: skip
    n, c = 0, 0
    for b in range(ref.size):
        first = c
        while c < cell_ref.size and cell_ref[c] == ref[b]:
            c += 1
        if not complete[b]:
            continue
        if ints[0] != ref[b]:
            ring[:], ordered[:], counts[:] = np.nan, np.nan, 0
        ints[0] = known[b]
        bound, usual = least, 1.0
        if least != least:
            usual = season_factor(minutes[b], past, running, factor, marks)
            bound = nearest_rank(ordered, counts[1], quantile) * usual if counts[1] >= n_min else np.nan
        for k in range(first, c):
            for d in range(2):
                # a buy at k faces the sells one bin below, a sell the buys one bin above
                j = k - 1 if d == 0 else k + 1
                if j < first or j >= c:
                    continue
                near = rows or abs(low[j] - low[k]) == step[k]
                x = buy[k] if d == 0 else sell[k]
                y = (sell[j] if d == 0 else buy[j]) if near else 0.0
                if dominates(x, y, ratio, strict, bound, least_sum, least_difference, zero):
                    out[n, 0], out[n, 1], out[n, 2] = k, b, d + 1
                    values[0, n], values[1, n] = x, y
                    n += 1
        if least != least:
            for k in range(first, c):
                # the pair of this bin's sells with the buys above it, and of its buys with an empty bin below
                if k + 1 < c:
                    above = buy[k + 1] if low[k + 1] - low[k] == step[k] else 0.0
                    push_sorted(max(sell[k], above) / usual, ring, ordered, counts)
                    season_add(minutes[b], max(sell[k], above), past, running, factor, marks)
                if k > first and low[k] - low[k - 1] != step[k]:
                    push_sorted(buy[k] / usual, ring, ordered, counts)
                    season_add(minutes[b], buy[k], past, running, factor, marks)
    return n
