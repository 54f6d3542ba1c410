"""The footprint: inside each bar, how much was bought and sold at each price, and which cells overpower their neighbours.

Prices are integer ticks; a bin b covers the ticks [b * step, b * step + step - 1], anchored at tick 0 for ever. Sells are
what hit the bid, buys what lifted the ask; we never say bid volume or ask volume, which the field uses both ways.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from perpscope.core.errors import unknown_name
from perpscope.core.table import Array, Table
from perpscope.market.profile import FAR, FIRST, HIGH, LOW, START, STEP, auto_step, cells_for, clear_cells, fill_cells
from perpscope.numeric.jit import njit

BUY, SELL, BUYS, SELLS = range(4)
"""Rows of the cells: bought and sold base units, counts of buying and selling trades."""

_DAY = 86_400_000_000_000
# further positions in the integer state of a forming profile, see market.profile
_SINCE, _DAY_NUMBER = 6, 7


class CellKind(IntEnum):
    """What a footprint cell shows: sold x bought, their difference, their sum, or the number of trades."""

    SELL_BUY = 1
    DELTA = 2
    VOLUME = 3
    TRADES = 4


def cell_values(rows: Table, kind: CellKind) -> npt.NDArray[np.float64]:
    """The numbers to show for footprint rows: (n, 2) sold and bought for SELL_BUY, else (n, 1).

    Example:
        >>> from perpscope.core.table import row_schema, quantity
        >>> rows = Table.of(row_schema("r", quantity("buy_volume", ""), quantity("sell_volume", "")),
        ...                 ref_ts=[0], known_ts=[1], buy_volume=[5.0], sell_volume=[2.0])
        >>> cell_values(rows, CellKind.DELTA).tolist(), cell_values(rows, CellKind.SELL_BUY).tolist()
        ([[3.0]], [[2.0, 5.0]])
    """
    if kind == CellKind.SELL_BUY:
        return np.column_stack([rows["sell_volume"], rows["buy_volume"]])
    if kind == CellKind.DELTA:
        return (rows["buy_volume"] - rows["sell_volume"])[:, None]
    if kind == CellKind.VOLUME:
        return (rows["buy_volume"] + rows["sell_volume"])[:, None]
    return (rows["buy_count"] + rows["sell_count"])[:, None]


def fresh_footprint() -> dict[str, Array]:
    """The state of a footprint before the first trade."""
    ints = np.zeros(10, np.int64)
    ints[START] = ints[_SINCE] = ints[_DAY_NUMBER] = -FAR
    ints[STEP], ints[LOW], ints[HIGH] = 1, FAR, -FAR
    return {"ints": ints, "cells": np.zeros((4, 64))}


@njit
def footprint_cells(
    ts: Array, price: Array, quantity: Array, side: Array, ref: Array, known: Array,
    frame: int, offset: int, fixed: int, bps: float, tick_size: float, ints: Array, cells: Array,
) -> tuple[Array, int, Array, Array]:  # fmt: skip
    """Cells of the bars that close, lowest bin first: lines (bar's position, lowest tick, step), values (4 per line).

    A trade belongs to the bar whose [open, close) holds its stamp. Returns the forming cells, the number of lines,
    and the two arrays, of which the first `number` entries count. The step is `fixed`, or of the UTC day's first price.
    """
    n, i = 0, 0
    lines, values = np.empty((max(64, 16 * ref.size), 3), np.int64), np.empty((max(64, 16 * ref.size), 4))
    for b in range(ref.size + 1):
        last = b == ref.size
        until = FAR if last else known[b]
        while i < ts.size and ts[i] < until:
            if ts[i] < ints[_SINCE] or ts[i] >= ints[_SINCE] + frame:
                clear_cells(cells, ints)
                ints[_SINCE] = (ts[i] - offset) // frame * frame + offset
                if ts[i] // _DAY != ints[_DAY_NUMBER]:
                    ints[_DAY_NUMBER] = ts[i] // _DAY
                    ints[STEP] = fixed if fixed > 0 else auto_step(price[i], tick_size, bps)
            k = np.int64(np.rint(price[i] / tick_size)) // ints[STEP]
            cells = cells_for(cells, ints, k, k)
            end = min(until, ints[_SINCE] + frame)
            i = fill_cells(ts, price, quantity, side, i, end, tick_size, True, ints, cells)
        if last:
            break
        if ints[_SINCE] == ref[b] and ints[LOW] <= ints[HIGH]:
            bins = ints[HIGH] - ints[LOW] + 1
            if n + bins > lines.shape[0]:
                more_lines, more_values = np.empty((2 * (n + bins), 3), np.int64), np.empty((2 * (n + bins), 4))
                for j in range(n):
                    for c in range(4):
                        more_values[j, c] = values[j, c]
                    more_lines[j, 0], more_lines[j, 1], more_lines[j, 2] = lines[j, 0], lines[j, 1], lines[j, 2]
                lines, values = more_lines, more_values
            for k in range(ints[LOW], ints[HIGH] + 1):
                at = k - ints[FIRST]
                if cells[BUYS, at] + cells[SELLS, at] > 0:
                    lines[n, 0], lines[n, 1], lines[n, 2] = b, k * ints[STEP], ints[STEP]
                    for c in range(4):
                        values[n, c] = cells[c, at]
                    n += 1
        clear_cells(cells, ints)
    return cells, n, lines, values


@dataclass(frozen=True)
class ImbalanceRule:
    """When x, what was done on one side at a bin, dominates y, the other side one bin further.

    `ratio`: x >= ratio * y (x > with `strict`); `least`: x >= least (x > with `strict`), NaN for the rolling quantile;
    `least_sum`: on x + y; `least_difference`: on x - y; `zero`: whether y = 0 counts at all; `counts`: compare
    numbers of trades instead of volumes; `rows`: compare neighbours among the traded rows instead of prices.
    """

    ratio: float = 3.0
    strict: bool = False
    least: float = float("nan")
    least_sum: float = 0.0
    least_difference: float = 0.0
    zero: bool = False
    counts: bool = False
    rows: bool = False


RULES = {
    "canonical": ImbalanceRule(),
    "atas_stacked": ImbalanceRule(3.0, strict=True, least=30.0, zero=True),
    "atas_ratio": ImbalanceRule(4.0, least=0.0),
    "atas_pr110": ImbalanceRule(3.0, least=0.0, least_difference=30.0, zero=True),
    "flowsurface": ImbalanceRule(3.0, strict=True, least=0.0),
    "freqtrade": ImbalanceRule(3.0, strict=True, least=0.0, zero=True, counts=True, rows=True),
}
"""Ours and those of others, by name (ORDERFLOW OF8), so that a result can be compared with theirs."""


def imbalance_rule(name: str) -> ImbalanceRule:
    """The rule called `name`.

    Raises:
        UserError: if there is none.
    """
    if name not in RULES:
        raise unknown_name("imbalance rule", name, RULES)
    return RULES[name]


@njit
def dominates(
    x: float, y: float, ratio: float, strict: bool, least: float, least_sum: float, least_difference: float, zero: bool
) -> bool:
    """The test of `ImbalanceRule` on one pair; never when x is 0 or `least` is not known (NaN)."""
    if x <= 0 or (y <= 0 and not zero) or least != least:
        return False
    enough = x > ratio * y and x > least if strict else x >= ratio * y and x >= least
    return enough and x + y >= least_sum and x - y >= least_difference
