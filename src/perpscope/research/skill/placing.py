"""T3: inside the path that price went, did the map put the expectation where the events were?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perpscope.core.events import LiquidationFeed
from perpscope.core.time import DAY
from perpscope.research.calibration.cells import Cells
from perpscope.research.calibration.located import Located, located_cells
from perpscope.research.calibration.replay import sweep
from perpscope.research.skill.blocks import DayBlocks
from perpscope.research.skill.maps import LearnedMap, geometry_tables, weekly_fits
from perpscope.research.skill.sample import Sample
from perpscope.stats.interval import Estimate

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Placed:
    """Information gain per liquidated base unit, nats, of the learned map over each other way to spread the expectation over
    the bins that a bar went through; `events` located, `outside` their share beyond the bar's path."""

    gains: dict[str, Estimate]
    events: int
    outside: float


def placing(sample: Sample, learned: LearnedMap, blocks: DayBlocks) -> Placed | str:
    """Spatial gain on single liquidations, or the sentence why it cannot be measured.

    Definition: within each bar of the path the expectations of all cells are scaled to sum to one (S-test); the gain is the
    mean over liquidated quantity of ln(map / other) at the event's cell, day-block interval. Others: swept length (uniform),
    the fixed ladder on the same books, and the geometry placebo with a mix of its own.
    """
    p, study = sample.protocol, learned.swept.study
    events = study.events
    needed = p.located
    days = len(np.unique(events["exchange_ts"] // DAY)) if len(events) else 0
    if len(events) < needed.fewest_events or days < needed.fewest_days:
        return (
            f"Not measurable on this data: {len(events)} single liquidations with prices on {days} days; it takes "
            f"{needed.fewest_events} on {needed.fewest_days}."
        )
    feed = LiquidationFeed.COMPLETE if study.feed.complete else LiquidationFeed.ONE_PER_SECOND
    ours = located_cells(learned.swept, feed)
    theirs = located_cells(sweep(study, learned.swept.settings, geometry_tables(study)), feed)
    fits, others = (weekly_fits(sample, cells, p.filter.hazard_tilt) for cells in (ours.cells, theirs.cells))
    parts: dict[str, list[Floats]] = {"swept length": [], "fixed ladder": [], "geometry placebo": []}
    amounts, day = [], []
    ladder = np.array(p.ladder_mix[1:])
    for i, (fit, other) in enumerate(zip(fits, others)):
        week = ours.cells.between(sample.edges[i], sample.edges[i + 1])
        placebo = theirs.cells.between(sample.edges[i], sample.edges[i + 1])
        map_ = _share(week, fit.expected(week))
        hit = week.realised > 0.0
        parts["swept length"].append(np.log(map_[hit] / _share(week, week.background)[hit]))
        on_ladder = week.exposure @ ladder * float(fit.weights.mean() / ladder.mean()) + fit.background * week.background
        parts["fixed ladder"].append(np.log(map_[hit] / _share(week, on_ladder)[hit]))
        same = _matched(week, ours, placebo, theirs, other.expected(placebo), sample.edges[i], sample.edges[i + 1])
        parts["geometry placebo"].append(np.log(map_[hit] / _share(week, same)[hit]))
        amounts.append(week.realised[hit])
        day.append(week.day[week.window_of][hit])
    weight, days_of = np.concatenate(amounts), np.concatenate(day)
    gains = {name: blocks.ratio(np.concatenate(values) * weight, weight, days_of) for name, values in parts.items()}
    return Placed(gains, ours.events, ours.outside)


def _share(cells: Cells, expected: Floats) -> Floats:
    """Expectations scaled to sum to one within each window, with a floor that keeps the logarithm finite."""
    raised = expected + 1e-6 * max(float(expected.mean()), 1e-300)
    return raised / cells.per_window(raised)[cells.window_of]


def _matched(week: Cells, ours: Located, placebo: Cells, theirs: Located, expected: Floats, begin: int, end: int) -> Floats:
    """The placebo's expectation in our cells: the same bars and bins, zero where it has no cell."""
    mine = _keys(week, ours.bins[_rows(ours.cells, begin, end)])
    other = _keys(placebo, theirs.bins[_rows(theirs.cells, begin, end)])
    order = np.argsort(other, kind="stable")
    at = np.minimum(np.searchsorted(other[order], mine), max(len(other) - 1, 0))
    found = other[order][at] == mine
    return np.where(found, expected[order][at], 0.0)


def _rows(cells: Cells, begin: int, end: int) -> npt.NDArray[np.bool_]:
    inside = (cells.window_ts >= begin) & (cells.window_ts < end)
    return inside[cells.window_of]


def _keys(cells: Cells, bins: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """One number per (window, side, bin)."""
    second = cells.window_ts[cells.window_of] // 1_000_000_000
    return (second * 2 + cells.side) * 1_000_000 + (bins + 500_000)
