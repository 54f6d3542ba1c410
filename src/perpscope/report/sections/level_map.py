"""Every level a trader would mark, in one ranked table: see docs/definitions/level_map.md."""

from __future__ import annotations

import math

from perpscope.mtf.level_map import MapLevel, level_map
from perpscope.report.document import LevelMap, MappedLevel, Price
from perpscope.report.results import Results, exact, number, when_or_none

MOST = 40


def read_level_map(results: Results, price: Price) -> LevelMap | str:
    """The map at the report's moment, from the rows at its frame and of folds without one."""
    frame = results.frame.name
    rows = {k: t for k, t in results.rows.items() if "@" not in k or k.partition("@")[2] == frame}
    sigma = price.daily_sigma_fraction
    found = level_map(rows, results.bars, results.at, price.last, math.nan if sigma is None else sigma, most=MOST)
    if not found:
        return "No level lies within four daily sigma of the price."
    return LevelMap(tolerance_sigma=0.1, reach_sigma=4.0, levels=[_level(level) for level in found])


def _level(level: MapLevel) -> MappedLevel:
    return MappedLevel(
        rank=level.rank,
        group=level.group,
        families=level.families,
        family=level.family,
        name=level.name,
        timeframe=level.frame,
        low=exact(level.low),
        high=exact(level.high),
        distance_fraction=exact(level.distance_fraction),
        distance_sigma=number(level.distance_sigma),
        first_seen=when_or_none(level.first_seen),
        last_touched=when_or_none(level.last_touched),
        coincides=list(level.coincides),
        estimated=level.estimated,
    )
