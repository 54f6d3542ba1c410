"""One cell of a heatmap with exact numbers: what a tooltip shows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from perpscope.core.events import BookSide
from perpscope.core.table import Table
from perpscope.core.units import PositionSide
from perpscope.features.liquidation.exposure import UNIT_COLUMNS
from perpscope.features.liquidation.map import newest_cells
from perpscope.features.liquidation.mix import LEVERAGES, PRIOR, checked_mix
from perpscope.report.results import Results, number
from perpscope.web.picture.known import Picture

Floats = npt.NDArray[np.float64]


def read_cell(picture: Picture, at: int, price: float) -> dict[str, Any]:
    """What was known at `at` of the bin that holds `price`, per side, and what rested in the book there.

    Definition: of the estimated map the newest row of the bin by then: dollars that would be closed by force if price got
    there, their band where the mix in use is calibrated (p10, p90; else null: not known), shares by age, and the shares of
    leverage that make it up. `skill` says what the map has been found worth. Of the book the largest quantity of the bar.
    """
    results = picture.results
    found: dict[str, Any] = {
        "at_ms": at / 1e6,
        "price": price,
        "estimated": True,
        "mix": results.mix.name,
        "sides": [],
        "book": [],
    }
    found["skill"] = (
        results.verdicts["liquidation_map"].value.lower() if "liquidation_map" in results.verdicts else "not measured"
    )
    rows = results.table("liquidation_heatmap")
    if rows is not None and len(rows):
        held = newest_cells(rows, at)
        inside = held[(held["price_low"] <= price) & (price < held["price_high"])]
        found["sides"] = [_side(results, inside[i : i + 1], at) for i in range(len(inside))]
    book = results.table("liquidity_heatmap")
    if book is not None and len(book):
        found["book"] = _resting(book, results, at, price)
    return found


def _side(results: Results, cell: Table, at: int) -> dict[str, Any]:
    row = next(cell.rows())
    side = PositionSide[row["side"].upper()]
    young, day = row["young_fraction"], row["day_fraction"]
    units, shares = _units(results, int(row["bin"]), side, at), _shares(results)
    weighed = units * shares
    total = float(weighed.sum())
    low = high = None
    if results.mix.bands is not None and total > 0.0:
        params = results.params.get(f"liquidation_exposure@{results.frame.name}")
        kappa = 1.0 if params is None else float(getattr(params, f"liquidated_fraction_{side.name.lower()}"))
        middle = math.sqrt(row["price_low"] * row["price_high"])
        kind = results.instrument.kind
        low, high = results.mix.bands.dollars(units, shares * kappa, row["notional"], middle, side, kind).tolist()
    used = [k for k in range(len(shares)) if total > 0.0 and weighed[k] > 0.0]
    return {
        "side": row["side"],
        "price_low": row["price_low"],
        "price_high": row["price_high"],
        "usd": number(row["notional"]),
        "usd_p10": number(low),
        "usd_p90": number(high),
        "quantity": number(row["quantity"]),
        "since_ms": row["known_ts"] / 1e6,
        "young_fraction": number(young),
        "day_fraction": number(day),
        "older_fraction": None if young is None or day is None else number(max(0.0, 1.0 - young - day)),
        "leverage": {f"{LEVERAGES[k]:g}x": number(weighed[k] / total) for k in used},
    }


def _units(results: Results, bin: int, side: PositionSide, at: int) -> Floats:
    """Exposure of the bin if all opens were of one tier, as last stated by then."""
    rows = results.table("liquidation_exposure")
    if rows is None:
        return np.zeros(len(UNIT_COLUMNS))
    mine = np.flatnonzero((rows["bin"] == bin) & (rows["side"] == side) & (rows.clock <= at))
    if not len(mine):
        return np.zeros(len(UNIT_COLUMNS))
    return np.nan_to_num(np.array([rows[name][mine[-1]] for name in UNIT_COLUMNS], np.float64))


def _shares(results: Results) -> Floats:
    params = results.params.get(f"liquidation_exposure@{results.frame.name}")
    return checked_mix(PRIOR if params is None else params.mix)


def _resting(book: Table, results: Results, at: int, price: float) -> list[dict[str, Any]]:
    start = results.frame.floor(at)
    mine = book[(book["ref_ts"] >= start) & (book["ref_ts"] < start + results.frame.ns)]
    height = float(getattr(results.params.get("liquidity_heatmap"), "step_ticks", 1)) * results.instrument.tick_size
    mine = mine[mine["bin"] == math.floor(price / height + 1e-9)]
    found = []
    for side in BookSide:
        resting = mine["quantity"][mine["side"] == side]
        if len(resting):
            found.append({"side": side.name.lower(), "quantity_most": number(float(resting.max()))})
    return found
