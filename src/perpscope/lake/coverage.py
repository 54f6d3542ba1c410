"""What a file covers, so that every hole is a fact and not a guess.

A *stretch* is (first_ts, last_ts, first_id, last_id): from its first to its last row nothing is known to be absent.
Stretches are kept as an int64 array of shape (n, 4), ordered by time; ids are -1 where there are none. A hole is what
lies between two stretches.

How two neighbours are recognised is the stream's *continuity*:

- `step`: `ref_ts` follows by exactly `ns` (bars);
- `ids`: the id follows by one (a proof: a silence between consecutive ids is quiet, not a hole);
- `silence`: no more than `ns` pass (tapes without consecutive ids, polled values);
- `declared`: every row is a neighbour unless a declared gap lies between (what a recorder wrote, which knows its holes);
- `any`: every row is a neighbour (settlements, events that come when they come).

Source: own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from perpscope.core.events import FRAMED, stream_frame, stream_kind
from perpscope.core.table import Table
from perpscope.core.time import SECOND, Timeframe

Stretches = npt.NDArray[np.int64]

SILENCE = 120 * SECOND
"""The longest silence of a trade tape that is taken for quiet. The recorded tapes show up to 77 s in quiet markets."""

NOTHING: Stretches = np.empty((0, 4), np.int64)


@dataclass(frozen=True)
class Continuity:
    """The rule by which two rows are neighbours; `ns` is the step or the longest silence."""

    rule: Literal["step", "ids", "silence", "declared", "any"] = "any"
    ns: int = SILENCE

    def joins(self, last: npt.NDArray[np.int64], first: npt.NDArray[np.int64]) -> Any:
        """Whether a stretch that begins at `first` (ts, id) continues one that ended at `last` (ts, id)."""
        if self.rule == "step":
            return first[..., 0] - last[..., 0] <= self.ns
        if self.rule == "ids":
            return first[..., 1] - last[..., 1] <= 1
        if self.rule == "silence":
            return first[..., 0] - last[..., 0] <= self.ns
        return np.ones(first.shape[:-1], np.bool_)


ANY = Continuity()


def framed(stream: str) -> Continuity:
    """The continuity of a stream with a time frame."""
    if stream_kind(stream) not in FRAMED:
        return ANY
    return Continuity("step", Timeframe.parse(str(stream_frame(stream))).ns)


def marks_of(table: Table) -> Stretches:
    """One mark a row: what the row is about, and its id where it has one."""
    about = table[table.schema.names[0]]
    ids = table["trade_id"] if "trade_id" in table.schema.by_name else np.full(len(table), -1, np.int64)
    return np.column_stack([about, about, ids, ids])


def cover(marks: Stretches, continuity: Continuity) -> Stretches:
    """The stretches that cover the marks, in order of time.

    Example:
        >>> marks = np.array([[0, 0, 7, 7], [5, 5, 8, 8], [9, 9, 11, 11]])
        >>> cover(marks, Continuity("ids")).tolist()
        [[0, 5, 7, 8], [9, 9, 11, 11]]
    """
    if not len(marks):
        return NOTHING
    by_id = continuity.rule == "ids"
    marks = _ordered(marks, 2 if by_id else 0)
    # what has been reached so far: stretches may overlap or lie inside each other
    reached = np.maximum.accumulate(marks[:-1, [1, 3]], axis=0)
    cuts = np.flatnonzero(~continuity.joins(reached, marks[1:, [0, 2]])) + 1
    starts = np.concatenate([[0], cuts])
    stretches = np.column_stack(
        [
            np.minimum.reduceat(marks[:, 0], starts),
            np.maximum.reduceat(marks[:, 1], starts),
            np.minimum.reduceat(marks[:, 2], starts),
            np.maximum.reduceat(marks[:, 3], starts),
        ]
    )
    return _ordered(stretches, 0)


def without(stretches: Stretches, gaps: Stretches) -> Stretches:
    """The stretches without what lies in the gaps (first two columns: from, to, the end excluded).

    Example:
        >>> without(np.array([[0, 9, -1, -1]]), np.array([[3, 5, -1, -1]])).tolist()
        [[0, 2, -1, -1], [5, 9, -1, -1]]
    """
    left = [list(row) for row in stretches.tolist()]
    for start, end in gaps[:, :2].tolist():
        pieces = []
        for first, last, first_id, last_id in left:
            if end <= first or start > last:
                pieces.append([first, last, first_id, last_id])
                continue
            if first < start:
                pieces.append([first, start - 1, first_id, -1])
            if end <= last:
                pieces.append([end, last, -1, last_id])
        left = pieces
    return np.array(left, np.int64).reshape(-1, 4)


def clip(stretches: Stretches, until: int, last_row: int) -> Stretches:
    """What was known at `until`: stretches begun by then, the open one ending at the last row seen."""
    begun = stretches[stretches[:, 0] <= until].copy()
    begun[:, 1] = np.where(begun[:, 1] > until, np.maximum(begun[:, 0], last_row), begun[:, 1])
    return begun


def union(parts: list[Stretches]) -> Stretches:
    """Stretches of several origins as one, by time: where any origin covers, nothing is absent.

    Example:
        >>> union([np.array([[0, 5, -1, -1], [9, 12, -1, -1]]), np.array([[4, 7, -1, -1]])])[:, :2].tolist()
        [[0, 7], [9, 12]]
    """
    stretches = _ordered(np.concatenate([NOTHING, *parts]), 0)
    if len(stretches) < 2:
        return stretches
    reached = np.maximum.accumulate(stretches[:, 1])
    starts = np.concatenate([[0], np.flatnonzero(stretches[1:, 0] > reached[:-1]) + 1])
    merged = stretches[starts].copy()
    merged[:, 1] = np.maximum.reduceat(stretches[:, 1], starts)
    return merged


def holes(stretches: Stretches, continuity: Continuity) -> npt.NDArray[np.int64]:
    """The holes between ordered stretches, shape (n, 3): from, to (the first instant with data again), ids missing.

    For bars `from` is the open of the first absent one. Two rows of one instant with an id missing between them leave
    a hole of one nanosecond. The third column is 1 where both sides have ids, that is, where rows are known to be lost.
    """
    if len(stretches) < 2:
        return np.empty((0, 3), np.int64)
    last, first = stretches[:-1], stretches[1:]
    start = last[:, 1] + (continuity.ns if continuity.rule == "step" else 1)
    start = np.minimum(start, first[:, 0])
    end = np.maximum(first[:, 0], start + 1)
    counted = (last[:, 3] >= 0) & (first[:, 2] >= 0)
    return np.column_stack([start, end, counted.astype(np.int64)])


def inside(ts: npt.NDArray[np.int64], stretches: Stretches) -> npt.NDArray[np.bool_]:
    """Which instants lie inside a stretch, ends included."""
    if not len(stretches):
        return np.zeros(len(ts), np.bool_)
    merged = union([stretches])
    at = np.searchsorted(merged[:, 0], ts, side="right") - 1
    return (at >= 0) & (ts <= merged[np.maximum(at, 0), 1])


def _ordered(stretches: Stretches, column: int) -> Stretches:
    values = stretches[:, column]
    if len(values) < 2 or bool(np.all(values[1:] >= values[:-1])):
        return stretches
    return stretches[np.argsort(values, kind="stable")]
