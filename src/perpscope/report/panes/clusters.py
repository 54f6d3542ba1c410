"""Clusters: the path of each peak from the moment it was known to the moment price ran through it, and their names."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from perpscope.core.table import Table
from perpscope.report import palette
from perpscope.report.document import Cluster, Leverage
from perpscope.report.episodes import Life, lives
from perpscope.report.panes.canvas import TimeAxis, label_box, money, spread
from perpscope.report.sections.leverage import CLUSTER_ENDINGS

_LABEL_GAP = 17.0


def draw_paths(axis: Any, time: TimeAxis, rows: Table, low: float, high: float) -> None:
    """A step line per cluster that is alive or was swept; it ends with a cross where the mark swept it.

    Clusters that dissolved are left out: nothing happened to price there. Those mostly opened more than about a day ago are
    faded: for that age no skill was measured.
    """
    for life in lives(rows, CLUSTER_ENDINGS, time.window.start):
        swept = life.last["event"] == "swept"
        if not (life.live or swept):
            continue
        x, y = _path(rows[rows["id"] == life.id], life, time)
        if y.max() < low or y.min() > high:
            continue
        alpha = 0.75 if _supported(life) else 0.3
        axis.step(x, y, where="post", color=palette.TEXT, linewidth=1.0, alpha=alpha, linestyle=(0, (6, 2)), zorder=8)
        if swept:
            axis.plot(x[-1], y[-1], marker="x", color=palette.TEXT, markersize=6, markeredgewidth=1.4, zorder=13)


def _supported(life: Life) -> bool:
    """Whether at least half of it was opened within about a day; one that was swept is empty and keeps its line."""
    parts = [life.last[name] for name in ("young_fraction", "day_fraction")]
    return not life.live or sum(part for part in parts if part is not None) >= 0.5


def _path(rows: Table, life: Life, time: TimeAxis) -> tuple[Any, Any]:
    """Times and peaks, the newest peak held to the moment; a row that ends the cluster has no peak of its own."""
    alive = rows if life.live else rows[:-1]
    alive = alive if len(alive) else rows
    end = time.window.end if life.ended_ts is None else life.ended_ts
    x = np.append(time.x(alive.clock), float(time.x(end)))
    y = np.append(alive["price_peak"], alive["price_peak"][-1])
    return np.maximum(x, 0.0), y


def draw_names(axis: Any, leverage: Leverage, low: float, high: float, height: float) -> None:
    """On the map: each live cluster's dollars, main leverage and the share opened within about a day, beside its peak."""
    clusters = [*leverage.above, *leverage.below]
    scale = height / math.log(high / low)
    wanted = np.array([min(max(math.log(c.peak / low) * scale, 8.0), height - 34.0) for c in clusters])
    for cluster, y in zip(clusters, spread(wanted, _LABEL_GAP, 8.0, height - 34.0), strict=True):
        colour = palette.TEXT if cluster.supported else palette.MUTED
        axis.annotate(
            _name(cluster, low, high), (1.0, y / height), xycoords="axes fraction", xytext=(-3, 0),
            textcoords="offset points", ha="right", va="center", fontsize=9, color=colour, zorder=20, bbox=label_box(0.78),
        )  # fmt: skip
        if low < cluster.peak < high:
            axis.plot(
                [0.0, 0.035], [cluster.peak] * 2, transform=axis.get_yaxis_transform(), color=palette.TEXT, linewidth=1.6,
                zorder=21,
            )  # fmt: skip


def _name(cluster: Cluster, low: float, high: float) -> str:
    arrow = "\u2193 " if cluster.peak < low else "\u2191 " if cluster.peak > high else ""
    leverage = f", {cluster.tiers[0].leverage}" if cluster.tiers else ""
    young = "" if cluster.young_fraction is None else f", {100 * cluster.young_fraction:.0f}% new"
    young = young if cluster.supported else ", old"
    return f"{arrow}{money(cluster.usd)}{leverage}{young}"
