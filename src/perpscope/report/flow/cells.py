"""How much of a footprint fits: from numbers in every cell, over one number, to colours, to several bars as one.

The rows of the fold are never changed by this; only what is drawn is coarser, and the picture says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from perpscope.core.table import Table
from perpscope.core.time import TimeRange
from perpscope.numeric.window import nearest_rank

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

NUMBERS_WIDE, DELTA_WIDE, COLOUR_WIDE = 78.0, 34.0, 5.0
"""Pixels that a bar needs for two numbers side by side, for one, and to be told from its neighbour."""

TEXT_TALL, CELL_TALL = 13.0, 3.0
RATIO, LARGEST_SHARE = 3.0, 0.8
_GROUPS = (1, 2, 3, 5, 10, 15, 30, 60, 120, 240, 480, 960, 1440)


class Detail(IntEnum):
    """What a drawn cell shows: sold and bought, their difference as a number, or a colour only."""

    NUMBERS = 1
    DELTA = 2
    COLOUR = 3


@dataclass(frozen=True)
class Cells:
    """Dense cells (bars, rows): `sold`, `bought`, the marks `buy_imbalance` and `sell_imbalance`; `poc` is a row per bar.

    Bar i covers [opens[i], opens[i] + length); row j the ticks [first_tick + j * step, first_tick + (j + 1) * step).
    """

    detail: Detail
    opens: npt.NDArray[np.int64]
    length: int
    group: int
    first_tick: int
    step: int
    sold: Floats
    bought: Floats
    buy_imbalance: Mask
    sell_imbalance: Mask
    poc: npt.NDArray[np.int64]


def cells_to_draw(rows: Table, frame: int, window: TimeRange, width: float, height: float) -> Cells | None:
    """The cells of footprint rows for a pane of `width` x `height` pixels that shows the window; None without rows.

    Definition: the widest detail whose cells are legible; bars are joined, and bins merged by powers of two from tick 0,
    until they are. Of merged cells the picture marks imbalances anew: 3 times the other side one row across, zero ignored,
    and among the largest fifth of all pairs shown (the fold's own are causal and in its rows).
    """
    if not len(rows):
        return None
    wide = width * frame / (window.end - window.start)
    group = next((g for g in _GROUPS if wide * g >= COLOUR_WIDE), _GROUPS[-1])
    detail = Detail.NUMBERS if wide >= NUMBERS_WIDE else Detail.DELTA if wide >= DELTA_WIDE else Detail.COLOUR
    tall = CELL_TALL if detail == Detail.COLOUR else TEXT_TALL
    step = int(rows["step"].max())
    lowest, highest = int(rows["low_tick"].min()), int((rows["low_tick"] + rows["step"] - 1).max())
    while height / (highest // step - lowest // step + 3) < tall:
        step *= 2
    length = frame * group
    bar = (rows["ref_ts"] - window.start) // length
    opens, bar = np.unique(bar, return_inverse=True)
    row = rows["low_tick"] // step - lowest // step
    shape = (len(opens), int(row.max()) + 1)
    sold, bought = np.zeros(shape), np.zeros(shape)
    np.add.at(sold, (bar, row), rows["sell_volume"])
    np.add.at(bought, (bar, row), rows["buy_volume"])
    buy, sell = imbalances_of(sold, bought)
    return Cells(
        detail=detail,
        opens=window.start + opens * length,
        length=length,
        group=group,
        first_tick=lowest // step * step,
        step=step,
        sold=sold,
        bought=bought,
        buy_imbalance=buy,
        sell_imbalance=sell,
        poc=np.argmax(sold + bought, axis=1),
    )


def imbalances_of(sold: Floats, bought: Floats) -> tuple[Mask, Mask]:
    """Cells of (bars, rows) in which buys, or sells, are 3 times the other side one row across and among the largest pairs.

    Example:
        >>> sold = np.array([[5.0, 6, 10, 4, 3, 2, 0]])
        >>> bought = np.array([[0.0, 2, 9, 14, 15, 12, 9]])
        >>> buy, sell = imbalances_of(sold, bought)
        >>> np.flatnonzero(buy[0]).tolist(), bool(sell.any())
        ([4], False)
    """
    below, above = sold[:, :-1], bought[:, 1:]
    pairs = np.maximum(below, above)
    pairs = np.sort(pairs[pairs > 0])
    least = nearest_rank(pairs, len(pairs), LARGEST_SHARE) if len(pairs) else np.inf
    buy, sell = np.zeros(sold.shape, np.bool_), np.zeros(sold.shape, np.bool_)
    buy[:, 1:] = (below > 0) & (above >= RATIO * below) & (above >= least)
    sell[:, :-1] = (above > 0) & (below >= RATIO * above) & (below >= least)
    return buy, sell
