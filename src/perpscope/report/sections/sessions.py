"""What session it is, which open next, and the ranges the last ones left."""

from __future__ import annotations

from perpscope.core.sessions import SESSIONS, windows
from perpscope.core.time import DAY
from perpscope.report.document import Price, SessionRange, Sessions, Window
from perpscope.report.results import Results, number, when

MAIN = ("asia", "london", "new_york")
"""The three that the picture shows and that open again every day."""

_AHEAD = 8 * DAY
_RECENT = 5_000


def read_sessions(results: Results, price: Price) -> Sessions | str:
    """Windows that hold the instant, and for each of the others its next opening; by the calendar, not by data."""
    now, later = [], []
    for name in SESSIONS:
        starts, ends = windows(name, results.at, results.at + _AHEAD)
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            if start <= results.at < end:
                now.append(Window(name=name, opens=when(start), closes=when(end)))
            elif start > results.at:
                later.append(Window(name=name, opens=when(start), closes=when(end)))
                break
    later.sort(key=lambda w: (w.opens, w.name))
    return Sessions(now=now, next=later[:6], ranges=_ranges(results))


def _ranges(results: Results) -> list[SessionRange]:
    """The newest range of every session that the feature follows, latest begun first."""
    rows = results.table("session_ranges")
    if rows is None:
        return []
    newest = {row["session"]: row for row in rows[max(0, len(rows) - _RECENT) :].rows()}
    return [
        SessionRange(
            name=name,
            start=when(row["ref_ts"]),
            end=when(row["end_ts"]),
            high=number(row["high"]),
            low=number(row["low"]),
            open=number(row["open"]),
            developing=row["phase"] == "developing",
            whole=bool(row["complete"]),
        )
        for name, row in sorted(newest.items(), key=lambda pair: -pair[1]["ref_ts"])
        if results.at - row["known_ts"] < 2 * DAY
    ]
