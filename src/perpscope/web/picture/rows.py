"""Which rows of a fold belong to a window, so that what is drawn is all there and nothing else is sent."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perpscope.core.fold import FoldSpec
from perpscope.core.table import Table

MOST_ROWS = 20_000
"""Rows of one layer in a frame; older ones are left out and counted."""

_ENDINGS = frozenset(
    {"filled", "broken", "expired", "swept", "dissolved", "stopped", "reached", "invalidated", "missed", "ambiguous"}
)
_LASTING = ("valid_to", "end_ts", "exit_ts")
"""Columns that say until when a row holds."""


def window_rows(table: Table, spec: FoldSpec, start: int) -> Table:
    """The rows that a window beginning at `start` shows; the table ends where the window does.

    Definition: of a series the rows about something that begins in the window or still holds in it. Of episodes every change
    known in the window, and for those that began before and had not ended by then their first row and the newest of
    before. Rows keep their order.

    Example:
        >>> from enum import IntEnum
        >>> from perpscope.core.table import Column, choice, row_schema
        >>> events = IntEnum("events", {"OPENED": 1, "TOUCHED": 2, "BROKEN": 3})
        >>> schema = row_schema("zones", Column("id", "id", "", "int64"), choice("event", events, ""))
        >>> spec = FoldSpec("zones", "Zones", (), schema, "own", episodes=True)
        >>> told = dict(ref_ts=[0] * 6, known_ts=[1, 1, 2, 3, 4, 9], id=[7, 8, 7, 8, 7, 7], event=[1, 1, 2, 3, 2, 3])
        >>> rows = Table.of(schema, **told)
        >>> window_rows(rows, spec, 8)["known_ts"].tolist()
        [1, 4, 9]
    """
    if not len(table):
        return table
    if spec.episodes and "id" in table.schema.by_name:
        return table[_episode_rows(table, start)]
    holds = table["ref_ts"] >= start
    for name in _LASTING:
        if name in table.schema.by_name:
            holds |= table[name] > start
    return table[holds]


def newest_rows(table: Table, most: int = MOST_ROWS) -> tuple[Table, int]:
    """The last `most` rows, and how many were left out."""
    dropped = max(0, len(table) - most)
    return (table[dropped:] if dropped else table), dropped


def ended(table: Table) -> npt.NDArray[np.bool_]:
    """Which rows end their episode."""
    column = table.schema.by_name.get("event")
    if column is None or column.enum is None:
        return np.zeros(len(table), np.bool_)
    return np.isin(table["event"], [int(m) for m in column.enum if m.name.lower() in _ENDINGS])


def _episode_rows(table: Table, start: int) -> npt.NDArray[np.int64]:
    known, ids = table.clock, table["id"]
    begun = int(np.searchsorted(known, start, side="left"))
    inside = np.arange(begun, len(table))
    if not begun:
        return inside
    _, last = np.unique(ids[:begun][::-1], return_index=True)
    newest = begun - 1 - last
    lives = newest[~ended(table[:begun])[newest]]
    kept, first = np.unique(ids[:begun], return_index=True)
    first = first[np.isin(kept, np.union1d(ids[lives], ids[inside]))]
    lives = lives[np.isin(ids[lives], ids[first])]
    return np.union1d(np.union1d(first, lives), inside)
