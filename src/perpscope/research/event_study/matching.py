"""The K nearest moments in the same cell, with no event just before: the controls."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perpscope.numeric.jit import njit
from perpscope.research.event_study.conditions import Conditions

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

LEAST_GRID = 0.25
"""At least this share of the usable moments must stay candidates; else the clearance is halved."""


def thin(at: Integers, bars: int) -> Integers:
    """Positions in `at` (ascending bar numbers) that are kept so that no two lie closer than `bars`: the first, then greedily.

    Example:
        >>> thin(np.array([0, 2, 3, 5, 9]), 3).tolist()
        [0, 2, 4]
    """
    kept = np.empty(len(at), np.int64)
    return kept[: thin_events(at, bars, kept)]


def clear_of(at: Integers, n: int, clearance: int) -> Booleans:
    """Which of `n` bars have no event in themselves and in the `clearance` bars before; what comes after is not looked at.

    Example:
        >>> clear_of(np.array([2]), 6, 1).tolist()
        [True, True, False, False, True, True]
    """
    edges = np.zeros(n + 1, np.int64)
    np.add.at(edges, at, 1)
    np.add.at(edges, np.minimum(at + clearance + 1, n), -1)
    return np.cumsum(edges[:-1]) == 0


def candidates(at: Integers, usable: Booleans, bars: int) -> tuple[Booleans, int]:
    """The moments that may be controls, and how long before them no event lies.

    Definition: no event in the `bars` (the horizon) before, nor at the moment itself. Where events are so many that less than a
    quarter of the usable moments would be left, the time is halved until a quarter is; at 0 only the events' own bars are
    left out.
    Disputed: EVIDENCE 5.2 keeps controls away from events on both sides. A control that is known to have no event *after* it is
    chosen by its own future: where no break of structure follows, price did not break. On random walks that alone shows an
    "effect" of breaks many standard errors from 0 (tests/research/evidence); so we look back only.
    """
    clearance = bars
    while True:
        grid = clear_of(at, len(usable), clearance) & usable
        if clearance == 0 or grid.sum() >= LEAST_GRID * usable.sum():
            return grid, clearance
        clearance //= 2


def nearest_controls(asked: Integers, held: Conditions, grid: Booleans, bars: int, most: int) -> tuple[Integers, Integers]:
    """Controls of each asked bar: int64 (m, most), nearest first, -1 where there are no more, and their number (m,).

    Definition: candidates of the same cell, at least `bars` away from the asked bar itself, by squared distance of the
    features; of equally near ones the earlier. A bar whose cell is unknown has none.
    """
    found = np.full((len(asked), most), -1, np.int64)
    count = np.zeros(len(asked), np.int64)
    free = grid[held.members]
    members = held.members[free]
    starts = np.concatenate([[0], np.cumsum(free)])[held.starts]
    nearest_in_cell(
        asked, held.cell, held.features, members, held.features[members], starts, bars, np.empty(most), found, count
    )
    return found, count


@njit
def thin_events(at: Integers, bars: int, kept: Integers) -> int:
    """Write the positions that are kept and return their number."""
    count = 0
    for i in range(at.size):
        if count == 0 or at[i] - at[kept[count - 1]] >= bars:
            kept[count] = i
            count += 1
    return count


@njit
def nearest_in_cell(
    asked: Integers,
    cell: Integers,
    features: Floats,
    members: Integers,
    theirs: Floats,
    starts: Integers,
    bars: int,
    room: Floats,
    found: Integers,
    count: Integers,
) -> None:
    """Insertion into a short sorted list of the nearest so far; `theirs` are the features of `members`, side by side."""
    most = room.size
    for q in range(asked.size):
        i = asked[q]
        if cell[i] < 0:
            continue
        held = 0
        for m in range(starts[cell[i]], starts[cell[i] + 1]):
            far = 0.0
            limit = room[most - 1] if held == most else np.inf
            for f in range(features.shape[1]):
                apart = theirs[m, f] - features[i, f]
                far += apart * apart
                if far >= limit:
                    break
            if far >= limit:
                continue
            j = members[m]
            if abs(j - i) < bars:
                continue
            place = held if held < most else most - 1
            while place > 0 and room[place - 1] > far:
                room[place] = room[place - 1]
                found[q, place] = found[q, place - 1]
                place -= 1
            room[place] = far
            found[q, place] = j
            if held < most:
                held += 1
        count[q] = held


@njit
def mean_of_controls(outcome: Floats, found: Integers, count: Integers, least: int, means: Floats) -> None:
    """Mean outcome of each row's controls that have one; NaN below `least` of them."""
    for q in range(count.size):
        total, known = 0.0, 0
        for k in range(count[q]):
            value = outcome[found[q, k]]
            if value == value:
                total += value
                known += 1
        means[q] = total / known if known >= least and known > 0 else np.nan
