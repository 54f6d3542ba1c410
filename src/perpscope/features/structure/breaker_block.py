"""Breaker and mitigation blocks: a broken order block, taken as a zone of the other side."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Array, Column, Table, choice
from perpscope.core.time import NULL_TS
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.structure import at_least, one_of
from perpscope.market.zones import LINK, MEASURE, NO_BIRTHS, flipped, live_zones, zone_schema, zone_state, zone_table
from perpscope.numeric.jit import njit


class FlippedKind(IntEnum):
    """BREAKER: price had taken the prior swing before it broke the block. MITIGATION: it had not."""

    BREAKER = 1
    MITIGATION = 2


BREAKER_BLOCKS = zone_schema(
    "breaker_blocks",
    choice("kind", FlippedKind, "breaker or mitigation block"),
    Column("parent_id", "id", "the order block that was broken", "int64"),
)


@dataclass(frozen=True)
class BreakerParams:
    """breaker_rule: "exceeded" (price traded beyond the prior swing) or "swept" (a sweep of its side was seen)."""

    breaker_rule: str = "exceeded"
    max_live: int = 500
    max_age_bars: int = 2000

    def __post_init__(self) -> None:
        one_of("breaker_rule", self.breaker_rule, ("exceeded", "swept"))
        at_least("breaker_blocks.max_live", self.max_live, 2)
        at_least("breaker_blocks.max_age_bars", self.max_age_bars, 1)


class BreakerBlocks(Feature):
    """Broken order blocks with their direction turned, told apart by what came before.

    Definition: when an order block is broken, a block with the same edges and the direction turned opens at the same
    close. It is a BREAKER if after the block's own bar price had exceeded the prior swing on the block's side (for a
    bullish block: a swing high), which is always so for blocks born of a break; else a MITIGATION block (possible only
    with `order_blocks.require = "none"`). Life as for an order block. Disputed: whether "exceeded" is enough or the
    swing must have been swept (`breaker_rule = "swept"`: a sweep of that side known after the block's bar). A breaker
    that price closes back through is *broken*; it is never erased, as smartmoneyconcepts does.
    Units: price in quote currency. `ref_ts` = the order block's bar, `known_ts` of the opening = close of the breaking
    bar. A hole in the bars expires live blocks.
    Source: STRUCTURE ST5.

    Example:
        >>> BreakerBlocks(BreakerParams(breaker_rule="swept")).inputs
        ('bars', 'order_blocks', 'sweeps')
    """

    Params = BreakerParams
    spec = FeatureSpec(
        name="breaker_blocks",
        title="Breaker blocks",
        inputs=("bars", "order_blocks"),
        output=BREAKER_BLOCKS,
        source="STRUCTURE ST5",
        shape="zone",
        pane="price",
        episodes=True,
    )

    @property
    def inputs(self) -> tuple[str, ...]:
        return (*self.spec.inputs, "sweeps") if self.params.breaker_rule == "swept" else self.spec.inputs

    @property
    def warmup(self) -> int:
        return 4

    @property
    def lookback(self) -> int:
        return int(self.params.max_age_bars)

    def start(self, instrument: Instrument) -> State:
        return {
            "last_sweep": np.full(2, NULL_TS),  # known_ts of the last sweep per direction of block it speaks for
            "waiting": np.zeros((2, self.params.max_live), np.int64),  # blocks whose prior swing still stands: id, direction
            "levels": np.zeros(self.params.max_live),  # and that swing's price
            "count": np.zeros(1, np.int64),
            "zones": zone_state(instrument.tick_size, self.params.max_live),
        }

    def fold(self, state: State, batch: Batch) -> Table:
        bars, blocks = batch["bars"], batch["order_blocks"]
        p = self.params
        exceeded = np.zeros(len(blocks), np.bool_)
        if len(blocks) or state["count"][0]:
            _exceed_kernel(
                bars["known_ts"], bars["high"], bars["low"], blocks["known_ts"], blocks["id"], blocks["event"],
                blocks["direction"], blocks["prior_swing"], state["zones"]["tick"],
                state["waiting"], state["levels"], state["count"], exceeded,
            )  # fmt: skip
        taken = self._swept(state, batch, blocks) if p.breaker_rule == "swept" else exceeded
        births = flipped(blocks, 1, np.where(taken, FlippedKind.BREAKER, FlippedKind.MITIGATION)) if len(blocks) else NO_BIRTHS
        ints, floats, n = live_zones(state["zones"], bars, births, p.max_age_bars)
        if n == 0:
            return BREAKER_BLOCKS.empty()
        return zone_table(BREAKER_BLOCKS, ints, floats, n, kind=floats[MEASURE, :n], parent_id=ints[LINK, :n])

    def _swept(self, state: State, batch: Batch, blocks: Table) -> Array:
        """Whether a sweep of the block's side was known after its bar and no later than the row."""
        sweeps = batch["sweeps"]
        found = np.zeros(len(blocks), np.bool_)
        for d in (1, 2):
            known = np.concatenate([state["last_sweep"][d - 1 : d], sweeps["known_ts"][sweeps["side"] == d]])
            last = known[np.searchsorted(known, blocks["known_ts"], side="right") - 1]
            found |= (blocks["direction"] == d) & (last > blocks["ref_ts"])
            state["last_sweep"][d - 1] = known[-1]
        return found


@njit
def _exceed_kernel(
    known_ts: Array, high: Array, low: Array, b_known: Array, b_id: Array, b_event: Array, b_direction: Array, b_prior: Array,
    tick: float, waiting: Array, levels: Array, count: Array, exceeded: Array,
) -> None:  # fmt: skip
    """For every row of a block: has its prior swing been exceeded by now? Blocks without one need not wait."""
    b = 0
    for i in range(known_ts.size):
        top, bottom = np.rint(high[i] / tick), np.rint(low[i] / tick)
        kept = 0
        for k in range(count[0]):
            level = np.rint(levels[k] / tick)
            if (waiting[1, k] == 1 and top > level) or (waiting[1, k] == 2 and bottom < level):
                continue
            waiting[0, kept], waiting[1, kept], levels[kept] = waiting[0, k], waiting[1, k], levels[k]
            kept += 1
        count[0] = kept
        while b < b_known.size and b_known[b] <= known_ts[i]:
            _note(b, b_id, b_event, b_direction, b_prior, waiting, levels, count, exceeded)
            b += 1
    while b < b_known.size:
        _note(b, b_id, b_event, b_direction, b_prior, waiting, levels, count, exceeded)
        b += 1


@njit
def _note(
    b: int, b_id: Array, b_event: Array, b_direction: Array, b_prior: Array,
    waiting: Array, levels: Array, count: Array, exceeded: Array,
) -> None:  # fmt: skip
    """Take one row of a block into account: an opening may have to wait, an end waits no longer."""
    if b_event[b] == 1:
        if b_prior[b] == b_prior[b] and count[0] < levels.size:
            waiting[0, count[0]], waiting[1, count[0]], levels[count[0]] = b_id[b], b_direction[b], b_prior[b]
            count[0] += 1
        return
    exceeded[b] = True
    for k in range(count[0]):
        if waiting[0, k] == b_id[b]:
            exceeded[b] = False
            if b_event[b] >= 5:
                last = count[0] - 1
                waiting[0, k], waiting[1, k], levels[k] = waiting[0, last], waiting[1, last], levels[last]
                count[0] = last
            return
