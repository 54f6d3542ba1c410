"""Any window of the heatmap as a picture: columns of time, rows of price, pooled from the stored cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import UserError
from perpscope.core.table import Array, Table
from perpscope.core.units import PositionSide
from perpscope.features.liquidation.map import begin_of
from perpscope.numeric.jit import njit

Floats = npt.NDArray[np.float64]
Pool = Literal["max", "last"]


@dataclass(frozen=True)
class HeatWindow:
    """A picture: `longs[column, row]` and `shorts[column, row]` in quote coin, float32, 0 where nothing is held.

    Column c shows what was known in [edges_ts[c], edges_ts[c + 1]), row r the cells whose centre lies in
    [edges_price[r], edges_price[r + 1]). `pool` says how a column and a row were made from several values.
    """

    edges_ts: npt.NDArray[np.int64]
    edges_price: Floats
    longs: npt.NDArray[np.float32]
    shorts: npt.NDArray[np.float32]
    pool: Pool


def heat_window(
    heatmap: Table, from_ts: int, to_ts: int, columns: int, price_low: float, price_high: float, rows: int, pool: Pool = "max"
) -> HeatWindow:
    """Read a window of the heatmap.

    Definition: a cell holds from the moment its row was known until the next row of the same side and bin; nothing is
    drawn before it was known. pool "max": the largest value in force at any time of the column, and the largest cell of
    a row (for looks: nothing bright is lost). pool "last": the values in force at the end of the column, and the sum of
    the cells of a row (for truth: columns add up to the map). Rows are equal in log price.

    Args:
        heatmap: rows of `liquidation_heatmap`, in order.
        from_ts, to_ts: ns, half-open.
        columns, rows: size of the picture.
        price_low, price_high: of the window.

    Raises:
        UserError: if the window is empty or a size is below 1.

    Source: own.

    Example:
        >>> from perpscope.features.liquidation.heatmap import HEATMAP
        >>> rows = Table.filled(HEATMAP, ref_ts=[0, 4], known_ts=[1, 5], side=[1, 1], bin=[1, 1], price_low=[90.0, 90.0],
        ...                     price_high=[91.0, 91.0], quantity=[1.0, 0.0], notional=[90.5, 0.0], full=[True, False],
        ...                     flags=[0, 0])
        >>> heat_window(rows, 0, 8, 4, 80.0, 100.0, 1).longs.ravel().tolist()
        [90.5, 90.5, 90.5, 0.0]
    """
    if not (to_ts > from_ts and price_high > price_low > 0.0 and columns >= 1 and rows >= 1):
        raise UserError(
            "A heat window needs an end after its start, prices above zero that rise, and at least one column and row."
        )
    begin, end = begin_of(heatmap, from_ts), int(np.searchsorted(heatmap.clock, to_ts, side="left"))
    edges = from_ts + (to_ts - from_ts) * np.arange(columns + 1) // columns
    scale = np.log(price_high / price_low) / rows
    used = heatmap[begin:end]
    pictures = np.zeros((2, columns, rows), np.float32)
    if len(used):
        low, high = used["price_low"][0], used["price_high"][0]
        height = np.log(high / low)
        anchor = np.log(low) - used["bin"][0] * height
        first = int(np.floor((np.log(price_low) - anchor) / height)) - 1
        bins = np.arange(first, int(np.ceil((np.log(price_high) - anchor) / height)) + 2)
        row_of = np.floor((anchor + (bins + 0.5) * height - np.log(price_low)) / scale).astype(np.int64)
        row_of[(row_of < 0) | (row_of >= rows)] = -1
        _picture_kernel(used.clock, used["side"], used["bin"], used["notional"], edges, first, row_of, pool == "max", pictures)
    prices = price_low * np.exp(scale * np.arange(rows + 1))
    return HeatWindow(edges, prices, pictures[PositionSide.LONG - 1], pictures[PositionSide.SHORT - 1], pool)


@njit
def _picture_kernel(
    known: Array, side: Array, bins: Array, notional: Array, edges: Array, first: int, row_of: Array, largest: bool, out: Array
) -> None:
    """`now` is what each cell holds, `top` the most it held since the column began; columns are filled as time passes."""
    size = row_of.size
    now, top = np.zeros((2, size)), np.zeros((2, size))
    r = 0
    for c in range(edges.size - 1):
        while r < known.size and known[r] <= edges[c]:
            i = bins[r] - first
            if 0 <= i < size:
                now[side[r] - 1, i] = notional[r]
            r += 1
        if largest:
            top[:] = now
        while r < known.size and known[r] < edges[c + 1]:
            i = bins[r] - first
            if 0 <= i < size:
                now[side[r] - 1, i] = notional[r]
                if largest:
                    top[side[r] - 1, i] = max(top[side[r] - 1, i], notional[r])
            r += 1
        for s in range(2):
            for i in range(size):
                value, row = top[s, i] if largest else now[s, i], row_of[i]
                if row >= 0 and value > 0.0:
                    if largest:
                        out[s, c, row] = max(out[s, c, row], np.float32(value))
                    else:
                        out[s, c, row] += np.float32(value)
