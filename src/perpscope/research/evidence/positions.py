"""A factor as the simplest strategy that could trade it: its side from each event for one horizon, costs and funding paid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.core.table import Table
from perpscope.core.time import DAY
from perpscope.research.event_study import Events, PricePath
from perpscope.research.event_study.matching import thin

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Held:
    """A position per bar and what it earned.

    Attributes:
        position: float64 (n,), +1, 0, -1 during the bar that closes at `known_ts`.
        trades: entries, each paying a round trip.
        net: float64 (n,), decimal return of the bar, half of the round trip at entry and half at exit, funding included.
        results: float64 (trades,), net result of each trade, bps; entered_ts: int64, when.
    """

    position: Floats
    net: Floats
    results: Floats
    entered_ts: Integers


def hold_events(path: PricePath, events: Events, bars: int, cost_bps: float, funding: Table | None) -> Held:
    """Take each event's side at the close of its bar for `bars` bars; a trade that would cross a hole is not taken.

    Definition: events without a sign, and those closer than `bars` to the last one taken, are passed over. Return of a bar
    = position x (close / close before - 1 - funding rates stamped in the bar).
    """
    n = len(path)
    moved = np.zeros(n)
    moved[1:] = path.close[1:] / path.close[:-1] - 1.0
    paid = funding_by_bar(path, funding)
    signed = np.flatnonzero(events.sign)
    whole = np.zeros(n, np.bool_)
    if bars < n:
        whole[:-bars] = path.known_ts[bars:] - path.known_ts[:-bars] == bars * path.step
    signed = signed[whole[events.at[signed]]]
    kept = signed[thin(events.at[signed], bars)]
    at, side = events.at[kept], events.sign[kept]
    position, net = np.zeros(n), np.zeros(n)
    for start, s in zip(at, side):
        position[start + 1 : start + bars + 1] = s
    net += position * (moved - paid)
    half = cost_bps * 0.5e-4
    np.subtract.at(net, at + 1, half)
    np.subtract.at(net, at + bars, half)
    total = np.concatenate([[0.0], np.cumsum(paid)])
    gross = path.close[at + bars] / path.close[at] - 1.0 - (total[at + bars + 1] - total[at + 1])
    return Held(position, net, 1e4 * side * gross - cost_bps, path.known_ts[at])


def funding_by_bar(path: PricePath, funding: Table | None) -> Floats:
    """Funding rates stamped in (close before, close] of each bar: float64 (n,), 0 where none was."""
    out = np.zeros(len(path))
    if funding is None or not len(funding):
        return out
    at = np.searchsorted(path.known_ts, funding.clock, side="left")
    inside = (at < len(path)) & (funding.clock > path.known_ts[0] - path.step)
    np.add.at(out, at[inside], funding["funding_rate"][inside])
    return out


def by_day(known_ts: Integers, values: Floats, days: Integers) -> Floats:
    """Sum of bar values per UTC day of `days` (ascending day numbers); a bar belongs to the day in which it began to close."""
    day = (known_ts - 1) // DAY
    place = np.searchsorted(days, day)
    inside = (place < len(days)) & (days[np.minimum(place, len(days) - 1)] == day)
    return np.bincount(place[inside], weights=values[inside], minlength=len(days)).astype(np.float64)
