"""A table that grows at its end without being copied each time."""

from __future__ import annotations

import numpy as np

from perpscope.core.table import Array, Schema, Table

_FIRST = 1024


class GrowingTable:
    """Rows of one schema; `table` is a view that later appends do not change, so that it may be read elsewhere meanwhile.

    Example:
        >>> from perpscope.core.table import row_schema
        >>> rows = row_schema("r")
        >>> grown = GrowingTable(rows)
        >>> grown.append(Table.of(rows, ref_ts=[0], known_ts=[1]))
        >>> before = grown.table
        >>> grown.append(Table.of(rows, ref_ts=[1, 2], known_ts=[2, 3]))
        >>> len(before), len(grown.table), grown.table["known_ts"].tolist()
        (1, 3, [1, 2, 3])
    """

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.length = 0
        self._room = 0
        self._columns: dict[str, Array] = {c.name: np.empty(0, c.dtype) for c in schema.columns}

    @property
    def table(self) -> Table:
        return Table(self.schema, {name: column[: self.length] for name, column in self._columns.items()}, self.length)

    def append(self, rows: Table) -> None:
        """Add rows at the end."""
        until = self.length + len(rows)
        if until > self._room:
            self._enlarge(max(until, 2 * self._room, _FIRST), self.length)
        for name, column in self._columns.items():
            column[self.length : until] = rows[name]
        self.length = until

    def forget(self, before: int) -> None:
        """Drop the rows known before a moment, in a copy: views that are out stay as they are."""
        kept = self.table[int(np.searchsorted(self.table.clock, before, side="left")) :]
        self._columns = {name: kept[name].copy() for name in self.schema.names}
        self.length = self._room = len(kept)

    def _enlarge(self, room: int, held: int) -> None:
        for name, column in self._columns.items():
            larger = np.empty(room, column.dtype)
            larger[:held] = column[:held]
            self._columns[name] = larger
        self._room = room
