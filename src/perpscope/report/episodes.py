"""The lives of episodes: from one row per change to one record per thing, with its newest state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from perpscope.core.table import Column, Table

BEGINNING = int(np.iinfo(np.int64).min)


@dataclass(frozen=True)
class Life:
    """One episode as known at the end of the table.

    `opened_ts` is the known_ts of its first row and `ended_ts` that of its last one when that row ends it (else
    None); `first` and `last` are those rows with enum names.
    """

    id: int
    ref_ts: int
    opened_ts: int
    ended_ts: int | None
    first: dict[str, Any]
    last: dict[str, Any]

    @property
    def live(self) -> bool:
        return self.ended_ts is None


def lives(rows: Table, endings: frozenset[str], after: int = BEGINNING) -> list[Life]:
    """The episodes that had not ended by `after`, in order of opening; `endings` are the events that end one.

    With `after` at the moment of the report these are the live ones.

    Example:
        >>> from enum import IntEnum
        >>> from perpscope.core.table import choice, row_schema
        >>> events = IntEnum("events", {"OPENED": 1, "BROKEN": 2})
        >>> schema = row_schema("zones", Column("id", "id", "", "int64"), choice("event", events, ""))
        >>> rows = Table.of(schema, ref_ts=[0, 1, 0], known_ts=[2, 3, 4], id=[7, 8, 7], event=[1, 1, 2])
        >>> [(z.id, z.opened_ts, z.ended_ts) for z in lives(rows, frozenset({"broken"}))]
        [(7, 2, 4), (8, 3, None)]
        >>> [z.id for z in lives(rows, frozenset({"broken"}), after=4)]
        [8]
    """
    if not len(rows):
        return []
    order = np.argsort(rows["id"], kind="stable")
    ids = rows["id"][order]
    starts = np.flatnonzero(np.concatenate([[True], ids[1:] != ids[:-1]]))
    ends = np.concatenate([starts[1:], [len(ids)]]) - 1
    first, last = rows[order[starts]], rows[order[ends]]
    ended = np.isin(last["event"], _codes(rows.schema.by_name["event"], endings))
    kept = ~ended | (last.clock > after)
    found = [
        Life(id=b["id"], ref_ts=a["ref_ts"], opened_ts=a["known_ts"], ended_ts=b["known_ts"] if over else None, first=a, last=b)
        for a, b, over in zip(first[kept].rows(), last[kept].rows(), ended[kept].tolist(), strict=True)
    ]
    return sorted(found, key=lambda life: (life.opened_ts, life.id))


def _codes(column: Column, names: frozenset[str]) -> list[int]:
    return [int(member) for member in column.enum or () if member.name.lower() in names]
