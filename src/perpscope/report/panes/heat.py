"""The estimated heatmap beneath the candles: bright what is at most a day old, a grey haze what is older."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import ListedColormap

from perpscope.report import palette
from perpscope.report.heat import Heat
from perpscope.report.panes.canvas import TimeAxis, money

_STEPS = 256
OLD_COLOUR = (0.52, 0.57, 0.66)
OLD_STRENGTH = 0.70


def bright() -> ListedColormap:
    """Inferno, transparent at nothing and solid from .16 of the full dollars on: the ground and the haze show through."""
    colours = mpl.colormaps[palette.HEAT](np.linspace(0.12, 1.0, _STEPS))
    colours[:, 3] = np.clip(np.linspace(0.0, 1.0, _STEPS) * 2.5, 0.0, 1.0)
    return ListedColormap(colours)


def haze() -> ListedColormap:
    """Grey that thickens with dollars and never gets bright."""
    colours = np.empty((_STEPS, 4))
    colours[:, :3] = OLD_COLOUR
    colours[:, 3] = np.linspace(0.0, OLD_STRENGTH, _STEPS)
    return ListedColormap(colours)


def draw_heat(axis: Any, time: TimeAxis, heat: Heat, full_usd: float) -> None:
    """Both layers on the fixed scale: colour = sqrt(USD / full), the same for every window."""
    x = time.x(heat.edges_ts)
    for cells, colours, order in ((heat.old, haze(), 2), (heat.supported, bright(), 3)):
        shade = np.sqrt(np.clip(cells / full_usd, 0.0, 1.0))
        axis.pcolormesh(
            x, heat.prices, np.ma.masked_less_equal(shade, 0.0), cmap=colours, vmin=0.0, vmax=1.0, shading="flat",
            antialiased=False, linewidth=0, rasterized=True, zorder=order,
        )  # fmt: skip


def draw_legend(axis: Any, full_usd: float) -> None:
    """The fixed scale in dollars: one bar for what is supported, one for what is not."""
    axis.set_facecolor(palette.PANEL)
    ramp = np.sqrt(np.linspace(0.0, 1.0, _STEPS))[None, :]
    for cells, colours, bottom in ((ramp, bright(), 0.55), (ramp, haze(), 0.0)):
        axis.imshow(cells, cmap=colours, vmin=0, vmax=1, extent=(0, 1, bottom, bottom + 0.45), aspect="auto", origin="lower")
    axis.set_xlim(0, 1)
    axis.set_ylim(0, 1)
    axis.set_yticks([])
    at = (0.0, 0.25, 0.5, 1.0)
    axis.set_xticks(at, [money(full_usd * a) if a else "$0" for a in at])
    axis.tick_params(axis="x", colors=palette.MUTED, length=3, labelsize=10, width=0.7)
    for side in axis.spines.values():
        side.set_color(palette.EDGE)
    axis.text(-0.012, 0.775, "up to a day old", ha="right", va="center", fontsize=10, color=palette.TEXT)
    axis.text(-0.012, 0.225, "older: unsupported", ha="right", va="center", fontsize=10, color=palette.MUTED)
