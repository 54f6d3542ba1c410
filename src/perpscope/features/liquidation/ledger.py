"""The account of the liquidation books: what each bar brought in and took out, per side."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Column, Table, quantity, row_schema
from perpscope.core.units import PositionSide
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.features.liquidation.entries import ExposureEntry

_FLOWS = (
    ("opened", "opened in the bar"),
    ("closed", "closed in the bar, liquidated ones included"),
    ("liquidated", "realised liquidations, as used; 0 where unknown"),
)
_BOOKS = (
    ("placed", "on the map after the bar"),
    ("unplaced", "in the open interest but not on the map after the bar"),
    ("swept", "broken on the map in the bar, of all opens, forced or not"),
    ("unresolved", "opened in the bar with a liquidation price behind its close, so not placed"),
)


def _both(name: str, help: str) -> tuple[Column, Column]:
    return (
        quantity(f"{name}_long", f"longs {help}", mirror=f"swap:{name}_short"),
        quantity(f"{name}_short", f"shorts {help}", mirror=f"swap:{name}_long"),
    )


LEDGER = row_schema(
    "liquidation_ledger",
    quantity("open_interest", "one side, after the bar, position units"),
    *(column for name, help in (*_FLOWS, *_BOOKS) for column in _both(name, help)),
    Column("placed_fraction", "fraction", "placed / open interest, mean of both sides: how much of it the map can see"),
    Column("swept_total", "quantity", "swept, both sides, summed since the books began"),
    Column("realised_total", "quantity", "liquidated, both sides, summed since the books began, over bars that report it"),
    Column("flags", "flag", "sum of `Flag` codes", "int64"),
)

_NO_LIQ, _RESTART = 4, 2048


class LiquidationLedger(Feature):
    """What the liquidation books hold and how they came to it, bar by bar.

    Definition: per side placed + unplaced = open interest, and both move by opened - closed. Swept units leave `placed`;
    those that the venue did not report as liquidated are in `unplaced` afterwards. `swept_total` and `realised_total` run
    over the same bars (those with a liquidation report); their ratio says how far the level of the map is off.
    Units: position units: base (linear), USD face (inverse). One row per bar, known with `liquidation_exposure`.
    Source: own.

    Example:
        >>> LiquidationLedger(frame="1h").inputs
        ('position_flows', 'liquidation_exposure')
    """

    spec = FeatureSpec(
        name="liquidation_ledger",
        title="Liquidation books",
        inputs=("position_flows", "liquidation_exposure"),
        output=LEDGER,
        source="own",
        shape="line",
        pane="open_interest",
    )
    exempt: ClassVar[dict[str, str]] = {
        "gap": "positions live through a hole in our data; a hole of more than a day restarts the books",
        "mirror": "the books lie on a logarithmic grid, see liquidation_exposure",
    }

    def start(self, instrument: Instrument) -> State:
        return {"totals": np.zeros(2)}

    def fold(self, state: State, batch: Batch) -> Table:
        flows, rows = batch["position_flows"], batch["liquidation_exposure"]
        if not len(flows):
            return LEDGER.empty()
        accounts = np.flatnonzero(rows["entry"] == ExposureEntry.SIDE)  # per bar a long one, then a short one
        columns = {}
        for side in PositionSide:
            name, mine = side.name.lower(), accounts[side - 1 :: 2]
            for flow, _ in _FLOWS:
                columns[f"{flow}_{name}"] = flows[f"{flow}_{name}"] + (flows["late_opened"] if flow == "opened" else 0.0)
            columns[f"placed_{name}"] = rows["exposure"][mine]
            for part in ("unplaced", "swept", "unresolved"):
                columns[f"{part}_{name}"] = rows[part][mine]
            flags = rows["flags"][mine]
        interest = flows["open_interest"]
        placed = columns["placed_long"] + columns["placed_short"]
        reported = flags & _NO_LIQ == 0
        sums = np.zeros((2, len(flows)))
        for i, part in enumerate(("swept", "liquidated")):
            values = np.where(reported, columns[f"{part}_long"] + columns[f"{part}_short"], 0.0)
            sums[i] = _running(values, (flags & _RESTART) != 0, state["totals"], i)
        return Table.of(
            LEDGER,
            ref_ts=flows["ref_ts"],
            known_ts=flows["known_ts"],
            open_interest=interest,
            placed_fraction=np.divide(placed, 2.0 * interest, out=np.full(len(flows), np.nan), where=interest > 0.0),
            swept_total=sums[0],
            realised_total=sums[1],
            flags=flags,
            **columns,
        )


def _running(values: np.ndarray, restart: np.ndarray, totals: np.ndarray, i: int) -> np.ndarray:
    """Running sums that begin anew where `restart`; one addition per bar, so that cutting does not change rounding."""
    out, total = np.empty(len(values)), float(totals[i])
    for t, value in enumerate(values.tolist()):
        total = value if restart[t] else total + value
        out[t] = total
    totals[i] = total
    return out
