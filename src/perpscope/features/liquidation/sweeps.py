"""What the price went through: expected forced closes per swept bin, the ground of learning and of every score."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Column, Table, choice, price, quantity, row_schema
from perpscope.core.units import ContractKind, PositionSide
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.features.liquidation.entries import UNIT_COLUMNS, AgeClass, ExposureEntry
from perpscope.features.liquidation.flags import Flag
from perpscope.features.liquidation.worth import worth

SWEEPS = row_schema(
    "liquidation_sweeps",
    choice("side", PositionSide, "whose positions broke", mirror="flip"),
    choice("age", AgeClass, "how long ago they were opened"),
    Column("bin", "id", "absolute bin of the log grid", "int64"),
    price("price_low", "lower edge of the bin", mirror="swap:price_high"),
    price("price_high", "upper edge of the bin", mirror="swap:price_low"),
    quantity("quantity", "expected to be closed by force there, base units; known before the bar began"),
    Column("notional", "notional", "the same in quote coin at the bin's price"),
    quantity("realised", "liquidations of that side in the whole bar, position units; NaN where not reported"),
    Column("flags", "flag", "sum of `Flag` codes", "int64"),
    *(Column(name, "quantity", f"swept, if all opens were at {name[5:]}", "float32") for name in UNIT_COLUMNS),
)


class LiquidationSweeps(Feature):
    """The bins that price went through and what the books held there before the bar: a forecast with its outcome.

    Definition: a bin is swept when the mark price passes its centre, whole, once. Its content was fixed by bars before,
    so nothing of the bar is in it. One row per bin, side and age class. The unit columns are free of any mix: a learner
    weighs them. `realised` is the whole bar's total of that side, repeated on each of its rows.
    Units: base units, quote coin, position units for unit columns and `realised`. `known_ts` as `liquidation_exposure`.
    Source: own.

    Example:
        >>> LiquidationSweeps(frame="1h").inputs
        ('position_flows', 'liquidation_exposure')
    """

    spec = FeatureSpec(
        name="liquidation_sweeps",
        title="Swept liquidation levels",
        inputs=("position_flows", "liquidation_exposure"),
        output=SWEEPS,
        source="own",
        shape="marker",
        pane="price",
    )
    exempt: ClassVar[dict[str, str]] = {
        "gap": "positions live through a hole in our data; a hole of more than a day restarts the books",
        "scale": "single precision of the unit columns, see liquidation_exposure",
        "mirror": "the books lie on a logarithmic grid, see liquidation_exposure",
    }

    def start(self, instrument: Instrument) -> State:
        return {"kind": int(instrument.kind)}

    def fold(self, state: State, batch: Batch) -> Table:
        flows, rows = batch["position_flows"], batch["liquidation_exposure"]
        broken = rows["entry"] == ExposureEntry.SWEPT
        if not broken.any():
            return SWEEPS.empty()
        rows = rows[broken]
        bar = np.searchsorted(flows["ref_ts"], rows["ref_ts"])
        longs = rows["side"] == PositionSide.LONG
        realised = np.where(longs, flows["liquidated_long"][bar], flows["liquidated_short"][bar])
        unknown = rows["flags"] & int(Flag.NO_LIQ | Flag.LIQ_HIGH) != 0
        quantity_, notional = worth(
            rows["liquidation"], np.sqrt(rows["price_low"] * rows["price_high"]), ContractKind(state["kind"])
        )
        return Table.of(
            SWEEPS,
            quantity=quantity_,
            notional=notional,
            realised=np.where(unknown, np.nan, realised),
            **{name: rows[name] for name in SWEEPS.names if name not in ("quantity", "notional", "realised")},
        )
