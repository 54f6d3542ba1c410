"""New extremes at which the aggression has dried up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, choice, price, quantity, row_schema
from perpscope.core.time import NULL_TS
from perpscope.features.base import Feature, FeatureSpec, State, episode_id
from perpscope.market.claims import ClaimEvent
from perpscope.market.structure import Extreme, at_least
from perpscope.numeric.jit import njit
from perpscope.numeric.window import nearest_rank

EXHAUSTION = row_schema(
    "exhaustion",
    Column("id", "id", "the claim", "int64"),
    choice("event", ClaimEvent, "opened, confirmed, broken or expired"),
    choice("side", Extreme, "at a new high (buying dried up) or a new low (selling)", mirror="flip"),
    price("price", "the extreme"),
    quantity("volume", "of the aggressor in the extreme bin"),
)


class Exhaustion(Feature):
    """A bar makes a new high, but the buying falls bin by bin towards it and ends thin.

    Definition: a bar's high exceeds the highs of the `lookback` bars before it; buy volume falls strictly over the
    topmost `bins` bins of its footprint (empty bins count as zero), and in the last one is at most the `quantile`
    (nearest rank) of the buy volumes of all the bar's bins. Opened at that bar's close; confirmed when `confirm_bars` bars
    pass without a higher high, broken by the first that makes one; lows by mirror. Only confirmed rows are evidence.
    A hole or an incomplete bar expires what is open.
    Units: price, base units. `ref_ts` = the bar's open.
    Source: own; ORDERFLOW OF11. No evidence for its worth was found.

    Example:
        >>> Exhaustion().warmup
        21
    """

    @dataclass(frozen=True)
    class Params:
        lookback: int = 20
        bins: int = 3
        quantile: float = 0.2
        confirm_bars: int = 3

        def __post_init__(self) -> None:
            at_least("exhaustion.lookback", self.lookback, 1)
            at_least("exhaustion.bins", self.bins, 2)
            at_least("exhaustion.confirm_bars", self.confirm_bars, 1)

    spec = FeatureSpec(
        name="exhaustion",
        title="Exhaustion",
        inputs=("bars", "footprint"),
        output=EXHAUSTION,
        source="own",
        shape="marker",
        pane="price",
        episodes=True,
    )
    exempt: ClassVar = {
        "mirror": "bins are counted from price 0 and sized by price, so p -> C - p moves their edges; "
        "tests/features/flow mirrors on the grid of the bins"
    }

    @property
    def warmup(self) -> int:
        return int(self.params.lookback) + 1

    def start(self, instrument: Instrument) -> State:
        live = self.params.confirm_bars + 1
        return {
            "ints": np.array([NULL_TS, 0], np.int64),
            "extremes": np.zeros((2, self.params.lookback)),
            "open": np.zeros((2, live, 3), np.int64),
            "values": np.zeros((2, live, 2)),
        }

    def fold(self, state: State, batch: Batch) -> Table:
        bars, cells, p = batch["bars"], batch["footprint"], self.params
        room = 4 * len(bars) + 4 * p.confirm_bars + 4
        out, values = np.empty((room, 4), np.int64), np.empty((room, 2))
        n = _exhaustion_kernel(
            bars["ref_ts"], bars["known_ts"], bars["complete"], bars["high"], bars["low"], cells["ref_ts"],
            cells["low_tick"], cells["step"], cells["buy_volume"], cells["sell_volume"], p.bins, p.quantile, p.confirm_bars,
            state["ints"], state["extremes"], state["open"], state["values"], out, values,
        )  # fmt: skip
        if not n:
            return EXHAUSTION.empty()
        ref, known, event, side = out[:n].T
        ids = [episode_id(int(r), int(s)) for r, s in zip(ref, side, strict=True)]
        return Table.of(
            EXHAUSTION, ref_ts=ref, known_ts=known, id=ids, event=event, side=side, price=values[:n, 0], volume=values[:n, 1]
        )


@njit
def _dried_up(low: Array, step: Array, volume: Array, first: int, last: int, d: int, bins: int, quantile: float) -> bool:
    """Whether volume falls strictly over the outermost bins and ends at or below the quantile of all of them."""
    width = step[first]
    bottom, top = low[first] // width, low[last - 1] // width
    dense = np.zeros(top - bottom + 1)
    for c in range(first, last):
        dense[low[c] // width - bottom] = volume[c]
    if dense.size < bins:
        return False
    for k in range(1, bins):
        outer, inner = (dense.size - k, dense.size - k - 1) if d == 0 else (k - 1, k)
        if dense[outer] >= dense[inner]:
            return False
    return dense[dense.size - 1 if d == 0 else 0] <= nearest_rank(np.sort(dense), dense.size, quantile)


@njit
def _exhaustion_kernel(
    ref: Array, known: Array, complete: Array, high: Array, low: Array, cell_ref: Array, low_tick: Array, step: Array,
    buy: Array, sell: Array, bins: int, quantile: float, confirm: int,
    ints: Array, extremes: Array, opened: Array, kept: Array, out: Array, values: Array,
) -> int:  # fmt: skip
    """ints: [expected open, bars since the start]; extremes: rings of highs and mirrored lows; opened[d]: claims that
    wait, each [ref_ts (0 where free), bars waited, -], kept[d]: their [extreme, volume], mirrored for lows."""
    n, c = 0, 0
    for i in range(ref.size):
        first = c
        while c < cell_ref.size and cell_ref[c] == ref[i]:
            c += 1
        if not complete[i]:
            continue
        hole = ints[0] != NULL_TS and ints[0] != ref[i]
        if ints[0] != ref[i]:
            ints[1] = 0
        ints[0] = known[i]
        for d in range(2):
            reach = high[i] if d == 0 else -low[i]
            for k in range(opened.shape[1]):
                if opened[d, k, 1] == 0:
                    continue
                event = 4 if hole else (3 if reach > kept[d, k, 0] else (2 if opened[d, k, 1] == confirm else 0))
                if event:
                    n = _put(opened[d, k, 0], known[i], event, d, kept[d, k], out, values, n)
                    opened[d, k, 1] = 0
                else:
                    opened[d, k, 1] += 1
            highest = extremes[d].max()
            if ints[1] >= extremes.shape[1] and reach > highest and c > first:
                volume = buy if d == 0 else sell
                if _dried_up(low_tick, step, volume, first, c, d, bins, quantile):
                    slot = 0
                    while opened[d, slot, 1] != 0:
                        slot += 1
                    opened[d, slot, 0], opened[d, slot, 1] = ref[i], 1
                    kept[d, slot, 0], kept[d, slot, 1] = reach, volume[c - 1] if d == 0 else volume[first]
                    n = _put(ref[i], known[i], 1, d, kept[d, slot], out, values, n)
            extremes[d, ints[1] % extremes.shape[1]] = reach
        ints[1] += 1
    return n


@njit
def _put(ref: int, known: int, event: int, d: int, kept: Array, out: Array, values: Array, n: int) -> int:
    out[n, 0], out[n, 1], out[n, 2], out[n, 3] = ref, known, event, d + 1
    values[n, 0], values[n, 1] = kept[0] if d == 0 else -kept[0], kept[1]
    return n + 1
