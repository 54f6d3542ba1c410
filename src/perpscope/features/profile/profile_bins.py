"""The bins of each finished profile: what a picture of volume at price is drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table, flag, price, quantity, row_schema
from perpscope.core.time import parse_span
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.period_profile import ProfileRules, fold_profile, fresh_profile
from perpscope.market.profile import Tie

PROFILE_BINS = row_schema(
    "profile_bins",
    price("price_low", "lowest tick of the bin", mirror="swap:price_high"),
    price("price_high", "highest tick of the bin", mirror="swap:price_low"),
    quantity("volume", "traded in the bin"),
    quantity("buy_volume", "by aggressive buyers; NaN where the source does not say", mirror="swap:sell_volume"),
    quantity("sell_volume", "by aggressive sellers; NaN where the source does not say", mirror="swap:buy_volume"),
    flag("in_value_area", "inside the period's value area"),
    flag("point_of_control", "the bin of the largest volume"),
    flag("complete", "nothing is missing in the period"),
    flag("estimated", "made from bars, their volume spread evenly over low..high; not from trades"),
)


class ProfileBins(Feature):
    """Volume at price of every finished period, one row per bin with volume, lowest bin first.

    Definition: the bins of `volume_profile`, written out when the period (a UTC day) ends; all rows of a period
    share `ref_ts` (its start) and `known_ts`. A period whose end lies in a hole is written, with
    `complete = false`, when the first later bar or trade shows that it is over. Bins are absolute and, with the
    automatic step, a power of two ticks wide: profiles of several periods add up bin by bin in the widest step
    (`perpscope.market.composite.composite`), which is how a profile over any lookback is drawn.
    Units: price, base units. Known at the period's end.
    Source: own; the rules are those of `volume_profile`.

    Example:
        >>> ProfileBins(ProfileBins.Params(period="4h")).params.period
        '4h'
    """

    @dataclass(frozen=True)
    class Params:
        period: str = "1d"
        fraction: float = 0.7
        step_ticks: int = 0
        bin_bps: float = 5.0
        rows: int = 2
        tie: int = int(Tie.BOTH)
        poc_tie: int = int(Tie.LOWER)

    spec = FeatureSpec(
        name="profile_bins",
        title="Volume at price per day",
        inputs=("bars", "trade?"),
        output=PROFILE_BINS,
        source="own; rules of volume_profile",
        shape="profile",
        pane="price",
    )
    exempt: ClassVar = {
        "mirror": "bins are counted from price 0 and sized by price, so p -> C - p moves their edges; "
        "tests/features/profile mirrors on the grid of the bins",
        "gap": "the period of a hole is written out with complete = false: volume that was seen was traded",
    }

    def start(self, instrument: Instrument) -> State:
        return {**fresh_profile(), "tick": instrument.tick_size}

    def fold(self, state: State, batch: Batch) -> Table:
        p, tick = self.params, state["tick"]
        rules = ProfileRules(parse_span(p.period), p.step_ticks, p.bin_bps, p.fraction, p.rows, p.tie, p.poc_tie, 1)
        _, _, lines, volumes = fold_profile(state, batch, tick, rules, True)
        if not len(lines):
            return PROFILE_BINS.empty()
        volume, buys = volumes[:, 0], volumes[:, 1]
        return Table.of(
            PROFILE_BINS,
            ref_ts=lines[:, 0],
            known_ts=lines[:, 1],
            price_low=lines[:, 2] * tick,
            price_high=(lines[:, 2] + lines[:, 3] - 1) * tick,
            volume=volume,
            buy_volume=buys,
            sell_volume=volume - buys,
            in_value_area=lines[:, 4] & 1 > 0,
            point_of_control=lines[:, 4] & 2 > 0,
            complete=lines[:, 4] & 4 > 0,
            estimated=np.full(len(lines), "trade" not in batch),
        )
