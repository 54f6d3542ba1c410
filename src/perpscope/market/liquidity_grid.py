"""Rows of the liquidity heatmap as a picture's cells, and its zoom levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perpscope.core.errors import UserError
from perpscope.core.events import BookSide
from perpscope.core.table import Array, Table


@dataclass(frozen=True)
class LiquidityGrid:
    """Cells of a stretch of time and price.

    `bids`, `asks`: float32 [columns, bins], base units per base bin; NaN where the column was never told, 0 where nothing
    rested. `valid`: float64 [columns], part of the column during which the book could be read. `beyond`: bool [columns,
    bins], lower bounds. Column c begins at `since + c * column_ns`, row b holds prices from `bottom + b * height`.
    """

    bids: Array
    asks: Array
    valid: Array
    beyond: Array
    first_column: int
    column_ns: int
    first_bin: int
    height: float

    @property
    def since(self) -> int:
        return self.first_column * self.column_ns

    @property
    def bottom(self) -> float:
        return self.first_bin * self.height


def liquidity_grid(
    rows: Table, column_ns: int, step: float, since: int, until: int, low: float, high: float, level: int = 0
) -> LiquidityGrid:
    """The cells of [since, until) and [low, high), at a zoom level.

    Inputs: rows of `liquidity_heatmap`; the column's length and the bin's height in price (`step_ticks` x tick size) that
    they were made with; the stretch wanted; `level` 0 for the rows as they are, each further level pools 2 x 2 cells.
    Returns: cells whose edges lie on multiples of the pooled column and bin, so a picture moved by a pixel shows the same
    cells; the unit stays base units per base bin, so one colour scale serves all levels.

    Raises:
        UserError: if the stretch is empty or the level is negative.

    Example:
        >>> from perpscope.core.events import BookSide
        >>> from perpscope.features.book.liquidity_heatmap import LIQUIDITY_HEATMAP
        >>> rows = Table.of(LIQUIDITY_HEATMAP, ref_ts=[0, 0, 1, 1], known_ts=[1, 1, 2, 2], side=[1] * 4, bin=[4, 5, 4, 5],
        ...                 bottom=[4.0, 5.0, 4.0, 5.0], top=[4.0, 5.0, 4.0, 5.0], quantity=[19.0, 3.0, 4.0, 8.0],
        ...                 valid_fraction=[1.0] * 4, beyond=[False] * 4)
        >>> liquidity_grid(rows, 1, 1.0, 0, 2, 4.0, 6.0, level=1).bids.tolist()
        [[19.0]]
    """
    if not (until > since and high > low and level >= 0):
        raise UserError("A heatmap needs a stretch of time and price that is not empty, and a zoom level of 0 or more.")
    pool = 1 << level
    last_column, last_bin = (until - 1) // column_ns, int(np.ceil(high / step - 1e-9)) - 1
    edges = (
        since // column_ns // pool * pool,
        (last_column // pool + 1) * pool,
        int(np.floor(low / step + 1e-9)) // pool * pool,
        (last_bin // pool + 1) * pool,
    )
    columns, bins = edges[1] - edges[0], edges[3] - edges[2]
    c, b = rows["ref_ts"] // column_ns - edges[0], rows["bin"] - edges[2]
    told = (c >= 0) & (c < columns)
    valid = np.zeros(columns)
    valid[c[told]] = rows["valid_fraction"][told]
    sides = np.zeros((2, columns, bins), np.float32)
    sides[:, valid == 0] = np.nan
    beyond = np.zeros((columns, bins), np.bool_)
    inside = told & (b >= 0) & (b < bins)
    sides[rows["side"][inside] - int(BookSide.BID), c[inside], b[inside]] = rows["quantity"][inside]
    beyond[c[inside], b[inside]] |= rows["beyond"][inside]
    return LiquidityGrid(
        max_pool(sides[0], pool),
        max_pool(sides[1], pool),
        valid.reshape(-1, pool).mean(axis=1),
        np.any(beyond.reshape(columns // pool, pool, bins // pool, pool), axis=(1, 3)).reshape(columns // pool, -1),
        edges[0] // pool,
        column_ns * pool,
        edges[2] // pool,
        step * pool,
    )


def max_pool(cells: Array, pool: int) -> Array:
    """The largest of each `pool` x `pool` cells, NaN only where all are; the shape must be a multiple of `pool`.

    A mean would make a thin wall disappear as one zooms out; a maximum keeps it.

    Example:
        >>> max_pool(np.array([[19.0, 3.0], [4.0, np.nan]]), 2).tolist()
        [[19.0]]
    """
    if pool == 1:
        return cells
    blocks = cells.reshape(cells.shape[0] // pool, pool, cells.shape[1] // pool, pool)
    return np.fmax.reduce(np.fmax.reduce(blocks, axis=3), axis=1)
