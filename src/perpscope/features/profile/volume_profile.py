"""Point of control and value area of the UTC day, as they form and as they end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Column, Table, flag, price, quantity, row_schema
from perpscope.core.time import DAY
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.period_profile import ProfileRules, fold_profile, fresh_profile
from perpscope.market.profile import Tie

VOLUME_PROFILE = row_schema(
    "volume_profile",
    price("poc", "middle of the bin with the largest volume of the day so far"),
    price("vah", "upper edge of the value area", mirror="swap:val"),
    price("val", "lower edge of the value area", mirror="swap:vah"),
    Column("fraction", "fraction", "share of the day's volume inside the value area"),
    Column("bins", "count", "bins between the day's lowest and highest trade"),
    quantity("volume", "of the day so far"),
    price("previous_poc", "final, of the UTC day before; NaN unless that day is complete"),
    price("previous_vah", "final, of the UTC day before", mirror="swap:previous_val"),
    price("previous_val", "final, of the UTC day before", mirror="swap:previous_vah"),
    flag("complete", "nothing is missing since 00:00 UTC"),
    flag("final", "the bar ends the day, so poc, vah and val are its final ones"),
    flag("estimated", "made from bars, their volume spread evenly over low..high; not from trades"),
)


class VolumeProfile(Feature):
    """Point of control (POC) and value area (VAL..VAH) of the UTC day, developing, with those of the day before.

    Definition: volume is collected per price bin. POC = the bin of the largest volume, the nearest to the middle
    of the day's range where several are equal. The value area grows from the POC, the larger of the next two bins
    above and the next two below joining each time (both where equal, so that neither side is favoured), until it
    holds at least 70 % of the volume. Bins cover whole ticks and are anchored at tick 0. `step_ticks = 0` takes a
    power of two ticks no wider than `bin_bps` of the day's first price: 50-300 bins in a day. Below `min_bins`
    bins there is no answer (NaN). With trades offered the bins are exact; otherwise each bar's volume is spread
    evenly over [low, high] and the row says `estimated`. A hole leaves the day `complete = false` to its end.
    Units: prices (POC the middle, VAH and VAL the outer ticks of their bins), volume in base units. One row per
    bar, known at its close.
    Source: CBOT rule of two rows, as in linnsoft.com/qa/a/123.htm (method A); ties and steps own.

    Example:
        >>> VolumeProfile(VolumeProfile.Params(step_ticks=50)).params.fraction
        0.7
    """

    @dataclass(frozen=True)
    class Params:
        fraction: float = 0.7
        step_ticks: int = 0
        bin_bps: float = 5.0
        rows: int = 2
        tie: int = int(Tie.BOTH)
        poc_tie: int = int(Tie.LOWER)
        min_bins: int = 5

    spec = FeatureSpec(
        name="volume_profile",
        title="Volume profile: POC and value area",
        inputs=("bars", "trade?"),
        output=VOLUME_PROFILE,
        source="linnsoft.com/qa/a/123.htm, method A",
        shape="line",
        pane="price",
    )
    exempt: ClassVar = {
        "mirror": "bins are counted from price 0 and sized by price, so p -> C - p moves their edges; "
        "tests/features/profile mirrors on the grid of the bins",
        "gap": "a day's profile goes on after a hole and says complete = false: a profile since the hole is not the day's",
    }

    def start(self, instrument: Instrument) -> State:
        return {**fresh_profile(), "tick": instrument.tick_size}

    def fold(self, state: State, batch: Batch) -> Table:
        p = self.params
        rules = ProfileRules(DAY, p.step_ticks, p.bin_bps, p.fraction, p.rows, p.tie, p.poc_tie, p.min_bins)
        series, flags, _, _ = fold_profile(state, batch, state["tick"], rules, False)
        bars = batch["bars"]
        if not len(bars):
            return VOLUME_PROFILE.empty()
        names = ("poc", "vah", "val", "fraction", "bins", "volume", "previous_poc", "previous_vah", "previous_val")
        return Table.of(
            VOLUME_PROFILE,
            ref_ts=bars["ref_ts"],
            known_ts=bars["known_ts"],
            complete=flags[0],
            final=flags[1],
            estimated=np.full(len(bars), "trade" not in batch),
            **{name: series[k] for k, name in enumerate(names)},
        )
