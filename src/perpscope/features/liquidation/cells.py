"""What the rows of the exposure say, kept as arrays over price: the picture that its sisters read from."""

from __future__ import annotations

import math

import numpy as np

from perpscope.core.table import Array, Table
from perpscope.core.units import ContractKind
from perpscope.features.base import State
from perpscope.features.liquidation.entries import UNIT_COLUMNS, ExposureEntry
from perpscope.features.liquidation.grid import LogGrid
from perpscope.features.liquidation.mix import LEVERAGES, TIERS
from perpscope.features.liquidation.worth import worth

NOTIONAL, QUANTITY, YOUNG, DAY, LEVERAGE = range(5)
DEPTH = 5

NEVER = np.iinfo(np.int64).max
"""A time after every row."""

BLOCK = 256
"""Arrays grow by whole blocks of bins at fixed places."""


def empty_cells() -> State:
    """No cells yet; the height of a bin is learnt from the first row."""
    return {"per_octave": 0, "origin": 0, "cells": np.zeros((2, DEPTH, 0)), "units": np.zeros((2, TIERS, 0))}


def grid_of(state: State, rows: Table) -> LogGrid | None:
    """The grid of the exposure, read off the first row about a bin; None until there is one."""
    if state["per_octave"] == 0:
        of_bins = np.flatnonzero(rows["entry"] != ExposureEntry.SIDE)
        if not len(of_bins):
            return None
        first = of_bins[0]
        state["per_octave"] = round(1.0 / math.log2(rows["price_high"][first] / rows["price_low"][first]))
    return LogGrid(state["per_octave"])


def contents(rows: Table, at: Array, kind: ContractKind) -> Array:
    """What the rows at the given positions say: notional, quantity, young and day notional, heaviest tier; (5, n)."""
    out = np.zeros((DEPTH, len(at)))
    if len(at):
        held, forced = rows["exposure"][at], rows["liquidation"][at]
        out[QUANTITY], out[NOTIONAL] = worth(forced, np.sqrt(rows["price_low"][at] * rows["price_high"][at]), kind)
        by = np.divide(out[NOTIONAL], held, out=np.zeros(len(at)), where=held > 0.0)
        out[YOUNG], out[DAY] = rows["young"][at] * by, rows["day"][at] * by
        out[LEVERAGE] = np.searchsorted(LEVERAGES, rows["leverage"][at])  # an empty bin has none: one past the last
    return out


def units_of(rows: Table, at: Array) -> Array:
    """The unit columns of the rows at the given positions; (tiers, n) float32."""
    out = np.empty((TIERS, len(at)), np.float32)
    if len(at):
        for k, name in enumerate(UNIT_COLUMNS):
            out[k] = rows[name][at]
    return out


def make_room(state: State, bins: Array, closes: Array, reach: int) -> int:
    """Grow the cells until all bins and `reach` bins around every close lie inside. Returns by how much bins have moved."""
    low = int(min(closes.min() - reach, bins.min() if len(bins) else closes.min())) - 1
    high = int(max(closes.max() + reach, bins.max() if len(bins) else closes.max())) + 1
    width, origin = state["cells"].shape[2], state["origin"]
    if width and origin <= low and high < origin + width:
        return 0
    if width:
        low, high = min(low, origin), max(high, origin + width - 1)
    start = low // BLOCK * BLOCK
    size = (high // BLOCK + 1) * BLOCK - start
    for name in ("cells", "units"):
        grown = np.zeros((*state[name].shape[:2], size))
        grown[..., origin - start : origin - start + width] = state[name]
        state[name] = grown
    state["origin"] = start
    return origin - start if width else 0
