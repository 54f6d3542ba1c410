"""The rows of the liquidation exposure: accounts of a side, of a bin, and of what broke in a bin."""

from __future__ import annotations

from enum import IntEnum

from perpscope.core.table import Column, choice, flag, price, quantity, row_schema
from perpscope.core.units import PositionSide
from perpscope.features.liquidation.mix import LEVERAGES
from perpscope.features.liquidation.statement import ALL, CELL, OLDER, SIDE, SWEPT, YOUNG_AGE


class ExposureEntry(IntEnum):
    """What a row is an account of: a whole side, one bin, or what broke in one bin."""

    SIDE = SIDE
    CELL = CELL
    SWEPT = SWEPT


class AgeClass(IntEnum):
    """How long ago positions were opened: no matter; under 3 hours; earlier."""

    ALL = ALL
    YOUNG = YOUNG_AGE
    OLDER = OLDER


UNIT_COLUMNS = tuple(f"unit_{leverage:g}x" for leverage in LEVERAGES)


EXPOSURE = row_schema(
    "liquidation_exposure",
    choice("entry", ExposureEntry, "account of a side, of a bin, or of what broke in a bin"),
    choice("side", PositionSide, "whose positions", mirror="flip"),
    choice("age", AgeClass, "age class; ALL but in SWEPT rows"),
    flag("full", "the bar states every cell anew"),
    Column("bin", "id", "absolute bin of the log grid; NULL_BIN in SIDE rows", "int64"),
    price("price_low", "lower edge of the bin; NaN in SIDE rows", mirror="swap:price_high"),
    price("price_high", "upper edge of the bin; NaN in SIDE rows", mirror="swap:price_low"),
    quantity("exposure", "SIDE: placed on the map; CELL: held in the bin from this bar on; SWEPT: broken in the bar"),
    quantity("liquidation", "part of exposure expected to be closed by force: exposure x liquidated fraction"),
    quantity("unplaced", "SIDE: held, but not on the map; with exposure it makes the open interest"),
    quantity("unresolved", "SIDE: opened in the bar with a liquidation price behind its close, not placed"),
    quantity("swept", "SIDE: broken in the bar over all bins"),
    quantity("young", "part of exposure opened less than 3 hours ago; NaN in SIDE rows"),
    quantity("day", "part of exposure opened 3 to 24-30 hours ago; NaN in SIDE rows, or where tiers close unequally"),
    Column("leverage", "ratio", "leverage that contributes most; NaN in SIDE rows and where nothing is held"),
    Column("flags", "flag", "sum of `Flag` codes", "int64"),
    *(Column(name, "quantity", f"exposure if all opens were at {name[5:]}", "float32") for name in UNIT_COLUMNS),
)
