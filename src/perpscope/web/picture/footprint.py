"""Footprint cells in fewer, taller bins where a window holds more of them than can be drawn."""

from __future__ import annotations

import numpy as np

from perpscope.core.table import Table

_SUMS = ("buy_volume", "sell_volume", "buy_count", "sell_count")


def coarser(cells: Table, most: int) -> Table:
    """The same volumes in bins of 2, 4, 8 .. times the tallest bin there is, as few doublings as make at most `most` cells.

    Bins lie at absolute multiples from tick 0, so that they do not shift with the window; volumes and counts are sums, so
    nothing is lost but the place within a bin. Cells keep the order of their bars; those of one bar ascend. A table that fits
    is returned as it is.

    Example:
        >>> from perpscope.features.profile.footprint import FOOTPRINT
        >>> cells = Table.filled(FOOTPRINT, ref_ts=[0] * 4, known_ts=[1] * 4, low_tick=[8, 9, 10, 11], step=[1] * 4,
        ...     price_low=[8.0, 9, 10, 11], price_high=[9.0, 10, 11, 12], buy_volume=[1.0, 2, 3, 4], sell_volume=[0.0] * 4,
        ...     buy_count=[1.0] * 4, sell_count=[0.0] * 4, complete=[True] * 4)
        >>> merged = coarser(cells, 2)
        >>> [merged[name].tolist() for name in ("low_tick", "step", "price_low", "price_high", "buy_volume")]
        [[8, 10], [2, 2], [8.0, 10.0], [10.0, 12.0], [3.0, 7.0]]
    """
    while len(cells) > most:
        step = 2 * int(cells["step"].max())
        bins = cells["low_tick"] // step
        order = np.lexsort((bins, cells["ref_ts"]))
        bars, bins = cells["ref_ts"][order], bins[order]
        first = np.flatnonzero(np.append(True, (bars[1:] != bars[:-1]) | (bins[1:] != bins[:-1])))
        if len(first) == len(cells) and step > int(cells["low_tick"].max()):
            break  # one cell a bar: there is nothing left to join
        tick = float(np.median((cells["price_high"] - cells["price_low"]) / cells["step"]))
        low = bins[first] * step
        sums = {name: np.add.reduceat(cells[name][order], first) for name in _SUMS}
        whole = np.logical_and.reduceat(cells["complete"][order], first)
        heads = cells[order[first]]
        prices = {"price_low": low * tick, "price_high": (low + step) * tick}
        cells = heads.with_columns(low_tick=low, step=np.full(len(low), step), complete=whole, **prices, **sums)
    return cells
