"""What the rows of the exposure say, kept as arrays over price: the picture that its sisters read from."""

from __future__ import annotations

import math

import numpy as np

from perpscope.core.table import Array, Table
from perpscope.core.units import ContractKind
from perpscope.features.base import State
from perpscope.features.liquidation.exposure import UNIT_COLUMNS
from perpscope.features.liquidation.grid import LogGrid
from perpscope.features.liquidation.mix import LEVERAGES, TIERS
from perpscope.features.liquidation.worth import worth

NOTIONAL, QUANTITY, YOUNG, DAY, LEVERAGE = range(5)
DEPTH = 5

BLOCK = 256
"""Arrays grow by whole blocks of bins at fixed places."""


def empty_cells() -> State:
    """No cells yet; the height of a bin is learnt from the first row."""
    return {"per_octave": 0, "origin": 0, "cells": np.zeros((2, DEPTH, 0)), "units": np.zeros((2, TIERS, 0))}


def grid_of(state: State, rows: Table) -> LogGrid | None:
    """The grid of the exposure, read off its rows; None until there is one."""
    if state["per_octave"] == 0:
        if not len(rows):
            return None
        state["per_octave"] = round(1.0 / math.log2(rows["price_high"][0] / rows["price_low"][0]))
    return LogGrid(state["per_octave"])


def contents(rows: Table, kind: ContractKind) -> tuple[Array, Array]:
    """What each row says its bin holds: notional, quantity, young and day notional, heaviest tier (5, n); units (tiers, n)."""
    if not len(rows):
        return np.zeros((DEPTH, 0)), np.zeros((TIERS, 0), np.float32)
    base, quote = worth(rows["liquidation"], np.sqrt(rows["price_low"] * rows["price_high"]), kind)
    by = np.divide(quote, rows["exposure"], out=np.zeros(len(rows)), where=rows["exposure"] > 0.0)
    tier = np.searchsorted(LEVERAGES, rows["leverage"]).astype(np.float64)  # an empty bin has none: one past the last
    return np.stack([quote, base, rows["young"] * by, rows["day"] * by, tier]), np.stack([rows[name] for name in UNIT_COLUMNS])


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
