"""Holes in the data, hatched in every pane."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from perpscope.report import palette
from perpscope.report.document import Hole
from perpscope.report.panes.canvas import TimeAxis
from perpscope.report.results import ts_of

EVERYWHERE = ("bars", "trade")


def draw_holes(axis: Any, time: TimeAxis, holes: Iterable[Hole], kinds: tuple[str, ...], named: bool = False) -> None:
    """Hatch the holes of these kinds; holes of the bars and the tape show in every pane."""
    for hole in holes:
        if hole.what.partition("@")[0] not in kinds:
            continue
        start, end = float(time.x(ts_of(hole.start))), float(time.x(ts_of(hole.end)))
        axis.axvspan(
            start, end, facecolor=palette.GROUND, edgecolor=palette.GAP, hatch="////", linewidth=0.0, alpha=0.55, zorder=20
        )
        if named and end - start > 0.03 * time.limits[1]:
            axis.text(
                (start + end) / 2, 0.5, "no data", transform=axis.get_xaxis_transform(), rotation=90, ha="center", va="center",
                fontsize=12, color=palette.TEXT, zorder=21,
            )  # fmt: skip
