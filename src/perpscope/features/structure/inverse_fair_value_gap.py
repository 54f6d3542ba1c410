"""Inverse fair value gaps: a broken gap, taken as a zone of the other side."""

from __future__ import annotations

from dataclasses import dataclass

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Column, Table
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.structure import at_least
from perpscope.market.zones import LINK, flipped, live_zones, zone_schema, zone_state, zone_table

INVERSE_FAIR_VALUE_GAPS = zone_schema(
    "inverse_fair_value_gaps", Column("parent_id", "id", "the fair value gap that was broken", "int64")
)


@dataclass(frozen=True)
class InverseGapParams:
    """Bounds on how many zones live at once, and for how many bars."""

    max_live: int = 500
    max_age_bars: int = 2000

    def __post_init__(self) -> None:
        at_least("inverse_fair_value_gaps.max_live", self.max_live, 2)
        at_least("inverse_fair_value_gaps.max_age_bars", self.max_age_bars, 1)


class InverseFairValueGaps(Feature):
    """Broken fair value gaps with their direction turned.

    Definition: when a fair value gap is broken, an inverse one opens at the same close, with the same edges and the
    direction turned (a broken bullish gap becomes resistance). Its life is that of a fair value gap: touched, halved,
    filled, and broken by a close back through its far edge. Disputed: some schools ask that the breaking bar be a
    displacement; ours does not.
    Units: price in quote currency. `ref_ts` = that of the parent (where the chart draws the zone), `known_ts` of the
    opening = close of the breaking bar. A hole in the bars expires live zones.
    Source: STRUCTURE ST4.

    Example:
        >>> InverseFairValueGaps().inputs
        ('bars', 'fair_value_gaps')
    """

    Params = InverseGapParams
    spec = FeatureSpec(
        name="inverse_fair_value_gaps",
        title="Inverse fair value gaps",
        inputs=("bars", "fair_value_gaps"),
        output=INVERSE_FAIR_VALUE_GAPS,
        source="STRUCTURE ST4",
        shape="zone",
        pane="price",
        episodes=True,
    )

    @property
    def warmup(self) -> int:
        return 4

    @property
    def lookback(self) -> int:
        return int(self.params.max_age_bars)

    def start(self, instrument: Instrument) -> State:
        return zone_state(instrument.tick_size, self.params.max_live)

    def fold(self, state: State, batch: Batch) -> Table:
        births = flipped(batch["fair_value_gaps"], code=1)
        ints, floats, n = live_zones(state, batch["bars"], births, self.params.max_age_bars)
        if n == 0:
            return INVERSE_FAIR_VALUE_GAPS.empty()
        return zone_table(INVERSE_FAIR_VALUE_GAPS, ints, floats, n, parent_id=ints[LINK, :n])
