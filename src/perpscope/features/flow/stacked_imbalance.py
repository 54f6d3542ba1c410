"""Imbalances one on top of the other, as zones with a life."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.levels import level_id
from perpscope.market.structure import at_least
from perpscope.market.zones import MEASURE, live_zones, zone_schema, zone_state, zone_table
from perpscope.numeric.jit import njit

STACKED_IMBALANCE = zone_schema("stacked_imbalance", Column("count", "count", "neighbouring imbalances in the stack"))


class StackedImbalance(Feature):
    """At least three imbalances of one side at neighbouring bins: a zone where one side overpowered the other.

    Definition: the zone runs from the lowest tick of the lowest bin to the highest tick of the highest. A stack of
    buys points up (support below price), one of sells down. Life: opened at the bar's close - touched when a later bar
    trades inside - halved - filled when it trades to the far edge - broken when it closes beyond it - expired by age,
    number or a hole.
    Units: prices; `count` of bins. `ref_ts` = the bar's open.
    Source: ORDERFLOW OF8; the rule of each imbalance is that of `imbalances`.

    Example:
        >>> StackedImbalance().params.least_bins
        3
    """

    @dataclass(frozen=True)
    class Params:
        least_bins: int = 3
        max_live: int = 500
        max_age_bars: int = 2000

        def __post_init__(self) -> None:
            at_least("stacked_imbalance.least_bins", self.least_bins, 2)
            at_least("stacked_imbalance.max_live", self.max_live, 2)

    spec = FeatureSpec(
        name="stacked_imbalance",
        title="Stacked imbalances",
        inputs=("bars", "imbalances"),
        output=STACKED_IMBALANCE,
        source="ORDERFLOW OF8",
        shape="zone",
        pane="price",
        episodes=True,
    )
    exempt: ClassVar = {
        "mirror": "bins are counted from price 0 and sized by price, so p -> C - p moves their edges; "
        "tests/features/flow mirrors on the grid of the bins"
    }

    def start(self, instrument: Instrument) -> State:
        return zone_state(instrument.tick_size, self.params.max_live)

    def fold(self, state: State, batch: Batch) -> Table:
        found, tick = batch["imbalances"], state["tick"]
        stacks = np.empty((len(found) // self.params.least_bins + 1, 4), np.int64)
        n = _stack_kernel(found["ref_ts"], found["side"], found["low_tick"], found["step"], self.params.least_bins, stacks)
        first, count, low, high = stacks[:n].T
        known, ref, side = found["known_ts"][first], found["ref_ts"][first], found["side"][first]
        ids = [level_id(int(r), int(t), int(s)) for r, t, s in zip(ref, low, side, strict=True)]
        births = np.empty((6, n), np.int64)
        births[0] = births[1] = known  # the bar of the stack does not visit it
        births[2], births[3], births[4], births[5] = ref, ids, 0, side
        edges = np.stack([low * tick, high * tick, count])
        ints, floats, made = live_zones(state, batch["bars"], (births, edges), self.params.max_age_bars)
        if not made:
            return STACKED_IMBALANCE.empty()
        return zone_table(STACKED_IMBALANCE, ints, floats, made, count=floats[MEASURE, :made])


@njit
def _stack_kernel(ref: Array, side: Array, low: Array, step: Array, least: int, out: Array) -> int:
    """(position of its first row, bins, lowest tick, highest tick) of every run of neighbours; rows ascend in a bar."""
    n = 0
    for s in range(1, 3):
        count, first, top = 0, 0, 0
        for i in range(ref.size + 1):
            if i < ref.size and side[i] != s:
                continue
            joined = i < ref.size and count > 0 and ref[i] == ref[first] and low[i] == top
            if not joined:
                if count >= least:
                    out[n, 0], out[n, 1], out[n, 2], out[n, 3] = first, count, low[first], top - 1
                    n += 1
                first, count = i, 0
            if i < ref.size:
                count += 1
                top = low[i] + step[i]
    # births are ordered by the time they are known, buys before sells within a bar
    for i in range(1, n):
        k = i
        while k > 0 and ref[out[k - 1, 0]] > ref[out[k, 0]]:
            for c in range(4):
                out[k, c], out[k - 1, c] = out[k - 1, c], out[k, c]
            k -= 1
    return n
