"""Holes: what the source declares, and what the bars themselves show."""

from __future__ import annotations

from perpscope.core.events import GapCause, GapKind
from perpscope.core.table import Table
from perpscope.core.time import Timeframe, TimeRange, format_ts
from perpscope.report.document import Hole
from perpscope.report.results import ts_of, when


def holes_of(bars: Table, gaps: Table, window: TimeRange, frame: Timeframe) -> tuple[Hole, ...]:
    """Holes that touch the window, by time: a missing bar shows as an open that is not the close before it.

    A hole of the bars at the window's beginning or end (the data start later or stop earlier) is one too; the bar that
    is still forming at the end is not.
    """
    closed = TimeRange(window.start, frame.floor(window.end))
    found = [Hole(f"bars@{frame.name}", when(a), when(b), "missing") for a, b in _between(bars, closed)]
    for start, end, kind, cause in zip(gaps["ref_ts"], gaps["end_ts"], gaps["kind"], gaps["cause"], strict=True):
        if end > window.start and start < window.end:
            found.append(
                Hole(
                    GapKind(int(kind)).name.lower(),
                    when(max(int(start), window.start)),
                    when(min(int(end), window.end)),
                    GapCause(int(cause)).name.lower(),
                )
            )
    return tuple(sorted(set(found), key=lambda h: (h.start, h.end, h.what, h.cause)))


def _between(bars: Table, window: TimeRange) -> list[tuple[int, int]]:
    opens, closes = bars["ref_ts"], bars["known_ts"]
    reached = window.start
    found = []
    for start, end in zip(opens.tolist(), closes.tolist(), strict=True):
        if end <= window.start:
            continue
        if start > reached:
            found.append((reached, min(start, window.end)))
        reached = max(reached, end)
    if reached < window.end:
        found.append((reached, window.end))
    return found


def sentence(hole: Hole) -> str:
    """A hole in words.

    Example:
        >>> sentence(Hole("bars@1h", when(0), when(7_200_000_000_000), "missing"))
        'No bars@1h from 1970-01-01 00:00 UTC to 1970-01-01 02:00 UTC (missing): nothing is drawn or counted there.'
    """
    start, end = (format_ts(ts_of(t)) for t in (hole.start, hole.end))
    return f"No {hole.what} from {start} to {end} ({hole.cause}): nothing is drawn or counted there."
