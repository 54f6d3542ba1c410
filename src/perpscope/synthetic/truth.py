"""What only the maker of a market can know: every transfer, every position, every liquidation price at any time."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from perpscope.core.table import Column, Schema, Table, choice, price, quantity, ts
from perpscope.core.time import NULL_TS
from perpscope.core.units import AggressorSide, PositionSide
from perpscope.numeric.jit import njit
from perpscope.synthetic.records import Array, Exit, Group, MarginMode, Transfer
from perpscope.synthetic.simulation import Recording

LEDGER = Schema(
    "synthetic_ledger",
    (
        ts("ts", "when contracts changed hands, ns UTC"),
        choice("kind", Transfer, "through the book (trade, liquidation) or beside it"),
        price("price", "of the transfer"),
        quantity("quantity", "base units"),
        Column("buyer", "id", "position that received the contracts", "int64"),
        Column("seller", "id", "position that gave them", "int64"),
        quantity("buyer_opened", "part of the quantity that opened on the buyer's side; the rest closed a short"),
        quantity("seller_opened", "part that opened a short; the rest closed a long"),
        Column("aggressor", "enum", "who crossed the spread; 0 beside the book", "int8", AggressorSide, "flip"),
        quantity("open_interest", "after the transfer, one side"),
    ),
    clock="ts",
)

POSITIONS = Schema(
    "synthetic_position",
    (
        Column("position", "id", "its number; the ledger's buyer and seller", "int64"),
        choice("group", Group, "who holds it"),
        choice("margin_mode", MarginMode, "never: unlevered or hedged, nothing liquidates it"),
        choice("side", PositionSide, "of the first fill; an unlevered account may turn round later", mirror="flip"),
        ts("opened_ts", "first fill"),
        ts("closed_ts", "last fill; NULL_TS while held"),
        choice("exit", Exit, "why it ended; open while held"),
        quantity("quantity", "opened in all"),
        price("entry_price", "average over all openings"),
        price("exit_price", "average over all closings; NaN while nothing is closed"),
        Column("leverage", "ratio", "as set; NaN where unlevered"),
        Column("effective_leverage", "ratio", "entry value over the money behind it, at the last opening"),
        Column("deposited", "notional", "money brought for it, margin added later included; NaN where unlevered"),
        price("stop_price", "NaN without a stop"),
        price("target_price", "NaN without a target"),
    ),
    clock="opened_ts",
)

LEVELS = Schema(
    "synthetic_level",
    (
        ts("ts", "the time asked for"),
        Column("position", "id", "whose level it is", "int64"),
        choice("side", PositionSide, "which side breaks there", mirror="flip"),
        price("liquidation_price", "the mark at which it is liquidated"),
        quantity("quantity", "held at that time"),
        choice("margin_mode", MarginMode, "what stands behind it"),
        Column("leverage", "ratio", "as set by the trader"),
        Column("effective_leverage", "ratio", "entry value over the money behind it"),
    ),
    clock="ts",
)

FORCED = Schema(
    "synthetic_liquidation",
    (
        ts("ts", "when the order was sent"),
        Column("position", "id", "who was liquidated", "int64"),
        choice("side", PositionSide, "side of the position", mirror="flip"),
        price("mark_price", "that triggered it"),
        price("liquidation_price", "of the position"),
        price("bankruptcy_price", "the order's limit"),
        quantity("quantity", "to be closed"),
        quantity("filled", "by the book; the insurance fund took over the rest"),
        price("fill_price", "average in the book; NaN where nothing filled"),
        Column("leverage", "ratio", "as set by the trader"),
    ),
    clock="ts",
)


class Truth:
    """The books of a synthetic market. Tables are built when first asked for.

    Definition: a position is one episode of one trader, from the first fill to the last; an unlevered account has a
    single position for the whole time, which may change sides. Levels are those of leveraged positions with a
    liquidation price; what is absent there is never liquidated.
    Units: prices in quote, quantities in base units, times ns UTC. Source: own.

    Example:
        >>> from perpscope.synthetic import Config, simulate
        >>> truth = simulate(Config(seed=1, days=0.02, open_interest=40.0)).truth
        >>> len(truth.levels_at(truth.start_ts)) > 100
        True
    """

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self.start_ts = recording.config.start
        self.end_ts = recording.config.start + recording.config.seconds * 1_000_000_000
        self._tick = recording.instrument.tick_size
        self._lot = recording.instrument.lot_size

    @cached_property
    def ledger(self) -> Table:
        """Every transfer of contracts, in order. Per position, buys minus sells is what it holds."""
        rows = self._recording.fills
        aggressor = np.select([rows.aggressor > 0, rows.aggressor < 0], [AggressorSide.BUY, AggressorSide.SELL], 0)
        return Table.of(
            LEDGER,
            ts=rows.ts + self.start_ts,
            kind=rows.kind,
            price=self._price(rows.tick),
            quantity=self._quantity(rows.lots),
            buyer=rows.buyer,
            seller=rows.seller,
            buyer_opened=self._quantity(rows.buyer_opened),
            seller_opened=self._quantity(rows.seller_opened),
            aggressor=aggressor,
            open_interest=self._quantity(rows.open_interest),
        )

    @cached_property
    def positions(self) -> Table:
        """Every position that ever existed, in the order of opening."""
        rows = self._recording.positions
        rows = rows[np.argsort(rows.position, kind="stable")]
        return Table.of(
            POSITIONS,
            position=rows.position,
            group=rows.group,
            margin_mode=rows.mode,
            side=rows.side,
            opened_ts=rows.opened_ts + self.start_ts,
            closed_ts=np.where(rows.closed_ts == NULL_TS, NULL_TS, rows.closed_ts + self.start_ts),
            exit=rows.exit,
            quantity=self._quantity(rows.opened_lots),
            entry_price=_ratio(rows.opened_value, rows.opened_lots) * self._tick,
            exit_price=_ratio(rows.closed_value, rows.closed_lots) * self._tick,
            leverage=rows.leverage,
            effective_leverage=rows.effective,
            deposited=np.where(rows.mode == MarginMode.NEVER, np.nan, rows.deposited * self._tick * self._lot),
            stop_price=rows.stop_tick * self._tick,
            target_price=rows.target_tick * self._tick,
        )

    @cached_property
    def liquidations(self) -> Table:
        """Every liquidation with its trigger, its limit and how much the book took."""
        rows = self._recording.liquidations
        return Table.of(
            FORCED,
            ts=rows.ts + self.start_ts,
            position=rows.position,
            side=rows.side,
            mark_price=self._price(rows.mark_tick),
            liquidation_price=rows.liquidation_tick * self._tick,
            bankruptcy_price=self._price(rows.limit_tick),
            quantity=self._quantity(rows.lots),
            filled=self._quantity(rows.filled_lots),
            fill_price=_ratio(rows.filled_value, rows.filled_lots) * self._tick,
            leverage=rows.leverage,
        )

    @cached_property
    def _level_positions(self) -> NDArray[np.int32]:
        return np.ascontiguousarray(self._recording.levels.position)

    def levels_at(self, at_ts: int) -> Table:
        """The true liquidation levels after everything that happened up to and including `at_ts`.

        Returns:
            One row per leveraged position alive then, lowest price first.
        """
        log = self._recording.levels
        seen = int(np.searchsorted(log.ts, at_ts - self.start_ts, side="right"))
        last = np.full(int(self._recording.market.opened), -1, np.int64)
        _latest(self._level_positions, seen, last)
        rows = log[last[last >= 0]]
        rows = rows[(rows.lots > 0) & np.isfinite(rows.liquidation_tick)]
        rows = rows[np.argsort(rows.liquidation_tick, kind="stable")]
        return Table.of(
            LEVELS,
            ts=np.full(len(rows), at_ts),
            position=rows.position,
            side=self.positions["side"][rows.position],
            liquidation_price=rows.liquidation_tick * self._tick,
            quantity=self._quantity(rows.lots),
            margin_mode=self.positions["margin_mode"][rows.position],
            leverage=self.positions["leverage"][rows.position],
            effective_leverage=self.positions["effective_leverage"][rows.position],
        )

    def opened_mix(self) -> dict[float, float]:
        """Share of opened leveraged quantity by the leverage set, over positions opened after the start."""
        rows = self.positions
        mine = rows[(rows["margin_mode"] != MarginMode.NEVER) & (rows["opened_ts"] > self.start_ts)]
        leverages, inverse = np.unique(mine["leverage"], return_inverse=True)
        total = np.bincount(inverse, weights=mine["quantity"], minlength=len(leverages))
        return dict(zip(leverages.tolist(), (total / max(total.sum(), 1e-300)).tolist(), strict=True))

    def _price(self, ticks: Array) -> NDArray[np.float64]:
        return np.round(ticks * self._tick, 6)

    def _quantity(self, lots: Array) -> NDArray[np.float64]:
        return np.round(lots * self._lot, 9)


@njit
def _latest(position: NDArray[np.int32], seen: int, last: NDArray[np.int64]) -> None:
    """The last row of each position among the first `seen`."""
    for k in range(seen):
        last[position[k]] = k


def _ratio(value: Array, count: Array) -> NDArray[np.float64]:
    return np.where(count > 0, value / np.maximum(count, 1), np.nan)
