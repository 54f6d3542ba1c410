"""What the graph has said up to the instant of the report, with the few questions that every section asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from perpscope.core.instrument import Instrument
from perpscope.core.table import Table
from perpscope.core.time import DAY, HOUR, MINUTE, NULL_TS, SECOND, WEEK, Timeframe, TimeRange, to_datetime
from perpscope.report.document import Hole
from perpscope.report.mix import SHIPPED, MixInUse
from perpscope.setups.base import Verdict

_EPOCH = to_datetime(0)


@dataclass(frozen=True)
class Results:
    """Everything known at `at`.

    `window` is [at - lookback, at), `history` begins with the first row that was used. `recorded` are the tables as
    they were read, `streams` the same with the bars of the report's frame, `rows` those of the folds by key
    ("delta@1h"), `params` their parameters; `refused` says why a fold did not run.
    """

    instrument: Instrument
    frame: Timeframe
    at: int
    window: TimeRange
    history: TimeRange
    recorded: Mapping[str, Table]
    streams: Mapping[str, Table]
    rows: Mapping[str, Table]
    params: Mapping[str, Any] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    holes: tuple[Hole, ...] = ()
    mix: MixInUse = SHIPPED
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)

    def table(self, name: str, frame: str | None = None) -> Table | None:
        """All rows of a fold (at the report's time frame unless another is named); None if it did not run."""
        found = self.rows.get(f"{name}@{frame or self.frame.name}")
        return self.rows.get(name) if found is None else found

    def stream(self, kind: str) -> Table | None:
        """A recorded stream by kind: the one of the report's frame, else the finest."""
        exact = self.streams.get(kind, self.streams.get(f"{kind}@{self.frame.name}"))
        if exact is not None:
            return exact
        named = [s for s in self.streams if s.startswith(f"{kind}@")]
        return self.streams[min(named, key=lambda s: Timeframe.parse(s.partition("@")[2]).ns)] if named else None

    @property
    def bars(self) -> Table:
        """The closed bars of the report's time frame, warm-up included."""
        return self.streams[f"bars@{self.frame.name}"]

    @property
    def window_bars(self) -> Table:
        return inside(self.bars, self.window)

    @property
    def last_price(self) -> float:
        return float(self.bars["close"][-1])

    def why(self, name: str, needs: str = "") -> str:
        """The sentence that explains why a fold has nothing to say."""
        if name in self.refused:
            return self.refused[name]
        return f"'{name}' has no row yet{': ' + needs if needs else ''}."


def inside(table: Table, window: TimeRange) -> Table:
    """The rows about something that begins inside the window (rows are in order of `ref_ts` for series)."""
    about = table["ref_ts"] if "ref_ts" in table.schema.by_name else table.clock
    return table[(about >= window.start) & (about < window.end)]


def last_row(table: Table | None) -> dict[str, Any] | None:
    """The newest row with enum names, None where absent; None without rows."""
    return None if table is None or not len(table) else next(table[len(table) - 1 :].rows())


def number(value: float | None) -> float | None:
    """A float for the document: ten significant digits, None where absent."""
    if value is None or not np.isfinite(value):
        return None
    return float(f"{float(value):.10g}")


def exact(value: float) -> float:
    """As `number`, for values that are always there."""
    return float(f"{float(value):.10g}")


def when(ts: int) -> datetime:
    return to_datetime(int(ts))


def when_or_none(ts: int | None) -> datetime | None:
    return None if ts is None or ts == NULL_TS else to_datetime(int(ts))


def ts_of(at: datetime) -> int:
    """The way back from a document's time to ns."""
    gap = at - _EPOCH
    return (gap.days * 86_400 + gap.seconds) * SECOND + gap.microseconds * 1_000


def span_name(ns: int) -> str:
    """'90m', '36h', '14d': a length of time in the largest unit that divides it (days up to four weeks stay days).

    Example:
        >>> span_name(14 * DAY), span_name(36 * HOUR), span_name(90 * MINUTE)
        ('14d', '36h', '90m')
    """
    if ns % WEEK == 0 and ns > 4 * WEEK:
        return f"{ns // WEEK}w"
    for unit, letter in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m")):
        if ns % unit == 0 and (letter != "d" or ns >= 2 * DAY):
            return f"{ns // unit}{letter}"
    return f"{ns // 1_000_000_000}s"


def ago_index(clock: Any, at: int) -> int:
    """The position of the last entry known at `at`, -1 where there is none."""
    return int(np.searchsorted(clock, at, side="right")) - 1
