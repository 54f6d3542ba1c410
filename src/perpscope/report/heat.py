"""The heatmap's rows as a picture's grid: which cell held what, at every bar's beginning."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.core.table import Table
from perpscope.core.units import PositionSide
from perpscope.features.liquidation.map import newest_cells

Floats = npt.NDArray[np.float64]

_SHARE_OF_INTEREST = 0.005
"""A full-bright cell is about this share of the open interest (measured: the largest of BTC are .4 to .6 %)."""


@dataclass(frozen=True)
class Heat:
    """USD per cell: `supported` was opened within about a day, `old` earlier. Arrays are (bins, columns), 0 where empty.

    Column j holds from edges_ts[j] to edges_ts[j + 1]; where several bars share a column it shows the largest value.
    Bin i covers prices[i] to prices[i + 1].
    """

    edges_ts: npt.NDArray[np.int64]
    prices: Floats
    supported: Floats
    old: Floats


def scale_usd(open_interest_usd: float) -> float:
    """The USD at which a cell is brightest: a rung of 1, 3, 10, 30 .. chosen by the size of the contract.

    Definition: 0.5 % of the open interest, to the nearest rung. The rungs are a factor of three apart, so the scale of
    an instrument stays put for months; it never depends on what the window happens to show.

    Example:
        >>> scale_usd(4.0e9), scale_usd(6.3e9), scale_usd(1.1e9)
        (30000000.0, 30000000.0, 3000000.0)
    """
    half_steps = round(2.0 * math.log10(max(open_interest_usd * _SHARE_OF_INTEREST, 1.0)))
    return float(10 ** (half_steps // 2) * (3 if half_steps % 2 else 1))


def ahead(held: Table, mark: float) -> Table:
    """Longs below the mark and shorts above it; what lies behind it is about to be swept or was missed."""
    centre = np.sqrt(held["price_low"] * held["price_high"])
    return held[np.where(held["side"] == PositionSide.LONG, centre < mark, centre > mark)]


def raster(rows: Table, edges_ts: npt.NDArray[np.int64], pool: int, low: float, high: float) -> Heat | None:
    """The cells between two prices over the columns that begin at `edges_ts` (the last entry ends the last column).

    A column shows what was known when it began: nothing of the bar that runs meanwhile is in it. `pool` columns are
    drawn as one, each cell with its largest value. None where no row holds in the window.
    """
    start = int(edges_ts[0])
    before = newest_cells(rows, start)
    window = rows[(rows.clock > start) & (rows.clock < edges_ts[-1])]
    used = Table.concat([before, window])
    used = used[(used["price_high"] > low) & (used["price_low"] < high)]
    if not len(used):
        return None
    first, last = int(used["bin"].min()), int(used["bin"].max())
    height = math.log(float(used["price_high"][0]) / float(used["price_low"][0]))
    anchor = float(used["price_low"][0]) / math.exp(height * int(used["bin"][0]))
    prices = anchor * np.exp(height * np.arange(first, last + 2))
    columns = len(edges_ts) - 1
    supported = np.zeros((last - first + 1, columns))
    old = np.zeros_like(supported)
    column = np.maximum(np.searchsorted(edges_ts, used.clock, side="left"), 0)
    fits = column < columns
    used, column = used[fits], column[fits]
    young = np.nan_to_num(used["young_fraction"] + used["day_fraction"])
    for side in PositionSide:
        mine = np.flatnonzero(used["side"] == side)
        holder = np.full(supported.shape, -1, np.int64)
        holder[used["bin"][mine] - first, column[mine]] = mine
        holder = np.maximum.accumulate(holder, axis=1)
        held = holder >= 0
        supported[held] += (used["notional"] * young)[holder[held]]
        old[held] += (used["notional"] * (1.0 - young))[holder[held]]
    return Heat(*_pooled(edges_ts, pool), prices, *(_largest(a, pool) for a in (supported, old)))


def _pooled(edges_ts: npt.NDArray[np.int64], pool: int) -> tuple[npt.NDArray[np.int64]]:
    kept = edges_ts[:-1:pool]
    return (np.append(kept, edges_ts[-1]),)


def _largest(cells: Floats, pool: int) -> Floats:
    return np.maximum.reduceat(cells, np.arange(0, cells.shape[1], pool), axis=1)
