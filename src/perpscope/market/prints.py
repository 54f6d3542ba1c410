"""Prints that cannot be trades of the market: what is left out of a tape before anything is made from it, and counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perpscope.core.errors import DataError
from perpscope.core.table import Table
from perpscope.core.units import AggressorSide
from perpscope.numeric.binning import to_ticks

OFF_GRID = 1e-6
"""Ticks by which a price may miss the grid: far above rounding of a decimal, far below any real price."""


@dataclass(frozen=True)
class Screened:
    """The prints that are left, in order of time, and how many of each kind were left out or moved."""

    trades: Table
    counts: dict[str, int]

    def sentences(self) -> list[str]:
        """What was done, for a reader; empty where the tape was clean."""
        return [f"{count:,} prints {what}." for what, count in self.counts.items()]


def screen_prints(trades: Table, tick_size: float) -> Screened:
    """Leave out prints that are no trades, drop repeats, restore order; say how many.

    Definition: a print without an aggressor's side, or whose quantity or price is not a positive number, is left out; of
    prints with one id (ids of -1 are unknown and never equal) the first to arrive stays; prints that arrived late are put in
    order of time, equal stamps by id, then by arrival. Prints of the insurance fund and of auto-deleveraging never get here:
    importers know the venue's mark and count them.
    Returns: the tape and the counts, by what happened.
    Raises:
        DataError: if a price lies off the grid of `tick_size`, with the print. Every bin above would be wrong.
    Source: ORDERFLOW section 2.

    Example:
        >>> from perpscope.core.events import TRADE
        >>> tape = Table.of(TRADE, exchange_ts=[2, 1, 1], receive_ts=[2, 3, 3], trade_id=[7, 6, 6], price=[10.0] * 3,
        ...                 quantity=[1.0, 2.0, 2.0], aggressor_side=[1, 2, 2])
        >>> screened = screen_prints(tape, 0.5)
        >>> screened.trades["trade_id"].tolist(), screened.counts
        ([6, 7], {'are repeats of an id and were dropped': 1, 'came out of order and were moved': 1})
    """
    counts: dict[str, int] = {}
    side, quantity, price = trades["aggressor_side"], trades["quantity"], trades["price"]
    sided = np.isin(side, [int(s) for s in AggressorSide])
    positive = (quantity > 0) & np.isfinite(quantity)
    priced = (price > 0) & np.isfinite(price)
    _count(counts, "say no side and were left out", ~sided)
    _count(counts, "have no positive quantity and were left out", sided & ~positive)
    _count(counts, "have no positive price and were left out", sided & positive & ~priced)
    kept = trades if (sided & positive & priced).all() else trades[sided & positive & priced]
    _on_the_grid(kept, tick_size)
    ids = kept["trade_id"]
    _, first = np.unique(ids, return_index=True)
    known = ids >= 0
    repeated = known.copy()
    repeated[first] = False
    _count(counts, "are repeats of an id and were dropped", repeated)
    if repeated.any():
        kept = kept[~repeated]
    stamps, ids = kept["exchange_ts"], kept["trade_id"]
    behind = stamps < np.maximum.accumulate(stamps) if len(kept) else np.zeros(0, np.bool_)
    _count(counts, "came out of order and were moved", behind)
    if behind.any():
        kept = kept[np.lexsort((ids, stamps))]
    return Screened(kept, counts)


def _count(counts: dict[str, int], what: str, mask: np.ndarray) -> None:
    if mask.any():
        counts[what] = int(mask.sum())


def _on_the_grid(trades: Table, tick_size: float) -> None:
    price = trades["price"]
    off = np.abs(price / tick_size - to_ticks(price, tick_size)) > OFF_GRID
    if off.any():
        at = int(np.argmax(off))
        row = next(trades[at : at + 1].rows())
        raise DataError(
            f"{int(off.sum()):,} of {len(trades):,} prints lie off the grid of the tick {tick_size:g}, first {price[at]:.12g}. "
            "Name the instrument's true tick size.",
            row,
        )
