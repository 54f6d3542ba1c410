"""Event tables that are already in memory, sealed into the lake: what the demo, and later the recorder, writes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from perpscope.core.events import FRAMED, stream_kind
from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.lake import checks
from perpscope.lake.catalogue import InstrumentEntry
from perpscope.lake.coverage import ANY, Continuity, framed, marks_of
from perpscope.lake.imports import Progress
from perpscope.lake.reader import Lake
from perpscope.lake.sources.base import RISK_TIER
from perpscope.lake.writer import writing


def store(
    lake: Lake, instrument: Instrument, tables: Mapping[str, Table], origin: str, progress: Progress | None = None
) -> dict[str, int]:
    """Write tables by stream name, and declare the instrument with its risk tiers; all of it or nothing.

    Storing the same rows again adds nothing. Empty tables are left out.

    Returns: rows added, by stream.

    Raises:
        UserError: if another import is running.
        DataError: if rows cannot be what they claim (a negative price, a stamp outside 2009..2100).
    """
    added: dict[str, int] = {}
    streams = {name: table for name, table in tables.items() if len(table)}
    first = min(int(table.clock[0]) for table in streams.values()) if streams else 0
    tiers = _tier_rows(instrument, first)
    if len(tiers):
        streams[RISK_TIER.name] = tiers
    with writing(lake.path) as transaction:
        lake.refresh()
        for done, (stream, table) in enumerate(sorted(streams.items())):
            if progress is not None:
                progress(done, len(streams), f"store {stream}")
            ordered = table.sorted()
            checks.check(ordered, f"{origin} {stream}", None)
            written = transaction.add(
                instrument.venue, instrument.symbol, stream, origin, ordered, _continuity(stream, ordered), marks_of(ordered)
            )
            added[stream] = written.rows
        lake.catalogue = transaction.commit([], [InstrumentEntry.of(instrument)])
    return added


def _continuity(stream: str, table: Table) -> Continuity:
    if stream_kind(stream) in FRAMED:
        return framed(stream)
    if stream == "trade" and len(table) and bool((np.diff(table["trade_id"]) == 1).all()) and int(table["trade_id"][0]) >= 0:
        return Continuity("ids")
    return ANY


def _tier_rows(instrument: Instrument, first: int) -> Table:
    parts = [RISK_TIER.empty()]
    for table in instrument.tier_tables:
        since = np.full(len(table.tiers), first if table.valid_from is None else table.valid_from)
        names = ("floor", "cap", "maintenance_rate", "maintenance_amount", "max_leverage")
        columns = {name: np.array([getattr(tier, name) for tier in table.tiers]) for name in names}
        parts.append(Table.of(RISK_TIER, ref_ts=since, known_ts=since, **columns))
    return Table.concat(parts)
