"""Aggressive blocks near a bar's extreme that fail fast."""

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
from perpscope.market.claims import ClaimEvent
from perpscope.market.structure import at_least
from perpscope.market.zones import ZoneEvent
from perpscope.numeric.jit import njit

TRAPPED = row_schema(
    "trapped",
    Column("id", "id", "the stack of imbalances it began as", "int64"),
    choice("event", ClaimEvent, "opened, confirmed (they are trapped), broken or expired"),
    choice("side", AggressorSide, "who is caught: those who bought high or sold low", mirror="flip"),
    price("bottom", "lower edge of the block", mirror="swap:top"),
    price("top", "upper edge of the block", mirror="swap:bottom"),
    quantity("volume", "what they hold: the surplus of their side over the block's bins"),
)


class Trapped(Feature):
    """Buyers who lifted everything at the top of a bar and are under water two bars later; sellers by mirror.

    Definition: a block is a stack of buy imbalances (`stacked_imbalance`) whose upper edge lies in the top `zone` of its
    bar's range: opened at the bar's close. Confirmed at the first of the next `within_bars` bars that closes below the
    block's lower edge with delta < 0; broken by a close above its upper edge before that; else expired, as at a hole or an
    incomplete bar. Volume = sum of max(0, bought - sold) over the block's bins. Sellers by mirror. Only confirmed rows
    are evidence.
    Units: price, base units. `ref_ts` = open of the block's bar.
    Source: own; ORDERFLOW OF13. No evidence for its worth was found.

    Example:
        >>> Trapped().params.within_bars
        3
    """

    @dataclass(frozen=True)
    class Params:
        zone: float = 0.25
        within_bars: int = 3
        max_live: int = 64

        def __post_init__(self) -> None:
            at_least("trapped.zone", self.zone, 0.0)
            at_least("trapped.within_bars", self.within_bars, 1)
            at_least("trapped.max_live", self.max_live, 1)

    spec = FeatureSpec(
        name="trapped",
        title="Trapped traders",
        inputs=("bars", "delta", "footprint", "stacked_imbalance"),
        output=TRAPPED,
        source="own",
        shape="zone",
        pane="price",
        episodes=True,
    )
    exempt: ClassVar = {
        "mirror": "bins are counted from price 0 and sized by price, so p -> C - p moves their edges; "
        "tests/features/flow mirrors on the grid of the bins"
    }

    def start(self, instrument: Instrument) -> State:
        return {
            "ints": np.array([NULL_TS], np.int64),
            "open": np.zeros((self.params.max_live, 4), np.int64),
            "values": np.zeros((self.params.max_live, 3)),
            "tick": instrument.tick_size,
        }

    def fold(self, state: State, batch: Batch) -> Table:
        bars, cells, stacks, p = batch["bars"], batch["footprint"], batch["stacked_imbalance"], self.params
        blocks = stacks[stacks["event"] == ZoneEvent.OPENED]
        room = 2 * len(blocks) + p.max_live + 1
        out, values = np.empty((room, 5), np.int64), np.empty((room, 3))
        n = _trapped_kernel(
            bars["ref_ts"], bars["known_ts"], bars["complete"], bars["high"], bars["low"], bars["close"],
            batch["delta"]["delta"], cells["ref_ts"], cells["price_low"], cells["price_high"], cells["buy_volume"],
            cells["sell_volume"], blocks["ref_ts"], blocks["id"], blocks["direction"], blocks["bottom"], blocks["top"],
            p.zone, p.within_bars, state["tick"] * 0.25, state["ints"], state["open"], state["values"], out, values,
        )  # fmt: skip
        if not n:
            return TRAPPED.empty()
        ref, known, ids, event, side = out[:n].T
        bottom, top, volume = values[:n].T
        return Table.of(
            TRAPPED, ref_ts=ref, known_ts=known, id=ids, event=event, side=side, bottom=bottom, top=top, volume=volume
        )


@njit
def _trapped_kernel(
    ref: Array, known: Array, complete: Array, high: Array, low: Array, close: Array, delta: Array, cell_ref: Array,
    cell_low: Array, cell_high: Array, buy: Array, sell: Array, block_ref: Array, block_id: Array, direction: Array,
    bottom: Array, top: Array, zone: float, within: int, slack: float,
    ints: Array, opened: Array, kept: Array, out: Array, values: Array,
) -> int:  # fmt: skip
    """opened: claims that wait, each [ref_ts, id, side (0 where free), bars waited]; kept: [bottom, top, volume].

    Prices are compared with a quarter tick of slack, so that edges made by multiplication do not decide.
    """
    n, c, s = 0, 0, 0
    for i in range(ref.size):
        first = c
        while c < cell_ref.size and cell_ref[c] == ref[i]:
            c += 1
        if not complete[i]:
            continue
        hole = ints[0] != NULL_TS and ints[0] != ref[i]
        ints[0] = known[i]
        for k in range(opened.shape[0]):
            side = opened[k, 2]
            if side == 0:
                continue
            opened[k, 3] += 1
            under, over = close[i] < kept[k, 0] - slack, close[i] > kept[k, 1] + slack
            failed = under and delta[i] < 0 if side == 1 else over and delta[i] > 0
            escaped = over if side == 1 else under
            event = 4 if hole else (2 if failed else (3 if escaped else (4 if opened[k, 3] >= within else 0)))
            if event:
                n = _put(known[i], event, opened[k], kept[k], out, values, n)
                opened[k, 2] = 0
        while s < block_ref.size and block_ref[s] <= ref[i]:
            span = high[i] - low[i]
            near = top[s] >= high[i] - zone * span - slack if direction[s] == 1 else bottom[s] <= low[i] + zone * span + slack
            slot = 0
            while slot < opened.shape[0] and opened[slot, 2] != 0:
                slot += 1
            if block_ref[s] == ref[i] and near and slot < opened.shape[0]:
                held = 0.0
                for k in range(first, c):
                    if cell_low[k] >= bottom[s] - slack and cell_high[k] <= top[s] + slack:
                        held += max(0.0, buy[k] - sell[k] if direction[s] == 1 else sell[k] - buy[k])
                opened[slot, 0], opened[slot, 1], opened[slot, 2], opened[slot, 3] = ref[i], block_id[s], direction[s], 0
                kept[slot, 0], kept[slot, 1], kept[slot, 2] = bottom[s], top[s], held
                n = _put(known[i], 1, opened[slot], kept[slot], out, values, n)
            s += 1
    return n


@njit
def _put(known: int, event: int, claim: Array, kept: Array, out: Array, values: Array, n: int) -> int:
    out[n, 0], out[n, 1], out[n, 2], out[n, 3], out[n, 4] = claim[0], known, claim[1], event, claim[2]
    values[n, 0], values[n, 1], values[n, 2] = kept[0], kept[1], kept[2]
    return n + 1
