"""The footprint: buys and sells at each price inside each bar."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Column, Table, flag, price, quantity, row_schema
from perpscope.core.time import MINUTE, Timeframe
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.footprint import BUY, BUYS, SELL, SELLS, footprint_cells, fresh_footprint
from perpscope.market.structure import at_least

FOOTPRINT = row_schema(
    "footprint",
    Column("low_tick", "ticks", "lowest tick of the bin", "int64"),
    Column("step", "ticks", "ticks in the bin", "int64"),
    price("price_low", "lowest price of the bin", mirror="swap:price_high"),
    price("price_high", "highest price of the bin", mirror="swap:price_low"),
    quantity("buy_volume", "lifted the ask in the bin", mirror="swap:sell_volume"),
    quantity("sell_volume", "hit the bid in the bin", mirror="swap:buy_volume"),
    Column("buy_count", "count", "trades by aggressive buyers", mirror="swap:sell_count"),
    Column("sell_count", "count", "trades by aggressive sellers", mirror="swap:buy_count"),
    flag("complete", "no gap inside the bar"),
)


class Footprint(Feature):
    """Bought and sold volume per price bin of every closed bar, lowest bin first.

    Definition: a trade at tick t belongs to bin t // step and to the bar whose [open, close) holds its stamp; sums of
    the bins are those of the bar. Bins cover whole ticks and are anchored at tick 0 for ever. `step_ticks = 0` takes
    the largest power of two ticks within `bin_bps` of the UTC day's first price times the root of the frame in
    minutes, so that bars of all frames have a like number of bins; powers of two nest. A bin without trades is not
    stored; between two traded bins it counts as zero. What a cell shows (sold x bought, delta, volume, trades) is a
    choice of `market.footprint.cell_values`.
    Units: base units, prices, ticks. Known at the bar's close; the forming bar has no rows.
    Source: own; ORDERFLOW OF3. Bid volume means opposite things in the wild, so we say sell and buy.

    Example:
        >>> Footprint(frame="4h").bin_bps
        7.745966692414834
    """

    @dataclass(frozen=True)
    class Params:
        step_ticks: int = 0
        bin_bps: float = 0.5

        def __post_init__(self) -> None:
            at_least("footprint.step_ticks", self.step_ticks, 0)
            at_least("footprint.bin_bps", self.bin_bps, 1e-6)

    spec = FeatureSpec(
        name="footprint",
        title="Footprint",
        inputs=("bars", "trade"),
        output=FOOTPRINT,
        source="own",
        shape="footprint",
        pane="price",
    )
    exempt: ClassVar = {
        "mirror": "bins are counted from price 0 and sized by price, so p -> C - p moves their edges; "
        "tests/features/profile mirrors on the grid of the bins"
    }

    @property
    def bin_bps(self) -> float:
        return float(self.params.bin_bps) * math.sqrt(Timeframe.parse(self.frame or "1m").ns / MINUTE)

    def start(self, instrument: Instrument) -> State:
        return {**fresh_footprint(), "tick": instrument.tick_size}

    def fold(self, state: State, batch: Batch) -> Table:
        bars, trades, tick = batch["bars"], batch["trade"], state["tick"]
        frame = Timeframe.parse(self.frame or "1m")
        state["cells"], n, lines, values = footprint_cells(
            trades["exchange_ts"], trades["price"], trades["quantity"],
            trades["aggressor_side"], bars["ref_ts"], bars["known_ts"], frame.ns, frame.floor(0),
            self.params.step_ticks, self.bin_bps, tick, state["ints"], state["cells"],
        )  # fmt: skip
        if not n:
            return FOOTPRINT.empty()
        bar, low, step = lines[:n].T
        return Table.of(
            FOOTPRINT,
            ref_ts=bars["ref_ts"][bar],
            known_ts=bars["known_ts"][bar],
            low_tick=low,
            step=step,
            price_low=low * tick,
            price_high=(low + step - 1) * tick,
            buy_volume=values[:n, BUY],
            sell_volume=values[:n, SELL],
            buy_count=values[:n, BUYS],
            sell_count=values[:n, SELLS],
            complete=bars["complete"][bar],
        )
