"""Sweeps: raids on a liquidity pool that price returns from."""

from __future__ import annotations

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Column, Table, choice, price, row_schema
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.pools import PoolSource
from perpscope.market.structure import Extreme

SWEEPS = row_schema(
    "sweeps",
    Column("pool_id", "id", "the pool that was swept", "int64"),
    choice("side", Extreme, "high: stops above were taken; low: stops below", mirror="flip"),
    price("price", "of the pool"),
    price("depth", "how far beyond the pool price traded", mirror="same"),
    Column("depth_atr", "ratio", "depth over the ATR before the first bar beyond; NaN while there was none"),
    Column("bars_beyond", "count", "bars from the first trade beyond to the returning close, that bar included"),
    Column("wick_fraction", "fraction", "wick beyond the body, over the range of the bar that went farthest"),
    Column("members", "count", "swings in the pool", "int64"),
    choice("source", PoolSource, "what made the pool"),
)

_SWEPT = 3


class Sweeps(Feature):
    """The pools that were swept, as one row each.

    Definition: a bar trades at least one tick beyond a pool and a close returns to it or inside within the number of
    closes that `pools.sweep_bars` allows. Disputed: how soon price must return; 1 (the same bar) is strict and ours, up
    to 3 is common. Everything is decided by `pools`; this feature selects its SWEPT rows, so the two cannot disagree.
    Units: price in quote currency, ratios as named. `ref_ts` = the pool's latest member, `known_ts` = the returning close.
    Source: STRUCTURE ST7.

    Example:
        >>> Sweeps().inputs
        ('pools',)
    """

    spec = FeatureSpec(
        name="sweeps",
        title="Sweeps",
        inputs=("pools",),
        output=SWEEPS,
        source="STRUCTURE ST7",
        shape="marker",
        pane="price",
    )

    def start(self, instrument: Instrument) -> State:
        return {}

    def fold(self, state: State, batch: Batch) -> Table:
        pools = batch["pools"]
        hit = np.flatnonzero(pools["event"] == _SWEPT)
        if not len(hit):
            return SWEEPS.empty()
        columns = {name: pools[name][hit] for name in SWEEPS.names if name != "pool_id"}
        return Table.of(SWEEPS, pool_id=pools["id"][hit], **columns)
