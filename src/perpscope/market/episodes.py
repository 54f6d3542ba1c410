"""Episodes at a moment: which are alive, when each was first known, and what was last said of it."""

from __future__ import annotations

import numpy as np

from perpscope.core.table import Table


def alive(rows: Table, at: int, endings: frozenset[str]) -> tuple[Table, Table]:
    """First and last rows, as known at `at`, of the episodes that have not ended by then; equally long, by id.

    Inputs: rows of an episode feature in known order; `endings` are names of the events that end one.

    Example:
        >>> from enum import IntEnum
        >>> from perpscope.core.table import Column, choice, row_schema
        >>> events = IntEnum("events", {"OPENED": 1, "TOUCHED": 2, "BROKEN": 3})
        >>> schema = row_schema("zones", Column("id", "id", "", "int64"), choice("event", events, ""))
        >>> rows = Table.of(schema, ref_ts=[0, 1, 0, 1], known_ts=[2, 3, 4, 5], id=[7, 8, 7, 8], event=[1, 1, 3, 2])
        >>> [t["id"].tolist() for t in alive(rows, 4, frozenset({"broken"}))]
        [[8], [8]]
    """
    seen = rows[rows.clock <= at]
    if not len(seen):
        return seen, seen
    order = np.argsort(seen["id"], kind="stable")
    ids = seen["id"][order]
    starts = np.flatnonzero(np.concatenate([[True], ids[1:] != ids[:-1]]))
    ends = np.concatenate([starts[1:], [len(ids)]]) - 1
    first, last = seen[order[starts]], seen[order[ends]]
    column = rows.schema.by_name["event"]
    codes = [int(member) for member in column.enum or () if member.name.lower() in endings]
    kept = ~np.isin(last["event"], codes)
    return first[kept], last[kept]
