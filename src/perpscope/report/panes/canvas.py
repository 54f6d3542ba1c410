"""What all panes share: the time axis, the look of an axis, and labels that keep out of each other's way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.collections import PolyCollection

from perpscope.core.time import DAY, HOUR, MINUTE, SECOND, TimeRange, to_datetime
from perpscope.report import palette

Floats = npt.NDArray[np.float64]

_STEPS = (
    5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 3 * DAY, 7 * DAY,
    14 * DAY, 28 * DAY, 91 * DAY,
)  # fmt: skip

AHEAD = 0.06


@dataclass(frozen=True)
class TimeAxis:
    """Hours since the window's start: real time, so that a hole takes the room it took.

    The axis goes on past the window's end by `AHEAD` of its length: room for names, and for what holds now.
    """

    window: TimeRange

    def x(self, ts: Any) -> Any:
        """ns to hours since the start; exact for whole microseconds within centuries."""
        return (np.asarray(ts, np.int64) - self.window.start) / HOUR

    @property
    def limits(self) -> tuple[float, float]:
        return 0.0, float(self.x(self.end))

    @property
    def end(self) -> int:
        """Where the axis ends, ns."""
        return self.window.end + int((self.window.end - self.window.start) * AHEAD)

    @property
    def now(self) -> float:
        return float(self.x(self.window.end))

    def ticks(self, wanted: int = 14) -> tuple[Floats, list[str]]:
        """Round UTC instants with labels: the date at midnight, the clock time between."""
        span = self.window.end - self.window.start
        step = next((s for s in _STEPS if span // s <= wanted), _STEPS[-1])
        first = -(-self.window.start // step) * step
        stamps = np.arange(first, self.end + 1, step, dtype=np.int64)
        labels = []
        for stamp in stamps.tolist():
            at = to_datetime(stamp)
            labels.append(at.strftime("%d %b") if stamp % DAY == 0 else at.strftime("%H:%M"))
        return self.x(stamps), labels


def dress(axis: Any, time: TimeAxis, title: str, unit: str, bottom: bool = False) -> None:
    """Dark ground, thin grid, values on the right, the pane's name and unit in its top left corner."""
    axis.set_facecolor(palette.PANEL)
    axis.set_xlim(*time.limits)
    at, names = time.ticks()
    axis.set_xticks(at, names if bottom else [""] * len(at))
    axis.grid(True, color=palette.GRID, linewidth=0.7)
    axis.set_axisbelow(True)
    axis.tick_params(axis="both", colors=palette.MUTED, length=3, labelsize=11, width=0.7)
    axis.yaxis.tick_right()
    axis.axvline(time.now, color=palette.EDGE, linewidth=1.0, zorder=5)
    for side in axis.spines.values():
        side.set_color(palette.EDGE)
        side.set_linewidth(0.8)
    if title:
        title_in(axis, title, unit)


def dress_side(axis: Any, title: str, unit: str) -> None:
    """A pane beside the price: same look, no prices of its own."""
    axis.set_facecolor(palette.PANEL)
    axis.grid(True, axis="y", color=palette.GRID, linewidth=0.7)
    axis.set_axisbelow(True)
    axis.tick_params(axis="x", colors=palette.MUTED, length=3, labelsize=10, width=0.7)
    axis.tick_params(axis="y", length=0, labelleft=False, labelright=False)
    for side in axis.spines.values():
        side.set_color(palette.EDGE)
        side.set_linewidth(0.8)
    title_in(axis, title, unit)


def draw_bars(axis: Any, left: Any, right: Any, bottom: Any, top: Any, colours: Any, order: int = 3) -> None:
    """Rectangles from (left, bottom) to (right, top), one per entry, as one collection; entries with a NaN are left out."""
    left, right, bottom, top = np.broadcast_arrays(*(np.asarray(v, float) for v in (left, right, bottom, top)))
    seen = np.isfinite(left + right + bottom + top)
    if np.ndim(colours):
        colours = np.asarray(colours)[seen]
    corners = ((left, bottom), (right, bottom), (right, top), (left, top))
    bars: Any = np.stack([np.column_stack((x[seen], y[seen])) for x, y in corners], axis=1)
    axis.add_collection(PolyCollection(bars, facecolors=colours, linewidths=0, zorder=order), autolim=False)
    if len(bars):
        axis.update_datalim([(bars[..., 0].min(), bars[..., 1].min()), (bars[..., 0].max(), bars[..., 1].max())])
        axis.autoscale_view(scalex=False)


