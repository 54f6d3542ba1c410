"""Rows that were told one by one, as tables."""

from __future__ import annotations

from typing import Any

from perpscope.core.table import Schema, Table


def closed_bars(schema: Schema, rows: list[tuple[Any, ...]], end: int) -> Table:
    """Bars as a table, without those that were not closed by `end`."""
    columns = list(zip(*rows, strict=True)) or [()] * len(schema.names)
    table = Table.of(schema, **dict(zip(schema.names, (list(c) for c in columns), strict=True)))
    return table[table["known_ts"] <= end]
