"""What goes wrong between a venue and its archive: outages that are declared as gaps, rows that are sent twice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perpscope.core.events import GAP, GapCause, GapKind
from perpscope.core.table import Table
from perpscope.core.time import MINUTE
from perpscope.synthetic.config import Config

_KINDS = {
    "trade": GapKind.TRADE,
    "book_delta": GapKind.BOOK_DELTA,
    "mark_price": GapKind.MARK_PRICE,
    "open_interest": GapKind.OPEN_INTEREST,
    "liquidation": GapKind.LIQUIDATION,
}
_SENT_TWICE = ("trade", "liquidation")


def with_faults(tables: dict[str, Table], config: Config) -> dict[str, Table]:
    """The same tables after the faults of `config.publication`, drawn from the config's own seed.

    Definition: in an outage [a, b) no stream has rows, and rows about a stretch of time that touches it are absent
    too; one gap row per kind of point event says so, known at b. A row that is sent twice appears twice in a row.
    """
    shown = config.publication
    rng = np.random.default_rng([config.seed, 1])
    span = config.seconds * 1_000_000_000
    count = int(rng.poisson(shown.gaps_per_day * config.days)) if shown.gaps_per_day > 0.0 else 0
    begin = np.sort(config.start + (rng.random(count) * span).astype(np.int64))
    end = begin + np.maximum(1, (rng.exponential(shown.gap_minutes, count) * MINUTE)).astype(np.int64)
    begin, end = _merged(begin, np.minimum(end, config.start + span))
    out = {name: _silenced(table, begin, end) for name, table in tables.items()}
    for name in _SENT_TWICE:
        if shown.duplicate_share > 0.0:
            times = 1 + (rng.random(len(out[name])) < shown.duplicate_share)
            out[name] = out[name][np.repeat(np.arange(len(out[name])), times)]
    out["gap"] = _declared(begin, end, [kind for name, kind in _KINDS.items() if name in tables])
    return out


def _merged(begin: NDArray[np.int64], end: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Overlapping outages as one."""
    reach = np.maximum.accumulate(end) if len(end) else end
    fresh = np.append(True, begin[1:] > reach[:-1]) if len(begin) else np.empty(0, np.bool_)
    last = np.append(fresh[1:], True) if len(begin) else fresh
    return begin[fresh], reach[last]


def _silenced(table: Table, begin: NDArray[np.int64], end: NDArray[np.int64]) -> Table:
    """Rows that do not touch an outage; a row about [ref_ts, known_ts) touches it with any part."""
    if not len(begin) or not len(table):
        return table
    stretch = "ref_ts" in table.schema.by_name
    first = table["ref_ts"] if stretch else table.clock
    last = table["known_ts"] - 1 if stretch else table.clock
    next_outage = np.searchsorted(end, first, side="right")
    known = next_outage < len(begin)
    hit = known & (begin[np.minimum(next_outage, len(begin) - 1)] <= last)
    return table[~hit]


def _declared(begin: NDArray[np.int64], end: NDArray[np.int64], kinds: list[GapKind]) -> Table:
    if not len(begin):
        return GAP.empty()
    times, each = len(kinds), len(begin)
    return Table.of(
        GAP,
        ref_ts=np.repeat(begin, times),
        known_ts=np.repeat(end, times),
        end_ts=np.repeat(end, times),
        kind=np.tile([int(kind) for kind in kinds], each),
        cause=np.full(times * each, int(GapCause.DISCONNECT)),
    )
