"""The footprint: inside each bar, what was sold and what was bought at each price."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import to_rgb

from perpscope.core.table import Table
from perpscope.report import palette
from perpscope.report.flow.axis import FlowAxis
from perpscope.report.flow.cells import Cells, Detail
from perpscope.report.panes.canvas import compact, draw_bars

WORDS = {
    Detail.NUMBERS: "sold | bought",
    Detail.DELTA: "bought - sold",
    Detail.COLOUR: "bought - sold as colour",
}
_DARKEST, _BRIGHTEST = 0.06, 0.52
BRIGHT_BUY, BRIGHT_SELL = "#8effe6", "#ffb0c0"  # of numbers that mark an imbalance, legible on their own cell


def shade(colour: str, share: Any, brightest: float = _BRIGHTEST) -> Any:
    """Between the pane's ground and a colour, by shares of 0 to 1; an (n, 3) array."""
    ground, full = np.array(to_rgb(palette.PANEL)), np.array(to_rgb(colour))
    weight = _DARKEST + (brightest - _DARKEST) * np.sqrt(np.clip(np.asarray(share, float), 0.0, 1.0))
    return ground + (full - ground) * weight[:, None]


def draw_footprint(axis: Any, time: FlowAxis, cells: Cells, bars: Table, tick: float) -> None:
    """Cells as wide as their bar; the frame of a cell marks the bar's largest, bright numbers mark imbalances."""
    i, j = np.nonzero(cells.sold + cells.bought > 0)
    left, right = time.x(cells.opens[i]), time.x(cells.opens[i] + cells.length)
    gap = (right - left) * (0.05 if cells.detail != Detail.COLOUR else 0.08)
    left, right = left + 2 * gap, right - gap
    bottom = (cells.first_tick + j * cells.step - 0.5) * tick
    top = bottom + cells.step * tick
    sold, bought = cells.sold[i, j], cells.bought[i, j]
    if cells.detail == Detail.NUMBERS:
        middle, most = (left + right) / 2, max(sold.max(), bought.max())
        draw_bars(axis, left, middle, bottom, top, shade(palette.SELL, sold / most))
        draw_bars(axis, middle, right, bottom, top, shade(palette.BUY, bought / most))
    else:
        delta = bought - sold
        share = np.abs(delta) / np.abs(delta).max(initial=1e-300)
        brightest = 1.0 if cells.detail == Detail.COLOUR else _BRIGHTEST
        buy, sell = (shade(colour, share, brightest) for colour in (palette.BUY, palette.SELL))
        colours = np.where((delta >= 0)[:, None], buy, sell)
        draw_bars(axis, left, right, bottom, top, colours)
    _largest(axis, time, cells, tick)
    _numbers(axis, cells, i, j, left, right, (bottom + top) / 2)
    if cells.group == 1:
        _bodies(axis, time, bars)


def _numbers(axis: Any, cells: Cells, bars: Any, rows: Any, left: Any, right: Any, middle: Any) -> None:
    if cells.detail == Detail.COLOUR:
        return
    for k, (i, j) in enumerate(zip(bars.tolist(), rows.tolist(), strict=True)):
        sold, bought = float(cells.sold[i, j]), float(cells.bought[i, j])
        buy, sell = bool(cells.buy_imbalance[i, j]), bool(cells.sell_imbalance[i, j])
        if cells.detail == Detail.DELTA:
            colour = BRIGHT_BUY if buy else BRIGHT_SELL if sell else palette.TEXT
            _number(axis, (left[k] + right[k]) / 2, middle[k], bought - sold, "center", colour, buy or sell)
            continue
        centre = (left[k] + right[k]) / 2
        space = (right[k] - left[k]) * 0.03
        _number(axis, centre - space, middle[k], sold, "right", BRIGHT_SELL if sell else palette.TEXT, sell)
        _number(axis, centre + space, middle[k], bought, "left", BRIGHT_BUY if buy else palette.TEXT, buy)


def cell_text(value: float) -> str:
    """A quantity in at most five characters and a sign.

    Example:
        >>> cell_text(0.0031), cell_text(-12.345), cell_text(0.0), cell_text(48200.0)
        ('.003', '-12.3', '0', '48.2k')
    """
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 999.5:
        return compact(value)
    if size >= 1:
        return f"{value:.{2 if size < 9.995 else 1 if size < 99.95 else 0}f}"
    return f"{value:.{2 if size >= 0.1 else 3}f}".replace("0.", ".", 1)


def _number(axis: Any, x: float, y: float, value: float, ha: str, colour: str, strong: bool) -> None:
    axis.text(
        x, y, cell_text(value), ha=ha, va="center_baseline", fontsize=8.6 if strong else 7.6, color=colour,
        weight="bold" if strong else "normal", zorder=8, clip_on=True,
    )  # fmt: skip


def _largest(axis: Any, time: FlowAxis, cells: Cells, tick: float) -> None:
    """A frame around the cell of the largest volume in each bar, its point of control; a stroke where cells are small."""
    for i, j in enumerate(cells.poc.tolist()):
        left, right = float(time.x(cells.opens[i])), float(time.x(cells.opens[i] + cells.length))
        gap = (right - left) * 0.05
        low = (cells.first_tick + j * cells.step - 0.5) * tick
        high = low + cells.step * tick
        if cells.detail == Detail.COLOUR:
            axis.plot([left, right], [(low + high) / 2] * 2, color=palette.LINE_POC, linewidth=1.1, zorder=9)
            continue
        x = [left + 2 * gap, right - gap, right - gap, left + 2 * gap, left + 2 * gap]
        axis.plot(x, [low, low, high, high, low], color=palette.LINE_POC, linewidth=1.0, zorder=9)


def _bodies(axis: Any, time: FlowAxis, bars: Table) -> None:
    """Each bar's range as a line and its open to close as a stroke, at its left edge."""
    left, right = time.x(bars["ref_ts"]), time.x(bars["known_ts"])
    x = left + 0.05 * (right - left)
    for k in range(len(bars)):
        colour = palette.CANDLE_UP if bars["close"][k] >= bars["open"][k] else palette.CANDLE_DOWN
        axis.plot([x[k]] * 2, [bars["low"][k], bars["high"][k]], color=colour, linewidth=0.9, zorder=7)
        axis.plot([x[k]] * 2, [bars["open"][k], bars["close"][k]], color=colour, linewidth=3.2, zorder=7, solid_capstyle="butt")
