"""The map at the instant: estimated liquidations by price, longs below the mark and shorts above it."""

from __future__ import annotations

from typing import Any

import numpy as np

from perpscope.core.table import Table
from perpscope.core.units import PositionSide
from perpscope.report import palette
from perpscope.report.panes.canvas import draw_bars, dress_side, money, nothing


def draw_map(axis: Any, held: Table | None, mark: float) -> None:
    """One step per bin of price: the supported part in the side's colour, the older part behind it in grey."""
    dress_side(axis, "Map now, estimated", "USD")
    axis.axhline(mark, color=palette.CANDLE_UP, linewidth=0.8, zorder=5)
    if held is None or not len(held):
        nothing(axis, "no estimate")
        axis.set_xticks([])
        return
    low, high = axis.get_ylim()
    most = 0.0
    for side, colour in ((PositionSide.LONG, palette.SELL), (PositionSide.SHORT, palette.BUY)):
        mine = held[held["side"] == side]
        if not len(mine):
            continue
        mine = mine[np.argsort(mine["bin"])]
        young = np.nan_to_num(mine["young_fraction"] + mine["day_fraction"])
        for values, shade, order in ((mine["notional"], palette.OLD, 3), (mine["notional"] * young, colour, 4)):
            draw_bars(axis, 0.0, values, mine["price_low"], mine["price_high"], shade, order)
        inside = (mine["price_high"] > low) & (mine["price_low"] < high)
        most = max(most, float(mine["notional"][inside].max(initial=0.0)))
    axis.set_ylim(low, high)
    axis.set_xlim(0, max(most, 1.0) * 1.08)
    axis.set_xticks([most / 2, most], [money(most / 2), money(most)])