def draw_columns(axis: Any, left: Any, right: Any, values: Any, colours: Any, order: int = 3) -> None:
    """A histogram over time: from 0 to each value, a little narrower than its span so that neighbours stay apart."""
    margin = (np.asarray(right) - np.asarray(left)) * 0.09
    draw_bars(axis, left + margin, right - margin, 0.0, values, colours, order)


def headroom(axis: Any, share: float = 0.24) -> None:
    """Room above the data for the pane's title."""
    low, high = axis.get_ylim()
    axis.set_ylim(low, high + share * (high - low))


def title_in(axis: Any, title: str, unit: str) -> None:
    """'Volume, BTC' in the pane's corner, on a ground of its own so that nothing runs through it."""
    axis.annotate(
        f"{title}, {unit}" if unit else title, (0, 1), xycoords="axes fraction", xytext=(5, -5), textcoords="offset points",
        ha="left", va="top", fontsize=11, color=palette.TEXT, zorder=30, bbox=label_box(),
    )  # fmt: skip


def label_box(alpha: float = 0.82) -> dict[str, Any]:
    """The ground behind a label."""
    return {"boxstyle": "square,pad=0.22", "facecolor": palette.GROUND, "edgecolor": "none", "alpha": alpha}


def spread(wanted: Floats, gap: float, low: float, high: float) -> Floats:
    """Positions as near to the wanted ones as possible, in the same order, at least `gap` apart, within [low, high].

    Pools of adjacent labels that would touch are moved together (isotonic regression by pooling neighbours).
    Where there is not enough room the gap shrinks evenly.

    Example:
        >>> spread(np.array([1.0, 1.1, 5.0]), 1.0, 0.0, 10.0).tolist()
        [0.55, 1.55, 5.0]
    """
    n = len(wanted)
    if n == 0:
        return wanted
    gap = min(gap, (high - low) / max(n - 1, 1))
    order = np.argsort(wanted, kind="stable")
    offset = gap * np.arange(n)
    pools: list[tuple[float, int]] = []
    for value in (wanted[order] - offset).tolist():
        mean, count = value, 1
        while pools and pools[-1][0] > mean:
            last, size = pools.pop()
            mean, count = (last * size + mean * count) / (size + count), size + count
        pools.append((mean, count))
    placed = np.clip(np.concatenate([np.full(c, m) for m, c in pools]), low, high - offset[-1]) + offset
    out = np.empty(n)
    out[order] = placed
    return out


def money(usd: float) -> str:
    """Dollars in three figures: '$84.1M', '$950k', '$1.2B'.

    Example:
        >>> money(84_123_000), money(950_000), money(1_234_000_000), money(12.0)
        ('$84.1M', '$950k', '$1.23B', '$12')
    """
    return "$" + compact(usd)


def compact(value: float) -> str:
    """A number in three figures with k, M or B.

    Example:
        >>> compact(-12345.0), compact(0.5), compact(999_950.0)
        ('-12.3k', '0.5', '1M')
    """
    for limit, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit * 0.9995:
            return f"{value / limit:.3g}{letter}" if abs(value) < 999.5 * limit else f"{value / limit:.0f}{letter}"
    return f"{value:.3g}" if abs(value) < 999.5 else f"{value:.0f}"


def price_text(price: float, tick: float) -> str:
    """A price with as many decimals as its tick needs, thousands separated.

    Example:
        >>> price_text(54321.15, 0.1), price_text(0.123456, 0.0001)
        ('54,321.2', '0.1235')
    """
    decimals = max(0, min(10, -int(np.floor(np.log10(tick) + 1e-9)))) if tick > 0 else 2
    return f"{price:,.{decimals}f}"


def seconds(ns: int) -> float:
    return ns / SECOND


def nothing(axis: Any, why: str) -> None:
    """A pane without data says so."""
    axis.text(
        0.5, 0.45, why, transform=axis.transAxes, ha="center", va="center", fontsize=12, color=palette.MUTED, zorder=25,
        bbox=label_box(0.9),
    )  # fmt: skip
    axis.set_yticks([])
