"""What rested in the book over time, and the orders that met it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.colors import PowerNorm

from perpscope.core.table import Table
from perpscope.report import palette
from perpscope.report.flow.axis import FlowAxis
from perpscope.report.panes.canvas import compact

Floats = npt.NDArray[np.float64]

MOST_DOTS = 4000
MOST_RINGS = 80
DOT_AREA = 420.0
"""Area of the largest dot, points squared; areas are in proportion to quantity."""

BRIGHTEST = 0.985
"""The share of cells that lie below full brightness."""
GAMMA = 0.85
"""Below 1 the thin levels are lifted out of the dark, as little as lets the walls stand out."""


def draw_book(axis: Any, time: FlowAxis, heat: Table, low: float, high: float, height: int) -> float | None:
    """The resting quantity as brightness; returns the quantity of full brightness, None where nothing was drawn.

    Several bins or columns on one pixel show their largest, so that no wall is lost by drawing it small.
    """
    seen = heat[(heat["top"] >= low) & (heat["bottom"] <= high)]
    if not len(seen):
        return None
    columns, column = np.unique(seen["ref_ts"], return_inverse=True)
    width = int(np.diff(columns).min()) if len(columns) > 1 else time.window.end - time.window.start
    first, last = int(seen["bin"].min()), int(seen["bin"].max())
    pool = max(1, (last - first + 1) // height)
    rows = (seen["bin"] // pool) - first // pool
    place = (columns - columns[0]) // width
    grid = np.full((int(rows.max()) + 1, int(place[-1]) + 1), np.nan)
    grid[:, place] = 0.0  # a column that was read, and in which nothing is told, is empty; one that was not is absent
    np.maximum.at(grid, (rows, place[column]), seen["quantity"])
    full = float(np.quantile(grid[grid > 0], BRIGHTEST)) if (grid > 0).any() else 1.0
    at = int(np.argmax(np.abs(seen["bin"])))
    bin_height = float(seen["bottom"][at]) / max(1, int(seen["bin"][at]))
    bottom = (first // pool) * pool * bin_height
    extent = (
        float(time.x(columns[0])), float(time.x(columns[-1] + width)), bottom, bottom + grid.shape[0] * pool * bin_height,
    )  # fmt: skip
    colours = colormaps[palette.HEAT].with_extremes(bad=palette.PANEL)
    axis.imshow(
        grid, origin="lower", extent=extent, aspect="auto", interpolation="nearest", cmap=colours,
        norm=PowerNorm(GAMMA, 0.0, full), zorder=1,
    )  # fmt: skip
    return full


def draw_quotes(axis: Any, time: FlowAxis, quotes: Table) -> None:
    """Best bid and ask as two thin steps, broken where the book could not be read."""
    for name, colour in (("bid_price", palette.BUY), ("ask_price", palette.SELL)):
        axis.step(
            time.x(quotes["ref_ts"]), quotes[name], where="post", color=colour, linewidth=0.6, alpha=0.8, zorder=4
        )  # fmt: skip


def draw_path(axis: Any, time: FlowAxis, trades: Table) -> None:
    """The price of every trade, where there is no book to show."""
    axis.step(
        time.x(trades["exchange_ts"]), trades["price"], where="post", color=palette.NEUTRAL, linewidth=0.8, alpha=0.75, zorder=3
    )  # fmt: skip


def draw_dots(axis: Any, time: FlowAxis, orders: Table, large: Table) -> float:
    """Aggressive orders as dots whose area is their quantity, the largest on top; returns the quantity of the largest.

    At most the `MOST_DOTS` largest are drawn. A white ring: it reached the rolling quantile of the orders before it;
    none where so many did that rings would hide the rest.
    """
    if not len(orders):
        return 0.0
    order = np.argsort(orders["quantity"], kind="stable")[-MOST_DOTS:][::-1]
    kept = orders[order]
    most = float(kept["quantity"][0])
    reached = set(zip(large["ref_ts"].tolist(), large["quantity"].tolist(), strict=True))
    few = len(reached) <= MOST_RINGS
    ringed = [few and (int(t), float(q)) in reached for t, q in zip(kept["ref_ts"], kept["quantity"], strict=True)]
    colours = np.where(kept["aggressor_side"] == 1, palette.BUY, palette.SELL)
    axis.scatter(
        time.x(kept["ref_ts"]), kept["vwap"], s=np.maximum(DOT_AREA * kept["quantity"] / most, 1.2), c=colours, alpha=0.72,
        linewidths=np.where(ringed, 1.1, 0.3), edgecolors=np.where(ringed, "#ffffff", palette.GROUND), zorder=6,
    )  # fmt: skip
    return most


def legend_text(full: float | None, most: float, base: str) -> str:
    """What brightness and area mean in quantities."""
    dots = f"dots: orders, area = quantity, the largest {compact(most)} {base}, buys green, sells red"
    if full is None:
        return dots
    return f"brightness: {base} resting per bin, full at {compact(full)}  |  {dots}"
