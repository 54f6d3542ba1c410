"""The newest row of every series that ran: nothing that was computed is hidden."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perpscope.core.fold import FoldSpec
from perpscope.core.table import Column
from perpscope.core.time import NULL_TS
from perpscope.report.document import Reading
from perpscope.report.results import Results, last_row, number, when, when_or_none


def read_readings(results: Results, specs: Mapping[str, FoldSpec]) -> list[Reading]:
    """One reading per fold with rows, by name; episodes are left to the sections that understand them."""
    found = []
    for key, spec in specs.items():
        row = last_row(results.rows.get(key))
        if row is None or spec.episodes or spec.shape in ("heat", "profile"):
            continue
        values = {c.name: _value(c, row[c.name]) for c in spec.output.columns if c.name not in ("ref_ts", "known_ts")}
        found.append(Reading(fold=key, title=spec.title, ref=when(row["ref_ts"]), known=when(row["known_ts"]), values=values))
    return found


def _value(column: Column, value: Any) -> float | int | str | bool | None:
    if column.unit == "ns":
        at = when_or_none(None if value == NULL_TS else value)
        return None if at is None else at.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, float):
        return number(value)
    return value
