"""The liquidation heatmap: what would be closed by force at each price, as it was known at the time."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from perpscope.core.batch import Batch
from perpscope.core.instrument import Instrument
from perpscope.core.table import Column, Table, choice, flag, price, quantity, row_schema
from perpscope.core.units import ContractKind, PositionSide
from perpscope.features.base import Feature, FeatureSpec, State
from perpscope.features.liquidation.entries import ExposureEntry
from perpscope.features.liquidation.worth import worth

HEATMAP = row_schema(
    "liquidation_heatmap",
    choice("side", PositionSide, "whose positions break there", mirror="flip"),
    Column("bin", "id", "absolute bin of the log grid", "int64"),
    price("price_low", "lower edge of the bin", mirror="swap:price_high"),
    price("price_high", "upper edge of the bin", mirror="swap:price_low"),
    quantity("quantity", "expected to be closed by force when price gets there, base units"),
    Column("notional", "notional", "the same in quote coin at the bin's price"),
    Column("young_fraction", "fraction", "share opened less than 3 hours ago; NaN in an empty cell"),
    Column("day_fraction", "fraction", "share opened 3 to about 24 hours ago; NaN in an empty cell"),
    Column("leverage", "ratio", "leverage that contributes most; NaN in an empty cell"),
    flag("full", "the bar states every cell anew"),
    Column("flags", "flag", "sum of `Flag` codes", "int64"),
)


class LiquidationHeatmap(Feature):
    """Estimated forced closes per price bin and side, over time, never repainted.

    Definition: the expected forced closes of a bin if price goes there (they are conditional on that; how likely it is, is
    another question). A row holds from its bar until the next row of the same side and bin; a quantity of 0 empties the
    cell. A new row is written when the content changes by more than the tolerance of `liquidation_exposure`, so the
    picture is exact to that tolerance; at a `full` bar all cells are written, so reading never goes back further.
    Age matters: in our tests only the young part had skill, so it is told apart and should be drawn as such.
    Units: base units, quote coin; prices in quote. `known_ts` is that of `liquidation_exposure`.
    Source: own; docs/definitions/liquidation_heatmap.md. The level is relative until calibrated.

    Example:
        >>> LiquidationHeatmap(frame="1h").inputs
        ('liquidation_exposure',)
    """

    spec = FeatureSpec(
        name="liquidation_heatmap",
        title="Liquidation heatmap (estimated)",
        inputs=("liquidation_exposure",),
        output=HEATMAP,
        source="own",
        shape="heat",
        pane="price",
    )
    exempt: ClassVar[dict[str, str]] = {
        "gap": "positions live through a hole in our data; a hole of more than a day restarts the books",
        "mirror": "the books lie on a logarithmic grid, see liquidation_exposure",
    }

    def start(self, instrument: Instrument) -> State:
        return {"kind": int(instrument.kind)}

    def fold(self, state: State, batch: Batch) -> Table:
        rows = batch["liquidation_exposure"]
        cells = rows["entry"] == ExposureEntry.CELL
        if not cells.any():
            return HEATMAP.empty()
        rows = rows[cells]
        quantity_, notional = worth(
            rows["liquidation"], np.sqrt(rows["price_low"] * rows["price_high"]), ContractKind(state["kind"])
        )
        held = rows["exposure"]
        absent = np.full(len(rows), np.nan)
        return Table.of(
            HEATMAP,
            ref_ts=rows["ref_ts"],
            known_ts=rows["known_ts"],
            side=rows["side"],
            bin=rows["bin"],
            price_low=rows["price_low"],
            price_high=rows["price_high"],
            quantity=quantity_,
            notional=notional,
            young_fraction=np.divide(rows["young"], held, out=absent.copy(), where=held > 0.0),
            day_fraction=np.divide(rows["day"], held, out=absent, where=held > 0.0),
            leverage=rows["leverage"],
            full=rows["full"],
            flags=rows["flags"],
        )
