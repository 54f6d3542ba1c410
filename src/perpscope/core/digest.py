"""The fingerprint of a table: what a result was computed from, in 64 characters."""

from __future__ import annotations

import hashlib

import numpy as np

from perpscope.core.table import Table


def digest(table: Table) -> str:
    """SHA-256 over the columns of a table, in the order of its schema, with their names.

    Example:
        >>> from perpscope.core.table import row_schema
        >>> rows = Table.of(row_schema("r"), ref_ts=[0, 1], known_ts=[1, 2])
        >>> digest(rows) == digest(rows[:2]), digest(rows) == digest(rows[:1])
        (True, False)
    """
    seen = hashlib.sha256(table.schema.name.encode())
    for name in table.schema.names:
        seen.update(name.encode())
        seen.update(np.ascontiguousarray(table[name]).view(np.uint8).data)
    return seen.hexdigest()
