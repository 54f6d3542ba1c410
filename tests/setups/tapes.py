"""Made tapes for setups: twenty or thirty flat bars, so that the average true range is exactly 2, then what matters.

A flat bar is (open, high, low, close) = (100, 101, 99, 100). Rows of other inputs are made directly, with no feature
behind them: what a setup does with its evidence is under test, not the evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.events import BARS, GAP
from perpscope.core.instrument import Instrument
from perpscope.core.table import Schema, Table
from perpscope.core.time import Timeframe, parse_ts
from perpscope.setups.base import Setup

START = parse_ts("2024-03-04T00:00Z")
FLAT = (100.0, 101.0, 99.0, 100.0)
Bar = tuple[float, float, float, float]
Inputs = Mapping[str, Table]


def bars_of(rows: Sequence[Bar], frame: str = "1h", hole_after: int | None = None, hole: int = 3) -> Table:
    """Bars one after the other from START; with `hole_after`, `hole` bars are missing after that many."""
    step = Timeframe.parse(frame).ns
    index = np.arange(len(rows))
    if hole_after is not None:
        index = index + np.where(index >= hole_after, hole, 0)
    prices = dict(zip(("open", "high", "low", "close"), np.array(rows).T, strict=True))
    return Table.filled(
        BARS,
        ref_ts=START + index * step,
        known_ts=START + (index + 1) * step,
        volume=np.full(len(rows), 8.0),
        complete=np.ones(len(rows), bool),
        **prices,
    )


def at_close(
    schema: Schema, bar: int | Sequence[int], frame: str = "1h", ref: Sequence[int] | None = None, **columns: Any
) -> Table:
    """Rows known at the closes of bars (and about those bars, or the bars `ref`); enum columns not given are 0."""
    step = Timeframe.parse(frame).ns
    at = np.atleast_1d(np.asarray(bar, np.int64))
    about = at if ref is None else np.asarray(ref, np.int64)
    made: dict[str, Any] = {"ref_ts": START + about * step, "known_ts": START + (at + 1) * step}
    for column in schema.columns:
        if column.name in columns:
            made[column.name] = np.broadcast_to(np.asarray(columns.pop(column.name)), at.shape)
        elif column.enum is not None or column.unit == "flag":
            made[column.name] = np.zeros(len(at), column.dtype)
        elif column.dtype == "float32":
            made[column.name] = np.full(len(at), np.nan)
    assert not columns, f"{schema.name} has no {sorted(columns)}"
    return Table.filled(schema, **made)


def run(setup: Setup, bars: Table, inputs: Inputs) -> Table:
    """All rows of a setup over one batch."""
    batch = Batch(int(bars.clock[-1]), {"bars": bars, "gap": GAP.empty(), **inputs})
    return setup.fold(setup.start(Instrument("demo", "X", tick_size=0.5)), batch)


@dataclass(frozen=True)
class Case:
    """A tape whose answer is known by hand.

    `opened` are the columns of the proposal that opens at the last of `bars`; `silent` is the same tape with the one thing
    changed that must keep the setup quiet; `wrong` follows and invalidates it, `late` follows and lets it expire
    (None: it has no time limit, and only a hole ends it).
    """

    name: str
    setup: Setup
    bars: Sequence[Bar]
    inputs: Callable[[Table], Inputs]
    opened: Mapping[str, Any]
    silent: Callable[[Table], Inputs]
    wrong: Sequence[Bar]
    late: Sequence[Bar] | None
    frame: str = "1h"
    relative: Sequence[str] = field(default=())
    """Columns that are relative to the price and so no mirror image of themselves."""
    silent_bars: Sequence[Bar] | None = None
