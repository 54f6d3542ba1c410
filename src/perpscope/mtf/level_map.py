"""The level map: every level a trader would mark, in one ranked table, with those that coincide told together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from perpscope.core.table import Table
from perpscope.core.time import NULL_TS
from perpscope.mtf.level_sources import Candidate, candidates

FAMILIES = ("structure", "session", "profile", "vwap", "liquidation", "round")


@dataclass(frozen=True)
class MapLevel:
    """One level of the map.

    `low`..`high` are its edges (equal for a line), `price` the edge or line that the market meets first. Distances are from
    the last price, negative below it and 0 inside a zone; in daily sigma where that is known, else NaN. `first_seen` is
    when it was known, `last_touched` the close of the last bar since then that traded in it; NULL_TS where there is none.
    `group` numbers the levels that coincide, `coincides` names the others of the group, `families` counts the different
    kinds of reason in it. `estimated` says that the level is inferred, not printed.
    """

    rank: int
    family: str
    name: str
    frame: str
    low: float
    high: float
    price: float
    distance_fraction: float
    distance_sigma: float
    first_seen: int
    last_touched: int
    group: int
    families: int
    coincides: tuple[str, ...]
    estimated: bool


def level_map(
    rows: Mapping[str, Table],
    bars: Table,
    at: int,
    price: float,
    daily_sigma: float,
    tolerance_sigma: float = 0.1,
    reach_sigma: float = 4.0,
    most: int = 60,
) -> list[MapLevel]:
    """All levels within reach of the price, ranked.

    Definition: levels whose near edge lies within `reach_sigma` daily deviations of the price. Neighbours form a group
    while they lie within `tolerance_sigma` of the group's first, from the lowest up (a window, not a chain, so that a ladder
    of levels does not become one). Rank: groups by the number of different families in them (structure, session, profile,
    vwap, liquidation, round number), then by members, then by distance; within a group by distance. Several swings at one
    price are one family: kinds that agree count before lines. Disputed: whether confluence means anything; unproven.
    Inputs: rows of folds by node name ("fair_value_gaps@4h"), whatever is there; bars of one frame for touches; `at` ns;
    `daily_sigma` of a log return (NaN: 2 % stands in for tolerance and reach, and distances in sigma are NaN). Rows and
    bars known after `at` are not read.
    Returns: at most `most` levels, best first.
    Source: own.
    """
    scale = daily_sigma if daily_sigma > 0 else 0.02
    seen = bars[bars["known_ts"] <= at]
    found = [c for c in candidates(rows, at, price, scale * reach_sigma) if abs(_away(c, price)) <= scale * reach_sigma]
    found.sort(key=lambda c: (_line(c, price), c.family, c.name, c.frame))
    groups: list[list[Candidate]] = []
    for one in found:
        if groups and math.log(_line(one, price) / _line(groups[-1][0], price)) <= scale * tolerance_sigma:
            groups[-1].append(one)
        else:
            groups.append([one])
    groups.sort(key=lambda g: (-_families(g), -len(g), min(abs(_away(c, price)) for c in g)))
    ranked: list[MapLevel] = []
    for number, group in enumerate(groups):
        for one in sorted(group, key=lambda c: (abs(_away(c, price)), c.family, c.name, c.frame)):
            away = _away(one, price)
            ranked.append(
                MapLevel(
                    rank=0,
                    family=one.family,
                    name=one.name,
                    frame=one.frame,
                    low=one.low,
                    high=one.high,
                    price=_line(one, price),
                    distance_fraction=math.expm1(away),
                    distance_sigma=away / daily_sigma if daily_sigma > 0 else math.nan,
                    first_seen=one.first_seen,
                    last_touched=last_touched(seen, one.low, one.high, one.first_seen),
                    group=number + 1,
                    families=_families(group),
                    coincides=tuple(c.label for c in group if c is not one),
                    estimated=one.estimated,
                )
            )
    return [replace(level, rank=k + 1) for k, level in enumerate(ranked[:most])]


def last_touched(bars: Table, low: float, high: float, since: int) -> int:
    """Close of the last bar that opened at or after `since` and traded within low..high; NULL_TS where none did.

    Example:
        >>> from perpscope.core.events import BARS
        >>> flat = dict(open=[1.0, 2.0, 3.0], high=[1.5, 2.5, 3.5], low=[0.5, 1.5, 2.5], close=[1.0, 2.0, 3.0])
        >>> bars = Table.filled(BARS, ref_ts=[0, 1, 2], known_ts=[1, 2, 3], complete=[True] * 3, **flat)
        >>> last_touched(bars, 2.0, 2.2, 0), last_touched(bars, 2.0, 2.2, 2) == NULL_TS
        (2, True)
    """
    first = 0 if since == NULL_TS else int(np.searchsorted(bars["ref_ts"], since))
    hit = np.flatnonzero((bars["low"][first:] <= high) & (bars["high"][first:] >= low))
    return int(bars["known_ts"][first + hit[-1]]) if len(hit) else NULL_TS


def _line(one: Candidate, price: float) -> float:
    """Where the market meets the level: its near edge, or the price itself inside a zone."""
    return min(max(price, one.low), one.high)


def _away(one: Candidate, price: float) -> float:
    return math.log(_line(one, price) / price)


def _families(group: list[Candidate]) -> int:
    return len({c.family for c in group})
