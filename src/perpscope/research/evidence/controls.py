"""Negative controls of a factor: its events at other times, and its signs in another order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perpscope.core.time import DAY
from perpscope.research.event_study import Events, Prepared, Settings, study_events
from perpscope.research.event_study.study import Differences
from perpscope.stats.interval import Estimate


def shifted(events: Events, bars: int, n: int) -> Events:
    """The same events `bars` later (earlier where negative); those that leave the path are dropped.

    Example:
        >>> moved = shifted(Events(np.array([1, 5]), np.array([1.0, -1.0])), 3, 7)
        >>> moved.at.tolist(), moved.sign.tolist()
        ([4], [1.0])
    """
    at = events.at + bars
    inside = (at >= 0) & (at < n)
    return Events(at[inside], events.sign[inside])


def shifted_effects(
    prepared: Sequence[Prepared], events: Sequence[Events], horizon: str, days: Sequence[int], seed: int, settings: Settings
) -> dict[int, Estimate]:
    """The matched effect with all events moved by whole days: a time-shifted map (EVIDENCE 5.3)."""
    out = {}
    quick = Settings(settings.controls, settings.least_controls, 500, 0, settings.pool, settings.level)
    for d in days:
        moved = [shifted(e, d * DAY // p.path.step, len(p.path)) for p, e in zip(prepared, events)]
        study = study_events(prepared, moved, seed=seed, targets=["return_bps"], horizons=[horizon], settings=quick)
        out[d] = study.cells[0].effect
    return out


def shuffled_signs(found: Differences, rng: np.random.Generator, draws: int = 1_000) -> float:
    """Share of shuffles of the signs that do at least as well: the p-value of "the side says nothing".

    Definition: days are put in random order and their signs laid along the unsigned differences, so that runs of one
    sign inside a day stay together. NaN below 20 events, and where all have one side, so that there is nothing to shuffle.
    """
    if len(found.matched) < 20:
        return float("nan")
    sign = found.sign
    if abs(sign.sum()) == len(sign):
        return float("nan")
    unsigned = found.matched * sign
    day = found.known_ts // DAY
    blocks = np.split(sign, np.flatnonzero(np.diff(day)) + 1)
    observed = float(found.matched.mean())
    as_good = 1
    for _ in range(draws):
        order = rng.permutation(len(blocks))
        as_good += float((np.concatenate([blocks[k] for k in order]) * unsigned).mean()) >= observed
    return as_good / (draws + 1)
