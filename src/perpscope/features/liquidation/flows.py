"""Gross opens and closes of both sides of a perpetual, from volume, open interest and aggressor side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.errors import UserError
from perpscope.core.events import LIQUIDATION_TOTALS, MARK_BARS
from perpscope.core.instrument import Instrument
from perpscope.core.table import Column, Table, price, quantity, row_schema
from perpscope.core.time import NULL_TS, SECOND
from perpscope.core.units import ContractKind
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.features.liquidation.alignment import (
    BAR_COLUMNS,
    BAR_FLOATS,
    CLOSE,
    forced_in_bars,
    interest_of_bars,
    marks_of_bars,
)
from perpscope.features.liquidation.booking import STARTED, book_bars

POSITION_FLOWS = row_schema(
    "position_flows",
    quantity("open_interest", "what the books sum to after the bar, one side, position units"),
    quantity("opened_long", "longs opened in the bar", mirror="swap:opened_short"),
    quantity("opened_short", "shorts opened in the bar", mirror="swap:opened_long"),
    quantity("closed_long", "longs closed in the bar, liquidated ones included", mirror="swap:closed_short"),
    quantity("closed_short", "shorts closed in the bar, liquidated ones included", mirror="swap:closed_long"),
    quantity("liquidated_long", "realised liquidations of longs, as used; 0 where unknown", mirror="swap:liquidated_short"),
    quantity("liquidated_short", "realised liquidations of shorts, as used; 0 where unknown", mirror="swap:liquidated_long"),
    quantity("late_opened", "opens of each side that belong to the last `late_bars` bars"),
    Column("late_bars", "count", "bars that an open interest change covers, this one included", "int64"),
    quantity("unseen", "change of open interest over missing bars"),
    Column("rebase", "ratio", "factor by which the books are rescaled after a contradiction, else 1"),
    quantity("volume", "traded in the bar, position units"),
    price("entry_low", "lowest trade, where the opens' entries begin", mirror="swap:entry_high"),
    price("entry_high", "highest trade", mirror="swap:entry_low"),
    price("sweep_low", "lowest mark price; last price where flagged LAST", mirror="swap:sweep_high"),
    price("sweep_high", "highest mark price; last price where flagged LAST", mirror="swap:sweep_low"),
    price("close", "mark price at the end; last price where flagged LAST"),
    Column("flags", "flag", "sum of `Flag` codes", "int64"),
)

_FLOATS = tuple(c.name for c in POSITION_FLOWS.columns if c.dtype == "float64")


@dataclass(frozen=True)
class FlowParams:
    """`flow_fraction` (phi): share of volume that really changes positions. `taker_weight` (theta): weight of aggressors
    among those who open. `lateness_seconds`: how long a bar waits for an open interest stamp that is due.
    `carry_bars`: bars after which an unexplained rest of open interest rescales the books."""

    flow_fraction: float = 0.35
    taker_weight: float = 0.7
    lateness_seconds: float = 30.0
    carry_bars: int = 12


class PositionFlows(Feature):
    """How much was opened and closed on each side, by the identity every contract obeys.

    Definition: every unit traded has two legs, each opening or closing, so opens = V' + dO and closes = V' - dO over both
    sides, where dO is the change of open interest and V' = max(phi V, n_L + n_S) the volume that changes positions. With
    n_L = max(0, dO + R_L) the least opens of longs and n_S = max(R_S, -dO) the least closes of shorts (R realised
    liquidations) and beta = theta b + (1 - theta)(1 - b), b the taker-buy fraction:
    opened_long = clip((V' + dO) beta, n_L, V' - n_S), opened_short = V' + dO - opened_long, closed = opened - dO.
    Both sides change by exactly dO. A change beyond the volume contradicts the contract: it is capped, carried, and after
    `carry_bars` bars the books are rescaled. Open interest coarser than bars is never interpolated: inside, opens equal
    closes; at its stamp the whole change is applied, its opens spread over the bars it covers by their volume.
    Units: position units, conserved by trading: base (linear), USD face (inverse; the volume is converted at the bar's
    close). A bar takes the open interest stamped at its close, or the next one within `lateness_seconds` if one is
    due; `known_ts` is the later of the two. No row before the first open interest.
    Source: own; identity and measurements in docs/definitions/liquidation_exposure.md.

    Example:
        >>> from perpscope.core.events import BARS, OPEN_INTEREST
        >>> bars = Table.filled(BARS, ref_ts=[0, 60], known_ts=[60, 120], open=[9.0] * 2, high=[9.0] * 2, low=[9.0] * 2,
        ...                     close=[9.0] * 2, volume=[5.0, 4.0], buy_volume=[4.0, 2.0], complete=[True] * 2)
        >>> interest = Table.filled(OPEN_INTEREST, exchange_ts=[60, 120], open_interest=[100.0, 101.0])
        >>> fold = PositionFlows(FlowParams(flow_fraction=1.0))
        >>> rows = fold.fold(fold.start(Instrument("demo", "X")), Batch(120, {"bars": bars, "open_interest": interest}))
        >>> [rows[name][1].item() for name in ("opened_long", "opened_short", "closed_long", "closed_short")]
        [2.5, 2.5, 1.5, 1.5]
    """

    spec = FeatureSpec(
        name="position_flows",
        title="Position opens and closes",
        inputs=("bars", "open_interest", "mark_bars?", "liquidation_totals?"),
        output=POSITION_FLOWS,
        source="own",
        shape="histogram",
        pane="open_interest",
        wakes="watermark",
    )
    Params = FlowParams
    exempt: ClassVar[dict[str, str]] = {
        "gap": "positions live through a hole in our data: the change of open interest over it is booked as unseen",
    }

    def __init__(self, params: FlowParams | None = None, frame: str | None = None) -> None:
        super().__init__(params, frame)
        p: FlowParams = self.params
        if not (0.0 < p.flow_fraction <= 1.0 and 0.0 <= p.taker_weight <= 1.0):
            raise UserError("position_flows: flow_fraction and taker_weight are shares; choose values above 0 and up to 1.")
        if not (p.lateness_seconds >= 0.0 and p.carry_bars >= 1):
            raise UserError("position_flows: lateness_seconds must not be negative and carry_bars be at least 1.")

    def start(self, instrument: Instrument) -> State:
        return {
            "stamp": np.array([NULL_TS, 0], np.int64),
            "ints": np.array([NULL_TS, 0, 0, 0, 0], np.int64),
            "sums": np.array([np.nan, np.nan, 0.0, 0.0, 0.0]),
            "spans": np.empty((0, 2), np.int64),
            "bars": np.empty((0, BAR_FLOATS)),
            "stamps": np.empty(0, np.int64),
            "interest": np.empty((0, 2)),
            "mark_bars": MARK_BARS.empty(),
            "liquidation_totals": LIQUIDATION_TOTALS.empty(),
            "inverse": instrument.kind is ContractKind.INVERSE,
        }

    def fold(self, state: State, batch: Batch) -> Table:
        _remember(state, batch)
        bars, spans = state["bars"], state["spans"]
        n = len(bars)
        if n == 0:
            return POSITION_FLOWS.empty()
        params: FlowParams = self.params
        known, values = np.empty(n, np.int64), np.empty((n, 2))
        flags, late = np.zeros(n, np.int64), np.empty(n, np.int64)
        lateness = int(params.lateness_seconds * SECOND)
        done, spent = interest_of_bars(
            spans, bars[:, CLOSE], state["stamps"], state["interest"], batch.watermark_ts, state["inverse"], lateness,
            state["stamp"], state["ints"][STARTED] == 0, known, values, flags,
        )  # fmt: skip
        if done == 0:
            return POSITION_FLOWS.empty()
        out = np.empty((done, len(_FLOATS)))
        silent = book_bars(
            spans[:done], bars[:done], values, state["inverse"], params.flow_fraction, params.taker_weight,
            params.carry_bars, state["ints"], state["sums"], out, flags, late,
        )  # fmt: skip
        state["bars"], state["spans"] = bars[done:].copy(), spans[done:].copy()
        state["stamps"], state["interest"] = state["stamps"][spent:].copy(), state["interest"][spent:].copy()
        if silent == done:
            return POSITION_FLOWS.empty()
        rows = slice(silent, done)  # bars before the first open interest have no row
        return Table.of(
            POSITION_FLOWS,
            ref_ts=spans[rows, 0],
            known_ts=known[rows],
            late_bars=late[rows],
            flags=flags[rows],
            **{name: out[rows, i] for i, name in enumerate(_FLOATS)},
        )


def _remember(state: State, batch: Batch) -> None:
    """Take the batch into the state: bars with their mark prices and liquidations, and open interest."""
    interest = batch["open_interest"]
    if len(interest):
        state["stamps"] = np.concatenate([state["stamps"], interest["exchange_ts"]])
        values = np.column_stack([interest["open_interest"], interest["open_interest_notional"]])
        state["interest"] = np.concatenate([state["interest"], values])
    for name in ("mark_bars", "liquidation_totals"):
        if name in batch and len(batch[name]):
            state[name] = Table.concat([state[name], batch[name]])
    bars = batch["bars"]
    if not len(bars):
        return
    rows = np.full((len(bars), BAR_FLOATS), np.nan)
    for i, name in enumerate(BAR_COLUMNS):
        rows[:, i] = bars[name]
    mark, forced = state["mark_bars"], state["liquidation_totals"]
    if len(mark):
        left = marks_of_bars(
            bars["ref_ts"], bars["known_ts"], mark["ref_ts"], mark["known_ts"], mark["high"], mark["low"], mark["close"], rows
        )
        state["mark_bars"] = mark[left:]
    if len(forced):
        left = forced_in_bars(
            bars["ref_ts"], bars["known_ts"], forced["ref_ts"], forced["known_ts"], forced["long_quantity"],
            forced["short_quantity"], rows,
        )  # fmt: skip
        state["liquidation_totals"] = forced[left:]
    spans = np.column_stack([bars["ref_ts"], bars["known_ts"]])
    waiting = len(state["bars"])
    state["bars"] = np.concatenate([state["bars"], rows]) if waiting else rows
    state["spans"] = np.concatenate([state["spans"], spans]) if waiting else spans
