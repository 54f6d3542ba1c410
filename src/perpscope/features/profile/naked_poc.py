"""Points of control that no later bar has traded again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.levels import level_id, level_schema, level_state, level_table, live_levels
from perpscope.market.structure import at_least
from perpscope.numeric.binning import to_ticks

NAKED_POC = level_schema("naked_poc")


class NakedPoc(Feature):
    """The final point of control of each complete UTC day, until a bar covers it.

    Definition: opened when the day ends, filled by the first later bar whose [low, high] holds it, expired after
    `max_age_bars`, when more than `max_live` wait, or at a hole in the bars. The level is the middle of the day's
    largest bin, compared as ticks.
    Units: price. `ref_ts` = open of the bar that ended the day, `known_ts` = the close that made it so.
    Source: own; the rules of the point of control are those of `volume_profile`.

    Example:
        >>> NakedPoc.spec.inputs
        ('bars', 'volume_profile')
    """

    @dataclass(frozen=True)
    class Params:
        max_live: int = 500
        max_age_bars: int = 100_000

        def __post_init__(self) -> None:
            at_least("naked_poc.max_live", self.max_live, 1)
            at_least("naked_poc.max_age_bars", self.max_age_bars, 1)

    spec = FeatureSpec(
        name="naked_poc",
        title="Naked points of control",
        inputs=("bars", "volume_profile"),
        output=NAKED_POC,
        source="own",
        shape="line",
        pane="price",
        episodes=True,
    )
    exempt: ClassVar = {
        "mirror": "bins are counted from price 0 and sized by price, so p -> C - p moves their middles; "
        "the life of a level is symmetrical, see tests/market/test_levels.py"
    }

    def start(self, instrument: Instrument) -> State:
        return level_state(instrument.tick_size, self.params.max_live)

    def fold(self, state: State, batch: Batch) -> Table:
        profile = batch["volume_profile"]
        ended = profile[profile["final"] & profile["complete"] & np.isfinite(profile["poc"])]
        ticks = to_ticks(ended["poc"], state["tick"])
        ids = [level_id(int(r), int(t), 0) for r, t in zip(ended["ref_ts"], ticks, strict=True)]
        born = np.empty((len(ended), 5), np.int64)
        born[:, 0], born[:, 1], born[:, 2], born[:, 3], born[:, 4] = ended["known_ts"], ticks, ended["ref_ts"], ids, 0
        out, prices, n = live_levels(state, batch["bars"], born, ended["poc"], self.params.max_age_bars)
        return level_table(NAKED_POC, out, prices) if n else NAKED_POC.empty()
