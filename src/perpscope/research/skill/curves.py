"""The points of the report's pictures, with intervals: the same numbers that the JSON carries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perpscope.research.skill.judge import Bench
from perpscope.research.skill.path import MAP, PathScores
from perpscope.research.skill.path_tables import daily_gain
from perpscope.research.skill.result import Curve
from perpscope.research.skill.touch import Touched
from perpscope.stats.interval import Estimate


def path_curves(bench: Bench, scores: Sequence[PathScores]) -> list[Curve]:
    """Summed gain by day, path by path: over the regression, and over regression and geometry."""
    curves = []
    for one in scores:
        for name, model, base in (
            (f"map on R, {one.path} path", one.scored[MAP].added, one.base),
            (f"map on R and G, {one.path} path", one.full, one.geometry_base),
        ):
            days, gains = daily_gain(bench, model, base)
            total = np.cumsum(gains).tolist()
            curves.append(Curve(name, "day, ns UTC", "summed gain, nats", days, total, total, total))
    return curves


def touch_curves(found: Sequence[Touched | str]) -> list[Curve]:
    """Reliability of the touch probability, horizon by horizon."""
    curves = []
    for one in found:
        if isinstance(one, str):
            continue
        points = [(said, happened) for said, happened in one.curve if happened.has_interval]
        low, high = _ends([happened for _, happened in points])
        x, y = [said for said, _ in points], [happened.value for _, happened in points]
        curves.append(Curve(f"P(touch) within {one.hours} h", "stated", "happened", x, y, low, high))
    return curves


def _ends(estimates: Sequence[Estimate]) -> tuple[list[float], list[float]]:
    return [e.low for e in estimates], [e.high for e in estimates]
