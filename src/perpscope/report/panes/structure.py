"""Breaks and live zones on the price pane, each drawn only from the moment anyone could know it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.patches import Rectangle

from perpscope.report import palette
from perpscope.report.document import Structure
from perpscope.report.panes.canvas import TimeAxis, label_box, spread
from perpscope.report.results import ts_of

SHORT = {
    "fair_value_gap": "FVG",
    "inverse_fair_value_gap": "iFVG",
    "order_block": "OB",
    "breaker_block": "BB",
    "mitigation_block": "MB",
    "equal_highs": "EQH",
    "equal_lows": "EQL",
    "initial": "first break",
    "break_of_structure": "BOS",
    "change_of_character": "CHoCH",
}
"""How zones and breaks are written on the picture; the page spells them out."""

ARROW = {"up": "\u2191", "down": "\u2193"}


def draw_zones(
    axis: Any, time: TimeAxis, structure: Structure, low: float, high: float, size: tuple[float, float]
) -> list[tuple[float, float]]:
    """A band from `known` to the right edge, named there; green supports from below, red resists from above.

    `size` is the pane's in pixels. Returns where the names stand, in pixels from the lower left corner.
    """
    height = size[1]
    named = []
    shown = [z for z in structure.zones if z.top > low and z.bottom < high and ts_of(z.known) < time.window.end]
    scale = height / math.log(high / low)
    middle = np.array([math.log(math.sqrt(z.bottom * z.top) / low) * scale for z in shown])
    for zone, y in zip(shown, spread(middle, 16.0, 8.0, height - 8.0), strict=True):
        colour = palette.BUY if zone.direction == "up" else palette.SELL
        start = max(0.0, float(time.x(ts_of(zone.known))))
        corner, width = (start, zone.bottom), time.limits[1] - start
        axis.add_patch(Rectangle(corner, width, zone.top - zone.bottom, facecolor=colour, alpha=0.15, linewidth=0, zorder=6))
        for edge in (zone.bottom, zone.top):
            axis.plot([start, time.limits[1]], [edge] * 2, color=colour, linewidth=0.8, alpha=0.8, zorder=7)
        axis.annotate(
            f"{SHORT.get(zone.kind, zone.kind)} {ARROW[zone.direction]}", (1.0, y / height), xycoords="axes fraction",
            xytext=(-3, 0), textcoords="offset points", ha="right", va="center", fontsize=8.5, color=colour, zorder=13,
            bbox=label_box(0.7),
        )  # fmt: skip
        named.append((size[0] - 26.0, float(y)))
    return named


def draw_levels(axis: Any, time: TimeAxis, structure: Structure, low: float, high: float) -> None:
    """Equal highs and lows as dotted lines from the moment they were known, named at their left end."""
    for level in structure.levels:
        if not low < level.price < high or level.kind not in SHORT:
            continue
        start = max(0.0, float(time.x(ts_of(level.known))))
        axis.plot(
            [start, time.limits[1]], [level.price] * 2, color=palette.TEXT, linewidth=1.0, linestyle=(0, (1, 2)), zorder=12
        )
        axis.annotate(
            f"{SHORT[level.kind]} x{level.members}", (start, level.price), xytext=(2, 3), textcoords="offset points", ha="left",
            va="bottom", fontsize=8.5, color=palette.TEXT, zorder=14, bbox=label_box(0.6),
        )  # fmt: skip


def draw_breaks(
    axis: Any, time: TimeAxis, structure: Structure, low: float, high: float, size: tuple[float, float],
    taken: list[tuple[float, float]],
) -> None:  # fmt: skip
    """A line from the broken swing to the close that broke it, named above (up) or below (down), the newest first.

    `size` is the pane's in pixels, `taken` the places of other names; a name that would lie on another one is left out,
    its line is not.
    """
    named = list(taken)
    for found in reversed(structure.breaks):
        known = float(time.x(ts_of(found.known)))
        if known <= 0 or not low < found.level < high:
            continue
        up = found.direction == "up"
        colour = palette.BUY if up else palette.SELL
        start = max(0.0, float(time.x(ts_of(found.swing_at))))
        axis.plot([start, known], [found.level] * 2, color=colour, linewidth=1.3, zorder=12)
        x = (start + known) / 2 / time.limits[1] * size[0]
        y = math.log(found.level / low) / math.log(high / low) * size[1] + (12 if up else -12)
        if any(abs(x - a) < 48 and abs(y - b) < 16 for a, b in named):
            continue
        named.append((x, y))
        axis.annotate(
            SHORT.get(found.kind, found.kind), ((start + known) / 2, found.level), xytext=(0, 4 if up else -4),
            textcoords="offset points", ha="center", va="bottom" if up else "top", fontsize=9, color=colour, zorder=14,
            bbox=label_box(0.6),
        )  # fmt: skip
