"""Tick, volume, dollar and range bars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.events import GapKind
from perpscope.core.instrument import Instrument
from perpscope.core.table import Column, Table, flag, price, quantity, row_schema
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.market.event_bars import BarRule, event_bars, fresh_bar
from perpscope.market.structure import at_least, one_of
from perpscope.numeric.binning import to_ticks

_FLOATS = ("open", "high", "low", "close", "volume", "buy_volume", "sell_volume", "trade_count", "min_delta", "max_delta")

EVENT_BARS = row_schema(
    "event_bars",
    price("open", "first price"),
    price("high", "highest price", mirror="swap:low"),
    price("low", "lowest price", mirror="swap:high"),
    price("close", "last price"),
    quantity("volume", "base units traded"),
    quantity("buy_volume", "by aggressive buyers", mirror="swap:sell_volume"),
    quantity("sell_volume", "by aggressive sellers", mirror="swap:buy_volume"),
    Column("trade_count", "count", "public trades; a split trade counts where it began"),
    quantity("min_delta", "lowest running buy - sell inside the bar", mirror="swap:max_delta"),
    quantity("max_delta", "highest running buy - sell inside the bar", mirror="swap:min_delta"),
    flag("complete", "no gap cut the bar short"),
)


class EventBars(Feature):
    """Bars that close by trading activity: every so many trades, base units, notional, or ticks of range.

    Definition: `rule = "tick"` closes with the `limit`-th trade, "volume" and "dollar" with the trade that reaches
    `limit` base units or price x quantity; that trade belongs to the bar whole, or is cut at the limit when `split`.
    "range" closes before the trade that would stretch high - low beyond `limit` ticks, and that trade opens the
    next bar; no phantom bars fill a jump. A gap of the trades ends the forming bar with `complete = false`.
    Units: prices, base units. `ref_ts` = first trade, `known_ts` = the trade that closed it.
    Source: own; the kinds of Lopez de Prado, Advances in Financial Machine Learning (2018), chapter 2.

    Example:
        >>> EventBars.with_settings({"rule": "volume", "limit": 6.0}).params.split
        False
    """

    @dataclass(frozen=True)
    class Params:
        rule: str = "tick"
        limit: float = 1000.0
        split: bool = False

        def __post_init__(self) -> None:
            one_of("rule of event_bars", self.rule, ("tick", "volume", "dollar", "range"))
            at_least("event_bars.limit", self.limit, 1e-12)

    spec = FeatureSpec(
        name="event_bars",
        title="Tick, volume, dollar and range bars",
        inputs=("trade",),
        output=EVENT_BARS,
        source="Lopez de Prado 2018, chapter 2",
        shape="table",
        pane="price",
        framed=False,
    )

    def start(self, instrument: Instrument) -> State:
        ints, acc = fresh_bar()
        return {"ints": ints, "acc": acc, "tick": instrument.tick_size}

    def fold(self, state: State, batch: Batch) -> Table:
        trades, gaps, p = batch["trade"], batch["gap"], self.params
        ends = gaps["end_ts"][gaps["kind"] == GapKind.TRADE]
        rule = BarRule[p.rule.upper()]
        room = len(trades) + len(ends) + 1
        if p.split and rule in (BarRule.VOLUME, BarRule.DOLLAR):
            worth = trades["quantity"] * (trades["price"] if rule == BarRule.DOLLAR else 1.0)
            room += int(np.ceil(worth.sum() / p.limit)) + 1
        out, times, complete = np.empty((room, 10)), np.empty((room, 2), np.int64), np.empty(room, np.bool_)
        n = event_bars(
            trades["exchange_ts"], trades["price"], to_ticks(trades["price"], state["tick"]), trades["quantity"],
            trades["aggressor_side"], np.sort(ends), int(rule), p.limit, p.split,
            state["ints"], state["acc"], out, times, complete,
        )  # fmt: skip
        if not n:
            return EVENT_BARS.empty()
        floats = {name: out[:n, k] for k, name in enumerate(_FLOATS)}
        return Table.of(EVENT_BARS, ref_ts=times[:n, 0], known_ts=times[:n, 1], complete=complete[:n], **floats)
