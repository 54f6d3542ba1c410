"""The price axis: a logarithmic scale with round prices, and coloured tags for the levels that matter now."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.ticker import NullLocator

from perpscope.report import palette
from perpscope.report.panes.canvas import TimeAxis, price_text, spread

TAG_GAP = 17.0


@dataclass(frozen=True)
class Tag:
    """A level named at the right edge; drawn as a line from `since` (ns) on, or not at all when None."""

    name: str
    price: float
    colour: str
    since: int | None = None
    strong: bool = False


def price_limits(low: float, high: float, last: float, sigma: float | None) -> tuple[float, float]:
    """The window's range with some air on both sides, and at least three daily sigma around the last price."""
    air = 0.06 * math.log(high / low)
    reach = 3.0 * (sigma or 0.0)
    return min(low * math.exp(-air), last * math.exp(-reach)), max(high * math.exp(air), last * math.exp(reach))


def price_ticks(low: float, high: float, wanted: int = 12) -> list[float]:
    """Round prices, a step of 1, 2, 2.5 or 5 times a power of ten apart.

    Example:
        >>> price_ticks(48_000.0, 70_500.0, 6)
        [50000.0, 55000.0, 60000.0, 65000.0, 70000.0]
    """
    raw = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * f for f in (1.0, 2.0, 2.5, 5.0, 10.0) if power * f >= raw * (1 - 1e-12))
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 10) for k in range(first, int(high / step + 1e-9) + 1)]


def dress_prices(axis: Any, low: float, high: float, tick: float) -> None:
    """Equal steps of the axis are equal percentages; the labels are plain prices."""
    axis.set_yscale("log")
    axis.set_ylim(low, high)
    axis.yaxis.set_minor_locator(NullLocator())
    at = price_ticks(low, high)
    coarse = max(tick, 10.0 ** (math.floor(math.log10(at[1] - at[0])) if len(at) > 1 else 0)) if at else tick
    axis.set_yticks(at, [price_text(p, min(coarse, 1.0) if p >= 100 else coarse) for p in at])


def draw_tags(
    axis: Any, time: TimeAxis, tags: list[Tag], low: float, high: float, tick: float, height: float, gutter: float
) -> None:
    """Names and prices in the gutter right of the axis, moved apart where they would touch."""
    shown = [t for t in tags if low < t.price < high]
    if not shown:
        return
    scale = height / math.log(high / low)
    wanted = np.array([math.log(t.price / low) * scale for t in shown])
    placed = spread(wanted, TAG_GAP, 8.0, height - 8.0)
    _clear(axis, np.minimum(wanted, placed), np.maximum(wanted, placed), low, scale)
    for tag, own, y in zip(shown, wanted, placed, strict=True):
        if tag.since is not None:
            axis.plot(
                [max(0.0, float(time.x(tag.since))), time.limits[1]], [tag.price] * 2, color=tag.colour, linewidth=1.0,
                linestyle=(0, (4, 3)), zorder=12,
            )  # fmt: skip
        axis.annotate(
            f"{tag.name} {price_text(tag.price, tick)}", xy=(1.0, own / height), xytext=(1.0 + gutter, y / height),
            xycoords="axes fraction", textcoords="axes fraction", ha="left", va="center", fontsize=9.5, annotation_clip=False,
            color=palette.GROUND if tag.strong else tag.colour,
            bbox={
                "boxstyle": "square,pad=0.18", "facecolor": tag.colour if tag.strong else palette.GROUND,
                "edgecolor": "none", "alpha": 1.0,
            },
            arrowprops={"arrowstyle": "-", "color": tag.colour, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 0},
            zorder=40,
        )  # fmt: skip


def _clear(axis: Any, bottom: Any, top: Any, low: float, scale: float) -> None:
    """Take away the price labels that a tag's line would run through."""
    at = axis.get_yticks()
    labels = [t.get_text() for t in axis.get_yticklabels()]
    height = [math.log(p / low) * scale for p in at]
    apart = [bool(np.all((y < bottom - 13.0) | (y > top + 13.0))) for y in height]
    axis.set_yticks(at, [label if free else "" for label, free in zip(labels, apart, strict=True)])
